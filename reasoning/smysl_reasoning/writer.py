"""One thread that owns the writing connection: takes queued writes and commits them in groups, in
order.

Knows transactions; nothing of what is written.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from smysl_reasoning.errors import StoreError

Write = Callable[[sqlite3.Connection], object]
GROUP_LIMIT = 256
"""Most writes of one transaction: bounds how long the first of them waits for its commit."""


class _Queued(NamedTuple):
    write: Write
    done: "Future[None]"


class Writer:
    """A group commit: whatever is queued while one transaction commits goes into the next."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="smysl-store", daemon=True)
        self._thread.start()

    def submit(self, write: Write) -> "Future[None]":
        """Queue a write. The future is done once it is committed, or fails with what the write
        raised."""
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
        failed: dict[int, BaseException] = {}
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for number, queued in enumerate(group):
                try:
                    self._db.execute("SAVEPOINT one")
                    queued.write(self._db)
                except Exception as error:  # a bad write fails alone, the rest of its group goes on
                    failed[number] = StoreError(f"cannot write: {error}")
                    self._db.execute("ROLLBACK TO one")
                self._db.execute("RELEASE one")
            self._db.execute("COMMIT")
        except Exception as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            failed = dict.fromkeys(range(len(group)), StoreError(f"cannot write: {error}"))
        for number, queued in enumerate(group):
            if number in failed:
                queued.done.set_exception(failed[number])
            else:
                queued.done.set_result(None)
