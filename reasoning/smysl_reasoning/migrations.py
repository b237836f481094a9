"""Brings a database file to the schema of this version, one recorded step after another.

What is pending runs in one transaction with the rows that record it. The list only grows at its end.
Knows SQL and files; of nodes only their columns.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from smysl_reasoning.connection import BACKUP
from smysl_reasoning.errors import StoreCorrupt, StoreTooNew, StoreUnusable
from smysl_reasoning.ids import MEMORY, IdMaker
from smysl_reasoning.memory.nearness import informative, same_words

APPLICATION_ID = 0x736D736C
"""`smsl`: marks a SQLite file as ours."""
QUICK_CHECK_LIMIT_BYTES = 64 << 20
"""A larger file is not read through at every start; `Store.check` reads all of any size."""


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


def _second(db: sqlite3.Connection) -> None:
    """Branches, operations and their changes; nodes know their place; full text can be searched."""
    _give_nodes_a_sequence(db)
    db.execute("ALTER TABLE sessions ADD COLUMN branch TEXT NOT NULL DEFAULT 'main'")
    for column in (
        "branch TEXT NOT NULL DEFAULT 'main'",
        "op INTEGER",
        "again_of TEXT",
        "paused INTEGER NOT NULL DEFAULT 0",
    ):
        db.execute(f"ALTER TABLE runs ADD COLUMN {column}")
    db.execute(
        """CREATE TABLE branches (
            session TEXT NOT NULL, name TEXT NOT NULL, head INTEGER, at TEXT, created TEXT NOT NULL,
            PRIMARY KEY (session, name))"""
    )
    db.execute(
        """CREATE TABLE ops (
            id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL, parent INTEGER,
            kind TEXT NOT NULL, label TEXT NOT NULL, run TEXT, created TEXT NOT NULL)"""
    )
    db.execute("CREATE INDEX ops_by_session ON ops (session)")
    db.execute(
        """CREATE TABLE changes (
            seq INTEGER PRIMARY KEY, op INTEGER NOT NULL, node TEXT NOT NULL, revision INTEGER,
            hold TEXT, again BLOB)"""
    )
    db.execute("CREATE INDEX changes_by_op ON changes (op)")
    db.execute("CREATE INDEX changes_by_node ON changes (node)")
    db.execute(
        """CREATE TABLE moves (
            id INTEGER PRIMARY KEY, session TEXT NOT NULL, branch TEXT NOT NULL,
            head INTEGER NOT NULL, cause TEXT NOT NULL, created TEXT NOT NULL)"""
    )
    db.execute("CREATE INDEX moves_by_branch ON moves (session, branch)")
    db.execute(
        """CREATE TABLE partials (
            run TEXT NOT NULL, place TEXT NOT NULL, key TEXT NOT NULL, tokens BLOB NOT NULL,
            PRIMARY KEY (run, place))"""
    )
    db.execute(
        """CREATE TABLE costs (
            engine TEXT NOT NULL, module TEXT NOT NULL, nodes INTEGER NOT NULL,
            calls INTEGER NOT NULL, tokens INTEGER NOT NULL, milliseconds REAL NOT NULL,
            PRIMARY KEY (engine, module)) WITHOUT ROWID"""
    )
    _make_searchable(db)
    _make_operations_of_runs(db)
    _note_what_was_seen(db)
    _sum_up_costs(db)


def _give_nodes_a_sequence(db: sqlite3.Connection) -> None:
    # an implicit rowid may be renumbered by VACUUM; the order of writing and the search need it
    db.execute("ALTER TABLE nodes RENAME TO nodes_before")
    for index in ("nodes_by_session", "nodes_by_run", "nodes_by_recipe"):
        db.execute(f"DROP INDEX {index}")
    db.execute(
        """CREATE TABLE nodes (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL, revision INTEGER NOT NULL,
            session TEXT NOT NULL, run TEXT, kind TEXT NOT NULL, text TEXT NOT NULL,
            data BLOB NOT NULL, inputs BLOB NOT NULL, recipe BLOB NOT NULL, recipe_key TEXT,
            value_hash TEXT NOT NULL, status TEXT NOT NULL, stats BLOB NOT NULL,
            root TEXT, place TEXT, seen BLOB NOT NULL DEFAULT x'5b5d', UNIQUE (id, revision))"""
    )
    columns = (
        "id, revision, session, run, kind, text, data, inputs, recipe, recipe_key, value_hash, "
        "status, stats"
    )
    db.execute(
        f"INSERT INTO nodes (seq, {columns}) SELECT rowid, {columns} FROM nodes_before "
        "ORDER BY rowid"
    )
    db.execute("DROP TABLE nodes_before")
    db.execute("CREATE INDEX nodes_by_session ON nodes (session)")
    db.execute("CREATE INDEX nodes_by_run ON nodes (run)")
    db.execute("CREATE INDEX nodes_by_recipe ON nodes (recipe_key) WHERE recipe_key IS NOT NULL")


def _make_searchable(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE VIRTUAL TABLE nodes_fts USING fts5 (text, content = 'nodes', content_rowid = 'seq', "
        "tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3')"
    )
    db.execute(
        "CREATE TRIGGER nodes_are_searchable AFTER INSERT ON nodes BEGIN "
        "INSERT INTO nodes_fts (rowid, text) VALUES (new.seq, new.text); END"
    )
    db.execute(
        "CREATE TRIGGER nodes_are_forgotten AFTER DELETE ON nodes BEGIN "
        "INSERT INTO nodes_fts (nodes_fts, rowid, text) VALUES ('delete', old.seq, old.text); END"
    )
    db.execute("INSERT INTO nodes_fts (nodes_fts) VALUES ('rebuild')")


def _make_operations_of_runs(db: sqlite3.Connection) -> None:
    for session, created in db.execute("SELECT id, created FROM sessions ORDER BY id").fetchall():
        head = None
        for run, question in db.execute(
            "SELECT id, question FROM runs WHERE session = ? ORDER BY id", (session,)
        ).fetchall():
            asked = db.execute("SELECT text FROM nodes WHERE id = ?", (question,)).fetchone()
            label = " ".join(asked[0].split())[:80] if asked else ""
            op = db.execute(
                "INSERT INTO ops (session, parent, kind, label, run, created) "
                "VALUES (?, ?, 'run', ?, ?, ?)",
                (session, head, label, run, created),
            ).lastrowid
            db.execute(
                "INSERT INTO changes (op, node, revision) SELECT ?, id, revision FROM nodes "
                "WHERE run = ? ORDER BY seq",
                (op, run),
            )
            db.execute("UPDATE runs SET op = ? WHERE id = ?", (op, run))
            db.execute(
                "UPDATE nodes SET root = ? WHERE run = ? AND recipe <> x'6e756c6c'",
                (question, run),
            )
            db.execute(
                "INSERT INTO moves (session, branch, head, cause, created) "
                "VALUES (?, 'main', ?, 'op', ?)",
                (session, op, created),
            )
            head = op
        db.execute(
            "INSERT INTO branches (session, name, head, created) VALUES (?, 'main', ?, ?)",
            (session, head, created),
        )


def _note_what_was_seen(db: sqlite3.Connection) -> None:
    # nothing could be changed yet, so what an input says now is what was seen
    db.execute(
        "UPDATE nodes SET seen = CAST((SELECT json_group_array(hash) FROM ("
        "SELECT coalesce(i.value_hash, '') AS hash FROM edges e "
        "LEFT JOIN nodes i ON i.id = e.input AND i.revision = 0 "
        "WHERE e.node = nodes.id AND e.revision = nodes.revision ORDER BY e.position)) AS BLOB)"
    )


def _sum_up_costs(db: sqlite3.Connection) -> None:
    db.execute(
        """INSERT INTO costs SELECT json_extract(recipe, '$.engine'), json_extract(recipe, '$.module'),
            count(*), sum(json_extract(stats, '$.calls')),
            sum(json_extract(stats, '$.generated_tokens')),
            sum(json_extract(stats, '$.milliseconds'))
        FROM (SELECT CAST(recipe AS TEXT) AS recipe, CAST(stats AS TEXT) AS stats FROM nodes
            WHERE status = 'done' AND recipe <> x'6e756c6c')
        WHERE json_extract(stats, '$.calls') + json_extract(stats, '$.generated_tokens') > 0
        GROUP BY 1, 2"""
    )


def _third(db: sqlite3.Connection) -> None:
    """Long-term memory: a session of memories, their links, uses and words."""
    db.execute(
        """CREATE TABLE memories (
            number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL,
            source TEXT NOT NULL, origin TEXT, created REAL NOT NULL,
            pinned INTEGER NOT NULL DEFAULT 0, muted INTEGER NOT NULL DEFAULT 0,
            words INTEGER NOT NULL, said TEXT NOT NULL)"""
    )
    db.execute("CREATE INDEX memories_by_words ON memories (said)")
    db.execute("CREATE INDEX memories_by_origin ON memories (origin) WHERE origin IS NOT NULL")
    db.execute("CREATE INDEX memories_pinned ON memories (id) WHERE pinned")
    db.execute("CREATE TABLE memories_forgotten (id TEXT NOT NULL UNIQUE)")
    db.execute(
        """CREATE TABLE memory_links (
            a TEXT NOT NULL, b TEXT NOT NULL, weight REAL NOT NULL, origin TEXT NOT NULL,
            cut INTEGER NOT NULL DEFAULT 0, UNIQUE (a, b))"""
    )
    db.execute("CREATE INDEX memory_links_back ON memory_links (b)")
    db.execute(
        "CREATE TABLE memory_uses ("
        "memory TEXT NOT NULL, at REAL NOT NULL, session TEXT NOT NULL, node TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX memory_uses_by_memory ON memory_uses (memory, at)")
    db.execute("CREATE INDEX nodes_recalled ON nodes (session) WHERE kind = 'memory'")
    _make_memories_searchable(db)
    _take_memories_in(db)


def _make_memories_searchable(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE VIEW memory_texts AS SELECT m.number AS number, n.text AS text "
        "FROM memories m JOIN nodes n ON n.id = m.id AND n.revision = m.revision"
    )
    db.execute(
        "CREATE VIRTUAL TABLE memories_fts USING fts5 (text, content = 'memory_texts', "
        "content_rowid = 'number', tokenize = 'porter unicode61 remove_diacritics 2')"
    )
    db.execute("CREATE VIRTUAL TABLE memories_in USING fts5vocab (memories_fts, instance)")
    db.execute("CREATE VIRTUAL TABLE memories_having USING fts5vocab (memories_fts, row)")
    gone = (
        "INSERT INTO memories_fts (memories_fts, rowid, text) SELECT 'delete', old.number, text "
        "FROM nodes WHERE id = old.id AND revision = old.revision;"
    )
    come = (
        "INSERT INTO memories_fts (rowid, text) SELECT new.number, text "
        "FROM nodes WHERE id = new.id AND revision = new.revision;"
    )
    db.execute(f"CREATE TRIGGER memories_come AFTER INSERT ON memories BEGIN {come} END")
    db.execute(
        "CREATE TRIGGER memories_change AFTER UPDATE OF revision ON memories "
        f"BEGIN {gone} {come} END"
    )
    db.execute(f"CREATE TRIGGER memories_go AFTER DELETE ON memories BEGIN {gone} END")


def _take_memories_in(db: sqlite3.Connection) -> None:
    """What `remember` kept in ordinary sessions, as these show it, each text once."""
    shown: list[tuple[str, str, str, bytes, str, str]] = []
    for (session,) in db.execute("SELECT id FROM sessions ORDER BY id").fetchall():
        shown += db.execute(
            """WITH RECURSIVE path (id) AS (
                SELECT b.head FROM branches b JOIN sessions s ON s.id = b.session
                WHERE s.id = ? AND b.name = s.branch AND b.head IS NOT NULL
                UNION ALL
                SELECT ops.parent FROM ops JOIN path USING (id) WHERE ops.parent IS NOT NULL),
            said AS (
                SELECT node, revision, first_value(op) OVER (PARTITION BY node ORDER BY op) AS first,
                    row_number() OVER (PARTITION BY node ORDER BY op DESC, seq DESC) AS ago
                FROM path JOIN changes ON changes.op = path.id)
            SELECT n.id, n.session, n.text, n.data, n.value_hash, o.created FROM said
            JOIN nodes n ON n.id = said.node AND n.revision = said.revision
            JOIN ops o ON o.id = said.first
            WHERE said.ago = 1 AND n.kind = 'memory' AND n.status = 'done'
                AND json_extract(CAST(n.data AS TEXT), '$.type') = 'memory'
            ORDER BY n.seq""",
            (session,),
        ).fetchall()
    if shown:
        _write_memories(db, shown)


def _write_memories(
    db: sqlite3.Connection, shown: list[tuple[str, str, str, bytes, str, str]]
) -> None:
    now = datetime.now(UTC).isoformat()
    db.execute(
        "INSERT INTO sessions (id, title, created, branch) VALUES (?, 'memory', ?, 'main')",
        (MEMORY, now),
    )
    op = db.execute(
        "INSERT INTO ops (session, kind, label, created) VALUES (?, 'import', ?, ?)",
        (MEMORY, "what sessions have remembered", now),
    ).lastrowid
    db.execute(
        "INSERT INTO branches (session, name, head, created) VALUES (?, 'main', ?, ?)",
        (MEMORY, op, now),
    )
    db.execute(
        "INSERT INTO moves (session, branch, head, cause, created) VALUES (?, 'main', ?, 'op', ?)",
        (MEMORY, op, now),
    )
    new_id = IdMaker()
    known = set[str]()
    for origin, session, text, data, hash, created in shown:
        said = same_words(text)
        if said in known:
            continue
        known.add(said)
        id = new_id()
        db.execute(
            "INSERT INTO nodes (id, revision, session, kind, text, data, inputs, recipe, value_hash, "
            "status, stats) VALUES (?, 0, ?, 'memory', ?, ?, x'5b5d', x'6e756c6c', ?, 'done', x'7b7d')",
            (id, MEMORY, text, data, hash),
        )
        db.execute("INSERT INTO changes (op, node, revision) VALUES (?, ?, 0)", (op, id))
        db.execute(
            "INSERT INTO memories (id, revision, source, origin, created, words, said) "
            "VALUES (?, 0, ?, ?, ?, ?, ?)",
            (
                id,
                f"run {session}",
                origin,
                datetime.fromisoformat(created).timestamp(),
                len(informative(text)),
                said,
            ),
        )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _second, _third)
"""`user_version` is how many of these have been applied."""


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """How many migrations the file has seen; 0 for an empty one. Raises `StoreCorrupt` for another
    program's file, or what SQLite raises."""
    version = _pragma(db, "user_version")
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if _pragma(db, "application_id") != APPLICATION_ID and (tables or version):
        raise StoreCorrupt(f"{path} is a database of another program, not of smysl. {BACKUP}")
    return version


def damage(db: sqlite3.Connection, path: Path) -> str | None:
    """What is wrong with a file of up to `QUICK_CHECK_LIMIT_BYTES`; None for a sound or a larger
    one."""
    if path.stat().st_size > QUICK_CHECK_LIMIT_BYTES:
        return None
    try:
        problem = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if (error.sqlite_errorname or "").startswith("SQLITE_CORRUPT"):
            return str(error)
        raise
    return None if problem == "ok" else problem


def examine(db: sqlite3.Connection, path: Path) -> None:
    """Raise `StoreCorrupt` or `StoreTooNew` unless the file is ours, sound and not of a later
    version, or what SQLite raises. Changes nothing."""
    version = version_of(db, path)
    if version > len(MIGRATIONS):
        raise StoreTooNew(
            f"database {path} has schema version {version}; this smysl knows up to "
            f"{len(MIGRATIONS)}. Install a newer smysl. {BACKUP}"
        )
    if problem := damage(db, path):
        raise StoreCorrupt(f"database {path} is damaged: {problem}. {BACKUP}")


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Apply what is pending to an examined file. What it held before is first copied beside it, to
    `NAME.vVERSION.bak`.

    Raises `StoreUnusable` when there is no room for the copy, or what SQLite raises; then the file
    is as it was.
    """
    # a commit reaches the operating system before it returns, so a killed process loses nothing;
    # NORMAL leaves the disk's own flush to checkpoints, which only a power cut can tell
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    version = _pragma(db, "user_version")
    if version >= len(MIGRATIONS):
        return
    copy = _copy(db, path, version) if version else None
    try:
        apply(db, len(MIGRATIONS))
    except sqlite3.Error as error:
        kept = f" A copy of it is {copy}." if copy else ""
        raise StoreUnusable(
            f"database {path} cannot be brought from schema version {version} to "
            f"{len(MIGRATIONS)}: {error}. It is as it was.{kept}"
        ) from error


def apply(db: sqlite3.Connection, until: int) -> None:
    """Apply what is pending up to this version. Raises what SQLite raises; then nothing of it has
    happened."""
    db.execute("BEGIN IMMEDIATE")
    try:
        # another process may have been first while this one waited for the lock
        for number in range(_pragma(db, "user_version"), until):
            _apply(db, number)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _copy(db: sqlite3.Connection, path: Path, version: int) -> Path:
    copy = path.with_name(f"{path.name}.v{version}.bak")
    part = path.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(part)) as target:
            db.backup(target)
        os.replace(part, copy)
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreUnusable(
            f"database {path} has schema version {version} and has to be copied to {copy} before "
            f"it is brought to {len(MIGRATIONS)}, which failed: {error}. Nothing was changed. Make "
            "room on its disk and its folder writable, then try again."
        ) from error
    return copy


def _apply(db: sqlite3.Connection, number: int) -> None:
    if number == 0:
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, applied TEXT NOT NULL)")
    MIGRATIONS[number](db)
    db.execute(
        "INSERT INTO migrations VALUES (?, ?)",
        (f"{number + 1:04}{MIGRATIONS[number].__name__}", datetime.now(UTC).isoformat()),
    )
    db.execute(f"PRAGMA user_version = {number + 1}")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
