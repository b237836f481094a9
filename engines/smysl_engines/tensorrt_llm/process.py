"""Starts and ends the worker process, and keeps what it says on its way to ruin.

Knows a process and its socket; never a frame's meaning or a call.
"""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

from smysl_engines.base import EngineError

_log = logging.getLogger("smysl.tensorrt_llm")

PYTHON_VARIABLE = "SMYSL_TENSORRT_LLM_PYTHON"
"""The Python that TensorRT-LLM is installed in, if it is not ours: the two pin different versions of
the same packages, so in one environment they cannot both be had. It needs msgspec and numpy beside."""
KEPT_LINES = 20
_DEATH_S = 5.0
"""For a killed process to be dead: one that waits for a driver takes its time."""
_LAUNCH = Path(__file__).with_name("launch.py")
_SETTINGS = {
    # everything is on this machine, and what is done here concerns nobody else
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRTLLM_NO_USAGE_STATS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class WorkerProcess:
    """One life of the worker. Its socket says when it is over."""

    def __init__(self, python: str | None = None) -> None:
        """Raises `EngineError` if it cannot be started."""
        program = python or os.environ.get(PYTHON_VARIABLE) or sys.executable
        self.socket, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [program, "-P", str(_LAUNCH), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | _SETTINGS,
                pass_fds=[theirs.fileno()],
                # a session of its own: the library starts processes that outlive its death, and are found
                # by it; and a Ctrl-C at the terminal is for us
                start_new_session=True,
            )
        except OSError as error:
            self.socket.close()
            raise EngineError(
                f"the worker of TensorRT-LLM cannot be started with {program} ({error.strerror}); set "
                f"{PYTHON_VARIABLE} to the Python that it is installed in"
            ) from error
        finally:
            theirs.close()
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """For one that hangs. `end` is still to be called."""
        self._process.kill()

    def end(self, patience_s: float) -> str:
        """Wait for its end, which the socket's closing asks for, and after `patience_s` force it.
        Returns how it ended, for people."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        until = time.monotonic() + patience_s
        while not self.ended and time.monotonic() < until:
            time.sleep(0.01)
        # as long as nobody has waited for it, its number belongs to it and its session
        end_session(self._process.pid)
        self._process.wait()
        self._listener.join(1.0)
        code = self._process.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        last = next((line for line in reversed(self._lines) if line), "")
        return f"{how}; it last said: {last}" if last and code else how

    @property
    def ended(self) -> bool:
        """It is dead, whether or not its socket has said so yet."""
        return has_ended(self._process.pid)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for raw in said:
                line = raw.decode(errors="replace").rstrip()
                self._lines.append(line)
                _log.info("%s", line)


def has_ended(child: int) -> bool:
    """Without collecting it: its number stays its own."""
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True  # and somebody has collected it


def end_session(id: int) -> None:
    """Kill a session's leader, if it still runs, and what it left behind, and wait until they are dead: a
    process of the library that holds the card's memory would leave none for the next one. To be called
    before the leader is collected, after which its number may be another's."""
    until = time.monotonic() + _DEATH_S
    while members := _alive_in(id):
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        if time.monotonic() >= until:
            _log.warning("processes %s do not end after SIGKILL: they wait for a device", members)
            return
        time.sleep(0.005)


def _alive_in(session: int) -> list[int]:
    """Its processes that are not dead yet; one that is dead may still wait to be collected."""
    alive = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # pid (name) state ppid pgrp session ...; a name may hold anything but ends with the last ")"
            state, _, _, its_session = entry.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if int(its_session) == session and state not in "ZX":
            alive.append(int(entry.parent.name))
    return alive
