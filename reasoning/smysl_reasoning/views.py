"""What a branch shows, as a graph.

Knows which revision of which node is shown; nothing of how that came about.
"""

import sqlite3
from typing import NamedTuple

import msgspec

from smysl_reasoning.branches import PATH
from smysl_reasoning.errors import UnknownId
from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.history import Again, Branch
from smysl_reasoning.rows import PLACED, read_placed

SAID = f"""{PATH}, said AS (
    SELECT node, revision, hold, again,
        row_number() OVER (PARTITION BY node ORDER BY op DESC, seq DESC) AS ago
    FROM path JOIN changes ON changes.op = path.id) """
"""What the operations of a branch say of each node, the last word of each being of `ago` 1."""

_again = msgspec.json.Decoder(Again)


class View(NamedTuple):
    """What one branch of a session shows at one moment."""

    session: str
    branch: Branch
    graph: Graph


def shown(db: sqlite3.Connection, branch: Branch) -> list[Placed]:
    """Of each node what the last change on the way to the head says, in the order in which the
    nodes were first written; a node that it takes out is not shown."""
    rows = db.execute(
        f"{SAID} SELECT {PLACED}, said.hold, said.again FROM said "
        "JOIN nodes n ON n.id = said.node AND n.revision = said.revision "
        "JOIN nodes first ON first.id = said.node AND first.revision = 0 "
        "WHERE said.ago = 1 ORDER BY first.seq",
        (branch.session, branch.name),
    )
    return [
        read_placed(row)._replace(
            hold=row[14], again=None if row[15] is None else _again.decode(row[15])
        )
        for row in rows
    ]


def removed(db: sqlite3.Connection, branch: Branch) -> list[tuple[str | None, str]]:
    """The places (root, place) of the nodes that a person took out of the branch."""
    rows = db.execute(
        f"{SAID} SELECT DISTINCT n.root, n.place FROM said JOIN nodes n ON n.id = said.node "
        "WHERE said.ago = 1 AND said.revision IS NULL AND said.hold = 'removed' "
        "AND n.place IS NOT NULL",
        (branch.session, branch.name),
    )
    return [(root, place) for root, place in rows]


def derived_revision(db: sqlite3.Connection, id: str, revision: int) -> int | None:
    """As `Store.derived_revision`: looked for on the way to the operation that first showed
    `revision`, so that other branches have no say. Raises `UnknownId`."""
    row = db.execute(
        "SELECT n.recipe <> x'6e756c6c', "
        "(SELECT min(op) FROM changes WHERE node = n.id AND revision = n.revision) "
        "FROM nodes n WHERE n.id = ? AND n.revision = ?",
        (id, revision),
    ).fetchone()
    if row is None:
        raise UnknownId(f"no node has the id {id!r} and a revision {revision}")
    derived, op = row
    if derived:
        return revision
    found = db.execute(
        "WITH RECURSIVE path (id) AS (SELECT ? UNION ALL "
        "SELECT ops.parent FROM ops JOIN path USING (id) WHERE ops.parent IS NOT NULL) "
        "SELECT c.revision FROM changes c JOIN path ON path.id = c.op "
        "JOIN nodes n ON n.id = c.node AND n.revision = c.revision "
        "WHERE c.node = ? AND n.recipe <> x'6e756c6c' ORDER BY c.op DESC, c.seq DESC LIMIT 1",
        (op, id),
    ).fetchone()
    return found[0] if found else None
