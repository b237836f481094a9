"""Fields that several APIs share, as parts of a wish.

Knows those fields' shapes; never one API's whole request.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from smysl_daemon.http.asking import Taste, Tool
from smysl_daemon.http.failures import refused
from smysl_daemon.http.fields import converted

STOPS_LIMIT = 16
TOOLS_LIMIT = 128
Temperature = Annotated[float, msgspec.Meta(ge=0, le=2)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Least = Annotated[float, msgspec.Meta(ge=0, le=1)]
Penalty = Annotated[float, msgspec.Meta(gt=0, le=10)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Kept = Annotated[int, msgspec.Meta(ge=-1)]
"""-1 keeps all, as elsewhere; so does 0."""
PENALTIES: dict[str, tuple[tuple[object, ...], str]] = {
    name: ((0, 0.0), "set repetition_penalty instead")
    for name in ("frequency_penalty", "presence_penalty")
}


NO_THINKING = ("none", "minimal")
"""Values of `reasoning_effort` for which a model does not think first."""


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = False


def taste(
    *,
    temperature: float | None = None,
    top_p: float | None = None,
    top_k: int | None = None,
    min_p: float | None = None,
    repetition_penalty: float | None = None,
    logit_bias: dict[str, float] | None = None,
) -> Taste:
    given = {
        "temperature": temperature,
        "top_p": top_p,
        "top_k": None if top_k is None else max(0, top_k),
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "logit_bias": None if logit_bias is None else _bias(logit_bias),
    }
    return converted({name: value for name, value in given.items() if value is not None}, Taste)


def stops(given: str | Sequence[str] | None) -> tuple[str, ...]:
    """Raises `ApiError` for too many, and for an empty one."""
    if given is None:
        return ()
    found = (given,) if isinstance(given, str) else tuple(given)
    if len(found) > STOPS_LIMIT:
        raise refused(f"stop has {len(found)} texts; the limit is {STOPS_LIMIT}", "stop")
    if "" in found:
        raise refused("stop holds an empty text, which would end every output at once", "stop")
    return found


def format_schema(given: dict[str, Any] | None, at: str) -> str | None:
    """The JSON schema that `response_format` asks for: `{"type": "json_schema", "json_schema":
    {"schema": ...}}` or, as in Responses, with the schema beside the type. Raises `ApiError`."""
    match None if given is None else given.get("type"):
        case None if given is None:
            return None
        case "text":
            return None
        case "json_object":
            return '{"type":"object"}'
        case "json_schema":
            assert given is not None
            inner = given.get("json_schema", given)
            schema = inner.get("schema") if isinstance(inner, dict) else None
            if not isinstance(schema, dict):
                raise refused(f"{at} holds no schema: it must be an object", f"{at}.json_schema")
            plain = {key: value for key, value in schema.items() if key != "$schema"}
            return msgspec.json.encode(plain).decode()
        case kind:
            raise refused(f"{at}.type is {kind!r}; it must be text, json_object or json_schema", at)


def tool(name: object, description: object, parameters: object, at: str) -> Tool:
    """Raises `ApiError` naming the tool."""
    if not isinstance(name, str) or not name:
        raise refused(f"{at} has no name", at)
    if parameters is not None and not isinstance(parameters, dict):
        raise refused(f"{at}: the parameters of {name!r} must be a JSON schema (an object)", at)
    return Tool(name=name, description=str(description or ""), parameters=parameters)


def openai_tools(given: Sequence[dict[str, Any]] | None) -> tuple[Tool, ...]:
    """Of chat completions (under `function`) and of Responses (flat). Raises `ApiError`."""
    found = []
    for number, one in enumerate(given or ()):
        at = f"tools[{number}]"
        if one.get("type") != "function":
            raise refused(
                f"{at}.type is {one.get('type')!r}; only function tools can be called", at
            )
        inner = one.get("function", one)
        if not isinstance(inner, dict):
            raise refused(f"{at}.function must be an object", at)
        found.append(tool(inner.get("name"), inner.get("description"), inner.get("parameters"), at))
    return _distinct(found)


def anthropic_tools(given: Sequence[dict[str, Any]] | None) -> tuple[Tool, ...]:
    found = []
    for number, one in enumerate(given or ()):
        at = f"tools[{number}]"
        if one.get("type") not in (None, "custom"):
            raise refused(
                f"{at}.type is {one['type']!r}; only the client's own tools can be called", at
            )
        found.append(tool(one.get("name"), one.get("description"), one.get("input_schema"), at))
    return _distinct(found)


def chosen(tools: tuple[Tool, ...], choice: object) -> tuple[tuple[Tool, ...], str]:
    """The tools that may be called, and which has to be, as `Wish.tool_choice`. Takes the forms of
    all three APIs. Raises `ApiError`."""
    kind = choice.get("type") if isinstance(choice, dict) else choice
    if kind == "none":
        return (), "auto"
    if kind in (None, "auto"):
        return tools, "auto"
    if not tools:
        raise refused("tool_choice asks for a call, but there are no tools", "tool_choice")
    if kind in ("required", "any"):
        return tools, "required"
    if kind in ("function", "tool") and isinstance(choice, dict):
        inner = choice.get("function", choice)
        name = inner.get("name") if isinstance(inner, dict) else None
        if isinstance(name, str):
            return tools, f":{name}"
    raise refused(
        f"tool_choice is {choice!r}, which names no tool and no way to choose", "tool_choice"
    )


def _distinct(found: list[Tool]) -> tuple[Tool, ...]:
    if len(found) > TOOLS_LIMIT:
        raise refused(f"tools holds {len(found)} functions; the limit is {TOOLS_LIMIT}", "tools")
    names: set[str] = set()
    for one in found:
        if one.name in names:
            raise refused(f"tools holds {one.name!r} twice", "tools")
        names.add(one.name)
    return tuple(found)


def _bias(given: dict[str, float]) -> tuple[tuple[int, float], ...]:
    found = []
    for token, value in given.items():
        if not token.isdecimal():
            raise refused(f"logit_bias names {token[:40]!r}; its keys are token ids", "logit_bias")
        if not -100 <= value <= 100:
            raise refused(
                f"logit_bias of {token} is {value}; it must be from -100 to 100", "logit_bias"
            )
        found.append((int(token), float(value)))
    return tuple(found)
