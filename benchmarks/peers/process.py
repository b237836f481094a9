"""A peer's process, from the driver's side: one JSON object a line each way, and what it costs.

Knows pipes and /proc; never what is measured.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PER_S = os.sysconf("SC_CLK_TCK")


class PeerFailed(Exception):
    """The process ended or could not start; the message has what it last said."""


@dataclass(frozen=True)
class Memory:
    """Of one process, in MB (10^6 bytes)."""

    now: float
    peak: float
    """Since the last `forget_peak`."""
    own: float
    """Not backed by a file: what another process could not share."""


class PeerProcess:
    """One running peer. The driver's thread alone calls it."""

    def __init__(self, name: str, command: list[str], root: Path, log: Path) -> None:
        """Start it and wait until its model is loaded. Raises `PeerFailed`."""
        self.name = name
        self._log = log
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(
            part for part in (str(root), environment.get("PYTHONPATH")) if part
        )
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            env=environment,
        )
        self.ready = self._read()

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request's answer. Raises `PeerFailed` if the process ends first."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise PeerFailed(self._last_words()) from None
        return self._read()

    def memory(self) -> Memory:
        fields = self._status()
        return Memory(fields["VmRSS"], fields["VmHWM"], fields["RssAnon"])

    def forget_peak(self) -> None:
        """Start the peak anew at what is resident now (proc(5), clear_refs)."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def cpu_s(self) -> float:
        """Processor time so far, of all its threads."""
        text = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _PER_S

    def close(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(timeout=20)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerFailed(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        code = self._process.wait()
        said = self._log.read_text(errors="replace").strip().splitlines()
        return f"its process ended with {code}: {' / '.join(said[-3:])}"

    def _status(self) -> dict[str, float]:
        found = {}
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if value.strip().endswith("kB"):
                found[name] = int(value.split()[0]) * 1024 / 1e6
        return found
