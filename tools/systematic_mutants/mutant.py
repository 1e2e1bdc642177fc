# SPDX-License-Identifier: BSD-3-Clause
"""One mutant: one small change of one file of virtio_user/."""

import dataclasses

import source_text

NEGATED_CONDITION = "negated-condition"
RELATIONAL_OPERATOR = "relational-operator"
BOUND = "bound"
DROPPED_STATEMENT = "dropped-statement"
DROPPED_CHECK = "dropped-check"
SWAPPED_STATEMENTS = "swapped-statements"
WEAKER_ORDER = "weaker-order"

OPERATORS = (
    NEGATED_CONDITION,
    RELATIONAL_OPERATOR,
    BOUND,
    DROPPED_STATEMENT,
    DROPPED_CHECK,
    SWAPPED_STATEMENTS,
    WEAKER_ORDER,
)


@dataclasses.dataclass
class Mutant:
    """Offsets are bytes of the original file; lines count from 1.

    Of an expression, [start, end) becomes `text`. A dropped statement is
    [start, end), its semicolon included; swapped statements are that one and
    [next_start, next_end) behind it.
    """

    path: str
    line: int
    column: int
    operator: str
    function: str
    start: int
    end: int
    text: str = ""
    detail: str = ""  # Tells two mutants of one place apart.
    is_condition: bool = False  # The expression is used as a bool.
    maybe_constant: bool = False  # The compiler may evaluate it, too.
    next_start: int = 0
    next_end: int = 0
    number: int = 0  # What VU_MUTANT says; counted from 1.

    @property
    def id(self):
        detail = f":{self.detail}" if self.detail else ""
        return f"{self.path}:{self.line}:{self.column}:{self.operator}{detail}"

    def edits(self, source):
        """The change as replacements (start, end, text) of `source`."""
        if self.operator == DROPPED_STATEMENT:
            return [(self.start, self.end, ";")]
        if self.operator == SWAPPED_STATEMENTS:
            first = source[self.start : self.end]
            second = source[self.next_start : self.next_end]
            return [
                (self.start, self.end, second),
                (self.next_start, self.next_end, first),
            ]
        return [(self.start, self.end, self.text)]

    def lines(self, source):
        """The text before and after, each on one line."""
        edits = self.edits(source)
        begin = source.rfind("\n", 0, edits[0][0]) + 1
        end = source.find("\n", edits[-1][1])
        end = len(source) if end < 0 else end
        changed = apply_edits(source[begin:end], edits, begin)
        return one_line(source[begin:end]), one_line(changed)


def apply_edits(text, edits, origin=0):
    """`text` with replacements that do not overlap, given in order."""
    for start, end, new in reversed(edits):
        text = text[: start - origin] + new + text[end - origin :]
    return text


def one_line(text):
    return " ".join(source_text.without_comments(text).split())
