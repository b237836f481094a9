"""What has to hold of a sound database, as queries that list what breaks it.

Knows every table; repairs nothing.
"""

import sqlite3
from pathlib import Path

from smysl_reasoning.connection import BACKUP
from smysl_reasoning.errors import StoreCorrupt
from smysl_reasoning.ids import MEMORY
from smysl_reasoning.nodes import value_hash
from smysl_reasoning.rows import PLACED, read_placed

LAWS = {
    "nodes with an input that does not exist": (
        "SELECT DISTINCT node FROM edges WHERE input NOT IN (SELECT id FROM nodes)"
    ),
    "edges of nodes that do not exist": (
        "SELECT node FROM edges e WHERE NOT EXISTS "
        "(SELECT 1 FROM nodes WHERE id = e.node AND revision = e.revision)"
    ),
    "nodes without a session": (
        "SELECT id FROM nodes WHERE session NOT IN (SELECT id FROM sessions)"
    ),
    "nodes with a missing revision": (
        "SELECT id FROM nodes GROUP BY id HAVING min(revision) <> 0 "
        "OR max(revision) + 1 <> count(*)"
    ),
    "finished runs with a node that is not final": (
        "SELECT r.id FROM runs r JOIN nodes n ON n.run = r.id WHERE r.outcome IS NOT NULL "
        "AND n.status NOT IN ('done', 'failed', 'cancelled')"
    ),
    "runs without their question": (
        "SELECT id FROM runs WHERE question NOT IN (SELECT id FROM nodes)"
    ),
    "runs without their operation": (
        "SELECT r.id FROM runs r LEFT JOIN ops o ON o.id = r.op AND o.run = r.id "
        "AND o.session = r.session WHERE o.id IS NULL"
    ),
    "finished runs with partial tokens": (
        "SELECT run FROM partials WHERE run NOT IN (SELECT id FROM runs WHERE outcome IS NULL)"
    ),
    "sessions without their current branch": (
        "SELECT id FROM sessions s WHERE NOT EXISTS "
        "(SELECT 1 FROM branches WHERE session = s.id AND name = s.branch)"
    ),
    "branches whose head does not exist": (
        "SELECT b.session || ' ' || b.name FROM branches b LEFT JOIN ops o ON o.id = b.head "
        "AND o.session = b.session WHERE b.head IS NOT NULL AND o.id IS NULL"
    ),
    "operations that do not follow an earlier one of their session": (
        "SELECT o.id FROM ops o LEFT JOIN ops p ON p.id = o.parent AND p.session = o.session "
        "WHERE o.parent IS NOT NULL AND (p.id IS NULL OR p.id >= o.id)"
    ),
    "changes without their operation": "SELECT op FROM changes WHERE op NOT IN (SELECT id FROM ops)",
    "changes to a revision that does not exist": (
        "SELECT c.node FROM changes c LEFT JOIN nodes n "
        "ON n.id = c.node AND n.revision = c.revision WHERE c.revision IS NOT NULL AND n.id IS NULL"
    ),
    "memories that are not what their node says last": (
        "SELECT m.id FROM memories m LEFT JOIN nodes n ON n.id = m.id AND n.revision = m.revision "
        f"AND n.kind = 'memory' AND n.session = '{MEMORY}' WHERE n.id IS NULL "
        "OR EXISTS (SELECT 1 FROM nodes WHERE id = m.id AND revision > m.revision)"
    ),
    "nodes beside the memories in their session": (
        f"SELECT id FROM nodes WHERE session = '{MEMORY}' AND id NOT IN (SELECT id FROM memories)"
    ),
    "memories that are forgotten and there": (
        "SELECT id FROM memories_forgotten WHERE id IN (SELECT id FROM nodes)"
    ),
    "links that do not join two memories": (
        "SELECT a FROM memory_links WHERE a >= b OR weight <= 0 OR weight > 1 "
        "OR a NOT IN (SELECT id FROM memories) OR b NOT IN (SELECT id FROM memories)"
    ),
    "uses of memories that do not exist": (
        "SELECT memory FROM memory_uses WHERE memory NOT IN (SELECT id FROM memories)"
    ),
}


def check(db: sqlite3.Connection, path: Path) -> None:
    """Raise `StoreCorrupt` for the first law that is broken."""
    sound = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if sound != "ok":
        raise StoreCorrupt(f"database {path} is damaged: {sound}. {BACKUP}")
    for law, query in LAWS.items():
        if broken := db.execute(query).fetchone():
            raise StoreCorrupt(f"database {path} has {law}: {broken[0]}. {BACKUP}")
    for row in db.execute(f"SELECT {PLACED} FROM nodes n"):
        placed = read_placed(row)
        node = placed.node
        if value_hash(node.kind, node.text, node.data) != placed.hash:
            raise StoreCorrupt(f"database {path}: node {node.id} is not what was written. {BACKUP}")
        if len(placed.seen) != len(node.inputs):
            raise StoreCorrupt(
                f"database {path}: node {node.id} has seen {len(placed.seen)} values of "
                f"{len(node.inputs)} inputs. {BACKUP}"
            )


def check_search(db: sqlite3.Connection) -> None:
    """Raise `sqlite3.DatabaseError` unless the search finds what is there. FTS5 takes the question
    as a write."""
    for table in ("nodes_fts", "memories_fts"):
        db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")
