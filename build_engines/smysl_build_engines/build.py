"""Turns a checkpoint into a published engine: plan, write, verify, measure, publish.

Knows the order of the steps; how each is done is in its own module.
"""

import errno
import platform
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from smysl_build_engines.calibration import Calibration, read_calibration
from smysl_build_engines.checkpoint import Checkpoint, open_checkpoint
from smysl_build_engines.errors import BuildError, StoreError
from smysl_build_engines.padding import Padded, pad_heads
from smysl_build_engines.plan import BACKEND, DEFAULT_PRECISION, BuildPlan, plan
from smysl_build_engines.quantise import Precision
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.store import EngineStore
from smysl_engines.manifest import (
    FORMAT,
    TOKENIZER_FILE,
    AdapterEntry,
    EncoderEntry,
    FileEntry,
    Manifest,
    Quantisation,
    TextReport,
    Verification,
    WideReport,
    describe_file,
    fingerprint,
    write_manifest,
)

__all__ = ["DEFAULT_PRECISION", "BuildPlan", "Built", "build", "ensure", "plan"]

Progress = Callable[[str], None]


class Built(msgspec.Struct, frozen=True, kw_only=True):
    directory: Path
    manifest: Manifest
    reused: bool
    """A valid engine of the same source was there already; nothing was built."""


def build(
    checkpoint: Checkpoint,
    wanted: BuildPlan,
    store: EngineStore,
    progress: Progress,
    force: bool = False,
) -> Built:
    """Publish the planned engine, or find it published already (unless `force`).

    Safe when several processes do it at once: the later ones wait and find the first one's engine.
    Raises any `BuildError`; then the store is as before.
    """

    def compile_into(folder: Path) -> Manifest:
        return _compile(checkpoint, wanted, folder, progress)

    return publish(wanted, store, compile_into, progress, force)


def publish(
    wanted: BuildPlan,
    store: EngineStore,
    compile_into: Callable[[Path], Manifest],
    progress: Progress,
    force: bool,
) -> Built:
    """`compile_into` fills an empty folder."""
    with store.lock():
        if not force and (existing := _existing(wanted, store)) is not None:
            directory = store.folder / existing.fingerprint
            return Built(directory=directory, manifest=existing, reused=True)
        with store.staging() as folder:
            try:
                manifest = compile_into(folder)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise
                raise StoreError(
                    f"{store.folder} has no room for engine {wanted.name}, about "
                    f"{(wanted.engine_bytes + wanted.bank_bytes) / 1e6:.0f} MB: {error.strerror}. Free "
                    "space there, or choose another with --store or SMYSL_DATA_DIR."
                ) from error
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


def _existing(wanted: BuildPlan, store: EngineStore) -> Manifest | None:
    found = store.valid(wanted.name, wanted.precision, wanted.source)
    if found is None or found.architecture != wanted.architecture:
        return None
    if found.embedding_layer != wanted.embedding_layer:
        return None
    if {name: entry.source for name, entry in found.adapters.items()} != _bank_sources(wanted):
        return None
    was = found.quantisation or Quantisation(method=Recipe().method)
    same = msgspec.structs.replace(was, report=None, wide_report=None) == _quantisation(wanted)
    return found if same or not wanted.recipe.quantised else None


def _bank_sources(wanted: BuildPlan) -> dict[str, dict[str, FileEntry]]:
    return {adapter.name: adapter.source for adapter in wanted.bank}


def _quantisation(
    wanted: BuildPlan, report: TextReport | None = None, wide_report: WideReport | None = None
) -> Quantisation:
    recipe = wanted.recipe
    return Quantisation(
        method=recipe.method,
        block=recipe.block,
        symmetric=recipe.symmetric,
        mixed=recipe.mixed,
        text=wanted.text_entry,
        head_bits=recipe.head_bits,
        wide=recipe.wide,
        wide_report=wide_report,
        report=report,
    )


def _compile(
    checkpoint: Checkpoint, wanted: BuildPlan, folder: Path, progress: Progress
) -> Manifest:
    # onnx and onnxruntime, which finding an engine already built must not pay for
    from smysl_build_engines.verify import verify
    from smysl_engines.bank import ADAPTED_GRAPH_FILE
    from smysl_engines.onnx_model import (
        GRAPH_FILE,
        WEIGHTS_FILE,
        WIDE_GRAPH_FILE,
        WIDE_WEIGHTS_FILE,
        wide_rows,
    )

    if wanted.recipe.wide:
        from smysl_build_engines.wide_build import add_wide, require_wide

        require_wide(wide_rows())  # before the work, not after it
    architecture = wanted.architecture
    model = pad_heads(checkpoint.config.at(architecture.context), checkpoint.weights)
    held_out = _write(checkpoint, wanted, model, folder, progress)
    for file in checkpoint.passed_on:
        shutil.copyfile(file, folder / file.name)
    progress("comparing the engine with the float32 reference")
    graph = folder / GRAPH_FILE
    verification = verify(graph, architecture, model.decoder, model.weights, wanted.precision)
    text_report = _measure(wanted, model, folder, held_out, progress)
    wide_report = None
    if wanted.recipe.wide:
        progress("adding the graph for passes of many tokens and comparing it with the reference")
        wide_report = add_wide(folder, architecture, model.decoder, model.weights, held_out)
    adapters = _add_bank(checkpoint, wanted, model, folder, progress)
    names = [GRAPH_FILE, WEIGHTS_FILE, *(file.name for file in checkpoint.passed_on)]
    if wide_report is not None:
        names += [WIDE_GRAPH_FILE, WIDE_WEIGHTS_FILE]
    if adapters:
        names += [ADAPTED_GRAPH_FILE, *(entry.file for entry in adapters.values())]
    return write_manifest_of(
        wanted,
        folder,
        names,
        verification,
        text_report,
        wide_report,
        adapters,
        embedding_layer=wanted.embedding_layer,
    )


def write_manifest_of(
    wanted: BuildPlan,
    folder: Path,
    names: Sequence[str],
    verification: Verification,
    report: TextReport | None = None,
    wide_report: WideReport | None = None,
    adapters: dict[str, AdapterEntry] | None = None,
    encoder: EncoderEntry | None = None,
    embedding_layer: int | None = None,
) -> Manifest:
    """Of an engine whose files in `folder` are `names`."""
    architecture, adapters = wanted.architecture, adapters or {}
    files = {name: describe_file(folder / name) for name in names}
    quantised = wanted.recipe.quantised
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
        fingerprint=fingerprint(BACKEND, wanted.precision, architecture, files, adapters, encoder),
        quantisation=_quantisation(wanted, report, wide_report) if quantised else None,
        adapters=adapters,
        encoder=encoder,
        embedding_layer=embedding_layer,
    )
    write_manifest(folder, manifest)
    return manifest


def _add_bank(
    checkpoint: Checkpoint, wanted: BuildPlan, model: Padded, folder: Path, progress: Progress
) -> dict[str, AdapterEntry]:
    if not checkpoint.bank:
        return {}
    from smysl_build_engines.bank_build import add_bank

    names = ", ".join(adapter.name for adapter in checkpoint.bank)
    progress(f"adding the adapters {names} and comparing each with the float32 reference")
    return add_bank(checkpoint, model, folder, wanted.architecture, wanted.precision)


def _write(
    checkpoint: Checkpoint, wanted: BuildPlan, model: Padded, folder: Path, progress: Progress
) -> list[list[int]]:
    """Write graph and weights; returns the texts that nothing was fitted to."""
    from smysl_build_engines.compensate import Compensated
    from smysl_build_engines.graph import write_graph
    from smysl_build_engines.rounding import Nearest, Rounder

    decoder, weights = model.decoder, model.weights
    context = wanted.architecture.context
    rounder: Rounder = Nearest(decoder, weights)
    held_out: list[list[int]] = []
    if (calibration := _calibration(checkpoint, wanted, progress)) is not None:
        held_out = calibration.all if wanted.text_is_general else calibration.held_out
        if wanted.recipe.method == "gptq":
            progress(f"fitting the rounding to {sum(map(len, calibration.fitted))} tokens")
            rounder = Compensated(decoder, weights, calibration.fitted)
    progress(f"writing the graph and its {wanted.precision} weights")
    write_graph(decoder, weights, wanted.recipe, rounder, folder, context, progress)
    return held_out


def _calibration(
    checkpoint: Checkpoint, wanted: BuildPlan, progress: Progress
) -> Calibration | None:
    if wanted.text is None:
        return None
    try:
        return read_calibration(
            Path(wanted.text),
            checkpoint.folder / TOKENIZER_FILE,
            wanted.architecture.vocabulary,
            wanted.architecture.context,
        )
    except BuildError as error:
        if not wanted.text_is_general:
            raise
        # nobody asked for this text: an engine of token ids alone is one too
        progress(f"nothing is measured on text: {error}")
        return None


def _measure(
    wanted: BuildPlan,
    model: Padded,
    folder: Path,
    held_out: list[list[int]],
    progress: Progress,
) -> TextReport | None:
    if not held_out:
        return None
    from smysl_build_engines.report import measure
    from smysl_engines.onnx_model import GRAPH_FILE

    progress(f"measuring the engine on {sum(map(len, held_out))} tokens of other text")
    graph = folder / GRAPH_FILE
    return measure(graph, wanted.architecture, model.decoder, model.weights, held_out)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())
