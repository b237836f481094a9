"""Keeps sessions, nodes, branches and runs in one SQLite file: append-only, one writer, durable
before it says so.

Knows which rows belong together in one write; never tokens, programs or clients.
"""

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from smysl_reasoning import branches, costs, laws, rescue, search, sessions, views
from smysl_reasoning.connection import BACKUP, Claim, Reader, connect, explained
from smysl_reasoning.costs import Cost, StepCost
from smysl_reasoning.errors import AmbiguousId, StoreError, UnknownId
from smysl_reasoning.events import RunFinished
from smysl_reasoning.graph import Graph
from smysl_reasoning.history import Again, Branch, Change, Hold, Op, OpKind
from smysl_reasoning.ids import LENGTH, MEMORY
from smysl_reasoning.memory.disturbed import disturbed, holding
from smysl_reasoning.migrations import examine, migrate
from smysl_reasoning.nodes import FINAL, Node
from smysl_reasoning.rows import COLUMNS, Written, insert, read_node
from smysl_reasoning.search import Hit
from smysl_reasoning.sessions import RUN, RunRecord, SessionSummary, read_run
from smysl_reasoning.views import View
from smysl_reasoning.writer import Writer

LAST = "@last"
LABEL_LENGTH = 80
VIEWS = 32
"""Most views that are kept for the next who looks."""

T = TypeVar("T")
Edited = tuple[Node, Hold | None, tuple[str, ...]]
"""A new revision by a person, what it is held as, and the value hashes of its inputs."""

__all__ = [
    "LAST",
    "Cost",
    "Edited",
    "Hit",
    "Revision",
    "RunRecord",
    "SessionSummary",
    "Store",
    "StoredNode",
    "View",
    "Written",
]


class StoredNode(NamedTuple):
    """A node, and the run that made it."""

    node: Node
    run: str | None


class Revision(NamedTuple):
    """One state of a node."""

    revision: int
    node: Node
    run: str | None
    """The run that made it; None for a person."""
    created: str | None
    """When the first operation showed it, ISO 8601 with offset (UTC); None where none did."""


class Store:
    """The journal. Any thread may call it; writes are done by one thread of its own, in order.

    A node is written once it is final, one row per (id, revision), and never changed. Only
    `delete` removes anything.
    """

    def __init__(
        self,
        path: Path,
        reader: Reader,
        writing: sqlite3.Connection | None,
        claim: Claim | None = None,
        problem: str | None = None,
    ) -> None:
        """Use `Store.open`."""
        self.path = path
        self.problem = problem
        """Why a file opened for reading only could not be opened for writing; None if it could, or
        is."""
        self._reader = reader
        self._writer = Writer(writing, path, self._committed) if writing else None
        self._claim = claim
        self._views: dict[tuple[str, str | None], tuple[int, int | None, View]] = {}
        """With the versions of the session and, where the view rests on it, of the memory."""
        self._versions: defaultdict[str, int] = defaultdict(int)
        """How often each session was written to since the start."""
        self._viewing = threading.Lock()
        """Guards the two above."""
        self._touched: set[str] = set()
        """Sessions that the transaction under way writes to; of the writing thread alone."""

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> "Store":
        """Open or create the database and bring its schema up to date; a copy of an older file is
        kept beside it.

        Raises `StoreUnusable`, `StoreCorrupt`, `StoreTooNew`, `StoreFull` or `StoreLocked`; a file
        that is refused is untouched.

        With `read_only` nothing is created, claimed or changed, and a file that is damaged, older
        or of a later version is opened all the same, for what can be read of it; `problem` says
        what is wrong.
        """
        if read_only:
            found = rescue.open_for_reading(path)
            return cls(path, Reader(found.db, path), None, problem=found.problem)
        writing = connect(path)
        claim = None
        try:
            with explained(path):
                examine(writing, path)
                claim = Claim(path)
                # what is forgotten or deleted is overwritten in the file
                writing.execute("PRAGMA secure_delete = ON")
                migrate(writing, path)
                reading = connect(path)
                reading.execute("PRAGMA query_only = ON")
        except BaseException:
            writing.close()
            if claim:
                claim.release()
            raise
        return cls(path, Reader(reading, path), writing, claim)

    # ------------------------------------------------------------ nodes and runs

    def put(self, node: Node, *, key: str | None = None, run: str | None = None) -> None:
        """Write a final node; it is durable when this returns. See `put_soon`."""
        self.put_soon([node], key=key, run=run).result()

    def put_soon(
        self,
        nodes: Sequence[Node | Written],
        *,
        key: str | None = None,
        run: str | None = None,
        place: str | None = None,
        root: str | None = None,
        seen: Sequence[str] = (),
        again: Again | None = None,
    ) -> "Future[int]":
        """Queue final nodes, written together; the future has the revision of the last one once
        they are durable. A node whose id exists gets its next revision.

        With `run`, its operation shows them from now on, held by nobody and with `again`; without,
        no branch does. `key`, `place`, `seen` and `again` are of a single node; a `Written` says them for itself. `key`
        makes it findable by `find_recipe`: give it only when the recipe will always end so. `root`
        is the question of the run if it is not given. Fails with `UnknownId` for an unknown run.
        """
        assert not (key or place or seen or again) or len(nodes) == 1
        written = [
            node if isinstance(node, Written) else Written(node, key, root, place, seen, again)
            for node in nodes
        ]
        _assert_final(written)
        return self.write(lambda db: self._put(db, written, run))

    def begin_run(
        self,
        record: RunRecord,
        nodes: Sequence[Node | Written],
        title: str | None,
        *,
        branch: str | None = None,
        kind: OpKind = "run",
        label: str | None = None,
        also: Callable[[sqlite3.Connection, int], None] | None = None,
    ) -> "Future[int]":
        """Queue a run with its question (and context, and what was recalled) in one transaction;
        `title` begins a new session. The future has the id of the run's operation, which `also` is
        given to write more of the same.

        The run writes to `branch`, else to that of the record. `label` is the text of its question
        if it is not given. Fails with `UnknownId` for an unknown session or branch.
        """
        name = branch or record.branch
        written = [node if isinstance(node, Written) else Written(node) for node in nodes]
        _assert_final(written)

        def write(db: sqlite3.Connection) -> int:
            if title is not None:
                db.execute(
                    "INSERT INTO sessions (id, title, created, branch) VALUES (?, ?, ?, ?)",
                    (record.session, title, branches.now(), name),
                )
                branches.create(db, record.session, name, None)
            at = branches.named(db, record.session, name)
            said = label if label is not None else _question(db, record, written)
            op = branches.append(db, at, kind, _line(said), record.id)
            sessions.insert_run(db, _on(record, name), op)
            self._touched.add(record.session)
            self._put(db, written, record.id)
            if also is not None:
                also(db, op)
            return op

        return self.write(write)

    def keep_soon(
        self, run: str, node: str, revision: int, hold: Hold | None, again: Again | None = None
    ) -> "Future[None]":
        """Queue that the run's operation shows this revision as it is, held so."""
        return self._say_soon(run, [Change(node, revision, hold, again)])

    def drop_soon(self, run: str, ids: Sequence[str]) -> "Future[None]":
        """Queue that the run's operation takes these nodes out of the branch."""
        return self._say_soon(run, [Change(id, None) for id in ids])

    def end_run(
        self,
        run: str,
        finished: RunFinished,
        nodes: Sequence[Node | Written] = (),
        steps: Sequence[StepCost] = (),
        also: Callable[[sqlite3.Connection], None] | None = None,
    ) -> "Future[None]":
        """Queue the end of a run together with its last `nodes`, what its `steps` have cost and what `also` writes. A
        run ends once; later ends change nothing."""
        written = [node if isinstance(node, Written) else Written(node) for node in nodes]
        _assert_final(written)

        def write(db: sqlite3.Connection) -> None:
            self._put(db, written, run)
            if sessions.end_run(db, run, finished) and also is not None:
                also(db)
            for step in steps:
                costs.add_step(db, step)

        return self.write(write)

    def set_paused(self, run: str, paused: bool) -> "Future[None]":
        """Queue whether the run waits; a run that has ended is not paused."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("UPDATE runs SET paused = ? WHERE id = ? AND outcome IS NULL", (paused, run))

        return self.write(write)

    def save_partial(self, run: str, place: str, key: str, tokens: Sequence[int]) -> "Future[None]":
        """Queue the tokens of a node that is being made at `place` by the recipe `key`. They are
        kept until the node is written or the run ends."""
        return self.write(lambda db: sessions.save_partial(db, run, place, key, tokens))

    def partial(self, run: str, place: str, key: str) -> tuple[int, ...]:
        """The tokens last saved there for this recipe; none where there are none."""
        with self._reader.snapshot() as db:
            return sessions.partial(db, run, place, key)

    def run(self, id: str) -> RunRecord:
        """Raises `UnknownId`."""
        rows = self._reader.select(f"SELECT {RUN} FROM runs r WHERE id = ?", (id,))
        if not rows:
            raise UnknownId(f"no run has the id {id!r}")
        return read_run(rows[0])

    def latest_run(
        self, session: str, branch: str | None = None, root: str | None = None
    ) -> RunRecord | None:
        """The last run of a branch that was not undone; with `root`, of those that answer this
        question. Raises `UnknownId`."""
        with self._reader.snapshot() as db:
            return sessions.latest_run(db, branches.named(db, session, branch), root)

    def unfinished_runs(self) -> list[RunRecord]:
        """Runs that were accepted and have not ended, oldest first."""
        rows = self._reader.select(f"SELECT {RUN} FROM runs r WHERE outcome IS NULL ORDER BY id")
        return [read_run(row) for row in rows]

    def finished(self, run: str) -> RunFinished | None:
        """How a run ended; None while it goes on. Raises `UnknownId`."""
        return self.run(run).finished

    def module_costs(self, engine: str) -> dict[str, Cost]:
        """What a node of each module has cost on this machine with this engine (a fingerprint)."""
        with self._reader.snapshot() as db:
            return costs.by_module(db, engine)

    # ------------------------------------------------------------ branches

    def view(self, session: str, branch: str | None = None) -> View:
        """What a branch shows, None meaning the current one. Kept until something is written to
        the session, or to the memory where the branch holds something of that. Raises `UnknownId`."""
        with self._viewing:
            version, memory = self._versions[session], self._versions[MEMORY]
            kept = self._views.get((session, branch))
        if kept and kept[0] == version and kept[1] in (None, memory):
            return kept[2]
        with self._reader.snapshot() as db:
            at = branches.named(db, session, branch)
            shown = views.shown(db, at)
            held = holding(shown)
            graph = Graph(shown, views.removed(db, at), disturbed(db, held))
        view = View(session, at, graph)
        with self._viewing:
            self._views.pop((session, branch), None)
            self._views[session, branch] = version, memory if held else None, view
            if len(self._views) > VIEWS:
                del self._views[next(iter(self._views))]
        return view

    def commit(
        self,
        session: str,
        branch: str | None,
        kind: OpKind,
        label: str,
        changes: Sequence[Change | Edited],
        *,
        head: int | None,
    ) -> "Future[int]":
        """Queue one operation at the end of a branch; the future has its id.

        A `Change` says of a node which revision is shown; an `Edited` writes the next one first,
        which keeps root and place of the one before. Fails with `Conflict` when the branch's head
        is not `head` any more, with `UnknownId` for an unknown session or branch.
        """
        _assert_final([Written(change[0]) for change in changes if not isinstance(change, Change)])

        def write(db: sqlite3.Connection) -> int:
            at = branches.named(db, session, branch)
            branches.expect_head(at, head)
            op = branches.append(db, at, kind, _line(label))
            said = []
            for change in changes:
                if not isinstance(change, Change):
                    node, hold, seen = change
                    revision = insert(db, Written(node, seen=seen), None)
                    change = Change(node.id, revision, hold)
                said.append(change)
            branches.record(db, op, said)
            self._touched.add(session)
            return op

        return self.write(write)

    def branches(self, session: str) -> list[Branch]:
        """The branches of a session, oldest first. Raises `UnknownId`."""
        with self._reader.snapshot() as db:
            branches.named(db, session, None)
            return branches.every(db, session)

    def fork(
        self, session: str, name: str, *, source: str | None = None, at: str | None = None
    ) -> "Future[Branch]":
        """Queue a new branch that begins as `source` (None: the current one) stands, because of
        the node `at`; it becomes the current one. Nothing is copied.

        Raises `BadRequest` for what is no name, `UnknownId` for a node that `source` does not show;
        fails with `BadRequest` when the name is taken.
        """
        branches.check_name(name)
        sessions.require_ordinary(session)
        view = self.view(session, source)
        if at is not None and at not in view.graph:
            raise UnknownId(
                f"branch {view.branch.name!r} of session {session} shows no node {at!r}; "
                "`smysl show` lists what it shows"
            )

        def write(db: sqlite3.Connection) -> Branch:
            branches.create(db, session, name, branches.named(db, session, source).head, at)
            return self._switch(db, session, name)

        return self.write(write)

    def switch(self, session: str, name: str) -> "Future[Branch]":
        """Queue that `name` is the current branch. Fails with `UnknownId`. Raises `BadRequest` for the memory, as all
        that changes a session does."""
        sessions.require_ordinary(session)
        return self.write(lambda db: self._switch(db, session, name))

    def log(self, session: str, branch: str | None = None) -> list[Op]:
        """The operations of a branch, newest first. Raises `UnknownId`."""
        with self._reader.snapshot() as db:
            return branches.log(db, session, branches.named(db, session, branch).name)

    def undo(self, session: str, branch: str | None = None) -> "Future[Op]":
        """Queue that the branch goes back by one operation; the future has that operation. Fails
        with `NothingToUndo`: the first run of a session stays."""
        return self._move(session, branch, branches.undo)

    def redo(self, session: str, branch: str | None = None) -> "Future[Op]":
        """Queue that the branch goes on to what was undone last; the future has that operation.
        Fails with `NothingToRedo`, also when something new was done since."""
        return self._move(session, branch, branches.redo)

    # ------------------------------------------------------------ sessions

    def session(self, id: str) -> SessionSummary:
        """One session. Raises `UnknownId`."""
        with self._reader.snapshot() as db:
            return sessions.summary(db, id)

    def sessions(self, limit: int = 20) -> list[SessionSummary]:
        """The latest sessions, newest first; without that of the memory."""
        with self._reader.snapshot() as db:
            rows = db.execute(
                "SELECT id FROM sessions WHERE id <> ? ORDER BY id DESC LIMIT ?", (MEMORY, limit)
            )
            return [sessions.summary(db, id) for (id,) in rows.fetchall()]

    def rename(self, session: str, title: str) -> "Future[None]":
        """Queue another title. Raises `BadRequest` for an empty or a long one; fails with
        `UnknownId`."""
        sessions.require_ordinary(session)
        line = sessions.check_title(title)

        def write(db: sqlite3.Connection) -> None:
            branches.named(db, session, None)
            db.execute("UPDATE sessions SET title = ? WHERE id = ?", (line, session))

        return self.write(write)

    def delete(self, session: str) -> "Future[None]":
        """Queue that a session goes with everything in it, for ever. Fails with `BadRequest` while
        a run goes on in it, with `UnknownId`."""
        sessions.require_ordinary(session)

        def write(db: sqlite3.Connection) -> None:
            sessions.delete(db, session)
            self._touched.add(session)

        return self.write(write)

    # ------------------------------------------------------------ finding

    def node(self, id: str) -> Node:
        """The latest revision of a node, in whatever branch. Raises `UnknownId`."""
        rows = self._nodes("WHERE n.id = ? ORDER BY revision DESC LIMIT 1", (id,))
        if not rows:
            raise UnknownId(
                f"no node has the id {id!r}; `smysl sessions list` and `smysl show` list ids"
            )
        return rows[0].node

    def revision(self, id: str, number: int) -> Node:
        """One revision of a node, the first being 0. Raises `UnknownId`."""
        rows = self._nodes("WHERE n.id = ? AND revision = ?", (id, number))
        if not rows:
            raise UnknownId(f"no node has the id {id!r} and a revision {number}")
        return rows[0].node

    def revisions(self, id: str) -> list[Revision]:
        """Every revision of a node, oldest first. Raises `UnknownId`."""
        rows = self._reader.select(
            f"SELECT {COLUMNS}, n.revision, n.run, (SELECT o.created FROM changes c JOIN ops o "
            "ON o.id = c.op WHERE o.session = n.session AND c.node = n.id "
            "AND c.revision = n.revision ORDER BY c.seq LIMIT 1) "
            "FROM nodes n WHERE n.id = ? ORDER BY n.revision",
            (id,),
        )
        if not rows:
            raise UnknownId(f"no node has the id {id!r}")
        return [Revision(row[9], read_node(row[:9]), row[10], row[11]) for row in rows]

    def derived_revision(self, id: str, revision: int) -> int | None:
        """The revision that was derived last before a person changed the node to this one, or this
        one if it was derived itself; None where there was none. Raises `UnknownId`."""
        with self._reader.snapshot() as db:
            return views.derived_revision(db, id, revision)

    def session_nodes(self, session: str) -> list[Node]:
        """What the current branch of a session shows, in the order of first writing. Raises
        `UnknownId`."""
        graph = self.view(session).graph
        return [graph.node(id) for id in graph]

    def run_nodes(self, run: str) -> list[Node]:
        """Every node that a run has written, in the order of writing."""
        return [stored.node for stored in self._nodes("WHERE run = ? ORDER BY seq", (run,))]

    def find_recipe(self, key: str, run: str | None = None) -> Node | None:
        """The latest node made by the recipe with this key, in any session; one made by `run`
        first."""
        stored = self.find_stored(key, run)
        return stored.node if stored else None

    def find_stored(self, key: str, run: str | None = None) -> StoredNode | None:
        """As `find_recipe`, with the run that made the node."""
        rows = self._nodes(
            "WHERE recipe_key = ? ORDER BY run IS ? DESC, seq DESC LIMIT 1", (key, run)
        )
        return rows[0] if rows else None

    def search(self, text: str, limit: int = 20) -> list[Hit]:
        """Nodes of all sessions and branches whose text has every word of `text`, the last one at
        least begun; each node once, in the latest revision that matches, best first."""
        with self._reader.snapshot() as db:
            return search.search(db, text, limit)

    def resolve(self, reference: str) -> str:
        """The id of the one session or node that `reference` names: `@last` (the newest session),
        an id, or a unique prefix of one. Raises `UnknownId` or `AmbiguousId`."""
        if reference == LAST:
            newest = self._reader.select(
                "SELECT id FROM sessions WHERE id <> ? ORDER BY id DESC LIMIT 1", (MEMORY,)
            )
            if not newest:
                raise UnknownId("there is no session yet; ask something first")
            return str(newest[0][0])
        prefix = reference.strip().lower()
        if not prefix or not prefix.isascii() or not prefix.isalnum() or len(prefix) > LENGTH:
            raise UnknownId(
                f"{reference[:40]!r} is no id; ids are {LENGTH} letters and digits, or {LAST}"
            )
        between = (prefix, prefix + "~")
        rows = self._reader.select(
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

    # ------------------------------------------------------------ the file

    def check(self) -> None:
        """Raise `StoreCorrupt` unless the file is sound and every law of `laws` holds: what is
        named exists, every value hash is that of its row, what is found is what is there."""
        with self._reader.snapshot() as db:
            laws.check(db, self.path)
        if self._writer is not None:
            self.write(laws.check_search).result()

    def close(self) -> None:
        """Write what is queued and close. Idempotent."""
        if self._writer is not None:
            self._writer.close()
        self._reader.close()
        if self._claim is not None:
            self._claim.release()

    def snapshot(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection for several reads that see one state of the file; only for modules of this
        package that have rows of their own. Raises `StoreError`."""
        return self._reader.snapshot()

    def write(self, write: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Queue a write of such a module; it is one transaction, and must not change what the
        branches of a session show."""
        if self._writer is None:
            raise StoreError(
                f"database {self.path} is open for reading only"
                + (f", because it {self.problem}" if self.problem else "")
                + f"; nothing can be written to it. {BACKUP}"
            )
        return self._writer.submit(write)

    def write_memory(self, write: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Queue a write of the memory: what holds something of it is looked at anew."""

        def touching(db: sqlite3.Connection) -> T:
            self._touched.add(MEMORY)
            return write(db)

        return self.write(touching)

    def _committed(self) -> None:
        with self._viewing:
            for session in self._touched:
                self._versions[session] += 1
        self._touched.clear()

    def _put(self, db: sqlite3.Connection, written: Sequence[Written], run: str | None) -> int:
        changes = []
        for one in written:
            revision = insert(db, one, run)
            changes.append(Change(one.node.id, revision, None, one.again))
            costs.add(db, one.node)
            self._touched.add(one.node.session)
            if run is not None and one.place is not None:
                db.execute("DELETE FROM partials WHERE run = ? AND place = ?", (run, one.place))
        if run is not None and changes:
            branches.record(db, sessions.op_of(db, run), changes)
        return changes[-1].revision or 0 if changes else 0

    def _say_soon(self, run: str, changes: Sequence[Change]) -> "Future[None]":
        def write(db: sqlite3.Connection) -> None:
            branches.record(db, sessions.op_of(db, run), changes)
            (session,) = db.execute("SELECT session FROM runs WHERE id = ?", (run,)).fetchone()
            self._touched.add(session)

        return self.write(write)

    def _switch(self, db: sqlite3.Connection, session: str, name: str) -> Branch:
        branches.make_current(db, session, name)
        self._touched.add(session)
        return branches.named(db, session, name)

    def _move(
        self,
        session: str,
        branch: str | None,
        move: Callable[[sqlite3.Connection, Branch], Op],
    ) -> "Future[Op]":
        sessions.require_ordinary(session)

        def write(db: sqlite3.Connection) -> Op:
            op = move(db, branches.named(db, session, branch))
            self._touched.add(session)
            return op

        return self.write(write)

    def _nodes(self, where: str, values: Sequence[object]) -> list[StoredNode]:
        rows = self._reader.select(f"SELECT {COLUMNS}, n.run FROM nodes n {where}", values)
        return [StoredNode(read_node(row[:-1]), row[-1]) for row in rows]


def _assert_final(written: Sequence[Written]) -> None:
    assert all(one.node.status in FINAL for one in written), "only final nodes are written"


def _on(record: RunRecord, branch: str) -> RunRecord:
    return msgspec.structs.replace(record, branch=branch)


def _question(db: sqlite3.Connection, record: RunRecord, written: Sequence[Written]) -> str:
    for one in written:
        if one.node.id == record.question:
            return one.node.text
    row = db.execute(
        "SELECT text FROM nodes WHERE id = ? ORDER BY revision DESC LIMIT 1", (record.question,)
    ).fetchone()
    return row[0] if row else ""


def _line(label: str) -> str:
    line = " ".join(label.split())
    return line if len(line) <= LABEL_LENGTH else line[: LABEL_LENGTH - 3] + "..."
