"""Where a server is and how patiently it is asked.

Knows numbers and texts; opens nothing.
"""

from urllib.parse import urlsplit

import msgspec

from smysl_engines.base import EngineError


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, but for `retries`."""

    connect_s: float = 5.0
    first_token_s: float = 300.0
    """From a request to its first token: the server may have a queue, and long prompts."""
    next_token_s: float = 60.0
    """Between two tokens of a stream."""
    retries: int = 4
    """Times a request is repeated that found no server, a busy one or a broken one, before a token came."""
    backoff_s: float = 0.25
    """Before the first repetition, about; each further one waits twice as long, unless the server says how
    long (Retry-After)."""
    backoff_limit_s: float = 30.0
    """The longest single wait, whatever the server says."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One OpenAI-compatible server."""

    url: str
    """With or without the final `/v1`."""
    model: str | None = None
    """Its name there; None is the only one that the server lists."""
    key: str | None = None
    """Sent as a bearer token; never shown."""
    context: int | None = None
    """Most tokens of prompt and output together; None is what the server says."""
    concurrency: int = 16
    """Calls at the server at once; others wait here by priority."""
    patience: Patience = Patience()

    def check(self) -> None:
        """Raise `EngineError` for what is no address."""
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError as error:
            raise EngineError(f"{self.url!r} is no address of a server: {error}") from error
        if not sound:
            raise EngineError(
                f"{self.url!r} is no address of a server; it looks like http://127.0.0.1:8080/v1"
            )

    @property
    def root(self) -> str:
        """Without `/v1` and a final slash."""
        return self.url.rstrip("/").removesuffix("/v1").rstrip("/")
