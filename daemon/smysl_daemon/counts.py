"""What runs have come to since the daemon started, whoever asked for them.

Knows events; never clients or APIs.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator

import msgspec

from smysl_daemon.protocol import NodeFinished, RunEnded, RunEvent

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds of a histogram's buckets."""


class Histogram(msgspec.Struct):
    """How long something took."""

    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    """Not cumulative; the last is for what took longest."""
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds


class Counts:
    """Only ever grows. One event loop."""

    def __init__(self) -> None:
        self.runs: Counter[tuple[str, str, str]] = Counter()
        """By program, outcome and verdict."""
        self.nodes: Counter[str] = Counter()
        """Finished ones, by kind."""
        self.seconds: dict[str, Histogram] = {}
        """Of runs, by program."""

    async def counted(
        self, program: str, events: AsyncIterator[RunEvent | RunEnded]
    ) -> AsyncIterator[RunEvent | RunEnded]:
        """The events of a run, each counted as it passes."""
        async for event in events:
            if isinstance(event, NodeFinished):
                self.nodes[event.node.kind] += 1
            elif isinstance(event, RunEnded):
                self.runs[program, event.outcome, event.verdict] += 1
                self.seconds.setdefault(program, Histogram()).add(event.seconds)
            yield event
