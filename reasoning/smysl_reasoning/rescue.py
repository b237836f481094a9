"""Opens a database that cannot be written to, for what can be read of it: one that is damaged,
older, or of a later version.

Knows how to read around damage; changes no file.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from smysl_reasoning import sessions, views
from smysl_reasoning.branches import named, now
from smysl_reasoning.connection import connect_read_only, explained
from smysl_reasoning.errors import StoreTooNew
from smysl_reasoning.migrations import MIGRATIONS, apply, damage, version_of
from smysl_reasoning.nodes import Edge
from smysl_reasoning.rows import PLACED, read_placed

TABLES = (
    *("sessions", "nodes", "runs", "branches", "ops", "changes", "moves"),
    *("memories", "memories_forgotten", "memory_links", "memory_uses"),
)
"""What is copied, where the version has it; all else follows from them or is of no use to a
reader."""
SMALL_STEPS = 64
FAILURES = SMALL_STEPS + 40
"""So often in a row the next row is looked for behind damage; the last steps are longer than any
table."""


class Found(NamedTuple):
    """A connection for reading, and what is wrong with the file, as the end of a sentence."""

    db: sqlite3.Connection
    problem: str | None


def open_for_reading(path: Path) -> Found:
    """Raises `StoreUnusable`, `StoreCorrupt` when nothing at all can be read, `StoreTooNew` when
    this version cannot make sense of it, `StoreLocked`."""
    db = connect_read_only(path)
    with contextlib.ExitStack() as stack:
        stack.enter_context(explained(path))
        closing = stack.enter_context(contextlib.ExitStack())
        closing.callback(db.close)
        version = version_of(db, path)
        problem = damage(db, path)
        if problem is not None and version <= len(MIGRATIONS):
            return Found(_salvaged(db, version), f"is damaged ({problem})")
        if version < len(MIGRATIONS):
            return Found(_brought_up(db), None)
        if version > len(MIGRATIONS):
            _try(db, path, version)
            problem = (
                f"has schema version {version}, and this smysl writes only version "
                f"{len(MIGRATIONS)}; install a newer smysl"
            )
        closing.pop_all()
    return Found(db, problem)


def _memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def _brought_up(db: sqlite3.Connection) -> sqlite3.Connection:
    target = _memory()
    db.backup(target)
    apply(target, len(MIGRATIONS))
    return target


def _try(db: sqlite3.Connection, path: Path, version: int) -> None:
    try:
        for (session,) in db.execute("SELECT id FROM sessions ORDER BY id DESC LIMIT 3").fetchall():
            sessions.summary(db, session)
            views.shown(db, named(db, session, None))
    except (sqlite3.OperationalError, msgspec.MsgspecError) as error:
        raise StoreTooNew(
            f"database {path} has schema version {version}, which this smysl cannot read "
            f"({error}). Install a newer smysl. Nothing was changed."
        ) from error


def _salvaged(db: sqlite3.Connection, version: int) -> sqlite3.Connection:
    target = _memory()
    apply(target, version)
    lost = False
    for table in TABLES:
        columns = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
        if not columns:
            continue
        marks = ", ".join("?" * (len(columns) + 1))
        rows = _Rows(db, table, columns)
        for row in rows:
            target.execute(
                f"INSERT OR IGNORE INTO {table} (rowid, {', '.join(columns)}) VALUES ({marks})", row
            )
        lost = lost or (rows.lost and table in ("sessions", "branches", "ops", "changes"))
    _restore_edges(target)
    apply(target, len(MIGRATIONS))
    _drop_unreadable(target)
    if lost:
        _show_everything(target)
    return target


class _Rows:
    """The rows of a table that can be read, in order."""

    def __init__(self, db: sqlite3.Connection, table: str, columns: list[str]) -> None:
        self._db = db
        self._select = f"SELECT rowid, {', '.join(columns)} FROM {table} NOT INDEXED"
        self.lost = False
        """Something could not be read; known at the end."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        last, failures = 0, 0
        while failures < FAILURES:
            try:
                for row in self._db.execute(f"{self._select} WHERE rowid > ?", (last,)):
                    last, failures = row[0], 0
                    yield row
                return
            except sqlite3.DatabaseError:
                # what lies on a damaged page is passed over in steps, at first small ones
                self.lost = True
                failures += 1
                last += max(1, 1 << max(0, failures - SMALL_STEPS))


def _drop_unreadable(target: sqlite3.Connection) -> None:
    for seq, *row in target.execute(f"SELECT n.seq, {PLACED} FROM nodes n").fetchall():
        try:
            read_placed(row)
        except (msgspec.MsgspecError, UnicodeDecodeError, TypeError):
            target.execute("DELETE FROM nodes WHERE seq = ?", (seq,))
    target.execute("DELETE FROM memories WHERE number NOT IN (SELECT number FROM memory_texts)")
    target.execute("INSERT INTO memories_fts (memories_fts) VALUES ('rebuild')")


def _restore_edges(target: sqlite3.Connection) -> None:
    for id, revision, inputs in target.execute(
        "SELECT id, revision, CAST(inputs AS TEXT) FROM nodes"
    ).fetchall():
        with contextlib.suppress(msgspec.MsgspecError):
            edges = msgspec.json.decode(inputs, type=tuple[Edge, ...])
            target.executemany(
                "INSERT OR IGNORE INTO edges VALUES (?, ?, ?, ?, ?)",
                [(id, revision, n, edge.role, edge.node) for n, edge in enumerate(edges)],
            )


def _show_everything(target: sqlite3.Connection) -> None:
    """What the branches showed is not known any more: each session gets one that shows the latest
    revision of every node that could be read."""
    target.execute(
        "INSERT OR IGNORE INTO sessions (id, title, created) "
        "SELECT DISTINCT session, '(its title is lost)', ? FROM nodes",
        (now(),),
    )
    for (session,) in target.execute("SELECT id FROM sessions").fetchall():
        op = target.execute(
            "INSERT INTO ops (session, kind, label, created) VALUES (?, 'import', ?, ?)",
            (session, "what could be read of a damaged file", now()),
        ).lastrowid
        target.execute(
            "INSERT INTO changes (op, node, revision) "
            "SELECT ?, id, max(revision) FROM nodes WHERE session = ? GROUP BY id ORDER BY min(seq)",
            (op, session),
        )
        target.execute("DELETE FROM branches WHERE session = ? AND name = 'main'", (session,))
        target.execute(
            "INSERT INTO branches (session, name, head, created) VALUES (?, 'main', ?, ?)",
            (session, op, now()),
        )
        target.execute("UPDATE sessions SET branch = 'main' WHERE id = ?", (session,))
