"""How much memory the daemon takes with the engine that is set: what its service may have at most.

`python -m smysl_daemon.memory_plan` answers in one JSON document, or `null` with a line on standard
error where nothing is known. Arithmetic over a manifest; opens no engine.
"""

import sys
from pathlib import Path

import msgspec

from smysl_daemon.config import (
    MEGABYTE,
    Config,
    Dirs,
    find_dirs,
    is_server,
    load_config,
    model_folder,
    models_dir,
)
from smysl_daemon.errors import BadConfig, DaemonError
from smysl_engines.base import EngineError
from smysl_engines.manifest import Manifest
from smysl_engines.shelf import find_engine

RUNTIME_BYTES = 300_000_000
"""Python, the libraries and activations; measured with a model of 0.5 B parameters."""
BUILD_FACTOR = 3
"""A build beside it holds a checkpoint widened to float32, its engine and what verifies it: an
assumption. `smysl-build --dry-run` plans one build exactly."""
MARGIN = 1.25
"""Between what is planned, where systemd begins to reclaim, and what ends the process."""


class MemoryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes."""

    model: str
    fingerprint: str
    weights_bytes: int
    """Mapped from their files; the kernel may drop and read them again."""
    rows_bytes: int
    """Keys and values of the calls that run."""
    blocks_bytes: int
    """Of prefixes that are kept for reuse."""
    runtime_bytes: int
    build_bytes: int
    """Of building the engine anew, in a process of its own; 0 where it has no checkpoint here."""
    high_bytes: int
    """All of these."""
    max_bytes: int


def memory_plan(dirs: Dirs, config: Config) -> MemoryPlan:
    """Raises `BadConfig` and `EngineError` with the reason where nothing can be said."""
    if is_server(config.model):
        raise BadConfig(f"model {config.model!r} is a server; its memory is not this machine's")
    try:
        source: Path | None = model_folder(config.model, models_dir())
    except BadConfig:
        source = None
    name = config.model if source is None else source.resolve().name
    found = find_engine(dirs.engines, name)
    assert found.manifest is not None
    return _plan(found.manifest, config, source)


def _plan(manifest: Manifest, config: Config, source: Path | None) -> MemoryPlan:
    if manifest.backend != "onnx" or manifest.kind != "decoder":
        raise BadConfig(
            f"engine {manifest.model} ({manifest.backend}, {manifest.kind}) has no plan of memory"
        )
    # onnxruntime: not for who only asks for the reasons above
    from smysl_engines.onnx_model import KV_BYTES, blocks_for, kv_bytes_per_token
    from smysl_engines.prefix_tree import BLOCK

    shape = manifest.architecture
    each = kv_bytes_per_token(shape)
    cap = KV_BYTES if config.kv_megabytes is None else config.kv_megabytes * MEGABYTE
    weights = sum(entry.bytes for entry in manifest.files.values())
    rows = (config.max_batch + 1) * shape.context * each
    blocks = blocks_for(shape, config.max_batch, cap) * BLOCK * each
    checkpoint = 0 if source is None else sum(entry.bytes for entry in manifest.source.values())
    build = BUILD_FACTOR * checkpoint + (RUNTIME_BYTES if checkpoint else 0)
    high = weights + rows + blocks + RUNTIME_BYTES + build
    return MemoryPlan(
        model=manifest.model,
        fingerprint=manifest.fingerprint,
        weights_bytes=weights,
        rows_bytes=rows,
        blocks_bytes=blocks,
        runtime_bytes=RUNTIME_BYTES,
        build_bytes=build,
        high_bytes=high,
        max_bytes=round(high * MARGIN),
    )


def main() -> None:
    try:
        dirs = find_dirs()
        plan: MemoryPlan | None = memory_plan(dirs, load_config(dirs.config_file))
    except (DaemonError, EngineError) as error:
        print(f"smysl: {' '.join(str(error).split())}", file=sys.stderr)
        plan = None
    print(msgspec.json.encode(plan).decode())


if __name__ == "__main__":
    main()
