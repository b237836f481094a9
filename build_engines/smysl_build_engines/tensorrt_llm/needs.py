"""What a machine must have before a planned build may start.

Knows drivers, packages and memory; a plan that contradicts itself was refused before.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from smysl_build_engines.errors import BadRequest, BuildError, StoreError
from smysl_build_engines.fit import GPU_RESERVE_BYTES, gpu_need
from smysl_build_engines.nvml import Gpus
from smysl_build_engines.tensorrt_llm.errors import MissingGpu, MissingToolkit, OldDriver
from smysl_build_engines.tensorrt_llm.plan import TensorRTPlan
from smysl_build_engines.tensorrt_llm.quantise import Quantisation, check_optimizer
from smysl_build_engines.tensorrt_llm.source import Source
from smysl_build_engines.tensorrt_llm.toolkit import Probe
from smysl_engines.tensorrt_llm.process import PYTHON_VARIABLE

LEAST_DRIVER = 580
"""Major version that CUDA 13 needs (NVIDIA, CUDA compatibility); TensorRT-LLM 1.2 is built with it."""
PINNED = "1.2.1"
"""The last stable version that compiles engines."""


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to build with."""

    probe: Probe
    gpus: Gpus
    store: Path
    has_reference: bool
    """A 16-bit checkpoint to compare with."""
    text: Path | None
    """To fit scales to."""
    quantisation: Quantisation | None
    """The step, where the plan has one; for a person, with the commands around it."""
    before: str | None
    after: str


def needs(
    plan: TensorRTPlan, source: Source, here: Here, *, check_only: bool
) -> Iterator[BuildError]:
    """Everything that is missing, the first to see to first; with `check_only`, what a check of a
    stored artefact needs."""
    yield from _machine(here.gpus)
    yield from _toolkit(plan, here.probe)
    # of a config.json alone the weights are what is missing
    has_no_weights = not source.files and source.model.dense and source.model.quantised is None
    if plan.prompts and not here.has_reference and not has_no_weights:
        yield _no_reference(source)
    if not check_only:
        yield from _memory(plan, source)
        yield from _quantising(plan, here)
        yield from _files(plan, source, here.store)


def _quantising(plan: TensorRTPlan, here: Here) -> Iterator[BuildError]:
    if not plan.has("quantise") or here.quantisation is None:
        return
    if here.text is None:
        yield BadRequest(
            f"{plan.precision} scales of activations are fitted to text. Give one of the kind the "
            "model is for, a sample a line: --calibration FILE"
        )
    elif not here.text.is_file():
        yield BadRequest(
            f"the calibration text {here.text} is no file. Give one with --calibration"
        )
    try:
        check_optimizer(here.quantisation, here.probe, here.before, here.after)
    except BuildError as error:
        yield error


def _files(plan: TensorRTPlan, source: Source, store: Path) -> Iterator[BuildError]:
    if not source.files:
        yield BadRequest(
            f"{source.folder} has a config.json and no weights: enough for --dry-run, not for a build"
        )
    elif (full := _disk(plan, source, store)) is not None:
        yield full


def _machine(gpus: Gpus) -> Iterator[BuildError]:
    if not gpus.found:
        why = gpus.problem or "no driver with a card was found (by NVML)"
        yield MissingGpu(
            f"there is no NVIDIA GPU here: {why}. Build on the machine that is to run it; in a "
            "container, pass the GPU on (--gpus all). --dry-run --gpu NAME plans without one."
        )
    major = (gpus.driver or "").partition(".")[0]
    if gpus.found and major.isdigit() and int(major) < LEAST_DRIVER:
        yield OldDriver(
            f"the NVIDIA driver is {gpus.driver}; TensorRT-LLM {PINNED} uses CUDA 13, which needs "
            f"{LEAST_DRIVER} or later. Install a newer driver on the host and reboot."
        )


def _toolkit(plan: TensorRTPlan, probe: Probe) -> Iterator[BuildError]:
    if probe.tensorrt_llm is None:
        yield MissingToolkit(
            f"TensorRT-LLM is not installed in this Python. Run smysl in the container "
            f"nvidia/tensorrt-llm/release:{PINNED}, or name the Python that has it in {PYTHON_VARIABLE} "
            "(docs/build.md)."
        )
    elif probe.problem is not None:
        yield MissingToolkit(
            f"TensorRT-LLM {probe.tensorrt_llm} is installed and cannot be imported: {probe.problem}. "
            "Its CUDA, torch and libopenmpi must be those it was built for; its container has them."
        )
    elif not (probe.has_engine if plan.kind == "engine" else probe.has_checkpoint):
        yield MissingToolkit(
            f"TensorRT-LLM {probe.tensorrt_llm} as installed here offers nothing that makes a "
            f"{plan.kind}. Install {PINNED}, which was read for this build step."
        )


def _memory(plan: TensorRTPlan, source: Source) -> Iterator[BuildError]:
    memory = plan.memory
    if memory is None or memory.room_bytes is None:
        return
    if memory.fits is False:
        fixed = memory.weights_bytes + memory.workspace_bytes + memory.reserve_bytes
        choices = [
            *([f"--context {memory.longest_context}"] if memory.longest_context else []),
            *([f"--batch {memory.largest_batch}"] if memory.largest_batch else []),
        ]
        remedy = (
            f"Ask for {' or '.join(choices)}" if choices else "Take a smaller model, a larger card"
        )
        if not choices and plan.precision != "nvfp4":
            remedy += " or a smaller precision"
        yield BadRequest(
            f"{plan.name} needs {memory.needed_bytes / 1e9:.1f} GB on {plan.gpu.name}, which has "
            f"{memory.room_bytes / 1e9:.1f} GB free: {fixed / 1e9:.1f} GB of it are weights and "
            f"buffers, the rest keys and values of {plan.batch} sequences of {plan.context} tokens. "
            f"{remedy}."
        )
    held = source.model.held
    if plan.has("quantise") and held is not None:
        whole = gpu_need(held, "fp16/bf16").weights_bytes + GPU_RESERVE_BYTES
        if whole > memory.room_bytes:
            yield BadRequest(
                f"quantising {plan.name} holds its 16-bit weights on the card, {whole / 1e9:.1f} GB; "
                f"{plan.gpu.name} has {memory.room_bytes / 1e9:.1f} GB free. Do that step on a larger "
                "card, and give its result as SOURCE."
            )


def _no_reference(source: Source) -> BuildError:
    if source.model.dense:
        return BadRequest(
            f"the self-check compares with a 16-bit checkpoint, and {source.name} is quantised. Give "
            "the one it was made of: --reference DIR; or --self-check off, and trust it unseen."
        )
    return BadRequest(
        f"the self-check's reference does not know a {source.model.architecture}. Switch it off: "
        "--self-check off; nothing vouches for the artefact then."
    )


def _disk(plan: TensorRTPlan, source: Source, store: Path) -> StoreError | None:
    """For what is made on the way and the artefact itself, all of it in the store's file system."""
    own = sum(path.stat().st_size for path in source.files)
    final = own if plan.memory is None else plan.memory.weights_bytes
    if plan.precision == "bf16":
        final = max(final, own)
    held = source.model.held
    sixteen = own if held is None else gpu_need(held, "fp16/bf16").weights_bytes
    needed = final + (sixteen if plan.has("merge") else 0)
    if plan.kind == "engine":
        # the library builds in a workspace and copies from it
        needed += final + (final if plan.has("quantise") else 0)
    folder = store
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed <= free:
        return None
    return StoreError(
        f"building {plan.name} takes about {needed / 1e9:.1f} GB in {store}, which has "
        f"{free / 1e9:.1f} GB left. Free space there, or choose another with --store or "
        "SMYSL_DATA_DIR."
    )
