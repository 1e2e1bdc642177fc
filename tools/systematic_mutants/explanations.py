# SPDX-License-Identifier: BSD-3-Clause
"""Why a mutant that nothing notices is no gap: written by hand.

An entry is

    FILE in FUNCTION: OPERATOR
    - THE LINE AS IT IS
    + THE LINE AS THE MUTANT HAS IT
    REASON, one or more lines

with an empty line behind it; lines that begin with # are comments. If several
mutants of a function have the same text, there is ", 2 of 4" behind the
operator: each has an entry and a reason of its own.
"""

import dataclasses
import fnmatch
import re


@dataclasses.dataclass
class Entry:
    path: str
    function: str
    operator: str
    before: str
    after: str
    reason: str
    line: int  # Of the file with the entries.
    nth: int = 1
    of: int = 1

    def key(self):
        return self.path, self.function, self.operator, self.before, self.after


class FormatError(RuntimeError):
    pass


def key_of(one, source):
    before, after = one.lines(source)
    return one.path, one.function, one.operator, before, after


def parse(text):
    entries, block, begin = [], [], 0
    for number, line in enumerate(text.splitlines() + [""], start=1):
        if line.startswith("#"):
            continue
        if line.strip():
            begin = begin or number
            block.append(line)
        elif block:
            entries.append(_entry(block, begin))
            block, begin = [], 0
    return entries


def _entry(block, line):
    head = re.fullmatch(
        r"(\S+) in (.*): ([\w-]+)(?:, (\d+) of (\d+))?", block[0]
    )
    whole = (
        head
        and len(block) >= 4
        and block[1].startswith("-")
        and block[2].startswith("+")
    )
    if not whole:
        raise FormatError(f"line {line}: not an entry: {block[0]}")
    reason = " ".join(it.strip() for it in block[3:])
    before, after = block[1][1:].strip(), block[2][1:].strip()
    path, function, operator, nth, of = head.groups()
    return Entry(
        path,
        function,
        operator,
        before,
        after,
        reason,
        line,
        int(nth or 1),
        int(of or 1),
    )


def of_files(entries, pattern):
    """Those for files that are mutated; of others nothing is known."""
    return [it for it in entries if fnmatch.fnmatchcase(it.path, pattern)]


def _by_key(mutants, sources):
    """Mutants of the same text, in the order of the source."""
    by_key = {}
    for one in sorted(mutants, key=lambda it: it.number):
        by_key.setdefault(key_of(one, sources[one.path]), []).append(one)
    return by_key


def _head(one, nth, of):
    which = f", {nth} of {of}" if of > 1 else ""
    return f"{one.path} in {one.function}: {one.operator}{which}"


def heads(mutants, sources):
    """The first line of an entry for each mutant, by number."""
    return {
        one.number: _head(one, nth, len(some))
        for some in _by_key(mutants, sources).values()
        for nth, one in enumerate(some, start=1)
    }


def match(entries, mutants, sources):
    """The entry of each explained mutant, by number; entries without one."""
    by_key = _by_key(mutants, sources)
    explained, stale = {}, []
    for entry in entries:
        some = by_key.get(entry.key(), [])
        if len(some) > 1 and entry.of == 1:
            raise FormatError(
                f"line {entry.line}: fits {len(some)} mutants; give each an"
                f" entry, with '{entry.operator}, 1 of {len(some)}' and so on"
            )
        if len(some) != entry.of or not 1 <= entry.nth <= entry.of:
            stale.append(entry)
            continue
        number = some[entry.nth - 1].number
        if number in explained:
            raise FormatError(
                f"line {entry.line}: the mutant of line"
                f" {explained[number].line} again; remove one of the two"
            )
        explained[number] = entry
    return explained, stale
