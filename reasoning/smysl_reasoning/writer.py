"""One thread that owns the writing connection: takes queued writes and commits them in groups, in
order.

Knows transactions; nothing of what is written.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from smysl_reasoning.connection import explain
from smysl_reasoning.errors import StoreError

T = TypeVar("T")
GROUP_LIMIT = 256
"""Most writes of one transaction: bounds how long the first of them waits for its commit."""


class _Queued(NamedTuple):
    write: Callable[[sqlite3.Connection], Any]
    done: "Future[Any]"


class Writer:
    """A group commit: whatever is queued while one transaction commits goes into the next."""

    def __init__(
        self, db: sqlite3.Connection, path: Path, committed: Callable[[], None] = lambda: None
    ) -> None:
        """`committed` is called by the writing thread after each commit, before anybody is told of
        it."""
        self._db = db
        self._path = path
        self._committed = committed
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="smysl-store", daemon=True)
        self._thread.start()

    def submit(self, write: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Queue a write. The future has what the write returned once it is committed, or fails with
        what it raised."""
        queued = _Queued(write, Future())
        # a waiter that gives up must not take the write with it
        queued.done.set_running_or_notify_cancel()
        with self._closing:
            if self._closed:
                raise StoreError("the store is closed; open it again")
            self._queue.put(queued)
        return queued.done

    def close(self) -> None:
        """Commit what is queued, then close the connection. Idempotent."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        more = True
        while more:
            group: list[_Queued] = []
            item = self._queue.get()
            while item is not None:
                group.append(item)
                if len(group) == GROUP_LIMIT or self._queue.empty():
                    break
                item = self._queue.get()
            more = item is not None
            if group:
                self._commit(group)
        self._db.close()

    def _commit(self, group: list[_Queued]) -> None:
        results: list[Any] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for queued in group:
                self._db.execute("SAVEPOINT one")
                try:
                    results.append(queued.write(self._db))
                except Exception as error:  # a bad write fails alone, the rest of its group goes on
                    if not self._db.in_transaction:
                        raise  # a full disk takes the whole transaction back
                    results.append(_Failed(explain(error, self._path)))
                    self._db.execute("ROLLBACK TO one")
                self._db.execute("RELEASE one")
            self._db.execute("COMMIT")
        except Exception as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            results = [_Failed(explain(error, self._path))] * len(group)
        self._committed()
        for queued, result in zip(group, results, strict=True):
            if isinstance(result, _Failed):
                queued.done.set_exception(result.error)
            else:
                queued.done.set_result(result)


class _Failed(NamedTuple):
    error: Exception
