"""`smysl ask`: puts a question together and sends it.

Knows words, options and standard input; `following` does the rest.
"""

import sys
from typing import Annotated

import typer

from smysl_cli import diagnostics
from smysl_cli.diagnostics import UsageError
from smysl_cli.following import Manner, follow
from smysl_cli.options import (
    BudgetCalls,
    BudgetSeconds,
    BudgetTokens,
    Option,
    Quiet,
    RunJson,
    Seed,
    Stream,
    Usage,
    Verbose,
    checked_seed,
)
from smysl_cli.question import option_values, question_and_context, read_piped
from smysl_daemon.client import connect
from smysl_daemon.config import find_dirs
from smysl_daemon.protocol import Run


def ask(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="The question. Standard input becomes its context."),
    ] = None,
    program: Annotated[
        str, typer.Option("--program", "-p", help="How to reason; see `smysl programs list`.")
    ] = "solve",
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Insist on this loaded model.")
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", "-s", metavar="ID", help="Continue this session.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--continue", "-c", help="Continue the last session.")
    ] = False,
    branch: Annotated[
        str | None, typer.Option("--branch", "-b", metavar="NAME", help="Of that session.")
    ] = None,
    option: Option = None,
    budget_tokens: BudgetTokens = None,
    budget_calls: BudgetCalls = None,
    budget_seconds: BudgetSeconds = None,
    seed: Seed = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Reuse nothing that other runs have made.")
    ] = False,
    stream: Stream = None,
    json: RunJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    usage: Usage = False,
) -> None:
    """Ask a question: `smysl TEXT` is the same. The answer alone goes to standard output."""
    if quiet and verbose:
        raise UsageError("-q and -v contradict each other; choose one")
    if session is not None and resume:
        raise UsageError("-s and -c contradict each other; choose one")
    if branch is not None and session is None and not resume:
        raise UsageError("-b names a branch of a session; say which one with -s or -c")
    piped = None if sys.stdin is None or sys.stdin.isatty() else read_piped(sys.stdin.buffer)
    question, context = question_and_context(text or [], piped)
    request = Run(
        question=question,
        program=program,
        context=context,
        session="@last" if resume else session,
        branch=branch,
        model=model,
        seed=checked_seed(seed),
        options=option_values(option or []),
        fresh=fresh,
        budget_tokens=budget_tokens,
        budget_calls=budget_calls,
        budget_seconds=budget_seconds,
    )
    manner = Manner(stream=stream, json=json, quiet=quiet, verbose=verbose, usage=usage)
    with connect(find_dirs(), tell=None if quiet else diagnostics.note) as client:
        raise follow(client, request, manner)
