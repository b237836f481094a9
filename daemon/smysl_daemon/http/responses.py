"""`/v1/responses`, as OpenAI has it. A response's id names the session that it is in, so that the next
request can go on from it.

Knows its JSON; never how a reply comes about. Reasoning arrives as items of type `reasoning`.
"""

import itertools
import re
import secrets
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from smysl_daemon.http.asking import (
    Called,
    Ended,
    Extra,
    Output,
    Reply,
    Said,
    Thought,
    Total,
    Turn,
    Usage,
    Wish,
    gathered,
)
from smysl_daemon.http.bodies import json_body
from smysl_daemon.http.conversation import response_turns
from smysl_daemon.http.facade import SESSION, Facade, headers_of, now
from smysl_daemon.http.failures import ApiError, failure, refused
from smysl_daemon.http.fields import checked, fields
from smysl_daemon.http.responding import EventsResponse, JsonResponse, event, unless_gone
from smysl_daemon.http.wishing import (
    NO_THINKING,
    Count,
    Share,
    Temperature,
    chosen,
    format_schema,
    openai_tools,
    taste,
)
from smysl_daemon.protocol import Show
from smysl_daemon.service import SessionShown

_ID = re.compile(r"resp_(?P<session>[0-9a-z]+)_[0-9a-f]{12}")
STATELESS = "0"
"""In the id of a response of a model by itself, which keeps no session."""


class TextOptions(msgspec.Struct, frozen=True):
    format: dict[str, Any] | None = None


class ReasoningOptions(msgspec.Struct, frozen=True):
    effort: str | None = None


class ResponseRequest(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    previous_response_id: str | None = None
    stream: bool = False
    max_output_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    text: TextOptions = TextOptions()
    tools: list[dict[str, Any]] = []
    tool_choice: str | dict[str, Any] = "auto"
    reasoning: ReasoningOptions = ReasoningOptions()
    metadata: dict[str, str] = {}
    smysl: Extra = Extra()


FIELDS = fields(
    ResponseRequest,
    (
        "user",
        "store",
        "include",
        "parallel_tool_calls",
        "service_tier",
        "stream_options",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
    ),
    {
        "background": ((False,), "wait for the response, or stream it"),
        "truncation": (("disabled",), "nothing is cut off here; shorten the input"),
        "conversation": ((), f"send previous_response_id or the header {SESSION}"),
        "prompt": ((), "prompts are not kept here; send the text"),
        "max_tool_calls": ((), "a response holds one call at most"),
        "top_logprobs": ((0,), "ask /v1/chat/completions"),
    },
)
Status = Literal["in_progress", "completed", "incomplete", "failed"]


async def responses(facade: Facade, request: Request) -> ASGIApp:
    body = await json_body(request.headers, request.stream())
    asked = checked(body, FIELDS, ResponseRequest)
    session = request.headers.get(SESSION)
    if asked.previous_response_id is not None:
        if session is not None:
            raise refused(
                f"previous_response_id and the header {SESSION} both name a session; send one",
                "previous_response_id",
            )
        session = session_of(asked.previous_response_id)
    reply = await facade.answer(await _wished(facade, asked, session))
    head = _Head(asked, reply.session)
    if asked.stream:
        return EventsResponse(_events(head, reply), reply, headers_of(reply))
    try:
        whole = await unless_gone(request.receive, gathered(reply, 1))
    finally:
        reply.leave()
    output = whole.outputs[0]
    items = [item for item in _items(output)]
    return JsonResponse(
        head.of(_status(output), items, whole.total, output), headers=headers_of(reply)
    )


def session_of(response: str) -> str:
    """The session that a response's id names. Raises `ApiError`."""
    found = _ID.fullmatch(response)
    if found is None:
        raise ApiError(
            404,
            f"response {response[:80]!r} is not here: its id is none of ours",
            code="previous_response_not_found",
            param="previous_response_id",
        )
    if found["session"] == STATELESS:
        raise refused(
            f"response {response!r} is of a model by itself, which keeps no session: send the whole "
            "conversation as input, or ask a program",
            "previous_response_id",
        )
    return found["session"]


async def _wished(facade: Facade, asked: ResponseRequest, session: str | None) -> Wish:
    tools, choice = chosen(openai_tools(asked.tools), asked.tool_choice)
    turns = response_turns(asked.input, asked.instructions)
    if asked.previous_response_id is not None and session is not None:
        turns = (*await _earlier(facade, session), *turns)
    return Wish(
        model=asked.model,
        turns=turns,
        max_tokens=asked.max_output_tokens,
        taste=taste(temperature=asked.temperature, top_p=asked.top_p),
        schema=format_schema(asked.text.format, "text.format"),
        tools=tools,
        tool_choice=choice,
        thinking=asked.reasoning.effort not in NO_THINKING,
        session=session,
        extra=asked.smysl,
    )


async def _earlier(facade: Facade, session: str) -> tuple[Turn, ...]:
    """What was asked and answered in a session: the client does not send it again."""
    shown = await facade.house.service.show(Show(id=session))
    assert isinstance(shown, SessionShown)
    roles: dict[str, Literal["user", "assistant"]] = {"question": "user", "answer": "assistant"}
    return tuple(
        Turn(roles[node.kind], node.text)
        for node in shown.nodes
        if node.kind in roles and node.text
    )


class _Head:
    """What every state of one response says of itself."""

    def __init__(self, asked: ResponseRequest, session: str | None) -> None:
        self._asked = asked
        self._id = f"resp_{session or STATELESS}_{secrets.token_hex(6)}"
        self._created = now()

    def of(
        self,
        status: Status,
        output: list[dict[str, Any]],
        total: Total | None = None,
        ended: Output | None = None,
        error: ApiError | None = None,
    ) -> dict[str, Any]:
        asked = self._asked
        cut = ended is not None and status == "incomplete"
        response: dict[str, Any] = {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "background": False,
            "error": None
            if error is None
            else {"code": error.code or "server_error", "message": error.message},
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "instructions": asked.instructions,
            "max_output_tokens": asked.max_output_tokens,
            "metadata": asked.metadata,
            "model": asked.model,
            "output": output,
            "parallel_tool_calls": False,
            "previous_response_id": asked.previous_response_id,
            "store": self._id.split("_")[1] != STATELESS,
            "temperature": asked.temperature,
            "text": {"format": asked.text.format or {"type": "text"}},
            "tool_choice": asked.tool_choice,
            "tools": asked.tools,
            "top_p": asked.top_p,
            "truncation": "disabled",
            "usage": None if total is None else _usage(total.usage),
        }
        if total is not None and total.outcome is not None:
            response["smysl"] = total.outcome
        return response


def _status(output: Output) -> Status:
    return "incomplete" if output.reason == "length" else "completed"


def _items(output: Output) -> Iterator[dict[str, Any]]:
    if output.thoughts:
        yield _reasoning(f"rs_{secrets.token_hex(12)}", output.thoughts)
    for call in output.calls:
        yield _function_call(call)
    if output.text or not output.calls:
        yield _message(f"msg_{secrets.token_hex(12)}", "completed", [_output_text(output.text)])


async def _events(head: _Head, reply: Reply) -> AsyncGenerator[bytes, None]:
    writer = _Writer(head)
    for one in writer.begin():
        yield one
    try:
        async for piece in reply.pieces():
            match piece:
                case Thought(text):
                    found = writer.grow("reasoning", text)
                case Said(text):
                    found = writer.grow("message", text)
                case Called():
                    found = writer.call(piece)
                case Ended(reason):
                    writer.output.reason = reason
                    found = writer.close()
                case Total():
                    found = writer.end(piece)
            for one in found:
                yield one
    except Exception as error:
        for one in writer.fail(failure(error)):
            yield one


class _Writer:
    """The events of one response, in order and numbered."""

    def __init__(self, head: _Head) -> None:
        self._head = head
        self._numbers = itertools.count()
        self._items: list[dict[str, Any]] = []
        self._open: str | None = None
        """Kind of the item that grows."""
        self._id = self._text = ""
        """Of it."""
        self.output = Output()

    def begin(self) -> Iterator[bytes]:
        response = self._head.of("in_progress", [])
        yield self._event("response.created", response=response)
        yield self._event("response.in_progress", response=response)

    def grow(self, kind: Literal["reasoning", "message"], text: str) -> Iterator[bytes]:
        if self._open != kind:
            yield from self.close()
            yield from self._begin_item(kind)
        self._text += text
        if text:
            named = "reasoning_text" if kind == "reasoning" else "output_text"
            more: dict[str, Any] = {} if kind == "reasoning" else {"logprobs": []}
            yield self._event(f"response.{named}.delta", **self._place(), delta=text, **more)

    def call(self, call: Called) -> Iterator[bytes]:
        yield from self.close()
        item = _function_call(call)
        at = {"output_index": len(self._items)}
        begun = item | {"status": "in_progress", "arguments": ""}
        yield self._event("response.output_item.added", **at, item=begun)
        place = at | {"item_id": item["id"]}
        yield self._event(
            "response.function_call_arguments.delta", **place, delta=item["arguments"]
        )
        yield self._event(
            "response.function_call_arguments.done",
            **place,
            name=item["name"],
            arguments=item["arguments"],
        )
        yield self._event("response.output_item.done", **at, item=item)
        self._items.append(item)

    def close(self) -> Iterator[bytes]:
        """End the item that grows, if one does."""
        if self._open is None:
            return
        kind, self._open = self._open, None
        place, text = self._place(), self._text
        if kind == "reasoning":
            yield self._event("response.reasoning_text.done", **place, text=text)
            item = _reasoning(self._id, text)
        else:
            yield self._event("response.output_text.done", **place, text=text, logprobs=[])
            part = _output_text(text)
            yield self._event("response.content_part.done", **place, part=part)
            item = _message(self._id, "completed", [part])
        yield self._event("response.output_item.done", output_index=len(self._items), item=item)
        self._items.append(item)

    def end(self, total: Total) -> Iterator[bytes]:
        status = _status(self.output)
        response = self._head.of(status, self._items, total, self.output)
        yield self._event(f"response.{status}", response=response)

    def fail(self, error: ApiError) -> Iterator[bytes]:
        yield from self.close()
        yield self._event(
            "response.failed", response=self._head.of("failed", self._items, error=error)
        )

    def _begin_item(self, kind: Literal["reasoning", "message"]) -> Iterator[bytes]:
        self._open, self._text = kind, ""
        at = {"output_index": len(self._items)}
        if kind == "reasoning":
            self._id = f"rs_{secrets.token_hex(12)}"
            item = _reasoning(self._id, "")
            yield self._event("response.output_item.added", **at, item=item)
            return
        self._id = f"msg_{secrets.token_hex(12)}"
        item = _message(self._id, "in_progress", [])
        yield self._event("response.output_item.added", **at, item=item)
        yield self._event("response.content_part.added", **self._place(), part=_output_text(""))

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._id, "output_index": len(self._items), "content_index": 0}

    def _event(self, kind: str, **fields: object) -> bytes:
        return event({"type": kind, "sequence_number": next(self._numbers), **fields}, kind)


def _reasoning(id: str, text: str) -> dict[str, Any]:
    content = [{"type": "reasoning_text", "text": text}] if text else []
    return {"type": "reasoning", "id": id, "summary": [], "content": content}


def _message(id: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "message",
        "id": id,
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _function_call(call: Called) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{secrets.token_hex(12)}",
        "call_id": f"call_{secrets.token_hex(12)}",
        "status": "completed",
        "name": call.name,
        "arguments": call.arguments,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.generated_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.generated_tokens,
    }
