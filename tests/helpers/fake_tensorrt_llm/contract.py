"""One version's signatures, and whether a call fits them.

Knows names, defaults and annotations as text; never what a call does.
"""

import ast
import enum
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

DATA = Path(__file__).parents[2] / "data" / "tensorrt_llm"
F = TypeVar("F", bound=Callable[..., Any])
CONTRACT_VARIABLE = "SMYSL_FAKE_CONTRACT"


class Parameter(msgspec.Struct, frozen=True):
    name: str
    kind: str
    default: str | None = None
    required: bool = False
    annotation: str | None = None


class Head(msgspec.Struct, frozen=True):
    version: str
    tensorrt: str | None
    engine_backend: bool
    source: str
    gaps: str | None = None


class Contract(msgspec.Struct, frozen=True):
    contract: Head
    signatures: dict[str, list[Parameter]]

    def parameters(self, name: str) -> list[Parameter]:
        return [
            parameter
            for parameter in self.signatures[name]
            if parameter.kind in ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY")
        ]

    def bind(
        self, name: str, positional: Sequence[Any], keywords: Mapping[str, Any]
    ) -> dict[str, Any]:
        """As Python would: `TypeError` for what the signature has not, or does without."""
        parameters = self.parameters(name)
        in_order = [p for p in parameters if p.kind == "POSITIONAL_OR_KEYWORD"]
        if len(positional) > len(in_order):
            raise TypeError(f"{name}() takes {len(in_order)} positional arguments")
        given = {p.name: value for p, value in zip(in_order, positional, strict=False)}
        for key, value in keywords.items():
            if key in given:
                raise TypeError(f"{name}() got multiple values for argument {key!r}")
            if key not in {p.name for p in parameters}:
                raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")
            given[key] = value
        for p in parameters:
            if p.required and p.name not in given:
                raise TypeError(f"{name}() missing a required argument: {p.name!r}")
            if p.name in given:
                check(f"{name}({p.name})", given[p.name], p.annotation)
        return given


def signed(name: str) -> Callable[[F], F]:
    """A method that `inspect` sees with the contract's signature."""

    def decorate(method: F) -> F:
        kinds = inspect.Parameter
        own = kinds("self", kinds.POSITIONAL_OR_KEYWORD)
        given = [
            kinds(p.name, getattr(kinds, p.kind), default=kinds.empty if p.required else None)
            for p in current().parameters(name)
        ]
        vars(method)["__signature__"] = inspect.Signature([own, *given])
        return method

    return decorate


@cache
def load(name: str) -> Contract:
    return msgspec.json.decode((DATA / f"{name}.json").read_bytes(), type=Contract)


def current() -> Contract:
    return load(os.environ[CONTRACT_VARIABLE])


def check(where: str, value: Any, annotation: str | None) -> None:
    """Raises `TypeError` for a value of another type than annotated."""
    if annotation is not None and not _fits(value, ast.parse(annotation, mode="eval").body):
        raise TypeError(f"{where} must be {annotation}, not {type(value).__name__}: {value!r:.80}")


def default_of(parameter: Parameter, known: Mapping[str, Any]) -> Any:
    """`known`: classes and enumerations by name, for defaults that name one."""
    text = parameter.default
    if text is None or text == "None":
        return None
    if text.startswith("factory:"):
        return known[text.removeprefix("factory:")]()
    try:
        return ast.literal_eval(text)
    except ValueError:
        kind, _, member = text.rpartition(".")
        return getattr(known.get(kind), member, text)


def _fits(value: Any, expected: ast.expr) -> bool:
    match expected:
        case ast.Constant(value=None):
            return value is None
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _is_a(value, name)
        case ast.Subscript(value=ast.Name(id=outer), slice=inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _fits_generic(value, outer, parts)
    raise NotImplementedError(ast.unparse(expected))


def _fits_generic(value: Any, outer: str, parts: Sequence[ast.expr]) -> bool:
    match outer:
        case "Optional":
            return value is None or _fits(value, parts[0])
        case "Union":
            return any(_fits(value, part) for part in parts)
        case "Literal":
            return value in [ast.literal_eval(part) for part in parts]
        case "List" | "list" | "Sequence":
            return isinstance(value, list) and all(_fits(each, parts[0]) for each in value)
        case "Dict" | "dict" | "Mapping":
            return isinstance(value, Mapping)
        case "Annotated":
            return _fits(value, parts[0]) and all(_bounded(value, bound) for bound in parts[1:])
    raise NotImplementedError(outer)


def _bounded(value: Any, bound: ast.expr) -> bool:
    assert isinstance(bound, ast.Call) and isinstance(bound.func, ast.Name)
    limit = ast.literal_eval(bound.args[0])
    return bool({"Ge": value >= limit, "Gt": value > limit, "Le": value <= limit}[bound.func.id])


def _is_a(value: Any, name: str) -> bool:
    match name:
        case "Any" | "object":
            return True
        case "str":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "dict":
            return isinstance(value, dict)
        case "Path":
            return isinstance(value, Path)
        case "PositiveInt":
            return isinstance(value, int) and value > 0
        case "NonNegativeInt":
            return isinstance(value, int) and value >= 0
        case "PromptInputs":
            # a text, token ids, or a dictionary of either
            ids = isinstance(value, list) and all(type(each) is int for each in value)
            return ids or isinstance(value, str | dict)
        case "Tensor":
            return hasattr(value, "cpu")
    if isinstance(value, enum.Enum) and type(value).__name__ == name:
        return True
    return any(base.__name__ == name for base in type(value).__mro__)
