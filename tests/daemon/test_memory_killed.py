"""A real daemon that is killed in the middle of an import: what was announced is there, nothing is there in part."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_process import serving

from smysl_daemon.client import Client
from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.memory_protocol import (
    AddMemories,
    ListMemories,
    MapMemory,
    MemoriesAdded,
    MemoryList,
    MemoryMap,
)
from smysl_reasoning.store import Store

PATIENCE_S = 180.0
KILLS = 4
BATCH = 25
SEED = 11
WORDS = ("hen", "egg", "barn", "fox", "fence", "corn", "boat", "river", "stone", "cart")


class Daemon:
    """A process that serves folders of its own, and its death."""

    def __init__(self, root: Path) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        self.env = dict(os.environ) | {
            f"SMYSL_{name}_DIR": str(root / name.lower()) for name in names
        }
        self.dirs: Dirs = find_dirs(self.env)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "smysl_daemon.app"]
        self._process = serving(command, self.env, self.dirs, PATIENCE_S)

    def kill(self) -> None:
        """As a power button does; nothing is told."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    daemon.start()
    yield daemon
    daemon.kill()


def batch(rng: random.Random, number: int) -> tuple[str, ...]:
    return tuple(
        f"{number}-{place}: " + " ".join(rng.choices(WORDS, k=6)) for place in range(BATCH)
    )


def texts_in(daemon: Daemon) -> dict[str, str]:
    """Texts by id."""
    with Client(daemon.dirs.socket) as client:
        found = client.ask(ListMemories(limit=1000, order="new"))
        assert isinstance(found, MemoryList) and found.total == len(found.memories)
        drawn = client.ask(MapMemory(limit=2000))
        assert isinstance(drawn, MemoryMap)
    there = {one.id: one.text for one in found.memories}
    assert {point.memory for point in drawn.points} == set(there)
    assert {end for link in drawn.links for end in (link.a, link.b)} <= set(there)
    return there


@pytest.mark.slow
def test_an_import_that_is_killed_keeps_what_was_announced_and_nothing_in_part(
    daemon: Daemon,
) -> None:
    rng = random.Random(SEED)
    announced: dict[str, str] = {}
    sent: list[tuple[str, ...]] = []
    for round_ in range(KILLS):
        with Client(daemon.dirs.socket) as client:
            for _ in range(3):
                sent.append(batch(rng, len(sent)))
                reply = client.ask(AddMemories(texts=sent[-1], source="import corn.txt"))
                assert isinstance(reply, MemoriesAdded)
                announced |= {one.id: one.text for one in reply.added}
            # this one is under way when the daemon dies, or just before or after
            sent.append(batch(rng, len(sent)))
            client.send(AddMemories(texts=sent[-1], source="import corn.txt"))
            time.sleep(rng.uniform(0, 0.05))
            daemon.kill()
        daemon.start()
        there = texts_in(daemon)
        assert announced.items() <= there.items(), round_
        said = set(there.values())
        assert len(said) == len(there)
        for texts in sent:
            assert len(said.intersection(texts)) in (0, BATCH)
    with Client(daemon.dirs.socket) as client:
        for texts in sent:
            assert isinstance(client.ask(AddMemories(texts=texts)), MemoriesAdded)
    assert sorted(texts_in(daemon).values()) == sorted(text for texts in sent for text in texts)
    daemon.kill()
    store = Store.open(daemon.dirs.database)
    store.check()
    store.close()
