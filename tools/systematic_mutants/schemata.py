# SPDX-License-Identifier: BSD-3-Clause
"""All mutants of a file in one text, each behind a switch of its own."""

import bisect
import dataclasses

import mutant as m


@dataclasses.dataclass
class _Node:
    """A stretch of the source that is wrapped."""

    start: int
    end: int
    alternatives: list = dataclasses.field(default_factory=list)
    drop: object = None  # The mutant without this statement.
    moved: object = None  # The mutant that has it before the one in front.
    following: object = None  # The mutant that has the next one before it.

    def numbers(self):
        some = self.alternatives + [self.drop, self.moved, self.following]
        return [one.number for one in some if one]


@dataclasses.dataclass
class Rendered:
    """A mutated text, and which mutants each stretch of it is made of."""

    text: str
    stretches: list  # (start, end, [number]), any order.

    def __post_init__(self):
        self.line_starts = [0]
        for at, character in enumerate(self.text):
            if character == "\n":
                self.line_starts.append(at + 1)

    def blame(self, line, column):
        """The mutants of the smallest stretch around a place, [] if none."""
        if not 0 < line <= len(self.line_starts):
            return []
        at = self.line_starts[line - 1] + column - 1
        around = [it for it in self.stretches if it[0] <= at < it[1]]
        return min(around, key=lambda it: it[1] - it[0])[2] if around else []


def _guard(one):
    name = "OnAtRunTime" if one.maybe_constant else "On"
    return f"::vu_mutants::{name}({one.number})"


def _nodes(mutants):
    nodes = {}

    def node(start, end):
        return nodes.setdefault((start, end), _Node(start, end))

    for one in mutants:
        if one.operator == m.DROPPED_STATEMENT:
            node(one.start, one.end).drop = one
        elif one.operator == m.SWAPPED_STATEMENTS:
            node(one.start, one.end).following = one
            node(one.next_start, one.next_end).moved = one
        else:
            node(one.start, one.end).alternatives.append(one)
    # An outer stretch before what it contains.
    return sorted(nodes.values(), key=lambda it: (it.start, -it.end))


class _Writer:
    def __init__(self, source, nodes):
        self.source = source
        self.nodes = nodes
        self.starts = [node.start for node in nodes]
        self.out = []
        self.length = 0
        self.stretches = []

    def put(self, text):
        self.out.append(text)
        self.length += len(text)

    def blamed(self, text, numbers):
        self.stretches.append((self.length, self.length + len(text), numbers))
        self.put(text)

    def copy(self, start, end, index):
        """Source from start to end; nodes from `index` on may lie in it."""
        at = start
        while index < len(self.nodes) and self.nodes[index].start < end:
            node = self.nodes[index]
            self.put(self.source[at : node.start])
            self.wrap(node, index)
            at = node.end
            index = bisect.bisect_left(self.starts, node.end, index + 1)
        self.put(self.source[at:end])

    def wrap(self, node, index):
        begin = self.length
        if node.alternatives:
            self.expression(node, index)
        else:
            self.statement(node, index)
        self.stretches.append((begin, self.length, node.numbers()))

    def expression(self, node, index):
        as_bool = any(one.is_condition for one in node.alternatives)
        self.put("(")
        for one in node.alternatives:
            text = f"{_guard(one)} ? ({one.text}) : "
            self.blamed(text, [one.number])
        self.put("static_cast<bool>(" if as_bool else "(")
        self.copy(node.start, node.end, index + 1)
        self.put("))")

    def statement(self, node, index):
        if node.following:
            one = node.following
            text = self.source[one.next_start : one.next_end]
            self.blamed(f"if ({_guard(one)}) {{ {text} }} ", [one.number])
        off = [one for one in (node.drop, node.moved) if one]
        if not off:
            self.copy(node.start, node.end, index + 1)
            return
        condition = " && ".join(f"!{_guard(one)}" for one in off)
        self.put(f"{{ if ({condition}) {{ ")
        self.copy(node.start, node.end, index + 1)
        self.put(" } }")


def render(source, mutants, switch, is_header=False):
    """The text of a file with all of its mutants. `switch` is switch.inc."""
    if not mutants:
        return Rendered(source, [])
    writer = _Writer(source, _nodes(mutants))
    # The first comment is the licence, and a file may say more behind it.
    directive = source.find("\n#") + 1
    writer.put(source[:directive])
    if is_header:
        # No warnings about it wherever it is included.
        writer.put("#pragma GCC system_header\n")
    writer.put(switch)
    writer.copy(directive, len(source), 0)
    return Rendered("".join(writer.out), writer.stretches)
