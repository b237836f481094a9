"""Asks the daemon one item and writes down what came back.

Knows the wire protocol of one connection; never threads, files or whether an answer is right.
"""

import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from smysl_daemon.errors import Code, FrameTooLarge, RequestRefused
from smysl_daemon.protocol import ClientMessage, DaemonMessage, NodeFinished, Run, RunEnded
from smysl_evals.records import Record
from smysl_evals.suites import Item


class Connection(Protocol):
    """What is needed of `smysl_daemon.client.Client`."""

    def send(self, message: ClientMessage) -> None: ...

    def receive(self) -> DaemonMessage: ...

    def close(self) -> None: ...


Connect = Callable[[], Connection]

BUSY_LIMIT_S = 60.0
"""How long a busy daemon is asked again before its refusal counts as the answer."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


class Question(msgspec.Struct, frozen=True):
    """What to ask: an item of a suite, for a program."""

    suite: str
    item: Item
    program: str


class Asker:
    """One connection that is opened at need and replaced after a refusal. Not thread-safe."""

    def __init__(
        self,
        connect: Connect,
        *,
        seed: int,
        timeout_s: float,
        fresh: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`fresh`: nothing that an earlier question's run has made is reused, so that costs are whole."""
        self._connect = connect
        self._fresh = fresh
        self._seed = seed
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        self._connection: Connection | None = None

    def ask(self, question: Question) -> Record:
        """Ask until the run ends. A refusal of this question becomes a record with an `error`.

        Raises what the client raises when the daemon cannot be reached or goes away.
        """
        message = Run(
            question=question.item.question,
            program=question.program,
            seed=self._seed,
            budget_seconds=self._timeout_s,
            fresh=self._fresh,
            recall=0,  # whatever the settings say: nobody's memory belongs into a measurement
        )
        give_up = self._clock() + BUSY_LIMIT_S
        pause = FIRST_PAUSE_S
        while True:
            try:
                connection = self._open()
                began = self._clock()
                ended, checks = _run(connection, message)
                return _record(question, ended, checks, self._clock() - began)
            except FrameTooLarge as error:
                return _refused(question, str(error))
            except RequestRefused as error:
                self.close()
                if error.code is Code.STOPPING:
                    raise
                if error.code is not Code.BUSY or self._clock() >= give_up:
                    return _refused(question, f"{error.code}: {error}")
            self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection


def _run(connection: Connection, message: Run) -> tuple[RunEnded, dict[str, float]]:
    """How the run ended, and the probability that each check gave by its method."""
    connection.send(message)
    checks: dict[str, float] = {}
    while True:
        reply = connection.receive()
        if isinstance(reply, NodeFinished) and reply.node.kind == "check" and reply.node.data:
            probability = reply.node.data.get("probability")
            if probability is not None:
                checks[str(reply.node.data["method"])] = round(float(probability), 6)
        if isinstance(reply, RunEnded):
            return reply, checks


def _record(
    question: Question, ended: RunEnded, checks: dict[str, float], seconds: float
) -> Record:
    item = question.item
    return Record(
        suite=question.suite,
        item=item.id,
        family=item.family,
        program=question.program,
        question=item.question,
        expected=item.answer,
        answer=ended.answer,
        verdict=ended.verdict,
        confidence=ended.confidence,
        seconds=round(seconds, 4),
        generated_tokens=ended.usage.generated_tokens,
        prompt_tokens=ended.usage.prompt_tokens,
        cached_tokens=ended.usage.cached_tokens,
        calls=ended.usage.calls,
        tags=item.tags,
        accept=item.accept,
        checks=checks,
        error="" if ended.outcome == "done" else f"{ended.outcome}: {ended.message}",
    )


def _refused(question: Question, error: str) -> Record:
    item = question.item
    return Record(
        suite=question.suite,
        item=item.id,
        family=item.family,
        program=question.program,
        question=item.question,
        expected=item.answer,
        answer=None,
        verdict="failed",
        confidence=None,
        seconds=0.0,
        tags=item.tags,
        accept=item.accept,
        error=error,
    )
