"""`/v1/chat/completions`, as OpenAI has it.

Knows its JSON; never how a reply comes about. Reasoning arrives as `reasoning_content`.
"""

import secrets
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from smysl_daemon.http.asking import (
    TOP_LIMIT,
    Called,
    Ended,
    Extra,
    Output,
    Reply,
    Said,
    Thought,
    TokenScore,
    Total,
    Usage,
    Whole,
    Wish,
    gathered,
    readable,
)
from smysl_daemon.http.bodies import json_body
from smysl_daemon.http.conversation import chat_turns
from smysl_daemon.http.facade import SESSION, Facade, headers_of, now
from smysl_daemon.http.failures import failure, refused
from smysl_daemon.http.fields import checked, fields
from smysl_daemon.http.responding import EventsResponse, JsonResponse, event, unless_gone
from smysl_daemon.http.wishing import (
    NO_THINKING,
    PENALTIES,
    Count,
    Kept,
    Least,
    Penalty,
    Share,
    StreamOptions,
    Temperature,
    chosen,
    format_schema,
    openai_tools,
    stops,
    taste,
)

HARMLESS = (
    "user",
    "metadata",
    "store",
    "service_tier",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
)
REFUSED: dict[str, tuple[tuple[object, ...], str]] = PENALTIES | {
    "audio": ((), "output is text"),
    "modalities": ((["text"],), "output is text"),
    "prediction": ((), "repeated text is guessed without it"),
    "functions": (([],), "send tools instead"),
    "function_call": (("none", "auto"), "send tool_choice instead"),
    "verbosity": (("medium",), "say in the messages how long an answer should be"),
    "web_search_options": ((), "this machine is not asked to go out"),
}


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    messages: list[dict[str, Any]]
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Kept | None = None
    min_p: Least | None = None
    repetition_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] = 1
    seed: int | None = None
    stop: str | list[str] | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=TOP_LIMIT)] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    reasoning_effort: str | None = None
    smysl: Extra = Extra()


FIELDS = fields(ChatRequest, HARMLESS, REFUSED)


async def chat_completions(facade: Facade, request: Request) -> ASGIApp:
    body = await json_body(request.headers, request.stream())
    asked = checked(body, FIELDS, ChatRequest)
    wish = wished(asked, request.headers.get(SESSION))
    reply = await facade.answer(wish)
    head = _Head(asked.model, facade.house.service.model.fingerprint)
    if asked.stream:
        events = _events(head, reply, asked.n, asked.stream_options.include_usage)
        return EventsResponse(events, reply, headers_of(reply))
    try:
        whole = await unless_gone(request.receive, gathered(reply, asked.n))
    finally:
        reply.leave()
    return JsonResponse(_completion(head, whole, asked.logprobs), headers=headers_of(reply))


def wished(asked: ChatRequest, session: str | None) -> Wish:
    """Raises `ApiError` naming the field that is wrong."""
    if asked.top_logprobs is not None and not asked.logprobs:
        raise refused("top_logprobs needs logprobs to be true", "top_logprobs")
    tools, choice = chosen(openai_tools(asked.tools), asked.tool_choice)
    schema = format_schema(asked.response_format, "response_format")
    if tools and schema is not None:
        raise refused("response_format and tools exclude each other; leave one out", "tools")
    return Wish(
        model=asked.model,
        turns=chat_turns(asked.messages),
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        stop=stops(asked.stop),
        n=asked.n,
        seed=asked.seed,
        taste=taste(
            temperature=asked.temperature,
            top_p=asked.top_p,
            top_k=asked.top_k,
            min_p=asked.min_p,
            repetition_penalty=asked.repetition_penalty,
            logit_bias=asked.logit_bias,
        ),
        scores=(asked.top_logprobs or 0) if asked.logprobs else None,
        schema=schema,
        tools=tools,
        tool_choice=choice,
        thinking=asked.reasoning_effort not in NO_THINKING,
        session=session,
        extra=asked.smysl,
    )


class _Head:
    """What every part of one completion says of itself."""

    def __init__(self, model: str, fingerprint: str) -> None:
        self._fields = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": now(),
            "model": model,
            "system_fingerprint": f"fp_{fingerprint[:12]}",
        }

    def of(self, kind: str, choices: list[dict[str, Any]], **more: object) -> dict[str, Any]:
        return {"object": kind, **self._fields, "choices": choices, **more}


def _completion(head: _Head, whole: Whole, logprobs: bool) -> dict[str, Any]:
    choices = [_choice(number, output, logprobs) for number, output in enumerate(whole.outputs)]
    more: dict[str, object] = {"usage": usage_view(whole.total.usage)}
    if whole.total.outcome is not None:
        more["smysl"] = whole.total.outcome
    return head.of("chat.completion", choices, **more)


def _choice(number: int, output: Output, logprobs: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": output.text, "refusal": None}
    if output.thoughts:
        message["reasoning_content"] = output.thoughts
    if output.calls:
        message["content"] = output.text or None
        message["tool_calls"] = [_call(call) for call in output.calls]
    return {
        "index": number,
        "message": message,
        "logprobs": _scores(output.scores) if logprobs else None,
        "finish_reason": output.reason,
    }


async def _events(
    head: _Head, reply: Reply, outputs: int, include_usage: bool
) -> AsyncGenerator[bytes, None]:
    kind = "chat.completion.chunk"
    usage: dict[str, Any] = {"usage": None} if include_usage else {}

    def chunk(choice: int, delta: dict[str, Any], **more: object) -> dict[str, Any]:
        return {"index": choice, "delta": delta, "logprobs": None, "finish_reason": None} | more

    for number in range(outputs):
        first = chunk(number, {"role": "assistant", "content": ""})
        yield event(head.of(kind, [first], **usage))
    ends: list[Ended] = []
    try:
        async for piece in reply.pieces():
            match piece:
                case Thought(text, choice):
                    part = chunk(choice, {"reasoning_content": text})
                case Said(text, choice, scores):
                    part = chunk(
                        choice, {"content": text}, logprobs=_scores(scores) if scores else None
                    )
                case Called(choice=choice):
                    part = chunk(choice, {"tool_calls": [{"index": 0} | _call(piece)]})
                case Ended():
                    ends.append(piece)  # the last chunk also says what the run came to
                    continue
                case Total():
                    for end in ends:
                        last = chunk(end.choice, {}, finish_reason=end.reason)
                        more = {} if piece.outcome is None else {"smysl": piece.outcome}
                        yield event(head.of(kind, [last], **usage, **more))
                    if include_usage:
                        yield event(head.of(kind, [], usage=usage_view(piece.usage)))
                    break
            yield event(head.of(kind, [part], **usage))
    except Exception as error:
        yield event(failure(error).body("openai"))
    yield b"data: [DONE]\n\n"


def usage_view(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.generated_tokens,
        "total_tokens": usage.prompt_tokens + usage.generated_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _call(call: Called) -> dict[str, Any]:
    return {
        "id": f"call_{secrets.token_hex(12)}",
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _scores(scores: Sequence[TokenScore]) -> dict[str, Any]:
    return {
        "content": [
            _score(one.text, one.logprob)
            | {"top_logprobs": [_score(text, value) for text, value in one.top]}
            for one in scores
        ],
        "refusal": None,
    }


def _score(text: bytes, logprob: float | None) -> dict[str, Any]:
    return {"token": readable(text), "logprob": logprob, "bytes": list(text)}
