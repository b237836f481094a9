"""Decides which waiting call is next: by priority, then fairly between sessions, then by arrival.

Fairness is by service, not by number of calls: the session that was served fewest tokens is next
(virtual token counters; Sheng et al., 2024). Knows jobs and counts; never rows or a clock.
"""

from bisect import insort
from collections import Counter

from smysl_engines.job import Job

GENERATED = 2
"""A generated token counts as so many of a prompt."""


class Waiting:
    """`begin` and `end` frame a job's life, waiting or running, so that only sessions that want
    something are compared."""

    def __init__(self) -> None:
        self._lines: dict[int, dict[str, list[Job]]] = {}
        """By priority and session, first come first."""
        self._count = 0
        self._alive: Counter[str] = Counter()
        self._served: dict[str, float] = {}

    def __len__(self) -> int:
        return self._count

    def begin(self, job: Job) -> None:
        """A new job waits. A session that comes back does not make up for what it did not ask."""
        session = job.call.session
        if not self._alive[session]:
            self._served[session] = min(self._served.values(), default=0.0)
        self._alive[session] += 1
        self.add(job)

    def add(self, job: Job) -> None:
        """The job waits, in the order of its arrival."""
        line = self._lines.setdefault(job.call.priority, {}).setdefault(job.call.session, [])
        if line and line[-1].number > job.number:
            insort(line, job, key=_number)
        else:
            line.append(job)
        self._count += 1

    def peek(self) -> Job:
        """The next one. There must be one."""
        sessions = self._lines[min(self._lines)]
        line = min(
            sessions.values(), key=lambda jobs: (self._served[jobs[0].call.session], jobs[0].number)
        )
        return line[0]

    def remove(self, job: Job) -> None:
        """It waits no longer."""
        sessions = self._lines[job.call.priority]
        line = sessions[job.call.session]
        line.remove(job)
        self._count -= 1
        if not line:
            del sessions[job.call.session]
            if not sessions:
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
            job for sessions in self._lines.values() for line in sessions.values() for job in line
        ]


def _number(job: Job) -> int:
    return job.number
