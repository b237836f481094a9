"""A JSON schema as a grammar: one JSON value, spaced as `json.dumps` does, properties in order.

What cannot be said in a grammar without loss is refused by its keyword. Knows JSON; never a token.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from smysl_engines.base import BadCall
from smysl_engines.tensorrt_llm.ebnf import (
    EMPTY,
    Expression,
    Named,
    Rules,
    Text,
    char,
    either,
    none_of,
    one_of,
    repeat,
    row,
)

INTEGERS = 1000
"""Of a range of integers that is written number by number."""
_IGNORED = frozenset(
    "title description default examples $schema $id $comment $anchor deprecated readOnly writeOnly"
    " $defs definitions".split()
)
_COMBINING = frozenset(("enum", "const", "anyOf", "$ref"))
_BY_TYPE = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"minLength", "maxLength"},
    "integer": {"minimum", "maximum"},
    "number": {"minimum", "maximum"},
    "boolean": set[str](),
    "null": set[str](),
}
_REFUSED = frozenset(
    "allOf oneOf not if then else dependentRequired dependentSchemas contains minContains maxContains"
    " uniqueItems prefixItems unevaluatedItems unevaluatedProperties propertyNames patternProperties"
    " minProperties maxProperties multipleOf exclusiveMinimum exclusiveMaximum pattern format"
    " contentEncoding contentMediaType contentSchema $dynamicRef $recursiveRef".split()
)
_QUOTE = Text('"')
_DIGIT = one_of((48, 57))
_WHOLE = either(Text("0"), row(one_of((49, 57)), repeat(_DIGIT)))
_MINUS = repeat(Text("-"), 0, 1)
_INTEGER = row(_MINUS, _WHOLE)
_NUMBER = row(
    _MINUS,
    _WHOLE,
    repeat(row(Text("."), repeat(_DIGIT, 1)), 0, 1),
    repeat(
        row(
            one_of(char("e"), char("E")),
            repeat(one_of(char("+"), char("-")), 0, 1),
            repeat(_DIGIT, 1),
        ),
        0,
        1,
    ),
)
_CHARACTER = either(
    none_of(char('"'), char("\\"), (0, 0x1F), (0x7F, 0x7F)),
    row(Text("\\"), one_of(*map(char, '"\\bfnrt'))),
)
_VALUE = "json_value"


def of_schema(text: str) -> Rules:
    """Raises `BadCall` for a keyword that cannot be kept to exactly, or text that is no schema."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadCall(f"JsonSchema cannot be used: it is not JSON ({error})") from error
    return _Writer(schema).rules()


class _Writer:
    """The rules of one schema."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._rules: dict[str, Expression] = {}
        self._names: dict[str, str] = {}
        """Of rules, by the pointer they stand for."""

    def rules(self) -> Rules:
        try:
            start = self._of(self._schema, ())
        except RecursionError:
            raise _refusal("it is nested too deeply") from None
        return Rules(start, self._rules)

    def _of(self, schema: Any, seen: tuple[str, ...]) -> Expression:
        """`seen`: pointers that led here without a character in between."""
        if schema is True or schema == {}:
            return self._any()
        if not isinstance(schema, dict):
            raise _refusal(f"a schema is {schema!r:.60}, which nothing fits or which is no object")
        for keyword in schema:
            if keyword in _REFUSED:
                raise _refusal(f"the keyword {keyword!r} cannot be kept to")
        if used := sorted(_COMBINING & schema.keys()):
            return self._combined(schema, used, seen)
        kinds = schema.get("type", list(_BY_TYPE))
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not isinstance(kinds, list) or not kinds or any(kind not in _BY_TYPE for kind in kinds):
            raise _refusal(f"its type is {schema['type']!r:.60}")
        if "number" in kinds:
            # an integer is a number
            kinds = [
                kind
                for kind in kinds
                if kind != "integer" or "minimum" in schema or "maximum" in schema
            ]
        return either(*(self._typed(kind, schema) for kind in kinds))

    def _combined(
        self, schema: dict[str, Any], used: Sequence[str], seen: tuple[str, ...]
    ) -> Expression:
        others = schema.keys() - _IGNORED - set(used) - {"type"}
        if len(used) > 1 or any(others & keywords for keywords in _BY_TYPE.values()):
            raise _refusal(f"{used[0]!r} goes with other keywords in one schema")
        value = schema[used[0]]
        match used[0]:
            case "const":
                values = [value]
            case "enum" if isinstance(value, list) and value:
                values = value
            case "anyOf" if isinstance(value, list) and value and "type" not in schema:
                return either(*(self._of(option, seen) for option in value))
            case "$ref" if isinstance(value, str) and "type" not in schema:
                return self._referred(value, seen)
            case keyword:
                raise _refusal(f"its {keyword!r} is {value!r:.60}")
        kinds = schema.get("type", list(_BY_TYPE))
        kinds = [kinds] if isinstance(kinds, str) else kinds
        kept = [each for each in values if any(_is(each, kind) for kind in kinds)]
        if not kept:
            raise _refusal(f"no value of its {used[0]!r} is of its type")
        return either(*(Text(json.dumps(each, ensure_ascii=False)) for each in kept))

    def _referred(self, pointer: str, seen: tuple[str, ...]) -> Expression:
        if pointer in seen:
            raise _refusal(f"$ref {pointer!r} leads to itself")
        if (name := self._names.get(pointer)) is None:
            name = self._names[pointer] = f"ref_{len(self._names)}"
            self._rules[name] = self._of(self._at(pointer), (*seen, pointer))
        return Named(name)

    def _at(self, pointer: str) -> Any:
        found = self._schema
        if pointer != "#" and not pointer.startswith("#/"):
            raise _refusal(f"$ref {pointer!r} leads out of the schema")
        for part in pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise _refusal(f"$ref {pointer!r} leads nowhere")
            found = found[key]
        return found

    def _typed(self, kind: str, schema: Mapping[str, Any]) -> Expression:
        match kind:
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema)
            case "string":
                least, most = _bounds(schema, "minLength", "maxLength")
                return row(_QUOTE, repeat(_CHARACTER, least, most), _QUOTE)
            case "integer":
                return _integer(schema)
            case "number":
                if bound := next((name for name in ("minimum", "maximum") if name in schema), None):
                    raise _refusal(
                        f"the {bound} of a number that may have a fraction cannot be kept to"
                    )
                return _NUMBER
            case "boolean":
                return either(Text("true"), Text("false"))
            case _:
                return Text("null")

    def _array(self, schema: Mapping[str, Any]) -> Expression:
        least, most = _bounds(schema, "minItems", "maxItems")
        item = self._of(schema.get("items", True), ())
        if most == 0:
            return Text("[]")
        more = repeat(row(Text(", "), item), max(0, least - 1), None if most is None else most - 1)
        filled = row(Text("["), item, more, Text("]"))
        return filled if least else either(Text("[]"), filled)

    def _object(self, schema: Mapping[str, Any]) -> Expression:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        extra = schema.get("additionalProperties", True)
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise _refusal("its properties or required are of the wrong type")
        if unknown := [name for name in required if name not in properties]:
            raise _refusal(f"it requires {unknown[0]!r}, which is not among its properties")
        if properties and extra is not False:
            raise _refusal("it allows properties it does not name; add additionalProperties: false")
        if not properties:
            return Text("{}") if extra is False else self._map(extra)
        fields = [
            row(Text(json.dumps(name, ensure_ascii=False) + ": "), self._of(value, ()))
            for name, value in properties.items()
        ]
        needed = [name in required for name in properties]
        return row(Text("{"), self._fields(fields, needed), Text("}"))

    def _fields(self, fields: Sequence[Expression], needed: Sequence[bool]) -> Expression:
        """By which field is the first of those that are there."""
        options = []
        for first, field in enumerate(fields):
            following = (
                repeat(row(Text(", "), other), int(must), 1)
                for other, must in zip(fields[first + 1 :], needed[first + 1 :], strict=True)
            )
            options.append(row(field, *following))
            if needed[first]:
                break
        else:
            options.append(EMPTY)
        return either(*options)

    def _map(self, extra: Any) -> Expression:
        """Of any names."""
        field = row(_QUOTE, repeat(_CHARACTER), Text('": '), self._of(extra, ()))
        filled = row(Text("{"), field, repeat(row(Text(", "), field)), Text("}"))
        return either(Text("{}"), filled)

    def _any(self) -> Expression:
        if _VALUE not in self._rules:
            self._rules[_VALUE] = EMPTY  # while it is written, it is referred to
            everything = [kind for kind in _BY_TYPE if kind != "integer"]
            self._rules[_VALUE] = either(*(self._typed(kind, {}) for kind in everything))
        return Named(_VALUE)


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> tuple[int, int | None]:
    low, high = schema.get(least, 0), schema.get(most)
    for name, value in ((least, low), (most, 0 if high is None else high)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise _refusal(f"its {name} is {value!r:.60}")
    if high is not None and high < low:
        raise _refusal(f"its {most} is {high}, below {least} {low}")
    return low, high


def _integer(schema: Mapping[str, Any]) -> Expression:
    low, high = schema.get("minimum"), schema.get("maximum")
    for value in (low, high):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise _refusal(f"a bound of its integer is {value!r:.60}")
    match low, high:
        case None, None:
            return _INTEGER
        case 0, None:
            return _WHOLE
        case 1, None:
            return row(one_of((49, 57)), repeat(_DIGIT))
        case int(), int() if 0 <= high - low < INTEGERS:
            return either(*(Text(str(number)) for number in range(low, high + 1)))
    raise _refusal(
        f"its integers go from {low} to {high}; a range of up to {INTEGERS}, or from 0 or 1 on, can be "
        "kept to"
    )


def _is(value: Any, kind: str) -> bool:
    match value:
        case None:
            return kind == "null"
        case bool():
            return kind == "boolean"
        case int():
            return kind in ("integer", "number")
        case float():
            return kind == "number" or (kind == "integer" and value.is_integer())
        case str():
            return kind == "string"
        case list():
            return kind == "array"
    return kind == "object"


def _refusal(what: str) -> BadCall:
    return BadCall(
        f"JsonSchema cannot be used: {what}. TensorRT-LLM's engines take the keywords that "
        "docs/engines.md lists for them; an ONNX engine takes more."
    )
