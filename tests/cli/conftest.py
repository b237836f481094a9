"""A real daemon over a scripted service on a temporary socket, and real `smysl` processes."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytest

from smysl_cli.dispatch import run
from smysl_daemon.client import Client
from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.errors import NoDaemon
from smysl_daemon.protocol import Run, RunEnded

FAKE = Path(__file__).parents[1] / "daemon" / "fake_daemon.py"
PATIENCE_S = 120
"""A machine that trains a model at the same time is slow, not broken."""


class Shell:
    """Runs `smysl` as a person would, in folders of its own."""

    def __init__(self, root: Path, *, usual: bool = False) -> None:
        """`usual`: the folders of somebody whose home is `root` and who moved none of them."""
        self.env = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
        if usual:
            moved = [key for key in self.env if key.startswith(("SMYSL_", "XDG_"))]
            self.env = {key: value for key, value in self.env.items() if key not in moved}
            self.env |= {"HOME": str(root), "XDG_RUNTIME_DIR": str(root)}
        else:
            names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
            self.env |= {f"SMYSL_{name}_DIR": str(root / name.lower()) for name in names}
        self.dirs: Dirs = find_dirs(self.env)
        self.daemon: subprocess.Popen[str] | None = None
        self._left: list[subprocess.Popen[str]] = []

    def start_daemon(self) -> None:
        self.daemon = subprocess.Popen(
            [sys.executable, str(FAKE)], env=self.env, stderr=subprocess.DEVNULL, text=True
        )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                Client(self.dirs.socket, timeout_s=PATIENCE_S).close()
                return
            except NoDaemon:
                assert time.monotonic() < deadline and self.daemon.poll() is None
                time.sleep(0.02)

    def smysl(self, *words: str, stdin: bytes | None = None) -> "subprocess.CompletedProcess[str]":
        """Run to the end. Without `stdin` there is nothing to read (as under cron)."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "smysl_cli.app", *words],
            env=self.env,
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=PATIENCE_S,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def popen(self, *words: str, stdin: int | IO[Any] = subprocess.DEVNULL) -> Any:
        """Start and leave running."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "smysl_cli.app", *words],
            env=self.env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._left.append(process)
        return process

    def alive(self) -> bool:
        """The daemon answers a new client."""
        with Client(self.dirs.socket) as client:
            for event in client.stream(Run(question="What is 6 * 7?")):
                if isinstance(event, RunEnded):
                    return event.answer == "42"
        return False

    def close(self) -> None:
        for process in self._left:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.wait()


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[Shell]:
    """Folders without a daemon."""
    shell = Shell(tmp_path)
    yield shell
    shell.close()


@pytest.fixture
def own(cold: Shell) -> Shell:
    """Folders with a daemon that this test alone uses."""
    cold.start_daemon()
    return cold


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Folders with a daemon that a whole module shares: it must survive every test."""
    made = Shell(tmp_path_factory.mktemp("shell"))
    made.start_daemon()
    yield made
    assert made.alive()
    made.close()


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """As `shell`, for somebody who moved no folder."""
    made = Shell(tmp_path_factory.mktemp("usual"), usual=True)
    made.start_daemon()
    yield made
    made.close()


class Said(NamedTuple):
    """What a command ended in."""

    code: int
    out: str
    err: str


class Talk:
    """Runs commands in this process: a process of its own for each would take most of the time."""

    def __init__(
        self, env: dict[str, str], patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self._patch = patch
        self._capture = capture
        for key, value in env.items():
            if key.startswith("SMYSL_"):
                patch.setenv(key, value)
        patch.setenv("COLUMNS", "80")

    def __call__(self, *words: str, stdin: bytes = b"") -> Said:
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capture.readouterr()
        code = run(words)
        out, err = self._capture.readouterr()
        return Said(code, out, err)


@pytest.fixture
def talk(shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Talk:
    """Commands against the daemon that the module shares."""
    return Talk(shell.env, monkeypatch, capsys)
