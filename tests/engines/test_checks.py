import math
import re

import pytest

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
from smysl_engines.checks import (
    ECHOED_PAIRS,
    LOOKUP_TOKENS,
    STOP_BYTES,
    TOP_LOGPROBS,
    check_call,
)

INFO = EngineInfo(
    model="tiny",
    fingerprint="f",
    backend="none",
    vocabulary=100,
    context=50_000,
    adapters=("a", "b"),
)
CHOICE = Choice(((1,), (2, 3)))


def sampled(**settings: object) -> Call:
    return Call(prompt=(1, 2, 3), sampling=Sampling(**settings))  # type: ignore[arg-type]


def call(**fields: object) -> Call:
    return Call(**({"prompt": (1, 2, 3)} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "runnable",
    [
        sampled(repetition_penalty=1e-9),
        sampled(repetition_penalty=100.0),
        sampled(logit_bias=((0, -math.inf), (99, -100.0), (5, 0.0))),
        sampled(logit_bias=tuple((token, 1.0) for token in range(100))),
        sampled(stop_texts=("\n", "конец", "\n")),
        sampled(stop_texts=("a" * STOP_BYTES,)),
        sampled(stop_texts=("abcd",) * (STOP_BYTES // 4)),
        call(logprobs=True, top_logprobs=TOP_LOGPROBS),
        call(echo=True),
        call(echo=True, sampling=Sampling(max_tokens=0)),
        call(echo=True, constraint=CHOICE),
        call(echo=True, constraint=Regex("a+")),
        call(echo=True, prompt=(1,) * 50_000, sampling=Sampling(max_tokens=0)),
        call(echo=True, prompt=(1,) * 5000, logprobs=True, top_logprobs=ECHOED_PAIRS // 5000),
        call(adapter="b", activation=0),
        call(adapter=Mix((("b", 0.5), ("a", -2.0))), activation=2),
        call(adapter=Mix((("a", 0.0),))),
        call(timeout_s=1e-9),
        call(lookup=(0, 99) * (LOOKUP_TOKENS // 2)),
        call(constraint=CHOICE, sampling=Sampling(repetition_penalty=2, stop_texts=("a",))),
        call(constraint=CHOICE, logprobs=True),
    ],
)
def test_a_call_within_the_limits_is_accepted(runnable: Call) -> None:
    check_call(runnable, INFO)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (sampled(repetition_penalty=0.0), "repetition_penalty is 0.0; .*1 for no penalty"),
        (sampled(repetition_penalty=-1.0), "repetition_penalty is -1.0"),
        (sampled(repetition_penalty=math.nan), "repetition_penalty is nan"),
        (sampled(repetition_penalty=math.inf), "repetition_penalty is inf"),
        (sampled(logit_bias=((100, 1.0),)), "logit_bias holds token id 100; .*0 to 99"),
        (sampled(logit_bias=((-1, 1.0),)), "logit_bias holds token id -1"),
        (sampled(logit_bias=((7, math.nan),)), "logit_bias of token 7 is nan"),
        (sampled(logit_bias=((7, math.inf),)), "logit_bias of token 7 is inf"),
        (sampled(logit_bias=((7, 1.0), (8, 1.0), (7, 2.0))), "token 7 twice; add up"),
        (sampled(stop_texts=("a", "")), "stop text 1 is empty; give at least one character"),
        (sampled(stop_texts=("a", "\udc80")), "stop text 1 is not Unicode text.*surrogates"),
        (sampled(stop_texts=("é" * (STOP_BYTES // 2), "a")), "65537 bytes .*65536"),
        (sampled(max_tokens=0), "max_tokens is 0; under a call without echo .*at least 1"),
        (sampled(max_tokens=-1), "max_tokens is -1"),
        (
            call(echo=True, constraint=CHOICE, sampling=Sampling(max_tokens=0)),
            "max_tokens is 0; under a constraint",
        ),
        (
            call(echo=True, constraint=AllowedTokens((1,)), sampling=Sampling(max_tokens=0)),
            "max_tokens is 0; under a constraint",
        ),
        (call(echo=True, sampling=Sampling(max_tokens=-1)), "max_tokens is -1"),
        (call(top_logprobs=1), "top_logprobs is 1 without logprobs; set logprobs"),
        (call(logprobs=True, top_logprobs=-1), "top_logprobs is -1; .*0 to 100"),
        (call(logprobs=True, top_logprobs=101), "top_logprobs is 101; .*0 to 100"),
        (call(logprobs=True, top_logprobs=1, constraint=CHOICE), "top_logprobs is 1, but a Choice"),
        (
            call(echo=True, prompt=(1,) * 5001, logprobs=True, top_logprobs=100),
            "5001 prompt tokens with top_logprobs 100 .*500000.*Lower",
        ),
        (
            call(constraint=CHOICE, sampling=Sampling(logit_bias=((1, 1.0),))),
            "logit_bias has 1 tokens, but a Choice",
        ),
        (call(adapter="c"), "no adapter 'c'; it has: a, b"),
        (call(adapter=Mix(())), "Mix is empty"),
        (call(adapter=Mix((("a", 1.0), ("c", 1.0)))), "no adapter 'c'; it has: a, b"),
        (call(adapter=Mix((("a", 1.0), ("a", 2.0)))), "'a' twice; add up"),
        (call(adapter=Mix((("a", math.nan),))), "adapter 'a' in Mix is nan"),
        (call(adapter=Mix((("a", math.inf),))), "adapter 'a' in Mix is inf"),
        (call(activation=0), "activation is 0, but the call has no adapter"),
        (call(adapter="a", activation=3), "activation is 3; .*0 to 2"),
        (call(adapter="a", activation=-1), "activation is -1; .*0 to 2"),
        (call(timeout_s=0.0), "timeout_s is 0.0; it must be a positive number"),
        (call(timeout_s=-1.0), "timeout_s is -1.0"),
        (call(timeout_s=math.nan), "timeout_s is nan"),
        (call(timeout_s=math.inf), "timeout_s is inf.*Leave it None"),
        (call(lookup=(1, 100)), "lookup holds token id 100"),
        (call(lookup=(1,) * (LOOKUP_TOKENS + 1)), "lookup has 65537 tokens; .*65536"),
        (call(constraint=JsonSchema("")), "JsonSchema is empty"),
        (call(constraint=Grammar("\ud800")), "Grammar is not Unicode text"),
    ],
)
def test_a_call_beyond_a_limit_is_refused_with_value_limit_and_remedy(
    wrong: Call, message: str
) -> None:
    with pytest.raises(BadCall) as refused:
        check_call(wrong, INFO)
    assert re.search(message, str(refused.value))


def test_an_adapter_on_an_engine_without_any_is_refused() -> None:
    bare = EngineInfo(model="bare", fingerprint="f", backend="none", vocabulary=9, context=9)
    with pytest.raises(BadCall, match="'bare' has no adapter 'a'; it has: none"):
        check_call(call(adapter=Mix((("a", 1.0),)), sampling=Sampling(max_tokens=1)), bare)


def test_an_echoed_prompt_may_fill_the_context_but_not_more() -> None:
    alone = Sampling(max_tokens=0)
    with pytest.raises(PromptTooLong, match="50001 tokens and asks for up to 0 more"):
        check_call(call(prompt=(1,) * 50_001, echo=True, sampling=alone), INFO)
