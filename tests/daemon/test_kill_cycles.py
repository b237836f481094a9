"""A real daemon with the bundled model, killed with SIGKILL again and again: nothing that was finished changes,
nothing is made twice, every run ends.

`SMYSL_KILL_CYCLES` says how often it is killed; a release is tested with 200.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from smysl_daemon.client import Client
from smysl_daemon.config import Dirs, find_dirs
from smysl_daemon.errors import Unreachable
from smysl_daemon.protocol import Accepted, Run
from smysl_reasoning.nodes import Kind
from smysl_reasoning.store import RunRecord, Store

CYCLES = int(os.environ.get("SMYSL_KILL_CYCLES", "12"))
SEED = int(os.environ.get("SMYSL_KILL_SEED", "3"))
PATIENCE_S = 180.0
"""A machine that does other work is slow, not broken."""
SAMPLES = 24
"""Of each question: more than one batch, so that a kill finds some finished and some under way."""
KINDS: tuple[Kind, ...] = ("question", "plan", "choice", "check")
"""Kinds of which a finished run has at least one."""

Rows = dict[tuple[str, int], tuple[object, ...]]


class Daemon:
    """A process that serves folders of its own, and its death."""

    def __init__(self, root: Path) -> None:
        names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
        self._env = dict(os.environ) | {
            f"SMYSL_{name}_DIR": str(root / name.lower()) for name in names
        }
        self._env["OMP_NUM_THREADS"] = "1"
        self.dirs: Dirs = find_dirs(self._env)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns before it is ready."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "smysl_daemon.app"],
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def client(self) -> Client:
        """A connection, once it serves."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return Client(self.dirs.socket, timeout_s=PATIENCE_S)
            except Unreachable:
                assert self._process is not None and self._process.poll() is None, (
                    "it ended by itself"
                )
                assert time.monotonic() < deadline
                time.sleep(0.01)

    def kill(self) -> None:
        """As a power button does; nothing is told."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Its engine is built."""
    daemon = Daemon(tmp_path_factory.mktemp("killed"))
    daemon.start()
    daemon.client().close()
    daemon.kill()
    yield daemon
    daemon.kill()


def rows(store: Store) -> Rows:
    """Every revision of every node that is in the file, with what must never change."""
    with store.snapshot() as db:
        found = db.execute(
            "SELECT id, revision, value_hash, session, run, place, recipe_key, status, seq FROM nodes"
        ).fetchall()
    return {(id, revision): tuple(rest) for id, revision, *rest in found}


def made_twice(store: Store) -> list[object]:
    """Places of a run that hold more than one node, and recipes that a run has followed twice."""
    with store.snapshot() as db:
        places = db.execute(
            "SELECT run, place FROM nodes WHERE place IS NOT NULL GROUP BY run, place "
            "HAVING count(*) > 1"
        ).fetchall()
        recipes = db.execute(
            "SELECT run, recipe_key FROM nodes WHERE recipe_key IS NOT NULL "
            "GROUP BY run, recipe_key HAVING count(*) > 1"
        ).fetchall()
    return [*places, *recipes]


def ask(daemon: Daemon, number: int) -> None:
    """Returns as soon as the question is in the journal."""
    question = f"Tom has {number} boxes with 4 apples each. He eats 2. How many apples are left?"
    with daemon.client() as client:
        reply = client.ask(Run(question=question, options={"samples": SAMPLES}, seed=number))
        assert isinstance(reply, Accepted)


def runs(store: Store) -> list[RunRecord]:
    with store.snapshot() as db:
        ids = [id for (id,) in db.execute("SELECT id FROM runs ORDER BY id")]
    return [store.run(id) for id in ids]


def unfinished(daemon: Daemon) -> int:
    """Runs that have not ended; the daemon may serve meanwhile."""
    db = sqlite3.connect(f"file:{daemon.dirs.database}?mode=ro", uri=True)
    (count,) = db.execute("SELECT count(*) FROM runs WHERE outcome IS NULL").fetchone()
    db.close()
    return int(count)


@pytest.mark.slow
def test_a_daemon_killed_at_any_moment_keeps_what_was_finished_and_makes_nothing_twice(
    daemon: Daemon,
) -> None:
    chance = random.Random(SEED)
    known: Rows = {}
    asked = 0
    for _ in range(CYCLES):
        going = unfinished(daemon) > 0
        daemon.start()
        if going and chance.random() < 0.4:
            # at any moment of a start, too
            time.sleep(chance.uniform(0.0, 2.5))
        else:
            if going:
                daemon.client().close()
            else:
                asked += 1
                ask(daemon, 10 + asked)
            time.sleep(chance.choice((0.0, 0.02, 0.1, 0.5, 1.5)) * chance.random())
        daemon.kill()
        known = _examined(daemon, known)

    daemon.start()
    deadline = time.monotonic() + PATIENCE_S
    daemon.client().close()
    while unfinished(daemon):
        assert time.monotonic() < deadline, "a run was not resumed to its end"
        time.sleep(0.1)
    daemon.kill()
    _examined(daemon, known)

    store = Store.open(daemon.dirs.database)
    ended = runs(store)
    assert len(ended) == asked
    for run in ended:
        assert run.finished is not None and run.finished.outcome == "done", run.finished
        kinds = Counter(node.kind for node in store.run_nodes(run.id))
        assert kinds["candidate"] == SAMPLES + 1 and all(kinds[kind] for kind in KINDS), kinds
        graph = store.view(run.session).graph
        assert graph.stale() == []
    store.close()


def _examined(daemon: Daemon, known: Rows) -> Rows:
    """What the file holds, after all of it was found sound."""
    store = Store.open(daemon.dirs.database)
    try:
        store.check()
        now = rows(store)
        assert {key: now.get(key) for key in known} == known, "a finished node has changed"
        assert made_twice(store) == []
        return now
    finally:
        store.close()
