"""`smysl ask`: puts a question together and sends it.

Knows words, options and standard input; `following` does the rest.
"""

import sys
from typing import Annotated

import typer

from smysl_cli import completing, diagnostics
from smysl_cli.diagnostics import UsageError
from smysl_cli.following import Manner, follow
from smysl_cli.options import (
    Adapter,
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

STRUCTURED = "structured"
"""The program that answers under a schema."""


def ask(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="The question. Standard input becomes its context."),
    ] = None,
    program: Annotated[
        str | None,
        typer.Option(
            "--program",
            "-p",
            help="How to reason, solve by default; see `smysl programs list`.",
            autocompletion=completing.programs,
        ),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            "-t",
            metavar="NAME",
            help="Put TEXT into a stored prompt; see `smysl templates list`.",
            autocompletion=completing.templates,
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A variable of the template."),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="SCHEMA",
            help="Answer with JSON: a schema's file, JSON, or fields as 'name, age int'.",
        ),
    ] = None,
    extract: Annotated[
        bool, typer.Option("--extract", "-x", help="Print the answer's first fenced code block.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="Insist on this loaded model.",
            autocompletion=completing.models,
        ),
    ] = None,
    adapter: Adapter = None,
    session: Annotated[
        str | None,
        typer.Option(
            "--session",
            "-s",
            metavar="ID",
            help="Continue this session.",
            autocompletion=completing.sessions,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--continue", "-c", help="Continue the last session.")
    ] = False,
    branch: Annotated[
        str | None,
        typer.Option(
            "--branch",
            "-b",
            metavar="NAME",
            help="Of that session.",
            autocompletion=completing.branches,
        ),
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
    if extract and json:
        raise UsageError("-x prints a part of the answer and --json all of it; choose one")
    if param and template is None:
        raise UsageError("--param gives a value to a template's variable; say which one with -t")
    piped = None if sys.stdin is None or sys.stdin.isatty() else read_piped(sys.stdin.buffer)
    options = option_values(option or [])
    question, context = text or [], piped
    if template is not None:
        from smysl_cli import templates  # only for people who have some

        found = templates.load(find_dirs().config, template)
        question, context = found.asked(question, piped, templates.params(param or []))
        program = program or found.program
        options = found.options | options
        schema = schema or found.schema
        extract = extract or (found.extract and not json)
    if schema is not None:
        from smysl_cli.schemas import schema_text  # and these only for those who want one

        options["schema"] = schema_text(schema)
    words, about = question_and_context(question, context)
    request = Run(
        question=words,
        program=program or ("solve" if schema is None else STRUCTURED),
        context=about,
        session="@last" if resume else session,
        branch=branch,
        model=model,
        seed=checked_seed(seed),
        options=options,
        adapter=adapter,
        fresh=fresh,
        budget_tokens=budget_tokens,
        budget_calls=budget_calls,
        budget_seconds=budget_seconds,
    )
    manner = Manner(
        stream=stream, json=json, quiet=quiet, verbose=verbose, usage=usage, extract=extract
    )
    with connect(find_dirs(), tell=None if quiet else diagnostics.note) as client:
        raise follow(client, request, manner)
