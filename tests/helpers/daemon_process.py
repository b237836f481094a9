"""Starts a daemon's process and waits until it serves."""

import subprocess
import time
from collections.abc import Mapping, Sequence

from smysl_daemon.client import Client
from smysl_daemon.config import Dirs
from smysl_daemon.errors import Unreachable


def serving(
    command: Sequence[str], env: Mapping[str, str], dirs: Dirs, patience_s: float
) -> "subprocess.Popen[bytes]":
    """The process; what it wrote to its log is the message where it ends instead."""
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + patience_s
    while True:
        try:
            Client(dirs.socket, timeout_s=patience_s).close()
            return process
        except Unreachable:
            assert process.poll() is None, dirs.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
