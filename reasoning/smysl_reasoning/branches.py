"""Branches and their operations in the file: appends, moves of heads, and what a head shows.

Knows the tables `branches`, `ops`, `changes` and `moves`, all within one session; never texts,
runs that go on, or threads. Nothing here commits.
"""

import re
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from smysl_reasoning.errors import (
    BadRequest,
    Conflict,
    NothingToRedo,
    NothingToUndo,
    StoreCorrupt,
    UnknownId,
)
from smysl_reasoning.history import Branch, Change, Op, OpKind

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
Cause = Literal["op", "undo", "redo", "fork"]
"""Why a head moved."""
PATH = """WITH RECURSIVE path (id) AS (
    SELECT head FROM branches WHERE session = ? AND name = ? AND head IS NOT NULL
    UNION ALL SELECT ops.parent FROM ops JOIN path USING (id) WHERE ops.parent IS NOT NULL) """
"""The operations of a branch. A later operation has the larger id, so the newest is the largest."""
_OP = "ops.id, ops.parent, ops.kind, ops.label, ops.run, ops.created"

_encode = msgspec.json.Encoder().encode


def now() -> str:
    return datetime.now(UTC).isoformat()


def named(db: sqlite3.Connection, session: str, name: str | None) -> Branch:
    """The branch of this name; None means the current one. Raises `UnknownId`."""
    row = db.execute(
        "SELECT b.name, b.head, b.at, b.created, b.name = s.branch FROM sessions s "
        "LEFT JOIN branches b ON b.session = s.id AND b.name = coalesce(?, s.branch) "
        "WHERE s.id = ?",
        (name, session),
    ).fetchone()
    if row is None:
        raise UnknownId(f"no session has the id {session!r}; `smysl sessions list` lists them")
    if row[0] is None:
        if name is None:
            raise StoreCorrupt(f"session {session} has lost its current branch")
        known = ", ".join(branch.name for branch in every(db, session))
        raise UnknownId(f"session {session} has no branch {name[:40]!r}; it has {known}")
    return _branch(session, row)


def every(db: sqlite3.Connection, session: str) -> list[Branch]:
    """The branches of a session, oldest first."""
    rows = db.execute(
        "SELECT b.name, b.head, b.at, b.created, b.name = s.branch FROM branches b "
        "JOIN sessions s ON s.id = b.session WHERE b.session = ? ORDER BY b.created, b.rowid",
        (session,),
    )
    return [_branch(session, row) for row in rows]


def check_name(name: str) -> None:
    """Raise `BadRequest` for what is no name of a branch."""
    if not NAME.fullmatch(name):
        raise BadRequest(
            f"{name[:60]!r} is no name for a branch; take up to 40 of a-z, 0-9, `.`, `_`, `-`, "
            "beginning with a letter or digit"
        )


def create(
    db: sqlite3.Connection,
    session: str,
    name: str,
    head: int | None,
    at: str | None = None,
    created: str | None = None,
) -> None:
    """Add a branch. Raises `BadRequest` when the name is taken."""
    if name in [branch.name for branch in every(db, session)]:
        raise BadRequest(f"session {session} has a branch {name!r} already; take another name")
    db.execute(
        "INSERT INTO branches (session, name, head, at, created) VALUES (?, ?, ?, ?, ?)",
        (session, name, head, at, created or now()),
    )
    if head is not None:
        _log_move(db, session, name, head, "fork")


def make_current(db: sqlite3.Connection, session: str, name: str) -> None:
    """Raises `UnknownId`."""
    named(db, session, name)
    db.execute("UPDATE sessions SET branch = ? WHERE id = ?", (name, session))


def append(
    db: sqlite3.Connection, branch: Branch, kind: OpKind, label: str, run: str | None = None
) -> int:
    """A new operation at the head of a branch, which moves there; its id."""
    op = Op(id=0, parent=branch.head, kind=kind, label=label, run=run, created=now())
    id = insert_op(db, branch.session, op)
    _move(db, branch.session, branch.name, id, "op")
    return id


def insert_op(db: sqlite3.Connection, session: str, op: Op) -> int:
    """Write an operation, all but its id; the id it gets."""
    cursor = db.execute(
        "INSERT INTO ops (session, parent, kind, label, run, created) VALUES (?, ?, ?, ?, ?, ?)",
        (session, op.parent, op.kind, op.label, op.run, op.created),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def expect_head(branch: Branch, head: int | None) -> None:
    """Raise `Conflict` when the branch has gone on from `head`."""
    if branch.head != head:
        raise Conflict(
            f"branch {branch.name!r} of session {branch.session} has changed since it was looked "
            "at; look again, then repeat"
        )


def record(db: sqlite3.Connection, op: int, changes: Iterable[Change]) -> None:
    """Add what an operation says."""
    db.executemany(
        "INSERT INTO changes (op, node, revision, hold, again) VALUES (?, ?, ?, ?, ?)",
        [
            (op, node, revision, hold, None if again is None else _encode(again))
            for node, revision, hold, again in changes
        ],
    )


def log(db: sqlite3.Connection, session: str, name: str) -> list[Op]:
    """The operations of a branch, newest first."""
    rows = db.execute(
        f"{PATH} SELECT {_OP} FROM ops JOIN path USING (id) ORDER BY ops.id DESC", (session, name)
    )
    return [_op(row) for row in rows]


def every_op(db: sqlite3.Connection, session: str) -> list[Op]:
    """The operations of all branches of a session, undone ones too, oldest first."""
    rows = db.execute(f"SELECT {_OP} FROM ops WHERE session = ? ORDER BY id", (session,))
    return [_op(row) for row in rows]


def undo(db: sqlite3.Connection, branch: Branch) -> Op:
    """Move the head back by one; the operation left behind. Raises `NothingToUndo`."""
    last = None if branch.head is None else _read(db, branch.head)
    if last is None or last.parent is None:
        raise NothingToUndo(
            f"branch {branch.name!r} of session {branch.session} is at its beginning; there is "
            "nothing to undo"
        )
    _move(db, branch.session, branch.name, last.parent, "undo")
    return last


def redo(db: sqlite3.Connection, branch: Branch) -> Op:
    """Move the head on to what was undone last; that operation. Raises `NothingToRedo`."""
    tip = db.execute(
        "SELECT head FROM moves WHERE session = ? AND branch = ? AND cause IN ('op', 'fork') "
        "ORDER BY id DESC LIMIT 1",
        (branch.session, branch.name),
    ).fetchone()
    step = _read(db, tip[0]) if tip else None
    while step is not None and step.parent != branch.head:
        step = None if step.parent is None else _read(db, step.parent)
    if step is None:
        raise NothingToRedo(
            f"branch {branch.name!r} of session {branch.session} has nothing undone to redo; what "
            "was undone before something new was done cannot be redone"
        )
    _move(db, branch.session, branch.name, step.id, "redo")
    return step


def _move(db: sqlite3.Connection, session: str, name: str, head: int, cause: Cause) -> None:
    db.execute("UPDATE branches SET head = ? WHERE session = ? AND name = ?", (head, session, name))
    _log_move(db, session, name, head, cause)


def _log_move(db: sqlite3.Connection, session: str, name: str, head: int, cause: Cause) -> None:
    db.execute(
        "INSERT INTO moves (session, branch, head, cause, created) VALUES (?, ?, ?, ?, ?)",
        (session, name, head, cause, now()),
    )


def _read(db: sqlite3.Connection, op: int) -> Op:
    return _op(db.execute(f"SELECT {_OP} FROM ops WHERE id = ?", (op,)).fetchone())


def _op(row: tuple[int, int | None, OpKind, str, str | None, str]) -> Op:
    id, parent, kind, label, run, created = row
    return Op(id=id, parent=parent, kind=kind, label=label, run=run, created=created)


def _branch(session: str, row: tuple[str, int | None, str | None, str, int]) -> Branch:
    name, head, at, created, current = row
    return Branch(
        session=session, name=name, head=head, at=at, created=created, current=bool(current)
    )
