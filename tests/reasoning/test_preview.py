"""A preview makes no call, writes nothing, and agrees with what deriving then does."""

from collections.abc import Callable
from typing import Any

import pytest

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.graph import Graph
from smysl_reasoning.history import Again
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
GREEDY = "solve/greedy/0/"
Thinking = Callable[..., ScriptedEngine]
Running = Callable[[ScriptedEngine], Runtime]


class Bench:
    """An asked question, previewed and derived."""

    def __init__(
        self, runtime: Runtime, engine: ScriptedEngine, store: Store, session: str
    ) -> None:
        self.runtime, self.engine, self.store, self.session = runtime, engine, store, session

    @property
    def graph(self) -> Graph:
        return self.store.view(self.session).graph

    def at(self, place: str) -> str:
        return next(
            id
            for id in self.graph
            if place in (self.graph.placed(id).place, self.graph.node(id).kind)
        )


@pytest.fixture
async def bench(thinking: Thinking, running: Running, store: Store) -> Bench:
    engine = thinking()
    runtime = running(engine)
    run = await runtime.start(RunRequest(question=QUESTION))
    assert (await run.result()).outcome == "done"
    return Bench(runtime, engine, store, run.session)


async def edited(bench: Bench, place: str, text: str) -> None:
    await bench.runtime.edit(Edit(node=bench.at(place), text=text))


CHANGES: dict[str, Callable[[Bench], Any]] = {
    "a step": lambda b: edited(b, GREEDY + "thought 0", "48 / 2"),
    "a value": lambda b: edited(b, GREEDY + "value 0", "all of it = 96"),
    "the question": lambda b: edited(b, "question", QUESTION.replace("48", "60")),
    "the plan": lambda b: edited(b, "solve/plan/0/plan", "story, 2 steps"),
    "a note": lambda b: b.runtime.inject(b.at("question"), "He finds 3 more."),
    "a retry": lambda b: b.runtime.retry(b.at("solve/samples/0/candidate"), Again(seed=3)),
    "a verdict": lambda b: edited(b, "solve/check/0/check", "passed"),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_preview_agrees_with_what_deriving_does(what: str, bench: Bench) -> None:
    await CHANGES[what](bench)
    before = {id: bench.graph.placed(id) for id in bench.graph}
    head, calls = bench.store.view(bench.session).branch.head, len(bench.engine.calls)
    preview = await bench.runtime.preview(bench.session)
    assert bench.store.view(bench.session).branch.head == head
    assert len(bench.engine.calls) == calls, "a preview makes no call"
    assert preview.stale == tuple(bench.graph.stale())
    derived = [id for id in before if before[id].node.recipe is not None or before[id].hold]
    assert preview.kept + len(preview.stale) == len(derived)
    if not preview.stale:
        assert (preview.calls, preview.expected_tokens, preview.expected_seconds) == (0, 0, 0.0)
        return
    run = await bench.runtime.derive(DeriveRequest(session=bench.session))
    finished = await run.result()
    after = {id: bench.graph.placed(id) for id in bench.graph}
    kept = [id for id in derived if id not in preview.stale]
    assert all(after[id] == before[id] for id in kept)
    for id in preview.reused:
        spent = after[id].node.stats if after[id] != before[id] else None
        assert spent is None or spent.calls == spent.generated_tokens == 0
    # an upper bound: what comes after the first call may be cut off early; a line that goes on is no call
    paid = {id for id in preview.stale if id not in preview.reused}
    made = [id for id in after if after[id].node.stats.calls and after.get(id) != before.get(id)]
    assert {id for id in made if id in before} <= paid
    assert preview.calls >= finished.calls - len(set(after) - set(before))
    assert preview.expected_tokens > 0 or finished.calls == 0


@pytest.mark.parametrize(
    ("place", "text"),
    [(GREEDY + "thought 0", "48 / 2"), ("question", "Ann has 7 pens and 2 more. How many?")],
)
async def test_an_edit_can_be_previewed_before_it_is_made(
    place: str, text: str, bench: Bench
) -> None:
    edit = Edit(node=bench.at(place), text=text)
    before = {id: bench.graph.placed(id) for id in bench.graph}
    foreseen = await bench.runtime.preview(edit=edit)
    assert {id: bench.graph.placed(id) for id in bench.graph} == before
    await bench.runtime.edit(edit)
    assert await bench.runtime.preview(bench.session) == foreseen
    assert foreseen.stale


async def test_what_was_said_before_is_foreseen_as_free(bench: Bench) -> None:
    await edited(bench, "question", QUESTION.replace("48", "60"))
    await (await bench.runtime.derive(DeriveRequest(session=bench.session))).result()
    await edited(bench, "question", QUESTION)
    preview = await bench.runtime.preview(bench.session)
    assert preview.reused == preview.stale and preview.stale
    assert (preview.calls, preview.expected_tokens, preview.expected_seconds) == (0, 0, 0.0)
    finished = await (await bench.runtime.derive(DeriveRequest(session=bench.session))).result()
    assert finished.calls == 0


async def test_nothing_to_do_is_previewed_as_nothing(bench: Bench) -> None:
    preview = await bench.runtime.preview(bench.session)
    assert (preview.stale, preview.reused, preview.calls) == ((), (), 0)


async def test_only_the_stale_part_is_expected_to_cost(bench: Bench) -> None:
    whole = bench.store.latest_run(bench.session)
    assert whole is not None and whole.finished is not None
    await bench.runtime.retry(bench.at("solve/samples/2/candidate"), Again(seed=3))
    preview = await bench.runtime.preview(bench.session)
    assert preview.calls == 1, "the sample"
    assert 0 < preview.expected_tokens < whole.finished.generated_tokens / 2
    assert preview.expected_seconds > 0


async def test_what_cannot_be_edited_cannot_be_previewed(bench: Bench) -> None:
    with pytest.raises(BadRequest, match="is no step"):
        await bench.runtime.preview(edit=Edit(node=bench.at(GREEDY + "thought 0"), text="much"))
    with pytest.raises(BadRequest, match="says that already"):
        await bench.runtime.preview(edit=Edit(node=bench.at("question"), text=QUESTION))
