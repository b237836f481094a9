"""The memory in the file: memories, links, uses and what is forgotten, as rows.

Knows the tables of memory and, of the nodes, how one is written and removed. Nothing here commits; what falls into
what is not its business.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from smysl_reasoning import branches
from smysl_reasoning.history import MAIN, Change, OpKind
from smysl_reasoning.ids import MEMORY
from smysl_reasoning.memory.mass import EXACT_USES
from smysl_reasoning.memory.nearness import informative, same_words
from smysl_reasoning.memory.values import Link, LinkOrigin
from smysl_reasoning.nodes import Data, Node
from smysl_reasoning.rows import Written, insert

TITLE = "memory"
_ROW = f"""m.number, m.id, m.revision, m.source, m.created, m.pinned, m.muted, m.words,
    (SELECT count(*) FROM memory_uses u WHERE u.memory = m.id),
    (SELECT json_group_array(at) FROM (SELECT u.at FROM memory_uses u
        WHERE u.memory = m.id ORDER BY u.at DESC LIMIT {EXACT_USES}))"""


class Row(NamedTuple):
    """A memory without its text."""

    number: int
    """Under which the index of words has it."""
    id: str
    revision: int
    source: str
    created: float
    """Seconds since 1970, as all times here."""
    pinned: bool
    muted: bool
    words: int
    """Informative ones."""
    uses: int
    recent: tuple[float, ...]
    """When it was used last, the newest first, `EXACT_USES` at most."""


def _row(found: tuple[Any, ...]) -> Row:
    number, id, revision, source, created, pinned, muted, words, uses, recent = found
    times = tuple(json.loads(recent))
    return Row(
        number, id, revision, source, created, bool(pinned), bool(muted), words, uses, times
    )  # fmt: skip


# ------------------------------------------------------------ reading


def total(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM memories").fetchone()[0])


def every(db: sqlite3.Connection) -> list[Row]:
    """All memories, in the order in which they were made."""
    return [_row(row) for row in db.execute(f"SELECT {_ROW} FROM memories m ORDER BY m.number")]


def some(db: sqlite3.Connection, ids: Collection[str]) -> list[Row]:
    """Those of these ids that are there."""
    rows = db.execute(
        f"SELECT {_ROW} FROM json_each(?) e JOIN memories m ON m.id = e.value", (_list(ids),)
    )
    return [_row(row) for row in rows]


def present(db: sqlite3.Connection, ids: Collection[str]) -> set[str]:
    """Those of these ids that are memories."""
    rows = db.execute(
        "SELECT e.value FROM json_each(?) e JOIN memories m ON m.id = e.value", (_list(ids),)
    )
    return {id for (id,) in rows}


def pinned(db: sqlite3.Connection) -> list[str]:
    return [id for (id,) in db.execute("SELECT id FROM memories WHERE pinned")]


def lengths(db: sqlite3.Connection, numbers: Collection[int]) -> dict[int, tuple[str, int]]:
    """Number -> id and informative words."""
    rows = db.execute(
        "SELECT m.number, m.id, m.words FROM json_each(?) e JOIN memories m ON m.number = e.value",
        (_list(numbers),),
    )
    return {number: (id, words) for number, id, words in rows}


def texts(db: sqlite3.Connection, ids: Collection[str]) -> dict[str, str]:
    """What memories say now."""
    rows = db.execute(
        "SELECT m.id, n.text FROM json_each(?) e JOIN memories m ON m.id = e.value "
        "JOIN nodes n ON n.id = m.id AND n.revision = m.revision",
        (_list(ids),),
    )
    return dict(rows.fetchall())


def barred(db: sqlite3.Connection, ids: Collection[str]) -> set[str]:
    """Those of these ids that are muted or forgotten."""
    found = db.execute(
        "SELECT e.value FROM json_each(?1) e JOIN memories m ON m.id = e.value WHERE m.muted "
        "UNION SELECT e.value FROM json_each(?1) e JOIN memories_forgotten f ON f.id = e.value",
        (_list(ids),),
    )
    return {id for (id,) in found}


def known(db: sqlite3.Connection, said: Collection[str]) -> dict[str, str]:
    """Of texts (`same_words`) the memory that says so."""
    rows = db.execute(
        "SELECT m.said, min(m.id) FROM json_each(?) e JOIN memories m ON m.said = e.value "
        "GROUP BY m.said",
        (_list(said),),
    )
    return dict(rows.fetchall())


def by_origin(db: sqlite3.Connection, origin: str) -> str | None:
    """The memory that was made of this node of a session."""
    row = db.execute(
        "SELECT id FROM memories WHERE origin = ? ORDER BY id LIMIT 1", (origin,)
    ).fetchone()
    return str(row[0]) if row else None


def beginning_with(db: sqlite3.Connection, prefix: str, most: int) -> list[str]:
    rows = db.execute(
        "SELECT id FROM memories WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (prefix, prefix + "~", most),
    )
    return [id for (id,) in rows]


def having(db: sqlite3.Connection, stem: str) -> int:
    """How many memories have a word."""
    row = db.execute("SELECT doc FROM memories_having WHERE term = ?", (stem,)).fetchone()
    return int(row[0]) if row else 0


def postings(db: sqlite3.Connection, stem: str) -> list[int]:
    """Which memories have a word, by number."""
    rows = db.execute("SELECT DISTINCT doc FROM memories_in WHERE term = ?", (stem,))
    return [number for (number,) in rows]


def links_at(db: sqlite3.Connection, ids: Collection[str]) -> list[Link]:
    """The links of any of these, each once, strongest first."""
    there = set(ids)
    rows = db.execute(
        "SELECT l.a, l.b, l.weight, l.origin, l.cut, 1 FROM json_each(?1) e "
        "JOIN memory_links l ON l.a = e.value UNION ALL "
        "SELECT l.a, l.b, l.weight, l.origin, l.cut, 0 FROM json_each(?1) e "
        "JOIN memory_links l ON l.b = e.value",
        (_list(there),),
    )
    # one between two of these comes up from both ends
    found = [
        Link(a, b, weight, origin, bool(cut))
        for a, b, weight, origin, cut, first in rows
        if first or a not in there
    ]
    return sorted(found, key=lambda link: (-link.weight, link.a, link.b))


def links_between(db: sqlite3.Connection, ids: Collection[str]) -> list[Link]:
    """Those that are not cut, strongest first."""
    there = set(ids)
    rows = db.execute(
        "SELECT l.a, l.b, l.weight, l.origin FROM json_each(?) e "
        "JOIN memory_links l ON l.a = e.value WHERE NOT l.cut ORDER BY 3 DESC, 1, 2",
        (_list(ids),),
    )
    return [Link(a, b, weight, origin) for a, b, weight, origin in rows if b in there]


def fans(db: sqlite3.Connection, ids: Collection[str], whole: bool = True) -> dict[str, int]:
    """Id -> how many links it has, with those that are cut or without."""
    which = "" if whole else " AND NOT cut"
    rows = db.execute(
        f"SELECT e.value, (SELECT count(*) FROM memory_links WHERE a = e.value{which}) "
        f"+ (SELECT count(*) FROM memory_links WHERE b = e.value{which}) FROM json_each(?) e",
        (_list(ids),),
    )
    return dict(rows.fetchall())


def uses(db: sqlite3.Connection, id: str, most: int) -> list[tuple[str, str, str, float]]:
    """(session, node, the session's title, when), newest first."""
    return db.execute(
        "SELECT u.session, u.node, coalesce(s.title, ''), u.at FROM memory_uses u "
        "LEFT JOIN sessions s ON s.id = u.session WHERE u.memory = ? ORDER BY u.at DESC, u.rowid "
        "DESC LIMIT ?",
        (id, most),
    ).fetchall()


def sessions_with(
    db: sqlite3.Connection, memories: Collection[str], most: int
) -> list[tuple[str, str]]:
    """(session, its title) where a node has held or passed through all of these memories, newest first."""
    having = " AND ".join(
        "(instr(CAST(n.data AS TEXT), ?) OR instr(CAST(n.recipe AS TEXT), ?))" for _ in memories
    )
    return db.execute(
        "SELECT s.id, s.title FROM sessions s WHERE s.id > ? AND EXISTS (SELECT 1 FROM nodes n "
        f"WHERE n.session = s.id AND n.kind = 'memory' AND {having}) ORDER BY s.id DESC LIMIT ?",
        (MEMORY, *(id for id in memories for _ in "12"), most),
    ).fetchall()


# ------------------------------------------------------------ writing


def begin(db: sqlite3.Connection, kind: OpKind, label: str) -> int:
    """An operation of the memory's session, which is made where it is missing. The label must not quote a memory: what
    is forgotten is to leave nothing behind."""
    if not db.execute("SELECT 1 FROM sessions WHERE id = ?", (MEMORY,)).fetchone():
        db.execute(
            "INSERT INTO sessions (id, title, created, branch) VALUES (?, ?, ?, ?)",
            (MEMORY, TITLE, branches.now(), MAIN),
        )
        branches.create(db, MEMORY, MAIN, None)
    return branches.append(db, branches.named(db, MEMORY, MAIN), kind, label)


def add(
    db: sqlite3.Connection,
    op: int,
    id: str,
    text: str,
    data: Data | None,
    source: str,
    origin: str | None,
    created: float,
) -> None:
    node = Node(id=id, session=MEMORY, kind="memory", text=text, data=data, status="done")
    branches.record(db, op, [Change(id, insert(db, Written(node), None))])
    db.execute(
        "INSERT INTO memories (id, revision, source, origin, created, words, said) "
        "VALUES (?, 0, ?, ?, ?, ?, ?)",
        (id, source, origin, created, len(informative(text)), same_words(text)),
    )


def rewrite(db: sqlite3.Connection, op: int, id: str, text: str, data: Data | None) -> None:
    """The next revision of a memory."""
    node = Node(id=id, session=MEMORY, kind="memory", text=text, data=data, status="done")
    revision = insert(db, Written(node), None)
    branches.record(db, op, [Change(id, revision)])
    db.execute(
        "UPDATE memories SET revision = ?, words = ?, said = ? WHERE id = ?",
        (revision, len(informative(text)), same_words(text), id),
    )


def mark(db: sqlite3.Connection, id: str, column: str, on: bool) -> None:
    assert column in ("pinned", "muted")
    db.execute(f"UPDATE memories SET {column} = ? WHERE id = ?", (on, id))


def put_link(db: sqlite3.Connection, a: str, b: str, weight: float, origin: LinkOrigin) -> None:
    """A link as it is from now on, whatever it was."""
    db.execute(
        "INSERT OR REPLACE INTO memory_links (a, b, weight, origin) VALUES (?, ?, ?, ?)",
        (min(a, b), max(a, b), weight, origin),
    )


def link(db: sqlite3.Connection, a: str, b: str) -> Link | None:
    """The link of two memories, cut or not; None where there never was one."""
    row = db.execute(
        "SELECT a, b, weight, origin, cut FROM memory_links WHERE a = ? AND b = ?",
        (min(a, b), max(a, b)),
    ).fetchone()
    if row is None:
        return None
    a, b, weight, origin, is_cut = row
    return Link(a, b, weight, origin, bool(is_cut))


def cut_link(db: sqlite3.Connection, a: str, b: str) -> None:
    """Cut a link that is there; it stays, so that nothing makes it again."""
    db.execute("UPDATE memory_links SET cut = 1 WHERE a = ? AND b = ?", (min(a, b), max(a, b)))


def note_uses(
    db: sqlite3.Connection, uses: Iterable[tuple[str, str]], session: str, at: float
) -> None:
    """That memories fell into a question: (memory, the node that holds it). Those forgotten since are passed over."""
    db.executemany(
        "INSERT INTO memory_uses (memory, at, session, node) SELECT ?1, ?2, ?3, ?4 "
        "WHERE EXISTS (SELECT 1 FROM memories WHERE id = ?1)",
        [(memory, at, session, node) for memory, node in uses],
    )


def remove(db: sqlite3.Connection, id: str) -> None:
    """Every trace of a memory but its id, which is kept so that what used it knows."""
    db.execute("DELETE FROM memories WHERE id = ?", (id,))
    db.execute("DELETE FROM memory_links WHERE a = ?1 OR b = ?1", (id,))
    db.execute("DELETE FROM memory_uses WHERE memory = ?", (id,))
    db.execute("DELETE FROM changes WHERE node = ?", (id,))
    db.execute("DELETE FROM edges WHERE node = ?", (id,))
    db.execute("DELETE FROM nodes WHERE id = ?", (id,))
    db.execute("INSERT INTO memories_forgotten (id) VALUES (?)", (id,))
    # a full-text index only notes that a row is gone, until its parts are put together
    for table in ("memories_fts", "nodes_fts"):
        db.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")


def _list(values: Iterable[object]) -> str:
    return json.dumps(list(values))
