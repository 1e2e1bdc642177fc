# SPDX-License-Identifier: BSD-3-Clause
"""What a statement reads and writes, as far as clang's syntax tree tells."""

import dataclasses
import re

from clang import cindex

import shapes

_Kind = cindex.CursorKind
_Op = cindex.BinaryOperator

_ASSIGNMENTS = (_Kind.COMPOUND_ASSIGNMENT_OPERATOR, _Kind.UNARY_OPERATOR)
_NAMES = (_Kind.DECL_REF_EXPR, _Kind.MEMBER_REF_EXPR)
_JUMPS = (
    _Kind.RETURN_STMT,
    _Kind.BREAK_STMT,
    _Kind.CONTINUE_STMT,
    _Kind.GOTO_STMT,
    _Kind.CXX_THROW_EXPR,
)
# Functions of the standard library that touch their arguments alone, beside its
# operators.
_TAME = ("min", "max", "clamp", "move", "span", "exchange", "swap", "bit_cast")
# What the first argument names is all that they write.
_OF_BYTES = ("memset", "memcpy", "memmove")
# How far calls are followed into functions.
_DEPTH = 3
# What a path begins with: anything with this member, the object of a method.
_SOMEWHERE = "*"
_THIS = "this"
_ANY = "[]"
_FUNCTIONS = (
    _Kind.FUNCTION_DECL,
    _Kind.FUNCTION_TEMPLATE,
    _Kind.CXX_METHOD,
    _Kind.CONVERSION_FUNCTION,
)
_CLASSES = (_Kind.CLASS_DECL, _Kind.STRUCT_DECL, _Kind.CLASS_TEMPLATE)
# How deep classes are looked into.
_MEMBERS = 6


@dataclasses.dataclass
class _Effects:
    reads: set = dataclasses.field(default_factory=set)
    writes: set = dataclasses.field(default_factory=set)
    opaque: bool = False  # It may read and write anything.

    def add(self, other):
        self.reads |= other.reads
        self.writes |= other.writes
        self.opaque |= other.opaque


def _assigns(cursor):
    if cursor.kind in _ASSIGNMENTS:
        return True
    return (
        cursor.kind == _Kind.BINARY_OPERATOR
        and cursor.binary_operator == _Op.Assign
    )


def has_effect(cursor):
    """Whether a statement does anything but name a value."""
    return any(
        _assigns(it)
        or it.kind
        in (
            _Kind.CALL_EXPR,
            _Kind.CXX_NEW_EXPR,
            _Kind.CXX_DELETE_EXPR,
            _Kind.ASM_STMT,
            _Kind.IF_STMT,
        )
        for it in cursor.walk_preorder()
    )


def _chain(cursor):
    """a.b[1].c as (a, b, 1, c), a member of `this` as (this, a), else None.

    An index that is no number is any.
    """
    children = list(cursor.get_children())
    if cursor.kind in (_Kind.UNEXPOSED_EXPR, _Kind.PAREN_EXPR):
        return _chain(children[0]) if len(children) == 1 else None
    if _is_element(cursor):
        base = _chain(children[0])
        return base + (_number(children[-1]) or _ANY,) if base else None
    if cursor.kind not in _NAMES:
        return None
    if cursor.referenced is None:
        # A member of what a template is to say.
        base = _chain(children[0]) if children else None
        return base + (_last_token(cursor),) if base else None
    own = (cursor.referenced.get_usr(),)
    if cursor.kind == _Kind.DECL_REF_EXPR:
        return own
    if not children:
        return (_THIS, *own)
    base = _chain(children[0])
    if cursor.referenced.kind == _Kind.CXX_METHOD:
        return base
    if base is None:
        return None
    # Two pointers may lead to the same place.
    if children[0].type.get_canonical().kind == cindex.TypeKind.POINTER:
        return (_SOMEWHERE, *own)
    return base + own


def _is_element(cursor):
    """Whether it is a[b], of whatever type a is."""
    return cursor.kind == _Kind.ARRAY_SUBSCRIPT_EXPR or (
        cursor.kind == _Kind.CALL_EXPR and cursor.spelling == "operator[]"
    )


def _last_token(cursor):
    *_, last = cursor.get_tokens()
    return last.spelling


def _number(cursor):
    cursor = shapes.bare(cursor)
    if cursor.kind != _Kind.INTEGER_LITERAL:
        return None
    return "".join(it.spelling for it in cursor.get_tokens()) or None


def _paths(cursor):
    """What an expression names."""
    found = set()
    chain = _chain(cursor)
    if chain:
        for it in cursor.walk_preorder():
            if _is_element(it):
                *_, index = it.get_children()
                found |= _paths(index)
        return found | {chain}
    if cursor.kind == _Kind.MEMBER_REF_EXPR and cursor.referenced:
        found.add((_SOMEWHERE, cursor.referenced.get_usr()))
    if cursor.kind == _Kind.CXX_THIS_EXPR:
        found.add((_THIS,))
    for child in cursor.get_children():
        found |= _paths(child)
    return found


def _written(cursor):
    """What is written by an assignment to an expression: no index in it."""
    children = list(cursor.get_children())
    if chain := _chain(cursor):
        return {chain}
    if not children:
        return _paths(cursor)
    if cursor.kind in (_Kind.UNEXPOSED_EXPR, _Kind.PAREN_EXPR):
        return _written(children[0]) if len(children) == 1 else _paths(cursor)
    if cursor.kind == _Kind.ARRAY_SUBSCRIPT_EXPR:
        return _written(children[0])
    if cursor.kind == _Kind.MEMBER_REF_EXPR:
        found = _written(children[0])
        if cursor.referenced:
            found.add((_SOMEWHERE, cursor.referenced.get_usr()))
        return found
    if cursor.kind == _Kind.CALL_EXPR and cursor.referenced:
        return _written_by_call(cursor, cursor.referenced)
    return _paths(cursor)


def _written_by_call(cursor, called):
    """All that a call names, but for what it takes by value or to read."""
    arguments = list(cursor.get_arguments())
    parameters = [it.type for it in called.get_arguments()]
    # An operator that is a method has its object for a first argument.
    taken = arguments[len(arguments) - len(parameters) :]
    kept = [it for it, kind in zip(taken, parameters) if not _changes(kind)]
    found = set()
    for child in cursor.get_children():
        if child not in kept:
            found |= _paths(child)
    return found


def _changes(kind):
    """Whether a parameter of this type lets a function change the argument."""
    kind = kind.get_canonical()
    return (
        kind.kind in (cindex.TypeKind.LVALUEREFERENCE, cindex.TypeKind.POINTER)
        and not kind.get_pointee().is_const_qualified()
    )


def _changes_arguments(called):
    return any(_changes(it.type) for it in called.get_arguments())


def _meet(some, others):
    """Whether anything of the one may be, or lie in, something of the other."""
    for one in some:
        for other in others:
            if _SOMEWHERE in (one[0], other[0]):
                if set(one) & set(other) - {_SOMEWHERE}:
                    return True
            elif all(a == b or _ANY in (a, b) for a, b in zip(one, other)):
                return True
    return False


def _is_foreign(declaration):
    """Of the standard library, which knows nothing of this project."""
    return declaration.location.is_in_system_header


def _is_atomic(method):
    return re.match(r"(__)?atomic", method.semantic_parent.spelling) is not None


def _is_ordered(cursor):
    """Whether a call of an atomic's method orders what is around it."""
    return not any(
        it.spelling == "memory_order_relaxed" for it in cursor.walk_preorder()
    )


def _destroys(kind, depth=_MEMBERS):
    """Whether more than memory may go with an object of this type."""
    kind = kind.get_canonical()
    declared = kind.get_declaration()
    some = [
        kind.get_template_argument_type(i)
        for i in range(max(0, kind.get_num_template_arguments()))
    ]
    if any(_destroys(it, depth) for it in some):
        return True
    if declared.kind not in _CLASSES:
        return False
    if _is_foreign(declared):
        return declared.spelling in ("function", "move_only_function")
    if depth == 0:
        return True
    return any(
        it.kind == _Kind.DESTRUCTOR
        or it.kind in (_Kind.FIELD_DECL, _Kind.CXX_BASE_SPECIFIER)
        and _destroys(it.type, depth - 1)
        for it in (declared.get_definition() or declared).get_children()
    )


def _of_call(cursor, depth):
    found = _Effects(reads=_paths(cursor))
    called = cursor.referenced
    children = list(cursor.get_children())
    if called is None or depth == 0:
        found.opaque = True
    elif called.kind == _Kind.CXX_METHOD and _is_atomic(called):
        _of_atomic(cursor, called, found)
    elif called.kind == _Kind.CONSTRUCTOR:
        found.opaque = not _is_foreign(called) and not _is_plain(called)
    elif called.spelling == "operator=" and children:
        # Whatever the class: but for what goes, it has no way to anything else.
        found.writes |= _paths(children[0])
        found.opaque = _destroys(children[0].type)
    elif called.kind not in _FUNCTIONS:
        # What a variable or a parameter holds is called.
        found.opaque = True
    elif _is_foreign(called):
        _of_foreign_call(cursor, called, found)
    else:
        _of_own_call(cursor, called, depth, found)
    return found


def _is_plain(constructor):
    return (
        constructor.is_default_constructor()
        or constructor.is_copy_constructor()
        or constructor.is_move_constructor()
    )


def _of_atomic(cursor, called, found):
    found.opaque = _is_ordered(cursor)
    if not called.is_const_method():
        found.writes |= _written_by_call(cursor, called)


def _of_foreign_call(cursor, called, found):
    if called.kind == _Kind.CXX_METHOD:
        object_of = next(iter(cursor.get_children()), None)
        # std::function says nothing of what it calls.
        found.opaque = called.spelling == "operator()"
        # Its object, too, unless it is const.
        if not called.is_const_method():
            found.writes |= _written_by_call(cursor, called)
            found.opaque |= object_of is None or _destroys(_owner(object_of))
        elif _changes_arguments(called):
            found.writes |= _written_by_call(cursor, called)
    elif called.spelling in _OF_BYTES:
        found.writes |= _paths(next(iter(cursor.get_arguments())))
    elif called.spelling in _TAME or called.spelling.startswith("operator"):
        if _changes_arguments(called):
            found.writes |= _written_by_call(cursor, called)
    else:
        found.opaque = True


def _owner(callee):
    """The type of what a method is called on; `callee` is a.method or a."""
    callee = shapes.bare(callee)
    children = list(callee.get_children())
    if callee.kind == _Kind.MEMBER_REF_EXPR and children:
        return children[0].type
    return callee.type


def _object_of(cursor):
    """What a method is called on; None if it is no name."""
    children = list(cursor.get_children())
    if not children:
        return None
    callee = shapes.bare(children[0])
    if callee.kind != _Kind.MEMBER_REF_EXPR:
        return None
    base = list(callee.get_children())
    return _chain(base[0]) if base else (_THIS,)


def _of_own_call(cursor, called, depth, found):
    """Follows a call whose body this file sees."""
    body = called.get_definition()
    is_method = called.kind == _Kind.CXX_METHOD
    root = _object_of(cursor) if is_method else (_THIS,)
    replaced = is_method and called.is_virtual_method()
    if body is None or root is None or replaced or _changes_arguments(called):
        found.opaque = True
        return
    inside = _of(body, depth - 1)
    found.opaque |= inside.opaque
    found.reads |= {_within(root, it) for it in inside.reads}
    found.writes |= {_within(root, it) for it in inside.writes}


def _within(root, path):
    return root + path[1:] if path[0] == _THIS else path


def _of(cursor, depth):
    """The effects of what happens in a piece of the tree."""
    found = _Effects(reads=_paths(cursor))
    for it in cursor.walk_preorder():
        if _assigns(it):
            children = list(it.get_children())
            found.writes |= _written(children[0]) if children else set()
        if it.kind == _Kind.CALL_EXPR and not _chain(it):
            found.add(_of_call(it, depth))
        elif it.kind in (
            _Kind.ASM_STMT,
            _Kind.CXX_NEW_EXPR,
            _Kind.CXX_DELETE_EXPR,
        ):
            found.opaque = True
    return found


def _jumps(statement):
    """Whether it may leave the block that it is in."""
    if statement.kind == _Kind.LAMBDA_EXPR:
        return False
    return statement.kind in _JUMPS or any(
        _jumps(it) for it in statement.get_children()
    )


def interchangeable(first, second):
    """Whether two statements do the same in either order.

    So it is where neither jumps nor names what the other one writes, as far as
    calls can be followed.
    """
    if _jumps(first) or _jumps(second):
        return False
    one, other = _of(first, _DEPTH), _of(second, _DEPTH)
    if one.opaque or other.opaque:
        return False
    return not (
        _meet(one.writes, other.reads | other.writes)
        or _meet(other.writes, one.reads | one.writes)
    )
