"""`smysl ask`: puts a question together and sends it.

Knows words, options and standard input; `following` does the rest. Typer is not needed for it: what a command line
holds is declared as plain data.
"""

import sys
from typing import Annotated

from smysl_cli import diagnostics, run_options
from smysl_cli.declared import Flag, Words
from smysl_cli.diagnostics import UsageError
from smysl_cli.exits import Exit
from smysl_cli.following import Manner, follow
from smysl_cli.question import (
    checked_recall,
    checked_seed,
    option_values,
    question_and_context,
    read_piped,
)
from smysl_daemon.client import connect
from smysl_daemon.protocol import Run

STRUCTURED = "structured"
"""The program that answers under a schema."""


def ask(
    text: Annotated[
        list[str] | None,
        Words("TEXT", help="The question. Standard input becomes its context."),
    ] = None,
    program: Annotated[
        str | None,
        Flag(
            ("--program", "-p"),
            help="How to reason, solve by default; see `smysl programs list`.",
            offers="programs",
        ),
    ] = None,
    template: Annotated[
        str | None,
        Flag(
            ("--template", "-t"),
            metavar="NAME",
            help="Put TEXT into a stored prompt; see `smysl templates list`.",
            offers="templates",
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        Flag(("--param",), metavar="NAME=VALUE", help="A variable of the template."),
    ] = None,
    schema: Annotated[
        str | None,
        Flag(
            ("--schema",),
            metavar="SCHEMA",
            help="Answer with JSON: a schema's file, JSON, or fields as 'name, age int'.",
        ),
    ] = None,
    extract: Annotated[
        bool, Flag(("--extract", "-x"), help="Print the answer's first fenced code block.")
    ] = False,
    model: Annotated[
        str | None,
        Flag(("--model", "-m"), help="Insist on this loaded model.", offers="models"),
    ] = None,
    adapter: Annotated[str | None, run_options.ADAPTER] = None,
    session: Annotated[
        str | None,
        Flag(("--session", "-s"), metavar="ID", help="Continue this session.", offers="sessions"),
    ] = None,
    resume: Annotated[bool, Flag(("--continue", "-c"), help="Continue the last session.")] = False,
    branch: Annotated[
        str | None,
        Flag(("--branch", "-b"), metavar="NAME", help="Of that session.", offers="branches"),
    ] = None,
    option: Annotated[list[str] | None, run_options.OPTION] = None,
    recall: Annotated[int | None, run_options.RECALL] = None,
    budget_tokens: Annotated[int | None, run_options.BUDGET_TOKENS] = None,
    budget_calls: Annotated[int | None, run_options.BUDGET_CALLS] = None,
    budget_seconds: Annotated[float | None, run_options.BUDGET_SECONDS] = None,
    seed: Annotated[int, run_options.SEED] = 0,
    fresh: Annotated[
        bool, Flag(("--fresh",), help="Reuse nothing that other runs have made.")
    ] = False,
    stream: Annotated[bool | None, run_options.STREAM] = None,
    json: Annotated[bool, run_options.JSON] = False,
    quiet: Annotated[bool, run_options.QUIET] = False,
    verbose: Annotated[bool, run_options.VERBOSE] = False,
    usage: Annotated[bool, run_options.USAGE] = False,
) -> Exit:
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
        from smysl_daemon.config import find_dirs

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
        recall=None if recall is None else checked_recall(recall),
        budget_tokens=budget_tokens,
        budget_calls=budget_calls,
        budget_seconds=budget_seconds,
    )
    manner = Manner(
        stream=stream, json=json, quiet=quiet, verbose=verbose, usage=usage, extract=extract
    )
    with connect(tell=None if quiet else diagnostics.note) as client:
        return follow(client, request, manner)
