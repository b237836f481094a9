"""Processes of the build step: how long they may take, and what they leave behind."""

import shutil
import sys
from pathlib import Path

import pytest

from smysl_build_engines.tensorrt_llm.errors import ToolkitFailed
from smysl_build_engines.tensorrt_llm.spawn import Spawner


def test_a_process_that_does_not_end_is_stopped_and_named() -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(ToolkitFailed, match="the build of tiny had not ended after 0.1 s"):
        Spawner(limit_s=0.1).start(sleeping, "the build of tiny")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_what_a_process_leaves_running_is_ended_also_in_a_group_of_its_own(tmp_path: Path) -> None:
    left = tmp_path / "left"
    # -m: each job is a group of its own, as those are that MPI starts
    command = ["bash", "-mc", f"sleep 600 & echo $! > {left}; exit 3"]
    assert Spawner().start(command, "leaving") == 3
    place = Path(f"/proc/{left.read_text().strip()}/stat")
    try:
        state = place.read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return
    assert state in "ZX"  # nobody may be there to collect it


def test_what_is_given_is_read_whole() -> None:
    count = 1 << 20
    reads = f"import sys; sys.exit(0 if len(sys.stdin.buffer.read()) == {count} else 1)"
    assert Spawner().start([sys.executable, "-c", reads], "reading", bytes(count)) == 0
