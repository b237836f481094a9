"""Branches: what they show after edits, forks, undo and redo, against a naive model."""

import itertools
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from smysl_reasoning.errors import (
    BadRequest,
    Conflict,
    NothingToRedo,
    NothingToUndo,
    StoreCorrupt,
    UnknownId,
)
from smysl_reasoning.events import RunFinished
from smysl_reasoning.graph import Placed
from smysl_reasoning.history import MAIN, Again, Change
from smysl_reasoning.nodes import Edge, Node, Recipe, value_hash
from smysl_reasoning.store import RunRecord, Store, Written

RECIPE = Recipe(module="derive@1", prompt="", sampling="", engine="e")
END = RunFinished(session="s", outcome="done", answer="4", verdict="verified", confidence=0.9)


def node(id: str, text: str = "text", *inputs: str, session: str = "s") -> Node:
    edges = tuple(Edge("after", input) for input in inputs)
    return Node(id=id, session=session, kind="step", text=text, inputs=edges, status="done")


def made(id: str, text: str = "text", *inputs: str, status: str = "done") -> Node:
    """A node that a program has made."""
    edges = tuple(Edge("after", input) for input in inputs)
    return Node(
        id=id,
        session="s",
        kind="step",
        text=text,
        inputs=edges,
        recipe=RECIPE,
        status=status,  # type: ignore[arg-type]
    )


def run(store: Store, id: str = "r", *, session: str = "s", **rest: object) -> int:
    """Begin a run over a question of its own; the operation it writes to."""
    question = Node(id=f"q{id}", session=session, kind="question", text=f"{id}?", status="done")
    record = RunRecord(id=id, session=session, question=question.id, program="solve", request=b"{}")
    title = None if store_has(store, session) else "title"
    return store.begin_run(record, [question], title, **rest).result()  # type: ignore[arg-type]


def store_has(store: Store, session: str) -> bool:
    return session in [summary.id for summary in store.sessions()]


def texts(store: Store, branch: str | None = None) -> dict[str, str]:
    graph = store.view("s", branch).graph
    return {id: graph.node(id).text for id in graph}


def edit(store: Store, id: str, text: str, branch: str | None = None) -> int:
    view = store.view("s", branch)
    return store.commit(
        "s", branch, "edit", f"edit {id}", [(node(id, text), "edited", ())], head=view.branch.head
    ).result()


def test_a_run_shows_what_it_writes_and_says_where_it_stands(store: Store) -> None:
    op = run(store)
    hash = value_hash("question", "r?", None)
    revision = store.put_soon(
        [made("a", "one", "qr")], run="r", place="solve/plan", seen=[hash]
    ).result()
    assert revision == 0
    view = store.view("s")
    assert (view.session, view.branch.name, view.branch.head) == ("s", MAIN, op)
    assert list(view.graph) == ["qr", "a"]
    assert view.graph.placed("a") == Placed(
        made("a", "one", "qr"),
        0,
        value_hash("step", "one", None),
        (hash,),
        root="qr",
        place="solve/plan",
    )
    assert view.graph.placed("qr").root is None, "what a person asked belongs to no program"


def test_seen_is_unknown_of_each_input_where_it_is_not_given(store: Store) -> None:
    run(store)
    store.put(made("a", "one", "qr", "qr"), run="r")
    assert store.view("s").graph.placed("a").seen == ("", "")


def test_the_next_revision_keeps_root_and_place_and_loses_hold_and_again(store: Store) -> None:
    run(store)
    store.put_soon([made("a")], run="r", place="solve/plan").result()
    edit(store, "a", "mine")
    placed = store.view("s").graph.placed("a")
    assert (placed.revision, placed.hold, placed.place, placed.root) == (
        1,
        "edited",
        "solve/plan",
        "qr",
    )
    head = store.view("s").branch.head
    change = Change("a", 1, None, Again(seed=7))
    store.commit("s", MAIN, "retry", "retry a", [change], head=head).result()
    assert store.view("s").graph.placed("a").again == Again(seed=7)
    run(store, "r2", kind="derive", label="derive 1 node")
    store.put_soon([made("a", "anew")], run="r2").result()
    placed = store.view("s").graph.placed("a")
    assert (placed.node.text, placed.revision, placed.hold, placed.again) == ("anew", 2, None, None)
    assert (placed.place, placed.root) == ("solve/plan", "qr")
    assert [op.label for op in store.log("s")] == ["derive 1 node", "retry a", "edit a", "r?"]


def test_a_run_keeps_and_drops_nodes_of_its_branch(store: Store) -> None:
    run(store)
    store.put_soon([made("a"), made("b"), made("c")], run="r").result()
    run(store, "r2")
    store.keep_soon("r2", "a", 0, "pinned", Again(seed=1, done=True)).result()
    store.drop_soon("r2", ["b"]).result()
    graph = store.view("s").graph
    assert list(graph) == ["qr", "a", "c", "qr2"]
    assert (graph.placed("a").hold, graph.placed("a").again) == ("pinned", Again(seed=1, done=True))
    store.undo("s").result()
    assert list(store.view("s").graph) == ["qr", "a", "b", "c"]


def test_a_run_that_ends_keeps_what_was_stopped_with_its_place(store: Store) -> None:
    run(store)
    stopped = Written(made("a", "so f", status="cancelled"), place="solve/plan")
    store.end_run("r", END, [stopped]).result()
    placed = store.view("s").graph.placed("a")
    assert (placed.place, placed.root, placed.node.status) == ("solve/plan", "qr", "cancelled")


def test_writes_of_a_run_that_does_not_exist_are_refused(store: Store) -> None:
    run(store)
    for write in (
        store.put_soon([node("a")], run="zz"),
        store.keep_soon("zz", "qr", 0, None),
        store.drop_soon("zz", ["qr"]),
        store.end_run("zz", END, [node("a")]),
    ):
        with pytest.raises(UnknownId, match="'zz'"):
            write.result()
    assert list(store.view("s").graph) == ["qr"]


def test_nodes_are_shown_in_the_order_of_their_first_writing(store: Store) -> None:
    run(store)
    store.put_soon([made("b"), made("a")], run="r").result()
    edit(store, "b", "mine")
    assert list(store.view("s").graph) == ["qr", "b", "a"]


def test_an_operation_on_a_head_that_has_moved_on_is_refused(store: Store) -> None:
    run(store)
    store.put(made("a"), run="r")
    head = store.view("s").branch.head
    edit(store, "a", "first")
    late = store.commit("s", MAIN, "delete", "delete a", [Change("a", None)], head=head)
    with pytest.raises(Conflict, match="look again, then repeat"):
        late.result()
    assert texts(store)["a"] == "first" and len(store.log("s")) == 2


def test_a_view_is_kept_until_its_session_is_written_to(store: Store) -> None:
    run(store)
    view = store.view("s")
    assert store.view("s") is view
    run(store, "other", session="t")
    assert store.view("s") is view, "another session is no reason to look again"
    store.put(made("a"), run="r")
    assert "a" in store.view("s").graph and "a" not in view.graph


def test_whoever_is_told_of_a_write_sees_it_while_others_look_too(store: Store) -> None:
    run(store)
    stop = threading.Event()
    seen: list[int] = []

    def look() -> None:
        while not stop.is_set():
            seen.append(len(store.view("s").graph))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(60):
            store.put(made(f"n{number}"), run="r")
            assert len(store.view("s").graph) == number + 2
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert seen and set(seen) <= set(range(1, 62))


def test_undo_and_redo_move_the_head_and_lose_nothing(store: Store) -> None:
    first = run(store)
    store.put(made("a"), run="r")
    for text in ("one", "two", "three"):
        edit(store, "a", text)
    assert store.undo("s").result().label == "edit a"
    store.undo("s").result()
    assert texts(store)["a"] == "one"
    assert store.redo("s").result().parent == store.log("s")[1].id
    assert texts(store)["a"] == "two"
    store.redo("s").result()
    assert texts(store)["a"] == "three"
    with pytest.raises(NothingToRedo, match="nothing undone"):
        store.redo("s").result()
    for _ in range(3):
        store.undo("s").result()
    with pytest.raises(NothingToUndo, match="at its beginning"):
        store.undo("s").result()
    assert store.view("s").branch.head == first


def test_what_was_undone_before_something_new_cannot_be_redone_but_stays_in_the_file(
    store: Store,
) -> None:
    run(store)
    store.put(made("a"), run="r")
    edit(store, "a", "undone")
    store.undo("s").result()
    edit(store, "a", "new")
    with pytest.raises(NothingToRedo):
        store.redo("s").result()
    assert [r.node.text for r in store.revisions("a")] == ["text", "undone", "new"]
    assert store.undo("s").result().label == "edit a"
    assert store.redo("s").result() and texts(store)["a"] == "new"


def test_undoing_a_run_takes_out_what_it_made(store: Store) -> None:
    run(store)
    store.put(made("a"), run="r")
    store.end_run("r", END).result()
    run(store, "r2")
    store.put(made("b"), run="r2")
    assert store.latest_run("s", MAIN) == store.run("r2")
    assert store.session("s").verdict is None
    store.undo("s").result()
    assert list(store.view("s").graph) == ["qr", "a"]
    assert store.latest_run("s") == store.run("r")
    assert store.session("s").answer == "4"
    store.put(made("c"), run="r2")
    assert "c" not in store.view("s").graph, "a run that was undone writes where nobody looks"


def test_the_latest_run_of_a_question_is_found_among_others(store: Store) -> None:
    run(store)
    run(store, "r2")
    again = RunRecord(
        id="r3", session="s", question="qr", program="vote", request=b"{}", again_of="r"
    )
    store.begin_run(again, [], None, kind="derive").result()
    assert store.latest_run("s", None, "qr") == store.run("r3")
    assert store.run("r3").again_of == "r" and store.log("s")[0].label == "r?"
    assert store.latest_run("s", MAIN, "qr2") == store.run("r2")
    assert store.latest_run("s", MAIN, "nothing") is None


def test_a_fork_begins_where_its_source_stands_and_goes_its_own_way(store: Store) -> None:
    run(store)
    store.put(made("a"), run="r")
    edit(store, "a", "mine")
    branch = store.fork("s", "try", at="a").result()
    assert (branch.name, branch.at, branch.current) == ("try", "a", True)
    assert branch.head == store.view("s", MAIN).branch.head
    edit(store, "a", "theirs")
    assert (texts(store)["a"], texts(store, MAIN)["a"]) == ("theirs", "mine")
    assert [(b.name, b.current) for b in store.branches("s")] == [(MAIN, False), ("try", True)]
    store.undo("s").result(), store.undo("s").result()
    assert (texts(store)["a"], texts(store, MAIN)["a"]) == ("text", "mine")
    assert store.switch("s", MAIN).result().current
    assert texts(store)["a"] == "mine" and store.session("s").branches == 2
    deeper = store.fork("s", "deeper", source="try").result()
    assert deeper.head == store.view("s", "try").branch.head
    with pytest.raises(NothingToRedo):
        store.redo("s", "deeper").result()
    store.redo("s", "try").result()
    assert texts(store, "try")["a"] == "mine"


@pytest.mark.parametrize("name", ["", "-x", "a b", "Main", "é", "x" * 41, "../etc", "a\n"])
def test_a_name_that_is_none_is_refused(store: Store, name: str) -> None:
    run(store)
    with pytest.raises(BadRequest, match="no name for a branch"):
        store.fork("s", name)


def test_a_branch_that_is_taken_or_unknown_is_named(store: Store) -> None:
    run(store)
    store.fork("s", "try").result()
    with pytest.raises(BadRequest, match="'try' already"):
        store.fork("s", "try").result()
    with pytest.raises(UnknownId, match="no branch 'x'; it has main, try"):
        store.view("s", "x")
    with pytest.raises(UnknownId, match="no branch"):
        store.switch("s", "x").result()
    with pytest.raises(UnknownId, match="no node 'x'"):
        store.fork("s", "new", at="x")
    with pytest.raises(UnknownId, match="no session"):
        store.branches("t")
    for write in (store.undo("t"), store.redo("t"), store.rename("t", "x"), store.delete("t")):
        with pytest.raises(UnknownId, match="no session"):
            write.result()
    assert store.log("s", "try") == store.log("s", MAIN)


def test_a_node_goes_back_to_what_its_own_branch_derived(store: Store) -> None:
    run(store)
    store.put(made("a", "first"), run="r")
    store.fork("s", "try").result()
    run(store, "r2", branch="try")
    store.put(made("a", "of the other branch"), run="r2")
    edit(store, "a", "mine", MAIN)
    edit(store, "a", "mine too", MAIN)
    assert [r.node.text for r in store.revisions("a")] == [
        "first",
        "of the other branch",
        "mine",
        "mine too",
    ]
    assert store.derived_revision("a", 3) == 0
    assert store.derived_revision("a", 1) == 1
    assert store.derived_revision("qr", 0) is None
    with pytest.raises(UnknownId):
        store.derived_revision("a", 4)


def test_revisions_are_told_with_who_made_them_and_when(store: Store) -> None:
    run(store)
    store.put(made("a"), run="r")
    edit(store, "a", "mine")
    first, second = store.revisions("a")
    assert (first.revision, first.node.text, first.run) == (0, "text", "r")
    assert (second.revision, second.node.text, second.run) == (1, "mine", None)
    assert first.created == store.log("s")[1].created
    assert second.created == store.log("s")[0].created
    assert (store.revision("a", 0), store.revision("a", 1)) == (first.node, second.node)
    for unknown in (lambda: store.revision("a", 2), lambda: store.revisions("b")):
        with pytest.raises(UnknownId):
            unknown()


BROKEN = {
    "branches whose head does not exist: s main": "UPDATE branches SET head = 99",
    "runs without their operation: r": "UPDATE runs SET op = 99",
    "changes to a revision that does not exist: qr": "UPDATE changes SET revision = 7",
    "sessions without their current branch: s": "UPDATE sessions SET branch = 'gone'",
    "operations that do not follow": "UPDATE ops SET parent = id",
    "changes without their operation": "INSERT INTO changes (op, node) VALUES (99, 'qr')",
    "nodes with a missing revision: qr": "UPDATE nodes SET revision = 1; UPDATE changes SET revision = 1",
    "finished runs with partial tokens": "INSERT INTO partials VALUES ('zz', 'p', 'k', x'')",
    "nodes without a session": "UPDATE nodes SET session = 't'",
    "malformed": "INSERT INTO nodes_fts (nodes_fts) VALUES ('delete-all')",
}


@pytest.mark.parametrize("law", BROKEN)
def test_a_broken_law_is_found_by_check(tmp_path: Path, law: str) -> None:
    with closing(Store.open(tmp_path / "db")) as store:
        run(store)
        store.check()
        with closing(sqlite3.connect(store.path)) as db:
            db.executescript(BROKEN[law])
        with pytest.raises(StoreCorrupt, match=law):
            store.check()


# ------------------------------------------------------------ against a model

IDS = ["a", "b", "c"]
ids = st.sampled_from(IDS)
some_texts = st.text("xyz", max_size=3)


class Model(RuleBasedStateMachine):
    """The store beside branches that are lists of states, each a dictionary."""

    def __init__(self, store: Store, session: str) -> None:
        super().__init__()
        self.store = store
        self.session = session
        self.states: dict[str, list[dict[str, str]]] = {MAIN: []}
        self.undone: dict[str, list[dict[str, str]]] = {MAIN: []}
        self.current = MAIN
        self.runs = 0

    @initialize()
    def begin(self) -> None:
        self._run({}, "title")

    def _run(self, before: dict[str, str], title: str | None) -> str:
        self.runs += 1
        name = f"{self.session}r{self.runs}"
        question = Node(
            id=f"{name}q", session=self.session, kind="question", text="?", status="done"
        )
        record = RunRecord(
            id=name, session=self.session, question=question.id, program="p", request=b"{}"
        )
        self.store.begin_run(record, [question], title, branch=self.current).result()
        self._now({**before, question.id: "?"})
        return name

    def _now(self, state: dict[str, str]) -> None:
        self.states[self.current].append(state)
        self.undone[self.current] = []

    def _node(self, name: str, text: str) -> Node:
        return node(f"{self.session}{name}", text, session=self.session)

    @rule(name=ids, text=some_texts)
    def write(self, name: str, text: str) -> None:
        run = self._run(self.states[self.current][-1], None)
        self.store.put(self._node(name, text), run=run)
        self.states[self.current][-1][self._node(name, "").id] = text

    @rule(name=ids, text=some_texts)
    def edit(self, name: str, text: str) -> None:
        head = self.store.view(self.session).branch.head
        change = (self._node(name, text), "edited", ())
        self.store.commit(self.session, None, "edit", "e", [change], head=head).result()  # type: ignore[list-item]
        self._now({**self.states[self.current][-1], change[0].id: text})

    @rule(name=ids)
    def delete(self, name: str) -> None:
        id = self._node(name, "").id
        head = self.store.view(self.session).branch.head
        self.store.commit(self.session, None, "delete", "d", [Change(id, None)], head=head).result()
        self._now({at: text for at, text in self.states[self.current][-1].items() if at != id})

    @rule()
    def undo(self) -> None:
        if len(self.states[self.current]) == 1:
            with pytest.raises(NothingToUndo):
                self.store.undo(self.session).result()
        else:
            self.store.undo(self.session).result()
            self.undone[self.current].append(self.states[self.current].pop())

    @rule()
    def redo(self) -> None:
        if not self.undone[self.current]:
            with pytest.raises(NothingToRedo):
                self.store.redo(self.session).result()
        else:
            self.store.redo(self.session).result()
            self.states[self.current].append(self.undone[self.current].pop())

    @rule(name=st.sampled_from(["x", "y", "z"]))
    def fork(self, name: str) -> None:
        if name in self.states:
            with pytest.raises(BadRequest):
                self.store.fork(self.session, name).result()
            return
        self.store.fork(self.session, name).result()
        self.states[name] = [dict(state) for state in self.states[self.current]]
        self.undone[name] = []
        self.current = name

    @rule(data=st.data())
    def switch(self, data: st.DataObject) -> None:
        self.current = data.draw(st.sampled_from(sorted(self.states)))
        self.store.switch(self.session, self.current).result()

    @invariant()
    def every_branch_shows_its_last_state(self) -> None:
        for name, states in self.states.items():
            graph = self.store.view(self.session, name).graph
            assert {id: graph.node(id).text for id in graph} == states[-1]
            assert len(self.store.log(self.session, name)) == len(states)
        shown = [node.id for node in self.store.session_nodes(self.session)]
        assert set(shown) == set(self.states[self.current][-1])


def test_branches_behave_as_lists_of_states(store: Store) -> None:
    numbers = itertools.count()
    run_state_machine_as_test(
        lambda: Model(store, f"s{next(numbers)}"),  # type: ignore[arg-type]  # a maker will do
        settings=settings(max_examples=20, stateful_step_count=15, deadline=None),
    )
