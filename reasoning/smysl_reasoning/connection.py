"""Opens SQLite files and says in our words what goes wrong with them.

Knows paths, locks and SQLite's errors; no tables.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smysl_reasoning.errors import (
    ReasoningError,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreUnusable,
)

BUSY_TIMEOUT_S = 5.0
BACKUP = (
    "Nothing was changed. Copy the file (with its -wal and -shm files) aside, then restore a "
    "backup in its place, or move it away to begin with an empty one."
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection for writing that any thread may use. Creates the folder (0700) and the file
    (0600) where they are missing. Raises `StoreUnusable`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError as error:
        raise StoreUnusable(
            f"database {path} cannot be used: {error.strerror}. "
            "Make its folder writable, or set SMYSL_DATA_DIR to another one."
        ) from None
    with explained(path):
        return sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that any thread may use and that writes nothing to the file. Raises
    `StoreUnusable`."""
    if not path.is_file():
        raise StoreUnusable(f"there is no database {path}; give the path of one")
    address = path.absolute().as_uri()
    with explained(path):
        try:
            return _connect_to(f"{address}?mode=ro")
        except sqlite3.OperationalError:
            # write-ahead mode needs a file beside it, which a folder that is not ours refuses
            return _connect_to(f"{address}?immutable=1")


def _connect_to(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        db.execute("PRAGMA user_version").fetchone()
    except BaseException:
        db.close()
        raise
    return db


class Claim:
    """The right to write to a database, of one process at a time; a file beside it says so. It ends
    with the process, however that ends."""

    def __init__(self, path: Path) -> None:
        """Raises `StoreLocked` while another has it."""
        lock = path.with_name(f"{path.name}.lock")
        try:
            self._file: int | None = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnusable(
                f"database {path} cannot be used: {lock}: {error.strerror}. "
                "Make its folder writable, or set SMYSL_DATA_DIR to another one."
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise StoreLocked(
                f"database {path} is in use by another smysl; stop it (`smysl daemon stop`) and "
                "try again, or set SMYSL_DATA_DIR to another folder"
            ) from None
        except OSError:
            pass  # a file system without such locks: SQLite's own still keep the file sound

    def release(self) -> None:
        """Idempotent."""
        if self._file is not None:
            os.close(self._file)
        self._file = None


class Reader:
    """One reading connection for all threads, one at a time: a read takes microseconds."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db: sqlite3.Connection | None = db
        self._path = path
        self._lock = threading.Lock()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """The connection for some reads that see one state of the file. Raises `StoreError`."""
        with self._lock, explained(self._path):
            if self._db is None:
                raise StoreError("the store is closed; open it again")
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.execute("COMMIT")

    def select(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query. Raises `StoreError`."""
        with self._lock, explained(self._path):
            if self._db is None:
                raise StoreError("the store is closed; open it again")
            return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what SQLite raises within into our errors, with the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


def explain(error: Exception, path: Path) -> ReasoningError:
    """What a person is told of `error`; one of ours says it already."""
    if isinstance(error, ReasoningError):
        return error
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreLocked(f"database {path} is held by another process; stop it and try again")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreCorrupt(f"database {path} is damaged ({error}). {BACKUP}")
    if name.startswith("SQLITE_FULL"):
        return StoreFull(
            f"cannot write to database {path}: the disk is full. What was finished before is kept "
            "and the file is sound. Free space on its disk, then try again."
        )
    if name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StoreUnusable(
            f"database {path} cannot be used: {error} ({name}). What was finished before is kept. "
            "Check its disk and the rights of its folder, or set SMYSL_DATA_DIR to another one."
        )
    return StoreError(f"database {path}: cannot do that: {error}")
