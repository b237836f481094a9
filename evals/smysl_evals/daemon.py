"""Finds the daemon to measure: the one that runs, or one of its own that is gone afterwards.

Knows the client library; never suites or results.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from smysl_daemon.client import Client, Tell, connect
from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.errors import DaemonError, FrameError, NoDaemon
from smysl_daemon.protocol import DaemonStatus, GetStatus, ListPrograms, ProgramList, Stop
from smysl_evals.errors import BadResults

STOP_LIMIT_S = 30.0


class Daemon(msgspec.Struct, frozen=True):
    """A daemon that answers."""

    dirs: Dirs
    status: DaemonStatus
    programs: tuple[str, ...]

    def open(self) -> Client:
        """A new connection. Raises `smysl_daemon.errors.Unreachable`."""
        return connect(self.dirs, start=False)


def running_daemon(tell: Tell) -> Daemon:
    """The user's daemon, started when none runs. Raises what `connect` raises."""
    return _look(find_dirs(), tell)


@contextlib.contextmanager
def own_daemon(tell: Tell) -> Iterator[Daemon]:
    """A daemon with an empty journal of its own, stopped and removed afterwards.

    Nothing is remembered from earlier questions, and nothing is left in the user's sessions. The
    engine store is shared, so no engine is built again.
    """
    folder = Path(tempfile.mkdtemp(prefix="smysl-eval-"))
    names = {"SMYSL_DATA_DIR": folder / "data", "SMYSL_RUNTIME_DIR": folder / "run"}
    before = {name: os.environ.get(name) for name in names}
    # the environment is how a daemon that the client starts learns its folders
    os.environ.update({name: str(path) for name, path in names.items()})
    try:
        dirs = find_dirs()
        try:
            yield _look(dirs, tell)
        finally:
            _stop(dirs)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        shutil.rmtree(folder, ignore_errors=True)


def known_programs(daemon: Daemon, programs: Sequence[str]) -> None:
    """Raises `BadResults` for a program the daemon does not have."""
    for name in programs:
        if name not in daemon.programs:
            raise BadResults(f"no program {name!r}; there are {', '.join(daemon.programs)}")


def _look(dirs: Dirs, tell: Tell) -> Daemon:
    with connect(dirs, tell=tell) as client:
        status = client.ask(GetStatus())
        programs = client.ask(ListPrograms())
    assert isinstance(status, DaemonStatus), status
    assert isinstance(programs, ProgramList), programs
    return Daemon(dirs, status, tuple(p.name for p in programs.programs))


def _stop(dirs: Dirs) -> None:
    deadline = time.monotonic() + STOP_LIMIT_S
    with contextlib.suppress(DaemonError):
        with connect(dirs, start=False) as client, contextlib.suppress(FrameError):
            client.ask(Stop())
            while time.monotonic() < deadline:
                client.receive()  # ends when the daemon closes the connection
    while time.monotonic() < deadline:
        try:
            connect(dirs, start=False).close()
        except NoDaemon:
            return
        except DaemonError:
            pass  # it is closing down
        time.sleep(0.05)
