"""What makes a daemon the only one of its data folder: the lock, and the claim on the socket.

Knows files and process ids; never messages or engines.
"""

import errno
import fcntl
import os
import socket
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self

from smysl_daemon.config import Group, open_to_group, writable_folder
from smysl_daemon.errors import AlreadyRunning, BadConfig, FolderUnusable, SocketTaken


def lock_is_free(path: Path) -> bool:
    """True when no daemon holds the lock at `path` at this moment."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


class InstanceLock:
    """An exclusive lock on a file in the data folder, held for the daemon's whole life.

    The kernel drops it with the process, so a crash leaves no stale lock. The file stays and
    says who holds it, for clients that wait and for error messages.
    """

    def __init__(self, path: Path, how: str = "") -> None:
        """`how`: who started this process, for people."""
        self._path = path
        self._how = how
        self._since = datetime.now(UTC).isoformat(timespec="seconds")
        self._file: int | None = None

    def acquire(self) -> Self:
        """Raises `AlreadyRunning` naming the holder, `FolderUnusable` when the file cannot be."""
        writable_folder(self._path.parent)
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderUnusable(
                f"cannot open {self._path} ({error.strerror}); fix it or set SMYSL_DATA_DIR"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise FolderUnusable(
                    f"{self._path.parent} does not support locks ({error.strerror}); "
                    "set SMYSL_DATA_DIR to a local disk"
                ) from None
            found = read_holder(self._path)
            raise AlreadyRunning(
                f"another smysld ({found or 'pid unknown'}) holds {self._path.parent}; "
                "stop it with `smysl daemon stop`, or set SMYSL_DATA_DIR",
                found.pid if found else None,
            ) from None
        self._file = file
        self.tell(STARTING)
        return self

    def tell(self, state: str) -> None:
        """Write who holds the lock and what it does. The first line is the pid, always."""
        assert self._file is not None
        lines = (str(os.getpid()), state, self._since, self._how)
        text = "".join(f"{' '.join(line.split())}\n" for line in lines).encode()
        # written before it is cut: a reader in between still finds the pid
        os.pwrite(self._file, text, 0)
        os.ftruncate(self._file, len(text))

    @property
    def held(self) -> bool:
        return self._file is not None

    def release(self) -> None:
        """Idempotent."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


STARTING, SERVING, STOPPING = "starting", "serving", "stopping"


class Holder(NamedTuple):
    """Who wrote a lock file."""

    pid: int
    state: str
    """`starting`, `serving` or `stopping`."""
    since: str
    """When the process began, ISO 8601 with offset (UTC)."""
    how: str
    """Who started it, for people."""

    def __str__(self) -> str:
        words = (self.how, self.since and f"since {self.since}", self.state)
        return ", ".join([f"pid {self.pid}", *filter(None, words)])


def read_holder(path: Path) -> Holder | None:
    """What a lock file says; None when it names no process. Says nothing about the lock."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return None
    pid, state, since, how = (*lines, "", "", "", "")[:4]
    return Holder(int(pid), state, since, how) if pid.isdecimal() else None


def holder(path: Path) -> int | None:
    """The pid written in a lock file; None when it holds none. Says nothing about the lock."""
    found = read_holder(path)
    return found.pid if found else None


def may_be_starting(path: Path) -> bool:
    """True while the holder of the lock at `path` does not serve yet, and where the lock is hidden from us, as a
    machine's is from those it serves."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    found = read_holder(path)
    return found is not None and found.state == STARTING and not lock_is_free(path)


def bind_socket(path: Path, lock: InstanceLock, group: Group | None = None) -> socket.socket:
    """A listening socket at `path`, mode 0600, or 0660 and of a group; a stale one of ours is removed first.

    Only the holder of the lock may call it: nobody else can tell a stale socket from a live one.
    Raises `SocketTaken` when something answers there, or when a file that is no socket is there, `BadConfig`
    when it cannot be the group's.
    """
    remove_stale_socket(path, lock)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    before = os.umask(0o177)  # the mode must be right from the first instant, not after a chmod
    try:
        listener.bind(str(path))
        if group is not None:
            open_to_group(path, group, 0o660)
        listener.listen(128)
    except BadConfig:
        listener.close()
        path.unlink()
        raise
    except OSError as error:
        listener.close()
        raise SocketTaken(
            f"cannot listen on {path} ({error.strerror}); set SMYSL_RUNTIME_DIR to another folder"
        ) from None
    finally:
        os.umask(before)
    return listener


def remove_stale_socket(path: Path, lock: InstanceLock) -> None:
    """Unlink a socket nobody answers on. Raises `SocketTaken` for anything else at `path`."""
    assert lock.held
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketTaken(
            f"{path} exists and is not a socket; move it away, or set SMYSL_RUNTIME_DIR"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError:
            pass
    raise SocketTaken(
        f"{path} is in use by another program; stop it, or set SMYSL_RUNTIME_DIR to another folder"
    )
