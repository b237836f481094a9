"""From the command's options to plans, what each is built from, and what is missing for it.

Knows options and folders; the rules are `plan`'s, what a machine lacks is `needs`'s.
"""

import shlex
from pathlib import Path

import msgspec

from smysl_build_engines.adapters import check_names, merge
from smysl_build_engines.checkpoint import CALIBRATION_FILE, Checkpoint, open_checkpoint
from smysl_build_engines.errors import BadRequest, BuildError
from smysl_build_engines.gpus import Gpu
from smysl_build_engines.nvml import Gpus
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.tensorrt_llm.adapters import Opened
from smysl_build_engines.tensorrt_llm.build import quantisation
from smysl_build_engines.tensorrt_llm.formats import check_format
from smysl_build_engines.tensorrt_llm.needs import Here, needs
from smysl_build_engines.tensorrt_llm.plan import (
    DEFAULT_BATCH,
    How,
    Request,
    TensorRTPlan,
    Variant,
    plan,
)
from smysl_build_engines.tensorrt_llm.quantise import Quantisation
from smysl_build_engines.tensorrt_llm.self_check import DEFAULT_PROMPTS, PROMPTS
from smysl_build_engines.tensorrt_llm.source import Source
from smysl_build_engines.tensorrt_llm.toolkit import Probe
from smysl_build_engines.tensorrt_llm.workplace import Ingredients
from smysl_engines.tensorrt_llm.artefact import (
    BACKEND,
    Kind,
    Precision,
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The command's options, as far as they are this backend's; None is for the build to choose."""

    source: Path
    """A folder; for a plan also a config.json."""
    name: str
    precision: Precision | None = None
    adapters: tuple[tuple[str, Path], ...] = ()
    how: How | None = None
    artefact: Kind | None = None
    context: int | None = None
    batch: int | None = None
    self_check: str | None = None
    """A number of prompts, or `off`."""
    calibration: Path | None = None
    reference: Path | None = None
    write_merged: Path | None = None
    card: Gpu | None = None
    """To plan for, though it is not here."""
    store: Path
    force: bool = False
    verify: bool = False
    dry_run: bool = False
    as_json: bool = False


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """One artefact to be: its plan, what it is built from and what is missing."""

    plan: TensorRTPlan
    given: Ingredients
    lacks: tuple[BuildError, ...]
    """What is missing, the first to see to first."""


def prepare(asked: Asked, source: Source, found: Gpus, probe: Probe, gpu: Gpu) -> list[Prepared]:
    precision = asked.precision or _own_precision(source, gpu)
    how: How = asked.how or ("merged" if precision == "nvfp4" else "runtime")
    text = asked.calibration or _own_text(source)
    request = Request(
        precision=precision,
        artefact=asked.artefact,
        context=asked.context,
        batch=DEFAULT_BATCH if asked.batch is None else asked.batch,
        prompts=_prompts(asked.self_check),
        has_text=text is not None,
    )
    opened = open_adapters(asked, source)
    if how == "merged" and asked.how is not None and not opened:
        raise BadRequest("--adapters merged needs at least one --adapter NAME=DIR")
    variants = (
        [Variant(merged=each) for each in opened]
        if how == "merged" and opened
        else [Variant(runtime=tuple(opened))]
    )
    reference = _reference(asked, source)
    prepared = []
    for variant in variants:
        wanted = plan(source, request, variant, gpu, probe, asked.name)
        given = _ingredients(source, variant, reference, text)
        here = Here(
            probe=probe,
            gpus=found,
            store=asked.store,
            has_reference=given.reference is not None,
            text=text,
            quantisation=_guidance(source, wanted, text),
            before=_before(asked, wanted),
            after=_afterwards(source, wanted),
        )
        lacks = tuple(needs(wanted, source, here, check_only=asked.verify))
        missing = tuple(str(error) for error in lacks)
        wanted = msgspec.structs.replace(wanted, missing=missing)
        prepared.append(Prepared(plan=wanted, given=given, lacks=lacks))
    return prepared


def _own_precision(source: Source, gpu: Gpu) -> Precision:
    quantised = source.model.quantised
    return "bf16" if quantised is None else check_format(source.name, quantised, gpu)


def _own_text(source: Source) -> Path | None:
    path = source.folder / CALIBRATION_FILE
    return path if path.is_file() else None


def _prompts(asked: str | None) -> int:
    if asked is None:
        return DEFAULT_PROMPTS
    if asked == "off":
        return 0
    if not asked.isdigit() or not 1 <= int(asked) <= len(PROMPTS):
        raise BadRequest(
            f"--self-check {asked} was asked; give a number of prompts, 1 to {len(PROMPTS)}, or off"
        )
    return int(asked)


def open_adapters(asked: Asked, source: Source) -> list[Opened]:
    check_names([name for name, _ in asked.adapters])
    if not asked.adapters:
        return []
    if source.shapes is None:
        raise BadRequest(
            f"{source.name} is a {source.model.architecture}, whose layers this build step does not "
            "know, so no adapter can be checked against it. Build it without --adapter"
        )
    shapes = source.shapes
    return [Opened(open_adapter(name, each, shapes), each) for name, each in asked.adapters]


def _reference(asked: Asked, source: Source) -> Checkpoint | None:
    if asked.reference is None:
        return source.checkpoint
    reference = open_checkpoint(asked.reference)
    if reference.config != source.model.held:
        raise BadRequest(
            f"{asked.reference} is not what {source.name} was made of: their config.json differ in "
            "what the model computes"
        )
    return reference


def _ingredients(
    source: Source, variant: Variant, reference: Checkpoint | None, text: Path | None
) -> Ingredients:
    merged = None
    if variant.merged is not None and source.checkpoint is not None:
        merged = merge(source.checkpoint, variant.merged.adapter)
    return Ingredients(
        source=source,
        runtime=tuple(sorted(variant.runtime, key=lambda each: each.adapter.name)),
        merged=merged,
        reference=reference if variant.merged is None else merged,
        text=text,
    )


def _guidance(source: Source, wanted: TensorRTPlan, text: Path | None) -> Quantisation | None:
    if not wanted.has("quantise"):
        return None
    folder = Path(f"{wanted.name}-merged") if wanted.has("merge") else source.folder
    return quantisation(wanted, folder, Path(f"{wanted.name}-{wanted.precision}"), text)


def _before(asked: Asked, wanted: TensorRTPlan) -> str | None:
    """The command that writes what is to be quantised, where that is not SOURCE."""
    merged = [adapter.name for adapter in wanted.adapters if adapter.how == "merged"]
    if not merged:
        return None
    folder = dict(asked.adapters)[merged[0]]
    words = ["smysl", "build", str(asked.source), "--backend", BACKEND, "--adapters", "merged"]
    words += ["--adapter", f"{merged[0]}={folder}", "--write-merged", f"{wanted.name}-merged"]
    return shlex.join(words)


def _afterwards(source: Source, wanted: TensorRTPlan) -> str:
    """The command that goes on with a checkpoint quantised elsewhere."""
    reference = f"{wanted.name}-merged" if wanted.has("merge") else str(source.folder)
    words = ["smysl", "build", f"{wanted.name}-{wanted.precision}", "--backend", BACKEND]
    words += ["--precision", wanted.precision, "--reference", reference]
    words += ["--context", str(wanted.context), "--batch", str(wanted.batch)]
    # a plus is what the build itself puts between base and adapter
    return shlex.join([*words, "--name", wanted.name.replace("+", "-")])
