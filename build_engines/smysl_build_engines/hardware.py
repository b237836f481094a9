"""What this machine is to an engine: processor, memory and its bandwidth, GPUs.

Knows the kernel's files and where limits hide; never a model. What cannot be found out is None, said
as "unknown", and never guessed.
"""

import os
import platform
from pathlib import Path

import msgspec

from smysl_build_engines.gpus import GIB, Gpu
from smysl_build_engines.nvml import Gpus, find_gpus

_FEATURES = {
    "x86_64": {
        "avx2": "AVX2",
        "avx512f": "AVX-512",
        "avx_vnni": "AVX-VNNI",
        "avx512_vnni": "AVX-512 VNNI",
        "avx512_bf16": "AVX-512 BF16",
        "amx_int8": "AMX INT8",
        "amx_bf16": "AMX BF16",
    },
    "aarch64": {
        "asimd": "NEON",
        "asimddp": "dot product",
        "i8mm": "I8MM",
        "bf16": "BF16",
        "sve": "SVE",
    },
}
"""The kernel's names of the instructions that matrix products of the runtime use, and people's."""
_MIN_CACHES = 4
"""Memory is measured over so many times the last cache."""
_MAX_MEASURED = 512 << 20


class Cpu(msgspec.Struct, frozen=True, kw_only=True):
    model: str | None
    architecture: str
    features: dict[str, bool] | None
    """What matters for matrix products, and whether it is there; None is unknown."""
    physical_cores: int | None
    logical_cores: int | None
    usable_cores: float | None
    """Logical cores that this process may use: its affinity and its control group's quota."""
    cache_bytes: int | None
    """Of the last level, all of them together."""

    def lines(self) -> list[str]:
        return [
            f"processor    {self.model or 'unknown'} ({self.architecture})",
            f"cores        {_known(self.physical_cores)} physical, {_known(self.logical_cores)} "
            f"logical, {_known(self.usable_cores)} usable",
            f"features     {self.summary}",
        ]

    @property
    def summary(self) -> str:
        """`AVX2, AVX-512; no AMX INT8`"""
        if self.features is None:
            return "unknown"
        there = ", ".join(name for name, found in self.features.items() if found) or "none"
        absent = ", ".join(name for name, found in self.features.items() if not found)
        return f"{there}; no {absent}" if absent else there


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    total_bytes: int | None
    """Of the machine, or of the control group where that is less."""
    available_bytes: int | None
    """What can be used without swapping, likewise."""
    bandwidth: float | None = None
    """Bytes per second that all usable cores read together; None was not measured."""

    def lines(self) -> list[str]:
        bandwidth = "not measured"
        if self.bandwidth is not None:
            bandwidth = f"{self.bandwidth / 1e9:.1f} GB/s read"
        return [
            f"memory       {_gib(self.total_bytes)}, {_gib(self.available_bytes)} available",
            f"bandwidth    {bandwidth}",
        ]


class Hardware(msgspec.Struct, frozen=True, kw_only=True):
    cpu: Cpu
    memory: Memory
    gpus: tuple[Gpu, ...] = ()
    driver: str | None = None
    """Version of the GPUs' driver."""
    gpu_problem: str | None = None
    """Why an installed driver gave no answer, with the remedy."""

    def lines(self) -> list[str]:
        """For people."""
        lines = [*self.cpu.lines(), *self.memory.lines()]
        lines += [f"gpu          {gpu.line()}" for gpu in self.gpus]
        if self.gpu_problem is not None:
            lines.append(f"gpu          unknown: {self.gpu_problem}")
        elif not self.gpus:
            lines.append("gpu          none (by NVML)")
        return lines


def look(root: Path = Path("/"), *, measure: bool = True, gpus: Gpus | None = None) -> Hardware:
    """This machine. `root`: where `proc` and `sys` lie. `measure`: its memory's bandwidth, which
    takes about a second. `gpus`: those found already; None asks the driver.
    """
    cpu = find_cpu(root)
    memory = find_memory(root)
    if measure:
        memory = msgspec.structs.replace(memory, bandwidth=_measured(cpu, memory))
    found = find_gpus() if gpus is None else gpus
    return Hardware(
        cpu=cpu,
        memory=memory,
        gpus=found.found,
        driver=found.driver,
        gpu_problem=found.problem,
    )


def find_cpu(root: Path = Path("/")) -> Cpu:
    architecture = platform.machine() or "unknown"
    fields = _cpu_fields(root)
    flags = fields.get("flags", fields.get("Features"))
    known = _FEATURES.get(architecture)
    features = None
    if flags is not None and known is not None:
        there = set(flags.split())
        features = {name: flag in there for flag, name in known.items()}
    cpus = root / "sys" / "devices" / "system" / "cpu"
    siblings = {
        text
        for path in cpus.glob("cpu[0-9]*/topology/thread_siblings_list")
        if (text := _text(path)) is not None
    }
    return Cpu(
        model=fields.get("model name") or platform.processor() or None,
        architecture=architecture,
        features=features,
        physical_cores=len(siblings) or None,
        logical_cores=os.cpu_count(),
        usable_cores=_usable_cores(root),
        cache_bytes=_last_cache(cpus),
    )


def find_memory(root: Path = Path("/")) -> Memory:
    lines = (_text(root / "proc" / "meminfo") or "").splitlines()
    fields = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    total, available = (
        1024 * int(fields[name][0]) if fields.get(name) else None
        for name in ("MemTotal", "MemAvailable")
    )
    for folder in _groups(root):
        limit = _number(folder / "memory.max")
        if limit is None:
            continue
        total = limit if total is None else min(total, limit)
        used = _number(folder / "memory.current")
        if used is not None:
            # the kernel gives cached files up before it refuses memory
            left = max(0, limit - used + _reclaimable(folder))
            available = left if available is None else min(available, left)
    return Memory(total_bytes=total, available_bytes=available)


def _measured(cpu: Cpu, memory: Memory) -> float | None:
    from smysl_build_engines.bandwidth import DEFAULT_BYTES, read_bandwidth

    size = min(max(DEFAULT_BYTES, _MIN_CACHES * (cpu.cache_bytes or 0)), _MAX_MEASURED)
    if memory.available_bytes is not None and 2 * size > memory.available_bytes:
        return None
    return read_bandwidth(max(1, int(cpu.usable_cores or cpu.logical_cores or 1)), size)


def _cpu_fields(root: Path) -> dict[str, str]:
    """Of the first processor in /proc/cpuinfo."""
    first = (_text(root / "proc" / "cpuinfo") or "").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _usable_cores(root: Path) -> float | None:
    try:
        usable: float | None = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        usable = os.cpu_count()
    for folder in _groups(root):
        quota, _, period = (_text(folder / "cpu.max") or "").partition(" ")
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            share = round(int(quota) / int(period), 2)
            usable = share if usable is None else min(usable, share)
    return usable


def _groups(root: Path) -> list[Path]:
    """This process's control group (version 2) and those above it, each of which may limit it."""
    top = root / "sys" / "fs" / "cgroup"
    lines = (_text(root / "proc" / "self" / "cgroup") or "").splitlines()
    name = next((line[3:] for line in lines if line.startswith("0::")), "/")
    inner = top / name.lstrip("/")
    return [folder for folder in (inner, *inner.parents) if folder.is_relative_to(top)]


def _reclaimable(folder: Path) -> int:
    for line in (_text(folder / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file" and value.isdigit():
            return int(value)
    return 0


def _last_cache(cpus: Path) -> int | None:
    sizes: dict[tuple[int, str], int] = {}
    for index in cpus.glob("cpu[0-9]*/cache/index[0-9]*"):
        level, size = _text(index / "level"), _text(index / "size")
        shared = _text(index / "shared_cpu_list")
        if level is None or size is None or shared is None or not size.endswith("K"):
            continue
        sizes[int(level), shared] = 1024 * int(size[:-1])
    if not sizes:
        return None
    last = max(level for level, _ in sizes)
    return sum(size for (level, _), size in sizes.items() if level == last)


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text is not None and text.isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def _known(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _gib(value: int | None) -> str:
    return "unknown" if value is None else f"{value / GIB:.1f} GiB"
