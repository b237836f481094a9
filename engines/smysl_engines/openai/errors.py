"""What a server can fail with, in one tree. Each message says which server, what happened and what to do.

EngineError
└── ServerFailed
    ├── ServerUnreachable   nothing answers at its address, or the connection cannot be trusted
    ├── ServerBusy          it refused for now (429, 5xx), also after every repetition
    ├── ServerRefused       it refused for good (other 4xx): key, model, request
    ├── ServerSilent        it did not say anything in time
    ├── ServerBroke         it stopped in the middle, or what it said is not what such a server says
    └── ServerUnfit         it answers, but smysl cannot work with it: no completions, another tokenizer
"""

from smysl_engines.base import EngineError

BACK_AGAIN = (
    "Start it again, or correct its address; smysl needs no restart, and `smysl derive` goes on where a session "
    "stopped"
)


class ServerFailed(EngineError):
    """Anything that is the server's fault, or the network's."""


class ServerUnreachable(ServerFailed):
    """No connection."""


class ServerBusy(ServerFailed):
    """It asked to come back later."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServerRefused(ServerFailed):
    """It will not do this, however often it is asked."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ServerSilent(ServerFailed):
    """A time limit passed."""


class ServerBroke(ServerFailed):
    """A reply without an end, or without sense."""


class ServerUnfit(ServerFailed):
    """Asking again is of no use before something there or in the settings has changed."""
