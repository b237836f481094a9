"""Whatever is done to the memory and asked of it, in whatever order: against a model in plain dicts."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest, NothingToUndo
from smysl_reasoning.graph import Graph
from smysl_reasoning.memory.nearness import same_words
from smysl_reasoning.memory.pulled import pull_of
from smysl_reasoning.nodes import Node, PulledData
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

TEXTS = (
    "A box holds 12 pencils.",
    "A box holds 10 pencils.",
    "A pencil costs 2 coins.",
    "Mia draws with pencils.",
    "Mia has a brother.",
    "Her brother sails boats.",
    "Wind blows over lakes.",
    "Tables are round.",
    "Cedar grows slowly.",
)
QUESTIONS = (
    "Mia has 3 boxes. How many pencils does Mia have?",
    "Tom buys 4 pencils. How many coins does he pay?",
    "How many boats does the brother of Mia sail on 2 days?",
)
RECALL = 4
Pair = tuple[str, str]


class Kept(NamedTuple):
    """A memory as the model has it."""

    text: str
    pinned: bool = False
    muted: bool = False


class Machine(RuleBasedStateMachine):
    dialect: NativeDialect
    think: Callable[..., ScriptedEngine]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.kept: dict[str, Kept] = {}
        self.gone: set[str] = set()
        self.cut: set[Pair] = set()
        self.by_hand: dict[Pair, float] = {}
        """Links whose weight a person has set, where nothing was learned since."""
        self.uses: dict[str, int] = {}
        self.sessions: list[str] = []
        self.open()

    def open(self) -> None:
        self.store = Store.open(self.folder / "smysl.db")
        self.runtime = Runtime(engine=self.think(), dialect=self.dialect, store=self.store)
        self.memory = self.runtime.memory

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    def teardown(self) -> None:
        self.wait(self.runtime.close())
        self.store.check()
        self.store.close()
        self.loop.close()
        shutil.rmtree(self.folder)

    def pick(self, chance: int) -> str | None:
        ids = sorted(self.kept)
        return ids[chance % len(ids)] if ids else None

    def two(self, chance: int, other: int) -> Pair | None:
        a, b = self.pick(chance), self.pick(other)
        return (min(a, b), max(a, b)) if a and b and a != b else None

    def graph(self, session: str) -> Graph:
        return self.store.view(session).graph

    def pulled(self, session: str) -> list[Node]:
        graph = self.graph(session)
        return [graph.node(id) for id in graph if isinstance(graph.node(id).data, PulledData)]

    # -------------------------------------------------------- the memory

    @rule(texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4), imported=st.booleans())
    def add(self, texts: list[str], imported: bool) -> None:
        said = {same_words(kept.text) for kept in self.kept.values()}
        fresh = list(dict.fromkeys(text for text in texts if same_words(text) not in said))
        added = self.memory.add(texts, "import x" if imported else "person")
        assert len(added.added) == len(fresh)
        self.kept |= {id: Kept(text) for id, text in zip(added.added, fresh, strict=True)}
        assert all(same_words(self.kept[id].text) in said for id in added.known)

    @rule(chance=st.integers(0, 50), text=st.sampled_from(TEXTS))
    def edit(self, chance: int, text: str) -> None:
        id = self.pick(chance)
        if id is None:
            return
        if self.kept[id].text == text:
            with pytest.raises(BadRequest, match="says that already"):
                self.memory.edit(id, text)
            return
        self.told(self.memory.edit(id, text).stale)
        self.kept[id] = self.kept[id]._replace(text=text)

    @rule(chance=st.integers(0, 50), what=st.sampled_from(("pin", "mute")), on=st.booleans())
    def mark(self, chance: int, what: str, on: bool) -> None:
        id = self.pick(chance)
        if id is None:
            return
        now = self.kept[id].pinned if what == "pin" else self.kept[id].muted
        change = self.memory.pin if what == "pin" else self.memory.mute
        if now == on:
            with pytest.raises(BadRequest, match="nothing was changed"):
                change(id, on)
            return
        self.told(change(id, on).stale)
        kept = self.kept[id]
        self.kept[id] = kept._replace(pinned=on) if what == "pin" else kept._replace(muted=on)

    @rule(chance=st.integers(0, 50), other=st.integers(0, 50), weight=st.sampled_from((0.3, 1.0)))
    def link(self, chance: int, other: int, weight: float) -> None:
        pair = self.two(chance, other)
        if pair:
            self.memory.link(*pair, weight)
            self.cut.discard(pair)
            self.by_hand[pair] = weight

    @rule(chance=st.integers(0, 50), other=st.integers(0, 50))
    def cut_link(self, chance: int, other: int) -> None:
        pair = self.two(chance, other)
        if pair is None:
            return
        linked = {(link.a, link.b) for link in self.memory.show(pair[0]).links if not link.cut}
        if pair not in linked:
            with pytest.raises(BadRequest, match="not linked"):
                self.memory.cut(*pair)
            return
        self.told(self.memory.cut(*reversed(pair)).stale)
        self.cut.add(pair)
        self.by_hand.pop(pair, None)

    @rule(chance=st.integers(0, 50))
    def forget(self, chance: int) -> None:
        id = self.pick(chance)
        if id is None:
            return
        self.told(self.memory.forget(id).stale)
        del self.kept[id]
        self.uses.pop(id, None)
        self.gone.add(id)
        self.cut = {pair for pair in self.cut if id not in pair}
        self.by_hand = {pair: w for pair, w in self.by_hand.items() if id not in pair}

    @initialize(texts=st.permutations(TEXTS), question=st.sampled_from(QUESTIONS))
    def begin(self, texts: list[str], question: str) -> None:
        self.add(texts[:6], imported=True)
        self.ask(question, again=False)

    @rule(chance=st.integers(0, 9), how=st.sampled_from(("cut", "edit", "mute", "forget")))
    def disturb(self, chance: int, how: str) -> None:
        """Something that was on the way of a pull changes."""
        nodes = [node for session in self.sessions for node in self.pulled(session)]
        ways = [pull.path for node in nodes if (pull := pull_of(node)) is not None]
        if not ways:
            return
        longest = how == "cut" or chance % 2
        path = max(ways, key=len) if longest else ways[chance % len(ways)]
        way = [hop.memory for hop in path]
        places = {id: place for place, id in enumerate(sorted(self.kept))}
        known = [places[id] for id in way if id in places]
        if how == "cut" and len(known) == len(way) > 1:
            self.cut_link(known[-2], known[-1])
        elif known and how == "edit":
            self.edit(known[-1], TEXTS[chance % len(TEXTS)])
        elif known and how == "mute":
            self.mark(known[0], "mute", on=chance % 2 == 0)
        elif known and how == "forget":
            self.forget(known[chance % len(known)])

    def told(self, stale: Any) -> None:
        """What a change says to be stale is so in these sessions."""
        for one in stale:
            assert 0 < one.stale <= len(self.graph(one.session).stale())

    # -------------------------------------------------------- questions

    @rule(question=st.sampled_from(QUESTIONS), again=st.booleans())
    def ask(self, question: str, again: bool) -> None:
        if len(self.sessions) >= 3 and not again:
            return
        session = self.sessions[-1] if again and self.sessions else None
        falling = self.memory.pull(question, RECALL)
        request = RunRequest(question=question, session=session, recall=RECALL, program="direct")
        before = {node.id for node in self.pulled(session)} if session else set()
        run = self.wait(self.runtime.start(request))
        assert self.wait(run.result()).outcome == "done"
        if session is None:
            self.sessions.append(run.session)
        new = [node for node in self.pulled(run.session) if node.id not in before]
        assert [(pull_of(node), node.text) for node in new] == [(p, p.text) for p in falling]
        self.use(new)

    def use(self, nodes: list[Node]) -> None:
        for node in nodes:
            assert isinstance(node.data, PulledData)
            self.uses[node.data.memory] = self.uses.get(node.data.memory, 0) + 1

    @rule(chance=st.integers(0, 9))
    def derive(self, chance: int) -> None:
        if not self.sessions:
            return
        session = self.sessions[chance % len(self.sessions)]
        before = {node.id: node for node in self.pulled(session)}
        graph = self.graph(session)
        root = [id for id in graph if graph.node(id).kind == "question"][-1]
        disturbed = {id for id in graph.disturbed if graph.placed(id).root == root}
        removed = {place for at, place in graph.removed if at == root}
        try:
            run = self.wait(self.runtime.derive(DeriveRequest(session=session)))
        except BadRequest as refused:
            assert "nothing is stale" in str(refused) and graph.stale(root) == []
            return
        assert self.wait(run.result()).outcome == "done"
        after = {node.id: node for node in self.pulled(session)}
        now = self.graph(session)
        assert now.stale(root) == []
        changed = [node for id, node in after.items() if before.get(id) != node]
        self.use(changed)
        if not disturbed:
            assert after == before, "nothing is pulled anew while nothing has changed"
            return
        held = {id for id in after if now.placed(id).hold}
        falling = {p.memory: p.text for p in self.memory.pull(graph.node(root).text, RECALL)}
        for id, node in after.items():
            assert isinstance(node.data, PulledData)
            if now.placed(id).root == root and id not in held:
                assert falling[node.data.memory] == node.text
                assert f"recall/{node.data.memory}" not in removed
        report = self.wait(self.runtime.replay(session))
        ours = {id for id in now if now.placed(id).root == root}
        assert [one for one in report.different if one.node in ours] == []

    @rule(chance=st.integers(0, 50), what=st.sampled_from(("delete", "pin", "unpin", "undo")))
    def steer(self, chance: int, what: str) -> None:
        """A person's hand in a session that has recalled."""
        if not self.sessions:
            return
        session = self.sessions[chance % len(self.sessions)]
        nodes = self.pulled(session)
        try:
            if what == "undo":
                self.wait(self.runtime.undo(session))
            elif nodes and what == "delete":
                self.wait(self.runtime.delete(nodes[chance % len(nodes)].id))
            elif nodes:
                self.wait(self.runtime.pin(nodes[chance % len(nodes)].id, what == "pin"))
        except (BadRequest, NothingToUndo) as refused:
            assert len(str(refused)) > 20

    @rule(chance=st.integers(0, 9), text=st.sampled_from(QUESTIONS))
    def ask_otherwise(self, chance: int, text: str) -> None:
        """A person changes the words of a question: what fell into the old ones has to fall anew."""
        if not self.sessions:
            return
        session = self.sessions[chance % len(self.sessions)]
        graph = self.graph(session)
        root = [id for id in graph if graph.node(id).kind == "question"][-1]
        if graph.node(root).text != text:
            self.wait(self.runtime.edit(Edit(node=root, text=text)))

    @rule()
    def reopen(self) -> None:
        self.wait(self.runtime.close())
        self.store.close()
        self.open()

    # -------------------------------------------------------- what has to hold

    @invariant()
    def the_memory_is_what_was_done_to_it(self) -> None:
        listed = {one.id: one for one in self.memory.list(1000)}
        assert {id: Kept(o.text, o.pinned, o.muted) for id, o in listed.items()} == self.kept
        assert {id: one.uses for id, one in listed.items() if one.uses} == self.uses
        links = {(link.a, link.b): link for id in self.kept for link in self.memory.show(id).links}
        assert {pair for pair, link in links.items() if link.cut} == self.cut
        assert all(links[pair].weight == weight for pair, weight in self.by_hand.items())
        for point in self.memory.map(1000).points:
            assert -1 <= point.x <= 1 and -1 <= point.y <= 1

    @invariant()
    def what_falls_may_fall(self) -> None:
        for question in QUESTIONS:
            pulls = self.memory.pull(question, 50)
            assert [p.pinned for p in pulls] == sorted([p.pinned for p in pulls], reverse=True)
            pinned = {id for id, kept in self.kept.items() if kept.pinned and not kept.muted}
            assert pinned == {p.memory for p in pulls if p.pinned}
            for pull in pulls:
                way = [hop.memory for hop in pull.path]
                assert pull.text == self.kept[pull.memory].text and way[-1] == pull.memory
                assert not any(self.kept[id].muted for id in way)
                assert not {(min(p), max(p)) for p in pairwise(way)} & self.cut
                assert 0 < pull.strength <= 1 and (pull.pinned or pull.strength <= pull.mass)

    @invariant()
    def exactly_what_the_memory_says_no_more_is_stale(self) -> None:
        for session in self.sessions:
            graph = self.graph(session)
            stale = set(graph.stale())
            for node in self.pulled(session):
                placed = graph.placed(node.id)
                pull = pull_of(node)
                if placed.hold or pull is None:
                    assert node.id not in stale
                    continue
                way = [hop.memory for hop in pull.path]
                known = self.kept.get(pull.memory)
                so = (
                    known is not None
                    and known.text == node.text
                    and not any(id in self.gone or self.kept[id].muted for id in way)
                    and not {(min(p), max(p)) for p in pairwise(way)} & self.cut
                    and placed.seen == (graph.placed(node.inputs[0].node).hash,)
                )
                assert (node.id in stale) == (not so)


def test_whatever_is_done_to_the_memory(
    dialect: NativeDialect, thinking: Callable[..., ScriptedEngine]
) -> None:
    class Remembering(Machine):
        pass

    Remembering.dialect = dialect
    Remembering.think = staticmethod(thinking)
    run_state_machine_as_test(
        Remembering,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
