"""An adapter of a run: every step that names none calls the model under it, and its nodes say so."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from smysl_engines.base import Choice
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.nodes import Node
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

Thinking = Callable[..., ScriptedEngine]
Running = Callable[..., Runtime]

QUESTION = "Tom has 48 apples and sells half of them. How many are left?"
TWO = ("bold", "steady")
"""Adapters that the engine has."""


async def ask(runtime: Runtime, adapter: str | None, **rest: object) -> str:
    """The session."""
    request = RunRequest(question=QUESTION, adapter=adapter, **rest)  # type: ignore[arg-type]
    run = await runtime.start(request)
    finished = await run.result()
    assert finished.outcome == "done", finished.message
    return run.session


def used(engine: ScriptedEngine, since: int = 0) -> set[object]:
    return {call.adapter for call in engine.calls[since:]}


def made(store: Store, session: str, *, by_model: bool) -> list[Node]:
    """The nodes that a program made, with a call of the model or without."""
    nodes = store.session_nodes(session)
    return [one for one in nodes if one.recipe and bool(one.recipe.sampling) == by_model]


async def test_every_call_of_a_run_is_under_its_adapter_and_every_recipe_says_so(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking(adapters=TWO)
    session = await ask(running(engine), "bold")
    assert used(engine) == {"bold"}
    assert any(isinstance(call.constraint, Choice) for call in engine.calls), "the checker, too"
    by_model = made(store, session, by_model=True)
    assert by_model and {one.recipe.adapter for one in by_model if one.recipe} == {"bold"}
    # what follows by exact rules follows whatever the adapter
    exact = made(store, session, by_model=False)
    assert exact and {one.recipe.adapter for one in exact if one.recipe} == {None}


async def test_a_run_without_an_adapter_is_what_it_was(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking(adapters=TWO)
    runtime = running(engine)
    session = await ask(runtime, None)
    assert used(engine) == {None}
    assert {one.recipe.adapter for one in store.session_nodes(session) if one.recipe} == {None}
    # an adapter makes its own nodes, once; those without one are still found
    before = len(engine.calls)
    await ask(runtime, "bold")
    between = len(engine.calls)
    assert between - before == before
    await ask(runtime, None)
    await ask(runtime, "bold")
    assert len(engine.calls) == between
    await ask(runtime, "steady")
    assert used(engine, between) == {"steady"}


async def test_a_step_that_names_its_adapter_keeps_it(
    thinking: Thinking, running: Running, tmp_path: Path
) -> None:
    chain = Library(MODULES).text("chain").replace('name = "chain"', 'name = "mine"')
    strict = chain.replace('module = "check"', 'module = "check"\nadapter = "steady"')
    (tmp_path / "mine.toml").write_text(strict)
    engine = thinking(adapters=TWO)
    await ask(running(engine, Library(MODULES, [tmp_path])), "bold", program="mine")
    by_choice = {(isinstance(call.constraint, Choice), call.adapter) for call in engine.calls}
    assert by_choice == {(False, "bold"), (True, "steady")}


async def test_an_adapter_that_the_model_lacks_is_refused_before_anything_is_written(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking(adapters=TWO))
    request = RunRequest(question=QUESTION, adapter="brave")
    for refused in (runtime.start(request), runtime.explain(request)):
        with pytest.raises(BadRequest, match="has no adapter 'brave'; it has: bold, steady"):
            await refused
    assert store.sessions(9) == []
    with pytest.raises(BadRequest, match="has no adapter 'bold'; it has: none"):
        await running(thinking()).start(RunRequest(question=QUESTION, adapter="bold"))


async def test_a_plan_and_its_analysis_are_of_the_adapter(
    thinking: Thinking, running: Running
) -> None:
    engine = thinking(adapters=TWO)
    runtime = running(engine)
    plan = await runtime.explain(RunRequest(question=QUESTION, adapter="bold"))
    assert {step.adapter for step in plan.steps} == {"bold"}
    assert {wave.adapters for wave in plan.waves} == {("bold",)} and engine.calls == []
    await runtime.explain(RunRequest(question=QUESTION, adapter="bold"), analyze=True)
    assert used(engine) == {"bold"}
    bare = await runtime.explain(RunRequest(question=QUESTION))
    assert {step.adapter for step in bare.steps} == {None}


async def test_what_is_derived_again_is_under_the_adapter_of_the_question(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking(adapters=TWO)
    runtime = running(engine)
    session = await ask(runtime, "bold")
    (question,) = [one.id for one in store.session_nodes(session) if one.kind == "question"]
    await runtime.edit(Edit(node=question, text="Ann has 5 pears and 7 plums. How many?"))
    preview = await runtime.preview(session)
    assert preview.calls > 0
    before = len(engine.calls)
    run = await runtime.derive(DeriveRequest(session=session))
    assert (await run.result()).outcome == "done"
    assert used(engine, before) == {"bold"}
    before = len(engine.calls)
    run = await runtime.derive(DeriveRequest(session=session, program="direct"))
    assert (await run.result()).outcome == "done"
    assert used(engine, before) == {"bold"}
    before = len(engine.calls)
    assert (await runtime.replay(session)).different == ()
    assert used(engine, before) == {"bold"}


async def test_deriving_on_a_model_without_the_adapter_says_what_to_do(
    thinking: Thinking, running: Running, store: Store, dialect: NativeDialect
) -> None:
    engine, other = thinking(adapters=TWO), thinking(adapters=("other",))
    runtime = running(engine)
    session = await ask(runtime, "bold")
    (question,) = [one.id for one in store.session_nodes(session) if one.kind == "question"]
    await runtime.edit(Edit(node=question, text="Ann has 5 pears and 7 plums. How many?"))
    await runtime.use(other, dialect)
    for refused in (runtime.derive(DeriveRequest(session=session)), runtime.preview(session)):
        with pytest.raises(BadRequest, match="asked with adapter 'bold', which .* models use"):
            await refused
    assert other.calls == []
    other.close()


async def cut_off(path: Path, engine: ScriptedEngine, dialect: NativeDialect) -> str:
    """A run under `bold` of which a file holds the beginning."""
    store = Store.open(path)
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    run = await runtime.start(RunRequest(question=QUESTION, adapter="bold"))
    async with asyncio.timeout(60):
        while not engine.running:
            await asyncio.sleep(0.005)
    assert await runtime.suspend() == 1
    store.close()
    engine.close()
    return run.id


async def test_a_run_that_a_restart_cut_off_goes_on_under_its_adapter(
    thinking: Thinking, dialect: NativeDialect, tmp_path: Path
) -> None:
    path = tmp_path / "cut.db"
    await cut_off(path, thinking(adapters=TWO, seconds_per_token=0.01), dialect)
    store, engine = Store.open(path), thinking(adapters=TWO)
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    (resumed,) = await runtime.resume()
    assert (await resumed.result()).outcome == "done"
    assert used(engine) == {"bold"}
    await runtime.close()
    store.check()
    store.close()
    engine.close()


async def test_a_run_that_was_cut_off_ends_on_a_model_without_its_adapter(
    thinking: Thinking, dialect: NativeDialect, tmp_path: Path
) -> None:
    path = tmp_path / "cut.db"
    id = await cut_off(path, thinking(adapters=TWO, seconds_per_token=0.01), dialect)
    store, engine = Store.open(path), thinking(adapters=("other",))
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    assert await runtime.resume() == []
    end = store.finished(id)
    assert end is not None and end.outcome == "failed"
    assert "has no adapter 'bold'; it has: other" in end.message
    await runtime.close()
    store.check()
    store.close()
    engine.close()
