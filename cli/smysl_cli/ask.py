"""`smysl ask`: sends the question, shows the nodes, prints the answer, returns the exit code.

Knows the protocol and the terminal; never how an answer is found.
"""

import sys
from contextlib import suppress
from typing import Annotated, Any

import typer

from smysl_cli import diagnostics, live, output
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.exits import Exit
from smysl_cli.question import option_values, question_and_context, read_piped
from smysl_cli.result import Collector
from smysl_daemon.client import Client, connect
from smysl_daemon.config import find_dirs
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import (
    Accepted,
    AskResult,
    NodeDelta,
    NodeFinished,
    NodeStarted,
    Run,
    RunEnded,
)

CANCEL_LIMIT_S = 3.0
"""How long Ctrl-C waits for the daemon to confirm that the run stopped."""


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
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY VALUE", help="Set the program's KEY to JSON."),
    ] = None,
    budget_tokens: Annotated[
        int | None, typer.Option("--budget-tokens", metavar="N", min=1, help="Spend at most this.")
    ] = None,
    budget_seconds: Annotated[
        float | None,
        typer.Option("--budget-seconds", metavar="S", min=0.001, help="Take at most this long."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same nodes.")] = 0,
    stream: Annotated[
        bool | None,
        typer.Option("--stream/--no-stream", help="Show nodes as they arrive, or only the end."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; with --stream, JSON lines.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the answer.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="A line per node, with its cost.")
    ] = False,
    usage: Annotated[
        bool, typer.Option("--usage", "-u", help="Show tokens and time at the end.")
    ] = False,
) -> None:
    """Ask a question: `smysl TEXT` is the same. The answer alone goes to standard output."""
    if quiet and verbose:
        raise UsageError("-q and -v contradict each other; choose one")
    if session is not None and resume:
        raise UsageError("-s and -c contradict each other; choose one")
    piped = None if sys.stdin is None or sys.stdin.isatty() else read_piped(sys.stdin.buffer)
    question, context = question_and_context(text or [], piped)
    request = Run(
        question=question,
        program=program,
        context=context,
        session="@last" if resume else session,
        model=model,
        seed=_seed(seed),
        options=option_values(option or []),
        budget_tokens=budget_tokens,
        budget_seconds=budget_seconds,
    )
    json_lines = json and stream is True
    display = live.display(
        diagnostics.stream(),
        terminal=diagnostics.is_terminal(),
        quiet=quiet or stream is False or (json and not verbose),
        verbose=verbose,
    )
    with connect(find_dirs(), tell=None if quiet else diagnostics.note) as client:
        asking = _Asking(client, display, json_lines=json_lines)
        end, result = asking.run(request)
    if json_lines:
        output.say_json_line(result)
    elif json:
        output.say_json(result)
    elif end.answer is not None:
        output.say(end.answer)
    if usage:
        diagnostics.note(_spent(end))
    if end.verdict == "verified" and end.message and not (quiet or json or stream is False):
        diagnostics.note(f"verified: {end.message}")
    raise typer.Exit(_exit(end, interrupted=asking.interrupted, quiet=quiet))


def _seed(seed: int) -> int:
    if not 0 <= seed < 2**63:
        raise UsageError(f"--seed {seed} is out of range; use 0 to {2**63 - 1}")
    return seed


class _Asking:
    """One run, from the request to its end, through Ctrl-C as well."""

    def __init__(self, client: Client, display: live.Display, *, json_lines: bool) -> None:
        self._client = client
        self._display = display
        self._json_lines = json_lines
        self._collector: Collector | None = None
        self.interrupted = False

    def run(self, request: Run) -> tuple[RunEnded, AskResult]:
        try:
            try:
                self._client.send(request)
                end = self._follow()
            except KeyboardInterrupt:
                self.interrupted = True
                self._client.cancel(timeout_s=CANCEL_LIMIT_S)
                end = self._follow()
        except (KeyboardInterrupt, DaemonError, OSError):
            if self.interrupted:
                raise CommandFailed("interrupted", Exit.INTERRUPTED) from None
            raise
        finally:
            with suppress(BrokenPipeError):
                self._display.close()
        assert self._collector is not None
        return end, self._collector.result(end)

    def _follow(self) -> RunEnded:
        while True:
            message = self._client.receive()
            match message:
                case Accepted():
                    self._collector = Collector(message)
                case RunEnded():
                    if self._collector is None:
                        raise CommandFailed("the daemon ended a run that it had not accepted")
                    self._event(message)
                    return message
                case NodeStarted() | NodeDelta() | NodeFinished() if self._collector is not None:
                    self._collector.take(message)
                    self._event(message)
                    with suppress(BrokenPipeError):  # nobody watches; the answer still counts
                        self._display.take(message)
                case _:
                    raise CommandFailed(f"unexpected {type(message).__name__} from the daemon")

    def _event(self, event: Any) -> None:
        if self._json_lines:
            output.say_json_line(event)


def _spent(end: RunEnded) -> str:
    spent = end.usage
    return (
        f"{spent.calls} calls, {spent.prompt_tokens} prompt tokens ({spent.cached_tokens} cached), "
        f"{spent.generated_tokens} generated, {end.seconds:.2f} s, session {end.session}"
    )


def _exit(end: RunEnded, *, interrupted: bool, quiet: bool) -> Exit:
    """The exit code of an end, with a note where it is not a plain success."""
    if interrupted:
        diagnostics.note("interrupted; `smysl show @last` has the finished nodes")
        return Exit.INTERRUPTED
    if end.outcome == "cancelled":
        raise CommandFailed(end.message or "the daemon cancelled the run; ask again", Exit.BUSY)
    if end.outcome == "failed":
        raise CommandFailed(end.message or "the run failed")
    match end.verdict:
        case "verified":
            return Exit.OK
        case "unverified":
            if not quiet:
                diagnostics.note(f"not verified: {end.message or 'no check was made'}")
            return Exit.OK
        case "budget":
            raise CommandFailed(end.message or "the budget was spent", Exit.BUDGET)
        case "failed":
            message = end.message or "the checks do not support an answer"
            if not message.startswith("not confident"):
                message = f"not confident: {message}"
            raise CommandFailed(message, Exit.NOT_VERIFIED)
