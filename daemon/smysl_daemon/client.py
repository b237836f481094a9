"""A blocking client: one connection, typed messages out and in.

Standard library sockets and msgspec only, because starting a command line must cost milliseconds.
"""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from smysl_daemon.config import Dirs, find_dirs, find_socket
from smysl_daemon.errors import (
    BadConfig,
    BadMessage,
    FrameError,
    NoAnswer,
    NoDaemon,
    PeerDropped,
    RequestRefused,
    Unreachable,
)
from smysl_daemon.framing import Decoder, FrameBuffer, daemon_messages, encode, handshake_messages
from smysl_daemon.protocol import (
    PROTOCOL,
    Cancel,
    ClientMessage,
    DaemonMessage,
    ErrorReply,
    Hello,
    Welcome,
)
from smysl_daemon.version import VERSION

HANDSHAKE_TIMEOUT_S = 5.0
STARTING_TIMEOUT_S = 120.0
"""How long a daemon may take that a supervisor starts for this very connection."""
RECEIVE_BYTES = 1 << 16
Tell = Callable[[str], None]

_TAKEN = (
    "{path} is in use by something that is not smysld; stop that program, "
    "or set SMYSL_RUNTIME_DIR to another folder"
)


class Client:
    """One connection after a successful handshake. Not thread-safe. Use as a context manager."""

    def __init__(self, path: Path, *, timeout_s: float = HANDSHAKE_TIMEOUT_S) -> None:
        """Connect and shake hands. Raises `Unreachable`, or `RequestRefused` when the daemon
        answers with an error (full, or of another protocol version)."""
        self._decoder: Decoder[DaemonMessage] | None = None
        self._buffer = FrameBuffer()
        self._ready: list[DaemonMessage] = []
        self._socket = _connect(path, timeout_s)
        try:
            self.send(Hello(protocol=PROTOCOL, client=f"smysl {VERSION}"))
            welcome = self._receive(handshake_messages())
        except TimeoutError:
            self.close()
            raise NoAnswer(
                f"something accepts connections on {path} but does not answer within "
                f"{timeout_s:g} s. See `smysl daemon logs`, then `smysl daemon restart`."
            ) from None
        except PeerDropped:
            self.close()
            # a daemon that is stopping: its successor is the remedy
            raise NoDaemon(f"no daemon runs: {path} hung up without an answer") from None
        except (FrameError, BadMessage):
            self.close()
            raise Unreachable(_TAKEN.format(path=path)) from None
        except BaseException:
            self.close()
            raise
        if not isinstance(welcome, Welcome):
            self.close()
            raise Unreachable(_TAKEN.format(path=path))
        self.welcome = welcome
        self._socket.settimeout(None)

    def send(self, message: ClientMessage) -> None:
        """Raises `FrameTooLarge` before anything is sent, `PeerDropped` when the daemon is gone."""
        frame = encode(message)
        try:
            self._socket.sendall(frame)
        except (BrokenPipeError, ConnectionResetError):
            # the daemon may have said why before it closed: let `receive` find that first
            return

    def receive(self) -> DaemonMessage:
        """The next message; `ErrorReply` is raised as `RequestRefused`. Raises `PeerDropped`."""
        if self._decoder is None:
            # takes milliseconds, in which the daemon is at work on what was sent
            self._decoder = daemon_messages()
        return self._receive(self._decoder)

    def _receive(
        self, decoder: "Decoder[DaemonMessage] | Decoder[Welcome | ErrorReply]"
    ) -> DaemonMessage:
        while not self._ready:
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except ConnectionResetError:
                data = b""
            if not data:
                raise PeerDropped("the daemon closed the connection; see `smysl daemon logs`")
            self._ready += [decoder.decode(payload) for payload in self._buffer.feed(data)]
        message = self._ready.pop(0)
        if isinstance(message, ErrorReply):
            raise RequestRefused(message.code, message.message)
        return message

    @property
    def ready(self) -> bool:
        """A message is here: `receive` does not wait."""
        return bool(self._ready)

    def fileno(self) -> int:
        """For `select`, which sees nothing of messages that are `ready`."""
        return self._socket.fileno()

    def ask(self, message: ClientMessage) -> DaemonMessage:
        """Send and return the first reply."""
        self.send(message)
        return self.receive()

    def stream(self, message: ClientMessage) -> Iterator[DaemonMessage]:
        """Send and yield replies for as long as the caller iterates."""
        self.send(message)
        while True:
            yield self.receive()

    def cancel(self, *, timeout_s: float) -> None:
        """Ask for this connection's run to stop; each later `receive` waits at most `timeout_s`."""
        self.send(Cancel())
        self._socket.settimeout(timeout_s)

    def close(self) -> None:
        """Idempotent. A run that goes on in the daemon is not stopped by this."""
        self._socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _connect(path: Path, timeout_s: float) -> socket.socket:
    try:
        found = path.stat()
    except PermissionError:
        raise Unreachable(_shut_out(path)) from None
    except OSError as error:
        raise NoDaemon(f"no daemon runs: {path}: {error.strerror}") from None
    if found.st_uid not in (0, os.getuid()) and not _is_of_our_group(found):
        raise Unreachable(
            f"{path} belongs to user {found.st_uid}, not to you; set SMYSL_RUNTIME_DIR to a "
            "folder of your own, or, if that daemon serves a group, name it as `group` in config.toml"
        )
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        if isinstance(error, ConnectionRefusedError):
            if stat.S_ISSOCK(found.st_mode):
                raise NoDaemon(f"no daemon runs: nobody listens on {path}") from None
            raise Unreachable(_TAKEN.format(path=path)) from None
        if isinstance(error, PermissionError):
            raise Unreachable(_shut_out(path)) from None
        reason = "timed out" if isinstance(error, TimeoutError) else error.strerror
        raise Unreachable(f"cannot connect to {path}: {reason}") from None
    return connection


def _shared_with() -> str | None:
    """The group that our settings name: no other one is trusted, or recommended."""
    # only for those who cannot use a socket just so
    from smysl_daemon.config import load_config

    try:
        return load_config(find_dirs().config_file).group
    except BadConfig:
        return None


def _is_of_our_group(found: os.stat_result) -> bool:
    from smysl_daemon.config import find_group

    name = _shared_with()
    try:
        return name is not None and find_group(name).gid == found.st_gid
    except BadConfig:
        return False


def _shut_out(path: Path) -> str:
    """Why a socket cannot be reached, and what lets its reader in."""
    if (name := _shared_with()) is not None:
        return (
            f"{path} is open to the group {name}, and you are not in it: `sudo usermod -aG {name} USER`, "
            "then log in again"
        )
    return f"{path} is closed to you; set SMYSL_RUNTIME_DIR to a folder of your own"


def _patient_client(dirs: Dirs | None, tell: Tell | None) -> Client:
    path = find_socket() if dirs is None else dirs.socket
    try:
        return Client(path, timeout_s=HANDSHAKE_TIMEOUT_S)
    except NoAnswer:
        from smysl_daemon.lifecycle import may_be_starting  # only for those who have to wait

        if not may_be_starting((dirs or find_dirs()).lock):
            raise
    if tell is not None:
        tell("the daemon is starting")
    return Client(path, timeout_s=STARTING_TIMEOUT_S)


def connect(dirs: Dirs | None = None, *, start: bool = True, tell: Tell | None = None) -> Client:
    """A connection to the daemon of these folders; one is started when nothing listens.

    `dirs`: None is this user's; all but the socket are looked for only to start a daemon. `tell`
    receives a line for people while a start takes long. Raises `Unreachable`, `BadConfig`.
    """
    try:
        return _patient_client(dirs, tell)
    except NoDaemon:
        if not start:
            raise
    from smysl_daemon.launch import start_daemon  # subprocess: only for those who start one

    dirs = dirs or find_dirs()
    start_daemon(dirs, tell=tell)
    return Client(dirs.socket)
