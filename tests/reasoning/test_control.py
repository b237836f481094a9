"""Runs that are paused, stopped, asked to answer at once, and cut off by a crash in the middle of a text."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smysl_engines.base import Call, Choice
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning import workbench
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.history import Again
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.run import Run
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
Thinking = Callable[..., ScriptedEngine]
Running = Callable[[ScriptedEngine], Runtime]
Said = dict[str | None, tuple[str, str, str]]


def said(store: Store, session: str, branch: str | None = None) -> Said:
    """Place -> kind, status and text of what a branch shows."""
    graph = store.view(session, branch).graph
    placed = [graph.placed(id) for id in graph]
    return {one.place: (one.node.kind, one.node.status, one.node.text) for one in placed}


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not met():
            await asyncio.sleep(0.002)


async def ask(runtime: Runtime, **rest: Any) -> Run:
    return await runtime.start(RunRequest(question=QUESTION, **rest))


# ------------------------------------------------------------ pause


async def test_a_paused_run_frees_the_engine_and_goes_on_with_the_same_words(
    thinking: Thinking, running: Running, store: Store
) -> None:
    plain = running(thinking())
    whole = await ask(plain, seed=1)
    await whole.result()

    engine = thinking(seconds_per_token=0.004, fingerprint="0ther")
    runtime = running(engine)
    run = await ask(runtime, seed=1)
    (walk,) = runtime._walks.values()
    await until(lambda: walk.calls.usage.generated_tokens >= 10)
    assert engine.running > 0
    assert await runtime.pause(run.session) == [run.id]
    await until(lambda: engine.running == 0)
    paused = len(engine.calls)
    assert store.run(run.id).paused
    await asyncio.sleep(0.05)
    assert len(engine.calls) == paused and run.finished is None
    assert await runtime.unpause(run.session) == [run.id]
    assert not store.run(run.id).paused
    assert (await run.result()).outcome == "done"
    assert said(store, run.session) == said(store, whole.session)
    # every call that had begun went on from where it was: no token was said twice
    goes_on = [call for call in engine.calls[paused:] if call.position > 0]
    assert goes_on


async def test_a_pause_is_kept_over_a_restart(
    thinking: Thinking, dialect: NativeDialect, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "paused.db")
    slow = Runtime(engine=thinking(seconds_per_token=0.01), dialect=dialect, store=store)
    run = await ask(slow)
    await slow.pause(run.session)
    store.close()
    await slow.close()

    store = Store.open(tmp_path / "paused.db")
    engine = thinking()
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    (resumed,) = await runtime.resume()
    await asyncio.sleep(0.05)
    assert engine.calls == [] and resumed.finished is None
    await runtime.unpause(run.session)
    assert (await resumed.result()).outcome == "done"
    await runtime.close()
    store.check()
    store.close()


async def test_a_checker_that_is_paused_for_a_moment_is_asked_again(
    thinking: Thinking, running: Running, store: Store
) -> None:
    class SlowCheck(ScriptedEngine):
        def submit(self, call: Call):  # type: ignore[no-untyped-def]
            self._seconds_per_token = 0.2 if isinstance(call.constraint, Choice) else 0.0
            return super().submit(call)

    quick = thinking()
    engine = SlowCheck(quick._answer, context=1024)
    runtime = running(engine)
    run = await ask(runtime)
    await until(lambda: any(isinstance(call.constraint, Choice) for call in engine.calls))
    (walk,) = runtime._walks.values()
    walk.calls.pause()
    walk.calls.unpause()
    finished = await run.result()
    assert finished.outcome == "done", finished.message
    assert [n.status for n in store.run_nodes(run.id) if n.kind == "check"] == ["done"] * 2


async def test_what_does_not_run_can_be_neither_paused_nor_finished(
    thinking: Thinking, running: Running
) -> None:
    runtime = running(thinking())
    run = await ask(runtime)
    await run.result()
    for act in (runtime.pause, runtime.unpause, runtime.cancel, runtime.finish):
        with pytest.raises(BadRequest, match="nothing runs"):
            await act(run.session)


async def test_a_paused_run_can_be_cancelled_or_answer_at_once(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking(seconds_per_token=0.01))
    for act, outcome in ((runtime.cancel, "cancelled"), (runtime.finish, "done")):
        run = await ask(runtime)
        await runtime.pause(run.session)
        await act(run.session)
        finished = await asyncio.wait_for(run.result(), 60)
        assert finished.outcome == outcome
        assert not store.run(run.id).paused


# ------------------------------------------------------------ answer now


async def test_finish_answers_with_the_derivations_that_are_there(
    thinking: Thinking, running: Running, store: Store
) -> None:
    class SlowCheck(ScriptedEngine):
        def submit(self, call: Call):  # type: ignore[no-untyped-def]
            self._seconds_per_token = 30.0 if isinstance(call.constraint, Choice) else 0.0
            return super().submit(call)

    engine = SlowCheck(thinking()._answer, context=1024)
    runtime = running(engine)
    run = await ask(runtime)
    await until(lambda: any(isinstance(call.constraint, Choice) for call in engine.calls))
    await runtime.finish(run.session)
    finished = await asyncio.wait_for(run.result(), 60)
    assert (finished.outcome, finished.verdict) == ("done", "unverified")
    assert finished.answer is not None and "answer at once" in finished.message
    statuses = Counter(node.status for node in store.run_nodes(run.id))
    assert statuses["cancelled"] == 1
    assert engine.running == 0


@pytest.mark.parametrize("moment", [0.0, 0.004, 0.02, 0.06])
async def test_after_an_early_answer_the_rest_can_still_be_derived(
    moment: float, thinking: Thinking, running: Running, store: Store
) -> None:
    whole = await ask(running(thinking()))
    await whole.result()
    runtime = running(thinking(seconds_per_token=0.004, fingerprint="0ther"))
    run = await ask(runtime)
    await asyncio.sleep(moment)
    await runtime.finish(run.session)
    assert (await run.result()).outcome == "done"
    rest = await runtime.derive(DeriveRequest(session=run.session))
    assert (await rest.result()).outcome == "done"
    assert said(store, run.session) == said(store, whole.session)
    assert store.view(run.session).graph.stale() == []


async def test_finish_before_anything_is_found_gives_no_answer(
    thinking: Thinking, running: Running
) -> None:
    runtime = running(thinking(seconds_per_token=1.0))
    run = await ask(runtime)
    await runtime.finish(run.session)
    finished = await asyncio.wait_for(run.result(), 60)
    assert (finished.answer, finished.verdict) == (None, "failed")
    assert "before an answer was found" in finished.message


# ------------------------------------------------------------ cancel


async def test_a_cancelled_retry_is_still_a_retry(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking(seconds_per_token=0.003)
    runtime = running(engine)
    run = await ask(runtime)
    await run.result()
    graph = store.view(run.session).graph
    (sample,) = [id for id in graph if graph.placed(id).place == "solve/samples/0/candidate"]
    await runtime.retry(sample, Again(seed=77))
    again = await runtime.derive(DeriveRequest(session=run.session))
    await until(lambda: engine.running > 0)
    again.cancel()
    await again.result()
    assert sample in store.view(run.session).graph.stale()
    last = await runtime.derive(DeriveRequest(session=run.session))
    await last.result()
    assert any(call.sampling.seed == 77 for call in engine.calls[-2:])
    placed = store.view(run.session).graph.placed(sample)
    assert placed.again is not None and placed.again.seed == 77 and placed.again.done


async def test_a_cancelled_derivation_leaves_one_node_at_a_place(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking(seconds_per_token=0.003)
    runtime = running(engine)
    run = await ask(runtime)
    await run.result()
    graph = store.view(run.session).graph
    (question,) = [id for id in graph if graph.node(id).kind == "question"]
    for number in range(8):
        text = QUESTION.replace("He ", "He often " * (1 + number))
        await runtime.edit(Edit(node=question, text=text))
        going = await runtime.derive(DeriveRequest(session=run.session))
        await asyncio.sleep(0.012 * number)
        going.cancel()
        await going.result()
        graph = store.view(run.session).graph
        places = Counter(graph.placed(id).place for id in graph if graph.placed(id).place)
        assert set(places.values()) == {1}, places


# ------------------------------------------------------------ crashes


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every token is written down at once."""
    monkeypatch.setattr(workbench, "JOURNAL_S", 0.0)


async def crashed(
    path: Path, dialect: NativeDialect, engine: ScriptedEngine, moment: int, **rest: Any
) -> Run:
    """A run whose process ends when the engine has been given `moment` tokens to say."""
    store = Store.open(path)
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    run = await ask(runtime, **rest)
    async with asyncio.timeout(60):
        while run.finished is None:
            (walk,) = runtime._walks.values()
            if walk.calls.usage.generated_tokens >= moment:
                break
            await asyncio.sleep(0)
    store.close()
    await runtime.close()
    return run


def noted(store: Store, run: str) -> int:
    """Tokens that need not be said again: of finished nodes, and of those that were under way."""
    with store.snapshot() as db:
        partial = db.execute("SELECT sum(length(tokens)) FROM partials WHERE run = ?", (run,))
        (size,) = partial.fetchone()
    return (size or 0) // 4 + sum(node.stats.generated_tokens for node in store.run_nodes(run))


@pytest.mark.parametrize("program", ["solve", "vote", "direct"])
@pytest.mark.parametrize("moment", [1, 7, 12, 19, 31, 44, 60])
async def test_a_text_that_a_crash_cut_off_goes_on_with_the_same_words(
    moment: int,
    program: str,
    thinking: Thinking,
    dialect: NativeDialect,
    tmp_path: Path,
    eager: None,
) -> None:
    options: dict[str, Any] = {} if program == "direct" else {"samples": 3}
    path = tmp_path / "whole.db"
    engine = thinking()
    store = Store.open(path)
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    run = await ask(runtime, program=program, options=options, seed=5)
    whole = await run.result()
    expected = said(store, run.session)
    await runtime.close()
    store.close()

    path = tmp_path / "cut.db"
    cut = await crashed(path, dialect, thinking(), moment, program=program, options=options, seed=5)
    store = Store.open(path)
    kept = noted(store, cut.id)
    assert kept >= min(moment // 2, 1)
    runtime = Runtime(engine=thinking(), dialect=dialect, store=store)
    (resumed,) = await runtime.resume() or [cut]
    if resumed is not cut:
        finished = await resumed.result()
        assert finished.outcome == "done", finished.message
        assert finished.generated_tokens <= whole.generated_tokens - kept
        assert (finished.answer, finished.verdict) == (whole.answer, whole.verdict)
    assert said(store, cut.session) == expected
    await runtime.close()
    store.check()
    store.close()


async def test_partial_tokens_are_gone_when_the_run_has_ended(
    thinking: Thinking, running: Running, store: Store, eager: None
) -> None:
    run = await ask(running(thinking()))
    await run.result()
    with store.snapshot() as db:
        assert db.execute("SELECT count(*) FROM partials").fetchone() == (0,)


async def test_a_resumed_run_reads_the_question_as_its_own_branch_has_it(
    thinking: Thinking, dialect: NativeDialect, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "two.db")
    engine = thinking()
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    run = await ask(runtime)
    await run.result()
    graph = store.view(run.session).graph
    (question,) = [id for id in graph if graph.node(id).kind == "question"]
    expected = said(store, run.session)
    await runtime.fork(question, "other")
    await runtime.edit(Edit(node=question, text="Tom has 5 apples and 7 pears. How many?"))
    await runtime.switch(run.session, "main")
    engine._seconds_per_token = 0.01
    await runtime.retry(_at(store, run.session, "solve/samples/0/candidate"), Again(seed=3))
    cut = await runtime.derive(DeriveRequest(session=run.session))
    await until(lambda: engine.running > 0)
    store.close()
    await runtime.close()

    store = Store.open(tmp_path / "two.db")
    runtime = Runtime(engine=thinking(), dialect=dialect, store=store)
    (resumed,) = await runtime.resume()
    assert resumed.id == cut.id
    assert (await resumed.result()).outcome == "done"
    now = said(store, run.session)
    unchanged = [place for place in expected if place and "/greedy/" in place]
    assert unchanged and all(now[place] == expected[place] for place in unchanged)
    await runtime.close()
    store.check()
    store.close()


def _at(store: Store, session: str, place: str) -> str:
    graph = store.view(session).graph
    return next(id for id in graph if graph.placed(id).place == place)


# ------------------------------------------------------------ two at once


async def test_of_two_runs_begun_at_once_in_a_branch_one_is_refused(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    run = await ask(runtime)
    await run.result()
    both = await asyncio.gather(
        *(ask(runtime, session=run.session, seed=seed) for seed in (1, 2)), return_exceptions=True
    )
    refused = [one for one in both if isinstance(one, BadRequest)]
    assert len(refused) == 1 and "goes on in branch" in str(refused[0])
    for one in both:
        if isinstance(one, Run):
            await one.result()
    # and the branch is free again
    assert (await (await ask(runtime, session=run.session, seed=3)).result()).outcome == "done"


async def test_an_edit_that_comes_while_a_derivation_begins_is_refused(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    run = await ask(runtime)
    await run.result()
    graph = store.view(run.session).graph
    (question,) = [id for id in graph if graph.node(id).kind == "question"]
    await runtime.edit(Edit(node=question, text=QUESTION + " Say."))
    deriving = asyncio.create_task(runtime.derive(DeriveRequest(session=run.session)))
    await asyncio.sleep(0)
    with pytest.raises(BadRequest, match="goes on in branch"):
        await runtime.edit(Edit(node=question, text=QUESTION + " Speak."))
    await (await deriving).result()
    assert store.view(run.session).graph.stale() == []
