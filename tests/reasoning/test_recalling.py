"""Memories that fall into a question: told like notes, shown with their way, and stale when the memory changes."""

from collections.abc import Callable
from typing import Any

import pytest

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.archive import export_session, import_session
from smysl_reasoning.dialects.native import SLOTS
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.export import FORMATS
from smysl_reasoning.export.svg import drawn_ties
from smysl_reasoning.graph import ATTACHED
from smysl_reasoning.ids import MEMORY
from smysl_reasoning.memory.pulled import pull_of
from smysl_reasoning.nodes import Edge, Node, PulledData
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

MIA = "Mia has 3 boxes. How many pencils does Mia have?"
BOX = "A box holds 12 pencils."
TOLD = "Mia has 3 boxes. A box holds 12 pencils. How many pencils does Mia have?"
TEN = "A box holds 10 pencils."
TIMES = ["story 1", "step n0 * n1", "answer n2"]

Speaking = Callable[..., ScriptedEngine]
Thinking = Callable[..., ScriptedEngine]
Running = Callable[..., Runtime]


async def ask(runtime: Runtime, question: str = MIA, **rest: Any) -> tuple[str, Any]:
    run = await runtime.start(RunRequest(**{"question": question, "recall": 3, **rest}))
    return run.session, await run.result()


async def derive(runtime: Runtime, session: str, **rest: Any) -> Any:
    return await (await runtime.derive(DeriveRequest(session=session, **rest))).result()


def pulled(store: Store, session: str) -> list[Node]:
    graph = store.view(session).graph
    return [graph.node(id) for id in graph if isinstance(graph.node(id).data, PulledData)]


def stale(store: Store, session: str) -> list[str]:
    return store.view(session).graph.stale()


async def test_a_memory_that_falls_into_a_question_is_told_and_reasoned_with(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(TOLD, TIMES))
    (box,) = runtime.memory.add([BOX]).added
    session, finished = await ask(runtime)
    assert (finished.answer, finished.verdict) == ("36", "verified")
    (node,) = pulled(store, session)
    graph = store.view(session).graph
    question = next(id for id in graph if graph.node(id).kind == "question")
    assert (node.kind, node.text, node.data) == ("memory", BOX, PulledData(box))
    assert node.inputs == (Edge(ATTACHED, question),)
    placed = graph.placed(node.id)
    assert (placed.root, placed.place, placed.hold) == (question, f"recall/{box}", None)
    pull = pull_of(node)
    assert pull is not None and pull.memory == box and [hop.memory for hop in pull.path] == [box]
    assert node.stats.confidence == pull.strength > 0
    assert [one.node.id for one in graph.notes(question)] == [node.id]
    answer = next(id for id in graph if graph.node(id).kind == "answer")
    assert node.id in [reason.placed.node.id for reason in graph.why(answer)]
    assert question in graph.path(answer) and node.id not in graph.path(answer)
    (use,) = runtime.memory.show(box).uses
    assert (use.session, use.node, use.title) == (session, node.id, MIA)
    step = next(graph.node(id) for id in graph if graph.node(id).kind == "step")
    assert Edge("memory", node.id) in step.inputs


async def test_without_recall_nothing_falls_and_nothing_is_used(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(MIA, ["story 1", "step n0 * n0", "answer n1"]))
    (box,) = runtime.memory.add([BOX]).added
    session, finished = await ask(runtime, recall=0)
    assert finished.answer == "9" and pulled(store, session) == []
    assert runtime.memory.show(box).uses == ()


@pytest.mark.parametrize("recall", [-1, 51])
async def test_how_many_fall_has_limits(thinking: Thinking, running: Running, recall: int) -> None:
    with pytest.raises(BadRequest, match="from 0 to 50 memories"):
        await running(thinking()).start(RunRequest(question=MIA, recall=recall))


async def test_an_edited_memory_makes_what_rests_on_it_stale_and_is_told_anew(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(TOLD, TIMES))
    (box,) = runtime.memory.add([BOX]).added
    session, _ = await ask(runtime)
    (before,) = pulled(store, session)
    assert stale(store, session) == []
    done = runtime.memory.edit(box, TEN)
    graph = store.view(session).graph
    (told,) = done.stale
    assert (told.session, told.title, told.stale) == (session, MIA, len(graph.stale()))
    assert set(graph.stale()) == {id for id in graph if graph.node(id).recipe is not None}
    runtime = running(speaking(TOLD.replace("12", "10"), TIMES))
    preview = await runtime.preview(session)
    assert preview.calls > 0 and before.id in preview.stale and preview.kept == 0
    finished = await derive(runtime, session)
    assert finished.answer == "30" and stale(store, session) == []
    (after,) = pulled(store, session)
    assert (after.id, after.text) == (before.id, TEN)
    assert [one.node.text for one in store.revisions(after.id)] == [BOX, TEN]
    assert len(runtime.memory.show(box).uses) == 2
    with pytest.raises(BadRequest, match="nothing is stale"):
        await derive(runtime, session)


async def test_a_memory_that_says_the_same_again_costs_no_call(
    speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(TOLD, TIMES)
    runtime = running(engine)
    (box,) = runtime.memory.add([BOX]).added
    session, _ = await ask(runtime)
    runtime.memory.edit(box, TEN)
    runtime.memory.edit(box, BOX)
    assert stale(store, session) == [], "it says what it said"
    runtime.memory.mute(box, True)
    assert stale(store, session) != []
    runtime.memory.mute(box, False)
    assert stale(store, session) == []
    calls = len(engine.calls)
    linked, _ = runtime.memory.add(["Mia collects boxes.", "Mia is nine."], "import mia").added
    runtime.memory.link(linked, box)
    assert stale(store, session) == [], "what is new does not fall into what was asked before"
    assert len(engine.calls) == calls


async def test_an_edited_question_lets_memories_fall_into_what_it_asks_now(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(TOLD, TIMES))
    box, crate = runtime.memory.add([BOX, "A crate holds 24 bottles."]).added
    session, _ = await ask(runtime, recall=1)
    (before,) = pulled(store, session)
    asked = "Tom has 3 crates. How many bottles does Tom have?"
    question = before.inputs[0].node
    told = asked.replace("How", "A crate holds 24 bottles. How")
    runtime = running(speaking(told, TIMES))
    preview = await runtime.preview(edit=Edit(node=question, text=asked))
    assert before.id in preview.stale
    changed = await runtime.edit(Edit(node=question, text=asked))
    assert before.id in changed.stale, "it fell into other words"
    assert (await derive(runtime, session)).answer == "72"
    (after,) = pulled(store, session)
    assert after.data == PulledData(crate) and stale(store, session) == []
    assert [len(runtime.memory.show(one).uses) for one in (box, crate)] == [1, 1]
    await runtime.undo(session)
    await runtime.undo(session)
    assert pulled(store, session) == [before] and stale(store, session) == []


async def test_a_memory_falls_into_an_edited_question_that_nothing_had_fallen_into(
    speaking: Speaking, running: Running, store: Store
) -> None:
    school = "Tom has 3 hens. How many hens does Tom have?"
    runtime = running(speaking(school, ["story 1", "step n0 * n0", "answer n1"]))
    (box,) = runtime.memory.add([BOX]).added
    session, _ = await ask(runtime, school)
    assert pulled(store, session) == []
    question = next(iter(store.view(session).graph))
    runtime = running(speaking(TOLD, TIMES))
    await runtime.edit(Edit(node=question, text=MIA))
    assert (await derive(runtime, session)).answer == "36"
    assert [node.data for node in pulled(store, session)] == [PulledData(box)]
    with pytest.raises(BadRequest, match="nothing is stale"):
        await derive(runtime, session)


async def test_a_memory_that_falls_into_an_edited_question_as_before_is_settled_by_one_derivation(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(TOLD, TIMES))
    (box,) = runtime.memory.add([BOX]).added
    session, _ = await ask(runtime)
    (before,) = pulled(store, session)
    question = before.inputs[0].node
    runtime = running(speaking(TOLD.replace("3", "4"), TIMES))
    await runtime.edit(Edit(node=question, text=MIA.replace("3", "4")))
    assert (await derive(runtime, session)).answer == "48"
    (after,) = pulled(store, session)
    assert (after.id, after.text) == (before.id, BOX) and stale(store, session) == []
    with pytest.raises(BadRequest, match="nothing is stale"):
        await derive(runtime, session)
    await runtime.edit(Edit(node=question, text=MIA.replace("3", "5")))
    assert after.id in stale(store, session)
    held = await runtime.pin(after.id, True)
    assert after.id not in held.stale, "what a person holds stays, whatever is asked"


async def test_a_cut_link_makes_stale_what_fell_along_it_and_words_of_its_own_bring_it_back(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    box, school = runtime.memory.add([BOX, "School begins on Monday."], "import x").added
    session, _ = await ask(runtime)
    assert [node.data for node in pulled(store, session)] == [PulledData(box), PulledData(school)]
    done = runtime.memory.cut(box, school)
    assert [one.session for one in done.stale] == [session]
    assert (await derive(runtime, session)).outcome == "done"
    assert [node.data for node in pulled(store, session)] == [PulledData(box)]
    assert stale(store, session) == []


async def test_early_cut_off_a_memory_reached_another_way_says_the_same(
    thinking: Thinking, running: Running, store: Store
) -> None:
    engine = thinking()
    runtime = running(engine)
    a, b, c = runtime.memory.add([BOX, "Mia likes her boxes.", "School begins on Monday."]).added
    runtime.memory.link(a, c, 1.0)
    runtime.memory.link(b, c, 0.9)
    session, _ = await ask(runtime)
    (before,) = [node for node in pulled(store, session) if node.data == PulledData(c)]
    way = pull_of(before)
    assert way is not None
    runtime.memory.cut(way.path[0].memory, c)
    assert before.id in stale(store, session)
    calls = len(engine.calls)
    preview = await runtime.preview(session)
    assert preview.calls == 0 and len(preview.reused) == len(preview.stale) - 1
    assert (await derive(runtime, session)).outcome == "done"
    (after,) = [node for node in pulled(store, session) if node.data == PulledData(c)]
    other = pull_of(after)
    assert other is not None and other.path[0].memory != way.path[0].memory
    assert (after.id, len(store.revisions(after.id))) == (before.id, 2)
    assert len(engine.calls) == calls and stale(store, session) == []


async def test_a_forgotten_memory_is_taken_out_and_others_take_its_room(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    first, second = runtime.memory.add([BOX, "Pencils are made of cedar."]).added
    session, _ = await ask(runtime, recall=1)
    assert [node.data for node in pulled(store, session)] == [PulledData(first)]
    runtime.memory.forget(first)
    assert stale(store, session) != []
    await derive(runtime, session)
    assert [node.data for node in pulled(store, session)] == [PulledData(second)]
    runtime.memory.forget(second)
    await derive(runtime, session)
    assert pulled(store, session) == [] and stale(store, session) == []


async def test_what_a_person_took_out_of_the_branch_does_not_come_back(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    first, second = runtime.memory.add([BOX, "Pencils are made of cedar."]).added
    session, _ = await ask(runtime)
    one, other = pulled(store, session)
    await runtime.delete(other.id)
    assert stale(store, session) != []
    await derive(runtime, session)
    assert pulled(store, session) == [one]
    runtime.memory.edit(first, TEN)
    await derive(runtime, session)
    assert [node.text for node in pulled(store, session)] == [TEN]
    await runtime.undo(session)
    await runtime.undo(session)
    await runtime.undo(session)
    assert [node.data for node in pulled(store, session)] == [PulledData(first), PulledData(second)]


async def test_what_a_person_holds_of_a_memory_stays_whatever_the_memory_says(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    first, second = runtime.memory.add([BOX, "Pencils are made of cedar."]).added
    session, _ = await ask(runtime)
    one, other = pulled(store, session)
    await runtime.pin(one.id, True)
    await runtime.edit(Edit(node=other.id, text="Pencils are made of 2 woods."))
    assert (await derive(runtime, session)).outcome == "done"
    runtime.memory.edit(first, TEN)
    runtime.memory.forget(second)
    assert stale(store, session) == []
    assert [node.text for node in pulled(store, session)] == [BOX, "Pencils are made of 2 woods."]
    with pytest.raises(BadRequest, match="memory told like a note"):
        await runtime.inject(one.id, "But not here.")
    await runtime.pin(one.id, False)
    assert one.id in stale(store, session)
    await derive(runtime, session)
    assert [node.text for node in pulled(store, session)] == [TEN, "Pencils are made of 2 woods."]


async def test_the_edited_text_of_a_pulled_node_has_to_fit_the_question(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    runtime.memory.add([BOX])
    session, _ = await ask(runtime)
    (node,) = pulled(store, session)
    with pytest.raises(BadRequest):
        await runtime.edit(Edit(node=node.id, text=" ".join(f"{n} pens." for n in range(60))))
    assert pulled(store, session) == [node]


async def test_a_question_never_fails_because_of_what_falls_into_it(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    many = "Pencils in boxes: " + ", ".join(str(number) for number in range(SLOTS + 3))
    long = "Pencils and boxes, boxes and pencils " * 150
    added = runtime.memory.add([many, long, "Mia got pencils."]).added
    for id in added[:2]:
        runtime.memory.pin(id, True)
    session, finished = await ask(runtime)
    assert finished.outcome == "done"
    assert [node.data for node in pulled(store, session)] == [PulledData(added[2])]
    assert [runtime.memory.show(id).memory.uses for id in added] == [0, 0, 1]


async def test_notes_of_a_person_and_memories_are_told_together(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    (box,) = runtime.memory.add([BOX]).added
    session, _ = await ask(runtime)
    graph = store.view(session).graph
    question = next(id for id in graph if graph.node(id).kind == "question")
    await runtime.inject(question, "She lost 2 pencils.")
    await derive(runtime, session)
    assert [one.node.text for one in store.view(session).graph.notes(question)] == [
        BOX,
        "She lost 2 pencils.",
    ]
    assert [node.data for node in pulled(store, session)] == [PulledData(box)]
    assert stale(store, session) == []


async def test_a_later_question_of_a_session_has_memories_of_its_own(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    runtime.memory.add([BOX])
    session, _ = await ask(runtime)
    before = store.view(session).graph
    await ask(runtime, "How many pencils are in 5 boxes?", session=session)
    one, other = pulled(store, session)
    assert (one.data, one.inputs) != (other.data, other.inputs) and one.data == other.data
    after = store.view(session).graph
    assert all(after.placed(id) == before.placed(id) for id in before)
    assert after.stale() == []


async def test_a_replay_takes_what_stands_and_a_branch_has_its_own(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    (box,) = runtime.memory.add([BOX]).added
    session, _ = await ask(runtime)
    (node,) = pulled(store, session)
    await runtime.fork(node.id, "other")
    runtime.memory.edit(box, TEN)
    report = await runtime.replay(session)
    assert report.different == ()
    await derive(runtime, session)
    assert [one.text for one in pulled(store, session)] == [TEN]
    main = store.view(session, "main").graph
    assert main.node(node.id).text == BOX and node.id in main.stale()
    assert (await runtime.replay(session, "main")).different == ()


async def test_an_exported_session_keeps_what_it_recalled_and_is_not_stale_elsewhere(
    thinking: Thinking, running: Running, store: Store, tmp_path: Any
) -> None:
    runtime = running(thinking())
    (box,) = runtime.memory.add([BOX]).added
    session, _ = await ask(runtime)
    document = export_session(store, session)
    elsewhere = Store.open(tmp_path / "other.db")
    try:
        copy = import_session(elsewhere, document)
        assert [node.data for node in pulled(elsewhere, copy)] == [PulledData(box)]
        assert stale(elsewhere, copy) == [], "a memory that was never here tells nothing"
        elsewhere.check()
    finally:
        elsewhere.close()
    runtime.memory.forget(box)
    again = import_session(store, document)
    assert again != session and stale(store, again) != [] != stale(store, session)


async def test_documents_tell_a_memory_once_and_draw_it_beside_the_question(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    runtime.memory.add([BOX])
    session, _ = await ask(runtime)
    graph = store.view(session).graph
    (node,) = pulled(store, session)
    document = FORMATS["markdown"]("t", graph)
    assert document.count(BOX) == 1 and "**Memory**" in document and "**Note**" not in document
    (question,) = [edge.node for edge in node.inputs]
    (line,) = [
        line
        for line in FORMATS["dot"]("t", graph).split("\n")
        if f'"{question}" -> "{node.id}"' in line
    ]
    assert "style=dotted, dir=none" in line
    loose = [tie for tie in drawn_ties(graph) if node.id in tie and question in tie]
    assert [tie.loose for tie in loose] == [True]
    assert BOX.split()[-1] in FORMATS["html"]("t", graph)


async def test_a_verified_answer_holds_its_memories_together(
    speaking: Speaking, running: Running, store: Store
) -> None:
    told = TOLD.replace("How many", "Mia likes to draw. How many")
    runtime = running(speaking(told, TIMES))
    added = runtime.memory.add([BOX, "Mia likes to draw."]).added
    session, finished = await ask(runtime)
    assert finished.verdict == "verified" and len(pulled(store, session)) == 2
    (link,) = runtime.memory.show(added[0]).links
    assert (link.origin, link.weight) == ("together", 0.2)
    runtime = running(speaking(told, TIMES, check=0.1))
    _, finished = await ask(runtime, fresh=True)
    assert finished.verdict != "verified"
    assert runtime.memory.show(added[0]).links == (link,)


async def test_explain_tells_the_question_with_what_would_fall_and_uses_nothing(
    thinking: Thinking, running: Running
) -> None:
    runtime = running(thinking())
    (box,) = runtime.memory.add([BOX]).added
    plain = await runtime.explain(RunRequest(question=MIA))
    told = await runtime.explain(RunRequest(question=MIA, recall=3))
    assert told.question_tokens > plain.question_tokens
    assert runtime.memory.show(box).memory.uses == 0


async def test_a_run_that_was_cut_off_goes_on_with_what_it_recalled(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    (box,) = runtime.memory.add([BOX]).added
    run = await runtime.start(RunRequest(question=MIA, recall=3))
    await runtime.suspend()
    runtime = running(thinking())
    (resumed,) = await runtime.resume()
    assert resumed.id == run.id and (await resumed.result()).outcome == "done"
    assert [node.data for node in pulled(store, run.session)] == [PulledData(box)]
    assert stale(store, run.session) == [] and runtime.memory.show(box).memory.uses == 1


async def test_a_memory_changed_while_a_run_goes_on_leaves_it_stale(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    (box,) = runtime.memory.add([BOX]).added
    run = await runtime.start(RunRequest(question=MIA, recall=3))
    runtime.memory.edit(box, TEN)
    await run.result()
    assert stale(store, run.session) != []
    await derive(runtime, run.session)
    assert stale(store, run.session) == []


async def test_the_memory_cannot_be_asked_in_and_its_nodes_are_changed_as_memories(
    thinking: Thinking, running: Running, store: Store
) -> None:
    runtime = running(thinking())
    (box,) = runtime.memory.add([BOX]).added
    for work in (
        runtime.start(RunRequest(question=MIA, session=MEMORY)),
        runtime.derive(DeriveRequest(session=MEMORY)),
        runtime.preview(MEMORY),
        runtime.pin(box, True),
        runtime.delete(box),
        runtime.inject(box, "But not here."),
        runtime.fork(box, "other"),
        runtime.undo(MEMORY),
        runtime.switch(MEMORY, "main"),
    ):
        with pytest.raises(BadRequest, match="smysl memory"):
            await work
    changed = await runtime.edit(Edit(node=box[:8], text=TEN))
    assert (changed.session, changed.node, changed.stale) == (MEMORY, box, ())
    assert changed.op == store.branches(MEMORY)[0].head
    assert runtime.memory.list(1)[0].text == TEN
    with pytest.raises(BadRequest, match="says that already"):
        await runtime.edit(Edit(node=box, text=TEN))
