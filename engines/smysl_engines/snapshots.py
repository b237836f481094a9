"""Keeps blocks of KV in files, so that a prefix computed once outlives the process.

Knows bytes, digests and a folder; never a model or what the bytes mean. A file that is torn, foreign
or damaged is removed, never used. One thread writes; reading is the caller's.
"""

import contextlib
import hashlib
import logging
import os
import queue
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_log = logging.getLogger(__name__)

MAGIC = b"smyslkv1"
SUFFIX = ".kv"
DEFAULT_CAP_BYTES = 2 << 30
BACKLOG = 64
"""Blocks copied and not yet written; more wait for another time."""
_CHECKSUM_BYTES = 16


class Snapshots:
    """The snapshots of one engine in `folder / fingerprint`; the cap is over all of `folder`."""

    def __init__(
        self, folder: Path, fingerprint: str, block_bytes: int, cap_bytes: int = DEFAULT_CAP_BYTES
    ) -> None:
        """A folder that cannot be used means no snapshots, and one warning."""
        self.saved = 0
        self._folder = folder
        self._own = folder / fingerprint
        self._block_bytes = block_bytes
        self._cap_bytes = cap_bytes
        self._backlog: queue.Queue[tuple[bytes, bytes] | None] = queue.Queue(BACKLOG)
        self._known: set[str] = set()
        self._used_bytes = 0
        self._writer: threading.Thread | None = None
        self._usable = True
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            self._survey()
        except OSError as error:
            self._give_up(error)

    def __contains__(self, digest: bytes) -> bool:
        return digest.hex() in self._known

    def load(self, digest: bytes) -> npt.NDArray[np.float32] | None:
        """The block's numbers, flat; None if there is no sound snapshot of it."""
        if digest not in self:
            return None
        path = self._path(digest)
        try:
            content = path.read_bytes()
            os.utime(path)  # used now: the oldest are removed first
        except OSError:
            self._known.discard(digest.hex())
            return None
        head = len(MAGIC) + _CHECKSUM_BYTES
        if (
            len(content) != head + self._block_bytes
            or content[: len(MAGIC)] != MAGIC
            or content[len(MAGIC) : head] != _checksum(digest, memoryview(content)[head:])
        ):
            _log.warning("the snapshot %s is damaged; it is removed", path.name)
            self._remove(path)
            return None
        return np.frombuffer(content, np.float32, offset=head)

    def save(self, digest: bytes, block: npt.NDArray[Any]) -> bool:
        """Have a copy of the block written; False if that must wait."""
        if not self._usable or self._backlog.full():
            return False
        if self._writer is None:
            self._writer = threading.Thread(
                target=self._write_all, name="smysl-snapshots", daemon=True
            )
            self._writer.start()
        self._backlog.put((digest, block.tobytes()))
        return True

    def close(self) -> None:
        """Write what is left. Idempotent."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._backlog.put(None)
            writer.join()

    def _write_all(self) -> None:
        while (item := self._backlog.get()) is not None:
            if self._usable:
                try:
                    self._write(*item)
                except OSError as error:
                    self._give_up(error)

    def _write(self, digest: bytes, content: bytes) -> None:
        path = self._path(digest)
        unfinished = path.with_suffix(f".{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                file.writelines((MAGIC, _checksum(digest, content), content))
            unfinished.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
        self._known.add(digest.hex())
        self.saved += 1
        self._used_bytes += path.stat().st_size
        if self._used_bytes > self._cap_bytes:
            self._survey()

    def _survey(self) -> None:
        """Look at what is there; remove what is no snapshot, and the oldest beyond the cap."""
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                facts = path.stat()
                if path.suffix == SUFFIX:
                    found.append((facts.st_mtime, facts.st_size, path))
                elif not _alive(path.suffix[1:]):
                    path.unlink()
        found.sort(reverse=True)
        # some room, so that not every block surveys again
        self._used_bytes = 0
        for _, size, path in found:
            if self._used_bytes + size > self._cap_bytes * 0.9:
                self._remove(path)
            else:
                self._used_bytes += size
                if path.parent == self._own:
                    self._known.add(path.stem)

    def _remove(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink()
        if path.parent == self._own:
            self._known.discard(path.stem)

    def _path(self, digest: bytes) -> Path:
        return self._own / f"{digest.hex()}{SUFFIX}"

    def _give_up(self, error: OSError) -> None:
        self._usable = False
        _log.warning("no snapshots are written to %s: %s", self._own, error.strerror)


def digest_of(parent: bytes, block: bytes) -> bytes:
    """Names a block by its content and the digest of the one before it (b"" for the first)."""
    return hashlib.blake2b(parent + block, digest_size=16).digest()


def _checksum(digest: bytes, content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES, key=digest).digest()


def _alive(pid: str) -> bool:
    """Whether a process of that number may still be writing."""
    return pid.isdigit() and Path("/proc", pid).exists()
