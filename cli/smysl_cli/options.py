"""Arguments and options that several commands take, each declared once.

Knows names and help texts; never what a command does with them.
"""

from typing import Annotated

import typer

from smysl_cli import completing
from smysl_cli.diagnostics import UsageError

SEED_LIMIT = 2**63

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
RunJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object; with --stream, JSON lines.")
]
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
Adapter = Annotated[
    str | None,
    typer.Option(
        "--adapter",
        "-a",
        metavar="NAME",
        help="An adapter of the model.",
        autocompletion=completing.adapters,
    ),
]
BudgetTokens = Annotated[
    int | None, typer.Option("--budget-tokens", metavar="N", min=1, help="Spend at most this.")
]
BudgetCalls = Annotated[
    int | None,
    typer.Option("--budget-calls", metavar="N", min=1, help="Call the model at most so often."),
]
BudgetSeconds = Annotated[
    float | None,
    typer.Option("--budget-seconds", metavar="S", min=0.001, help="Take at most this long."),
]
Option = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY VALUE", help="Set the program's KEY to JSON."),
]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same nodes.")]
Stream = Annotated[
    bool | None,
    typer.Option("--stream/--no-stream", help="Show nodes as they arrive, or only the end."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only the answer.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="A line per node, with its cost.")]
Usage = Annotated[bool, typer.Option("--usage", "-u", help="Show tokens and time at the end.")]
DeriveAfter = Annotated[
    bool, typer.Option("--derive/--no-derive", help="Derive what is stale at once.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def checked_seed(seed: int) -> int:
    """Raises `UsageError` for a seed that no engine takes."""
    if not 0 <= seed < SEED_LIMIT:
        raise UsageError(f"--seed {seed} is out of range; use 0 to {SEED_LIMIT - 1}")
    return seed
