"""Decides which waiting call is next: by priority, then fairly between sessions, then by arrival.

Fairness is by service, not by number of calls: the session that was served fewest tokens is next
(virtual token counters; Sheng et al., 2024). Knows jobs and counts; never rows or a clock.
"""

import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable

from smysl_engines.job import Job

GENERATED = 2
"""A generated token counts as so many of a prompt."""
FEW_ENTRIES = 64
"""Of a heap: so many are not worth looking through for those that no longer matter."""


class Waiting:
    """`begin` and `end` frame a job's life, waiting or running, so that only sessions that want
    something are compared."""

    def __init__(self) -> None:
        self._lines: dict[int, _Lines] = {}
        """By priority."""
        self._count = 0
        self._alive: Counter[str] = Counter()
        self._served: dict[str, float] = {}
        self._least = _Least(lambda session: _if_known(self._served.get(session)))

    def __len__(self) -> int:
        return self._count

    def begin(self, job: Job) -> None:
        """A new job waits. A session that comes back does not make up for what it did not ask."""
        session = job.call.session
        if not self._alive[session]:
            least = self._least.first()
            self._served[session] = 0.0 if least is None else self._served[least]
            self._least.note(session, len(self._served))
        self._alive[session] += 1
        self.add(job)

    def add(self, job: Job) -> None:
        """The job waits, in the order of its arrival."""
        priority = job.call.priority
        if priority not in self._lines:
            self._lines[priority] = _Lines(self._served)
        self._lines[priority].add(job)
        self._count += 1

    def peek(self) -> Job:
        """The next one. There must be one."""
        return self._lines[min(self._lines)].first()

    def turn(self, job: Job) -> tuple[int, float, int]:
        """The smallest is next. Of a job that waits or runs."""
        return job.call.priority, self._served[job.call.session], job.number

    def remove(self, job: Job) -> None:
        """It waits no longer."""
        lines = self._lines[job.call.priority]
        lines.remove(job)
        self._count -= 1
        if not lines.by_session:
            del self._lines[job.call.priority]

    def serve(self, job: Job, prompt: int, generated: int) -> None:
        """The job was computed so many tokens."""
        self._served[job.call.session] += prompt + GENERATED * generated

    def end(self, job: Job) -> None:
        """A job, no longer waiting, has ended."""
        session = job.call.session
        self._alive[session] -= 1
        if not self._alive[session]:
            del self._alive[session], self._served[session]

    def jobs(self) -> list[Job]:
        """All that wait, in no order."""
        return [
            job
            for lines in self._lines.values()
            for line in lines.by_session.values()
            for job in line
        ]


class _Lines:
    """The jobs of one priority."""

    def __init__(self, served: dict[str, float]) -> None:
        self._served = served
        self.by_session: dict[str, list[Job]] = {}
        """First come first."""
        self._next = _Least(self._key)

    def add(self, job: Job) -> None:
        session = job.call.session
        line = self.by_session.setdefault(session, [])
        insort(line, job, key=_number)
        if line[0] is job:
            self._next.note(session, len(self.by_session))

    def first(self) -> Job:
        session = self._next.first()
        assert session is not None
        return self.by_session[session][0]

    def remove(self, job: Job) -> None:
        line = self.by_session[job.call.session]
        del line[bisect_left(line, job.number, key=_number)]
        if not line:
            del self.by_session[job.call.session]

    def _key(self, session: str) -> tuple[float, int] | None:
        line = self.by_session.get(session)
        return None if line is None else (self._served[session], line[0].number)


class _Least:
    """Finds the session of the smallest key without looking at all. Keys may grow at any time; one that
    is new or has become smaller must be noted."""

    def __init__(self, key: Callable[[str], tuple[float, int] | None]) -> None:
        """`key`: None for a session that does not count."""
        self._key = key
        self._heap: list[tuple[tuple[float, int], str]] = []
        """Of each session that counts at least one key that is not above its own."""

    def note(self, session: str, counting: int) -> None:
        """`counting`: sessions that count."""
        if len(self._heap) > FEW_ENTRIES + 2 * counting:
            sessions = {known for _, known in self._heap} - {session}
            self._heap = [(key, known) for known in sessions if (key := self._key(known))]
            heapq.heapify(self._heap)
        key = self._key(session)
        assert key is not None
        heapq.heappush(self._heap, (key, session))

    def first(self) -> str | None:
        """None if no session counts."""
        while self._heap:
            noted, session = self._heap[0]
            key = self._key(session)
            if key == noted:
                return session
            if key is None:
                heapq.heappop(self._heap)
            else:
                heapq.heapreplace(self._heap, (key, session))
        return None


def _if_known(served: float | None) -> tuple[float, int] | None:
    return None if served is None else (served, 0)


def _number(job: Job) -> int:
    return job.number
