"""A real daemon over an engine of random weights: what it says of the engine, and what the engine
finds again after a kill.

What such a model says means nothing; that it says the same is what counts.
"""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from daemon_process import serving
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from smysl_build_engines.random_model import SMALL, write_random_model
from smysl_daemon.client import Client
from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.protocol import DaemonStatus, GetStatus, NodeFinished, Run, RunEnded
from smysl_daemon.shapes import EngineStatsView
from smysl_reasoning.dialects.native import SPECIALS

PATIENCE_S = 180.0
"""A machine that does other work is slow, not broken."""
QUESTION = "What is 6 * 7? I have asked before, and nobody could tell me."
SMYSLD = """
from smysl_engines import batch
batch.SNAPSHOT_S = 0.0  # a tiny model computes a block sooner than a file is worth
from smysl_daemon.app import main
main()
"""


class Daemon:
    """A process that serves folders of its own, and its death."""

    def __init__(self, root: Path) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME", "MODELS")
        self._env = dict(os.environ) | {
            f"SMYSL_{name}_DIR": str(root / name.lower()) for name in names
        }
        self._env["OMP_NUM_THREADS"] = "1"
        self.dirs: Dirs = find_dirs(self._env)
        self.models = root / "models"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, settings: str = "") -> None:
        """Returns when it serves. Each call's output is the same to the last bit, always."""
        self.dirs.config.mkdir(exist_ok=True)
        self.dirs.config_file.write_text(f"deterministic = true\n{settings}")
        command = [sys.executable, "-P", "-c", SMYSLD]
        self._process = serving(command, self._env, self.dirs, PATIENCE_S)

    def ask(self, question: str = QUESTION) -> tuple[list[str], RunEnded]:
        """What was thought, however that was thought before."""
        texts: list[str] = []
        with Client(self.dirs.socket, timeout_s=PATIENCE_S) as client:
            for event in client.stream(Run(question=question, program="direct", fresh=True)):
                if isinstance(event, NodeFinished):
                    texts.append(event.node.text)
                if isinstance(event, RunEnded):
                    return sorted(texts), event
        raise AssertionError("the run has no end")

    def status(self) -> DaemonStatus:
        with Client(self.dirs.socket, timeout_s=PATIENCE_S) as client:
            found = client.ask(GetStatus())
        assert isinstance(found, DaemonStatus)
        return found

    def engine(self) -> EngineStatsView:
        found = self.status().engine
        assert found is not None
        return found

    def wait(self, true: Callable[[EngineStatsView], bool]) -> EngineStatsView:
        deadline = time.monotonic() + PATIENCE_S
        while not true(found := self.engine()):
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return found

    def end(self, sign: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait()
            self._process = None

    def snapshots(self) -> list[Path]:
        return sorted(self.dirs.snapshots.rglob("*.kv"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder and the engine that a first daemon built from it."""
    root = tmp_path_factory.mktemp("engine")
    tokens = [*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in SPECIALS]
    )
    config = msgspec.structs.replace(
        SMALL, vocab_size=len(tokens), num_hidden_layers=1, hidden_size=64, intermediate_size=64
    )
    daemon = Daemon(root)
    write_random_model(daemon.models / "zerno", config)
    (daemon.models / "zerno" / "tokenizer.json").write_text(tokenizer.to_str())
    daemon.start()
    daemon.end()
    return root


@pytest.fixture
def daemon(built: Path) -> Iterator[Daemon]:
    """Not started, and without snapshots."""
    daemon = Daemon(built)
    shutil.rmtree(daemon.dirs.snapshots, ignore_errors=True)
    yield daemon
    daemon.end()


@pytest.mark.slow
def test_what_the_engine_did_for_runs_adds_up_over_unloading(daemon: Daemon) -> None:
    daemon.start("unload_minutes = 0.002\nkv_megabytes = 4")
    before = daemon.engine()
    assert before.prompt_tokens == 0 and before.finished == {}
    ends = []
    for question in (QUESTION, QUESTION, "And what is 6 * 8?"):
        _, end = daemon.ask(question)
        ends.append(end)
        daemon.wait(lambda found: not found.loaded)
    found = daemon.wait(lambda found: not found.weights_bytes)
    assert found.prompt_tokens == sum(end.usage.prompt_tokens for end in ends)
    assert found.cached_tokens == sum(end.usage.cached_tokens for end in ends)
    assert found.generated_tokens == sum(end.usage.generated_tokens for end in ends)
    calls = sum(end.usage.calls for end in ends)
    assert sum(found.finished.values()) == calls > 0
    # the last token of a call is never computed on
    assert found.computed_tokens == (
        found.prompt_tokens - found.cached_tokens + found.generated_tokens - calls
    )
    assert (found.running, found.waiting, found.held_blocks, found.cached_blocks) == (0, 0, 0, 0)
    # what the first run's engine had cached, the second's read
    assert 0 < found.restored_tokens <= found.cached_tokens
    assert found.saved_blocks == len(daemon.snapshots())


@pytest.mark.slow
def test_a_loaded_engine_says_what_it_holds(daemon: Daemon) -> None:
    daemon.start("kv_megabytes = 4")
    daemon.ask()
    found = daemon.engine()
    assert found.loaded and found.weights_bytes > 0 and found.prefill_tokens_per_s > 0
    assert 0 < found.held_blocks + found.cached_blocks <= found.blocks
    assert 0 < found.kv_bytes <= found.kv_cap_bytes <= 4_000_000
    whole = found.kv_cap_bytes
    daemon.end()
    daemon.start("kv_megabytes = 2")
    assert daemon.engine().kv_cap_bytes <= whole / 2


@pytest.mark.slow
def test_prefixes_outlive_a_kill_and_change_nothing(daemon: Daemon) -> None:
    daemon.start()
    texts, first = daemon.ask()
    # written once the engine rests
    daemon.wait(lambda found: found.saved_blocks == len(daemon.snapshots()) > 0)
    assert daemon.engine().restored_tokens == 0
    daemon.end()
    assert stat.S_IMODE(daemon.dirs.snapshots.stat().st_mode) == 0o700

    daemon.start()
    again, second = daemon.ask()
    found = daemon.engine()
    assert again == texts
    assert found.restored_tokens >= found.block_tokens
    assert second.usage.cached_tokens > first.usage.cached_tokens


@pytest.mark.slow
def test_snapshots_that_a_kill_tore_are_removed_and_change_nothing(daemon: Daemon) -> None:
    daemon.start()
    texts, _ = daemon.ask()
    daemon.end(signal.SIGTERM)
    whole = daemon.snapshots()
    assert whole, "what is left is written at the end"
    for number, path in enumerate(whole):
        content = bytearray(path.read_bytes())
        content[-1] ^= 0xFF
        path.write_bytes((b"", content[:100], content, content + b"\0")[number % 4])
    (daemon.dirs.snapshots / "stray").write_bytes(b"not ours")
    half = whole[0].parent / f"{'00' * 16}.4194305"  # above any process number
    half.write_bytes(b"half of one")
    (whole[0].parent / f"{'ab' * 16}.kv").mkdir()

    daemon.start()
    again, _ = daemon.ask()
    assert again == texts
    assert daemon.engine().restored_tokens == 0
    assert "is damaged; it is removed" in daemon.dirs.log.read_text()
    assert not half.exists()
    daemon.end(signal.SIGTERM)

    # what was torn has been written anew
    daemon.start()
    again, _ = daemon.ask()
    assert again == texts and daemon.engine().restored_tokens > 0


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["snapshots = false", "cache_megabytes = 0"])
def test_no_snapshot_is_written_or_read_where_they_are_switched_off(
    daemon: Daemon, settings: str
) -> None:
    daemon.start()
    daemon.ask()
    daemon.end(signal.SIGTERM)
    before = {path: path.stat().st_mtime_ns for path in daemon.snapshots()}
    daemon.start(settings)
    daemon.ask("Is there anything that was not asked before?")
    daemon.ask()
    assert daemon.engine().restored_tokens == 0
    daemon.end(signal.SIGTERM)
    assert {path: path.stat().st_mtime_ns for path in daemon.snapshots()} == before


@pytest.mark.slow
def test_a_cache_folder_that_others_can_change_is_not_used_and_no_harm_is_done(
    daemon: Daemon,
) -> None:
    daemon.dirs.cache.chmod(0o777)
    try:
        daemon.start()
        daemon.ask()
        daemon.end(signal.SIGTERM)
        assert "no snapshots:" in daemon.dirs.log.read_text()
        assert "SMYSL_CACHE_DIR" in daemon.dirs.log.read_text()
        assert daemon.snapshots() == []
    finally:
        daemon.dirs.cache.chmod(0o700)
