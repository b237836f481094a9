"""Keeps sessions, nodes and runs in one SQLite file: append-only, one writer, durable before it
says so.

Knows rows and their order; never tokens, programs or clients.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from smysl_reasoning.errors import (
    AmbiguousId,
    StoreCorrupt,
    StoreError,
    StoreLocked,
    StoreUnusable,
    UnknownId,
)
from smysl_reasoning.events import RunFinished, Verdict
from smysl_reasoning.ids import LENGTH
from smysl_reasoning.migrations import BACKUP, migrate
from smysl_reasoning.nodes import FINAL, Data, Edge, Node, Recipe, Stats, value_hash
from smysl_reasoning.writer import Writer

BUSY_TIMEOUT_S = 5.0
LAST = "@last"

_json = msgspec.json.Encoder()
_data = msgspec.json.Decoder(Data | None)
_edges = msgspec.json.Decoder(tuple[Edge, ...])
_recipe = msgspec.json.Decoder(Recipe | None)
_stats = msgspec.json.Decoder(Stats)
_finished = msgspec.json.Decoder(RunFinished)


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A session as a list shows it."""

    id: str
    title: str
    """The first question, shortened to one line."""
    created: str
    """ISO 8601 with offset (UTC)."""
    program: str
    """Of the last run."""
    nodes: int
    answer: str | None
    verdict: Verdict | None
    """Of the last run; None while it goes on."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted request and how it ended."""

    id: str
    session: str
    question: str
    """Id of the question node."""
    program: str
    request: bytes
    """The request as JSON."""
    finished: RunFinished | None = None


class StoredNode(NamedTuple):
    """A node, and the run that made it."""

    node: Node
    run: str | None


class Store:
    """The journal. Any thread may call it; writes are done by one thread of its own, in order.

    Nodes are written once they are final, one row per (id, revision), and never changed or deleted
    here.
    """

    def __init__(self, path: Path, reader: sqlite3.Connection, writer: Writer) -> None:
        """Use `Store.open`."""
        self.path = path
        self._reader = reader
        self._reading = threading.Lock()
        self._writer = writer
        self._closed = False

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Open or create the database and bring its schema up to date.

        Raises `StoreUnusable`, `StoreCorrupt`, `StoreTooNew` or `StoreLocked`; a file that is
        refused is untouched.
        """
        writing = _connect(path)
        try:
            with _explained(path):
                migrate(writing, path)
            reading = _connect(path)
        except BaseException:
            writing.close()
            raise
        reading.execute("PRAGMA query_only = ON")
        return cls(path, reading, Writer(writing))

    # ------------------------------------------------------------ writing

    def put(self, node: Node, *, key: str | None = None, run: str | None = None) -> None:
        """Write a final node; it is durable when this returns. See `put_soon`."""
        self.put_soon([node], key=key, run=run).result()

    def put_soon(
        self, nodes: Sequence[Node], *, key: str | None = None, run: str | None = None
    ) -> "Future[None]":
        """Queue final nodes, written together; durable when the future is done.

        `key` makes a single node findable by `find_recipe`: give it only when the recipe will
        always end so.
        """
        assert all(node.status in FINAL for node in nodes), "only final nodes are written"
        assert key is None or len(nodes) == 1

        def write(db: sqlite3.Connection) -> None:
            for node in nodes:
                _insert_node(db, node, key, run)

        return self._writer.submit(write)

    def begin_run(
        self, record: RunRecord, nodes: Sequence[Node], title: str | None
    ) -> "Future[None]":
        """Queue a run with its question (and context) nodes in one transaction; `title` begins a
        new session."""

        def write(db: sqlite3.Connection) -> None:
            if title is not None:
                db.execute(
                    "INSERT INTO sessions (id, title, created) VALUES (?, ?, ?)",
                    (record.session, title, datetime.now(UTC).isoformat()),
                )
            db.execute(
                "INSERT INTO runs (id, session, question, program, request) VALUES (?, ?, ?, ?, ?)",
                (record.id, record.session, record.question, record.program, record.request),
            )
            for node in nodes:
                _insert_node(db, node, None, record.id)

        return self._writer.submit(write)

    def end_run(
        self, run: str, finished: RunFinished, nodes: Sequence[Node] = ()
    ) -> "Future[None]":
        """Queue the end of a run together with its last `nodes`. A run ends once; later ends change
        nothing."""

        def write(db: sqlite3.Connection) -> None:
            for node in nodes:
                _insert_node(db, node, None, run)
            db.execute(
                "UPDATE runs SET outcome = ?, finished = ? WHERE id = ? AND outcome IS NULL",
                (finished.outcome, _json.encode(finished), run),
            )

        return self._writer.submit(write)

    # ------------------------------------------------------------ reading

    def node(self, id: str) -> Node:
        """The latest revision of a node. Raises `UnknownId`."""
        rows = self._nodes("WHERE id = ? ORDER BY revision DESC LIMIT 1", (id,))
        if not rows:
            raise UnknownId(
                f"no node has the id {id!r}; `smysl sessions list` and `smysl show` list ids"
            )
        return rows[0].node

    def session(self, id: str) -> SessionSummary:
        """One session. Raises `UnknownId`."""
        found = self._summaries("WHERE s.id = ?", (id,))
        if not found:
            raise UnknownId(f"no session has the id {id!r}; `smysl sessions list` lists them")
        return found[0]

    def sessions(self, limit: int = 20) -> list[SessionSummary]:
        """The latest sessions, newest first."""
        return self._summaries("ORDER BY s.id DESC LIMIT ?", (limit,))

    def session_nodes(self, session: str) -> list[Node]:
        """Every node of a session in the order of writing, each in its latest revision."""
        return [
            stored.node
            for stored in self._nodes(
                "WHERE session = ? AND revision = "
                "(SELECT max(revision) FROM nodes later WHERE later.id = nodes.id) ORDER BY rowid",
                (session,),
            )
        ]

    def run_nodes(self, run: str) -> list[Node]:
        """Every node that a run has written, in the order of writing."""
        return [stored.node for stored in self._nodes("WHERE run = ? ORDER BY rowid", (run,))]

    def find_recipe(self, key: str, run: str | None = None) -> Node | None:
        """The latest node made by the recipe with this key, in any session; one made by `run`
        first."""
        stored = self.find_stored(key, run)
        return stored.node if stored else None

    def find_stored(self, key: str, run: str | None = None) -> StoredNode | None:
        """As `find_recipe`, with the run that made the node."""
        rows = self._nodes(
            "WHERE recipe_key = ? ORDER BY run IS ? DESC, rowid DESC LIMIT 1", (key, run)
        )
        return rows[0] if rows else None

    def resolve(self, reference: str) -> str:
        """The id of the one session or node that `reference` names: `@last` (the newest session),
        an id, or a unique prefix of one. Raises `UnknownId` or `AmbiguousId`."""
        if reference == LAST:
            newest = self._select("SELECT id FROM sessions ORDER BY id DESC LIMIT 1", ())
            if not newest:
                raise UnknownId("there is no session yet; ask something first")
            return str(newest[0][0])
        prefix = reference.strip().lower()
        if not prefix or not prefix.isascii() or not prefix.isalnum() or len(prefix) > LENGTH:
            raise UnknownId(
                f"{reference[:40]!r} is no id; ids are {LENGTH} letters and digits, or {LAST}"
            )
        between = (prefix, prefix + "~")
        rows = self._select(
            "SELECT id FROM sessions WHERE id >= ? AND id < ? "
            "UNION SELECT id FROM nodes WHERE id >= ? AND id < ? LIMIT 4",
            between + between,
        )
        found = [str(row[0]) for row in rows]
        if not found:
            raise UnknownId(f"no session or node has an id that begins with {reference!r}")
        if len(found) > 1 and prefix not in found:
            some = ", ".join(found[:3]) + (" ..." if len(found) > 3 else "")
            raise AmbiguousId(f"{reference!r} could be {some}; give more letters")
        return prefix if prefix in found else found[0]

    def unfinished_runs(self) -> list[RunRecord]:
        """Runs that were accepted and have not ended, oldest first."""
        rows = self._select(
            "SELECT id, session, question, program, request FROM runs "
            "WHERE outcome IS NULL ORDER BY id",
            (),
        )
        return [
            RunRecord(id=id, session=session, question=question, program=program, request=request)
            for id, session, question, program, request in rows
        ]

    def finished(self, run: str) -> RunFinished | None:
        """How a run ended; None while it goes on. Raises `UnknownId`."""
        rows = self._select("SELECT finished FROM runs WHERE id = ?", (run,))
        if not rows:
            raise UnknownId(f"no run has the id {run!r}")
        return None if rows[0][0] is None else _finished.decode(rows[0][0])

    def check(self) -> None:
        """Raise `StoreCorrupt` unless the file is sound, every edge points to a node, every value
        hash is that of its row, every node is final, and every run's question exists."""
        laws = {
            "nodes with an input that does not exist": (
                "SELECT DISTINCT node FROM edges WHERE input NOT IN (SELECT id FROM nodes)"
            ),
            "edges of nodes that do not exist": (
                "SELECT DISTINCT node FROM edges WHERE node NOT IN (SELECT id FROM nodes)"
            ),
            "nodes without a session": (
                "SELECT id FROM nodes WHERE session NOT IN (SELECT id FROM sessions)"
            ),
            "finished runs with a node that is not final": (
                "SELECT r.id FROM runs r JOIN nodes n ON n.run = r.id WHERE r.outcome IS NOT NULL "
                "AND n.status NOT IN ('done', 'failed', 'cancelled')"
            ),
            "runs without their question": (
                "SELECT id FROM runs WHERE question NOT IN (SELECT id FROM nodes)"
            ),
        }
        sound = self._select("PRAGMA integrity_check(1)", ())
        if sound[0][0] != "ok":
            raise StoreCorrupt(f"database {self.path} is damaged: {sound[0][0]}. {BACKUP}")
        for law, query in laws.items():
            if broken := self._select(query, ()):
                raise StoreCorrupt(f"database {self.path} has {law}: {broken[0][0]}. {BACKUP}")
        for id, hash, kind, text, data in self._select(
            "SELECT id, value_hash, kind, text, data FROM nodes", ()
        ):
            if value_hash(kind, text, _data.decode(data)) != hash:
                raise StoreCorrupt(
                    f"database {self.path}: node {id} is not what was written. {BACKUP}"
                )

    def close(self) -> None:
        """Write what is queued and close. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        with self._reading:
            self._reader.close()

    def _select(self, query: str, values: Sequence[object]) -> list[tuple]:  # type: ignore[type-arg]
        if self._closed:
            raise StoreError("the store is closed; open it again")
        # one connection is not for two threads at a time; reads take microseconds
        with self._reading, _explained(self.path):
            return self._reader.execute(query, values).fetchall()

    def _nodes(self, where: str, values: Sequence[object]) -> list[StoredNode]:
        rows = self._select(
            "SELECT id, session, kind, text, data, inputs, recipe, status, stats, run "
            f"FROM nodes {where}",
            values,
        )
        return [StoredNode(_node(row[:-1]), row[-1]) for row in rows]

    def _summaries(self, where: str, values: Sequence[object]) -> list[SessionSummary]:
        rows = self._select(
            "SELECT s.id, s.title, s.created, r.program, "
            "(SELECT count(DISTINCT id) FROM nodes WHERE session = s.id), r.finished "
            "FROM sessions s LEFT JOIN runs r ON r.id = "
            f"(SELECT max(id) FROM runs WHERE session = s.id) {where}",
            values,
        )
        return [_summary(*row) for row in rows]


def _summary(
    id: str, title: str, created: str, program: str | None, nodes: int, finished: bytes | None
) -> SessionSummary:
    end = None if finished is None else _finished.decode(finished)
    return SessionSummary(
        id=id,
        title=title,
        created=created,
        program=program or "",
        nodes=nodes,
        answer=end.answer if end else None,
        verdict=end.verdict if end else None,
    )


def _node(row: Iterable[object]) -> Node:
    id, session, kind, text, data, inputs, recipe, status, stats = row
    return msgspec.convert(
        {
            "id": id,
            "session": session,
            "kind": kind,
            "text": text,
            "data": _data.decode(data),  # type: ignore[arg-type]
            "inputs": _edges.decode(inputs),  # type: ignore[arg-type]
            "recipe": _recipe.decode(recipe),  # type: ignore[arg-type]
            "status": status,
            "stats": _stats.decode(stats),  # type: ignore[arg-type]
        },
        Node,
    )


def _insert_node(db: sqlite3.Connection, node: Node, key: str | None, run: str | None) -> None:
    db.execute(
        "INSERT INTO nodes (id, revision, session, run, kind, text, data, inputs, recipe, "
        "recipe_key, value_hash, status, stats) VALUES (?1, "
        "(SELECT coalesce(max(revision) + 1, 0) FROM nodes WHERE id = ?1), "
        "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        (
            node.id,
            node.session,
            run,
            node.kind,
            node.text,
            _json.encode(node.data),
            _json.encode(node.inputs),
            _json.encode(node.recipe),
            key,
            value_hash(node.kind, node.text, node.data),
            node.status,
            _json.encode(node.stats),
        ),
    )
    db.executemany(
        "INSERT INTO edges (node, revision, position, role, input) VALUES (?1, "
        "(SELECT max(revision) FROM nodes WHERE id = ?1), ?2, ?3, ?4)",
        [(node.id, position, edge.role, edge.node) for position, edge in enumerate(node.inputs)],
    )


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that any thread may use. Creates the folder (0700) and the file (0600) where
    they are missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError as error:
        raise StoreUnusable(
            f"database {path} cannot be used: {error.strerror}. "
            "Make its folder writable, or set SMYSL_DATA_DIR to another one."
        ) from None
    with _explained(path):
        db = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    return db


class _explained:
    """Turns what SQLite raises into our errors, with the remedy."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise StoreLocked(
                f"database {self._path} is held by another process; stop it and try again"
            ) from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StoreCorrupt(f"database {self._path} is damaged ({error}). {BACKUP}") from error
        raise StoreUnusable(f"database {self._path} cannot be used: {error}") from error
