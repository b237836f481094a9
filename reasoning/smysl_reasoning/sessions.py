"""Sessions and runs in the file: how they begin, are summed up, end and go.

Knows the tables `sessions`, `runs` and `partials`; nothing of what a branch shows. Nothing here
commits.
"""

import sqlite3
import struct
from collections.abc import Sequence

import msgspec

from smysl_reasoning import branches
from smysl_reasoning.errors import BadRequest, UnknownId
from smysl_reasoning.events import RunFinished, Verdict
from smysl_reasoning.history import MAIN, Branch
from smysl_reasoning.ids import MEMORY
from smysl_reasoning.rows import encode

TITLE_LIMIT = 200
"""Characters of the longest title."""
RUN = (
    "r.id, r.session, r.question, r.program, r.request, r.finished, r.branch, r.again_of, r.paused"
)
"""What `read_run` takes, of a table named `r`."""
_finished = msgspec.json.Decoder(RunFinished)


class SessionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A session as a list shows it."""

    id: str
    title: str
    """The first question, shortened to one line, or what a person has called it."""
    created: str
    """ISO 8601 with offset (UTC)."""
    program: str
    """Of the last run of the current branch."""
    nodes: int
    """In all branches."""
    answer: str | None
    verdict: Verdict | None
    """Of the last run of the current branch; None while it goes on."""
    branch: str = MAIN
    """The current one."""
    branches: int = 1


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
    branch: str = MAIN
    """The branch it writes to."""
    again_of: str | None = None
    """The run that this one derives again."""
    paused: bool = False


def read_run(row: Sequence[object]) -> RunRecord:
    """The run of a row of `RUN`."""
    id, session, question, program, request, finished, branch, again_of, paused = row
    return RunRecord(
        id=id,  # type: ignore[arg-type]
        session=session,  # type: ignore[arg-type]
        question=question,  # type: ignore[arg-type]
        program=program,  # type: ignore[arg-type]
        request=request,  # type: ignore[arg-type]
        finished=None if finished is None else _finished.decode(finished),  # type: ignore[arg-type]
        branch=branch,  # type: ignore[arg-type]
        again_of=again_of,  # type: ignore[arg-type]
        paused=bool(paused),
    )


def insert_run(db: sqlite3.Connection, run: RunRecord, op: int) -> None:
    """Write a run that has begun, or has ended already."""
    end = run.finished
    db.execute(
        "INSERT INTO runs (id, session, question, program, request, outcome, finished, branch, "
        "again_of, paused, op) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run.id,
            run.session,
            run.question,
            run.program,
            run.request,
            end.outcome if end else None,
            encode(end) if end else None,
            run.branch,
            run.again_of,
            run.paused,
            op,
        ),
    )


def end_run(db: sqlite3.Connection, run: str, finished: RunFinished) -> bool:
    """A run ends once; later ends change nothing and give False. Its partial tokens are of no use any more."""
    ended = db.execute(
        "UPDATE runs SET outcome = ?, finished = ?, paused = 0 WHERE id = ? AND outcome IS NULL",
        (finished.outcome, encode(finished), run),
    ).rowcount
    db.execute("DELETE FROM partials WHERE run = ?", (run,))
    return bool(ended)


def op_of(db: sqlite3.Connection, run: str) -> int:
    """The operation that a run writes to. Raises `UnknownId`."""
    row = db.execute("SELECT op FROM runs WHERE id = ?", (run,)).fetchone()
    if row is None:
        raise UnknownId(f"no run has the id {run!r}")
    return int(row[0])


def latest_run(db: sqlite3.Connection, branch: Branch, root: str | None) -> RunRecord | None:
    """The last run of a branch; with `root`, of those that answer this question."""
    row = db.execute(
        f"{branches.PATH} SELECT {RUN} FROM path JOIN runs r ON r.op = path.id "
        "WHERE ?3 IS NULL OR r.question = ?3 ORDER BY r.op DESC LIMIT 1",
        (branch.session, branch.name, root),
    ).fetchone()
    return None if row is None else read_run(row)


def summary(db: sqlite3.Connection, session: str) -> SessionSummary:
    """Raises `UnknownId`."""
    branch = branches.named(db, session, None)
    title, created, nodes, count = db.execute(
        "SELECT title, created, (SELECT count(DISTINCT id) FROM nodes WHERE session = s.id), "
        "(SELECT count(*) FROM branches WHERE session = s.id) FROM sessions s WHERE id = ?",
        (session,),
    ).fetchone()
    run = latest_run(db, branch, None)
    end = run.finished if run else None
    return SessionSummary(
        id=session,
        title=title,
        created=created,
        program=run.program if run else "",
        nodes=nodes,
        answer=end.answer if end else None,
        verdict=end.verdict if end else None,
        branch=branch.name,
        branches=count,
    )


def require_ordinary(session: str) -> None:
    """Raise `BadRequest` for the session that holds the memory: what may be done with that is said elsewhere."""
    if session == MEMORY:
        raise BadRequest(
            "the memory is no session like others: nothing can be asked, derived, forked, undone, renamed or deleted "
            "in it; `smysl memory` lists, changes and forgets what it holds"
        )


def check_title(title: str) -> str:
    """The title in one line. Raises `BadRequest` for an empty or a long one."""
    line = " ".join(title.split())
    if not line:
        raise BadRequest("a title needs at least one letter; give some words")
    if len(line) > TITLE_LIMIT:
        raise BadRequest(
            f"the title has {len(line)} characters; the limit is {TITLE_LIMIT}. Shorten it."
        )
    return line


def delete(db: sqlite3.Connection, session: str) -> None:
    """Remove a session with all its branches. Raises `UnknownId`, and `BadRequest` while a run goes
    on in it."""
    branches.named(db, session, None)
    going = db.execute(
        "SELECT id FROM runs WHERE session = ? AND outcome IS NULL", (session,)
    ).fetchone()
    if going:
        raise BadRequest(
            f"session {session} cannot be deleted while its run {going[0]} goes on; cancel it first"
        )
    db.execute("DELETE FROM changes WHERE op IN (SELECT id FROM ops WHERE session = ?)", (session,))
    db.execute(
        "DELETE FROM edges WHERE node IN (SELECT id FROM nodes WHERE session = ?)", (session,)
    )
    db.execute(
        "DELETE FROM partials WHERE run IN (SELECT id FROM runs WHERE session = ?)", (session,)
    )
    for table in ("moves", "branches", "ops", "nodes", "runs"):
        db.execute(f"DELETE FROM {table} WHERE session = ?", (session,))
    db.execute("DELETE FROM sessions WHERE id = ?", (session,))


def save_partial(
    db: sqlite3.Connection, run: str, place: str, key: str, tokens: Sequence[int]
) -> None:
    """Keep the tokens of a node that is being made; those of a run that has ended are not kept."""
    db.execute(
        "INSERT OR REPLACE INTO partials (run, place, key, tokens) SELECT ?1, ?2, ?3, ?4 "
        "WHERE EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND outcome IS NULL)",
        (run, place, key, struct.pack(f"<{len(tokens)}I", *tokens)),
    )


def partial(db: sqlite3.Connection, run: str, place: str, key: str) -> tuple[int, ...]:
    """The tokens that were kept; none when there are none or the recipe is another now."""
    row = db.execute(
        "SELECT tokens FROM partials WHERE run = ? AND place = ? AND key = ?", (run, place, key)
    ).fetchone()
    return struct.unpack(f"<{len(row[0]) // 4}I", row[0]) if row else ()
