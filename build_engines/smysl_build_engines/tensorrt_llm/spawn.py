"""Runs jobs in processes of their own, so that nothing of the library or of the card stays behind.

Knows processes and how they end; never what a job is for.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

import smysl_engines
from smysl_build_engines.tensorrt_llm.errors import OutOfGpuMemory, ToolkitFailed
from smysl_build_engines.tensorrt_llm.jobs import Answer, Failed, Job
from smysl_engines.tensorrt_llm.process import PYTHON_VARIABLE, end_session, has_ended

TOOLKIT = "smysl_build_engines.tensorrt_llm.toolkit:Installed"
_LAUNCH = Path(__file__).with_name("launch.py")
_SETTINGS = {
    # what is done here concerns nobody else
    "TRTLLM_NO_USAGE_STATS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
LIMIT_S = 6 * 3600.0
"""Of one process: a large model is compiled, or reads a calibration text, in a good hour. The library waits
for ever where a process of its own has died."""
_WAIT_S = 20.0
"""For a process to end after it was told to."""
_LOOK_S = 0.02


class Spawner:
    """Starts one process a job. `toolkit`: what makes the toolkit in there; `environment`: beside our
    own; `limit_s`: the longest a process may take."""

    def __init__(
        self,
        toolkit: str = TOOLKIT,
        environment: Mapping[str, str] | None = None,
        limit_s: float = LIMIT_S,
    ) -> None:
        self.toolkit = toolkit
        self._limit_s = limit_s
        self._environment = {**os.environ, **_SETTINGS, **(environment or {})}

    @property
    def python(self) -> str:
        """That TensorRT-LLM is installed in: $SMYSL_TENSORRT_LLM_PYTHON, else ours."""
        return self._environment.get(PYTHON_VARIABLE) or sys.executable

    def run(self, job: Job, what: str, remedy: str) -> Answer:
        """The answer, which is never `Failed`. `what`: of the work, for errors; `remedy`: for a card
        that is too small. The library's own output goes to standard error.

        Raises `OutOfGpuMemory`, `ToolkitFailed`.
        """
        with tempfile.TemporaryDirectory(prefix="smysl-") as folder:
            target = Path(folder) / "answer.json"
            command = [self.python, str(_LAUNCH), _engines(), self.toolkit, str(target)]
            code = self.start(command, what, msgspec.json.encode(job))
            if not target.is_file():
                raise ToolkitFailed(f"{what} failed: {_ending(code)}. Nothing was published.")
            answer: Answer = msgspec.json.decode(target.read_bytes(), type=Answer)
        if isinstance(answer, Failed):
            if answer.what == "memory":
                raise OutOfGpuMemory(
                    f"{what} ran out of memory on the card: {_short(answer.message)}. Nothing was "
                    f"published. {remedy}"
                )
            raise ToolkitFailed(
                f"{what} failed: {_short(answer.message)}. Nothing was published; the library's own "
                "lines above say more."
            )
        return answer

    def start(self, command: Sequence[str], what: str, given: bytes = b"") -> int:
        """Run to the end; its exit status, negative for a signal. `what`: of the work, for errors. Whatever
        interrupts us ends it and all that it started. Raises `ToolkitFailed` if it cannot be started, or
        takes too long."""
        with tempfile.TemporaryFile() as file:
            file.write(given)
            file.seek(0)
            try:
                process = subprocess.Popen(
                    command,
                    stdin=file,
                    # standard output is for answers, and the library writes what it likes
                    stdout=sys.stderr.fileno() if _has_handle() else subprocess.DEVNULL,
                    env=self._environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise ToolkitFailed(
                    f"{command[0]} cannot be started: {error.strerror}. {PYTHON_VARIABLE} names the "
                    "Python that TensorRT-LLM is installed in; without it, it is the one smysl runs in."
                ) from error
        try:
            if not _wait(process.pid, self._limit_s):
                raise ToolkitFailed(
                    f"{what} had not ended after {self._limit_s:g} s and was stopped. Nothing was "
                    "published; the library's own lines above show how far it came."
                )
        except BaseException:
            _signal(process.pid, signal.SIGTERM)
            _wait(process.pid, _WAIT_S)
            raise
        finally:
            end_session(process.pid)
            process.wait()
        return process.returncode


def _engines() -> str:
    """Folder of the package smysl_engines."""
    return str(Path(smysl_engines.__file__).parent)


def _has_handle() -> bool:
    try:
        sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        return False
    return True


def _wait(child: int, most_s: float) -> bool:
    """Whether it ended in time."""
    until = time.monotonic() + most_s
    while not has_ended(child):
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_S)
    return True


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _ending(code: int) -> str:
    if code >= 0:
        return f"its process ended with the status {code} before it answered"
    name = signal.Signals(-code).name
    hint = ""
    if code == -signal.SIGKILL:
        hint = ", as the kernel does when the machine's own memory runs out (look at `dmesg`)"
    return f"its process was killed by {name}{hint}"


def _short(message: str) -> str:
    words = " ".join(message.split())
    return words if len(words) <= 500 else f"{words[:500]}..."
