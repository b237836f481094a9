"""The seconds that count against a run's budgets: they stand still while nothing but a person can let it go on.

Knows how many work and how many wait; never calls, nodes or budgets.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Clock:
    """Goes from the beginning on, but for the times in which somebody waits for a person (an answer, the end of a
    pause) and no call is open."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: seconds that never go back."""
        self._now = now
        self._counted = 0.0
        """Before it stood still last."""
        self._since: float | None = now()
        """Since when it goes; None while it stands."""
        self._working = 0
        self._waiting = 0
        self.on_change: Callable[[], None] | None = None
        """Called when it has come to stand, or goes again."""

    @property
    def seconds(self) -> float:
        """What counts so far."""
        going = 0.0 if self._since is None else self._now() - self._since
        return self._counted + going

    @property
    def stands(self) -> bool:
        return self._since is None

    def begin(self) -> None:
        """A call is open."""
        self._working += 1
        self._turn()

    def end(self) -> None:
        """A call is over."""
        self._working -= 1
        self._turn()

    def wait(self) -> None:
        """Somebody waits for a person, until as many `resume`."""
        self._waiting += 1
        self._turn()

    def resume(self) -> None:
        """A person has come back."""
        self._waiting -= 1
        self._turn()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While a person is waited for."""
        self.wait()
        try:
            yield
        finally:
            self.resume()

    def _turn(self) -> None:
        goes = not self._waiting or self._working > 0
        if goes is not self.stands:
            return
        if goes:
            self._since = self._now()
        else:
            self._counted, self._since = self.seconds, None
        if self.on_change is not None:
            self.on_change()
