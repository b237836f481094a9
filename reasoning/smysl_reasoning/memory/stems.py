"""The words of a text as the full-text index of the memories holds them.

Asks SQLite itself, by a table of the same tokenizer that lives in memory alone. Knows nothing of files or memories.
"""

import sqlite3
import threading
from collections.abc import Sequence

from smysl_reasoning.memory.nearness import informative

TOKENIZER = "porter unicode61 remove_diacritics 2"
"""As in the migration that made the index: without accents, English endings cut off (Porter, 1980)."""


class Stemmer:
    """Any thread may ask."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute(
            f"CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = '{TOKENIZER}')"
        )
        self._db.execute("CREATE VIRTUAL TABLE found USING fts5vocab (words, instance)")
        self._asking = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> list[list[str]]:
        """Of each text the stems of its informative words, each once, in alphabetical order."""
        found: list[list[str]] = [[] for _ in texts]
        with self._asking:
            try:
                self._db.executemany(
                    "INSERT INTO words (rowid, text) VALUES (?, ?)",
                    [(number, " ".join(informative(text))) for number, text in enumerate(texts)],
                )
                for term, number in self._db.execute("SELECT DISTINCT term, doc FROM found"):
                    found[number].append(term)
            finally:
                self._db.execute("INSERT INTO words (words) VALUES ('delete-all')")
        return [sorted(stems) for stems in found]
