# SPDX-License-Identifier: BSD-3-Clause
"""Why a mutant that nothing notices is no gap: written by hand.

An entry is

    FILE in FUNCTION: OPERATOR
    - THE LINE AS IT IS
    + THE LINE AS THE MUTANT HAS IT
    REASON, one or more lines

with an empty line behind it; lines that begin with # are comments.
"""

import dataclasses
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
    head = re.fullmatch(r"(\S+) in (.*): (\S+)", block[0])
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
    return Entry(*head.groups(), before, after, reason, line)


def match(entries, mutants, sources):
    """The entry of each explained mutant, by number; entries without one."""
    by_key = {}
    for one in mutants:
        by_key.setdefault(key_of(one, sources[one.path]), []).append(one)
    explained, stale = {}, []
    for entry in entries:
        some = by_key.get(entry.key(), [])
        if not some:
            stale.append(entry)
        for one in some:
            explained[one.number] = entry
    return explained, stale
