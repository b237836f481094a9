"""What the kernel's files say about a machine, true or missing; and its memory's measured speed."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from smysl_build_engines.bandwidth import read_bandwidth
from smysl_build_engines.hardware import find_cpu, find_memory, look
from smysl_build_engines.nvml import Gpus

CPUINFO = """processor\t: 0
model name\t: AMD EPYC 9354 32-Core Processor
flags\t\t: fpu avx2 fma avx512f avx512_vnni

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
Tree = Callable[[dict[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A root folder with the given files."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.fixture
def x86(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def test_features_are_there_absent_or_unknown(
    tree: Tree, x86: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({"proc/cpuinfo": CPUINFO})
    cpu = find_cpu(root)
    assert cpu.model == "AMD EPYC 9354 32-Core Processor"
    assert cpu.features is not None
    assert cpu.features["AVX2"] and cpu.features["AVX-512 VNNI"]
    assert not cpu.features["AMX INT8"]
    assert "; no AVX-VNNI, AVX-512 BF16, AMX INT8" in cpu.summary
    (root / "proc" / "cpuinfo").write_text("Features\t: fp asimd asimddp i8mm\n")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    arm = find_cpu(root).features
    assert arm is not None and arm["dot product"] and not arm["SVE"]
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert find_cpu(root).features is None
    assert find_cpu(root).summary == "unknown"


def test_cores_that_share_one_are_counted_once(tree: Tree, x86: None) -> None:
    cpus = "sys/devices/system/cpu"
    root = tree(
        {f"{cpus}/cpu{i}/topology/thread_siblings_list": f"{i % 2},{i % 2 + 2}" for i in range(4)}
        | {f"{cpus}/cpu{i}/cache/index3/level": "3" for i in range(4)}
        | {f"{cpus}/cpu{i}/cache/index3/size": "32768K" for i in range(4)}
        | {f"{cpus}/cpu{i}/cache/index3/shared_cpu_list": f"{i // 2}" for i in range(4)}
        | {f"{cpus}/cpu{i}/cache/index2/level": "2" for i in range(4)}
        | {f"{cpus}/cpu{i}/cache/index2/size": "1024K" for i in range(4)}
        | {f"{cpus}/cpu{i}/cache/index2/shared_cpu_list": f"{i}" for i in range(4)}
    )
    cpu = find_cpu(root)
    assert cpu.physical_cores == 2
    assert cpu.cache_bytes == 2 * 32 << 20
    assert find_cpu(root / "nothing").physical_cores is None
    assert find_cpu(root / "nothing").cache_bytes is None


@pytest.mark.parametrize(
    ("quotas", "share"),
    [
        ({"a/b": "50000 100000"}, 0.5),
        ({"a/b": "max 100000", "a": "25000 100000"}, 0.25),
        ({"a/b": "rubbish", "c": "1 100000"}, None),
        ({}, None),
    ],
)
def test_a_control_groups_quota_bounds_the_usable_cores(
    tree: Tree, quotas: dict[str, str], share: float | None
) -> None:
    root = tree(
        {"proc/self/cgroup": "0::/a/b\n"}
        | {f"sys/fs/cgroup/{name}/cpu.max": f"{text}\n" for name, text in quotas.items()}
    )
    everything = len(os.sched_getaffinity(0))
    assert find_cpu(root).usable_cores == (share or everything)


def test_memory_is_the_machines_or_the_control_groups(tree: Tree) -> None:
    group = "sys/fs/cgroup/a"
    files = {
        "proc/meminfo": "MemTotal:       8000 kB\nMemFree: 1 kB\nMemAvailable:   6000 kB\n",
        "proc/self/cgroup": "1:name=systemd:/x\n0::/a\n",
    }
    root = tree(files)
    assert find_memory(root).total_bytes == 8000 * 1024
    assert find_memory(root).available_bytes == 6000 * 1024
    tree(
        {
            f"{group}/memory.max": "1000000\n",
            f"{group}/memory.current": "900000\n",
            f"{group}/memory.stat": "anon 500000\ninactive_file 300000\n",
        }
    )
    limited = find_memory(root)
    assert limited.total_bytes == 1_000_000
    assert limited.available_bytes == 400_000
    tree({f"{group}/memory.max": "max\n"})
    assert find_memory(root).total_bytes == 8000 * 1024


def test_what_cannot_be_found_out_is_unknown(tmp_path: Path, x86: None) -> None:
    memory = find_memory(tmp_path)
    assert (memory.total_bytes, memory.available_bytes) == (None, None)
    found = look(tmp_path, measure=False, gpus=Gpus(problem="no answer; reboot"))
    lines = "\n".join(found.lines())
    assert "memory       unknown, unknown available" in lines
    assert "features     unknown" in lines
    assert "not measured" in lines
    assert "unknown: no answer; reboot" in lines


def test_this_machine_is_seen(tmp_path: Path) -> None:
    found = look(measure=False, gpus=Gpus())
    assert found.memory.total_bytes is not None and found.memory.available_bytes is not None
    assert 0 < found.memory.available_bytes <= found.memory.total_bytes
    assert found.cpu.logical_cores and found.cpu.usable_cores
    assert found.cpu.usable_cores <= found.cpu.logical_cores
    assert "gpu          none (by NVML)" in found.lines()


def test_too_little_memory_is_not_measured(tree: Tree) -> None:
    root = tree({"proc/meminfo": "MemTotal: 300000 kB\nMemAvailable: 200000 kB\n"})
    assert look(root, gpus=Gpus()).memory.bandwidth is None


def test_the_bandwidth_is_that_of_the_fastest_pass() -> None:
    size = 8 * 3 * 1000
    passes = [(0.0, 1.0), (1.0, 1.25), (2.0, 4.0)]
    times = iter([0.0, *(time for one in passes for time in one), 4.0])
    assert read_bandwidth(3, size, clock=lambda: next(times)) == size / 0.25


def test_a_measured_bandwidth_is_a_machines() -> None:
    found = read_bandwidth(1, 8 << 20)
    assert np.isfinite(found) and 1e8 < found < 1e13
