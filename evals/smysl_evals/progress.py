"""Shows on stderr how far a run has come.

Knows counts and a clock; never records or the daemon. A terminal gets one line that is redrawn,
anything else a line now and then.
"""

import time
from collections.abc import Callable
from typing import TextIO

REDRAW_S = 0.2
LOG_EVERY_S = 10.0


class Progress:
    def __init__(
        self,
        total: int,
        out: TextIO,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._out = out
        self._clock = clock
        self._began = clock()
        self._drawn = self._began
        self._terminal = out.isatty()
        self._done = 0
        self._right = 0
        self._errors = 0

    def add(self, *, right: bool, error: bool) -> None:
        self._done += 1
        self._right += right
        self._errors += error
        now = self._clock()
        if now - self._drawn >= (REDRAW_S if self._terminal else LOG_EVERY_S):
            self._drawn = now
            self._write(end="" if self._terminal else "\n")

    def close(self) -> None:
        """Write the last state as a line of its own."""
        self._write(end="\n")

    def _write(self, *, end: str) -> None:
        start = "\r\x1b[K" if self._terminal else ""
        self._out.write(f"{start}{self.line()}{end}")
        self._out.flush()

    def line(self) -> str:
        """Items done, speed, share right so far, time left."""
        seconds = self._clock() - self._began
        speed = self._done / seconds if seconds > 0 else 0.0
        parts = [
            f"{self._done:,}/{self._total:,}",
            f"{speed:.1f} items/s",
            f"{self._right:,} right",
        ]
        if self._errors:
            parts.append(f"{self._errors:,} errors")
        if speed and self._done < self._total:
            left = round((self._total - self._done) / speed)
            parts.append(f"{left // 60}:{left % 60:02d} left")
        return "  ".join(parts)
