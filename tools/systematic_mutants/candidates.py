# SPDX-License-Identifier: BSD-3-Clause
"""Every mutant there is in a source file, found in clang's syntax tree."""

import dataclasses
import re

from clang import cindex

import effects
import mutant as m
import shapes
import source_text as st

_Kind = cindex.CursorKind
_Op = cindex.BinaryOperator

# What the compiler alone evaluates: no switch at run time reaches it.
_COMPILE_TIME = (
    _Kind.STATIC_ASSERT,
    _Kind.ENUM_DECL,
    _Kind.TEMPLATE_NON_TYPE_PARAMETER,
    _Kind.TEMPLATE_TYPE_PARAMETER,
    _Kind.TEMPLATE_TEMPLATE_PARAMETER,
    _Kind.TYPEDEF_DECL,
    _Kind.TYPE_ALIAS_DECL,
    _Kind.CONCEPT_DECL,
    _Kind.DECL_REF_EXPR,
)
_RELATIONS = {
    _Op.LT: ("<", "<=", -1),
    _Op.LE: ("<=", "<", +1),
    _Op.GT: (">", ">=", +1),
    _Op.GE: (">=", ">", -1),
    _Op.EQ: ("==", "!=", 0),
    _Op.NE: ("!=", "==", 0),
}
_INTEGERS = {
    cindex.TypeKind[name]
    for name in "CHAR_U UCHAR USHORT UINT ULONG ULONGLONG CHAR_S SCHAR "
    "SHORT INT LONG LONGLONG".split()
}
_OTHERS = {sign: other for sign, other, _ in _RELATIONS.values()}
_STRONG = re.compile(r"std::memory_order_(acquire|release|acq_rel|seq_cst)\b")


@dataclasses.dataclass(frozen=True)
class _Context:
    function: str = ""
    maybe_constant: bool = False


class _Finder:
    def __init__(self, path, source, unit):
        self.path = path
        self.source = source
        self.macros = shapes.macro_stretches(unit, path)
        self.found = {}

    def add(self, operator, cursor, context, start, end, **more):
        # A condition that is one macro, as S_ISREG(mode), stays in one piece.
        whole = more.get("is_condition") and (start, end) in self.macros
        if not whole and self.in_macro(start, end):
            return
        line_start = self.source.rfind("\n", 0, start) + 1
        one = m.Mutant(
            path=self.path,
            line=self.source.count("\n", 0, start) + 1,
            column=start - line_start + 1,
            operator=operator,
            function=context.function,
            start=start,
            end=end,
            maybe_constant=context.maybe_constant,
            **more,
        )
        # Each once, whatever it is called.
        key = tuple(one.edits(self.source))
        self.found.setdefault(key, one)

    def forget(self, operator, start, end, details):
        for key, one in list(self.found.items()):
            if (one.operator, one.start, one.end) == (operator, start, end):
                if one.detail in details:
                    del self.found[key]

    def in_macro(self, start, end):
        """Whether it is made by a macro, or ends inside of one."""
        return any(
            (first <= start and end <= last)
            or first < start < last
            or first < end < last
            for first, last in self.macros
        )

    def text(self, cursor):
        begin, end = shapes.span(cursor)
        return self.source[begin:end]

    def visit(self, cursor, context):
        kind = cursor.kind
        if kind in _COMPILE_TIME:
            return
        if kind in shapes.FUNCTIONS:
            context = self.function_context(cursor)
            if context is None:
                return
        elif kind == _Kind.FIELD_DECL:
            context = dataclasses.replace(context, maybe_constant=True)
        elif kind == _Kind.VAR_DECL and not shapes.is_run_time(
            cursor, self.source
        ):
            return
        for child in shapes.run_time_children(cursor, self.source):
            self.visit(child, context)
        self.look(cursor, context)

    def function_context(self, cursor):
        body = [
            it for it in cursor.get_children() if it.kind == _Kind.COMPOUND_STMT
        ]
        begin = cursor.extent.start.offset
        head = self.source[
            begin : body[0].extent.start.offset
            if body
            else cursor.extent.end.offset
        ]
        if re.search(r"\bconsteval\b", head):
            return None
        scope = cursor.semantic_parent
        name = cursor.spelling.split("<")[0]
        if scope is not None and scope.kind in (
            _Kind.CLASS_DECL,
            _Kind.STRUCT_DECL,
            _Kind.CLASS_TEMPLATE,
        ):
            name = f"{scope.spelling}::{name}"
        constant = re.search(r"\bconstexpr\b", head) is not None
        return _Context(name, constant)

    def look(self, cursor, context):
        kind = cursor.kind
        if kind in shapes.CONDITIONS:
            self.condition(cursor, context)
        if kind == _Kind.IF_STMT:
            self.error_check(cursor, context)
        elif kind == _Kind.BINARY_OPERATOR:
            self.relation(cursor, context)
        elif kind == _Kind.INTEGER_LITERAL:
            self.literal(cursor, context)
        elif kind == _Kind.CALL_EXPR:
            self.memory_order(cursor, context)
            self.overloaded(cursor, context)
        self.statements(cursor, context)

    def condition(self, cursor, context):
        condition = shapes.condition_of(cursor, self.source)
        if condition is None or self.in_macro(*shapes.span(cursor)):
            return
        text = self.text(condition)
        # `!(a == b)` is `a != b`.
        self.forget(
            m.RELATIONAL_OPERATOR, *shapes.span(condition), ("==", "!=")
        )
        self.add(
            m.NEGATED_CONDITION,
            condition,
            context,
            condition.extent.start.offset,
            condition.extent.end.offset,
            text=f"!({text})",
            is_condition=True,
        )

    def error_check(self, cursor, context):
        condition = shapes.condition_of(cursor, self.source)
        if condition is None or not shapes.is_early_return(cursor, self.source):
            return
        self.add(
            m.DROPPED_CHECK,
            condition,
            context,
            condition.extent.start.offset,
            condition.extent.end.offset,
            text="false",
            is_condition=True,
        )

    def relation(self, cursor, context):
        relation = _RELATIONS.get(cursor.binary_operator)
        sides = list(cursor.get_children())
        if relation is None or len(sides) != 2:
            return
        sign, other, step = relation
        begin, end = cursor.extent.start.offset, cursor.extent.end.offset
        left = self.source[begin : sides[0].extent.end.offset]
        right = self.source[sides[1].extent.start.offset : end]
        between = self.source[
            sides[0].extent.end.offset : sides[1].extent.start.offset
        ]
        if between.strip() != sign:
            return
        self.other_relation(cursor, context, (begin, end), left, other, right)
        # `<` with a bound that is greater by 1 is `<=` again.
        integer = sides[1].type.get_canonical().kind in _INTEGERS
        if not step or not integer:
            return
        bound = shapes.bare(sides[1])
        if bound.kind == _Kind.INTEGER_LITERAL:
            self.forget(m.BOUND, *shapes.span(bound), (f"{-step:+d}",))
        else:
            by = f"{'+' if step > 0 else '-'} 1"
            self.add(
                m.BOUND,
                cursor,
                context,
                begin,
                end,
                text=f"{left} {sign} ({right}) {by}",
                detail=by.replace(" ", ""),
            )

    def overloaded(self, cursor, context):
        """A relation of objects, as of times."""
        sides = list(cursor.get_arguments())
        if len(sides) != 2:
            return
        begin, middle = shapes.span(sides[0])
        behind, end = shapes.span(sides[1])
        sign = self.source[middle:behind].strip()
        other = _OTHERS.get(sign)
        # The compiler may make `a < b` of `a <=> b`.
        if not other or cursor.spelling not in (
            f"operator{sign}",
            "operator<=>",
        ):
            return
        left, right = self.source[begin:middle], self.source[behind:end]
        self.other_relation(cursor, context, (begin, end), left, other, right)

    def other_relation(self, cursor, context, where, left, other, right):
        self.add(
            m.RELATIONAL_OPERATOR,
            cursor,
            context,
            *where,
            text=f"{left} {other} {right}",
            detail=other,
        )

    def literal(self, cursor, context):
        text = self.text(cursor)
        for by in (+1, -1):
            changed = st.step(text, by)
            if changed is not None:
                self.add(
                    m.BOUND,
                    cursor,
                    context,
                    cursor.extent.start.offset,
                    cursor.extent.end.offset,
                    text=changed,
                    detail=f"{by:+d}",
                )

    def memory_order(self, cursor, context):
        text = self.text(cursor)
        orders = [
            it
            for it in cursor.get_children()
            if _STRONG.fullmatch(self.text(it))
        ]
        if len(orders) != 1 or shapes.is_for_compiler(cursor):
            return
        begin = cursor.extent.start.offset
        at = orders[0].extent.start.offset - begin
        until = orders[0].extent.end.offset - begin
        self.add(
            m.WEAKER_ORDER,
            cursor,
            context,
            begin,
            cursor.extent.end.offset,
            text=text[:at] + "std::memory_order_relaxed" + text[until:],
        )

    def statements(self, cursor, context):
        """Drops the statements directly in `cursor`, and swaps neighbours."""
        previous = None
        for child in shapes.statements_of(cursor, self.source):
            begin = child.extent.start.offset
            end = shapes.statement_end(child, self.source)
            # VU_CHECK(...) is a macro, and the semicolon behind it is not.
            whole = shapes.span(child)
            movable = end > 0 and not self.in_macro(*whole)
            if (
                not movable
                or shapes.is_for_compiler(child)
                or not effects.has_effect(child)
            ):
                previous = None
                continue
            if child.kind.is_expression() or child.kind == _Kind.ASM_STMT:
                self.add(m.DROPPED_STATEMENT, child, context, begin, end)
            if cursor.kind != _Kind.COMPOUND_STMT:
                continue
            if previous and not effects.interchangeable(previous[0], child):
                self.add(
                    m.SWAPPED_STATEMENTS,
                    child,
                    context,
                    previous[1],
                    previous[2],
                    next_start=begin,
                    next_end=end,
                )
            previous = (child, begin, end)


class ParseError(RuntimeError):
    """A file that is to be changed does not compile as it is."""


def parse(path, arguments, text=None):
    unsaved = [(path, text)] if text is not None else None
    return cindex.Index.create().parse(
        path,
        args=arguments,
        unsaved_files=unsaved,
        options=cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD,
    )


def find(path, arguments):
    """The mutants of the file at `path`, in order, and its source."""
    with open(path, encoding="latin-1", newline="") as file:
        source = file.read()
    unit = parse(path, arguments)
    errors = [it for it in unit.diagnostics if it.severity >= it.Error]
    if errors:
        where = f"{path}:{errors[0].location.line}"
        raise ParseError(f"{where}: {errors[0].spelling}; mend it first")
    finder = _Finder(path, source, unit)
    for cursor in unit.cursor.get_children():
        where = cursor.location.file
        if where and where.name == path and not cursor.kind.is_preprocessing():
            finder.visit(cursor, _Context())
    found = sorted(
        finder.found.values(),
        key=lambda it: (it.start, it.end, it.operator, it.detail),
    )
    return found, source
