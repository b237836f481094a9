"""What a request over HTTP is refused with: a status, and words in the shape of each API.

Knows statuses and error bodies; never requests, sockets or runs.
"""

from typing import Any, Literal

from smysl_daemon.errors import Code
from smysl_daemon.wire import to_wire
from smysl_engines.base import BadCall, EngineError, PromptTooLong

Dialect = Literal["openai", "anthropic"]
SAID_LIMIT = 2000
"""Characters of a message."""
RETRY_S = 1
"""What a client is told to wait where the daemon has no room at this moment."""

_STATUSES = {
    Code.BAD_REQUEST: 400,
    Code.AMBIGUOUS: 400,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.NOTHING_TO_DO: 409,
    Code.BUSY: 429,
    Code.STOPPING: 503,
}
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class ApiError(Exception):
    """A request that is refused, or that failed."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """`code`: for programs. `param`: the field that is wrong."""
        # what a client sent may be quoted in it
        self.message = message if len(message) <= SAID_LIMIT else f"{message[:SAID_LIMIT]}..."
        super().__init__(self.message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = headers or {}
        if status in (429, 503):
            self.headers.setdefault("Retry-After", str(RETRY_S))

    def body(self, dialect: Dialect) -> dict[str, Any]:
        """The JSON that says so."""
        if dialect == "anthropic":
            kind = _ANTHROPIC_TYPES.get(self.status, _general(self.status, "api_error"))
            return {"type": "error", "error": {"type": kind, "message": self.message}}
        kind = _OPENAI_TYPES.get(self.status, _general(self.status, "server_error"))
        return {
            "error": {
                "message": self.message,
                "type": kind,
                "param": self.param,
                "code": self.code,
            }
        }


def _general(status: int, ours: str) -> str:
    return "invalid_request_error" if status < 500 else ours


def refused(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """400: never possible as it is."""
    return ApiError(400, message, param=param, code=code)


def failure(error: Exception) -> ApiError:
    """Any exception as what a client is told; what nobody foresaw is logged and not shown."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, BadCall):
        code = "context_length_exceeded" if isinstance(error, PromptTooLong) else None
        return refused(_one_line(error), code=code)
    if isinstance(error, EngineError):
        return ApiError(500, _one_line(error), code=Code.ENGINE)
    reply = to_wire(error)
    return ApiError(_STATUSES.get(reply.code, 500), reply.message, code=reply.code.value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
