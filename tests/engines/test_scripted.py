import asyncio
import gc

import pytest

from smysl_engines.base import (
    AllowedTokens,
    BadCall,
    Call,
    Choice,
    Delta,
    Engine,
    EngineClosed,
    EngineError,
    Finish,
    Mix,
    PromptTooLong,
    Sampling,
    Stream,
)
from smysl_engines.scripted import Scripted, ScriptedEngine


async def collect(stream: Stream) -> tuple[tuple[int, ...], Finish]:
    ids: tuple[int, ...] = ()
    finishes = []
    async for event in stream:
        match event:
            case Delta():
                ids += event.ids
            case Finish():
                finishes.append(event)
    assert len(finishes) == 1
    return ids, finishes[0]


def engine_of(*ids: int) -> Engine:
    return ScriptedEngine(lambda call: ids)


async def test_the_script_is_delivered_and_finishes_once() -> None:
    ids, finish = await collect(engine_of(5, 6, 7).submit(Call(prompt=(1, 2))))
    assert ids == (5, 6, 7)
    assert (finish.reason, finish.prompt_tokens, finish.generated_tokens) == ("stop", 2, 3)


async def test_a_stop_token_is_delivered_and_ends_the_call() -> None:
    call = Call(prompt=(1,), sampling=Sampling(stop=(6,)))
    ids, finish = await collect(engine_of(5, 6, 7).submit(call))
    assert (ids, finish.reason) == ((5, 6), "stop")


async def test_max_tokens_ends_the_call_by_length() -> None:
    call = Call(prompt=(1,), sampling=Sampling(max_tokens=2))
    ids, finish = await collect(engine_of(5, 6, 7).submit(call))
    assert (ids, finish.reason) == ((5, 6), "length")


async def test_a_choice_finishes_with_index_and_probabilities() -> None:
    engine = ScriptedEngine(lambda call: Scripted(choice=1, probabilities=(0.25, 0.75)))
    call = Call(prompt=(1,), constraint=Choice(((4,), (5, 6))))
    ids, finish = await collect(engine.submit(call))
    assert ids == (5, 6)
    assert (finish.choice, finish.probabilities) == (1, (0.25, 0.75))


async def test_a_script_that_breaks_its_constraint_fails_the_call() -> None:
    for constraint in (Choice(((4,), (6,))), AllowedTokens((4,))):
        with pytest.raises(EngineError):
            await collect(engine_of(5).submit(Call(prompt=(1,), constraint=constraint)))


async def test_cancel_wakes_a_slow_stream_and_finishes_it_as_cancelled() -> None:
    engine = ScriptedEngine(lambda call: range(1, 100), seconds_per_token=60)
    stream = engine.submit(Call(prompt=(1,)))
    asyncio.get_running_loop().call_later(0.01, stream.cancel)
    ids, finish = await asyncio.wait_for(collect(stream), 60)
    assert (ids, finish.reason, engine.running) == ((), "cancelled", 0)


async def test_a_failing_script_fails_the_call_with_an_engine_error() -> None:
    engine = ScriptedEngine(lambda call: Scripted(ids=(3,), error="out of ink"))
    with pytest.raises(EngineError, match="out of ink"):
        await collect(engine.submit(Call(prompt=(1,))))


async def test_a_closed_engine_refuses_calls_and_cancels_what_runs() -> None:
    engine = ScriptedEngine(lambda call: range(1, 100))
    stream = engine.submit(Call(prompt=(1,)))
    engine.close()
    engine.close()
    assert (await collect(stream))[1].reason == "cancelled"
    with pytest.raises(EngineClosed):
        engine.submit(Call(prompt=(1,)))


@pytest.mark.parametrize(
    "call",
    [
        Call(prompt=()),
        Call(prompt=(-1,)),
        Call(prompt=(4096,)),
        Call(prompt=(1,), adapter="missing"),
        Call(prompt=(1,), sampling=Sampling(temperature=float("nan"))),
        Call(prompt=(1,), sampling=Sampling(temperature=-1)),
        Call(prompt=(1,), sampling=Sampling(top_k=-1)),
        Call(prompt=(1,), sampling=Sampling(top_p=0)),
        Call(prompt=(1,), sampling=Sampling(min_p=2)),
        Call(prompt=(1,), sampling=Sampling(max_tokens=0)),
        Call(prompt=(1,), sampling=Sampling(seed=-1)),
        Call(prompt=(1,), sampling=Sampling(stop=(5000,))),
        Call(prompt=(1,), constraint=Choice(())),
        Call(prompt=(1,), constraint=Choice(((),))),
        Call(prompt=(1,), constraint=Choice(((1,), (1,)))),
        Call(prompt=(1,), constraint=Choice(((9999,),))),
        Call(prompt=(1,), constraint=AllowedTokens(())),
    ],
)
def test_a_call_that_can_never_run_is_refused_at_once(call: Call) -> None:
    with pytest.raises(BadCall):
        engine_of(5).submit(call)


def test_prompt_and_output_must_fit_the_context() -> None:
    with pytest.raises(PromptTooLong, match="512"):
        engine_of(5).submit(Call(prompt=(1,) * 300))
    engine_of(5).submit(Call(prompt=(1,) * 500, constraint=Choice(((1,) * 12,))))


def test_embeddings_are_unit_length_and_depend_on_the_tokens() -> None:
    same, again, other = engine_of(5).embed([[1, 2, 3], [1, 2, 3], [70, 80]])
    assert same == again != other
    assert abs(sum(x * x for x in same) - 1) < 1e-9


async def events_of(stream: Stream) -> list[Delta | Finish]:
    return [event async for event in stream]


async def test_echo_alone_ends_after_the_prompt() -> None:
    call = Call(prompt=(1, 2, 3), echo=True, sampling=Sampling(max_tokens=0))
    ids, finish = await collect(engine_of(5, 6).submit(call))
    assert (ids, finish.reason, finish.generated_tokens) == ((), "length", 0)
    assert (len(finish.prompt_logprobs), finish.prompt_top) == (2, ())


async def test_top_logprobs_stand_beside_every_token() -> None:
    engine = ScriptedEngine(lambda call: Scripted(ids=(5, 6), logprobs=(-0.5,)))
    call = Call(prompt=(1, 2), logprobs=True, top_logprobs=3, echo=True)
    first, second, finish = await events_of(engine.submit(call))
    assert first == Delta((5,), (-0.5,), (((5, -0.5),),))
    assert second == Delta((6,), (0.0,), (((6, 0.0),),))
    assert isinstance(finish, Finish)
    assert finish.prompt_top == (((2, 0.0),),)


async def test_a_call_ends_at_its_deadline_with_what_it_has() -> None:
    engine = ScriptedEngine(lambda call: range(1, 100), seconds_per_token=60)
    stream = engine.submit(Call(prompt=(1,), timeout_s=0.01))
    ids, finish = await asyncio.wait_for(collect(stream), 60)
    assert (ids, finish.reason, engine.running) == ((), "deadline", 0)
    choice = Call(prompt=(1,), timeout_s=1e-9, constraint=Choice(((4,), (5,))))
    _, finish = await collect(ScriptedEngine(lambda call: Scripted(choice=1)).submit(choice))
    assert (finish.reason, finish.choice, finish.probabilities) == ("deadline", None, ())


async def test_a_deadline_that_is_not_reached_changes_nothing() -> None:
    ids, finish = await collect(engine_of(5, 6).submit(Call(prompt=(1,), timeout_s=600)))
    assert (ids, finish.reason) == ((5, 6), "stop")


async def test_a_mix_of_known_adapters_runs() -> None:
    engine = ScriptedEngine(lambda call: (5,), adapters=("a", "b"))
    call = Call(prompt=(1, 2), adapter=Mix((("a", 0.5), ("b", -1.0))), activation=1)
    assert (await collect(engine.submit(call)))[0] == (5,)


async def test_stats_count_what_has_begun_and_ended() -> None:
    engine = ScriptedEngine(lambda call: Scripted(ids=(5, 6), cached_tokens=1))
    left = engine.submit(Call(prompt=(1,)))
    waiting = engine.submit(Call(prompt=(1,)))
    assert (engine.stats().running, engine.stats().waiting) == (0, 2)
    async for _ in left:
        assert (engine.stats().running, engine.stats().waiting) == (1, 1)
        break
    left.cancel()
    await collect(left)
    await collect(waiting)
    stats = engine.stats()
    assert (stats.running, stats.waiting) == (0, 0)
    assert stats.finished == {"cancelled": 1, "stop": 1}
    assert (stats.prompt_tokens, stats.generated_tokens, stats.cached_tokens) == (2, 3, 2)
    failing = ScriptedEngine(lambda call: Scripted(error="out of ink"))
    with pytest.raises(EngineError):
        await collect(failing.submit(Call(prompt=(1,))))
    assert failing.stats().finished == {"failed": 1}


async def test_a_call_has_ended_when_its_finish_is_there() -> None:
    engine = ScriptedEngine(lambda call: (5, 6))
    stream = engine.submit(Call(prompt=(1,)))
    async for item in stream:
        if isinstance(item, Finish):
            assert (engine.stats().running, engine.stats().finished) == (0, {"stop": 1})
            break
    del stream, item
    gc.collect()
    await asyncio.sleep(0)
    assert engine.stats().finished == {"stop": 1}
