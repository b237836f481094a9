"""Arguments and options that several commands take, each declared once, in Typer's words.

Knows names and help texts; never what a command does with them.
"""

from typing import Annotated

import typer

from smysl_cli import completing, run_options
from smysl_cli.declared import typed
from smysl_cli.question import SEED_LIMIT as SEED_LIMIT

Id = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="An id, the beginning of one, or @last.",
        autocompletion=completing.anything,
    ),
]
NodeId = Annotated[
    str,
    typer.Argument(
        metavar="NODE", help="A node's id, or its beginning.", autocompletion=completing.nodes
    ),
]
MemoryId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="A memory's id, or its beginning.",
        autocompletion=completing.memories,
    ),
]
SessionId = Annotated[
    str,
    typer.Argument(
        metavar="[SESSION]",
        help="A session's id, its beginning, or @last.",
        autocompletion=completing.sessions,
    ),
]
SessionOption = Annotated[
    str,
    typer.Option(
        "--session",
        "-s",
        metavar="ID",
        help="Which session; the last by default.",
        autocompletion=completing.sessions,
    ),
]
Branch = Annotated[
    str | None,
    typer.Option(
        "--branch",
        "-b",
        metavar="NAME",
        help="Instead of the current one.",
        autocompletion=completing.branches,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunJson = Annotated[bool, typed(run_options.JSON)]
Preview = Annotated[
    bool, typer.Option("--preview", help="Only say what would be derived, and its cost.")
]
Program = Annotated[
    str,
    typer.Option(
        "--program",
        "-p",
        help="See `smysl programs list`.",
        autocompletion=completing.programs,
    ),
]
Adapter = Annotated[str | None, typed(run_options.ADAPTER)]
BudgetTokens = Annotated[int | None, typed(run_options.BUDGET_TOKENS)]
BudgetCalls = Annotated[int | None, typed(run_options.BUDGET_CALLS)]
BudgetSeconds = Annotated[float | None, typed(run_options.BUDGET_SECONDS)]
Option = Annotated[list[str] | None, typed(run_options.OPTION)]
Recall = Annotated[int | None, typed(run_options.RECALL)]
Seed = Annotated[int, typed(run_options.SEED)]
Stream = Annotated[bool | None, typed(run_options.STREAM)]
Quiet = Annotated[bool, typed(run_options.QUIET)]
Verbose = Annotated[bool, typed(run_options.VERBOSE)]
Usage = Annotated[bool, typed(run_options.USAGE)]
DeriveAfter = Annotated[
    bool, typer.Option("--derive/--no-derive", help="Derive what is stale at once.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
