# SPDX-License-Identifier: BSD-3-Clause
"""What a piece of clang's syntax tree is, as far as mutants ask."""

import re

from clang import cindex

import source_text as st

_Kind = cindex.CursorKind

FUNCTIONS = (
    _Kind.FUNCTION_DECL,
    _Kind.CXX_METHOD,
    _Kind.CONSTRUCTOR,
    _Kind.DESTRUCTOR,
    _Kind.CONVERSION_FUNCTION,
    _Kind.FUNCTION_TEMPLATE,
)
CONDITIONS = (
    _Kind.IF_STMT,
    _Kind.WHILE_STMT,
    _Kind.FOR_STMT,
    _Kind.DO_STMT,
    _Kind.CONDITIONAL_OPERATOR,
)
_LOOPS = (_Kind.WHILE_STMT, _Kind.FOR_STMT, _Kind.CXX_FOR_RANGE_STMT)


def span(cursor):
    return cursor.extent.start.offset, cursor.extent.end.offset


def bare(cursor):
    """Without what stands around an expression for the compiler."""
    children = list(cursor.get_children())
    while cursor.kind == _Kind.UNEXPOSED_EXPR and len(children) == 1:
        cursor = children[0]
        children = list(cursor.get_children())
    return cursor


def macro_stretches(unit, path):
    return [
        span(it)
        for it in unit.cursor.get_children()
        if it.kind == _Kind.MACRO_INSTANTIATION
        and it.location.file
        and it.location.file.name == path
    ]


def is_if_constexpr(cursor, source):
    begin, end = span(cursor)
    return re.match(r"if\s+(constexpr|consteval|!)", source[begin:end])


def is_run_time(variable, source):
    """Whether a variable gets its value when the program runs.

    Of what lives as long as the program, the compiler may have computed it.
    """
    begin = variable.extent.start.offset
    head = source[begin : variable.location.offset]
    if re.search(r"\b(constexpr|constinit|static|thread_local)\b", head):
        return False
    parent = variable.semantic_parent
    return parent is None or parent.kind not in (
        _Kind.TRANSLATION_UNIT,
        _Kind.NAMESPACE,
        _Kind.CLASS_DECL,
        _Kind.STRUCT_DECL,
        _Kind.CLASS_TEMPLATE,
    )


def run_time_children(cursor, source):
    """The children that are evaluated when the program runs."""
    children = list(cursor.get_children())
    kind = cursor.kind
    if kind in FUNCTIONS:
        # The type of the result stands in front of the name.
        name = cursor.location.offset
        return [it for it in children if it.extent.start.offset >= name]
    if kind in (_Kind.VAR_DECL, _Kind.FIELD_DECL):
        end = cursor.extent.end.offset
        name_end = cursor.location.offset + len(cursor.spelling)
        if kind == _Kind.FIELD_DECL and cursor.is_bitfield():
            return []
        begin = st.after_array_bounds(source, name_end, end)
        return [it for it in children if it.extent.start.offset >= begin]
    if source.startswith("__builtin_shufflevector", cursor.extent.start.offset):
        # Which lanes it takes is part of the instruction.
        return []
    if kind == _Kind.CASE_STMT:
        return children[1:]
    if kind == _Kind.IF_STMT and is_if_constexpr(cursor, source):
        close = _bracket_end(cursor, source)
        return [it for it in children if it.extent.start.offset > close]
    if kind == _Kind.MEMBER_REF_EXPR:
        # What follows are template arguments.
        return children[:1]
    return children


def _bracket_end(cursor, source):
    begin, end = span(cursor)
    return st.closing(source, begin, end)


def is_for_compiler(cursor):
    """Whether it binds the compiler alone, as any branch on a switch does."""
    return (
        cursor.kind == _Kind.CALL_EXPR
        and cursor.spelling == "atomic_signal_fence"
    )


def condition_of(cursor, source):
    """The condition, None if there is none or if it declares a variable."""
    children = list(cursor.get_children())
    if cursor.kind == _Kind.CONDITIONAL_OPERATOR:
        return children[0]
    if cursor.kind == _Kind.DO_STMT:
        return children[-1]
    if is_if_constexpr(cursor, source):
        return None
    begin, end = span(cursor)
    first, last = begin, _bracket_end(cursor, source)
    semicolons = st.top_level(source, begin, end, ";")
    if cursor.kind == _Kind.FOR_STMT:
        if len(semicolons) != 2:
            return None
        first, last = semicolons
    elif semicolons:
        first = semicolons[-1]
    inside = [
        it
        for it in children
        if it.extent.start.offset > first and it.extent.end.offset <= last
    ]
    if len(inside) != 1 or not inside[0].kind.is_expression():
        return None
    return inside[0]


def is_early_return(if_statement, source):
    """`if (...) return ...;`, with or without braces, and no else."""
    close = _bracket_end(if_statement, source)
    branches = [
        it
        for it in if_statement.get_children()
        if it.extent.start.offset > close
    ]
    if len(branches) != 1:
        return False
    inside = branches
    if branches[0].kind == _Kind.COMPOUND_STMT:
        inside = list(branches[0].get_children())
    return len(inside) > 0 and inside[-1].kind == _Kind.RETURN_STMT


def statements_of(cursor, source):
    """The statements directly in a block, or the body without braces."""
    children = list(cursor.get_children())
    if cursor.kind == _Kind.COMPOUND_STMT:
        return children
    if cursor.kind == _Kind.IF_STMT or cursor.kind in _LOOPS:
        close = _bracket_end(cursor, source)
        bodies = [it for it in children if it.extent.start.offset > close]
        return [it for it in bodies if it.kind.is_expression()]
    if cursor.kind in (_Kind.CASE_STMT, _Kind.DEFAULT_STMT):
        return [it for it in children[-1:] if it.kind.is_expression()]
    return []


def statement_end(cursor, source):
    """Behind the statement, -1 if it is of no kind that can be moved."""
    if cursor.kind == _Kind.IF_STMT:
        # How it ends is a matter of its last branch.
        *_, last = cursor.get_children()
        if last.kind == _Kind.COMPOUND_STMT:
            return last.extent.end.offset
        if last.kind == _Kind.IF_STMT:
            return statement_end(last, source)
        return st.after_semicolon(source, cursor.extent.end.offset)
    if cursor.kind.is_expression() or cursor.kind == _Kind.ASM_STMT:
        return st.after_semicolon(source, cursor.extent.end.offset)
    return -1
