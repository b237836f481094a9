"""What a person can do to a branch, what becomes stale by it, and what deriving makes of that."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.changes import Changed
from smysl_reasoning.errors import BadRequest, Conflict, NothingToRedo, NothingToUndo, UnknownId
from smysl_reasoning.events import RunFinished
from smysl_reasoning.graph import Graph
from smysl_reasoning.history import Again
from smysl_reasoning.nodes import StepData
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.run import Run
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 1", "step n0 / n1", "answer n2"]
TWO_STEPS = ["story 2", "step n0 / n1", "step n2 + n1", "answer n3"]
GREEDY = "solve/greedy/0/"

Thinking = Callable[..., ScriptedEngine]
Running = Callable[[ScriptedEngine], Runtime]


class Bench:
    """One asked question and everything that can be done to it."""

    def __init__(self, runtime: Runtime, engine: ScriptedEngine, store: Store, run: Run) -> None:
        self.runtime = runtime
        self.engine = engine
        self.store = store
        self.session = run.session

    @property
    def graph(self) -> Graph:
        return self.store.view(self.session).graph

    @property
    def stale(self) -> list[str | None]:
        """Places, inputs first."""
        return [self.graph.placed(id).place for id in self.graph.stale()]

    def at(self, place: str) -> str:
        """The id of the node at a place; of a person's by its kind."""
        found = [
            id
            for id in self.graph
            if self.graph.placed(id).place == place
            or (self.graph.placed(id).place is None and self.graph.node(id).kind == place)
        ]
        assert len(found) == 1, (place, found)
        return found[0]

    def text(self, place: str) -> str:
        return self.graph.node(self.at(place)).text

    async def edit(self, place: str, text: str) -> Changed:
        return await self.runtime.edit(Edit(node=self.at(place), text=text))

    async def derive(self, **rest: Any) -> tuple[RunFinished, int]:
        """How it ended, and the engine calls it took."""
        before = len(self.engine.calls)
        run = await self.runtime.derive(DeriveRequest(session=self.session, **rest))
        finished = await run.result()
        assert finished.outcome == "done", finished.message
        return finished, len(self.engine.calls) - before


@pytest.fixture
async def bench(thinking: Thinking, running: Running, store: Store) -> Bench:
    """`QUESTION` thought about."""
    engine = thinking(adapters=("careful",))
    return await asked(running(engine), engine, store)


async def asked(
    runtime: Runtime, engine: ScriptedEngine, store: Store, question: str = QUESTION, **rest: Any
) -> Bench:
    run = await runtime.start(RunRequest(question=question, **rest))
    assert (await run.result()).outcome == "done"
    return Bench(runtime, engine, store, run)


async def test_what_rests_on_a_corrected_step_is_derived_again_and_nothing_else(
    bench: Bench,
) -> None:
    before = {id: bench.graph.placed(id) for id in bench.graph}
    change = await bench.edit(GREEDY + "thought 0", "48 / 2")
    assert bench.text(GREEDY + "thought 0") == "48 / 2"
    assert bench.graph.placed(bench.at(GREEDY + "thought 0")).hold == "edited"
    rest = [GREEDY + "value 0", GREEDY + "thought 1", "solve/vote/0/choice"]
    assert bench.stale[:3] == rest and change.stale == tuple(bench.graph.stale())
    assert not any("samples" in str(place) for place in bench.stale)
    finished, calls = await bench.derive()
    assert (finished.answer, finished.verdict) == ("24", "unverified")
    assert "what a person wrote" in finished.message
    assert bench.text(GREEDY + "value 0") == "48 / 2 = 24"
    # the last thought and the checker; the step is the person's, the samples are untouched
    assert calls == 2
    for id, was in before.items():
        if id not in change.stale and id != change.node:
            assert bench.graph.placed(id) == was
    assert bench.stale == []
    with pytest.raises(BadRequest, match="nothing is stale"):
        await bench.derive()


async def test_what_depends_on_a_change_only_through_an_equal_value_is_kept(bench: Bench) -> None:
    rest = ["solve/vote/0/choice", "solve/check/0/check", "solve/verify/0/agreement"]
    before = [bench.graph.placed(bench.at(place)) for place in rest]
    value = bench.text(GREEDY + "value 0")
    await bench.edit(GREEDY + "value 0", value.replace("48", "all"))
    assert set(rest) <= set(bench.stale)
    _, calls = await bench.derive()
    assert calls == 1, "the answer was asked for again, and was the same"
    assert [bench.graph.placed(bench.at(place)) for place in rest] == before
    assert bench.stale == []


async def test_every_kind_takes_a_persons_words_or_says_why_not(bench: Bench) -> None:
    for place, text, shown in (
        ("question", "Ann has 7 pens. She buys 2 more. How many?", None),
        ("solve/plan/0/plan", "Story, 3 steps", "story, 3 steps"),
        ("solve/plan/0/plan", "outside", "outside what the model was trained on"),
        (GREEDY + "thought 0", "48 \u00f7 2 = 24", "48 / 2"),
        (GREEDY + "value 0", "half of it = 24", "half of it = 24"),
        (GREEDY + "thought 1", "24.0", "24.0"),
        ("solve/samples/1/candidate", "it is half\nAnswer: 24", None),
        ("solve/check/0/check", "80%", "a person gives 80.0%"),
        ("solve/check/0/check", "wrong", "a person found it wrong"),
    ):
        await bench.edit(place, text)
        assert bench.text(place) == (shown or text)
    for place, text, why in (
        ("solve/plan/0/plan", "do it", "is no plan"),
        (GREEDY + "thought 0", "48 / friends", "is no step"),
        (GREEDY + "thought 0", "48 / 0", "is no step"),
        (GREEDY + "value 0", "much", "much"),
        ("solve/check/0/check", "maybe", "is no verdict"),
        ("solve/vote/0/choice", "24: 6", "cannot be written"),
        ("solve/verify/0/agreement", "yes", "cannot be written"),
        ("question", "  ", "empty"),
        ("question", "1 2 3 4 5 6 7 8 9 10 " * 4, "numbers"),
        ("question", "x" * 40_000, "32768"),
        ("question", "Ann has 7 pens. She buys 2 more. How many?", "says that already"),
    ):
        head = bench.store.view(bench.session).branch.head
        with pytest.raises(BadRequest, match=why):
            await bench.edit(place, text)
        assert bench.store.view(bench.session).branch.head == head


async def test_an_edited_question_is_derived_from_its_first_node_on(bench: Bench) -> None:
    await bench.edit("question", "Ann has 40 pens. She shares them among 5 friends. How many each?")
    made = [id for id in bench.graph if bench.graph.node(id).recipe is not None]
    assert set(bench.graph.stale()) == set(made)
    _, calls = await bench.derive()
    assert bench.stale == [] and calls == 8


async def test_words_said_before_cost_nothing(bench: Bench) -> None:
    first = {id: bench.graph.placed(id).hash for id in bench.graph}
    await bench.edit("question", QUESTION.replace("48", "60"))
    await bench.derive()
    await bench.edit("question", QUESTION)
    finished, calls = await bench.derive()
    assert (calls, finished.generated_tokens) == (0, 0)
    assert {id: bench.graph.placed(id).hash for id in bench.graph} == first


async def test_a_pinned_node_is_kept_whatever_becomes_of_what_it_rests_on(bench: Bench) -> None:
    place = GREEDY + "thought 1"
    pinned = bench.graph.placed(bench.at(place))
    await bench.runtime.pin(pinned.node.id, True)
    with pytest.raises(BadRequest, match="pinned already"):
        await bench.runtime.pin(pinned.node.id, True)
    await bench.edit(GREEDY + "thought 0", "48 / 2")
    assert place not in bench.stale
    finished, _ = await bench.derive()
    now = bench.graph.placed(bench.at(place))
    assert (now.node, now.revision, now.hold) == (pinned.node, pinned.revision, "pinned")
    assert finished.answer == pinned.node.text
    await bench.runtime.pin(pinned.node.id, False)
    assert place in bench.stale
    finished, _ = await bench.derive()
    assert finished.answer == "24"
    with pytest.raises(BadRequest, match="not held"):
        await bench.runtime.pin(bench.at(place), False)
    with pytest.raises(BadRequest, match="nothing to pin"):
        await bench.runtime.pin(bench.at("question"), True)


async def test_what_a_held_node_keeps_back_reaches_nothing_behind_it(bench: Bench) -> None:
    """Staleness is exact: a walk makes nothing anew that was not stale."""
    await bench.edit("solve/plan/0/plan", "story, 3 steps")
    await bench.derive()
    # the second step says what it says, whatever the first was, and its value does not use the first's
    await bench.edit(GREEDY + "thought 1", "48 * 2")
    await bench.derive()
    await bench.edit(GREEDY + "thought 0", "48 + 2")
    before, stale = shown(bench), set(bench.graph.stale())
    await bench.derive()
    after = shown(bench)
    made = [before[id].place for id in before if after.get(id) != before[id] and id not in stale]
    assert made == []


async def test_an_answer_rests_on_the_value_that_it_names(
    speaking: Thinking, running: Running, store: Store
) -> None:
    lines = ["story 2", "step n0 / n1", "step n0 * n1", "answer n2"]
    engine = speaking(QUESTION, lines, sampled=[HALF], reworded=HALF)
    bench = await asked(running(engine), engine, store)
    await bench.runtime.pin(bench.at(GREEDY + "thought 1"), True)
    await bench.edit(GREEDY + "value 0", "half of them = 20")
    assert GREEDY + "thought 2" in bench.stale and GREEDY + "value 1" not in bench.stale
    finished, _ = await bench.derive()
    assert (finished.answer, bench.text(GREEDY + "thought 2")) == ("20", "20")
    assert bench.stale == []


async def test_a_value_rests_on_the_note_whose_number_it_uses(bench: Bench) -> None:
    await bench.edit("solve/plan/0/plan", "story, 2 steps")
    await bench.derive()
    note = (await bench.runtime.inject(bench.at(GREEDY + "thought 0"), "He finds 3 more.")).node
    assert note is not None
    await bench.derive()
    for seed in range(40):
        data = bench.graph.node(bench.at(GREEDY + "thought 1")).data
        if isinstance(data, StepData) and "n39" in str(data.expression):
            break
        await bench.runtime.retry(bench.at(GREEDY + "thought 1"), Again(seed=seed, temperature=1))
        await bench.derive()
    assert isinstance(data, StepData) and "n39" in str(data.expression)
    await bench.runtime.pin(bench.at(GREEDY + "thought 1"), True)
    value = bench.text(GREEDY + "value 1")
    await bench.runtime.edit(Edit(node=note, text="He finds 5 more."))
    assert GREEDY + "value 1" in bench.stale and GREEDY + "thought 1" not in bench.stale
    await bench.derive()
    assert bench.text(GREEDY + "value 1") != value and "5" in bench.text(GREEDY + "value 1")
    assert bench.stale == []


async def test_a_held_derivation_outlives_the_question_that_it_was_of(bench: Bench) -> None:
    for place in ("solve/samples/0/candidate", GREEDY + "thought 1", GREEDY + "thought 0"):
        await bench.runtime.pin(bench.at(place), True)
    answer = bench.text(GREEDY + "thought 1")
    await bench.edit("question", "All cats are animals. Is Tom an animal?")
    await bench.derive()
    assert bench.text(GREEDY + "thought 1") == answer and bench.stale == []
    assert (await bench.runtime.replay(bench.session)).different == ()


async def test_letting_go_of_an_edit_brings_back_what_was_derived(bench: Bench) -> None:
    was = bench.text(GREEDY + "thought 0")
    await bench.edit(GREEDY + "thought 0", "48 / 2")
    await bench.edit(GREEDY + "thought 0", "48 - 2")
    await bench.runtime.pin(bench.at(GREEDY + "thought 0"), False)
    assert bench.text(GREEDY + "thought 0") == was
    assert bench.stale == []


async def test_a_pinned_answer_that_was_outvoted_is_stood_by(
    speaking: Thinking, running: Running, store: Store
) -> None:
    engine = speaking(
        QUESTION, ["story 1", "step n0 * n1", "answer n2"], sampled=[HALF], reworded=HALF
    )
    bench = await asked(running(engine), engine, store)
    assert "agree on 24" in bench.text("solve/verify/0/agreement")
    await bench.runtime.pin(bench.at(GREEDY + "thought 1"), True)
    finished, _ = await bench.derive()
    assert finished.answer == "96"
    assert "agree on 96" in bench.text("solve/verify/0/agreement")


async def test_a_retry_makes_a_node_otherwise_and_so_for_good(bench: Bench) -> None:
    place = "solve/samples/0/candidate"
    seeds = set()
    for seed in (1, 2, 3):
        await bench.runtime.retry(bench.at(place), Again(seed=seed, temperature=1.5))
        assert place in bench.stale
        await bench.derive()
        seeds |= {
            call.sampling.seed for call in bench.engine.calls if call.sampling.temperature == 1.5
        }
        assert bench.stale == []
    assert seeds == {1, 2, 3}
    text = bench.text(place)
    await bench.edit("question", QUESTION.replace("48", "60"))
    before = len(bench.engine.calls)
    await bench.derive()
    again = [call for call in bench.engine.calls[before:] if call.sampling.temperature == 1.5]
    assert [call.sampling.seed for call in again[:1]] == [3]
    await bench.edit("question", QUESTION)
    _, calls = await bench.derive()
    assert (calls, bench.text(place)) == (0, text)


async def test_a_greedy_thought_is_warmed_up_or_given_to_an_adapter(bench: Bench) -> None:
    place = GREEDY + "thought 0"
    await bench.runtime.retry(bench.at(place), Again(seed=5))
    await bench.derive()
    assert any(
        (call.sampling.seed, call.sampling.temperature) == (5, 0.7) for call in bench.engine.calls
    )
    await bench.runtime.retry(bench.at(place), Again(adapter="careful"))
    await bench.derive()
    assert [c.adapter for c in bench.engine.calls if c.adapter] == ["careful"]
    recipe = bench.graph.node(bench.at(place)).recipe
    assert recipe is not None and recipe.adapter == "careful"
    assert bench.stale == []


async def test_only_what_a_model_says_can_be_retried(bench: Bench) -> None:
    sample = bench.at("solve/samples/0/candidate")
    for node, again, why in (
        (bench.at("question"), Again(seed=1), "made by a person"),
        (bench.at(GREEDY + "value 0"), Again(seed=1), "made by exact rules"),
        (bench.at("solve/check/0/check"), Again(seed=1), "a check like this.*whatever the seed"),
        (sample, Again(adapter="none"), "no adapter 'none'; it has: careful"),
        (sample, Again(temperature=3.0), "from 0 to 2"),
        (sample, Again(temperature=float("nan")), "from 0 to 2"),
        (sample, Again(seed=-1), "from 0 to"),
    ):
        with pytest.raises(BadRequest, match=why):
            await bench.runtime.retry(node, again)
    with pytest.raises(BadRequest, match="a seed, a temperature or an adapter"):
        await bench.runtime.retry(node, Again())
    assert bench.stale == []


async def test_what_was_taken_out_stays_out(bench: Bench) -> None:
    place = "solve/samples/0/candidate"
    await bench.runtime.delete(bench.at(place))
    assert bench.stale[0] == "solve/vote/0/choice"
    await bench.derive()
    places = [bench.graph.placed(id).place for id in bench.graph]
    assert place not in places
    assert "(of 5)" in bench.text("solve/vote/0/choice")
    assert bench.stale == []
    for kept in ("question", "solve/plan/0/plan", GREEDY + "thought 0", "solve/vote/0/choice"):
        with pytest.raises(BadRequest, match="cannot be taken out"):
            await bench.runtime.delete(bench.at(kept))


async def test_undo_and_redo_go_through_everything_that_was_done(bench: Bench) -> None:
    states = [dict(shown(bench))]
    await bench.edit(GREEDY + "thought 0", "48 / 2")
    states.append(shown(bench))
    await bench.derive()
    states.append(shown(bench))
    await bench.runtime.inject(bench.at("question"), "It rains.")
    states.append(shown(bench))
    for state in states[-2::-1]:
        await bench.runtime.undo(bench.session)
        assert shown(bench) == state
    with pytest.raises(NothingToUndo):
        await bench.runtime.undo(bench.session)
    for state in states[1:]:
        await bench.runtime.redo(bench.session)
        assert shown(bench) == state
    with pytest.raises(NothingToRedo):
        await bench.runtime.redo(bench.session)
    await bench.runtime.undo(bench.session)
    await bench.edit("solve/plan/0/plan", "story, 3 steps")
    with pytest.raises(NothingToRedo):
        await bench.runtime.redo(bench.session)


def shown(bench: Bench) -> dict[str, Any]:
    return {id: bench.graph.placed(id) for id in bench.graph}


async def test_a_fork_is_a_branch_of_its_own(bench: Bench) -> None:
    before = shown(bench)
    branch = await bench.runtime.fork(bench.at("question"), "bolder")
    assert branch.current and shown(bench) == before
    await bench.edit(GREEDY + "thought 0", "48 / 2")
    await bench.derive()
    main = bench.store.view(bench.session, "main").graph
    assert {id: main.placed(id) for id in main} == before
    await bench.runtime.switch(bench.session, "main")
    assert shown(bench) == before
    for name, why in (("bolder", "already"), ("No", "no name"), ("", "no name")):
        with pytest.raises(BadRequest, match=why):
            await bench.runtime.fork(bench.at("question"), name)
    with pytest.raises(UnknownId, match="main, bolder"):
        await bench.runtime.switch(bench.session, "gone")


async def test_branches_derive_side_by_side(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking(seconds_per_token=0.002)
    bench = await asked(running(engine), engine, store)
    await bench.runtime.fork(bench.at("question"), "other")
    runs = []
    for branch, text in (("main", "48 / 2"), ("other", "48 - 2")):
        node = bench.at(GREEDY + "thought 0")
        await bench.runtime.edit(Edit(node=node, text=text, branch=branch))
        request = DeriveRequest(session=bench.session, branch=branch)
        runs.append(await bench.runtime.derive(request))
        with pytest.raises(BadRequest, match=f"goes on in branch '{branch}'"):
            await bench.runtime.edit(Edit(node=node, text="48", branch=branch))
    assert [(await run.result()).answer for run in runs] == ["24", "46"]
    for branch in ("main", "other"):
        assert bench.store.view(bench.session, branch).graph.stale() == []


async def test_a_node_of_another_branch_is_taken_as_it_is(bench: Bench) -> None:
    place = GREEDY + "thought 0"
    await bench.runtime.fork(bench.at("question"), "other")
    await bench.edit(place, "48 / 2")
    node = bench.at(place)
    with pytest.raises(BadRequest, match="says the same in both"):
        await bench.runtime.merge(bench.at("question"), "main")
    await bench.runtime.switch(bench.session, "main")
    await bench.runtime.merge(node, "other")
    placed = bench.graph.placed(bench.at(place))
    assert (placed.node.text, placed.hold) == ("48 / 2", "taken")
    assert GREEDY + "value 0" in bench.stale
    finished, _ = await bench.derive()
    assert finished.answer == "24"
    with pytest.raises(UnknownId):
        await bench.runtime.merge(node, "gone")


async def test_a_node_that_is_taken_stands_alone_at_its_place(
    speaking: Thinking, running: Running, store: Store
) -> None:
    """The same place may hold a step in one branch and an answer in another."""
    engine = speaking(QUESTION, HALF)
    bench = await asked(running(engine), engine, store)
    await bench.runtime.fork(bench.at("question"), "longer")
    answer = bench.at(GREEDY + "thought 1")
    other = speaking(QUESTION, ["story 2", *TWO_STEPS[1:]])
    engine._answer = other._answer
    await bench.edit("solve/plan/0/plan", "story, 2 steps")
    await bench.derive()
    assert bench.graph.node(bench.at(GREEDY + "thought 1")).kind == "step"
    await bench.runtime.merge(answer, "main")
    assert bench.at(GREEDY + "thought 1") == answer
    finished, _ = await bench.derive()
    assert bench.at(GREEDY + "thought 1") == answer and finished.answer == "24"
    assert bench.stale == []


async def test_a_node_cannot_be_taken_before_what_it_rests_on(bench: Bench) -> None:
    await bench.runtime.fork(bench.at("question"), "noted")
    change = await bench.runtime.inject(bench.at("question"), "It rains.")
    await bench.derive()
    sample = bench.at("solve/samples/0/candidate")
    await bench.runtime.switch(bench.session, "main")
    assert change.node is not None
    with pytest.raises(BadRequest, match=f"rests on {change.node[:8]}"):
        await bench.runtime.merge(sample, "noted")
    await bench.runtime.merge(change.node, "noted")
    await bench.runtime.merge(sample, "noted")
    assert bench.graph.placed(sample).hold == "taken"


async def test_another_program_leaves_nothing_of_the_one_before(bench: Bench) -> None:
    await bench.derive(program="direct")
    assert bench.stale == []
    await bench.edit("question", QUESTION.replace("48", "60"))
    await bench.derive()
    assert bench.stale == []
    with pytest.raises(BadRequest, match="nothing is stale"):
        await bench.derive()


async def test_other_options_are_taken_over_and_remembered(bench: Bench) -> None:
    await bench.derive(options={"samples": 2})
    places = [str(bench.graph.placed(id).place) for id in bench.graph]
    assert sum("samples" in place for place in places) == 2
    await bench.edit("question", QUESTION.replace("48", "60"))
    await bench.derive()
    places = [str(bench.graph.placed(id).place) for id in bench.graph]
    assert sum("samples" in place for place in places) == 2 and bench.stale == []


async def test_a_second_question_of_a_session_is_derived_for_itself(bench: Bench) -> None:
    first = shown(bench)
    run = await bench.runtime.start(
        RunRequest(question="Ann has 7 pens and buys 2. How many?", session=bench.session)
    )
    await run.result()
    assert {id: shown(bench)[id] for id in first} == first
    questions = [id for id in bench.graph if bench.graph.node(id).kind == "question"]
    await bench.runtime.edit(Edit(node=questions[0], text=QUESTION.replace("48", "60")))
    with pytest.raises(BadRequest, match="nothing is stale"):
        await bench.derive()
    await bench.derive(node=questions[0])
    assert bench.stale == []


async def test_references_are_resolved_in_the_branch_that_is_meant(bench: Bench) -> None:
    node = bench.at(GREEDY + "thought 0")
    with pytest.raises(BadRequest, match="is a session"):
        await bench.runtime.edit(Edit(node=bench.session, text="x"))
    with pytest.raises(UnknownId):
        await bench.runtime.edit(Edit(node="zzzz", text="x"))
    with pytest.raises(UnknownId, match="no branch 'gone'"):
        await bench.runtime.edit(Edit(node=node, text="48 / 2", branch="gone"))
    change = await bench.runtime.edit(Edit(node=node[:19], text="48 / 2"))
    assert change.node == node
    await bench.runtime.fork(node, "other")
    note = (await bench.runtime.inject(node, "It rains.")).node
    assert note is not None
    with pytest.raises(BadRequest, match="is not in branch 'main'"):
        await bench.runtime.delete(note, "main")


async def test_of_two_edits_at_once_none_is_lost(bench: Bench) -> None:
    places = [GREEDY + "thought 0", "solve/plan/0/plan"]
    changes = await asyncio.gather(
        bench.edit(places[0], "48 / 2"),
        bench.edit(places[1], "story, 3 steps"),
        return_exceptions=True,
    )
    done = [
        place for place, change in zip(places, changes, strict=True) if isinstance(change, Changed)
    ]
    assert all(isinstance(change, Changed | Conflict) for change in changes) and done
    for place in done:
        assert bench.graph.placed(bench.at(place)).hold == "edited"


async def test_an_edit_costs_a_fraction_of_a_whole_run(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking()
    bench = await asked(running(engine), engine, store, options={"samples": 6})
    whole = bench.store.latest_run(bench.session)
    assert whole is not None and whole.finished is not None
    await bench.runtime.retry(bench.at("solve/samples/3/candidate"), Again(seed=9))
    finished, calls = await bench.derive()
    assert calls <= 2
    assert finished.generated_tokens * 4 <= whole.finished.generated_tokens
