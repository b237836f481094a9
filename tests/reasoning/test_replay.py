"""A replay makes everything anew and says what came out otherwise."""

from collections.abc import Callable

import msgspec
import pytest

from smysl_engines.base import Call
from smysl_engines.scripted import Answer, ScriptedEngine
from smysl_reasoning.history import Again
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
Thinking = Callable[..., ScriptedEngine]
Running = Callable[[ScriptedEngine], Runtime]


async def asked(runtime: Runtime) -> str:
    run = await runtime.start(RunRequest(question=QUESTION))
    assert (await run.result()).outcome == "done"
    return run.session


def at(store: Store, session: str, place: str) -> str:
    graph = store.view(session).graph
    return next(id for id in graph if graph.placed(id).place == place)


async def test_the_same_engine_says_the_same_again(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking()
    runtime = running(engine)
    session = await asked(runtime)
    view, before = store.view(session), len(engine.calls)
    report = await runtime.replay(session)
    derived = [id for id in view.graph if view.graph.node(id).recipe is not None]
    assert (report.same, report.held, report.different) == (len(derived), 0, ())
    assert len(engine.calls) == 2 * before, "nothing was taken from what is stored"
    assert report.engines_were == (report.engine_now,) == (engine.info.fingerprint,)
    assert store.view(session) is view, "a replay writes nothing"
    assert store.sessions()[0].nodes == len(view.graph)


async def test_edits_notes_retries_and_reused_nodes_are_replayed_as_they_are(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    await asked(runtime)
    session = await asked(runtime)
    place = "solve/greedy/0/thought 0"
    await runtime.edit(Edit(node=at(store, session, place), text="48 / 2"))
    await runtime.inject(at(store, session, "solve/samples/1/candidate"), "It rains.")
    await runtime.retry(at(store, session, "solve/samples/0/candidate"), Again(seed=4))
    await runtime.pin(at(store, session, "solve/reworded/0/candidate"), True)
    await (await runtime.derive(DeriveRequest(session=session))).result()
    report = await runtime.replay(session)
    assert report.different == () and report.held == 2


async def test_what_comes_out_otherwise_is_named(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    session = await asked(runtime)
    think = thinking()._answer

    def other(call: Call) -> Answer:
        # another model: it samples otherwise, and is as greedy as the first
        if call.sampling.temperature > 0:
            seed = call.sampling.seed ^ 1
            call = msgspec.structs.replace(
                call, sampling=msgspec.structs.replace(call.sampling, seed=seed)
            )
        return think(call)

    engine = ScriptedEngine(other, context=1024, fingerprint="0ther")
    report = await running(engine).replay(session)
    assert (report.engines_were, report.engine_now) == (("5c21b7ed",), "0ther")
    different = {one.place: one for one in report.different}
    assert any("samples" in str(place) for place in different)
    assert "solve/plan/0/plan" not in different and report.same >= 4
    graph = store.view(session).graph
    for one in report.different:
        if one.was is not None:
            assert graph.node(one.node).text == one.was != one.now


async def test_a_question_that_never_ran_in_the_branch_is_passed_over(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking(seconds_per_token=0.01)
    runtime = running(engine)
    run = await runtime.start(RunRequest(question=QUESTION))
    run.cancel()
    await run.result()
    report = await runtime.replay(run.session)
    assert report.same == 0


async def test_a_replay_that_the_engine_fails_leaves_nothing_behind(
    thinking: Thinking, running: Running, store: Store
) -> None:
    session = await asked(running(thinking()))

    def broken(call: Call) -> Answer:
        raise RuntimeError("out of memory")

    engine = ScriptedEngine(broken, context=1024)
    with pytest.raises(Exception, match="out of memory"):
        await running(engine).replay(session)
    assert engine.running == 0 and store.unfinished_runs() == []
