"""Exit codes of `smysl-eval`: those of `smysl`, so that scripts learn one table."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    ERROR = 1
    """A file, folder or request that cannot be used."""
    USAGE = 2
    """The command line itself is wrong."""
    GATE_FAILED = 5
    """At least one threshold was missed."""
    UNREACHABLE = 69
    """No daemon answers, or it went away in the middle."""
    INTERRUPTED = 130
    """Ctrl-C; what was answered is kept."""
