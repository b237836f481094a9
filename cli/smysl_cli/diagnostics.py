"""The only module that writes to standard error and decides exit codes.

Knows errors and streams; never what a command does. Standard output belongs to answers.
"""

import os
import sys
from typing import TextIO

from smysl_cli.exits import Exit
from smysl_cli.text import printable
from smysl_daemon.errors import BadConfig, Code, DaemonError, FrameTooLarge, RequestRefused
from smysl_daemon.errors import Unreachable as DaemonUnreachable


class CommandFailed(Exception):
    """Ends a command with a line on standard error and an exit code."""

    def __init__(self, message: str, exit: Exit = Exit.ERROR) -> None:
        super().__init__(message)
        self.exit = exit


class UsageError(CommandFailed):
    """Input that can never work as given; names the value, the limit and the remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.USAGE)


def note(text: str) -> None:
    """A line for people on standard error."""
    _write(f"smysl: {printable(text)}")


def usage(page: str) -> None:
    """What a command that was called without words takes, as its --help has it."""
    _write(page)


def prompt(text: str) -> None:
    """A question to the person, as it is: the cursor stays behind it."""
    try:
        print(printable(text), end="", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody reads it


def progress(text: str) -> None:
    """How far a long command is, in a line that the next one takes the place of; an empty one takes it away.
    For a terminal alone."""
    if not is_terminal():
        return
    try:
        print(f"\r\x1b[K{printable(text)}", end="", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody reads it


def fail(error: Exception) -> Exit:
    """Say what went wrong in one line and return the exit code for it."""
    _write(f"smysl: {printable(' '.join(str(error).split()))}")
    return exit_code(error)


def exit_code(error: Exception) -> Exit:
    match error:
        case CommandFailed(exit=code):
            return code
        case RequestRefused(code=Code.BAD_REQUEST | Code.TOO_LARGE | Code.BAD_MESSAGE):
            return Exit.USAGE
        case RequestRefused(code=Code.BUSY | Code.STOPPING | Code.CONFLICT | Code.CANCELLED):
            return Exit.BUSY
        case RequestRefused(code=Code.PROTOCOL) | DaemonUnreachable():
            return Exit.UNREACHABLE
        case FrameTooLarge() | BadConfig():
            return Exit.USAGE
    return Exit.ERROR


def foreseen(error: Exception) -> bool:
    """True for errors whose message is meant for people."""
    return isinstance(error, (CommandFailed, DaemonError))


def stream() -> TextIO:
    """Standard error, for what draws on it."""
    return sys.stderr


def is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _write(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody reads it
