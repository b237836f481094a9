"""What makes a daemon the only one of its data folder: the lock, and the claim on the socket.

Knows files and process ids; never messages or engines.
"""

import errno
import fcntl
import os
import socket
import stat
from pathlib import Path
from typing import Self

from smysl_daemon.config import writable_folder
from smysl_daemon.errors import AlreadyRunning, FolderUnusable, SocketTaken


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
    holds the pid for error messages only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
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
            pid = holder(self._path)
            raise AlreadyRunning(
                f"another smysld (pid {pid or 'unknown'}) holds {self._path.parent}; "
                "stop it with `smysl daemon stop`, or set SMYSL_DATA_DIR",
                pid,
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file
        return self

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


def holder(path: Path) -> int | None:
    """The pid written in a lock file; None when it holds none. Says nothing about the lock."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def bind_socket(path: Path, lock: InstanceLock) -> socket.socket:
    """A listening socket at `path`, mode 0600; a stale one of ours is removed first.

    Only the holder of the lock may call it: nobody else can tell a stale socket from a live one.
    Raises `SocketTaken` when something answers there, or when a file that is no socket is there.
    """
    remove_stale_socket(path, lock)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    before = os.umask(0o177)  # the mode must be right from the first instant, not after a chmod
    try:
        listener.bind(str(path))
        listener.listen(128)
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
