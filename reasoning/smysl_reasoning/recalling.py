"""Lets memories fall into a question: which nodes hold them from now on, and which go.

Knows graphs, pulls and nodes; never a program, an engine or how the memory finds what falls.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from smysl_reasoning.branches import record
from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.history import Change
from smysl_reasoning.memory import rows
from smysl_reasoning.memory.memory import Memory
from smysl_reasoning.memory.pulled import node_of, place_of, placed, pull_of, written
from smysl_reasoning.memory.values import Pull
from smysl_reasoning.nodes import Node, PulledData, value_hash
from smysl_reasoning.rows import Written

Fits = Callable[[Sequence[str]], bool]
"""Whether the model can be told the question with these notes."""


class Recalled(NamedTuple):
    """What a question holds of the memory from now on."""

    graph: Graph
    """Its branch with that in it."""
    written: tuple[Written, ...] = ()
    """Nodes to be written: new ones, and the next revisions of those that stood."""
    dropped: tuple[str, ...] = ()
    """Nodes to be taken out of the branch."""

    @property
    def nodes(self) -> list[Node]:
        return [one.node for one in self.written]

    def note(self, db: sqlite3.Connection, op: int, session: str, at: float) -> None:
        """What is to be written beside the nodes, in the same transaction: what goes, and that memories were used."""
        record(db, op, [Change(id, None) for id in self.dropped])
        rows.note_uses(db, [(_memory(node), node.id) for node in self.nodes], session, at)


async def first(
    memory: Memory,
    question: Node,
    context: Node | None,
    limit: int,
    fits: Fits,
    new_id: Callable[[], str],
) -> Recalled:
    """For a question that is about to be asked."""
    if not limit:
        return Recalled(Graph(()))
    given = [one for one in (context, question) if one]
    graph = Graph(Placed(one, 0, value_hash(one.kind, one.text, one.data), ()) for one in given)
    return await _pulled(memory, graph, question, limit, fits, new_id)


async def again(
    memory: Memory,
    graph: Graph,
    question: Node,
    asked: str,
    limit: int,
    fits: Fits,
    new_id: Callable[[], str],
) -> Recalled:
    """For a question that was asked before. Nothing is pulled anew unless something that it holds of the memory is not
    so any more, or fell into other words, or nothing had fallen into other words: that time goes by changes nothing.
    `asked` and `limit`: its words then, and how much it was to recall."""
    standing = _standing(graph, question.id)
    untouched = graph.disturbed.isdisjoint(one.node.id for one in standing)
    reworded = limit and not standing and asked != question.text
    if untouched and not reworded:
        return Recalled(graph)
    return await _pulled(memory, graph, question, limit or len(standing), fits, new_id)


async def _pulled(
    memory: Memory,
    graph: Graph,
    question: Node,
    limit: int,
    fits: Fits,
    new_id: Callable[[], str],
) -> Recalled:
    source = f"run {question.session}"
    pulls = await asyncio.to_thread(memory.pull, question.text, limit, apart=source)
    standing = {_memory(one.node): one for one in _standing(graph, question.id)}
    held = {id for id, one in standing.items() if one.hold is not None}
    free = [
        pull
        for pull in pulls
        if pull.memory not in held and (question.id, place_of(pull.memory)) not in graph.removed
    ]
    said = [
        one.node.text
        for one in _notes(graph, question)
        if not isinstance(one.node.data, PulledData) or one.hold is not None
    ]
    falling = _fitting(free, said, fits)
    stays = held | {pull.memory for pull in falling}
    seen = graph.placed(question.id).hash
    new: list[Written] = []
    for pull in falling:
        old = standing.get(pull.memory)
        if old is None or old.seen != (seen,) or not _same(pull, pull_of(old.node)):
            id = old.node.id if old else new_id()
            new.append(written(node_of(pull, id, question.session, question.id), seen))
    dropped = [one.node.id for memory, one in standing.items() if memory not in stays]
    return Recalled(_with(graph, new, dropped, question.id), tuple(new), tuple(dropped))


def _fitting(pulls: Sequence[Pull], said: Sequence[str], fits: Fits) -> list[Pull]:
    """Those that there is room for beside what is `said` at the question, the strongest first."""
    found: list[Pull] = []
    for pull in pulls:
        if fits([*said, *(one.text for one in found), pull.text]):
            found.append(pull)
    return found


def _with(graph: Graph, new: Sequence[Written], dropped: Sequence[str], root: str) -> Graph:
    """The branch as it is once that is written."""
    made = {one.node.id: one for one in new}
    shown: list[Placed] = []
    for id in graph:
        if id in made:
            shown.append(placed(made.pop(id), graph.placed(id).revision + 1))
        elif id not in dropped:
            shown.append(graph.placed(id))
    shown += [placed(one) for one in made.values()]
    settled = {one.node.id for one in _standing(graph, root)}
    return Graph(shown, graph.removed, graph.outdated - settled)


def _standing(graph: Graph, root: str) -> list[Placed]:
    """The pulled nodes of a question, held ones too."""
    return [one for one in graph.notes(root) if isinstance(one.node.data, PulledData) and one.place]


def _notes(graph: Graph, question: Node) -> list[Placed]:
    about = [edge.node for edge in question.inputs if edge.node in graph]
    return [one for id in (*about, question.id) for one in graph.notes(id)]


def _same(pull: Pull, old: Pull | None) -> bool:
    """It says the same and came the same way."""
    return old is not None and (old.text, [hop.memory for hop in old.path]) == (
        pull.text,
        [hop.memory for hop in pull.path],
    )


def _memory(node: Node) -> str:
    assert isinstance(node.data, PulledData)
    return node.data.memory
