# SPDX-License-Identifier: BSD-3-Clause
"""C++ source as text: where a bracket closes, what a number is."""

import re

_SKIPPED = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'
    r"(?<![0-9A-Za-z])'(?:\\.|[^'\\])*'",
    re.DOTALL,
)
_OPEN = "([{"
_CLOSE = ")]}"


def code_characters(text, start, end):
    """(offset, character) of what is neither comment nor literal."""
    at = start
    while at < end:
        skipped = _SKIPPED.match(text, at, end)
        if skipped:
            at = skipped.end()
            continue
        yield at, text[at]
        at += 1


def without_comments(text):
    return _SKIPPED.sub(
        lambda it: " " if it.group()[:2] in ("//", "/*") else it.group(), text
    )


def closing(text, start, end):
    """The offset of what closes the first bracket from `start` on, or -1."""
    depth = 0
    for at, character in code_characters(text, start, end):
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
            if depth == 0:
                return at
    return -1


def top_level(text, start, end, wanted):
    """Offsets of `wanted` directly inside the first bracket from `start` on."""
    found = []
    depth = 0
    for at, character in code_characters(text, start, end):
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
            if depth == 0:
                break
        elif character == wanted and depth == 1:
            found.append(at)
    return found


def after_array_bounds(text, start, end):
    """Behind the [...] that follow a name, if any do."""
    at = start
    while True:
        while at < end and text[at].isspace():
            at += 1
        if at >= end or text[at] != "[":
            return at
        close = closing(text, at, end)
        if close < 0:
            return at
        at = close + 1


def after_semicolon(text, end):
    """Behind the semicolon that ends a statement, or -1 if none is there."""
    found = re.compile(r"\s*;").match(text, end)
    return found.end() if found else -1


def step(literal, by):
    """An integer literal, greater by `by`; None if it cannot be."""
    found = re.fullmatch(
        r"(0[xX][0-9a-fA-F']+|0[bB][01']+|0[0-7']*|[1-9][0-9']*)([uUlLzZ]*)",
        literal,
    )
    if not found:
        return None
    digits, suffix = found.groups()
    digits = digits.replace("'", "")
    octal = re.fullmatch(r"0[0-7]+", digits)
    value = (int(digits, 8) if octal else int(digits, 0)) + by
    if value < 0:
        return None
    text = hex(value) if digits[:2] in ("0x", "0X") else str(value)
    return text + suffix
