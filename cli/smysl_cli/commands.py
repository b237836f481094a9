"""The whole command tree, for everything but a plain question.

Knows names and help texts; each command lives in its own module.
"""

from typing import Annotated

import typer

from smysl_cli import (
    answering,
    branching,
    changes,
    deriving,
    engine_commands,
    exits,
    explaining,
    exporting,
    external,
    history_commands,
    listings,
    looking,
    memory_commands,
    model_commands,
    output,
    places,
    programs,
    service_commands,
    session_commands,
    template_commands,
    unit_commands,
)
from smysl_cli.ask import ask
from smysl_cli.declared import for_typer
from smysl_cli.dispatch import APP_SETTINGS
from smysl_cli.mcp.command import mcp
from smysl_cli.options import Json
from smysl_cli.tui.command import tui
from smysl_daemon.version import VERSION

app = typer.Typer(
    name="smysl",
    help="Ask questions; the answer is reasoned out on this machine, step by step.",
    epilog=exits.table(),
    **APP_SETTINGS,
)


def _version(wanted: bool) -> None:
    if wanted:
        output.say(f"smysl {VERSION}")
        raise typer.Exit


@app.callback()
def smysl(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Ask questions; the answer is reasoned out on this machine, step by step."""


app.command()(for_typer(ask))
app.command()(for_typer(tui))
for _command in (
    *(answering.answer, explaining.explain),
    *(listings.show, looking.why, looking.search),
    *(changes.edit, changes.inject, changes.delete, changes.pin, changes.unpin, changes.retry),
    *(deriving.derive, changes.undo, changes.redo),
    *(branching.fork, branching.branches, branching.switch, changes.merge, branching.diff),
    *(deriving.pause, deriving.resume, deriving.cancel, deriving.finish),
    exporting.export,
):
    app.command()(_command)
app.add_typer(session_commands.sessions, name="sessions")
app.add_typer(memory_commands.memory, name="memory")
app.add_typer(programs.programs, name="programs")
app.add_typer(template_commands.group, name="templates")
app.add_typer(history_commands.logs, name="logs")
app.add_typer(model_commands.models, name="models")
app.add_typer(engine_commands.engines, name="engines")
app.add_typer(service_commands.daemon, name="daemon")
app.add_typer(unit_commands.service, name="service")
app.add_typer(places.config, name="config")
app.command()(places.dirs)
app.command()(mcp)


@app.command()
def doctor(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help="A checkpoint, its config.json or a hub id; default: the model that is set.",
        ),
    ] = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            "--gpu", metavar="NAME", help="Answer for this card too; it need not be here."
        ),
    ] = None,
    context: Annotated[
        int | None, typer.Option("--context", metavar="N", min=1, help="Tokens of the sequence.")
    ] = None,
    json: Json = False,
) -> None:
    """Check the installation and this machine; every problem comes with its remedy."""
    from smysl_cli.doctor import doctor  # sqlite3 and subprocess: for this command only

    doctor(source, gpu or [], context, json)


def _external(verb: str, help: str) -> None:
    # for the list in `--help` only: `run` has started the program before the parser sees it
    @app.command(verb, help=help, add_help_option=False)
    def start(words: Annotated[list[str] | None, typer.Argument(metavar="...")] = None) -> None:
        external.become(verb, words or [])


_external("build", "Compile a model into an engine (smysl-build).")
_external("forge", "Train models and look at their data (smysl-forge).")
_external("eval", "Measure programs and models (smysl-eval).")
