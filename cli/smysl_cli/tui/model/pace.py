"""A repaint budget: however fast events come, they are drawn at most so often.

Pure; whoever uses it brings the clock.
"""

from collections.abc import Callable

REPAINT_INTERVAL_S = 0.1
"""The model computes on the same cores: 20 a second cost it twice what 10 do, and look the same."""


class Pace:
    def __init__(self, clock: Callable[[], float], interval_s: float = REPAINT_INTERVAL_S) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._last = float("-inf")
        self._waits = False

    def ask(self) -> float | None:
        """Seconds until the next repaint is due; None when one is on its way already."""
        if self._waits:
            return None
        self._waits = True
        return max(self._last + self._interval_s - self._clock(), 0.0)

    def drawn(self) -> None:
        self._waits = False
        self._last = self._clock()
