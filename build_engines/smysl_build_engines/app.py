"""The command `smysl-build`: progress on stderr, the result on stdout."""

import enum
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import msgspec
import typer

from smysl_build_engines.adapters import check_names, merge, with_bank
from smysl_build_engines.build import BuildPlan, Built, build, plan
from smysl_build_engines.bundled import bundled_model
from smysl_build_engines.checkpoint import (
    CALIBRATION_FILE,
    Checkpoint,
    embedding_at,
    open_checkpoint,
)
from smysl_build_engines.encoder_build import build_encoder
from smysl_build_engines.encoder_folder import EncoderCheckpoint, is_encoder, open_encoder
from smysl_build_engines.encoder_plan import EncoderPlan, plan_encoder
from smysl_build_engines.errors import BadRequest, BuildError
from smysl_build_engines.gpus import Gpu, find_card
from smysl_build_engines.hub import fetch, hub_model
from smysl_build_engines.machine import MachineView, Shape, read_shape, view_machine
from smysl_build_engines.padding import pad_heads
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.quantise import Precision
from smysl_build_engines.recipe import Method, Recipe
from smysl_build_engines.store import EngineStore
from smysl_engines.base import EngineError
from smysl_engines.manifest import (
    Kind,
    Manifest,
    TextReport,
    Verification,
    WideReport,
    load_manifest,
)
from smysl_engines.shelf import default_shelf, find_engine


class Exit(enum.IntEnum):
    OK = 0
    ERROR = 1
    """Nothing was published."""
    USAGE = 2


class BackendName(enum.StrEnum):
    onnx = "onnx"
    tensorrt_llm = "tensorrt-llm"


class PrecisionName(enum.StrEnum):
    fp32 = "fp32"
    int8 = "int8"
    int4 = "int4"
    bf16 = "bf16"
    fp8 = "fp8"
    nvfp4 = "nvfp4"


class MethodName(enum.StrEnum):
    nearest = "nearest"
    gptq = "gptq"


class AttentionName(enum.StrEnum):
    fused = "fused"
    open = "open"


class AdaptersName(enum.StrEnum):
    bank = "bank"
    merged = "merged"
    runtime = "runtime"


class ArtefactName(enum.StrEnum):
    engine = "engine"
    checkpoint = "checkpoint"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def command(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="A Hugging Face checkpoint folder, a hub id (org/name, org/name@revision), or the "
            "name of a bundled model.",
        ),
    ] = None,
    bundled: Annotated[
        bool, typer.Option("--bundled", help="The bundled model, in the place of SOURCE.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="Name of the engine; default: the folder's name.")
    ] = None,
    backend: Annotated[
        BackendName,
        typer.Option(help="What runs the engine: ONNX Runtime, or TensorRT-LLM on a GPU."),
    ] = BackendName.onnx,
    precision: Annotated[
        PrecisionName | None,
        typer.Option(
            help="How weights are stored. onnx: fp32 (default), int8, int4; tensorrt-llm: bf16 "
            "(default), fp8, nvfp4."
        ),
    ] = None,
    rounding: Annotated[
        MethodName | None,
        typer.Option(
            help="To the nearest value, or fitted to text (gptq, int4 only); default: gptq where "
            f"there is a text: --calibration, or {CALIBRATION_FILE} beside the weights."
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Text of the kind the model is for, one sample a line."),
    ] = None,
    block: Annotated[
        int | None, typer.Option(help="Inputs that share a scale: 16, 32, 64 or 128.")
    ] = None,
    asymmetric: Annotated[
        bool, typer.Option("--asymmetric", help="int4 blocks with a zero of their own.")
    ] = False,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="int4 that keeps sensitive tensors at 8 bits.")
    ] = False,
    adapter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR", help="A PEFT folder (LoRA, aLoRA, DoRA); may be given repeatedly."
        ),
    ] = None,
    adapters: Annotated[
        AdaptersName | None,
        typer.Option(
            help="bank (onnx) and runtime (tensorrt-llm): one engine holds all of them, chosen call by "
            "call; merged: an engine of its own for each, called NAME+ADAPTER."
        ),
    ] = None,
    head_bits: Annotated[
        int, typer.Option(help="Of the head of an int4 engine, 8 or 4: faster, and less exact.")
    ] = 8,
    wide: Annotated[
        bool,
        typer.Option(
            "--wide",
            help="Also int8 weights for passes of many tokens: prompts are read faster, in twice to "
            "three times the memory.",
        ),
    ] = False,
    attention: Annotated[
        AttentionName | None,
        typer.Option(
            help="fused: one operator a layer; open: products, faster for all but small models. "
            "Default: by the size."
        ),
    ] = None,
    context: Annotated[
        int | None, typer.Option(help="Most tokens of prompt and output together.")
    ] = None,
    embedding_layer: Annotated[
        int | None,
        typer.Option(
            help="Embeddings are the mean of the states after so many layers; default: after all of "
            "them and the last norm."
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help="tensorrt-llm: most sequences that run together; default: 8."),
    ] = None,
    artefact: Annotated[
        ArtefactName | None,
        typer.Option(
            help="tensorrt-llm: an engine compiled now (1.2), or a checkpoint that is compiled at each "
            "start (later versions); default: by what is installed."
        ),
    ] = None,
    self_check: Annotated[
        str | None,
        typer.Option(
            metavar="N|off",
            help="tensorrt-llm: prompts compared with the float32 reference after the build; default: "
            "4.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="tensorrt-llm: the 16-bit checkpoint that a quantised SOURCE was made of, for the "
            "self-check.",
        ),
    ] = None,
    write_merged: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="tensorrt-llm: write SOURCE with its one adapter merged as a 16-bit checkpoint; build "
            "none.",
        ),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Folder of engines; default: in the data folder.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Build even if a valid engine is there.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--verify", help="Check the stored engine again, files and numbers; build none."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan, and what fits here; build none.")
    ] = False,
    hardware: Annotated[
        bool,
        typer.Option(
            "--hardware",
            help="Print this machine, and which precisions and contexts of SOURCE fit; build none. A "
            "config.json is enough.",
        ),
    ] = False,
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            "--gpu",
            metavar="NAME",
            help="With --hardware or --dry-run: answer for this card too; it need not be here.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compile a checkpoint into a verified engine and publish it in the engine store."""
    if (source is None) != bundled and (bundled or not hardware):
        raise typer.BadParameter("give either a SOURCE or --bundled")
    if gpu and not (hardware or dry_run):
        raise typer.BadParameter("--gpu goes with --hardware or --dry-run")
    try:
        cards = [find_card(each) for each in gpu or []]
        if hardware:
            _show_machine(source, bundled, cards, context, as_json)
            return
        if backend is BackendName.tensorrt_llm:
            _refuse(
                BackendName.onnx,
                {
                    "--rounding": rounding,
                    "--block": block,
                    "--asymmetric": asymmetric,
                    "--mixed": mixed,
                    "--head-bits": head_bits != 8,
                    "--wide": wide,
                    "--embedding-layer": embedding_layer,
                    "--attention": attention,
                    "--adapters bank": adapters is AdaptersName.bank,
                },
            )
            if len(cards) > 1:
                raise BadRequest(f"a plan is for one GPU; {len(cards)} were given with --gpu")
            # what the onnx backend's builds need not load
            from smysl_build_engines.tensorrt_llm.command import run
            from smysl_build_engines.tensorrt_llm.prepare import Asked

            located = _located(source, config_only=dry_run)
            answers = run(
                Asked(
                    source=located.folder,
                    name=name or located.name,
                    precision=_gpu_precision(precision),
                    adapters=tuple((each, Path(at)) for each, at in _pairs(adapter or [])),
                    how=_how(adapters),
                    artefact=None if artefact is None else artefact.value,
                    context=context,
                    batch=batch,
                    self_check=self_check,
                    calibration=calibration,
                    reference=reference,
                    write_merged=write_merged,
                    card=cards[0] if cards else None,
                    store=store or default_shelf(),
                    force=force,
                    verify=check,
                    dry_run=dry_run,
                    as_json=as_json,
                ),
                _progress,
            )
            if as_json:
                _print_json(answers[0] if len(answers) == 1 else {"engines": answers})
            return
        _refuse(
            BackendName.tensorrt_llm,
            {
                "--batch": batch,
                "--artefact": artefact,
                "--self-check": self_check,
                "--reference": reference,
                "--write-merged": write_merged,
                "--adapters runtime": adapters is AdaptersName.runtime,
            },
        )
        stored_as = _onnx_precision(precision)
        located = _located(source)
        folder = located.folder
        recipe = Recipe(
            precision=stored_as,
            method=_method(stored_as, rounding, calibration, folder),
            block=block,
            symmetric=not asymmetric,
            mixed=mixed,
            head_bits=_head_bits(head_bits),
            wide=wide,
            attention=None if attention is None else attention.value,
        )
        target = EngineStore(store or default_shelf(), _progress)
        if is_encoder(folder):
            given: dict[str, object] = {"--adapter": adapter, "--calibration": calibration}
            given["--gpu"] = gpu
            given["--embedding-layer"] = embedding_layer
            _refuse_for_encoder(located.name, given)
            encoder = open_encoder(folder)
            called = name or located.name
            planned = plan_encoder(encoder, name=called, recipe=recipe, context=context)
            answer = _answer_encoder(encoder, planned, target, check, dry_run, force, as_json)
            if as_json:
                _print_json(answer)
            return
        checkpoint = embedding_at(open_checkpoint(folder), embedding_layer)
        variants = _variants(checkpoint, adapter or [], adapters or AdaptersName.bank)
        plans = [
            plan(
                variant,
                name=name or located.name,
                recipe=recipe,
                context=context,
                calibration=calibration,
            )
            for variant in variants
        ]
        if dry_run:
            view = view_machine(Shape(located.name, checkpoint.config), cards, context)
            answers = [_planned(wanted, view) for wanted in plans]
            if not as_json:
                for wanted in plans:
                    print("\n".join(wanted.lines()))
                print("\n".join(["", *view.lines]))
        else:
            answers = [
                _check(variant, wanted, target, as_json)
                if check
                else _build(variant, wanted, target, force, as_json)
                for variant, wanted in zip(variants, plans, strict=True)
            ]
        if as_json:
            # several engines come of merged adapters only
            merged = adapters is AdaptersName.merged and adapter
            _print_json({"engines": answers} if merged else answers[0])
    except (BuildError, EngineError) as error:
        _fail(error)


def main() -> None:
    app(prog_name="smysl-build")


class Located(msgspec.Struct, frozen=True):
    """Where a source lies."""

    folder: Path
    """With --hardware it may be a config.json alone."""
    name: str


def _located(source: str | None, *, config_only: bool = False) -> Located:
    """None is the bundled model. Raises any `BuildError`."""
    if source is None:
        folder = bundled_model()
    elif (path := Path(source)).is_file():
        return Located(path, path.resolve().parent.name)
    elif not path.exists() and path.name == source:
        folder = bundled_model(source)
    elif not path.exists() and (model := hub_model(source)) is not None:
        return Located(fetch(model, config_only=config_only), model.name)
    else:
        folder = path
    return Located(folder, folder.resolve().name)


def _show_machine(
    source: str | None, bundled: bool, cards: list[Gpu], context: int | None, as_json: bool
) -> None:
    shape = None
    if source is not None or bundled:
        located = _located(source, config_only=True)
        if is_encoder(located.folder):
            raise BadRequest(
                f"--hardware is for decoders; {located.name} is an encoder. --dry-run prints what it "
                "takes."
            )
        shape = read_shape(located.folder, located.name)
    view = view_machine(shape, cards, context)
    if as_json:
        _print_json(view)
    else:
        print("\n".join(view.lines))


def _planned(wanted: BuildPlan, view: MachineView) -> object:
    """The plan as one object, with the machine it is for."""
    machine = {"hardware": view.hardware, "fit": view.fit}
    return msgspec.to_builtins(wanted) | msgspec.to_builtins(machine)


def _method(
    precision: Precision, asked: MethodName | None, text: Path | None, folder: Path
) -> Method:
    if asked is not None:
        return asked.value
    has_text = text is not None or (folder / CALIBRATION_FILE).is_file()
    return "gptq" if precision == "int4" and has_text else "nearest"


def _variants(checkpoint: Checkpoint, given: list[str], how: AdaptersName) -> list[Checkpoint]:
    """What to build: one engine, or one for each merged adapter."""
    pairs = _pairs(given)
    check_names([name for name, _ in pairs])
    opened = [open_adapter(name, Path(folder), checkpoint) for name, folder in pairs]
    if how is AdaptersName.merged:
        if not opened:
            raise typer.BadParameter("--adapters merged needs at least one --adapter NAME=DIR")
        return [merge(checkpoint, adapter) for adapter in opened]
    return [with_bank(checkpoint, opened)]


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    """Names and folders of --adapter."""
    pairs = [each.partition("=") for each in given]
    if wrong := [name for name, equals, folder in pairs if not (equals and folder)]:
        raise typer.BadParameter(f"--adapter takes NAME=DIR; {wrong[0]!r} was given")
    return [(name, folder) for name, _, folder in pairs]


def _build(
    checkpoint: Checkpoint, wanted: BuildPlan, store: EngineStore, force: bool, as_json: bool
) -> object:
    for line in wanted.lines():
        _progress(line)
    started = time.monotonic()
    return _built(build(checkpoint, wanted, store, _progress, force), started, as_json)


def _built(built: Built, started: float, as_json: bool) -> object:
    verb = "already built" if built.reused else "built"
    _progress(f"{verb} in {time.monotonic() - started:.1f} s")
    _show_built(built, as_json)
    fields = msgspec.to_builtins(built.manifest)
    return {"directory": str(built.directory), "reused": built.reused, **fields}


def _refuse(backend: BackendName, given: Mapping[str, object]) -> None:
    """What is for `backend` only."""
    for option, value in given.items():
        if value not in (None, False):
            raise BadRequest(
                f"{option} is for the backend {backend}. Leave it out, or add --backend {backend}"
            )


def _refuse_for_encoder(name: str, given: Mapping[str, object]) -> None:
    for option, value in given.items():
        if value:
            raise BadRequest(f"{option} is for decoders; {name} is an encoder. Leave it out.")


def _answer_encoder(
    checkpoint: EncoderCheckpoint,
    wanted: EncoderPlan,
    store: EngineStore,
    check: bool,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> object:
    if dry_run:
        if not as_json:
            print("\n".join(wanted.lines()))
        return wanted
    if check:
        return _check_encoder(checkpoint, wanted, store, as_json)
    for line in wanted.lines():
        _progress(line)
    started = time.monotonic()
    return _built(build_encoder(checkpoint, wanted, store, _progress, force), started, as_json)


def _check_encoder(
    checkpoint: EncoderCheckpoint, wanted: EncoderPlan, store: EngineStore, as_json: bool
) -> object:
    # onnx and onnxruntime, which finding an engine already built must not pay for
    from smysl_build_engines.encoder_verify import verify_encoder
    from smysl_engines.onnx_model import GRAPH_FILE

    directory, manifest = _stored(wanted, store)
    assert manifest.encoder is not None
    result = verify_encoder(
        directory / GRAPH_FILE,
        checkpoint.encoder,
        checkpoint.weights,
        manifest.encoder.pooling,
        manifest.architecture.context,
        _precision(manifest.precision),
    )
    if not as_json:
        found = _describe(result, manifest.kind)
        print(f"{manifest.model} {manifest.fingerprint} is intact: {found}")
    return {"directory": str(directory), "verification": result}


def _check(checkpoint: Checkpoint, wanted: BuildPlan, store: EngineStore, as_json: bool) -> object:
    # onnx and onnxruntime, which finding an engine already built must not pay for
    from smysl_build_engines.bank_build import verify_bank
    from smysl_build_engines.verify import verify
    from smysl_engines.onnx import GRAPH_FILE
    from smysl_engines.onnx_model import wide_rows

    directory, manifest = _stored(wanted, store)
    for adapter in wanted.bank:
        stored = manifest.adapters.get(adapter.name)
        if stored is None or stored.source != adapter.source:
            raise BuildError(
                f"engine {wanted.name} ({directory}) has no adapter {adapter.name} built from the "
                "one given. Build it again without --verify."
            )
    a = manifest.architecture
    checkpoint = embedding_at(checkpoint, manifest.embedding_layer)
    model = pad_heads(checkpoint.config.at(a.context), checkpoint.weights)
    precision = _precision(manifest.precision)
    result = verify(directory / GRAPH_FILE, a, model.decoder, model.weights, precision)
    wide = None
    has_wide = manifest.quantisation is not None and manifest.quantisation.wide
    if has_wide and wide_rows() is not None:
        from smysl_build_engines.wide_build import verify_wide

        wide = verify_wide(directory, a, model.decoder, model.weights)
    adapters: dict[str, Verification] = {}
    if manifest.adapters:
        adapters = verify_bank(checkpoint, model, directory, manifest.adapters, a, precision)
    if not as_json:
        print(f"{manifest.model} {manifest.fingerprint} is intact: {_describe(result)}")
        if wide is not None:
            print(f"its wide graph: {_describe_wide(wide)}")
        elif has_wide:
            print("its wide graph: not used here, this processor has no VNNI")
        for name, found in adapters.items():
            print(f"adapter {name}: {_describe(found)}")
    return {
        "directory": str(directory),
        "verification": result,
        "wide": wide,
        "adapters": adapters,
    }


def _head_bits(bits: int) -> Literal[4, 8]:
    if bits not in (4, 8):
        raise typer.BadParameter(f"{bits} bits cannot be asked of a head; 4 and 8 can")
    return 4 if bits == 4 else 8


def _stored(wanted: BuildPlan, store: EngineStore) -> tuple[Path, Manifest]:
    """Of the engine that --verify checks."""
    for line in wanted.lines():
        _progress(line)
    directory = find_engine(store.folder, wanted.name).directory
    manifest = load_manifest(directory)
    if manifest.source != wanted.source:
        raise BuildError(
            f"engine {wanted.name} ({directory}) was built from another checkpoint than the one "
            "given. Build it again without --verify."
        )
    return directory, manifest


def _precision(text: str) -> Precision:
    return _onnx_precision(PrecisionName(text))


def _onnx_precision(asked: PrecisionName | None) -> Precision:
    match asked:
        case None | PrecisionName.fp32:
            return "fp32"
        case PrecisionName.int8:
            return "int8"
        case PrecisionName.int4:
            return "int4"
    raise BadRequest(
        f"{asked} is for the backend tensorrt-llm; onnx has fp32, int8 and int4. Add --backend "
        "tensorrt-llm"
    )


def _gpu_precision(asked: PrecisionName | None) -> Literal["bf16", "fp8", "nvfp4"] | None:
    match asked:
        case None:
            return None
        case PrecisionName.bf16:
            return "bf16"
        case PrecisionName.fp8:
            return "fp8"
        case PrecisionName.nvfp4:
            return "nvfp4"
    raise BadRequest(
        f"{asked} is for the backend onnx; tensorrt-llm has bf16, fp8 (one scale per tensor) and nvfp4"
    )


def _how(adapters: AdaptersName | None) -> Literal["merged", "runtime"] | None:
    match adapters:
        case AdaptersName.merged:
            return "merged"
        case AdaptersName.runtime:
            return "runtime"
    return None


def _show_built(built: Built, as_json: bool) -> None:
    manifest = built.manifest
    if as_json:
        return
    print(f"{manifest.model} {manifest.fingerprint}")
    _progress(_describe(manifest.verification, manifest.kind))
    for name, entry in manifest.adapters.items():
        if entry.verification is not None:
            _progress(f"adapter {name}: {_describe(entry.verification)}")
    if manifest.quantisation is not None and manifest.quantisation.report is not None:
        _progress(_describe_report(manifest.quantisation.report))
    if manifest.quantisation is not None and manifest.quantisation.wide_report is not None:
        _progress(f"its wide graph: {_describe_wide(manifest.quantisation.wide_report)}")


def _describe_wide(report: WideReport) -> str:
    spread = f"{100 * report.relative_difference:.2g} % of the logits' spread"
    return spread if report.text is None else f"{spread}; {_describe_report(report.text)}"


def _describe_report(report: TextReport) -> str:
    return (
        f"on {report.tokens} tokens of text: divergence {report.divergence:.3g} nats, same "
        f"likeliest token {100 * report.greedy_agreement:.1f} %, perplexity "
        f"{report.perplexity_before:.3f} before and {report.perplexity_after:.3f} after"
    )


def _describe(result: Verification, kind: Kind = "decoder") -> str:
    if kind == "encoder":
        return (
            f"largest difference of a hidden state {result.max_difference:.2g} "
            f"({100 * result.relative_difference:.2g} % of their size) over {result.positions} "
            f"tokens; vectors {result.drift_divergence:.2g} from the checkpoint's by cosine distance, "
            f"same nearest text {100 * result.drift_greedy_agreement:.1f} %"
        )
    return (
        f"largest logit difference {result.max_difference:.2g} "
        f"({100 * result.relative_difference:.2g} % of their spread) over {result.positions} "
        f"positions; drift from the checkpoint {result.drift_divergence:.2g} nats, "
        f"same likeliest token {100 * result.drift_greedy_agreement:.1f} %"
    )


def _print_json(value: object) -> None:
    print(msgspec.json.encode(value).decode())


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fail(error: Exception) -> NoReturn:
    _progress(f"smysl-build: {error}")
    raise typer.Exit(Exit.ERROR)
