"""Follows one run from the request to its end, shows it, and says how it went by the exit code.

Knows the protocol and the terminal; never what was asked or how an answer is found.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from smysl_cli import diagnostics, output
from smysl_cli.diagnostics import CommandFailed
from smysl_cli.exits import Exit
from smysl_cli.person import Person
from smysl_cli.result import Collector
from smysl_daemon.client import Client
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import (
    Accepted,
    Derive,
    NodeDelta,
    NodeFinished,
    NodeStarted,
    Run,
    RunEnded,
    RunEvent,
)
from smysl_daemon.shapes import AskResult

if TYPE_CHECKING:
    import typer

    from smysl_cli.live import Display

CANCEL_LIMIT_S = 3.0
"""How long Ctrl-C waits for the daemon to confirm that the run stopped."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is shown."""

    stream: bool | None = None
    """None: as the other settings suggest."""
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    usage: bool = False
    extract: bool = False
    """Of the answer, its first fenced code block alone."""

    @property
    def watched(self) -> bool:
        """A script that collects errors wants no progress unless it asks for it."""
        return diagnostics.is_terminal() or self.verbose or self.stream is True

    @property
    def shown(self) -> bool:
        """Nodes are shown while they arrive."""
        silent = self.quiet or self.stream is False or (self.json and not self.verbose)
        return self.watched and not silent


def follow(client: Client, request: Run | Derive, manner: Manner) -> Exit:
    """Send the request, show what happens, print the answer; the exit code. Raises
    `CommandFailed` for an end that is no answer, and what the client raises."""
    json_lines = manner.json and manner.stream is True
    display = Deferred(lambda: _display(manner)) if manner.shown else Silent()
    following = Following(client, display, json_lines=json_lines)
    end, result = following.run(request)
    return tell(end, result, manner, interrupted=following.interrupted)


def conclude(
    end: RunEnded, result: AskResult, manner: Manner, *, interrupted: bool = False
) -> "typer.Exit":
    """As `tell`; the exit that a command of Typer raises."""
    import typer

    return typer.Exit(tell(end, result, manner, interrupted=interrupted))


def tell(end: RunEnded, result: AskResult, manner: Manner, *, interrupted: bool = False) -> Exit:
    """Print the answer of a run that has ended; the exit code. Raises `CommandFailed` for an end
    that is no answer."""
    if manner.json and manner.stream is True:
        output.say_json_line(result)
    elif manner.json:
        output.say_json(result)
    elif end.answer is not None:
        output.say(_block(end.answer) if manner.extract else end.answer)
    if manner.usage:
        diagnostics.note(_spent(end))
    plain = manner.watched and not (manner.quiet or manner.json or manner.stream is False)
    if end.verdict == "verified" and end.message and plain:
        diagnostics.note(f"verified: {end.message}")
    return _exit(end, interrupted=interrupted, quiet=manner.quiet)


class Silent:
    """Shows nothing."""

    def take(self, event: RunEvent) -> None:
        pass

    def close(self) -> None:
        pass


class Deferred:
    """A display that is made when there is something to show: the daemon is at work by then."""

    def __init__(self, make: "Callable[[], Display]") -> None:
        self._make = make
        self._display: Display | None = None

    def take(self, event: RunEvent) -> None:
        if self._display is None:
            self._display = self._make()
        self._display.take(event)

    def close(self) -> None:
        if self._display is not None:
            self._display.close()


def _display(manner: Manner) -> "Display":
    from smysl_cli import live  # what draws costs a start more than what asks

    return live.display(
        diagnostics.stream(), terminal=diagnostics.is_terminal(), verbose=manner.verbose
    )


class Following:
    """One run, through Ctrl-C as well."""

    def __init__(self, client: Client, display: "Display", *, json_lines: bool) -> None:
        self._client = client
        self._display = display
        self._json_lines = json_lines
        self._collector: Collector | None = None
        self._person = Person(client)
        self._asking: set[str] = set()
        """Nodes by which the run asks the person something."""
        self._undrawn: list[RunEvent] = []
        self.interrupted = False

    def run(self, request: Run | Derive) -> tuple[RunEnded, AskResult]:
        try:
            try:
                self._client.send(request)
                end = self._follow()
            except KeyboardInterrupt:
                self.interrupted = True
                self._person.leave()
                self._client.cancel(timeout_s=CANCEL_LIMIT_S)
                end = self._follow()
        except (KeyboardInterrupt, DaemonError, OSError):
            if self.interrupted:
                raise CommandFailed("interrupted", Exit.INTERRUPTED) from None
            raise
        finally:
            with suppress(BrokenPipeError):
                self._draw()
                self._display.close()
        assert self._collector is not None
        return end, self._collector.result(end)

    def _follow(self) -> RunEnded:
        while True:
            message = self._person.receive()
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
                    self._show(message)
                case _:
                    raise CommandFailed(f"unexpected {type(message).__name__} from the daemon")

    def _show(self, event: RunEvent) -> None:
        self._undrawn.append(event)
        match event:
            case NodeStarted(node=node) if node.kind == "question":
                # what a person has asked is finished when it is seen first
                self._asking.add(node.id)
            case NodeDelta(node=id, text=text) if id in self._asking:
                self._asking.discard(id)
                with suppress(BrokenPipeError):
                    self._draw()
                    self._display.close()
                self._person.ask(id, text)
            case NodeFinished(node=node):
                self._person.settled(node.id)
        if not self._person.busy:
            with suppress(BrokenPipeError):  # nobody watches; the answer still counts
                self._draw()

    def _draw(self) -> None:
        events, self._undrawn = self._undrawn, []
        for event in events:
            self._display.take(event)

    def _event(self, event: Any) -> None:
        if self._json_lines:
            output.say_json_line(event)


def _block(answer: str) -> str:
    from smysl_cli.fenced import first_block  # for -x alone

    found = first_block(answer)
    if found is None:
        diagnostics.note("the answer holds no fenced code block; here is all of it")
    return answer if found is None else found


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
