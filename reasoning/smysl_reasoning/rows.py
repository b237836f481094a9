"""The row of a node: how one revision is written and read.

Knows the tables `nodes` and `edges`; nothing of branches, runs or searches.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from smysl_reasoning.graph import Placed
from smysl_reasoning.history import Again
from smysl_reasoning.nodes import Data, Edge, Node, Recipe, Stats, value_hash

COLUMNS = "n.id, n.session, n.kind, n.text, n.data, n.inputs, n.recipe, n.status, n.stats"
"""What `read_node` takes, of a table named `n`."""
PLACED = f"{COLUMNS}, n.revision, n.value_hash, n.seen, n.root, n.place"
"""What `read_placed` takes, before hold and again."""

encode = msgspec.json.Encoder().encode
_data: msgspec.json.Decoder[Data | None] = msgspec.json.Decoder(Data | None)
_edges = msgspec.json.Decoder(tuple[Edge, ...])
_recipe = msgspec.json.Decoder(Recipe | None)
_stats = msgspec.json.Decoder(Stats)
_seen = msgspec.json.Decoder(tuple[str, ...])


class Written(NamedTuple):
    """A final node on its way into the file, with what is kept beside it."""

    node: Node
    key: str | None = None
    """Its recipe key, when the recipe will always end so: then others find it by that."""
    root: str | None = None
    """The question it belongs to; None: as its revision before, else that of its run (a node of a person: none)."""
    place: str | None = None
    """None: as its revision before."""
    seen: Sequence[str] = ()
    """The value hash of each input; empty where none was recorded."""
    again: Again | None = None
    """How the branch that shows it goes on to want it made."""


def insert(db: sqlite3.Connection, written: Written, run: str | None) -> int:
    """Write a node; the number of its revision."""
    node = written.node
    assert len(written.seen) in (0, len(node.inputs)), "one hash an input"
    before = db.execute(
        "SELECT revision, root, place FROM nodes WHERE id = ? ORDER BY revision DESC LIMIT 1",
        (node.id,),
    ).fetchone()
    revision: int = before[0] + 1 if before else 0
    root, place = before[1:] if before else (None, None)
    if written.root or root:
        root = written.root or root
    elif run is not None and node.recipe is not None:
        asked = db.execute("SELECT question FROM runs WHERE id = ?", (run,)).fetchone()
        root = asked[0] if asked else None
    insert_row(db, written._replace(root=root, place=written.place or place), revision, run)
    return revision


def insert_row(db: sqlite3.Connection, written: Written, revision: int, run: str | None) -> None:
    """Write a node exactly as it is given."""
    node = written.node
    db.execute(
        "INSERT INTO nodes (id, revision, session, run, kind, text, data, inputs, recipe, "
        "recipe_key, value_hash, status, stats, root, place, seen) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            node.id,
            revision,
            node.session,
            run,
            node.kind,
            node.text,
            encode(node.data),
            encode(node.inputs),
            encode(node.recipe),
            written.key,
            value_hash(node.kind, node.text, node.data),
            node.status,
            encode(node.stats),
            written.root,
            written.place,
            encode(tuple(written.seen)),
        ),
    )
    db.executemany(
        "INSERT INTO edges (node, revision, position, role, input) VALUES (?, ?, ?, ?, ?)",
        [
            (node.id, revision, position, edge.role, edge.node)
            for position, edge in enumerate(node.inputs)
        ],
    )


def read_node(row: Sequence[Any]) -> Node:
    """The node of a row of `COLUMNS`."""
    id, session, kind, text, data, inputs, recipe, status, stats = row
    return Node(
        id=id,
        session=session,
        kind=kind,
        text=text,
        data=_payload(data),
        inputs=_edges.decode(inputs),
        recipe=_recipe.decode(recipe),
        status=status,
        stats=_stats.decode(stats),
    )


def _payload(data: bytes) -> Data | None:
    try:
        return _data.decode(data)
    except msgspec.ValidationError:
        return None  # of a later version: its text is there for people all the same


def read_placed(row: Sequence[Any]) -> Placed:
    """The node of a row of `PLACED`, held by nobody."""
    node = read_node(row[:9])
    revision, hash, seen, root, place = row[9:14]
    known = _seen.decode(seen)
    return Placed(
        node=node,
        revision=revision,
        hash=hash,
        seen=known or ("",) * len(node.inputs),
        root=root,
        place=place,
    )
