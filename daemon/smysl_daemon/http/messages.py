"""`/v1/messages` and `/v1/messages/count_tokens`, as Anthropic has them.

Knows their JSON; never how a reply comes about. Reasoning arrives as `thinking` blocks.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from smysl_daemon.http import tools as function_calls
from smysl_daemon.http.asking import (
    Called,
    Ended,
    Extra,
    Output,
    Reply,
    Said,
    Thought,
    Total,
    Usage,
    Wish,
    gathered,
)
from smysl_daemon.http.bodies import json_body
from smysl_daemon.http.calls import joined
from smysl_daemon.http.conversation import anthropic_turns
from smysl_daemon.http.facade import SESSION, Facade, headers_of
from smysl_daemon.http.failures import failure
from smysl_daemon.http.fields import checked, fields
from smysl_daemon.http.programs import told
from smysl_daemon.http.responding import EventsResponse, JsonResponse, event, unless_gone
from smysl_daemon.http.wishing import (
    Count,
    Kept,
    Share,
    Temperature,
    anthropic_tools,
    chosen,
    stops,
    taste,
)

HARMLESS = ("metadata", "service_tier", "output_config", "container", "inference_geo")
REFUSED: dict[str, tuple[tuple[object, ...], str]] = {
    "mcp_servers": (([],), "nothing is called from here"),
    "context_management": ((), "nothing is cut off here; shorten the messages"),
}


class ThinkingOptions(msgspec.Struct, frozen=True):
    type: str = "enabled"


class MessagesRequest(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    messages: list[dict[str, Any]]
    max_tokens: Count
    system: str | list[dict[str, Any]] | None = None
    stop_sequences: list[str] | None = None
    stream: bool = False
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Kept | None = None
    tools: list[dict[str, Any]] = []
    tool_choice: dict[str, Any] | None = None
    thinking: ThinkingOptions = ThinkingOptions()
    smysl: Extra = Extra()


class CountRequest(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    messages: list[dict[str, Any]]
    system: str | list[dict[str, Any]] | None = None
    tools: list[dict[str, Any]] = []
    tool_choice: dict[str, Any] | None = None
    thinking: ThinkingOptions = ThinkingOptions()


FIELDS = fields(MessagesRequest, HARMLESS, REFUSED)
COUNT_FIELDS = fields(CountRequest, HARMLESS, REFUSED)


async def messages(facade: Facade, request: Request) -> ASGIApp:
    body = await json_body(request.headers, request.stream())
    asked = checked(body, FIELDS, MessagesRequest)
    tools, choice = chosen(anthropic_tools(asked.tools), asked.tool_choice)
    turns = anthropic_turns(asked.messages, asked.system)
    wish = Wish(
        model=asked.model,
        turns=turns,
        # in this API, and in no other
        continued=bool(turns) and turns[-1].role == "assistant",
        max_tokens=asked.max_tokens,
        stop=stops(asked.stop_sequences),
        taste=taste(temperature=asked.temperature, top_p=asked.top_p, top_k=asked.top_k),
        tools=tools,
        tool_choice=choice,
        thinking=asked.thinking.type != "disabled",
        session=request.headers.get(SESSION),
        extra=asked.smysl,
    )
    reply = await facade.answer(wish)
    head = {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
    }
    if asked.stream:
        return EventsResponse(_events(head, reply), reply, headers_of(reply))
    try:
        whole = await unless_gone(request.receive, gathered(reply, 1))
    finally:
        reply.leave()
    output = whole.outputs[0]
    value: dict[str, Any] = head | {
        "content": list(_blocks(output)),
        **_stopped(output.reason, output.stop),
        "usage": _usage(whole.total.usage),
    }
    if whole.total.outcome is not None:
        value["smysl"] = whole.total.outcome
    return JsonResponse(value, headers=headers_of(reply))


async def count_tokens(facade: Facade, request: Request) -> ASGIApp:
    body = await json_body(request.headers, request.stream())
    asked = checked(body, COUNT_FIELDS, CountRequest)
    known = await facade.catalogue()
    named = known.find(asked.model)
    await known.require_chat(named)
    tools, choice = chosen(anthropic_tools(asked.tools), asked.tool_choice)
    turns = anthropic_turns(asked.messages, asked.system)
    generator = known.generator
    if generator is None:
        return JsonResponse({"input_tokens": 0})
    if named.kind == "program":
        question, context, _ = told(turns, chats=generator.chats)
        ids = await asyncio.to_thread(generator.ids, f"{context}\n{question}".strip())
    else:
        spoken: list[tuple[str, str]] = [(turn.role, turn.text) for turn in turns]
        if tools:
            spoken.insert(0, ("system", function_calls.instructions(tools, choice)))
        ids = await asyncio.to_thread(generator.conversation, joined(spoken), thinking=not tools)
    return JsonResponse({"input_tokens": len(ids)})


def _blocks(output: Output) -> Iterator[dict[str, Any]]:
    if output.thoughts:
        yield {"type": "thinking", "thinking": output.thoughts, "signature": ""}
    if output.text or not output.calls:
        yield {"type": "text", "text": output.text}
    for call in output.calls:
        yield _tool_use(call) | {"input": msgspec.json.decode(call.arguments)}


async def _events(head: dict[str, Any], reply: Reply) -> AsyncGenerator[bytes, None]:
    start = head | {"content": [], **_stopped(None, None), "usage": _usage(Usage())}
    yield event({"type": "message_start", "message": start}, "message_start")
    blocks = _Blocks()
    last: Ended | None = None
    try:
        async for piece in reply.pieces():
            match piece:
                case Thought(text):
                    found = blocks.grow("thinking", text)
                case Said(text):
                    found = blocks.grow("text", text)
                case Called():
                    found = blocks.call(piece)
                case Ended():
                    last = piece
                    found = blocks.close()
                case Total():
                    assert last is not None
                    found = _ending(last, piece)
            for one in found:
                yield one
    except Exception as error:
        yield event(failure(error).body("anthropic"), "error")


def _ending(end: Ended, total: Total) -> Iterator[bytes]:
    delta: dict[str, Any] = {
        "type": "message_delta",
        "delta": _stopped(end.reason, end.stop),
        "usage": _usage(total.usage),
    }
    if total.outcome is not None:
        delta["smysl"] = total.outcome
    yield event(delta, "message_delta")
    yield event({"type": "message_stop"}, "message_stop")


class _Blocks:
    """The content blocks of one message, one after the other."""

    def __init__(self) -> None:
        self._index = 0
        self._open: str | None = None

    def grow(self, kind: Literal["thinking", "text"], text: str) -> Iterator[bytes]:
        if self._open != kind:
            yield from self.close()
            block = {"type": kind, kind: ""} | ({"signature": ""} if kind == "thinking" else {})
            yield self._event("content_block_start", content_block=block)
            self._open = kind
        if text:
            yield self._event("content_block_delta", delta={"type": f"{kind}_delta", kind: text})

    def call(self, call: Called) -> Iterator[bytes]:
        yield from self.close()
        yield self._event("content_block_start", content_block=_tool_use(call) | {"input": {}})
        self._open = "tool_use"
        yield self._event(
            "content_block_delta",
            delta={"type": "input_json_delta", "partial_json": call.arguments},
        )
        yield from self.close()

    def close(self) -> Iterator[bytes]:
        if self._open is None:
            return
        if self._open == "thinking":
            yield self._event(
                "content_block_delta", delta={"type": "signature_delta", "signature": ""}
            )
        yield self._event("content_block_stop")
        self._open = None
        self._index += 1

    def _event(self, kind: str, **fields: object) -> bytes:
        return event({"type": kind, "index": self._index, **fields}, kind)


def _tool_use(call: Called) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}", "name": call.name}


def _stopped(reason: str | None, stop: str | None) -> dict[str, Any]:
    names = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", None: None}
    return {
        "stop_reason": names[reason] if stop is None else "stop_sequence",
        "stop_sequence": stop,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    """What was cached is no part of `input_tokens` in this API."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.generated_tokens,
    }
