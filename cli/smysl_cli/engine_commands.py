"""`smysl engines ...`: the compiled models in the store, and keeping it in order.

Knows who to ask: the daemon where one runs, because it knows what is loaded, and otherwise the build
step's program, which this client must not import. No daemon is started for it.
"""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from smysl_cli import asking, diagnostics, external, output
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.options import Json, Yes
from smysl_daemon.client import connect
from smysl_daemon.config import find_dirs
from smysl_daemon.errors import NoDaemon
from smysl_daemon.protocol import EngineList, ListEngines
from smysl_daemon.shapes import EngineView

engines = typer.Typer(help="Compiled models in the store.", no_args_is_help=True)

Engine = Annotated[
    str, typer.Argument(metavar="ENGINE", help="A model's name, or the beginning of a fingerprint.")
]


class Format(StrEnum):
    TAR = "tar"
    GGUF = "gguf"


class Precision(StrEnum):
    F16 = "f16"
    F32 = "f32"


SHORT = 12
"""Characters of a fingerprint that are shown."""


@engines.command("list")
def list_engines(json: Json = False) -> None:
    """The engines in the store; the loaded one is marked."""
    _say_engines(stored(verify=False), json)


@engines.command("verify")
def verify_engines(json: Json = False) -> None:
    """Hash every file of every engine and compare with its manifest."""
    found = stored(verify=True)
    _say_engines(found, json)
    broken = [one for one in found if one.problem]
    if broken:
        raise CommandFailed(
            f"{len(broken)} of {len(found)} engines are damaged; `smysl build` builds one again, "
            "`smysl daemon restart` the bundled one, and `smysl engines delete` removes one"
        )


@engines.command("delete")
def delete(engine: Engine, yes: Yes = False, json: Json = False) -> None:
    """Delete an engine for good; one that is loaded only with --yes."""
    found = _pick(stored(verify=False), engine)
    said = f"{_called(found)} ({found.size_bytes / 1e6:.1f} MB)"
    if not yes:
        if found.loaded:
            raise UsageError(f"engine {said} is loaded by the daemon; say --yes to delete it still")
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(f"engine {said} would be deleted for good; say --yes to do it")
        typer.confirm(f"Delete engine {said} for good?", abort=True, err=True)
    gone = _store("delete", found.fingerprint)
    if json:
        output.say_json(gone)
    else:
        output.say(f"engine {said} deleted")
    if found.loaded:
        diagnostics.note(
            "the daemon still has it open; `smysl daemon restart` builds it again or loads another"
        )


@engines.command("export")
def export(
    engine: Engine,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A new file; default: MODEL-FINGERPRINT.tar."
        ),
    ] = None,
    format: Annotated[
        Format,
        typer.Option(
            help="tar: the engine itself, for another machine. gguf: its model, for llama.cpp."
        ),
    ] = Format.TAR,
    precision: Annotated[
        Precision, typer.Option(help="Of a GGUF file's matrices.")
    ] = Precision.F16,
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="For gguf: the checkpoint that the engine was built from, if it is no bundled model.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write an engine to one file: with the hashes of all in it for another machine, or as GGUF."""
    if format is not Format.GGUF and (source is not None or precision is not Precision.F16):
        raise UsageError("--source and --precision are for --format gguf")
    words = ["--format", format, "--precision", precision]
    words += [] if source is None else ["--source", str(source.resolve())]
    done = _store("export", engine, *([] if file is None else [str(file)]), options=words)
    if json:
        output.say_json(done)
    else:
        output.say(done["file"])


@engines.command("import")
def import_engine(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="From `smysl engines export`.")],
    json: Json = False,
) -> None:
    """Check an exported engine whole, then put it into the store in the place of its namesake."""
    done = _store("import", str(file))
    if json:
        output.say_json(done)
    else:
        verb = "was here already" if done["reused"] else "is here"
        output.say(f"engine {done['model']} {done['fingerprint'][:SHORT]} {verb}")


def stored(*, verify: bool) -> tuple[EngineView, ...]:
    """Every engine of the store. Raises `CommandFailed` where it cannot be read."""
    try:
        with connect(find_dirs(), start=False) as client:
            return asking.expect(client.ask(ListEngines(verify=verify)), EngineList).engines
    except NoDaemon:
        found = _store("verify" if verify else "list")
        return tuple(msgspec.convert(one | {"loaded": False}, EngineView) for one in found)


def _pick(found: tuple[EngineView, ...], name: str) -> EngineView:
    """Damaged ones too. Raises `CommandFailed` unless the name means exactly one."""
    fitting = [one for one in found if one.model == name and name]
    fitting = fitting or [one for one in found if name and one.fingerprint.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        each = ", ".join(one.fingerprint[:SHORT] for one in fitting)
        raise CommandFailed(f"{name!r} fits {len(fitting)} engines ({each}); give more of one")
    there = ", ".join(_called(one) for one in found) or "none"
    raise CommandFailed(f"no engine {name!r} in {find_dirs().engines}; there: {there}")


def _called(one: EngineView) -> str:
    return f"{one.model} {one.fingerprint[:SHORT]}".strip()


def _store(*words: str, options: Sequence[str] = ()) -> Any:
    verb, *rest = words
    # a name may begin with a hyphen
    command = [str(find_dirs().engines), verb, *options, *(("--", *rest) if rest else ())]
    return external.answer("smysl_build_engines.store_app", command)


def _say_engines(found: tuple[EngineView, ...], json: bool) -> None:
    if json:
        output.say_json(found)
        return
    rows = [
        (
            one.fingerprint[:SHORT],
            one.model,
            one.backend,
            one.precision,
            f"{one.size_bytes / 1e6:.1f} MB",
            one.problem or ("loaded" if one.loaded else "-"),
        )
        for one in found
    ]
    titles = ("FINGERPRINT", "MODEL", "BACKEND", "PRECISION", "SIZE", "STATE")
    output.say_table(titles, rows, empty="The store holds no engine.")
