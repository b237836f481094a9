"""What can go wrong between a client and the daemon, and the wire code of each.

Knows no sockets and no reasoning: `wire.py` maps other packages' errors to these codes.
"""

from enum import StrEnum


class Code(StrEnum):
    """Why a request was refused, for programs; the message beside it is for people."""

    BAD_FRAME = "bad_frame"
    """The bytes are no frame; the connection ends after the reply."""
    TOO_LARGE = "too_large"
    """A frame over the size cap; the connection ends after the reply."""
    BAD_MESSAGE = "bad_message"
    """A frame that holds no message of this protocol, or one with a wrong field."""
    PROTOCOL = "protocol"
    """The two sides speak different protocol versions."""
    BAD_REQUEST = "bad_request"
    """A well-formed request that can never be served: empty question, unknown program ..."""
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    """A shortened id that several things share."""
    CONFLICT = "conflict"
    """Somebody else changed the same branch in between: look again, then repeat."""
    NOTHING_TO_DO = "nothing_to_do"
    """Nothing is stale, or there is nothing to undo or to do again."""
    BUSY = "busy"
    """Too many clients or runs; the same request may work later."""
    CANCELLED = "cancelled"
    """The client stopped what it had asked for."""
    STOPPING = "stopping"
    """The daemon is shutting down and takes no new work."""
    STORAGE = "storage"
    """The database cannot be read or written."""
    ENGINE = "engine"
    """The engine failed or is closed."""
    INTERNAL = "internal"
    """A mistake of ours; the daemon's log has the details."""


# DaemonError
# ├── FrameError             what arrived is not a frame
# │   ├── FrameTooLarge
# │   └── PeerDropped        the other side went away inside or between frames
# ├── BadMessage             a frame without a message of this protocol
# ├── RequestRefused         the daemon answered with an error: carries its code
# ├── Unreachable            no daemon answers, or something else does, or none could be started
# │   ├── NoDaemon           nothing listens: starting one is the remedy
# │   └── NoAnswer           something accepts connections and says nothing in time
# ├── BadConfig              config.toml or a SMYSL_* variable
# ├── FolderUnusable         a folder that cannot be made, written or trusted
# ├── SocketTaken            something that is not our daemon owns the socket's path
# ├── AlreadyRunning         another daemon holds the data folder
# ├── BadActivation          a supervisor passed a socket that cannot be served
# ├── HousekeepingFailed     a backup, a checkpoint or the cache could not be seen to
# ├── WrongProtocol          the two sides speak different versions
# ├── StrangeUser            a peer of another user
# ├── TooManyClients, TooManyRuns, Stopping
# ├── Cancelled              what a client had asked for and then stopped
# ├── OneAtATime             a second request on a connection that has one in progress
# ├── NotOnThisDaemon        a model, engine or program that is not here
# ├── SessionGone            deleted while it was watched
# ├── NothingStale           asked to derive where all is as it should be
# ├── TooMuchToImport        an imported session over its cap
# └── EngineUnavailable      no engine could be built or opened
class DaemonError(Exception):
    """Anything the daemon or its client can fail with."""

    code: Code = Code.INTERNAL


class FrameError(DaemonError):
    code = Code.BAD_FRAME


class FrameTooLarge(FrameError):
    code = Code.TOO_LARGE


class PeerDropped(FrameError):
    """The connection ended where a frame was due, or inside one."""


class BadMessage(DaemonError):
    code = Code.BAD_MESSAGE


class RequestRefused(DaemonError):
    """The daemon's own error reply, on the client's side."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unreachable(DaemonError):
    """No daemon answers. The message says what was tried and what to do."""


class NoDaemon(Unreachable):
    """Nothing listens on the socket."""


class NoAnswer(Unreachable):
    """Something accepts connections but does not answer in time: it starts, or it hangs."""


class BadConfig(DaemonError):
    code = Code.BAD_REQUEST


class FolderUnusable(DaemonError):
    code = Code.STORAGE


class SocketTaken(DaemonError):
    """The socket's path belongs to something else."""


class AlreadyRunning(DaemonError):
    """Another daemon holds the data folder."""

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


class BadActivation(DaemonError):
    """What came with LISTEN_FDS is not what the daemon can serve."""


class HousekeepingFailed(DaemonError):
    """The message names what could not be done and the remedy."""

    code = Code.STORAGE


class TooManyClients(DaemonError):
    code = Code.BUSY


class TooManyRuns(DaemonError):
    code = Code.BUSY


class Stopping(DaemonError):
    code = Code.STOPPING


class Cancelled(DaemonError):
    code = Code.CANCELLED


class StrangeUser(DaemonError):
    code = Code.BAD_REQUEST


class OneAtATime(DaemonError):
    code = Code.BAD_REQUEST


class WrongProtocol(DaemonError):
    code = Code.PROTOCOL


class NotOnThisDaemon(DaemonError):
    """A thing asked for by name that this daemon does not have."""

    code = Code.BAD_REQUEST


class SessionGone(DaemonError):
    """A session that was watched does not exist any more."""

    code = Code.NOT_FOUND


class NothingStale(DaemonError):
    code = Code.NOTHING_TO_DO


class TooMuchToImport(DaemonError):
    code = Code.BAD_REQUEST


class EngineUnavailable(DaemonError):
    code = Code.ENGINE
