"""The bundled model on the fake of TensorRT-LLM, of both versions, beside the same model on ONNX."""

import asyncio
import math
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Choice,
    Grammar,
    JsonSchema,
    Mix,
    Regex,
    Sampling,
)
from smysl_engines.manifest import TOKENIZER_FILE
from smysl_engines.onnx import OnnxEngine
from smysl_engines.tensorrt_llm.engine import TensorRTEngine
from smysl_engines.token_bytes import token_bytes

MODEL = Path(__file__).parents[3] / "models" / "zerno"
PROMPTS = tuple(
    tuple((7 * place * (number + 3) + number) % 3000 + 40 for place in range(20 + 13 * number))
    for number in range(4)
)
CLOSE = 2e-3


def near(found: Any, expected: Any) -> None:
    assert list(found) == pytest.approx(list(expected), abs=CLOSE)


async def test_greedy_output_and_its_log_probabilities_are_those_of_the_onnx_engine(
    engine: TensorRTEngine, onnx: OnnxEngine, ask: Any
) -> None:
    for adapter in (None, "plan", "verify"):
        for prompt in PROMPTS:
            call = Call(
                prompt=prompt,
                adapter=adapter,
                sampling=Sampling(max_tokens=12),
                logprobs=True,
                top_logprobs=3,
            )
            found, expected = await asyncio.gather(ask(engine, call), ask(onnx, call))
            assert found.ids == expected.ids
            near(found.logprobs, expected.logprobs)
            assert [[t for t, _ in row] for row in found.top] == [
                [t for t, _ in row] for row in expected.top
            ]
            assert found.finish.reason == expected.finish.reason == "length"
            assert found.finish.generated_tokens == 12


async def test_adapters_change_the_output_and_calls_of_all_run_together(
    engine: TensorRTEngine, ask: Any
) -> None:
    calls = [
        Call(prompt=PROMPTS[1], adapter=adapter, sampling=Sampling(max_tokens=10))
        for adapter in (None, "plan", "verify")
    ]
    alone = [await ask(engine, call) for call in calls]
    assert len({one.ids for one in alone}) == 3
    together = await asyncio.gather(*(ask(engine, call) for call in calls * 4))
    assert [one.ids for one in together] == [one.ids for one in alone] * 4


async def test_more_calls_than_the_batch_has_places_wait_for_their_turn(
    engine: TensorRTEngine, ask: Any
) -> None:
    calls = [
        Call(prompt=(*PROMPTS[0], number), sampling=Sampling(max_tokens=3)) for number in range(40)
    ]
    answers = asyncio.gather(*(ask(engine, call) for call in calls))
    await asyncio.sleep(0.05)
    assert engine.stats().running <= engine.info.max_batch
    assert [one.finish.generated_tokens for one in await answers] == [3] * 40
    assert engine.stats().waiting == 0


async def test_a_choice_has_the_probabilities_of_the_onnx_engine(
    engine: TensorRTEngine, onnx: OnnxEngine, ask: Any
) -> None:
    options = ((50, 51, 52), (50, 51), (50, 60, 61), (70,), (50, 51, 53))
    for adapter in (None, "plan"):
        for prompt in PROMPTS:
            call = Call(prompt=prompt, adapter=adapter, constraint=Choice(options), logprobs=True)
            found, expected = await ask(engine, call), await ask(onnx, call)
            assert found.finish.choice == expected.finish.choice
            near(found.finish.probabilities, expected.finish.probabilities)
            assert math.isclose(sum(found.finish.probabilities), 1)
            assert found.ids == options[found.finish.choice or 0]
            near(found.logprobs, expected.logprobs)


async def test_a_sampled_choice_is_drawn_as_by_the_onnx_engine(
    engine: TensorRTEngine, onnx: OnnxEngine, ask: Any
) -> None:
    for seed in range(5):
        call = Call(
            prompt=PROMPTS[2],
            constraint=Choice(((41,), (42,), (43,), (44, 45))),
            sampling=Sampling(temperature=5.0, seed=seed),
        )
        found, expected = await ask(engine, call), await ask(onnx, call)
        assert found.finish.choice == expected.finish.choice


async def test_the_same_seed_gives_the_same_tokens_in_any_company(
    engine: TensorRTEngine, ask: Any
) -> None:
    def call(seed: int) -> Call:
        sampling = Sampling(max_tokens=8, temperature=3.0, top_k=500, top_p=0.98, seed=seed)
        return Call(prompt=PROMPTS[0], sampling=sampling)

    alone = [(await ask(engine, call(seed))).ids for seed in range(4)]
    together = await asyncio.gather(*(ask(engine, call(seed)) for seed in range(4)))
    assert [one.ids for one in together] == alone
    assert len(set(alone)) > 1


async def test_a_sampled_output_that_goes_on_goes_on_the_same_way_every_time(
    engine: TensorRTEngine, ask: Any
) -> None:
    call = Call(
        prompt=(*PROMPTS[0], 77, 78),
        position=2,
        sampling=Sampling(max_tokens=6, temperature=3.0, seed=5),
    )
    first = await ask(engine, call)
    assert (await ask(engine, call)).ids == first.ids
    begun = msgspec.structs.replace(call, position=0)
    assert (await ask(engine, begun)).ids != first.ids


async def test_a_stop_token_ends_the_call_and_is_delivered(
    engine: TensorRTEngine, onnx: OnnxEngine, ask: Any
) -> None:
    whole = await ask(engine, Call(prompt=PROMPTS[3], sampling=Sampling(max_tokens=12)))
    stop = (
        next(t for t in whole.ids if t != whole.ids[0]) if len(set(whole.ids)) > 1 else whole.ids[0]
    )
    call = Call(prompt=PROMPTS[3], sampling=Sampling(max_tokens=12, stop=(stop, 4000)))
    found, expected = await ask(engine, call), await ask(onnx, call)
    assert found.ids == expected.ids == whole.ids[: whole.ids.index(stop) + 1]
    assert found.finish.reason == "stop" and found.finish.stop_text is None


async def test_a_stop_text_ends_the_call_as_on_the_onnx_engine(
    engine: TensorRTEngine, onnx: OnnxEngine, ask: Any
) -> None:
    table = token_bytes((MODEL / TOKENIZER_FILE).read_bytes(), engine.info.vocabulary).table
    allowed = AllowedTokens(tuple(i for i, text in enumerate(table) if text.isalpha()))
    for prompt in PROMPTS:
        call = Call(prompt=prompt, constraint=allowed, sampling=Sampling(max_tokens=12))
        text = b"".join(table[token] for token in (await ask(engine, call)).ids).decode()
        # from within one token to within another
        stop = text[len(text) // 3 : 2 * len(text) // 3]
        sampling = Sampling(max_tokens=12, stop_texts=("never said", stop))
        call = msgspec.structs.replace(call, sampling=sampling)
        found, expected = await ask(engine, call), await ask(onnx, call)
        assert found.ids == expected.ids and len(found.ids) < 12
        assert found.finish.reason == expected.finish.reason == "stop"
        assert found.finish.stop_text == expected.finish.stop_text == stop
    assert await drained(engine)


async def drained(engine: TensorRTEngine) -> bool:
    """Whether the worker ends what was given up."""
    for _ in range(1000):
        if not engine.stats().running:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_allowed_tokens_and_biases_choose_as_on_the_onnx_engine(
    engine: TensorRTEngine, onnx: OnnxEngine, ask: Any
) -> None:
    for prompt in PROMPTS:
        for call in (
            Call(
                prompt=prompt,
                constraint=AllowedTokens((45, 99, 1001, 3000)),
                sampling=Sampling(max_tokens=5),
            ),
            Call(
                prompt=prompt,
                sampling=Sampling(max_tokens=5, logit_bias=((300, 90.0), (904, -math.inf))),
            ),
            Call(prompt=prompt, sampling=Sampling(max_tokens=8, repetition_penalty=1.8)),
        ):
            found, expected = await ask(engine, call), await ask(onnx, call)
            assert found.ids == expected.ids


async def test_an_echo_has_the_log_probabilities_of_the_prompt(
    engine: TensorRTEngine, onnx: OnnxEngine, machine: Any, ask: Any
) -> None:
    before = len(machine.noted())
    for sampling in (Sampling(max_tokens=0), Sampling(max_tokens=4)):
        call = Call(prompt=PROMPTS[2], echo=True, logprobs=True, top_logprobs=2, sampling=sampling)
        found, expected = await ask(engine, call), await ask(onnx, call)
        near(found.finish.prompt_logprobs, expected.finish.prompt_logprobs)
        assert len(found.finish.prompt_top) == len(PROMPTS[2]) - 1
        assert found.ids == expected.ids
        assert found.finish.generated_tokens == sampling.max_tokens
    # nothing that is known already is taken for them: it may have no logits
    salts = [one["salt"] for one in machine.noted()[before:]]
    assert len(set(salts)) == len(salts) == 2


async def test_what_is_known_of_a_prompt_is_not_computed_again(
    engine: TensorRTEngine, ask: Any
) -> None:
    prompt = tuple(range(500, 580))
    first = await ask(engine, Call(prompt=prompt, sampling=Sampling(max_tokens=2)))
    again = await ask(engine, Call(prompt=prompt, sampling=Sampling(max_tokens=2)))
    other = await ask(engine, Call(prompt=prompt, sampling=Sampling(max_tokens=2), adapter="plan"))
    assert first.finish.cached_tokens == 0
    assert again.finish.cached_tokens == len(prompt) - 1
    assert other.finish.cached_tokens == 0
    assert again.ids == first.ids


async def test_every_request_is_salted_and_shared_beginnings_are_to_stay(
    engine: TensorRTEngine, machine: Any, ask: Any
) -> None:
    before = len(machine.noted())
    shared = tuple(range(1200, 1260))
    for end in (1, 2, 3):
        await ask(engine, Call(prompt=(*shared, end), sampling=Sampling(max_tokens=1)))
    noted = machine.noted()[before:]
    assert {one["salt"] for one in noted} == {noted[0]["salt"]} and noted[0]["salt"]
    assert noted[0]["kept"] == []
    assert [one["kept"] for one in noted[1:]] == [[[0, 60, 80]]] * 2
    assert all(one["streaming"] for one in noted)


async def test_an_output_keeps_to_its_grammar(
    engine: TensorRTEngine, onnx: OnnxEngine, ask: Any
) -> None:
    schema = (
        '{"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 9}, \
"s": {"enum": ["a", "bc"]}}, "required": ["n"], "additionalProperties": false}'
    )
    for constraint in (Regex(r"(ab|c[0-9]{2})+x"), Regex(r"[^a-z]{4}"), JsonSchema(schema)):
        for prompt in PROMPTS[:2]:
            call = Call(prompt=prompt, constraint=constraint, sampling=Sampling(max_tokens=40))
            found, expected = await ask(engine, call), await ask(onnx, call)
            assert found.ids == expected.ids
            assert found.finish.reason == expected.finish.reason
            assert found.finish.generated_tokens == len(found.ids)


async def test_a_grammar_goes_on_from_what_was_said(engine: TensorRTEngine, ask: Any) -> None:
    constraint = Regex(r"[0-9]{3}( [0-9]{3}){4}")
    whole = await ask(
        engine, Call(prompt=PROMPTS[0], constraint=constraint, sampling=Sampling(max_tokens=60))
    )
    assert whole.finish.reason == "stop"
    for at in range(1, len(whole.ids)):
        rest = await ask(
            engine,
            Call(
                prompt=(*PROMPTS[0], *whole.ids[:at]),
                position=at,
                constraint=constraint,
                sampling=Sampling(max_tokens=60),
            ),
        )
        assert whole.ids[:at] + rest.ids == whole.ids
    said = Call(
        prompt=(*PROMPTS[0], *whole.ids),
        position=len(whole.ids),
        constraint=constraint,
        sampling=Sampling(max_tokens=60),
    )
    end = await ask(engine, said)
    assert end.ids == () and end.finish.reason == "stop"


async def test_a_grammar_that_is_cut_off_says_length(engine: TensorRTEngine, ask: Any) -> None:
    call = Call(prompt=PROMPTS[0], constraint=Regex("[ab]{30}c"), sampling=Sampling(max_tokens=3))
    found = await ask(engine, call)
    assert found.finish.reason == "length" and len(found.ids) == 3


async def test_the_end_token_ends_a_whole_output_and_is_delivered_only_if_asked(
    engine: TensorRTEngine, onnx: OnnxEngine, ask: Any
) -> None:
    # a run of digits is whole at any place: here the model would rather end it than go on
    for stop, ids in (((), ()), ((2,), (2,))):
        sampling = Sampling(max_tokens=10, stop=stop, logit_bias=((2, 900.0),))
        call = Call(prompt=PROMPTS[0], constraint=Regex("[0-9]*"), sampling=sampling, logprobs=True)
        found, expected = await ask(engine, call), await ask(onnx, call)
        assert found.ids == expected.ids == ids
        assert len(found.logprobs) == len(ids)
        assert found.finish.reason == expected.finish.reason == "stop"


async def test_a_grammar_may_use_the_last_token_of_the_context(
    engine: TensorRTEngine, onnx: OnnxEngine, ask: Any
) -> None:
    prompt = tuple(range(600, 600 + engine.info.context - 3))
    for pattern in ("[ab]{3}", "[ab]{9}"):
        call = Call(prompt=prompt, constraint=Regex(pattern), sampling=Sampling(max_tokens=3))
        found, expected = await ask(engine, call), await ask(onnx, call)
        assert found.ids == expected.ids
        assert found.finish.reason == expected.finish.reason


async def test_no_token_comes_after_a_cancellation_and_the_place_is_free_again(
    engine: TensorRTEngine,
) -> None:
    stream = engine.submit(Call(prompt=PROMPTS[0], sampling=Sampling(max_tokens=400)))
    events = []
    async for event in stream:
        events.append(event)
        if len(events) == 1:
            stream.cancel()
    assert events[-1].reason == "cancelled"  # type: ignore[union-attr]
    assert await drained(engine)


async def test_a_stream_that_is_dropped_frees_its_place(engine: TensorRTEngine) -> None:
    stream = engine.submit(Call(prompt=PROMPTS[0], sampling=Sampling(max_tokens=400)))
    await anext(aiter(stream))
    del stream
    assert await drained(engine)


async def test_a_deadline_ends_a_running_and_a_waiting_call(
    engine: TensorRTEngine, ask: Any
) -> None:
    long = Call(prompt=PROMPTS[0], sampling=Sampling(max_tokens=400), timeout_s=0.3)
    answers = await asyncio.gather(*(ask(engine, long) for _ in range(2 * engine.info.max_batch)))
    assert {one.finish.reason for one in answers} == {"deadline"}
    assert await drained(engine)


async def test_statistics_add_up(engine: TensorRTEngine, ask: Any) -> None:
    before = engine.stats()
    found = await ask(engine, Call(prompt=PROMPTS[1], sampling=Sampling(max_tokens=7)))
    after = engine.stats()
    assert after.prompt_tokens - before.prompt_tokens == len(PROMPTS[1])
    assert after.generated_tokens - before.generated_tokens == len(found.ids) == 7
    assert after.finished["length"] - before.finished.get("length", 0) == 1
    for _ in range(500):
        if engine.stats().block_tokens:
            break
        await asyncio.sleep(0.02)
    assert (engine.stats().block_tokens, engine.stats().blocks) == (32, 1000)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (Call(prompt=(5,), adapter=Mix((("plan", 0.5), ("verify", 0.5)))), "Mix of 2 adapters"),
        (Call(prompt=(5, 6), adapter="plan", activation=1), "activation is 1"),
        (Call(prompt=(5,), sampling=Sampling(temperature=1.0, top_k=2000)), "top_k is 2000"),
        (
            Call(prompt=(5,), sampling=Sampling(logit_bias=((1, 2.0),), repetition_penalty=1.1)),
            "repetition_penalty 1.1",
        ),
        (Call(prompt=(5,), constraint=Grammar('start: "a"')), "dialect of Lark"),
        (Call(prompt=(5,), constraint=Regex("a(?=b)")), "'(?'"),
        (
            Call(prompt=(5,), constraint=JsonSchema('{"type": "array", "uniqueItems": true}')),
            "uniqueItems",
        ),
        (Call(prompt=(5,), adapter="solve"), "has no adapter 'solve'"),
        (Call(prompt=(9999,)), "token id 9999"),
        (Call(prompt=tuple(range(5, 500))), "512"),
    ],
)
async def test_a_call_that_cannot_be_done_exactly_is_refused_with_the_way_round(
    engine: TensorRTEngine, call: Call, said: str
) -> None:
    with pytest.raises(BadCall, match=re.escape(said)):
        engine.submit(call)


async def test_embedding_is_refused(engine: TensorRTEngine) -> None:
    with pytest.raises(BadCall, match="encoder"):
        engine.embed([[1, 2]])


def test_an_engine_says_what_it_is(engine: TensorRTEngine) -> None:
    info = engine.info
    assert (info.backend, info.device, info.precision) == ("tensorrt-llm", "cuda", "bf16")
    assert (info.adapters, info.context, info.max_batch) == (("plan", "verify"), 512, 8)
