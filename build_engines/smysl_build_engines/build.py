"""Turns a checkpoint into a published engine: plan, write, verify, publish.

Knows the order of the steps; how each is done is in its own module.
"""

import platform
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec

from smysl_build_engines.checkpoint import Checkpoint, open_checkpoint
from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel
from smysl_build_engines.quantise import Precision
from smysl_build_engines.store import EngineStore
from smysl_engines.manifest import (
    FORMAT,
    Architecture,
    FileEntry,
    Manifest,
    describe_file,
    fingerprint,
    write_manifest,
)

BACKEND = "onnx"
DEFAULT_PRECISION: Precision = "fp32"
MAX_CONTEXT = 4096
"""Rotary tables and KV memory are sized by it;
a longer model is cut unless the caller asks otherwise.
"""

Progress = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that a build will do, known before it starts."""

    name: str
    precision: Precision
    architecture: Architecture
    parameters: int
    source: dict[str, FileEntry]


class Built(msgspec.Struct, frozen=True, kw_only=True):
    directory: Path
    manifest: Manifest
    reused: bool
    """A valid engine of the same source was there already; nothing was built."""


def plan(
    checkpoint: Checkpoint, *, name: str, precision: Precision, context: int | None = None
) -> Plan:
    """Raises `UnsupportedModel` if the model cannot have the context,
    `BadCheckpoint` for an unusable name.
    """
    if not name or name[0] in ".-" or not all(c.isalnum() or c in "._-" for c in name):
        raise BadCheckpoint(
            f"{name!r} cannot name an engine; use letters, digits, '.', '_' and '-', "
            "starting with a letter or digit"
        )
    config = checkpoint.config
    longest = config.max_position_embeddings
    if context is not None and not 0 < context <= longest:
        raise UnsupportedModel(f"the model takes contexts of 1 to {longest}; {context} was asked")
    shapes = config.shapes().values()
    return Plan(
        name=name,
        precision=precision,
        architecture=Architecture(
            vocabulary=config.vocab_size,
            hidden_size=config.hidden_size,
            layers=config.num_hidden_layers,
            kv_heads=config.num_key_value_heads,
            head_dim=config.head_dim,
            context=context or min(longest, MAX_CONTEXT),
        ),
        parameters=sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in shapes),
        source={path.name: describe_file(path) for path in checkpoint.files},
    )


def build(
    checkpoint: Checkpoint,
    wanted: Plan,
    store: EngineStore,
    progress: Progress,
    force: bool = False,
) -> Built:
    """Publish the planned engine, or find it published already (unless `force`).

    Safe when several processes do it at once: the later ones wait and find the first one's engine.
    Raises any `BuildError`; then the store is as before.
    """
    with store.lock():
        if not force:
            existing = store.valid(wanted.name, wanted.precision, wanted.source)
            if existing is not None and existing.architecture == wanted.architecture:
                directory = store.folder / existing.fingerprint
                return Built(directory=directory, manifest=existing, reused=True)
        with store.staging() as folder:
            manifest = _compile(checkpoint, wanted, folder, progress)
            progress(f"publishing {manifest.fingerprint}")
            directory = store.publish(folder, manifest)
        return Built(directory=directory, manifest=manifest, reused=False)


def ensure(
    source: Path,
    store: EngineStore,
    *,
    name: str | None = None,
    precision: Precision = DEFAULT_PRECISION,
    progress: Progress = lambda line: None,
) -> Built:
    """The valid engine of a checkpoint folder, built now if it is missing, outdated or damaged."""
    checkpoint = open_checkpoint(source)
    wanted = plan(checkpoint, name=name or source.resolve().name, precision=precision)
    return build(checkpoint, wanted, store, progress)


def _compile(checkpoint: Checkpoint, wanted: Plan, folder: Path, progress: Progress) -> Manifest:
    # onnx and onnxruntime, which finding an engine already built must not pay for
    from smysl_build_engines.graph import write_graph
    from smysl_build_engines.verify import verify
    from smysl_engines.onnx import GRAPH_FILE, WEIGHTS_FILE

    config, weights, architecture = checkpoint.config, checkpoint.weights, wanted.architecture
    progress(f"writing the graph and its {wanted.precision} weights")
    write_graph(config, weights, wanted.precision, folder, architecture.context)
    for file in checkpoint.passed_on:
        shutil.copyfile(file, folder / file.name)
    progress("comparing the engine with the float32 reference")
    verification = verify(folder / GRAPH_FILE, architecture, config, weights, wanted.precision)
    names = (GRAPH_FILE, WEIGHTS_FILE, *(file.name for file in checkpoint.passed_on))
    files = {name: describe_file(folder / name) for name in names}
    manifest = Manifest(
        format=FORMAT,
        model=wanted.name,
        backend=BACKEND,
        precision=wanted.precision,
        architecture=architecture,
        files=files,
        source=wanted.source,
        tools={tool: version(tool) for tool in ("numpy", "onnx", "onnxruntime")}
        | {"python": platform.python_version()},
        hardware=f"{platform.machine()} {platform.system()} {_processor()}",
        verification=verification,
        fingerprint=fingerprint(BACKEND, wanted.precision, architecture, files),
    )
    write_manifest(folder, manifest)
    return manifest


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())
