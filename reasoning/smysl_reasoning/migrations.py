"""Brings a database file to the schema of this version, one recorded step after another.

Each step runs in one transaction with the row that records it. The list only grows at its end.
Knows SQL, no nodes.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from smysl_reasoning.errors import StoreCorrupt, StoreTooNew

APPLICATION_ID = 0x736D736C
"""`smsl`: marks a SQLite file as ours."""
QUICK_CHECK_LIMIT_BYTES = 64 << 20
"""A larger file is not read through at every start; `Store.check` reads all of any size."""
BACKUP = (
    "Nothing was changed. Copy the file (with its -wal and -shm files) aside, then restore a "
    "backup in its place, or move it away to begin with an empty one."
)


def _first(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE sessions (id TEXT PRIMARY KEY, title TEXT NOT NULL, created TEXT NOT NULL)"
    )
    db.execute(
        """CREATE TABLE nodes (
            id TEXT NOT NULL, revision INTEGER NOT NULL, session TEXT NOT NULL, run TEXT,
            kind TEXT NOT NULL, text TEXT NOT NULL, data BLOB NOT NULL, inputs BLOB NOT NULL,
            recipe BLOB NOT NULL, recipe_key TEXT, value_hash TEXT NOT NULL,
            status TEXT NOT NULL, stats BLOB NOT NULL,
            UNIQUE (id, revision))"""
    )
    db.execute("CREATE INDEX nodes_by_session ON nodes (session)")
    db.execute("CREATE INDEX nodes_by_run ON nodes (run)")
    db.execute("CREATE INDEX nodes_by_recipe ON nodes (recipe_key) WHERE recipe_key IS NOT NULL")
    db.execute(
        """CREATE TABLE edges (
            node TEXT NOT NULL, revision INTEGER NOT NULL, position INTEGER NOT NULL,
            role TEXT NOT NULL, input TEXT NOT NULL,
            PRIMARY KEY (node, revision, position)) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX edges_by_input ON edges (input)")
    db.execute(
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY, session TEXT NOT NULL, question TEXT NOT NULL, program TEXT NOT
            NULL, request BLOB NOT NULL, outcome TEXT, finished BLOB)"""
    )
    db.execute("CREATE INDEX runs_by_session ON runs (session)")
    db.execute("CREATE INDEX runs_unfinished ON runs (id) WHERE outcome IS NULL")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first,)
"""`user_version` is how many of these have been applied."""


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Check that the file is ours and sound, then apply what is pending.

    Raises `StoreCorrupt` or `StoreTooNew` before anything is written, or what SQLite raises.
    """
    version = _pragma(db, "user_version")
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if _pragma(db, "application_id") != APPLICATION_ID and (tables or version):
        raise StoreCorrupt(f"{path} is a database of another program, not of smysl. {BACKUP}")
    if version > len(MIGRATIONS):
        raise StoreTooNew(
            f"database {path} has schema version {version}; this smysl knows up to "
            f"{len(MIGRATIONS)}. Install a newer smysl. {BACKUP}"
        )
    if path.stat().st_size <= QUICK_CHECK_LIMIT_BYTES:
        problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise StoreCorrupt(f"database {path} is damaged: {problem}. {BACKUP}")
    # a commit reaches the operating system before it returns, so a killed process loses nothing;
    # NORMAL leaves the disk's own flush to checkpoints, which only a power cut can tell
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    for number in range(version, len(MIGRATIONS)):
        _apply(db, number)


def _apply(db: sqlite3.Connection, number: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        # another process may have been first while this one waited for the lock
        if _pragma(db, "user_version") == number:
            if number == 0:
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, applied TEXT NOT NULL)")
            MIGRATIONS[number](db)
            db.execute(
                "INSERT INTO migrations VALUES (?, ?)",
                (
                    f"{number + 1:04}{MIGRATIONS[number].__name__}",
                    datetime.now(UTC).isoformat(),
                ),
            )
            db.execute(f"PRAGMA user_version = {number + 1}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
