"""Messages of each API as turns: who said what, in plain text.

Knows the APIs' message objects; never programs or models. What was thought in earlier turns is left
out, as the APIs do; a call of a tool and its result are told in words.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from smysl_daemon.http.asking import Role, Turn
from smysl_daemon.http.failures import ApiError, refused
from smysl_daemon.http.tools import spoken

MESSAGES_LIMIT = 2_000
TEXT_PARTS = ("text", "input_text", "output_text")
SILENT_PARTS = ("thinking", "redacted_thinking", "reasoning", "reasoning_text")


def chat_turns(messages: object) -> tuple[Turn, ...]:
    """Of `/v1/chat/completions`. Raises `ApiError` 400 naming the message."""
    found: list[Turn] = []
    names: dict[str, str] = {}
    for at, message in _objects(messages, "messages"):
        role = message.get("role")
        match role:
            case "system" | "developer":
                found.append(Turn("system", _text(message.get("content"), at)))
            case "user":
                found.append(Turn("user", _text(message.get("content"), at)))
            case "assistant":
                found += _assistant(message, names, at)
            case "tool" | "function":
                called = names.get(str(message.get("tool_call_id")), message.get("name"))
                found.append(_result(called, _text(message.get("content"), at)))
            case _:
                raise _role(role, "system, developer, user, assistant or tool", at)
    return tuple(found)


def _assistant(message: Mapping[str, Any], names: dict[str, str], at: str) -> list[Turn]:
    found = []
    content = message.get("content")
    if content is not None and (text := _text(content, at)):
        found.append(Turn("assistant", text))
    for place, call in _objects(message.get("tool_calls") or [], f"{at}.tool_calls"):
        function = call.get("function")
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise refused(f"{place}.function must be an object with a name", place)
        names[str(call.get("id"))] = function["name"]
        found.append(
            Turn("assistant", spoken(function["name"], str(function.get("arguments", ""))))
        )
    return found


def anthropic_turns(messages: object, system: object) -> tuple[Turn, ...]:
    """Of `/v1/messages`. Raises `ApiError` 400."""
    found = [] if system is None else [Turn("system", _text(system, "system"))]
    names: dict[str, str] = {}
    for at, message in _objects(messages, "messages"):
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant", "system"):
            raise _role(role, "user or assistant", at)
        if isinstance(content, str):
            found.append(Turn(role, content))
            continue
        text = ""
        for place, part in _objects(content, f"{at}.content"):
            match part.get("type"):
                case "tool_use":
                    name = str(part.get("name"))
                    names[str(part.get("id"))] = name
                    arguments = msgspec.json.encode(part.get("input") or {}).decode()
                    found.append(Turn("assistant", spoken(name, arguments)))
                case "tool_result":
                    called = names.get(str(part.get("tool_use_id")))
                    found.append(_result(called, _text(part.get("content") or "", place)))
                case _:
                    text += _part(part, place)
        if text:
            found.append(Turn(role, text))
    return tuple(found)


def response_turns(given: object, instructions: str | None) -> tuple[Turn, ...]:
    """Of `/v1/responses`: a text, or a list of items. Raises `ApiError` 400."""
    found = [] if instructions is None else [Turn("system", instructions)]
    if isinstance(given, str):
        return (*found, Turn("user", given))
    names: dict[str, str] = {}
    for at, item in _objects(given, "input"):
        match item.get("type", "message"):
            case "message":
                role = item.get("role")
                if role not in ("system", "developer", "user", "assistant"):
                    raise _role(role, "system, developer, user or assistant", at)
                said: Role = "system" if role == "developer" else role
                found.append(Turn(said, _text(item.get("content"), at)))
            case "reasoning":
                pass
            case "function_call":
                names[str(item.get("call_id"))] = name = str(item.get("name"))
                found.append(Turn("assistant", spoken(name, str(item.get("arguments", "")))))
            case "function_call_output":
                called = names.get(str(item.get("call_id")))
                found.append(_result(called, _text(item.get("output"), at)))
            case kind:
                raise refused(
                    f"{at}: items of type {kind!r} are not supported; send messages and results of "
                    "function calls",
                    at,
                )
    return tuple(found)


def _text(content: object, at: str) -> str:
    if isinstance(content, str):
        return content
    place = at if at == "system" else f"{at}.content"
    return "".join(_part(part, where) for where, part in _objects(content, place))


def _part(part: Mapping[str, Any], at: str) -> str:
    kind, text = part.get("type"), part.get("text")
    if kind in SILENT_PARTS:
        return ""
    if kind == "refusal" and isinstance(part.get("refusal"), str):
        return str(part["refusal"])
    if kind in TEXT_PARTS and isinstance(text, str):
        return text
    raise refused(f"{at}: parts of type {kind!r} are not supported; send text alone", at)


def _result(name: object, text: str) -> Turn:
    return Turn("user", f"Result of {name}: {text}" if name else f"Result: {text}")


def _role(role: object, wanted: str, at: str) -> ApiError:
    return refused(f"{at}.role is {role!r}; it must be {wanted}", f"{at}.role")


def _objects(values: object, at: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Each with its place."""
    if not isinstance(values, list):
        raise refused(f"{at} must be a text or a list of objects, not {_kind(values)}", at)
    if len(values) > MESSAGES_LIMIT:
        raise refused(f"{at} has {len(values)} entries; the limit is {MESSAGES_LIMIT}", at)
    found = []
    for number, value in enumerate(values):
        place = f"{at}[{number}]"
        if not isinstance(value, dict):
            raise refused(f"{place} must be an object, not {_kind(value)}", place)
        found.append((place, value))
    return found


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__
