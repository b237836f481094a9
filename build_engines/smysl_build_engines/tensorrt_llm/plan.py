"""What a build for TensorRT-LLM will do, decided and printable before any time of a GPU is spent.

Knows the rules: which precision, adapters, card, architecture and kind of artefact go together. Reads
no weight and loads no library.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from smysl_build_engines.archive import MAX_FILES
from smysl_build_engines.errors import BadRequest, UnsupportedModel
from smysl_build_engines.gpus import Gpu
from smysl_build_engines.plan import check_name
from smysl_build_engines.tensorrt_llm.adapters import (
    Opened,
    bind_merged,
    bind_runtime,
    runtime_bytes,
)
from smysl_build_engines.tensorrt_llm.formats import check_card, check_format, kv_precision
from smysl_build_engines.tensorrt_llm.memory import MemoryPlan, plan_memory
from smysl_build_engines.tensorrt_llm.models import Model, check_engine
from smysl_build_engines.tensorrt_llm.options import Sizes, options
from smysl_build_engines.tensorrt_llm.self_check import GENERATED, PROMPT_TOKENS
from smysl_build_engines.tensorrt_llm.source import Source
from smysl_build_engines.tensorrt_llm.toolkit import Probe
from smysl_engines.manifest import Architecture, FileEntry
from smysl_engines.tensorrt_llm.artefact import (
    BACKEND,
    BoundAdapter,
    Kind,
    KvPrecision,
    Precision,
)

DEFAULT_CONTEXT = 16_384
DEFAULT_BATCH = 8
_ENGINE_FILES = 16
"""At most: the engine, its configuration, what the library and this build step say of it, the
tokenizer's."""
How = Literal["merged", "runtime"]
StepName = Literal["merge", "quantise", "compile", "copy", "self-check"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked; None is for the plan to choose."""

    precision: Precision = "bf16"
    artefact: Kind | None = None
    context: int | None = None
    batch: int = DEFAULT_BATCH
    prompts: int
    """Of the self-check; 0 is off."""
    has_text: bool = False
    """There is a text that scales of activations can be fitted to."""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One artefact's adapters."""

    merged: Opened | None = None
    runtime: tuple[Opened, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    name: StepName
    where: Literal["cpu", "gpu"]
    what: str


class TensorRTPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that a build will do."""

    name: str
    backend: str = BACKEND
    kind: Kind
    family: str
    architecture_name: str
    architecture: Architecture
    precision: Precision
    kv_precision: KvPrecision
    adapters: tuple[BoundAdapter, ...]
    batch: int
    gpu: Gpu
    options: dict[str, Any]
    memory: MemoryPlan | None
    """None for a model whose shape this build step does not know."""
    steps: tuple[Step, ...]
    prompts: int
    source: dict[str, FileEntry]
    """Of the adapters; before a build, those of the base are added."""
    notes: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """What this machine or this command lacks before it can be built, each with the remedy."""

    @property
    def context(self) -> int:
        return self.architecture.context

    def has(self, step: StepName) -> bool:
        return any(each.name == step for each in self.steps)

    def lines(self) -> list[str]:
        """For people."""
        a = self.architecture
        lines = [
            f"artefact     {self.name} ({self.architecture_name}, {self.backend} {self.kind}, "
            f"{self.precision} weights, {self.kv_precision} keys and values)",
            f"gpu          {self.gpu.line()}",
            f"sizes        {a.context} tokens, {self.batch} sequences together; {a.layers} layers, "
            f"width {a.hidden_size}, vocabulary {a.vocabulary}",
        ]
        for adapter in self.adapters:
            lines.append(
                f"adapter      {adapter.name} ({adapter.how}, rank {adapter.rank}: "
                f"{', '.join(adapter.modules)})"
            )
        if self.memory is None:
            lines.append("memory       unknown: the shape of this architecture is not known here")
        else:
            lines += self.memory.lines()
        lines += [
            f"step {number}       {step.name} ({step.where}): {step.what}"
            for number, step in enumerate(self.steps, 1)
        ]
        lines += [f"note         {note}" for note in self.notes]
        return lines + [f"missing      {each}" for each in self.missing]


def plan(
    source: Source,
    request: Request,
    variant: Variant,
    gpu: Gpu,
    probe: Probe,
    name: str,
) -> TensorRTPlan:
    """What contradicts itself is refused here; what is only missing on this machine is for `needs`. An
    artefact with a merged adapter is called `name+adapter`.

    Raises `BadRequest`, `UnsupportedModel`, `UnsupportedAdapter`.
    """
    check_name(name)
    model, precision = source.model, request.precision
    _check_stored(source, precision, gpu)
    check_card(precision, gpu)
    _check_adapters(source, precision, variant)
    kind, notes = choose_kind(model, source.name, request.artefact, probe)
    sizes = Sizes(_context(model, source.name, request.context), _batch(request.batch))
    bound = _bound(variant)
    runtime = tuple(adapter for adapter in bound if adapter.how == "runtime")
    _check_files(source, kind, len(runtime))
    kv = kv_precision(model.quantised, precision)
    steps = _steps(source, request, variant, kind)
    # scales are fitted by the library itself where a step of ours does not
    calibrate = (
        kind == "engine"
        and precision == "fp8"
        and model.quantised is None
        and not any(step.name == "quantise" for step in steps)
    )
    return TensorRTPlan(
        name=name if variant.merged is None else f"{name}+{variant.merged.adapter.name}",
        kind=kind,
        family=model.family,
        architecture_name=model.architecture,
        architecture=Architecture(
            vocabulary=model.vocabulary,
            hidden_size=model.hidden_size,
            layers=model.layers,
            kv_heads=model.kv_heads,
            head_dim=model.head_dim,
            context=sizes.context,
        ),
        precision=precision,
        kv_precision=kv,
        adapters=bound,
        batch=sizes.batch,
        gpu=gpu,
        options=options(kind, sizes, precision, kv, runtime, calibrate=calibrate),
        memory=plan_memory(
            model,
            gpu,
            precision=precision,
            kv=kv,
            context=sizes.context,
            batch=sizes.batch,
            pass_tokens=sizes.pass_tokens,
            adapter_bytes=runtime_bytes(list(variant.runtime)),
        ),
        steps=steps,
        prompts=request.prompts,
        source=_entries(variant),
        notes=(*notes, *_notes(model, precision, kv, gpu, calibrate)),
    )


def choose_kind(
    model: Model, name: str, asked: Kind | None, probe: Probe
) -> tuple[Kind, list[str]]:
    """By what the installation can do and the architecture can become, and what to say of it.

    Raises `UnsupportedModel` for an engine that is asked and not promised, `BadRequest` for a kind that
    the installation cannot make.
    """
    installed = probe.tensorrt_llm is not None and probe.problem is None
    if asked == "engine":
        check_engine(model, name)
        if installed and not probe.has_engine:
            raise BadRequest(
                f"TensorRT-LLM {probe.tensorrt_llm} as installed here compiles no engines (later than "
                "1.2, or without TensorRT). Ask for --artefact checkpoint, or install 1.2.1"
            )
        return "engine", []
    if asked == "checkpoint":
        return "checkpoint", []
    if installed and not probe.has_engine:
        return "checkpoint", [
            f"TensorRT-LLM {probe.tensorrt_llm} has no engine backend: the model is compiled at each "
            "start (CUDA graphs, autotuner)"
        ]
    if not model.has_engine:
        return "checkpoint", [
            f"no engine is promised of a {model.architecture}: the model is compiled at each start"
        ]
    if not installed:
        return "engine", [
            "TensorRT-LLM is not installed here; an engine is planned, as 1.2 compiles it "
            "(--artefact checkpoint plans for later versions)"
        ]
    return "engine", []


def _check_stored(source: Source, precision: Precision, gpu: Gpu) -> None:
    if source.model.quantised is None:
        return
    stored = check_format(source.name, source.model.quantised, gpu)
    if stored != precision:
        raise BadRequest(
            f"{source.name} is stored as {stored}; --precision {precision} was asked. Ask for {stored}, "
            "or give the 16-bit checkpoint"
        )


def _check_adapters(source: Source, precision: Precision, variant: Variant) -> None:
    if variant.runtime and precision == "nvfp4":
        raise BadRequest(
            "nvfp4 layers take no adapters call by call: TensorRT-LLM's FP4 products have no place for "
            "them. Merge them (--adapters merged, an artefact for each), or ask for --precision fp8 or "
            "bf16 with --adapters runtime"
        )
    if variant.merged is not None and source.model.quantised is not None:
        raise BadRequest(
            f"{source.name} is quantised already, and adapters are merged into 16-bit weights. Give the "
            "16-bit checkpoint it was made of"
        )
    if (variant.merged or variant.runtime) and source.shapes is None:
        raise UnsupportedModel(
            f"{source.name} is a {source.model.architecture}, whose layers this build step does not "
            "know, so no adapter can be checked against it. Build it without --adapter"
        )


def _context(model: Model, name: str, asked: int | None) -> int:
    if asked is not None and not 0 < asked <= model.longest:
        raise UnsupportedModel(f"{name} takes contexts of 1 to {model.longest}; {asked} was asked")
    return asked or min(model.longest, DEFAULT_CONTEXT)


def _batch(asked: int) -> int:
    if not 1 <= asked <= 256:
        raise BadRequest(f"--batch {asked} was asked; 1 to 256 sequences can run together")
    return asked


def _bound(variant: Variant) -> tuple[BoundAdapter, ...]:
    if variant.merged is not None:
        return (bind_merged(variant.merged.adapter),)
    return bind_runtime(list(variant.runtime))


def _entries(variant: Variant) -> dict[str, FileEntry]:
    """Of the adapters' files, each under its adapter's name."""
    merged = [] if variant.merged is None else [variant.merged]
    return {
        f"{opened.adapter.name}/{file}": entry
        for opened in (*merged, *variant.runtime)
        for file, entry in opened.adapter.source.items()
    }


def _check_files(source: Source, kind: Kind, runtime: int) -> None:
    """An exported artefact is a file that is not taken back with more."""
    own = len(source.files) if kind == "checkpoint" else _ENGINE_FILES
    most = (MAX_FILES - own) // 2
    if runtime > most:
        raise BadRequest(
            f"{runtime} adapters were given; with the {own} files of its own this {kind} can have "
            f"{most} chosen call by call. Leave some out, or build several"
        )


def _notes(
    model: Model, precision: Precision, kv: KvPrecision, gpu: Gpu, calibrate: bool
) -> Iterator[str]:
    if calibrate:
        yield (
            "FP8 scales are fitted by TensorRT-LLM on cnn_dailymail, which it fetches from the hub; "
            "with --calibration FILE they are fitted to your text, and nothing is fetched"
        )
    if model.quantised is not None and kv == "bf16":
        yield (
            "this checkpoint has no scales for keys and values: they stay in 16 bits; quantised again "
            "with --kv fp8 they take half"
        )
    if (gpu.compute_capability or "").startswith("12."):
        yield (
            "that TensorRT-LLM compiles engines for compute capability 12.x is not confirmed by any "
            "public report; the self-check is what to trust"
        )


def _steps(source: Source, request: Request, variant: Variant, kind: Kind) -> tuple[Step, ...]:
    model, steps = source.model, []
    if variant.merged is not None:
        steps.append(
            Step(
                name="merge",
                where="cpu",
                what=f"{variant.merged.adapter.name} into 16-bit weights, some rows at a time",
            )
        )
    own = kind == "engine" and request.precision == "fp8" and not request.has_text
    if request.precision != "bf16" and model.quantised is None and not own:
        steps.append(
            Step(
                name="quantise",
                where="gpu",
                what=f"to {request.precision} with NVIDIA Model Optimizer, keys and values to fp8",
            )
        )
    if kind == "engine":
        steps.append(
            Step(name="compile", where="gpu", what="an engine for this card, in its own process")
        )
    else:
        steps.append(
            Step(
                name="copy",
                where="cpu",
                what="weights and resolved options; compiled at each start",
            )
        )
    if request.prompts:
        steps.append(
            Step(name="self-check", where="gpu", what=_cost(model, request.prompts, variant))
        )
    return tuple(steps)


def _cost(model: Model, prompts: int, variant: Variant) -> str:
    """Of the reference, which is what takes time."""
    states = 1 + len(variant.runtime)
    tokens = prompts * (PROMPT_TOKENS + GENERATED)
    text = f"{prompts} prompts, {GENERATED} greedy tokens each, beside the float32 reference on the CPU"
    if model.held is None:
        return text
    shapes = model.held.shapes().values()
    parameters = sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in shapes)
    work = 2 * parameters * tokens * states / 1e12
    table = 4 * model.vocabulary * model.hidden_size / 1e9
    times = "once" if states == 1 else f"{states} times"
    return (
        f"{text}; it reads the 16-bit weights {times} and multiplies up to {work:,.2g} TFLOP, in "
        f"{2 * table:,.2g} GB of memory"
    )
