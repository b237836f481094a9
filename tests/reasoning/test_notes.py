"""Notes: what a person puts into a question or beside a thought, and who reads it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.base import Choice
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.derivation import Derivation
from smysl_reasoning.dialects.native import NativeDialect, Thought, TooManyQuantities, read
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.nodes import PlanData
from smysl_reasoning.notes import tell
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
Thinking = Callable[..., ScriptedEngine]
Running = Callable[[ScriptedEngine], Runtime]


# ------------------------------------------------------------ in a question


def test_a_note_stands_before_the_sentence_that_asks() -> None:
    told = tell(read(QUESTION), ["He finds 3 more"])
    assert told.question.text == (
        "Tom has 48 apples. He shares them among 2 friends. He finds 3 more. How many does each get?"
    )
    assert told.order == (0, 1, 39)


def test_a_note_without_numbers_renumbers_nothing() -> None:
    assert tell(read(QUESTION), ["It rains."]).order == (0, 1)
    assert tell(read(QUESTION), []).question == read(QUESTION)


def test_numbers_after_the_note_keep_their_slots() -> None:
    question = read("How many are 4 and 5?")
    told = tell(question, ["One is 7.", "Two are 8 and 9."])
    assert [str(value) for value in told.question.slots][-2:] == ["4", "5"]
    by_slot = dict(zip(told.order, told.question.slots, strict=True))
    assert [str(by_slot[slot]) for slot in range(2)] == ["4", "5"]


def test_more_numbers_than_slots_are_refused() -> None:
    with pytest.raises(TooManyQuantities):
        tell(read(QUESTION), ["He says 1, 2, 3, 4, 5, 6, 7, 8, 9."] * 4)


sentence = st.lists(
    st.one_of(
        st.sampled_from(["pens", "he has", "and", "$", "half"]), st.integers(0, 999).map(str)
    ),
    min_size=1,
    max_size=4,
).map(" ".join)


@given(
    parts=st.lists(sentence, min_size=1, max_size=3),
    notes=st.lists(sentence, max_size=3),
    asks=st.booleans(),
)
def test_every_number_keeps_its_value_by_its_slot(
    parts: list[str], notes: list[str], asks: bool
) -> None:
    question = read(". ".join(parts) + ("?" if asks else "."))
    try:
        told = tell(question, notes)
    except BadRequest:
        return
    assert len(set(told.order)) == len(told.order) == len(told.question.quantities)
    by_slot = dict(zip(told.order, told.question.slots, strict=True))
    assert [by_slot[slot] for slot in range(len(question.quantities))] == question.slots
    assert all(" ".join(note.split()) in told.question.text for note in notes)


def test_a_note_taken_in_later_reads_as_if_it_had_always_been_there(
    dialect: NativeDialect,
) -> None:
    early = Derivation(dialect, read(QUESTION), ["He finds 3 more."])
    late = Derivation(dialect, read(QUESTION))
    for derivation in (early, late):
        derivation.set_plan(PlanData("story", 2))
        derivation.add(Thought("step", "n0 / n1"))
    late.tell("He finds 3 more.")
    assert late.prompt == early.prompt and late.values == early.values
    for derivation in (early, late):
        derivation.add(Thought("step", "n2 + n39"))
        derivation.add(Thought("answer", "n3"))
    assert late.prompt == early.prompt and late.answer == "27"


# ------------------------------------------------------------ in a graph


async def asked(runtime: Runtime, **rest: Any) -> str:
    run = await runtime.start(RunRequest(**{"question": QUESTION, **rest}))
    assert (await run.result()).outcome == "done"
    return run.session


async def derive(runtime: Runtime, session: str) -> None:
    run = await runtime.derive(DeriveRequest(session=session))
    finished = await run.result()
    assert finished.outcome == "done", finished.message


def at(store: Store, session: str, place: str) -> str:
    graph = store.view(session).graph
    return next(
        id
        for id in graph
        if place
        in (graph.placed(id).place, graph.node(id).kind if not graph.placed(id).place else "")
    )


def stale(store: Store, session: str) -> list[str | None]:
    graph = store.view(session).graph
    return [graph.placed(id).place for id in graph.stale()]


def hashes(store: Store, session: str) -> dict[str | None, str]:
    """By place."""
    graph = store.view(session).graph
    return {graph.placed(id).place: graph.placed(id).hash for id in graph}


async def test_a_note_at_the_question_is_read_by_everything(
    thinking: Thinking, running: Running, store: Store, dialect: NativeDialect
) -> None:
    engine = thinking()
    runtime = running(engine)
    session = await asked(runtime)
    before = len(engine.calls)
    change = await runtime.inject(at(store, session, "question"), "He finds 3 more.")
    graph = store.view(session).graph
    derived = {id for id in graph if graph.node(id).recipe is not None}
    assert set(graph.stale()) == derived == set(change.stale)
    await derive(runtime, session)
    texts = [dialect.text(call.prompt) for call in engine.calls[before:]]
    assert texts and all("he finds" in text for text in texts)
    assert stale(store, session) == []


async def test_a_note_beside_a_thought_is_read_by_what_comes_after(
    thinking: Thinking, running: Running, store: Store, dialect: NativeDialect
) -> None:
    engine = thinking()
    runtime = running(engine)
    session = await asked(runtime)
    await runtime.edit(Edit(node=at(store, session, "solve/plan/0/plan"), text="story, 3 steps"))
    await derive(runtime, session)
    first = at(store, session, "solve/greedy/0/thought 0")
    was = store.view(session).graph.placed(first)
    change = await runtime.inject(first, "He finds 3 more.")
    assert first not in change.stale
    assert stale(store, session)[:2] == ["solve/greedy/0/value 0", "solve/greedy/0/thought 1"]
    assert not any("samples" in str(place) for place in stale(store, session))
    before = len(engine.calls)
    await derive(runtime, session)
    graph = store.view(session).graph
    assert graph.placed(first) == was and graph.stale() == []
    texts = [dialect.text(call.prompt) for call in engine.calls[before:]]
    assert texts and all("he finds" in text for text in texts), "the checker too"
    reasons = {
        placed.node.id for placed, _, _ in graph.why(at(store, session, "solve/check/0/check"))
    }
    assert change.node in reasons


async def test_a_note_at_the_answer_is_read_by_the_checker_alone(
    thinking: Thinking, running: Running, store: Store, dialect: NativeDialect
) -> None:
    engine = thinking()
    runtime = running(engine)
    session = await asked(runtime)
    graph = store.view(session).graph
    winner = graph.node(at(store, session, "solve/check/0/check")).inputs[0].node
    await runtime.inject(winner, "He finds 3 more.")
    before = len(engine.calls)
    await derive(runtime, session)
    calls = engine.calls[before:]
    assert [isinstance(call.constraint, Choice) for call in calls] == [True]
    assert "he finds" in dialect.text(calls[0].prompt)
    assert stale(store, session) == []


async def test_notes_are_read_in_the_order_in_which_they_were_written(
    thinking: Thinking, running: Running, store: Store, dialect: NativeDialect
) -> None:
    engine = thinking()
    runtime = running(engine)
    session = await asked(runtime, context="They are red.")
    for place, text in (
        ("question", "It rains."),
        ("context", "It snows."),
        ("question", "It hails."),
    ):
        await runtime.inject(at(store, session, place), text)
    before = len(engine.calls)
    await derive(runtime, session)
    plan = dialect.text(engine.calls[before].prompt)
    assert plan.index("it snows") < plan.index("it rains") < plan.index("it hails")
    assert stale(store, session) == []


async def test_a_note_that_is_edited_or_deleted_is_read_so(
    thinking: Thinking, running: Running, store: Store, dialect: NativeDialect
) -> None:
    engine = thinking()
    runtime = running(engine)
    session = await asked(runtime)
    first = hashes(store, session)
    note = (await runtime.inject(at(store, session, "question"), "He finds 3 more.")).node
    assert note is not None
    await derive(runtime, session)
    await runtime.edit(Edit(node=note, text="He finds 9 more pears."))
    assert len(stale(store, session)) > 5
    await derive(runtime, session)
    assert "pears" in dialect.text(engine.calls[-1].prompt)
    await runtime.delete(note)
    before = len(engine.calls)
    await derive(runtime, session)
    assert len(engine.calls) == before, "without the note everything was said before"
    assert hashes(store, session) == first and stale(store, session) == []


async def test_a_resumed_run_has_read_the_notes(
    thinking: Thinking, dialect: NativeDialect, store: Store, tmp_path: Any
) -> None:
    opened = Store.open(tmp_path / "noted.db")
    runtime = Runtime(engine=thinking(), dialect=dialect, store=opened)
    session = await asked(runtime)
    await runtime.inject(at(opened, session, "question"), "He finds 3 more.")
    await runtime.derive(DeriveRequest(session=session))
    opened.close()
    await runtime.close()
    opened = Store.open(tmp_path / "noted.db")
    engine = thinking()
    runtime = Runtime(engine=engine, dialect=dialect, store=opened)
    (run,) = await runtime.resume()
    assert (await run.result()).outcome == "done"
    assert engine.calls and all("he finds" in dialect.text(c.prompt) for c in engine.calls)
    assert stale(opened, session) == []
    await runtime.close()
    opened.check()
    opened.close()


async def test_notes_that_cannot_be_read_are_refused(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    session = await asked(runtime)
    question = at(store, session, "question")
    note = (await runtime.inject(question, "It rains.")).node
    assert note is not None
    head = store.view(session).branch.head
    for node, text, why in (
        (question, " ", "is empty"),
        (question, "1 2 3 4 5 6 7 8 9 " * 5, "numbers"),
        (question, "x" * 40_000, "32768"),
        (question, "\ud800", "not valid text"),
        (note, "It snows.", "is a note itself"),
        ("gone", "It snows.", "gone"),
    ):
        with pytest.raises(Exception, match=why) as refused:
            await runtime.inject(node, text)
        assert type(refused.value).__name__ in ("BadRequest", "UnknownId")
    assert store.view(session).branch.head == head


async def test_a_note_too_long_for_the_model_is_refused_before_a_run_begins(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking(context=400))
    session = await asked(runtime)
    note = (await runtime.inject(at(store, session, "question"), "It rains. " * 40)).node
    assert note is not None
    head = store.view(session).branch.head
    with pytest.raises(BadRequest, match="tokens.*Shorten it"):
        await runtime.derive(DeriveRequest(session=session))
    assert store.view(session).branch.head == head and store.unfinished_runs() == []
    await runtime.edit(Edit(node=note, text="It rains."))
    await derive(runtime, session)
