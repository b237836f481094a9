"""The whole daemon over TensorRT-LLM's contract fake, which runs the bundled model: questions, programs
that switch adapters, and a worker that is killed.

Both versions: a compiled engine of 1.2.1, and a checkpoint of the newest main.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import serving
from fake_tensorrt_llm.artefacts import write_artefact
from fake_tensorrt_llm.site import write_site
from peft_adapter import ATTENTION, write_adapter

import smysl_reasoning
from smysl_daemon.client import Client
from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.errors import RequestRefused
from smysl_daemon.protocol import DaemonStatus, GetStatus, Run, RunEnded
from smysl_engines.manifest import read_manifest
from smysl_engines.tensorrt_llm.artefact import Kind

MODEL = Path(__file__).parents[2] / "models" / "zerno"
PATIENCE_S = 180.0
SMYSLD = "from smysl_daemon.app import main; main()"
QUESTION = "Tom has 12 apples and gives 5 to Anna. How many apples does Tom have?"
SWITCHING = {"greedy": "steady", "samples": "bold"}
"""Adapters by step of `solve`; the other steps run on the base."""


class Daemon:
    """A process that serves folders of its own, whose store has one engine for TensorRT-LLM."""

    def __init__(self, root: Path, contract: str, kind: Kind) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME", "MODELS")
        self.calls = root / "calls.jsonl"
        fake = write_site(root / "site", contract, SMYSL_FAKE_CALLS=str(self.calls))
        own = {f"SMYSL_{name}_DIR": str(root / name.lower()) for name in names}
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._env = dict(os.environ) | own | fake | threads
        self.dirs: Dirs = find_dirs(self._env)
        (root / "models").mkdir()
        # so weak that the model still says what it was taught
        adapters = {
            name: write_adapter(root / name, MODEL, ATTENTION, rank=4, seed=seed, lora_alpha=1e-3)
            for seed, name in enumerate(sorted(SWITCHING.values()))
        }
        made = write_artefact(root / "made", MODEL, contract, kind, adapters=adapters)
        self.dirs.engines.mkdir(parents=True)
        made.rename(self.dirs.engines / read_manifest(made).fingerprint)
        folder = self.dirs.config / "programs"
        folder.mkdir(parents=True)
        text = (Path(smysl_reasoning.__file__).parent / "programs" / "solve.toml").read_text()
        text = text.replace('name = "solve"', 'name = "switching"')
        for step, adapter in SWITCHING.items():
            place = f'[[step]]\nname = "{step}"\n'
            assert place in text
            text = text.replace(place, f'{place}adapter = "{adapter}"\n')
        (folder / "switching.toml").write_text(text)
        self.dirs.config_file.write_text('model = "zerno"\n')
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-P", "-c", SMYSLD]
        self.process = serving(command, self._env, self.dirs, PATIENCE_S)

    def ask(self, program: str, question: str = QUESTION) -> RunEnded:
        with Client(self.dirs.socket, timeout_s=PATIENCE_S) as client:
            for event in client.stream(Run(question=question, program=program, fresh=True)):
                if isinstance(event, RunEnded):
                    return event
        raise AssertionError("the run has no end")

    def status(self) -> DaemonStatus:
        with Client(self.dirs.socket, timeout_s=PATIENCE_S) as client:
            found = client.ask(GetStatus())
        assert isinstance(found, DaemonStatus)
        return found

    def workers(self) -> list[int]:
        """Process ids of the daemon's children that are our worker."""
        assert self.process is not None
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and b"launch.py" in (place / "cmdline").read_bytes():
                    found.append(int(place.name))
            except (OSError, ValueError):
                continue
        return found

    def deaths(self) -> int:
        """Workers whose end the daemon has noticed."""
        return self.dirs.log.read_text().count("the worker of TensorRT-LLM ended (")

    def noted(self) -> list[dict[str, Any]]:
        text = self.calls.read_text() if self.calls.exists() else ""
        # the worker may be in the middle of the last one
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def end(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            finally:
                self.process.kill()
            self.process = None


@pytest.fixture(scope="module", params=[("1.2.1", "engine"), ("main", "checkpoint")])
def daemon(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), *request.param)
    daemon.start()
    yield daemon
    daemon.end()


@pytest.mark.slow
def test_a_question_is_solved(daemon: Daemon) -> None:
    end = daemon.ask("solve")
    assert end.outcome == "done"
    assert end.answer is not None and "7" in end.answer
    assert end.usage.calls > 5 and end.usage.generated_tokens > 0
    status = daemon.status()
    assert status.engine is not None and status.engine.loaded


@pytest.mark.slow
def test_a_program_switches_adapters_from_step_to_step(daemon: Daemon) -> None:
    before = len(daemon.noted())
    end = daemon.ask("switching")
    assert end.outcome == "done"
    assert end.answer is not None and "7" in end.answer
    used = {tuple(one["lora"]) if one["lora"] else None for one in daemon.noted()[before:]}
    assert used == {None, ("bold", 1), ("steady", 2)}
    assert len({one["salt"] for one in daemon.noted()}) == 1


@pytest.mark.slow
def test_the_daemon_outlives_its_worker_and_answers_the_next_question(daemon: Daemon) -> None:
    expected = daemon.ask("solve")
    deaths = daemon.deaths()
    (worker,) = daemon.workers()
    os.kill(worker, signal.SIGKILL)
    # the daemon, too, must have seen it: what is asked before that fails with the worker
    deadline = time.monotonic() + PATIENCE_S
    while daemon.deaths() == deaths:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    found = daemon.ask("solve")
    assert (found.outcome, found.answer) == (expected.outcome, expected.answer)
    (other,) = daemon.workers()
    assert other != worker


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_fails_by_name(daemon: Daemon) -> None:
    with Client(daemon.dirs.socket, timeout_s=PATIENCE_S) as client:
        events = client.stream(Run(question=QUESTION, program="solve", fresh=True))
        noted = len(daemon.noted())
        killed = False
        last: Any = None
        try:
            for event in events:
                last = event
                if not killed and len(daemon.noted()) > noted:
                    (worker,) = daemon.workers()
                    os.kill(worker, signal.SIGKILL)
                    killed = True
                if isinstance(event, RunEnded):
                    break
        except RequestRefused as error:
            last = error
    assert killed
    if isinstance(last, RunEnded) and last.outcome == "done":
        return  # its calls had all ended just before
    assert "the worker of TensorRT-LLM ended" in str(last)
    assert daemon.ask("solve").outcome == "done"
