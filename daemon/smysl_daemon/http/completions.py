"""`/v1/completions`, as OpenAI has it: a model goes on with a text, and says how likely it found it.

Knows its JSON; never how a reply comes about. Evaluation harnesses measure log-likelihoods here
(`echo` with `logprobs`).
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from smysl_daemon.http.asking import (
    CHOICES_LIMIT,
    TOP_LIMIT,
    Ended,
    Extra,
    Output,
    Reply,
    Said,
    TokenScore,
    Total,
    Turn,
    Wish,
    gathered,
    readable,
)
from smysl_daemon.http.bodies import json_body
from smysl_daemon.http.calls import begin
from smysl_daemon.http.chat import usage_view
from smysl_daemon.http.choice import Prompt
from smysl_daemon.http.facade import (
    SESSION,
    Facade,
    adapter_of,
    headers_of,
    now,
    require_no_session,
)
from smysl_daemon.http.failures import failure, refused
from smysl_daemon.http.fields import checked, fields
from smysl_daemon.http.generating import Generator
from smysl_daemon.http.programs import ask_program
from smysl_daemon.http.responding import EventsResponse, JsonResponse, event, unless_gone
from smysl_daemon.http.wishing import (
    PENALTIES,
    Kept,
    Least,
    Penalty,
    Share,
    StreamOptions,
    Temperature,
    format_schema,
    stops,
    taste,
)

OUTPUT_TOKENS = 16
"""Where a request says nothing, as OpenAI has it."""


class CompletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    prompt: str | list[Any]
    """A text, token ids, or a list of either."""
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Kept | None = None
    min_p: Least | None = None
    repetition_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=CHOICES_LIMIT)] = 1
    seed: int | None = None
    stop: str | list[str] | None = None
    logprobs: Annotated[int, msgspec.Meta(ge=0, le=TOP_LIMIT)] | None = None
    echo: bool = False
    response_format: dict[str, Any] | None = None
    smysl: Extra = Extra()


FIELDS = fields(
    CompletionRequest,
    ("user", "metadata"),
    PENALTIES
    | {
        "best_of": ((1,), "n outputs can be asked for, with their logprobs"),
        "suffix": (("",), "the model goes on from a prompt's end"),
    },
)


async def completions(facade: Facade, request: Request) -> ASGIApp:
    body = await json_body(request.headers, request.stream())
    asked = checked(body, FIELDS, CompletionRequest)
    texts = _prompts(asked.prompt)
    outputs = len(texts) * asked.n
    if outputs > CHOICES_LIMIT:
        raise refused(
            f"{len(texts)} prompts with n = {asked.n} are {outputs} outputs; the limit is "
            f"{CHOICES_LIMIT}. Send fewer at once.",
            "prompt",
        )
    reply = await _asked(facade, asked, texts, request.headers.get(SESSION))
    head = {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": "text_completion",
        "created": now(),
        "model": asked.model,
        "system_fingerprint": f"fp_{facade.house.service.model.fingerprint[:12]}",
    }
    if asked.stream:
        events = _events(head, reply, asked.logprobs, asked.stream_options.include_usage)
        return EventsResponse(events, reply, headers_of(reply))
    try:
        whole = await unless_gone(request.receive, gathered(reply, outputs))
    finally:
        reply.leave()
    choices = [
        _choice(number, output, asked.logprobs) for number, output in enumerate(whole.outputs)
    ]
    value = head | {"choices": choices, "usage": usage_view(whole.total.usage)}
    if whole.total.outcome is not None:
        value["smysl"] = whole.total.outcome
    return JsonResponse(value, headers=headers_of(reply))


async def _asked(
    facade: Facade, asked: CompletionRequest, prompts: Sequence[Any], session: str | None
) -> Reply:
    known = await facade.catalogue()
    named = known.find(asked.model)
    wish = _wished(asked, session)
    generator = known.generator
    if named.kind == "program":
        if len(prompts) != 1 or not isinstance(prompts[0], str):
            raise refused("a program takes one question, as a text", "prompt")
        if asked.echo:
            raise refused("a program repeats no prompt; leave echo out", "echo")
        if asked.max_tokens is None:
            wish = msgspec.structs.replace(wish, max_tokens=None)
        told = msgspec.structs.replace(wish, turns=(Turn("user", prompts[0]),))
        chats = generator is not None and generator.chats
        adapter = adapter_of(wish, named)
        return await ask_program(facade.house, told, named.name, adapter, chats=chats)
    assert generator is not None
    require_no_session(wish, named)
    ready = await asyncio.to_thread(_read, generator, prompts, asked.echo)
    if wish.scores is not None:
        await asyncio.to_thread(generator.learn_tokens)
    adapter = named.name if named.kind == "adapter" else None
    if asked.max_tokens == 0 and (not asked.echo or asked.logprobs is None):
        raise refused(
            "max_tokens is 0; it must be at least 1. With echo and logprobs, 0 asks for the "
            "log-probabilities of the prompt alone.",
            "max_tokens",
        )
    return begin(facade.house, generator, wish, ready, adapter, echo=asked.echo)


def _wished(asked: CompletionRequest, session: str | None) -> Wish:
    return Wish(
        model=asked.model,
        turns=(),
        max_tokens=OUTPUT_TOKENS if asked.max_tokens is None else asked.max_tokens,
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
        scores=asked.logprobs,
        schema=format_schema(asked.response_format, "response_format"),
        session=session,
        extra=asked.smysl,
    )


def _prompts(given: str | list[Any]) -> list[str | list[int]]:
    """Each a text or token ids. Raises `ApiError`."""
    if isinstance(given, str):
        return [given]
    if not given:
        raise refused(
            "prompt is an empty list; give a text, token ids, or a list of either", "prompt"
        )
    if is_ids(given):
        return [given]
    for number, one in enumerate(given):
        if not isinstance(one, str) and not (is_ids(one) and one):
            raise refused(
                f"prompt[{number}] must be a text or a list of token ids, not {str(one)[:80]!r}",
                f"prompt[{number}]",
            )
    return given


def is_ids(value: object) -> bool:
    return isinstance(value, list) and all(type(one) is int for one in value)


def _read(generator: Generator, prompts: Sequence[Any], echo: bool) -> list[Prompt]:
    found = []
    for number, one in enumerate(prompts):
        ids = generator.ids(one) if isinstance(one, str) else one
        if not ids:
            raise refused(f"prompt {number} is empty; give at least one token", "prompt")
        known = all(0 <= token < generator.info.vocabulary for token in ids)
        text = one if isinstance(one, str) else generator.text(ids) if echo and known else ""
        found.append(Prompt(tuple(ids), text))
    return found


def _choice(number: int, output: Output, logprobs: int | None) -> dict[str, Any]:
    return {
        "index": number,
        "text": output.text,
        "logprobs": None if logprobs is None else _scores(output.scores, logprobs, 0),
        "finish_reason": output.reason,
    }


async def _events(
    head: dict[str, Any], reply: Reply, logprobs: int | None, include_usage: bool
) -> AsyncGenerator[bytes, None]:
    usage: dict[str, Any] = {"usage": None} if include_usage else {}
    offsets: dict[int, int] = {}
    ends: list[Ended] = []
    try:
        async for piece in reply.pieces():
            match piece:
                case Said(text, choice, scores):
                    shown = None
                    if logprobs is not None:
                        at = offsets.get(choice, 0)
                        shown = _scores(scores, logprobs, at)
                        offsets[choice] = at + sum(len(readable(one.text)) for one in scores)
                    part = {"index": choice, "text": text, "logprobs": shown, "finish_reason": None}
                    yield event(head | {"choices": [part]} | usage)
                case Ended():
                    ends.append(piece)
                case Total():
                    for end in ends:
                        part = {
                            "index": end.choice,
                            "text": "",
                            "logprobs": None,
                            "finish_reason": end.reason,
                        }
                        more = {} if piece.outcome is None else {"smysl": piece.outcome}
                        yield event(head | {"choices": [part]} | usage | more)
                    if include_usage:
                        yield event(head | {"choices": [], "usage": usage_view(piece.usage)})
                case _:
                    pass  # thoughts have no place in this API
    except Exception as error:
        yield event(failure(error).body("openai"))
    yield b"data: [DONE]\n\n"


def _scores(scores: Sequence[TokenScore], likeliest: int, at: int) -> dict[str, Any]:
    """`at`: where in the text the first token stands."""
    tokens = [readable(one.text) for one in scores]
    offsets = []
    for text in tokens:
        offsets.append(at)
        at += len(text)
    return {
        "tokens": tokens,
        "token_logprobs": [one.logprob for one in scores],
        "top_logprobs": [_top(one) for one in scores] if likeliest else None,
        "text_offset": offsets,
    }


def _top(score: TokenScore) -> dict[str, float] | None:
    """By text, with the token itself; of tokens that read alike the likeliest."""
    if score.logprob is None:
        return None
    found: dict[str, float] = {}
    for token, value in (*score.top, (score.text, score.logprob)):
        text = readable(token)
        found[text] = max(value, found.get(text, value))
    return found
