"""A session as one JSON document, to keep, send and read in again.

Knows what a session consists of and what is believed of a document from elsewhere; nothing of
files, sockets or graphs beyond whether they are sound. docs/graph.md describes the format.
"""

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NoReturn

import msgspec

from smysl_reasoning import branches, sessions
from smysl_reasoning.errors import BadArchive, Inconsistent
from smysl_reasoning.events import RunFinished
from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.history import Again, Change, Hold, Op
from smysl_reasoning.ids import LENGTH, MEMORY, IdMaker
from smysl_reasoning.nodes import FINAL, Edge, Node, value_hash
from smysl_reasoning.rows import PLACED, Written, encode, insert_row, read_placed
from smysl_reasoning.sessions import RUN, RunRecord, insert_run, read_run
from smysl_reasoning.store import Store

FORMAT = "smysl-session"
VERSION = 1
LIMIT_BYTES = 64 << 20
ID = re.compile(rf"[0-9a-z]{{1,{LENGTH}}}")
CUT_OFF = "it was going on when the session was exported"


class ArchivedSession(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    created: str
    branch: str
    """The current one."""


class ArchivedBranch(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    head: int | None
    at: str | None
    created: str


class ArchivedChange(msgspec.Struct, frozen=True, kw_only=True):
    op: int
    node: str
    revision: int | None
    hold: Hold | None = None
    again: Again | None = None


class ArchivedNode(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a node. The list has them in the order of writing."""

    node: Node
    revision: int
    hash: str
    run: str | None = None
    root: str | None = None
    place: str | None = None
    seen: tuple[str, ...] = ()


class ArchivedRun(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    op: int
    question: str
    program: str
    request: msgspec.Raw
    branch: str
    again_of: str | None = None
    finished: RunFinished | None = None


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """The document. Keys of later versions are passed over."""

    format: str = FORMAT
    version: int = VERSION
    session: ArchivedSession
    branches: tuple[ArchivedBranch, ...]
    ops: tuple[Op, ...]
    changes: tuple[ArchivedChange, ...]
    nodes: tuple[ArchivedNode, ...]
    runs: tuple[ArchivedRun, ...]


class _Head(msgspec.Struct):
    format: str
    version: int


def export_session(store: Store, session: str) -> bytes:
    """Everything of a session, as JSON. Raises `UnknownId`, and `BadArchive` above
    `LIMIT_BYTES`."""
    with store.snapshot() as db:
        document = msgspec.json.format(encode(_read(db, session)), indent=1)
    if len(document) > LIMIT_BYTES:
        raise BadArchive(
            f"session {session} is a document of {_mib(len(document))}; the limit is "
            f"{_mib(LIMIT_BYTES)}. Copy the database file to keep it."
        )
    return document


def import_session(store: Store, document: bytes) -> str:
    """Write an exported session as a new one; its id. When one of its ids is taken here, all of
    them are replaced.

    Every value hash is computed again. Its nodes are shown, never copied into other sessions: what
    another machine has computed is not believed for other questions. Runs that had not ended count
    as cancelled. Raises `BadArchive`, `StoreError`; then nothing is written.
    """
    archive = _decoded(document)
    if archive.session.id == MEMORY:
        raise BadArchive(
            "this is the memory of a store, not a session; `smysl logs backup FILE` there copies it with all else, and "
            "`smysl memory import` adds texts of files to the one that is here"
        )
    _check(archive)
    _check_shown(archive)
    new_id = IdMaker()

    def write(db: sqlite3.Connection) -> str:
        names = _names(archive)
        taken = db.execute(
            "SELECT 1 FROM json_each(?) WHERE value IN (SELECT id FROM nodes) "
            "OR value IN (SELECT id FROM sessions) OR value IN (SELECT id FROM runs) LIMIT 1",
            (encode(names).decode(),),
        ).fetchone()
        renamed = {name: new_id() if taken else name for name in names}
        _write(db, archive, renamed)
        return renamed[archive.session.id]

    return store.write(write).result()


def _read(db: sqlite3.Connection, session: str) -> Archive:
    current = branches.named(db, session, None)
    title, created = db.execute(
        "SELECT title, created FROM sessions WHERE id = ?", (session,)
    ).fetchone()
    changes = db.execute(
        "SELECT c.op, c.node, c.revision, c.hold, c.again FROM changes c "
        "JOIN ops o ON o.id = c.op WHERE o.session = ? ORDER BY c.seq",
        (session,),
    )
    nodes = db.execute(
        f"SELECT {PLACED}, n.run FROM nodes n WHERE n.session = ? ORDER BY n.seq", (session,)
    )
    runs = db.execute(
        f"SELECT {RUN}, r.op FROM runs r WHERE r.session = ? ORDER BY r.id", (session,)
    )
    return Archive(
        session=ArchivedSession(id=session, title=title, created=created, branch=current.name),
        branches=tuple(
            ArchivedBranch(name=b.name, head=b.head, at=b.at, created=b.created)
            for b in branches.every(db, session)
        ),
        ops=tuple(branches.every_op(db, session)),
        changes=tuple(
            ArchivedChange(op=op, node=node, revision=revision, hold=hold, again=_again(again))
            for op, node, revision, hold, again in changes
        ),
        nodes=tuple(_archived_node(row) for row in nodes),
        runs=tuple(_archived_run(read_run(row[:-1]), row[-1]) for row in runs),
    )


def _again(stored: bytes | None) -> Again | None:
    return None if stored is None else msgspec.json.decode(stored, type=Again)


def _archived_node(row: Sequence[Any]) -> ArchivedNode:
    placed = read_placed(row[:-1])
    return ArchivedNode(
        node=placed.node,
        revision=placed.revision,
        hash=placed.hash,
        run=row[-1],
        root=placed.root,
        place=placed.place,
        seen=placed.seen,
    )


def _archived_run(run: RunRecord, op: int) -> ArchivedRun:
    return ArchivedRun(
        id=run.id,
        op=op,
        question=run.question,
        program=run.program,
        request=msgspec.Raw(run.request),
        branch=run.branch,
        again_of=run.again_of,
        finished=run.finished,
    )


def _decoded(document: bytes) -> Archive:
    if len(document) > LIMIT_BYTES:
        _refuse(f"it has {_mib(len(document))}; the limit is {_mib(LIMIT_BYTES)}")
    try:
        head = msgspec.json.decode(document, type=_Head)
        if head.format != FORMAT:
            _refuse(f"its format is {head.format[:40]!r}, not {FORMAT!r}")
        if head.version > VERSION:
            _refuse(
                f"it has version {head.version}; this smysl reads up to {VERSION}. "
                "Install a newer smysl"
            )
        return msgspec.json.decode(document, type=Archive)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        _refuse(f"it cannot be read: {error}")


def _check(archive: Archive) -> None:
    """Raise `BadArchive` unless what is named is there, comes before what names it, and says what
    its hash says."""
    for name in _names(archive):
        _demand(ID.fullmatch(name), f"{name[:40]!r} is no id")
    _demand(
        len(_names(archive)) == 1 + len(archive.runs) + len({n.node.id for n in archive.nodes}),
        "two of its parts have the same id",
    )
    revisions: dict[str, int] = {}
    runs = {run.id: run for run in archive.runs}
    for one in archive.nodes:
        _check_node(archive, one, revisions, runs)
    ops: dict[int, Op] = {}
    for op in archive.ops:
        _demand(op.id not in ops, f"operation {op.id} comes twice")
        _demand(op.parent is None or op.parent in ops, f"operation {op.id} follows none before it")
        _demand(op.run is None or op.run in runs, f"operation {op.id} has an unknown run")
        _check_time(op.created)
        ops[op.id] = op
    for change in archive.changes:
        _demand(change.op in ops, f"a change belongs to no operation: {change.op}")
        last = revisions.get(change.node, -1)
        known = change.revision is None or 0 <= change.revision <= last
        _demand(known, f"node {change.node[:40]!r} has no revision {change.revision}")
    for run in archive.runs:
        _demand(run.question in revisions, f"run {run.id} has no question")
        owner = ops.get(run.op)
        _demand(owner and owner.run == run.id, f"run {run.id} has no operation")
        _demand(run.again_of is None or run.again_of in runs, f"run {run.id} repeats no run")
    _check_branches(archive, ops, revisions)


def _check_node(
    archive: Archive, one: ArchivedNode, revisions: dict[str, int], runs: dict[str, ArchivedRun]
) -> None:
    node = one.node
    _demand(node.session == archive.session.id, f"node {node.id} is of another session")
    _demand(node.status in FINAL, f"node {node.id} is {node.status}, which is not final")
    _demand(
        one.revision == revisions.get(node.id, -1) + 1,
        f"node {node.id} has revision {one.revision} out of turn",
    )
    for edge in node.inputs:
        _demand(
            edge.node in revisions,
            f"node {node.id} rests on {edge.node[:40]!r}, which is not there before it",
        )
    _demand(
        len(one.seen) in (0, len(node.inputs)),
        f"node {node.id} has seen {len(one.seen)} values of {len(node.inputs)} inputs",
    )
    _demand(one.run is None or one.run in runs, f"node {node.id} has an unknown run")
    _demand(one.root is None or one.root in revisions, f"node {node.id} has an unknown root")
    _demand(
        value_hash(node.kind, node.text, node.data) == one.hash,
        f"node {node.id} is not what was exported: its hash differs",
    )
    revisions[node.id] = one.revision


def _check_branches(archive: Archive, ops: dict[int, Op], revisions: dict[str, int]) -> None:
    names = [branch.name for branch in archive.branches]
    _demand(len(set(names)) == len(names), "two branches have the same name")
    _demand(archive.session.branch in names, "its current branch is missing")
    _check_time(archive.session.created)
    for branch in archive.branches:
        _demand(branches.NAME.fullmatch(branch.name), f"{branch.name[:60]!r} names no branch")
        _demand(branch.head is None or branch.head in ops, f"branch {branch.name} has no head")
        _demand(branch.at is None or branch.at in revisions, f"branch {branch.name} begins nowhere")
        _check_time(branch.created)
    for run in archive.runs:
        _demand(run.branch in names, f"run {run.id} belongs to no branch")


def _check_shown(archive: Archive) -> None:
    """Raise `BadArchive` unless no operation shows nodes that rest on each other in a circle."""
    every: dict[str, Node] = {}
    for one in archive.nodes:
        before = every.get(one.node.id)
        inputs = (*before.inputs, *one.node.inputs) if before else one.node.inputs
        every[one.node.id] = msgspec.structs.replace(one.node, inputs=inputs)
    if _circle(every.values()) is None:
        return
    # a circle through revisions that are never shown together is none
    nodes = {(one.node.id, one.revision): one.node for one in archive.nodes}
    said: dict[int, list[ArchivedChange]] = {op.id: [] for op in archive.ops}
    for change in archive.changes:
        said[change.op].append(change)
    shown: dict[int | None, dict[str, int | None]] = {None: {}}
    for op in archive.ops:
        view = {**shown[op.parent], **{change.node: change.revision for change in said[op.id]}}
        shown[op.id] = view
        found = _circle(nodes[at, n] for at, n in view.items() if n is not None)
        _demand(found is None, f"operation {op.id} shows a circle: {found}")


def _circle(nodes: Iterable[Node]) -> str | None:
    try:
        Graph(Placed(node, 0, "", ()) for node in nodes).check()
    except Inconsistent as error:
        return str(error)
    return None


def _check_time(text: str) -> None:
    try:
        zoned = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        zoned = False
    _demand(zoned, f"{text[:40]!r} is no time with an offset")


def _names(archive: Archive) -> list[str]:
    """Every id, oldest first, so that new ones are given out in the same order."""
    nodes = {one.node.id for one in archive.nodes}
    return sorted({archive.session.id, *nodes, *(run.id for run in archive.runs)})


def _write(db: sqlite3.Connection, archive: Archive, renamed: dict[str, str]) -> None:
    def name(id: str | None) -> str | None:
        return None if id is None else renamed[id]

    session = renamed[archive.session.id]
    db.execute(
        "INSERT INTO sessions (id, title, created, branch) VALUES (?, ?, ?, ?)",
        (
            session,
            " ".join(archive.session.title.split())[: sessions.TITLE_LIMIT],
            archive.session.created,
            archive.session.branch,
        ),
    )
    for one in archive.nodes:
        node = msgspec.structs.replace(
            one.node,
            id=renamed[one.node.id],
            session=session,
            inputs=tuple(Edge(edge.role, renamed[edge.node]) for edge in one.node.inputs),
        )
        written = Written(node, root=name(one.root), place=one.place, seen=one.seen)
        insert_row(db, written, one.revision, name(one.run))
    ops: dict[int, int] = {}
    for op in archive.ops:
        parent = None if op.parent is None else ops[op.parent]
        here = msgspec.structs.replace(op, parent=parent, run=name(op.run))
        ops[op.id] = branches.insert_op(db, session, here)
    for change in archive.changes:
        said = Change(renamed[change.node], change.revision, change.hold, change.again)
        branches.record(db, ops[change.op], [said])
    for branch in archive.branches:
        head = None if branch.head is None else ops[branch.head]
        branches.create(db, session, branch.name, head, name(branch.at), branch.created)
    for run in archive.runs:
        insert_run(db, _run(run, session, name), ops[run.op])


def _run(run: ArchivedRun, session: str, name: Callable[[str | None], str | None]) -> RunRecord:
    finished = run.finished or RunFinished(
        session=session,
        outcome="cancelled",
        answer=None,
        verdict="failed",
        confidence=None,
        message=CUT_OFF,
    )
    return RunRecord(
        id=name(run.id) or "",
        session=session,
        question=name(run.question) or "",
        program=run.program,
        request=msgspec.json.format(bytes(run.request), indent=-1),
        finished=msgspec.structs.replace(finished, session=session),
        branch=run.branch,
        again_of=name(run.again_of),
    )


def _demand(holds: object, otherwise: str) -> None:
    if not holds:
        _refuse(otherwise)


def _refuse(why: str) -> NoReturn:
    raise BadArchive(
        f"this is no session that can be imported: {why}. Export it again with "
        "`smysl sessions export`"
    )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
