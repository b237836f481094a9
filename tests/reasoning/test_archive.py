"""Sessions as documents: what is exported reads in again as it was, and nothing else does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_reasoning import archive
from smysl_reasoning.archive import export_session, import_session
from smysl_reasoning.errors import BadArchive, NothingToRedo, UnknownId
from smysl_reasoning.events import RunFinished
from smysl_reasoning.history import MAIN, Again, Change
from smysl_reasoning.nodes import Edge, Node, Recipe, Stats, StepData, value_hash
from smysl_reasoning.store import RunRecord, Store

END = RunFinished(session="s", outcome="done", answer="4", verdict="verified", confidence=0.9)
RECIPE = Recipe(module="derive@1", prompt="p", sampling="{}", engine="e")


def step(id: str, text: str, *inputs: str, recipe: Recipe | None = RECIPE) -> Node:
    return Node(
        id=id,
        session="s",
        kind="step",
        text=text,
        data=StepData(text),
        inputs=tuple(Edge("after", input) for input in inputs),
        recipe=recipe,
        status="done",
        stats=Stats(calls=1, generated_tokens=7, confidence=0.5),
    )


def fill(store: Store) -> None:
    """A session `s` with two branches, a fork, an edit, an undone deletion and a retry."""
    question = Node(id="q", session="s", kind="question", text="2 + 2?", status="done")
    record = RunRecord(id="r", session="s", question="q", program="solve", request=b'{"seed":3}')
    store.begin_run(record, [question], "a title").result()
    seen = [value_hash("question", "2 + 2?", None)]
    store.put_soon([step("a", "2 + 2", "q")], key="k", run="r", place="solve/a", seen=seen).result()
    store.put_soon([step("b", "4", "a")], run="r", place="solve/b", seen=[""]).result()
    store.end_run("r", END).result()
    store.fork("s", "try", at="a").result()
    change = (step("a", "2 * 2", "q", recipe=None), "edited", tuple(seen))
    head = store.view("s").branch.head
    store.commit("s", "try", "edit", "edit a", [change], head=head).result()  # type: ignore[list-item]
    again = Change("b", 0, None, Again(seed=9))
    head = store.view("s").branch.head
    store.commit("s", "try", "retry", "retry b", [again], head=head).result()
    head = store.view("s", MAIN).branch.head
    gone = Change("b", None)
    store.commit("s", MAIN, "delete", "delete b", [gone], head=head).result()
    store.undo("s", MAIN).result()


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "other.db")


def test_a_session_reads_in_elsewhere_as_it_was(store: Store, other: Store) -> None:
    fill(store)
    document = export_session(store, "s")
    assert import_session(other, document) == "s"
    other.check()
    assert other.session("s") == store.session("s")
    for branch in (MAIN, "try"):
        here, there = (s.view("s", branch).graph for s in (store, other))
        assert [here.placed(id) for id in here] == [there.placed(id) for id in there]
        kinds = [
            [(op.kind, op.label, op.created) for op in s.log("s", branch)] for s in (store, other)
        ]
        assert kinds[0] == kinds[1]
    assert other.revisions("a") == store.revisions("a")
    assert other.run("r") == store.run("r")
    assert other.undo("s", "try").result().label == "retry b"
    with pytest.raises(NothingToRedo):
        other.redo("s", MAIN).result()
    other.close()


def test_what_is_imported_is_exported_alike(store: Store, other: Store) -> None:
    fill(store)
    document = export_session(store, "s")
    import_session(other, document)
    assert export_session(other, "s") == document
    other.close()


def test_taken_ids_are_replaced_throughout(store: Store) -> None:
    fill(store)
    copy = import_session(store, export_session(store, "s"))
    assert copy != "s" and {s.id for s in store.sessions()} == {"s", copy}
    here, there = store.view("s", "try").graph, store.view(copy, "try").graph
    assert [here.node(id).text for id in here] == [there.node(id).text for id in there]
    assert not set(here) & set(there)
    placed = [there.placed(id) for id in there]
    assert {p.node.session for p in placed} == {copy}
    assert all(edge.node in there for p in placed for edge in p.node.inputs)
    assert [p.root for p in placed] == [None, placed[0].node.id, placed[0].node.id]
    (run,) = [store.run(op.run) for op in store.log(copy) if op.run]
    assert (run.question, run.session, run.id != "r") == (placed[0].node.id, copy, True)
    assert run.finished and run.finished.session == copy
    assert store.branches(copy)[1].at == placed[1].node.id


def test_a_run_that_went_on_is_not_resumed_elsewhere(store: Store, other: Store) -> None:
    fill(store)
    record = RunRecord(id="r2", session="s", question="q", program="solve", request=b"{}")
    store.begin_run(record, [], None).result()
    import_session(other, export_session(store, "s"))
    assert other.unfinished_runs() == []
    finished = other.finished("r2")
    assert finished and finished.outcome == "cancelled" and "exported" in finished.message
    other.close()


def test_what_others_computed_is_not_copied_into_other_sessions(store: Store, other: Store) -> None:
    fill(store)
    assert store.find_recipe("k") is not None
    import_session(other, export_session(store, "s"))
    assert other.find_recipe("k") is None and other.module_costs("e") == {}
    other.close()


def test_an_unknown_session_is_not_exported(store: Store) -> None:
    with pytest.raises(UnknownId):
        export_session(store, "nothing")


def test_the_limit_holds_both_ways_and_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    document = export_session(store, "s")
    monkeypatch.setattr(archive, "LIMIT_BYTES", len(document) - 1)
    for act in (lambda: export_session(store, "s"), lambda: import_session(store, document)):
        with pytest.raises(BadArchive, match="MiB; the limit is 0.0 MiB"):
            act()


Damage = Callable[[dict[str, Any]], object]
DAMAGES: dict[str, Damage] = {
    "its format is 'other'": lambda d: d.update(format="other"),
    "version 2; this smysl reads up to 1": lambda d: d.update(version=2),
    "missing required field `nodes`": lambda d: d.pop("nodes"),
    "Expected `int`": lambda d: d["ops"][0].update(id="one"),
    "Invalid enum value 'dream'": lambda d: d["nodes"][0]["node"].update(kind="dream"),
    "'../x' is no id": lambda d: d["runs"][0].update(id="../x"),
    "two of its parts have the same id": lambda d: d["runs"][0].update(id="a"),
    "node a is of another session": lambda d: d["nodes"][1]["node"].update(session="t"),
    "node a is running": lambda d: d["nodes"][1]["node"].update(status="running"),
    "node a has revision 3 out of turn": lambda d: d["nodes"][1].update(revision=3),
    "not there before it": lambda d: d["nodes"][1]["node"]["inputs"][0].update(node="b"),
    "rests on 'zz'": lambda d: d["nodes"][1]["node"]["inputs"][0].update(node="zz"),
    "seen 2 values of 1 inputs": lambda d: d["nodes"][1].update(seen=["", ""]),
    "node a has an unknown run": lambda d: d["nodes"][1].update(run="zz"),
    "node a has an unknown root": lambda d: d["nodes"][1].update(root="zz"),
    "its hash differs": lambda d: d["nodes"][1]["node"].update(text="2 + 3"),
    "comes twice": lambda d: d["ops"].append(d["ops"][0]),
    "follows none before it": lambda d: d["ops"][0].update(parent=d["ops"][-1]["id"]),
    "has an unknown run": lambda d: d["ops"][1].update(run="zz"),
    "belongs to no operation": lambda d: d["changes"][0].update(op=10**6),
    "has no revision 5": lambda d: d["changes"][0].update(revision=5),
    "node 'zz' has no revision": lambda d: d["changes"][0].update(node="zz"),
    "run r has no question": lambda d: d["runs"][0].update(question="zz"),
    "run r has no operation": lambda d: d["runs"][0].update(op=d["ops"][1]["id"]),
    "run r repeats no run": lambda d: d["runs"][0].update(again_of="zz"),
    "run r belongs to no branch": lambda d: d["runs"][0].update(branch="zz"),
    "two branches have the same name": lambda d: d["branches"].append(d["branches"][0]),
    "its current branch is missing": lambda d: d["session"].update(branch="zz"),
    "'No!' names no branch": lambda d: d["branches"][0].update(name="No!"),
    "branch main has no head": lambda d: d["branches"][0].update(head=10**6),
    "branch try begins nowhere": lambda d: d["branches"][1].update(at="zz"),
    "'yesterday' is no time": lambda d: d["session"].update(created="yesterday"),
    "'2026-01-01' is no time": lambda d: d["ops"][0].update(created="2026-01-01"),
    "shows a circle": lambda d: d["nodes"][-1]["node"]["inputs"][0].update(node="b"),
}


@pytest.mark.parametrize("why", DAMAGES)
def test_a_broken_document_is_refused_with_the_reason(store: Store, other: Store, why: str) -> None:
    fill(store)
    document = json.loads(export_session(store, "s"))
    DAMAGES[why](document)
    with pytest.raises(BadArchive, match=why.replace("?", r"\?")):
        import_session(other, json.dumps(document).encode())
    assert other.sessions() == []
    other.close()


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000])
def test_what_is_no_document_is_refused(store: Store, document: bytes) -> None:
    with pytest.raises(BadArchive, match="cannot be read"):
        import_session(store, document)


def test_keys_of_later_versions_are_passed_over(store: Store, other: Store) -> None:
    fill(store)
    document = json.loads(export_session(store, "s"))
    document["mood"] = document["nodes"][0]["node"]["mass"] = document["session"]["mood"] = 1
    assert import_session(other, json.dumps(document).encode()) == "s"
    other.close()


@given(data=st.data())
@settings(max_examples=100)
def test_a_document_with_a_byte_changed_is_refused_or_sound(
    data: st.DataObject, store: Store
) -> None:
    if not store.sessions():
        fill(store)
    before = len(store.sessions(10_000))
    document = bytearray(export_session(store, "s"))
    position = data.draw(st.integers(0, len(document) - 1))
    document[position] = data.draw(st.integers(0, 255))
    try:
        id = import_session(store, bytes(document))
    except BadArchive:
        assert len(store.sessions(10_000)) == before
    else:
        assert store.session_nodes(id) and len(store.sessions(10_000)) == before + 1
