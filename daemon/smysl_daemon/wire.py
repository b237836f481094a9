"""The only mapping from exceptions to wire codes."""

import logging

from smysl_daemon.errors import Code, DaemonError
from smysl_daemon.protocol import ErrorReply
from smysl_engines.base import EngineError
from smysl_reasoning.errors import (
    AmbiguousId,
    BadArchive,
    BadRequest,
    Conflict,
    NothingToRedo,
    NothingToUndo,
    ProgramError,
    RunCancelled,
    RunFailed,
    RuntimeClosed,
    StoreError,
    UnknownId,
)

log = logging.getLogger("smysl.wire")


def to_wire(error: Exception) -> ErrorReply:
    """An error reply with a message of one line. What nobody foresaw is logged and not shown."""
    code = _code(error)
    if code is None:
        log.error("unexpected failure", exc_info=error)
        return ErrorReply(
            code=Code.INTERNAL,
            message=f"unexpected {type(error).__name__} in the daemon; "
            "`smysl daemon logs` has the details",
        )
    return ErrorReply(code=code, message=" ".join(str(error).split()))


def _code(error: Exception) -> Code | None:
    match error:
        case DaemonError(code=code):
            return code
        case BadRequest() | ProgramError() | BadArchive():
            return Code.BAD_REQUEST
        case UnknownId():
            return Code.NOT_FOUND
        case AmbiguousId():
            return Code.AMBIGUOUS
        case Conflict():
            return Code.CONFLICT
        case NothingToUndo() | NothingToRedo():
            return Code.NOTHING_TO_DO
        case StoreError():
            return Code.STORAGE
        case RuntimeClosed():
            return Code.STOPPING
        case RunCancelled():
            return Code.CANCELLED
        case EngineError() | RunFailed():
            return Code.ENGINE
    return None
