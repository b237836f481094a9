"""Exit codes: the part of the command line that scripts read."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    """Done; an answer was given, verified or not."""
    ERROR = 1
    """Something failed: the line on standard error says what."""
    USAGE = 2
    """The command or its input can never work as given."""
    NOT_VERIFIED = 3
    """Verification failed: checks contradict, or the question is outside what the model knows."""
    BUDGET = 4
    """The token or time budget was spent before an answer."""
    GATE = 5
    """An evaluation gate failed."""
    UNREACHABLE = 69
    """No daemon answers and none could be started."""
    BUSY = 75
    """The daemon is full or stopping: try again later."""
    INTERRUPTED = 130
    """Ctrl-C."""


def table() -> str:
    """One line of text for `--help`."""
    return (
        "Exit codes: 0 ok, 1 error, 2 usage or bad input, 3 verification failed (not confident), "
        "4 budget spent, 5 gate failed, 69 daemon unreachable, 75 busy, 130 interrupted."
    )
