"""The command `smysl-build`: progress on stderr, the result on stdout."""

import enum
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from smysl_build_engines.build import BuildPlan, Built, build, plan
from smysl_build_engines.bundled import bundled_model
from smysl_build_engines.checkpoint import CALIBRATION_FILE, Checkpoint, open_checkpoint
from smysl_build_engines.errors import BuildError
from smysl_build_engines.padding import pad_heads
from smysl_build_engines.quantise import Precision
from smysl_build_engines.recipe import Method, Recipe
from smysl_build_engines.store import EngineStore
from smysl_engines.base import EngineError
from smysl_engines.manifest import TextReport, Verification, load_manifest
from smysl_engines.shelf import default_shelf, find_engine


class Exit(enum.IntEnum):
    OK = 0
    ERROR = 1
    """Nothing was published."""
    USAGE = 2


class PrecisionName(enum.StrEnum):
    fp32 = "fp32"
    int8 = "int8"
    int4 = "int4"


class MethodName(enum.StrEnum):
    nearest = "nearest"
    gptq = "gptq"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="A Hugging Face checkpoint folder, or the name of a bundled model.",
        ),
    ] = None,
    bundled: Annotated[
        bool, typer.Option("--bundled", help="The bundled model, in the place of SOURCE.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="Name of the engine; default: the folder's name.")
    ] = None,
    precision: Annotated[
        PrecisionName, typer.Option(help="How weights are stored.")
    ] = PrecisionName.fp32,
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
    context: Annotated[
        int | None, typer.Option(help="Most tokens of prompt and output together.")
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Compile a checkpoint into a verified engine and publish it in the engine store."""
    if (source is None) != bundled:
        raise typer.BadParameter("give either a SOURCE or --bundled")
    try:
        folder = bundled_model() if source is None else _folder(source)
        checkpoint = open_checkpoint(folder)
        recipe = Recipe(
            precision=precision.value,
            method=_method(precision, rounding, calibration, folder),
            block=block,
            symmetric=not asymmetric,
            mixed=mixed,
        )
        wanted = plan(
            checkpoint,
            name=name or folder.resolve().name,
            recipe=recipe,
            context=context,
            calibration=calibration,
        )
        target = EngineStore(store or default_shelf())
        if dry_run:
            _show_plan(wanted, as_json)
            return
        for line in wanted.lines():
            _progress(line)
        if check:
            _check(checkpoint, wanted, target, as_json)
        else:
            started = time.monotonic()
            built = build(checkpoint, wanted, target, _progress, force)
            verb = "already built" if built.reused else "built"
            _progress(f"{verb} in {time.monotonic() - started:.1f} s")
            _show_built(built, as_json)
    except (BuildError, EngineError) as error:
        _fail(error)


def main() -> None:
    app(prog_name="smysl-build")


def _folder(source: str) -> Path:
    folder = Path(source)
    is_name = not folder.is_dir() and folder.name == source
    return bundled_model(source) if is_name else folder


def _method(
    precision: PrecisionName, asked: MethodName | None, text: Path | None, folder: Path
) -> Method:
    if asked is not None:
        return asked.value
    has_text = text is not None or (folder / CALIBRATION_FILE).is_file()
    return "gptq" if precision is PrecisionName.int4 and has_text else "nearest"


def _check(checkpoint: Checkpoint, wanted: BuildPlan, store: EngineStore, as_json: bool) -> None:
    # onnx and onnxruntime, which finding an engine already built must not pay for
    from smysl_build_engines.verify import verify
    from smysl_engines.onnx import GRAPH_FILE

    directory = find_engine(store.folder, wanted.name).directory
    manifest = load_manifest(directory)
    if manifest.source != wanted.source:
        raise BuildError(
            f"engine {wanted.name} ({directory}) was built from another checkpoint than the one "
            "given. Build it again without --verify."
        )
    a = manifest.architecture
    model = pad_heads(checkpoint.config.at(a.context), checkpoint.weights)
    precision = _precision(manifest.precision)
    result = verify(directory / GRAPH_FILE, a, model.decoder, model.weights, precision)
    if as_json:
        _print_json({"directory": str(directory), "verification": result})
    else:
        print(f"{manifest.model} {manifest.fingerprint} is intact: {_describe(result)}")


def _precision(text: str) -> Precision:
    return PrecisionName(text).value


def _show_plan(wanted: BuildPlan, as_json: bool) -> None:
    if as_json:
        _print_json(wanted)
    else:
        print("\n".join(wanted.lines()))


def _show_built(built: Built, as_json: bool) -> None:
    manifest = built.manifest
    if as_json:
        fields = msgspec.to_builtins(manifest)
        _print_json({"directory": str(built.directory), "reused": built.reused, **fields})
        return
    print(f"{manifest.model} {manifest.fingerprint}")
    _progress(_describe(manifest.verification))
    if manifest.quantisation is not None and manifest.quantisation.report is not None:
        _progress(_describe_report(manifest.quantisation.report))


def _describe_report(report: TextReport) -> str:
    return (
        f"on {report.tokens} tokens of text: divergence {report.divergence:.3g} nats, same "
        f"likeliest token {100 * report.greedy_agreement:.1f} %, perplexity "
        f"{report.perplexity_before:.3f} before and {report.perplexity_after:.3f} after"
    )


def _describe(result: Verification) -> str:
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
