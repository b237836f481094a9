"""A build that dies at any instant: the store stays clean, and the next build puts things in order."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smysl_build_engines.random_model import SMALL, write_random_model
from smysl_build_engines.store_app import survey

BUILD = (sys.executable, "-c", "from smysl_build_engines.app import main; main()")
MOMENTS = 10


def start(source: Path, store: Path, precision: str) -> "subprocess.Popen[str]":
    words = (str(source), "--store", str(store), "--force", "--precision", precision)
    return subprocess.Popen(
        [*BUILD, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def lines_of(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stderr is not None
    with process.stderr:
        lines = process.stderr.readlines()
    assert process.wait() == 0, lines
    return lines


def die_after(process: "subprocess.Popen[str]", lines: int, seconds: float) -> None:
    """Killed so long after it said so many lines, or was started."""
    assert process.stderr is not None
    with process.stderr:
        for _ in range(lines):
            process.stderr.readline()
        time.sleep(seconds)
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_build_killed_at_ten_random_moments_leaves_a_clean_store(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4))
    chance = random.Random(seed)
    source = write_random_model(tmp_path / "model", SMALL)
    store = tmp_path / "engines"
    began = time.monotonic()
    said = lines_of(start(source, store, "int8"))
    duration = time.monotonic() - began
    where = f"seed {seed}, of {duration:.2f} s and {len(said)} lines"
    for moment in range(MOMENTS):
        # some by the clock, some by what the build does: publishing takes a blink
        precision = chance.choice(("int8", "fp32"))
        process = start(source, store, precision)
        if moment % 2:
            die_after(process, chance.randint(1, len(said)), chance.uniform(0, 0.02))
        else:
            die_after(process, 0, chance.uniform(0, duration))
        found = survey(store, verify=True)
        assert found and [one.problem for one in found if one.problem] == [], where
    shelf = [sys.executable, "-m", "smysl_build_engines.store_app", str(store), "verify"]
    verified = subprocess.run(shelf, capture_output=True, text=True, check=True)
    assert {one["problem"] for one in json.loads(verified.stdout)} == {None}, where
    lines_of(start(source, store, "int4"))
    (engine,) = survey(store, verify=True)
    assert (engine.precision, engine.problem) == ("int4", None)
    assert {path.name for path in store.iterdir()} == {".lock", engine.fingerprint}, where
