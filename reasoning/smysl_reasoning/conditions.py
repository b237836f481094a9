"""The small language of `when` and `until`: comparisons over what steps have found, `check.probability < 0.9`.

Knows an expression's grammar, names and types; never a module, a run or Python's `eval`.
"""

from __future__ import annotations

import ast
import itertools
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

Scalar = bool | int | float | str | None
FieldType = Literal["number", "text", "truth"]
LENGTH_LIMIT = 300
"""Most characters of a condition."""
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class BadCondition(ValueError):
    """A condition that is not of this language; says what in it, and what there is."""


class Reference(NamedTuple):
    """`step.field` in a condition."""

    step: str
    field: str


class Condition(NamedTuple):
    """A parsed condition. `$name` stands for an option of the program."""

    text: str
    root: ast.expr

    def references(self) -> list[Reference]:
        """The steps' fields that it looks at, in order of appearance."""
        return [_reference(node) for node in _attributes(self.root)]

    def options(self) -> list[str]:
        """The program's options that it names."""
        return [
            _option(node)
            for node in ast.walk(self.root)
            if isinstance(node, ast.Name) and node.id.startswith(_OPTION)
        ]

    def check(
        self,
        fields: Callable[[Reference], FieldType],
        option: Callable[[str], FieldType],
    ) -> None:
        """Raises `BadCondition` unless the whole is a truth and every comparison is between values of one type.
        `fields` and `option` give types and raise `BadCondition` for a name that there is not."""
        found = _type(self.root, fields, option)
        if found != "truth":
            raise BadCondition(f"{self.text!r} is a {found}, not something true or false")

    def renamed(self, names: Mapping[str, str], options: Mapping[str, Scalar]) -> Condition:
        """The condition inside another program: steps by their new names, options by their values."""
        root = ast.fix_missing_locations(_Renaming(names, options).visit(_copy(self.root)))
        text = _shown(root)
        return Condition(text, root)

    def negated(self) -> Condition:
        return Condition(f"not ({self.text})", ast.UnaryOp(ast.Not(), self.root))

    def holds(
        self,
        value: Callable[[Reference], Scalar],
        options: Mapping[str, bool | int | float | str],
    ) -> bool:
        """Whether it is true. `value` gives a field, None where the step has not run or the field is unknown: an
        ordering with an unknown number is decided as if it were 0, an equality with it is false."""
        return bool(_value(self.root, value, options))


ATOMS_LIMIT = 12
"""Most comparisons among which it is looked for a case that is left out."""


def exhaustive(ways: Sequence[Sequence[Condition]]) -> bool:
    """Whether in every case all conditions of some way hold, whatever steps have found.

    Each comparison may come out either way, also where two of them could not; so a yes is certain, a no is not. With
    more than `ATOMS_LIMIT` comparisons it is no.
    """
    roots = [[condition.root for condition in way] for way in ways]
    atoms = list(dict.fromkeys(atom for way in roots for root in way for atom in _atoms(root)))
    if len(atoms) > ATOMS_LIMIT:
        return False
    cases = (
        dict(zip(atoms, case, strict=True))
        for case in itertools.product((False, True), repeat=len(atoms))
    )
    return all(any(all(_holds(root, case) for root in way) for way in roots) for case in cases)


# names are lower-case: a capital can be none of them, and a prefix keeps `not` and `class` from being Python's
_STEP = "STEP_"
_OPTION = "OPTION_"
_DASH = "DASH"
_DOT = "DOT"
_NAMES = re.compile(
    r"""(?P<text>'[^']*'|"[^"]*")|\$(?P<option>[a-z][a-z0-9_-]*)|\b(?P<step>[a-z][a-z0-9_-]*)(?=\.[a-z])"""
)


def parse_condition(text: str) -> Condition:
    """Raises `BadCondition`."""
    if len(text) > LENGTH_LIMIT:
        raise BadCondition(
            f"a condition has {len(text)} characters; the limit is {LENGTH_LIMIT}. Split it over steps."
        )
    if "\\" in text:
        raise BadCondition(
            f"{text!r} has a backslash; texts are written as they are, in '' or \"\""
        )
    # `$name` and `step-name` are no Python names: written so that the parser takes them
    written = _NAMES.sub(_as_python, text)
    try:
        root = ast.parse(written.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        said = error.msg if isinstance(error, SyntaxError) else error
        raise BadCondition(f"{text!r} is no condition: {said}") from None
    for node in ast.walk(root):
        if not isinstance(node, _ALLOWED):
            raise BadCondition(
                f"{text!r} uses {_shown(node)!r}; a condition has step.field, $option, numbers, 'texts', "
                "comparisons, and, or, not"
            )
    return Condition(text, root)


_ALLOWED = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
    ast.Eq, ast.NotEq, ast.Attribute, ast.Name, ast.Constant, ast.Load,
)  # fmt: skip


def _as_python(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "option":
            return _OPTION + _named(found["option"])
        case "step":
            return _STEP + _named(found["step"])
    return found[0]


def _named(name: str) -> str:
    """A step's or option's name as a part of a Python identifier."""
    return name.replace("-", _DASH).replace(".", _DOT)


def _plain(name: str) -> str:
    return name.replace(_DASH, "-").replace(_DOT, ".")


def _option(node: ast.Name) -> str:
    return _plain(node.id.removeprefix(_OPTION))


def _shown(node: ast.AST) -> str:
    """As it is written in a program."""
    return re.sub(
        rf"""(?P<text>'[^']*'|"[^"]*")|(?P<name>\b({_STEP}|{_OPTION})\w+)""",
        lambda found: _shown_name(found["name"]) if found["name"] else found[0],
        ast.unparse(node),
    )


def _shown_name(name: str) -> str:
    if name.startswith(_OPTION):
        return "$" + _plain(name.removeprefix(_OPTION))
    return _plain(name.removeprefix(_STEP))


def _is_step(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id.startswith(_STEP)


def _reference(node: ast.Attribute) -> Reference:
    assert isinstance(node.value, ast.Name)
    return Reference(_plain(node.value.id.removeprefix(_STEP)), node.attr)


def _attributes(node: ast.AST) -> Iterator[ast.Attribute]:
    """In order of appearance."""
    if isinstance(node, ast.Attribute):
        if not _is_step(node.value):
            raise BadCondition(f"{_shown(node)!r} is no field of a step")
        yield node
        return
    for part in ast.iter_child_nodes(node):
        yield from _attributes(part)


def _type(
    node: ast.expr,
    fields: Callable[[Reference], FieldType],
    option: Callable[[str], FieldType],
) -> FieldType:
    match node:
        case ast.Constant(value=bool()):
            return "truth"
        case ast.Constant(value=int() | float()):
            return "number"
        case ast.Constant(value=str()):
            return "text"
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return "number"
        case ast.Attribute(value=value) if _is_step(value):
            return fields(_reference(node))
        case ast.Name(id=name) if name.startswith(_OPTION):
            return option(_option(node))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _wants(operand, "truth", fields, option)
            return "truth"
        case ast.BoolOp(values=values):
            for value in values:
                _wants(value, "truth", fields, option)
            return "truth"
        case ast.Compare(left=left, ops=ops, comparators=others):
            first = _type(left, fields, option)
            for op, other in zip(ops, others, strict=True):
                _wants(other, first, fields, option)
                if type(op) in _COMPARISONS and first != "number":
                    raise BadCondition(f"{_shown(left)!r} is a {first}: it has no order")
            return "truth"
    raise BadCondition(f"{_shown(node)!r} means nothing here; write step.field or $option")


def _wants(
    node: ast.expr,
    wanted: FieldType,
    fields: Callable[[Reference], FieldType],
    option: Callable[[str], FieldType],
) -> None:
    found = _type(node, fields, option)
    if found != wanted:
        raise BadCondition(f"{_shown(node)!r} is a {found}; a {wanted} is needed here")


def _value(
    node: ast.expr,
    value: Callable[[Reference], Scalar],
    options: Mapping[str, bool | int | float | str],
) -> Scalar:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as constant):
            return constant
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Attribute():
            return value(_reference(node))
        case ast.Name():
            return options[_option(node)]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, value, options)
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_value(part, value, options) for part in values)
        case ast.BoolOp(values=values):
            return any(_value(part, value, options) for part in values)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [_value(side, value, options) for side in (left, *others)]
            pairs = zip(ops, sides, sides[1:], strict=False)
            return all(_compared(op, a, b) for op, a, b in pairs)
    raise AssertionError(f"unchecked condition {ast.dump(node)}")


def _compared(op: ast.cmpop, a: Scalar, b: Scalar) -> bool:
    if isinstance(op, ast.Eq):
        return a is not None and a == b
    if isinstance(op, ast.NotEq):
        return not (a is not None and a == b)
    left, right = a or 0, b or 0
    assert not isinstance(left, str) and not isinstance(right, str)
    return _COMPARISONS[type(op)](left, right)


_OPPOSITES: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.NotEq: ast.Eq,
    ast.GtE: ast.Lt,
    ast.LtE: ast.Gt,
}


def _atom(node: ast.expr) -> tuple[str, bool]:
    """A comparison or a field as it is compared with others, and whether it is meant as it stands or turned round."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        opposite = _OPPOSITES.get(type(node.ops[0]))
        if opposite is not None:
            turned = ast.Compare(node.left, [opposite()], node.comparators)
            return ast.unparse(turned), False
    return ast.unparse(node), True


def _atoms(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.BoolOp(values=values):
            for value in values:
                yield from _atoms(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from _atoms(operand)
        case ast.Constant():
            pass
        case _:
            yield _atom(node)[0]


def _holds(node: ast.expr, case: Mapping[str, bool]) -> bool:
    """Whether it is true where its comparisons come out as in `case`."""
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_holds(value, case) for value in values)
        case ast.BoolOp(values=values):
            return any(_holds(value, case) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _holds(operand, case)
        case ast.Constant(value=value):
            return bool(value)
    atom, straight = _atom(node)
    return case[atom] is straight


def _copy(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str], options: Mapping[str, Scalar]) -> None:
        self._names = names
        self._options = options

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        step, field = _reference(node)
        new = self._names.get(step, step)
        return ast.Attribute(ast.Name(_STEP + _named(new), ast.Load()), field, ast.Load())

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if not node.id.startswith(_OPTION) or _option(node) not in self._options:
            return node
        return ast.Constant(self._options[_option(node)])
