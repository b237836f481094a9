"""Messages gathered by a thread until somebody takes them all at once.

Knows threads, never what the messages are. Coalescing happens here: a stream of tokens wakes the
reader once, however many arrive before it comes.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called in the thread that puts, when there is something to drain after there
        was nothing."""
        self._wake = wake
        self._lock = threading.Lock()
        self._got: list[T] = []

    def put(self, item: T) -> None:
        with self._lock:
            first = not self._got
            self._got.append(item)
        if first:
            self._wake()

    def drain(self) -> list[T]:
        """Everything since the last time, oldest first."""
        with self._lock:
            got, self._got = self._got, []
        return got
