"""Makes ids: 20 lower-case letters and digits that sort by time and differ early.

Knows a clock and randomness; nothing of what the ids name.
"""

import secrets
import threading
import time
from collections.abc import Callable

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
LENGTH = 20
TIME_LENGTH = 8
"""36**8 milliseconds after `EPOCH_MS` last until the year 2115."""
EPOCH_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""

MEMORY = "00000000000000memory"
"""The session that holds what outlives sessions; its id comes before all that are made."""


class IdMaker:
    """Strictly increasing ids. The first `TIME_LENGTH` letters differ between any two ids of one
    maker, so that a person can shorten an id to them: within one millisecond the time part runs
    ahead of the clock. Any thread may call it."""

    def __init__(self, clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._clock_ms = clock_ms
        self._last = 0
        self._making = threading.Lock()

    def __call__(self) -> str:
        with self._making:
            self._last = last = max(self._last + 1, self._clock_ms() - EPOCH_MS)
        chance = secrets.randbelow(36 ** (LENGTH - TIME_LENGTH))
        return _base36(last, TIME_LENGTH) + _base36(chance, LENGTH - TIME_LENGTH)


def _base36(amount: int, width: int) -> str:
    digits = []
    for _ in range(width):
        amount, digit = divmod(amount, 36)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
