"""Function calls by constrained JSON: what a model is told of tools, and how its words become a call.

Knows tools and JSON; never an API or an engine.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from smysl_daemon.http.asking import Tool
from smysl_daemon.http.failures import refused

REPLY, TOOL, ARGUMENTS = "reply", "tool", "arguments"


def output_schema(tools: Sequence[Tool], choice: str) -> str:
    """What an output has to fit: a call of one of the tools or, unless one is required, a reply.
    `choice` as in `Wish.tool_choice`. Raises `ApiError` for a tool that is not there."""
    names = [tool.name for tool in tools]
    if choice.startswith(":"):
        if choice[1:] not in names:
            raise refused(
                f"tool_choice names {choice[1:]!r}; the tools are {', '.join(names)}", "tool_choice"
            )
        tools = [tool for tool in tools if tool.name == choice[1:]]
    shapes = [_call(tool) for tool in tools]
    if choice == "auto":
        shapes.append(_shape({REPLY: {"type": "string"}}))
    schema = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    return msgspec.json.encode(schema).decode()


def instructions(tools: Sequence[Tool], choice: str) -> str:
    """What the model is told, in its system message."""
    lines = ["You can call these functions:"]
    for tool in tools:
        parameters = msgspec.json.encode(tool.parameters or {"type": "object"}).decode()
        about = f": {tool.description.strip()}" if tool.description.strip() else ""
        lines.append(f"- {tool.name}{about}\n  arguments (JSON schema): {parameters}")
    lines.append(f'To call one, write {{"{TOOL}": its name, "{ARGUMENTS}": its arguments}}.')
    if choice == "auto":
        lines.append(
            f'Where none is needed, or you have their results, write {{"{REPLY}": your answer}}.'
        )
    elif choice.startswith(":"):
        lines.append(f"Call {choice[1:]} now.")
    return "\n".join(lines)


def spoken(name: str, arguments: str) -> str:
    """A call as the model would have written it: for earlier turns."""
    try:
        value: Any = msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError as error:
        raise refused(
            f"the arguments of a call of {name!r} are not JSON: {error}", "messages"
        ) from None
    return msgspec.json.encode({TOOL: name, ARGUMENTS: value}).decode()


def heard(text: str) -> tuple[str, str] | str | None:
    """Name and arguments of a call, or a reply; None for an output that was cut off."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    if not isinstance(found, dict):
        return None
    if isinstance(found.get(TOOL), str):
        return found[TOOL], msgspec.json.encode(found.get(ARGUMENTS, {})).decode()
    reply = found.get(REPLY)
    return reply if isinstance(reply, str) else None


def _call(tool: Tool) -> dict[str, Any]:
    parameters = dict(tool.parameters or {"type": "object"})
    # of no meaning for what fits
    parameters.pop("$schema", None)
    return _shape({TOOL: {"const": tool.name}, ARGUMENTS: parameters})


def _shape(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
