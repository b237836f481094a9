"""Decides whether a call can ever run on an engine.

Knows the numbers of a call and of `EngineInfo`; never a backend or a queue.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeVar

from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Choice,
    EngineInfo,
    Grammar,
    JsonSchema,
    Mix,
    PromptTooLong,
    Regex,
    Sampling,
)

T = TypeVar("T", bound=Hashable)

GRAMMAR_BYTES = 32_768
"""Of a pattern, a schema or a grammar: compiling takes time and stack in proportion, or worse."""
STOP_BYTES = 65_536
"""Of all stop texts of a call together."""
LOOKUP_TOKENS = 65_536
TOP_LOGPROBS = 100
ECHOED_PAIRS = 500_000
"""(token, log-probability) in one finish: they take some 110 bytes of memory each."""


def check_call(call: Call, info: EngineInfo) -> None:
    """Raise `PromptTooLong` or `BadCall`, naming value, limit and remedy;
    return for a runnable call.
    """
    check_tokens("prompt", call.prompt, info.vocabulary)
    if not call.prompt:
        raise BadCall("the prompt is empty; give at least one token")
    if not 0 <= call.position < len(call.prompt):
        raise BadCall(
            f"position is {call.position}; it counts output tokens at the prompt's end, which has "
            f"{len(call.prompt)} tokens"
        )
    _check_adapter(call, info)
    _check_sampling(call.sampling, info)
    _check_logprobs(call)
    if call.timeout_s is not None and not 0 < call.timeout_s < math.inf:
        raise BadCall(
            f"timeout_s is {call.timeout_s}; it must be a positive number of seconds. Leave it None "
            "for no limit."
        )
    _check_lookup(call.lookup, info)
    output = call.sampling.max_tokens
    match call.constraint:
        case Choice(options):
            _check_options(options, info)
            _check_choice(call)
            output = max(map(len, options))
        case AllowedTokens(ids):
            if not ids:
                raise BadCall("AllowedTokens is empty; allow at least one token id")
            check_tokens("AllowedTokens", ids, info.vocabulary)
        case Regex(text) | JsonSchema(text) | Grammar(text):
            _check_text(type(call.constraint).__name__, text)
        case None:
            pass
    if call.sampling.max_tokens == 0 and (call.constraint is not None or not call.echo):
        what = "a constraint" if call.constraint is not None else "a call without echo"
        raise BadCall(
            f"max_tokens is 0; under {what} it must be at least 1. With echo and no constraint, 0 "
            "asks for the prompt's log-probabilities alone."
        )
    if len(call.prompt) + output > info.context:
        raise PromptTooLong(
            f"the prompt has {len(call.prompt)} tokens and asks for up to {output} more; engine "
            f"{info.model!r} takes {info.context} together. Shorten the prompt or lower max_tokens."
        )


def check_tokens(where: str, ids: Sequence[int], vocabulary: int) -> None:
    """Raise `BadCall` for the first id outside [0, vocabulary)."""
    if ids and not (min(ids) >= 0 and max(ids) < vocabulary):
        wrong = next(i for i in ids if not 0 <= i < vocabulary)
        raise BadCall(
            f"{where} holds token id {wrong}; this engine's ids are 0 to {vocabulary - 1}. "
            "Tokenize with the tokenizer of the same engine."
        )


def _check_adapter(call: Call, info: EngineInfo) -> None:
    match call.adapter:
        case None:
            if call.activation is not None:
                raise BadCall(
                    f"activation is {call.activation}, but the call has no adapter. Name one, or "
                    "leave activation None."
                )
            return
        case Mix(parts):
            names = [name for name, _ in parts]
            if not names:
                raise BadCall("Mix is empty; give at least one adapter, or adapter=None for none")
            if twice := _twice(names):
                raise BadCall(f"Mix holds adapter {twice[0]!r} twice; add up its weights")
            for name, weight in parts:
                if not math.isfinite(weight):
                    raise BadCall(
                        f"the weight of adapter {name!r} in Mix is {weight}; it must be a finite "
                        "number"
                    )
        case name:
            names = [name]
    for name in names:
        if name not in info.adapters:
            known = ", ".join(info.adapters) or "none"
            raise BadCall(f"engine {info.model!r} has no adapter {name!r}; it has: {known}")
    if call.activation is not None and not 0 <= call.activation < len(call.prompt):
        raise BadCall(
            f"activation is {call.activation}; it is a place in the prompt, 0 to "
            f"{len(call.prompt) - 1}"
        )


def _check_logprobs(call: Call) -> None:
    count = call.top_logprobs
    if not 0 <= count <= TOP_LOGPROBS:
        raise BadCall(f"top_logprobs is {count}; it must be from 0 to {TOP_LOGPROBS}")
    if count and not call.logprobs:
        raise BadCall(
            f"top_logprobs is {count} without logprobs; set logprobs too, or leave it at 0"
        )
    if call.echo and count * len(call.prompt) > ECHOED_PAIRS:
        raise BadCall(
            f"echo of {len(call.prompt)} prompt tokens with top_logprobs {count} asks for "
            f"{count * len(call.prompt)} log-probabilities at once; an engine gives {ECHOED_PAIRS}. "
            "Lower top_logprobs or shorten the prompt."
        )


def _check_lookup(ids: Sequence[int], info: EngineInfo) -> None:
    if len(ids) > LOOKUP_TOKENS:
        raise BadCall(
            f"lookup has {len(ids)} tokens; an engine takes {LOOKUP_TOKENS}. Give the text that the "
            "output is likeliest to repeat."
        )
    check_tokens("lookup", ids, info.vocabulary)


def _check_choice(call: Call) -> None:
    """A `Choice` scores its options by the model's own distribution: settings for free text (cuts,
    penalty, stops) have no say there, but what can only be meant for the options is refused."""
    if call.sampling.logit_bias:
        raise BadCall(
            f"logit_bias has {len(call.sampling.logit_bias)} tokens, but a Choice scores its options "
            "without bias. Leave options out, or weigh the finish's probabilities."
        )
    if call.top_logprobs:
        raise BadCall(
            f"top_logprobs is {call.top_logprobs}, but a Choice computes its options only, whose "
            "probabilities the finish has. Leave it at 0."
        )


def _check_options(options: Sequence[Sequence[int]], info: EngineInfo) -> None:
    if not options:
        raise BadCall("Choice has no options; give at least one")
    if len(set(options)) != len(options):
        raise BadCall("Choice has the same option twice; its probability would be undefined")
    for number, option in enumerate(options):
        if not option:
            raise BadCall(f"option {number} of Choice is empty; give at least one token")
        check_tokens(f"option {number} of Choice", option, info.vocabulary)


def _check_text(name: str, text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise BadCall(f"{name} is not Unicode text: {error}. Give it without surrogates") from error
    if not text:
        raise BadCall(f"{name} is empty; give at least one character")
    if size > GRAMMAR_BYTES:
        raise BadCall(
            f"{name} has {size} bytes; an engine takes {GRAMMAR_BYTES}. Shorten it, or leave details "
            "to a check of the output."
        )


def _check_sampling(sampling: Sampling, info: EngineInfo) -> None:
    temperature = sampling.temperature
    if not (math.isfinite(temperature) and temperature >= 0):
        raise BadCall(f"temperature is {temperature}; it must be 0 (greedy) or a positive number")
    if sampling.top_k < 0:
        raise BadCall(f"top_k is {sampling.top_k}; it must be 0 (all) or more")
    if not 0 < sampling.top_p <= 1:
        raise BadCall(f"top_p is {sampling.top_p}; it must be above 0 and at most 1")
    if not 0 <= sampling.min_p <= 1:
        raise BadCall(f"min_p is {sampling.min_p}; it must be from 0 to 1")
    penalty = sampling.repetition_penalty
    if not 0 < penalty < math.inf:
        raise BadCall(
            f"repetition_penalty is {penalty}; it must be a positive number, 1 for no penalty"
        )
    if sampling.max_tokens < 0:
        raise BadCall(f"max_tokens is {sampling.max_tokens}; it must be at least 1")
    if not 0 <= sampling.seed < 2**64:
        raise BadCall(f"seed is {sampling.seed}; it must be from 0 to 2**64 - 1")
    check_tokens("stop", sampling.stop, info.vocabulary)
    _check_bias(sampling.logit_bias, info)
    _check_stop_texts(sampling.stop_texts)


def _check_bias(biases: Sequence[tuple[int, float]], info: EngineInfo) -> None:
    ids = [token for token, _ in biases]
    check_tokens("logit_bias", ids, info.vocabulary)
    if twice := _twice(ids):
        raise BadCall(f"logit_bias holds token {twice[0]} twice; add up its biases")
    for token, bias in biases:
        if math.isnan(bias) or bias == math.inf:
            raise BadCall(
                f"logit_bias of token {token} is {bias}; it must be a number, or -inf to forbid the "
                "token. AllowedTokens leaves no choice but some."
            )


def _check_stop_texts(texts: Sequence[str]) -> None:
    size = 0
    for number, text in enumerate(texts):
        if not text:
            raise BadCall(f"stop text {number} is empty; give at least one character")
        try:
            size += len(text.encode())
        except UnicodeEncodeError as error:
            raise BadCall(
                f"stop text {number} is not Unicode text: {error}. Give it without surrogates"
            ) from error
    if size > STOP_BYTES:
        raise BadCall(
            f"stop_texts have {size} bytes together; an engine takes {STOP_BYTES}. Give fewer or "
            "shorter ones."
        )


def _twice(values: Sequence[T]) -> list[T]:
    """Those that occur more than once, in their order."""
    if len(set(values)) == len(values):
        return []
    return [value for value, count in Counter(values).items() if count > 1]
