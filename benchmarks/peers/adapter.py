"""Writes the adapter that a session's checks run under, in PEFT's form: activated (aLoRA; Greenewald
et al., 2025), random, of rank 16, on all linear layers.

Knows names and sizes; nothing of running it.
"""

from collections.abc import Sequence
from pathlib import Path

NAME = "check"
SEED = 5


def adapter_folder(folder: Path) -> Path:
    return folder / "adapter"


def write_adapter(folder: Path, checkpoint: Path, invocation: Sequence[int]) -> Path:
    """Write it below `folder` unless it is there; returns PEFT's folder. It sets in at the token ids
    `invocation`."""
    from benchmarks import bench_adapters  # smysl's packages, which a peer's Python lacks

    target = adapter_folder(folder)
    # the configuration is written last
    if not (target / "adapter_config.json").is_file():
        bench_adapters.write_adapter(target, checkpoint, SEED, list(invocation))
    return target
