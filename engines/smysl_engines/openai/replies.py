"""What a server's reply says, in one shape for all flavours.

Knows their fields; never a request, a token's text or what a call does with it.
"""

import math
from typing import Any

import msgspec

from smysl_engines.base import Likeliest
from smysl_engines.openai.abilities import Flavour
from smysl_engines.openai.connection import decoded, garbled
from smysl_engines.openai.errors import ServerBroke


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a stream, or a whole reply."""

    text: str = ""
    thought: str = ""
    """What a server that chats takes apart from the text: it comes before it."""
    ids: tuple[int, ...] | None = None
    """None where the server tells no ids."""
    tokens: tuple[str, ...] = ()
    """Names of the tokens, beside their log-probabilities, where the server tells no ids."""
    logprobs: tuple[float, ...] = ()
    """Of each token; fewer than tokens where the server does not say."""
    top: tuple[tuple[tuple[int | str, float], ...], ...] = ()
    """Of each token the likeliest at its place, by id or by name."""
    count: int | None = None
    """Tokens of the output so far, by the server's own count."""
    end: str | None = None
    """"stop" or "length"; the last piece with tokens has it."""
    prompt_tokens: int | None = None
    cached_tokens: int | None = None


class _TopLogprob(msgspec.Struct):
    id: int
    logprob: float | None = None


class _Probability(msgspec.Struct):
    id: int
    logprob: float | None = None
    top_logprobs: list[_TopLogprob] = []


class _Timings(msgspec.Struct):
    cache_n: int | None = None


class _LlamaEvent(msgspec.Struct):
    content: str = ""
    tokens: list[int] | None = None
    stop: bool = False
    stop_type: str = ""
    tokens_predicted: int | None = None
    tokens_evaluated: int | None = None
    completion_probabilities: list[_Probability] = []
    timings: _Timings | None = None
    error: Any = None


class _NamedTop(msgspec.Struct):
    token: str
    logprob: float | None = None


class _Named(msgspec.Struct):
    token: str
    logprob: float | None = None
    top_logprobs: list[_NamedTop] = []


class _Logprobs(msgspec.Struct):
    """Of a completion in lists side by side, of a chat in one."""

    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float | None] | None] | None = None
    content: list[_Named] | None = None


class _Said(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(msgspec.Struct):
    text: str | None = ""
    delta: _Said | None = None
    message: _Said | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None
    token_ids: list[int] | None = None
    prompt_logprobs: list[dict[str, Any] | None] | None = None


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


def piece(root: str, flavour: Flavour, data: bytes) -> Piece:
    """Raises `ServerBroke` for what is no such reply, and with the server's own words for an error within a
    stream."""
    if flavour == "llama.cpp":
        return _llama(root, data)
    return _completion(root, data)


def choices(root: str, data: bytes) -> int:
    """How many completions a reply has. Raises `ServerBroke`."""
    return len(decoded(root, data, _Completion).choices or ())


def prompt_logprobs(root: str, data: bytes, prompt: tuple[int, ...]) -> list[dict[int, float]]:
    """vLLM's: at each prompt token but the first, log-probabilities by id, the token's own among them. Raises
    `ServerBroke`."""
    found = decoded(root, data, _Completion).choices
    told = found[0].prompt_logprobs if found else None
    if told is None or len(told) != len(prompt):
        garbled(root, data, f"it has no log-probabilities of {len(prompt)} prompt tokens")
    try:
        rows = [
            {int(id): float(entry["logprob"]) for id, entry in (row or {}).items()}
            for row in told[1:]
        ]
    except (KeyError, TypeError, ValueError) as error:
        garbled(root, data, "its prompt_logprobs have another form", error)
    if any(id not in row for id, row in zip(prompt[1:], rows, strict=True)):
        garbled(root, data, "its prompt_logprobs leave out a token of the prompt")
    return rows


def _llama(root: str, data: bytes) -> Piece:
    event = decoded(root, data, _LlamaEvent)
    if event.error is not None:
        raise _failed(root, event.error)
    if event.tokens is None:
        garbled(root, data, "it has no `tokens`")
    end = None
    if event.stop:
        end = "length" if event.stop_type == "limit" else "stop"
    probabilities = event.completion_probabilities
    return Piece(
        text=event.content,
        ids=tuple(event.tokens),
        logprobs=tuple(_number(one.logprob) for one in probabilities),
        top=tuple(
            tuple((each.id, _number(each.logprob)) for each in one.top_logprobs)
            for one in probabilities
        ),
        count=event.tokens_predicted,
        end=end,
        prompt_tokens=event.tokens_evaluated,
        cached_tokens=event.timings.cache_n if event.timings is not None else None,
    )


def _completion(root: str, data: bytes) -> Piece:
    event = decoded(root, data, _Completion)
    if event.error is not None:
        raise _failed(root, event.error)
    if event.choices is None:
        garbled(root, data, "it has no `choices`")
    usage = event.usage or _Usage()
    details = usage.prompt_tokens_details or _Details()
    choice = event.choices[0] if event.choices else _Choice()
    told = choice.logprobs or _Logprobs()
    chat = choice.delta or choice.message or _Said()
    end = choice.finish_reason
    if end is not None:
        end = "length" if end == "length" else "stop"
    return Piece(
        text=choice.text or chat.content or "",
        thought=chat.reasoning_content or chat.reasoning or "",
        ids=None if choice.token_ids is None else tuple(choice.token_ids),
        **_told(told),
        end=end,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=details.cached_tokens,
    )


def _told(told: _Logprobs) -> dict[str, Any]:
    if told.content is None:
        return {
            "tokens": tuple(told.tokens),
            "logprobs": tuple(map(_number, told.token_logprobs)),
            "top": tuple(_named(row or {}) for row in told.top_logprobs or ()),
        }
    return {
        "tokens": tuple(one.token for one in told.content),
        "logprobs": tuple(_number(one.logprob) for one in told.content),
        "top": tuple(
            tuple((each.token, _number(each.logprob)) for each in one.top_logprobs)
            for one in told.content
        ),
    }


def _named(row: dict[str, float | None]) -> tuple[tuple[str, float], ...]:
    return tuple((token, _number(logprob)) for token, logprob in row.items())


def _number(logprob: float | None) -> float:
    """JSON has no infinity: null is the logarithm of 0."""
    return -math.inf if logprob is None else logprob


def likeliest(ids: dict[int, float], count: int) -> Likeliest:
    """Likeliest first; ties by lower id."""
    return tuple(sorted(ids.items(), key=lambda pair: (-pair[1], pair[0]))[:count])


def _failed(root: str, error: Any) -> ServerBroke:
    said = error.get("message", error) if isinstance(error, dict) else error
    return ServerBroke(f"{root} failed in the middle of an answer: {str(said)[:300]}. Ask again")
