"""A fake connection, and a real daemon over a scripted service."""

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smysl_daemon.client import connect
from smysl_daemon.config import find_dirs
from smysl_daemon.errors import Code, DaemonError, PeerDropped, RequestRefused
from smysl_daemon.protocol import (
    Accepted,
    ClientMessage,
    DaemonMessage,
    NodeDelta,
    Run,
    RunEnded,
)
from smysl_daemon.shapes import UsageView
from smysl_evals.records import Record, Setup
from smysl_evals.suites import Item

FAKE_DAEMON = Path(__file__).parents[1] / "daemon" / "fake_daemon.py"


class FakeConnection:
    """Answers as the daemon does, by what a question says: `= 7` verified, `~ 7` unverified,
    `nothing`, `busy` (once), `refuse`, `stopping`, `drop`."""

    def __init__(self) -> None:
        self.asked: list[Run] = []
        self.closed = 0
        self.calm = False
        self._replies: deque[DaemonMessage | DaemonError] = deque()

    def send(self, message: ClientMessage) -> None:
        assert isinstance(message, Run)
        self.asked.append(message)
        question = message.question
        if "drop" in question:
            self._replies.append(PeerDropped("the daemon closed the connection"))
        elif "stopping" in question:
            self._replies.append(RequestRefused(Code.STOPPING, "the daemon is stopping"))
        elif "refuse" in question:
            self._replies.append(RequestRefused(Code.BAD_REQUEST, "too long"))
        elif "busy" in question and not self.calm:
            self.calm = True
            self._replies.append(RequestRefused(Code.BUSY, "32 runs"))
        else:
            self._replies.append(Accepted(session="s", program=message.program, model="fake"))
            self._replies.append(NodeDelta(node="n", text="thinking"))
            self._replies.append(self._end(question))

    def _end(self, question: str) -> RunEnded:
        words = question.split()
        return RunEnded(
            session="s",
            outcome="done",
            answer=words[-1] if {"=", "~"} & set(words) else None,
            verdict="verified" if "=" in words else "unverified",
            confidence=0.5,
            usage=UsageView(generated_tokens=11, calls=2),
        )

    def receive(self) -> DaemonMessage:
        reply = self._replies.popleft()
        if isinstance(reply, DaemonError):
            raise reply
        return reply

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def new_connection() -> Callable[[], FakeConnection]:
    return FakeConnection


@pytest.fixture
def connection() -> FakeConnection:
    return FakeConnection()


def make_item(id: str, question: str, answer: str | None = "7", family: str = "f") -> Item:
    return Item(id=id, question=question, answer=answer, tags=(family,))


@pytest.fixture
def item() -> Callable[..., Item]:
    return make_item


def make_record(
    id: str,
    answer: str | None = "7",
    *,
    expected: str | None = "7",
    verdict: str = "unverified",
    family: str = "f",
    suite: str = "s",
    program: str = "solve",
    seconds: float = 0.1,
    error: str = "",
    confidence: float | None = None,
    generated_tokens: int = 0,
    prompt_tokens: int = 0,
    cached_tokens: int = 0,
    calls: int = 0,
) -> Record:
    return Record(
        suite=suite,
        item=id,
        family=family,
        program=program,
        question=f"question {id}",
        expected=expected,
        answer=answer,
        verdict=verdict,
        confidence=confidence,
        seconds=seconds,
        generated_tokens=generated_tokens,
        prompt_tokens=prompt_tokens,
        cached_tokens=cached_tokens,
        calls=calls,
        tags=(family, "even" if int(id) % 2 == 0 else "odd"),
        error=error,
    )


@pytest.fixture
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def setup() -> Setup:
    return Setup(
        version="1",
        model="zerno",
        fingerprint="abc",
        backend="onnx",
        precision="int8",
        seed=0,
        started="2026-01-01T00:00:00+00:00",
        concurrency=8,
        suites=("s",),
        programs=("direct", "solve"),
    )


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A real daemon process, socket and protocol, whose answers are scripted: 42 is verified,
    "doubtful" gets an unverified 41, "outside" nothing."""
    for name in ("CONFIG", "DATA", "CACHE", "RUNTIME"):
        monkeypatch.setenv(f"SMYSL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
    with subprocess.Popen(
        [sys.executable, str(FAKE_DAEMON)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_until_it_answers(process)
            yield
        finally:
            process.kill()  # a slow question must not make the test wait for it
            process.wait(60)


STARTER = """#!{python}
import sys
sys.path.insert(0, {folder!r})
from fake_daemon import make_fake_service
from smysl_daemon.app import run
sys.exit(run(make_fake_service, detached=True, ready_fd=int(sys.argv[-1])))
"""


@pytest.fixture
def daemon_at_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted daemon is what a client starts that finds none."""
    for name in ("CONFIG", "DATA", "CACHE", "RUNTIME"):
        monkeypatch.setenv(f"SMYSL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
    starter = tmp_path / "python"
    starter.write_text(STARTER.format(python=sys.executable, folder=str(FAKE_DAEMON.parent)))
    starter.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(starter))


def _wait_until_it_answers(process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            connect(find_dirs(), start=False).close()
            return
        except DaemonError:
            assert process.poll() is None, "the fake daemon ended"
            assert time.monotonic() < deadline, "the fake daemon does not answer"
            time.sleep(0.02)
