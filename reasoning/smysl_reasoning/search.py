"""Full-text search over the nodes of all sessions: a person's words as a safe query, best first.

Knows the table `nodes_fts` (SQLite FTS5); nothing of branches or graphs.
"""

import sqlite3
from typing import NamedTuple

from smysl_reasoning.nodes import Node
from smysl_reasoning.rows import COLUMNS, read_node

RANKED = 1000
"""Most matches that are ranked: of words that more nodes share, the newest nodes are as good."""
SNIPPET_TOKENS = 16


class Hit(NamedTuple):
    """A node that was found."""

    node: Node
    """In the latest revision that matches."""
    session: str
    title: str
    """Of the session."""
    snippet: str
    """The part of the text that matches, the words found in `[` and `]`."""
    rank: float
    """BM25 of FTS5: negative, the better the smaller; 0 where so much was found that the newest
    come first."""


def query_of(text: str) -> str:
    """`text` as an FTS5 query: every word has to be there, the last one at least begun. Whatever
    else the text holds is searched as it stands."""
    clean = "".join(" " if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)
    words = [f'"{word}"' for word in clean.replace('"', " ").split() if any(map(str.isalnum, word))]
    return " ".join(words) + "*" if words else ""


def search(db: sqlite3.Connection, text: str, limit: int) -> list[Hit]:
    """At most `limit` nodes, each once, best first; none for a text without letters and digits."""
    query = query_of(text)
    if not query:
        return []
    # BM25 counts every match before it ranks the first, so it is asked only when they are few
    found = db.execute(
        "SELECT count(*) FROM (SELECT 1 FROM nodes_fts WHERE nodes_fts MATCH ? "
        "ORDER BY rowid DESC LIMIT ?)",
        (query, RANKED + 1),
    ).fetchone()[0]
    order, most = ("0.0", 4 * limit) if found > RANKED else ("bm25(nodes_fts)", RANKED)
    matches = db.execute(
        f"SELECT nodes_fts.rowid, {order}, snippet(nodes_fts, 0, '[', ']', ' ... ', ?) "
        "FROM nodes_fts WHERE nodes_fts MATCH ? ORDER BY nodes_fts.rowid DESC LIMIT ?",
        (SNIPPET_TOKENS, query, most),
    ).fetchall()
    newest = dict[str, tuple[float, int, str]]()
    for seq, rank, snippet in matches:
        (id,) = db.execute("SELECT id FROM nodes WHERE seq = ?", (seq,)).fetchone()
        newest.setdefault(id, (rank, -seq, snippet))
    return [_hit(db, *match) for match in sorted(newest.values())[:limit]]


def _hit(db: sqlite3.Connection, rank: float, seq: int, snippet: str) -> Hit:
    row = db.execute(
        f"SELECT {COLUMNS}, s.title FROM nodes n JOIN sessions s ON s.id = n.session "
        "WHERE n.seq = ?",
        (-seq,),
    ).fetchone()
    node = read_node(row[:9])
    return Hit(node, node.session, row[9], snippet, rank)
