"""Starts the daemon for a client that found none, and waits until it can be used.

Knows processes and pipes; the daemon reports its progress and its failure through `--ready-fd`,
so that the person sees the reason and not a time-out.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from enum import Enum
from pathlib import Path

from smysl_daemon.client import Client, Tell
from smysl_daemon.config import Dirs
from smysl_daemon.errors import NoDaemon, Unreachable
from smysl_daemon.lifecycle import holder, lock_is_free

SILENCE_LIMIT_S = 120.0
"""Longest wait for the next sign of life; building the bundled engine reports as it goes."""
READY, STATUS, FAILED, TAKEN = "ready", "status", "failed", "taken"
"""First word of a line on the readiness pipe. `taken`: another daemon got there first."""


def start_daemon(dirs: Dirs, *, tell: Tell | None = None) -> None:
    """Start a detached `smysld` and return when it accepts connections. Raises `Unreachable`.

    When another daemon holds the data folder it is waited for: it may be starting, or stopping,
    and then a new one is started after it.
    """
    deadline = time.monotonic() + SILENCE_LIMIT_S
    while _start_once(dirs, tell) is _Outcome.TAKEN:
        while not lock_is_free(dirs.lock):
            if _listens(dirs):
                return
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"a daemon (pid {holder(dirs.lock)}) holds {dirs.data} but does not listen on "
                    f"{dirs.socket}. Was it started with another SMYSL_RUNTIME_DIR? Stop it with "
                    "`smysl daemon stop`."
                )
            time.sleep(0.05)


def _listens(dirs: Dirs) -> bool:
    try:
        Client(dirs.socket).close()
    except NoDaemon:
        return False
    return True


class _Outcome(Enum):
    READY = 1
    TAKEN = 2


def _start_once(dirs: Dirs, tell: Tell | None) -> _Outcome:
    command = [sys.executable, "-P", "-m", "smysl_daemon.app", "--detached"]
    read_end, write_end = os.pipe()
    with tempfile.TemporaryFile() as complaints:
        try:
            child = subprocess.Popen(
                [*command, "--ready-fd", str(write_end)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
                pass_fds=(write_end,),
            )
        finally:
            os.close(write_end)
        try:
            return _wait(read_end, dirs, tell)
        except _Died:
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip().splitlines()
            why = f"It said: {said[-1]}" if said else last_log_line(dirs.log)
            raise Unreachable(f"the daemon ended while starting. {why}") from None
        finally:
            os.close(read_end)
            # the daemon outlives this process on purpose: no warning about it, no waiting for it
            child.returncode = 0


class _Died(Exception):
    """The readiness pipe closed without a word."""


def _wait(read_end: int, dirs: Dirs, tell: Tell | None) -> _Outcome:
    pending = b""
    while True:
        if not select.select([read_end], [], [], SILENCE_LIMIT_S)[0]:
            raise Unreachable(
                f"the daemon did not get ready: no progress for {SILENCE_LIMIT_S:g} s. "
                f"{last_log_line(dirs.log)}"
            )
        data = os.read(read_end, 4096)
        if not data:
            raise _Died
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            word, _, text = line.decode(errors="replace").partition(" ")
            if word == READY:
                return _Outcome.READY
            if word == TAKEN:
                return _Outcome.TAKEN
            if word == FAILED:
                raise Unreachable(f"cannot start the daemon: {text}")
            if word == STATUS and text and tell is not None:
                tell(text)


def daemon_pid(dirs: Dirs) -> int | None:
    """The pid of the daemon that holds the data folder; None when none does."""
    return None if lock_is_free(dirs.lock) else holder(dirs.lock)


def stop_daemon(dirs: Dirs, *, now: bool = False, timeout_s: float = 60.0) -> int | None:
    """Stop the daemon of these folders and wait until it is gone. Returns its pid, None when none
    ran. `now` cancels its runs instead of letting them finish. Raises `Unreachable`.

    Signals rather than messages: they also reach a daemon of another protocol version, and one
    whose socket was lost. The held lock proves that the pid is the daemon's.
    """
    pid = daemon_pid(dirs)
    if pid is None:
        return None
    deadline = time.monotonic() + timeout_s
    # two of the same signal may arrive as one
    for number in (signal.SIGTERM, signal.SIGINT)[: 2 if now else 1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    while daemon_pid(dirs) == pid:
        if time.monotonic() > deadline:
            raise Unreachable(
                f"the daemon (pid {pid}) did not stop within {timeout_s:g} s; "
                "use `smysl daemon stop --now`, or kill it: finished nodes are already on disk"
            )
        time.sleep(0.02)
    return pid


def last_log_line(log: Path) -> str:
    """The log's last line as a sentence for people, or where the log would be."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"Last line of {log}: {lines[-1]}" if lines else f"Its log, {log}, is empty."
