"""ask: a run that waits for a person."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.events import NodeDelta, NodeFinished, NodeStarted
from smysl_reasoning.export import markdown
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.nodes import AskData, Node, opens
from smysl_reasoning.requests import QUESTION_LIMIT_BYTES, DeriveRequest, Edit, RunRequest
from smysl_reasoning.run import Run
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 1", "step n0 / n1", "answer n2"]

Speaking = Callable[..., ScriptedEngine]
Running = Callable[..., Runtime]

PROGRAM = """
name = "asking"
summary = "asks whether to go on"
[[step]]
name = "first"
module = "candidate"
inputs = { question = "question" }
options = { temperature = 0.0 }
[[step]]
name = "ask"
module = "ask"
inputs = { question = "question", derivation = "first" }
options = { text = "Is that Tom?" }
[[step]]
name = "second"
module = "candidate"
inputs = { question = "question" }
when = "ask.text == 'no'"
[[step]]
name = "vote"
module = "vote"
inputs = { main = "first", others = "second" }
[[step]]
name = "verify"
module = "verify"
inputs = { choice = "vote" }
[[step]]
name = "answer"
module = "answer"
inputs = { choice = "vote", verdict = "verify" }
"""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "asking.toml").write_text(PROGRAM)
    return Library(MODULES, [tmp_path])


async def asked(runtime: Runtime, **rest: Any) -> tuple[Run, str]:
    """A run that waits, and the node it waits at."""
    run = await runtime.start(RunRequest(question=QUESTION, program="asking", **rest))
    return run, await waiting(run)


async def waiting(run: Run) -> str:
    async with asyncio.timeout(60):
        node = ""
        async for event in run.watch():
            if isinstance(event, NodeStarted) and event.node.kind == "question":
                assert event.node.status == "running"
                node = event.node.id
            if isinstance(event, NodeDelta) and event.node == node:
                assert event.text == "Is that Tom?"
                return node
    raise AssertionError("it asks nothing")


def shown(store: Store, session: str) -> list[Node]:
    graph = store.view(session).graph
    return [graph.node(id) for id in graph]


async def test_a_run_waits_until_it_is_answered(
    speaking: Speaking, running: Running, store: Store, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime)
    await asyncio.sleep(0.05)
    assert run.finished is None
    assert await runtime.answer(node[:10], "  yes ") == run.id
    finished = await run.result()
    assert finished.answer == "24"
    (question,) = [n for n in shown(store, run.session) if isinstance(n.data, AskData)]
    assert (question.id, question.status) == (node, "done")
    assert question.data == AskData("Is that Tom?", "yes")
    assert question.text == "Is that Tom?\nyes"
    assert [edge.role for edge in question.inputs] == ["question", "derivation"]
    assert not any(n.recipe and "0.7" in n.recipe.sampling for n in shown(store, run.session))
    with pytest.raises(BadRequest, match="none"):
        await runtime.answer(node, "no")


async def test_what_follows_depends_on_the_answer(
    speaking: Speaking, running: Running, store: Store, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime)
    await runtime.answer(node, "no")
    await run.result()
    assert sum(n.kind == "candidate" for n in shown(store, run.session)) == 2


@pytest.mark.parametrize("text", ["", " \n", "a" * (QUESTION_LIMIT_BYTES + 1), "\ud800"])
async def test_a_bad_answer_is_refused_and_the_run_waits_on(
    text: str, speaking: Speaking, running: Running, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime)
    with pytest.raises(BadRequest):
        await runtime.answer(node, text)
    for nobody in ("", "zzzz", "@last"):
        with pytest.raises(BadRequest, match=node[:12]):
            await runtime.answer(nobody, "yes")
    assert run.finished is None
    await runtime.answer(node, "yes")
    assert (await run.result()).outcome == "done"


async def test_it_is_no_question_of_the_session(
    speaking: Speaking, running: Running, store: Store, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime)
    await runtime.answer(node, "yes")
    await run.result()
    graph = store.view(run.session).graph
    assert [id for id in graph if opens(graph.node(id))] == [next(iter(graph))]
    # what is asked about the latest question is about the person's
    assert (await runtime.preview(run.session)).stale == ()
    assert (await runtime.preview(node=node)).stale == ()
    assert (await runtime.replay(run.session)).different == ()
    page = markdown.render("title", graph)
    assert page.count("\n## ") == 1
    await runtime.inject(next(iter(graph)), "It rains.")
    await runtime.edit(Edit(node=next(iter(graph)), text=QUESTION.replace("48", "60")))


async def test_another_answer_is_an_edit_and_only_what_rests_on_it_is_made_again(
    speaking: Speaking, running: Running, store: Store, library: Library
) -> None:
    engine = speaking(QUESTION, HALF)
    runtime = running(engine, library)
    run, node = await asked(runtime)
    await runtime.answer(node, "yes")
    await run.result()
    await runtime.edit(Edit(node=node, text="no"))
    graph = store.view(run.session).graph
    assert graph.node(node).data == AskData("Is that Tom?", "no")
    assert not opens(graph.node(node))
    before = len(engine.calls)
    finished = await (await runtime.derive(DeriveRequest(session=run.session))).result()
    assert finished.outcome == "done" and len(engine.calls) - before == 1


async def test_the_same_question_elsewhere_is_asked_again(
    speaking: Speaking, running: Running, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime)
    await runtime.answer(node, "yes")
    await run.result()
    other, at = await asked(runtime)
    assert at != node
    await runtime.answer(at, "yes")
    await other.result()


async def test_cancel_and_answer_at_once_work_while_it_waits(
    speaking: Speaking, running: Running, store: Store, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime)
    await runtime.cancel(run.session)
    assert (await run.result()).outcome == "cancelled"
    (question,) = [n for n in shown(store, run.session) if n.id == node]
    assert (question.status, question.text) == ("cancelled", "Is that Tom?")
    assert not opens(question)
    with pytest.raises(BadRequest):
        await runtime.answer(node, "yes")
    run, _ = await asked(runtime)
    await runtime.finish(run.session)
    finished = await run.result()
    assert (finished.outcome, finished.answer) == ("done", "24")


async def test_a_question_that_was_cut_off_can_be_answered_by_an_edit_or_is_asked_again(
    speaking: Speaking, running: Running, store: Store, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime)
    await runtime.cancel(run.session)
    await run.result()
    await runtime.edit(Edit(node=node, text="yes"))
    finished = await (await runtime.derive(DeriveRequest(session=run.session))).result()
    assert finished.answer == "24"
    await runtime.undo(run.session)
    await runtime.undo(run.session)
    again = await runtime.derive(DeriveRequest(session=run.session))
    assert await waiting(again) == node
    await runtime.answer(node, "yes")
    assert (await again.result()).answer == "24"


async def test_the_time_a_person_takes_does_not_count_in_the_budget(
    speaking: Speaking, running: Running, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime, budget_seconds=60)
    (walk,) = runtime._walks.values()
    assert walk.calls.clock.stands
    before = walk.calls.clock.seconds
    # an hour passes
    walk.calls.clock._now = lambda: time.monotonic() + 3600
    assert walk.calls.clock.seconds == before
    await runtime.answer(node, "yes")
    finished = await asyncio.wait_for(run.result(), 60)
    assert (finished.outcome, finished.verdict, finished.answer) == ("done", "unverified", "24")


async def test_after_the_answer_the_budget_goes_on_from_where_it_was(
    speaking: Speaking, running: Running, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime, budget_seconds=60)
    (walk,) = runtime._walks.values()
    # as if the run had worked for an hour before it asked
    walk.calls.clock._counted += 3600
    await asyncio.sleep(0.02)
    assert run.finished is None, "nothing is cut off while a person thinks"
    await runtime.answer(node, "no")
    finished = await asyncio.wait_for(run.result(), 60)
    assert (finished.outcome, finished.verdict, finished.answer) == ("done", "budget", "24")
    assert "60 s" in finished.message


async def test_a_pause_does_not_count_in_the_budget(
    speaking: Speaking, running: Running, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF, seconds_per_token=0.01), library)
    run = await runtime.start(RunRequest(question=QUESTION, program="solve", budget_seconds=60))
    await runtime.pause(run.session)
    (walk,) = runtime._walks.values()
    async with asyncio.timeout(60):
        while not walk.calls.clock.stands:
            await asyncio.sleep(0.002)
    walk.calls.clock._now = lambda: time.monotonic() + 3600
    await runtime.unpause(run.session)
    finished = await asyncio.wait_for(run.result(), 60)
    assert (finished.outcome, finished.answer) == ("done", "24")
    assert finished.verdict != "budget"


async def test_a_preview_asks_nobody(
    speaking: Speaking, running: Running, store: Store, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, _ = await asked(runtime)
    await runtime.cancel(run.session)
    await run.result()
    before = shown(store, run.session)
    preview = await asyncio.wait_for(runtime.preview(run.session), 60)
    assert len(preview.stale) == 1
    assert await asyncio.wait_for(runtime.replay(run.session), 60)
    assert shown(store, run.session) == before


async def test_a_run_that_waited_when_the_daemon_went_asks_again(
    speaking: Speaking, dialect: NativeDialect, library: Library, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "waiting.db")
    runtime = Runtime(
        engine=speaking(QUESTION, HALF), dialect=dialect, store=store, library=library
    )
    run, _ = await asked(runtime)
    assert await runtime.suspend() == 1
    store.close()

    store = Store.open(tmp_path / "waiting.db")
    engine = speaking(QUESTION, HALF)
    runtime = Runtime(engine=engine, dialect=dialect, store=store, library=library)
    (resumed,) = await runtime.resume()
    node = await waiting(resumed)
    assert engine.calls == []
    await runtime.answer(node, "yes")
    assert (await resumed.result()).answer == "24"
    await runtime.close()
    store.check()
    store.close()


async def test_a_paused_run_can_be_answered(
    speaking: Speaking, running: Running, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime)
    await runtime.pause(run.session)
    await runtime.answer(node, "no")
    await asyncio.sleep(0.05)
    assert run.finished is None
    await runtime.unpause(run.session)
    assert (await run.result()).outcome == "done"


async def test_events_end_with_the_answered_question(
    speaking: Speaking, running: Running, store: Store, library: Library
) -> None:
    runtime = running(speaking(QUESTION, HALF), library)
    run, node = await asked(runtime)
    await runtime.answer(node, "yes")
    await run.result()
    finished = [e.node for e in [e async for e in run.watch()] if isinstance(e, NodeFinished)]
    assert node in [one.id for one in finished]
