"""Decides whether a call can ever run on an engine.

Knows the numbers of a call and of `EngineInfo`; never a backend or a queue.
"""

import math
from collections.abc import Sequence

from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Choice,
    EngineInfo,
    Grammar,
    JsonSchema,
    PromptTooLong,
    Regex,
    Sampling,
)

GRAMMAR_BYTES = 32_768
"""Of a pattern, a schema or a grammar: compiling takes time and stack in proportion, or worse."""


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
    if call.adapter is not None and call.adapter not in info.adapters:
        known = ", ".join(info.adapters) or "none"
        raise BadCall(f"engine {info.model!r} has no adapter {call.adapter!r}; it has: {known}")
    _check_sampling(call.sampling, info)
    output = call.sampling.max_tokens
    match call.constraint:
        case Choice(options):
            _check_options(options, info)
            output = max(map(len, options))
        case AllowedTokens(ids):
            if not ids:
                raise BadCall("AllowedTokens is empty; allow at least one token id")
            check_tokens("AllowedTokens", ids, info.vocabulary)
        case Regex(text) | JsonSchema(text) | Grammar(text):
            _check_text(type(call.constraint).__name__, text)
        case None:
            pass
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
    if sampling.max_tokens < 1:
        raise BadCall(f"max_tokens is {sampling.max_tokens}; it must be at least 1")
    if not 0 <= sampling.seed < 2**64:
        raise BadCall(f"seed is {sampling.seed}; it must be from 0 to 2**64 - 1")
    check_tokens("stop", sampling.stop, info.vocabulary)
