"""Which nodes of a branch no longer hold what the memory says, or hold what could not fall any more.

Knows nodes and rows of memory; nothing of what rests on them.
"""

import sqlite3
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from smysl_reasoning.graph import Placed
from smysl_reasoning.ids import MEMORY
from smysl_reasoning.memory import rows
from smysl_reasoning.memory.pulled import pull_of
from smysl_reasoning.nodes import Node, PulledData, RecalledData


class Rests(NamedTuple):
    """What a node holds of one memory."""

    memory: str
    text: str
    path: tuple[str, ...]
    """The memories on the way to it, itself the last."""


def rests(node: Node) -> list[Rests]:
    """What a node holds of the memory; nothing for a node of another kind, and for what an older version recalled."""
    match node.data:
        case PulledData(memory):
            pull = pull_of(node)
            path = tuple(hop.memory for hop in pull.path) if pull else (memory,)
            return [Rests(memory, node.text, path)]
        case RecalledData(found):
            return [
                Rests(one.node, one.text, one.via or (one.node,))
                for one in found
                if one.session == MEMORY
            ]
    return []


def holding(shown: Iterable[Placed]) -> dict[str, list[Rests]]:
    """Nodes that nobody holds -> what they hold of the memory."""
    found = {}
    for one in shown:
        if one.node.kind == "memory" and one.hold is None and (held := rests(one.node)):
            found[one.node.id] = held
    return found


def disturbed(db: sqlite3.Connection, holding: dict[str, list[Rests]]) -> frozenset[str]:
    """Of these nodes those whose memory was forgotten or muted, says something else, or was reached on a way that is
    broken now. A memory that was never here (of an imported session) disturbs nothing."""
    every = [held for some in holding.values() for held in some]
    if not every:
        return frozenset()
    ids = sorted({id for held in every for id in held.path} | {held.memory for held in every})
    texts = rows.texts(db, ids)
    barred = rows.barred(db, ids)
    cut = {(link.a, link.b) for link in rows.links_at(db, ids) if link.cut}
    return frozenset(
        node
        for node, some in holding.items()
        if any(
            texts.get(held.memory, held.text) != held.text
            or not barred.isdisjoint({held.memory, *held.path})
            or any((min(pair), max(pair)) in cut for pair in pairwise(held.path))
            for held in some
        )
    )
