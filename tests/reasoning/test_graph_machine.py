"""Whatever a person does to a graph, in whatever order, and wherever the process is killed: against a model that
keeps a copy of everything a branch has ever shown.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning import workbench
from smysl_reasoning.changes import Changed
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest, NothingToRedo, NothingToUndo
from smysl_reasoning.graph import Graph
from smysl_reasoning.history import Again, Hold
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.run import Run
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTIONS = (
    "Tom has 48 apples. He shares them among 2 friends. How many does each get?",
    "Ann reads 6 pages. She reads 7 more. How many pages does she read in all?",
    "All cats are animals. Tom is a cat. Is Tom an animal?",
)
WORDS = (
    "A pen costs 5 coins and a book costs 3 times as much. What does a book cost?",
    "Tom has 49 apples. He shares them among 2 friends. How many does each get?",
    "He finds 3 more.",
    "48 + 2",
    "6 * 7",
    "story, 2 steps",
    "story, 1 step",
    "24",
    "passed",
)
NOTES = ("He finds 3 more.", "One of them is red.", "It rains.")
OPTIONS: dict[str, object] = {"samples": 2}


class Shown(NamedTuple):
    """A node as a branch shows it; what the model remembers."""

    revision: int
    hash: str
    hold: Hold | None
    again: Again | None


class Known(NamedTuple):
    """A branch: every state it had on the way to its newest, and which of them it shows."""

    states: list[dict[str, Shown]]
    at: int

    @property
    def now(self) -> dict[str, Shown]:
        return self.states[self.at]

    def then(self, state: dict[str, Shown]) -> "Known":
        return Known([*self.states[: self.at + 1], state], self.at + 1)


def shown(graph: Graph) -> dict[str, Shown]:
    return {id: Shown(*graph.placed(id)[1:3], *graph.placed(id)[6:8]) for id in graph}


class Machine(RuleBasedStateMachine):
    """One session with as many branches as it likes."""

    dialect: NativeDialect
    think: Callable[..., ScriptedEngine]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.known: dict[str, Known] = {}
        self.calls = 0
        """Of the engine, before the derivation that goes on."""
        self.current = "main"
        self.session = ""
        self.kept: dict[tuple[str, int], str] = {}
        """Everything that was ever durable: it stays as it is."""
        self.open()

    def open(self) -> None:
        self.engine = self.think()
        self.store = Store.open(self.folder / "smysl.db")
        self.runtime = Runtime(engine=self.engine, dialect=self.dialect, store=self.store)

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    def teardown(self) -> None:
        self.wait(self.runtime.close())
        self.store.close()
        self.loop.close()
        shutil.rmtree(self.folder)

    # -------------------------------------------------------- what is there

    @property
    def graph(self) -> Graph:
        return self.store.view(self.session).graph

    def pick(self, chance: int, kinds: tuple[str, ...] = ()) -> str | None:
        ids = [id for id in self.graph if not kinds or self.graph.node(id).kind in kinds]
        return ids[chance % len(ids)] if ids else None

    def root(self) -> str:
        return [id for id in self.graph if self.graph.node(id).kind == "question"][-1]

    def next_revision(self, id: str) -> int:
        return self.store.revisions(id)[-1].revision + 1

    def changed(self, work: Coroutine[Any, Any, Changed]) -> Changed | None:
        """Do it, unless it is refused; then nothing may have changed."""
        before = shown(self.graph)
        try:
            change: Changed = self.wait(work)
        except BadRequest as refused:
            assert len(str(refused)) > 20
            assert shown(self.graph) == before
            return None
        assert set(change.stale) == set(self.graph.stale())
        return change

    def became(self, state: dict[str, Shown]) -> None:
        """The branch shows exactly this, and remembers what it showed before."""
        assert shown(self.graph) == state
        self.known[self.current] = self.known[self.current].then(state)

    # -------------------------------------------------------- asking and deriving

    @initialize(question=st.sampled_from(QUESTIONS), program=st.sampled_from(("solve", "vote")))
    def ask_first(self, question: str, program: str) -> None:
        options = OPTIONS
        run = self.wait(
            self.runtime.start(RunRequest(question=question, program=program, options=options))
        )
        self.session = run.session
        self.wait(run.result())
        self.known["main"] = Known([shown(self.graph)], 0)

    @precondition(lambda self: sum(p.node.kind == "question" for p in self.placed()) < 3)
    @rule(question=st.sampled_from(QUESTIONS), seed=st.integers(0, 2))
    def ask(self, question: str, seed: int) -> None:
        before = shown(self.graph)
        request = RunRequest(question=question, session=self.session, options=OPTIONS, seed=seed)
        run = self.wait(self.runtime.start(request))
        assert self.wait(run.result()).outcome == "done"
        after = shown(self.graph)
        assert {id: after[id] for id in before} == before, (
            "another question is none of its business"
        )
        self.became(after)

    def placed(self) -> list[Any]:
        return [self.graph.placed(id) for id in self.graph]

    @rule(walk_anyway=st.booleans())
    def derive(self, walk_anyway: bool) -> None:
        self.derived(self.begin(walk_anyway))

    @rule(walk_anyway=st.booleans(), moment=st.integers(0, 60))
    def derive_and_crash(self, walk_anyway: bool, moment: int) -> None:
        """The process ends in the middle of it; the next one goes on."""
        begun = self.begin(walk_anyway)
        if begun is None:
            return

        async def cut() -> None:
            for _ in range(moment):
                await asyncio.sleep(0)
            self.store.close()
            await self.runtime.close()

        self.wait(cut())
        run, before, stale, root, places = begun
        self.open()
        self.calls = 0
        resumed = self.wait(self.runtime.resume())
        assert [one.id for one in resumed] in ([run.id], [])
        if not resumed:
            end = self.store.finished(run.id)
            assert end is not None and end.outcome == "done"
        self.derived((resumed[0] if resumed else None, before, stale, root, places))

    def begin(self, walk_anyway: bool) -> Any:
        before, root = shown(self.graph), self.root()
        places = {id: self.graph.placed(id).place for id in before}
        stale = [id for id in self.graph.stale() if self.graph.placed(id).root == root]
        last = self.store.latest_run(self.session, None, root)
        assert last is not None
        seed = 0
        if walk_anyway:
            seed = msgspec.json.decode(last.request, type=RunRequest).seed
        request = DeriveRequest(session=self.session, seed=seed if walk_anyway else None)
        self.calls = len(self.engine.calls)
        try:
            run: Run = self.wait(self.runtime.derive(request))
        except BadRequest as refused:
            assert stale == [] and "nothing is stale" in str(refused)
            assert shown(self.graph) == before
            return None
        return run, before, stale, root, places

    def derived(self, begun: Any) -> None:
        if begun is None:
            return
        run, before, stale, root, places = begun
        if run is not None:
            assert self.wait(run.result()).outcome == "done"
        after, graph = shown(self.graph), self.graph
        assert [id for id in graph.stale() if graph.placed(id).root == root] == []
        held = [id for id in graph if graph.placed(id).root == root and graph.placed(id).hold]
        for id, was in before.items():
            if id not in stale and not (held and self.weighs(places[id])):
                assert after.get(id) == was, f"{places[id]} was not stale"
        if not stale and not held:
            assert after == before
            assert len(self.engine.calls) == self.calls, "nothing was stale and yet it cost calls"
        self.became(after)
        self.agrees_with_a_derivation_from_nothing()

    @staticmethod
    def weighs(place: str | None) -> bool:
        """It says which derivation is stood by. That depends also on which of them a person holds, and holding
        makes nothing stale: it is for the next walk to weigh."""
        return place is not None and place.split("/")[1] in ("check", "verify", "answer")

    def agrees_with_a_derivation_from_nothing(self) -> None:
        """What was kept, reused and cut off early is what making everything anew would give."""
        calls = list(self.engine.calls)
        report = self.wait(self.runtime.replay(self.session))
        self.engine.calls[:] = calls
        stale = set(self.graph.stale())
        different = [one for one in report.different if one.node not in stale]
        assert [one for one in different if self.same_question(one.node)] == []

    def same_question(self, id: str) -> bool:
        return id in self.graph and self.graph.placed(id).root == self.root()

    # -------------------------------------------------------- operations

    @rule(chance=st.integers(0, 40), text=st.sampled_from(WORDS))
    def edit(self, chance: int, text: str) -> None:
        id = self.pick(chance)
        assert id is not None
        graph, revision = self.graph, self.next_revision(id)
        placed = graph.placed(id)
        change = self.changed(self.runtime.edit(Edit(node=id, text=text)))
        if change is None:
            return
        now = self.graph.placed(id)
        derived = placed.node.recipe is not None or placed.hold is not None
        state = shown(graph) | {id: Shown(revision, now.hash, "edited" if derived else None, None)}
        assert now.node.recipe is None and now.node.inputs == placed.node.inputs
        self.became(state)

    @rule(chance=st.integers(0, 40), text=st.sampled_from(NOTES))
    def inject(self, chance: int, text: str) -> None:
        id = self.pick(chance)
        assert id is not None
        before = shown(self.graph)
        change = self.changed(self.runtime.inject(id, text))
        if change is None:
            return
        assert change.node is not None
        note = self.graph.placed(change.node)
        assert (note.node.kind, note.node.text) == ("note", text)
        assert [one.node.id for one in self.graph.notes(id)][-1] == change.node
        self.became(before | {change.node: Shown(0, note.hash, None, None)})

    @rule(chance=st.integers(0, 40))
    def delete(self, chance: int) -> None:
        id = self.pick(chance, ("note", "candidate", "note", "plan"))
        if id is None:
            return
        before = shown(self.graph)
        gone = {id, *(one.node.id for one in self.graph.notes(id))}
        if self.changed(self.runtime.delete(id)) is not None:
            self.became({id: one for id, one in before.items() if id not in gone})

    @rule(chance=st.integers(0, 40), on=st.booleans())
    def pin(self, chance: int, on: bool) -> None:
        if not on:
            held = [id for id in self.graph if self.graph.placed(id).hold]
            id = held[chance % len(held)] if held else self.pick(chance)
        else:
            id = self.pick(chance)
        assert id is not None
        before = shown(self.graph)
        if self.changed(self.runtime.pin(id, on)) is None:
            return
        now = self.graph.placed(id)
        if on:
            self.became(before | {id: before[id]._replace(hold="pinned")})
        else:
            assert now.node.recipe is not None and now.hold is None
            assert now.revision <= before[id].revision
            self.became(before | {id: Shown(now.revision, now.hash, None, before[id].again)})

    @rule(
        chance=st.integers(0, 40),
        seed=st.sampled_from((None, 7, 8)),
        temperature=st.sampled_from((None, 0.5)),
    )
    def retry(self, chance: int, seed: int | None, temperature: float | None) -> None:
        id = self.pick(chance)
        assert id is not None
        before = shown(self.graph)
        again = Again(seed=seed, temperature=temperature)
        if self.changed(self.runtime.retry(id, again)) is not None:
            self.became(before | {id: before[id]._replace(hold=None, again=again)})
            assert id in self.graph.stale()

    @precondition(lambda self: len(self.known) > 1)
    @rule(chance=st.integers(0, 400), branch=st.integers(0, 4))
    def merge(self, chance: int, branch: int) -> None:
        others = [name for name in self.known if name != self.current]
        source = others[branch % len(others)]
        theirs = self.store.view(self.session, source).graph
        mine = self.graph
        ids = [
            id for id in theirs if id not in mine or mine.placed(id).hash != theirs.placed(id).hash
        ]
        id = (ids or list(theirs))[chance % len(ids or theirs)]
        taken = theirs.placed(id)
        before = shown(self.graph)
        if self.changed(self.runtime.merge(id, source)) is None:
            return
        made = taken.node.recipe is not None or taken.hold is not None
        state = before | {
            id: Shown(taken.revision, taken.hash, "taken" if made else None, taken.again)
        }
        for other in before:
            # it stands in the place of what stood there
            if other != id and taken.place is not None:
                place = mine.placed(other).root, mine.placed(other).place
                if place == (taken.root, taken.place):
                    del state[other]
        self.became(state)

    # -------------------------------------------------------- branches

    @precondition(lambda self: len(self.known) < 4)
    @rule(chance=st.integers(0, 40))
    def fork(self, chance: int) -> None:
        id, name = self.pick(chance), f"b{len(self.known)}"
        assert id is not None
        source = self.known[self.current]
        branch = self.wait(self.runtime.fork(id, name))
        assert (branch.name, branch.at, branch.current) == (name, id, True)
        self.known[name] = Known(source.states[: source.at + 1], source.at)
        self.current = name

    @rule(branch=st.integers(0, 4))
    def switch(self, branch: int) -> None:
        name = list(self.known)[branch % len(self.known)]
        self.wait(self.runtime.switch(self.session, name))
        self.current = name

    @rule()
    def undo(self) -> None:
        known = self.known[self.current]
        if known.at == 0:
            with pytest.raises(NothingToUndo):
                self.wait(self.runtime.undo(self.session))
            return
        self.wait(self.runtime.undo(self.session))
        self.known[self.current] = known._replace(at=known.at - 1)

    @rule()
    def redo(self) -> None:
        known = self.known[self.current]
        if known.at == len(known.states) - 1:
            with pytest.raises(NothingToRedo):
                self.wait(self.runtime.redo(self.session))
            return
        self.wait(self.runtime.redo(self.session))
        self.known[self.current] = known._replace(at=known.at + 1)

    @rule()
    def restart(self) -> None:
        self.wait(self.runtime.close())
        self.store.close()
        self.open()
        assert self.wait(self.runtime.resume()) == []

    # -------------------------------------------------------- what always holds

    @invariant()
    def every_branch_shows_what_the_model_says(self) -> None:
        for name, known in self.known.items():
            assert shown(self.store.view(self.session, name).graph) == known.now, name
        assert {one.name for one in self.store.branches(self.session)} >= set(self.known)

    @invariant()
    def every_branch_is_a_graph_without_cycles_and_holes(self) -> None:
        for name in self.known:
            graph = self.store.view(self.session, name).graph
            graph.check()
            for id in graph:
                # only what a person took out is missing, and then who needs it is stale
                if graph.missing(id):
                    held = graph.placed(id).hold or graph.node(id).recipe is None
                    assert held or id in graph.stale()
            places = Counter(
                (graph.placed(id).root, graph.placed(id).place)
                for id in graph
                if graph.placed(id).place is not None
            )
            assert not places or max(places.values()) == 1, places.most_common(1)

    @invariant()
    def nothing_is_lost_or_changed(self) -> None:
        if not self.session:
            return
        with self.store.snapshot() as db:
            rows = db.execute("SELECT id, revision, value_hash FROM nodes").fetchall()
        now = {(id, revision): hash for id, revision, hash in rows}
        assert {key: now.get(key) for key in self.kept} == self.kept
        self.kept = now
        self.store.check()
        self.runtime.check()

    @invariant()
    def no_recipe_was_paid_twice(self) -> None:
        with self.store.snapshot() as db:
            twice = db.execute(
                "SELECT recipe_key, count(*) FROM nodes WHERE recipe_key IS NOT NULL "
                "AND json_extract(CAST(stats AS TEXT), '$.calls') > 0 "
                "GROUP BY recipe_key HAVING count(*) > 1"
            ).fetchall()
        assert twice == []


def test_a_graph_stays_sound_under_anything_that_is_done_to_it(
    dialect: NativeDialect,
    thinking: Callable[..., ScriptedEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbench, "JOURNAL_S", 0.0)
    machine = type("Sessions", (Machine,), {"dialect": dialect, "think": staticmethod(thinking)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
