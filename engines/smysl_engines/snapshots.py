"""Keeps blocks of KV in files, so that a prefix computed once outlives the process.

Knows bytes, digests and a folder; never a model or what the bytes mean. A snapshot that is torn,
foreign or damaged is removed, never used; a file that is none is left alone. One thread writes;
reading is the caller's.
"""

import contextlib
import hashlib
import logging
import os
import queue
import re
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

_log = logging.getLogger(__name__)

MAGIC = b"smyslkv1"
SUFFIX = ".kv"
DEFAULT_CAP_BYTES = 2 << 30
BACKLOG_BYTES = 64 << 20
"""Of blocks copied and not yet written; more wait for another time."""
SURVEYED = 0.1
"""Of the cap: after so much is written the folder is looked at, which others may write to as well."""
_NAME = re.compile(r"[0-9a-f]{32}\.(kv|[0-9]+)")
"""Of a snapshot, or of one that the process of a number is writing."""
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
        self._backlog: queue.Queue[_Write | list[bytes] | None] = queue.Queue(
            max(1, BACKLOG_BYTES // block_bytes)
        )
        self._known: set[str] = set()
        self._unseen_bytes = 0
        """Written since the last survey."""
        self._stamp_ns = 0
        self._writer: threading.Thread | None = None
        self._usable = True
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            self._survey()
        except OSError as error:
            self._give_up(error)

    @property
    def usable(self) -> bool:
        """Snapshots can be written."""
        return self._usable

    def __contains__(self, digest: bytes) -> bool:
        return digest.hex() in self._known

    def load(self, digest: bytes) -> npt.NDArray[np.float32] | None:
        """The block's numbers, flat; None if there is no sound snapshot of it."""
        if digest not in self:
            return None
        path = self._path(digest)
        try:
            content = path.read_bytes()
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

    def save(self, digest: bytes, block: npt.NDArray[Any], *, wait: bool = False) -> bool:
        """Have a copy of the block written; False if that must wait, or `wait` until it need not."""
        if not self._usable or (self._backlog.full() and not wait):
            return False
        self._send(_Write(digest, block.tobytes()))
        return True

    def used(self, digests: list[bytes]) -> None:
        """Have the snapshots of these, as far as there are any, kept longer than all others: the last
        one longest."""
        if self._usable and digests and not self._backlog.full():
            self._send(digests)

    def _send(self, item: "_Write | list[bytes]") -> None:
        if self._writer is None:
            self._writer = threading.Thread(
                target=self._write_all, name="smysl-snapshots", daemon=True
            )
            self._writer.start()
        self._backlog.put(item)

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
                    if isinstance(item, _Write):
                        self._write(item.digest, item.content)
                    else:
                        self._mark(item)
                except OSError as error:
                    self._give_up(error)

    def _write(self, digest: bytes, content: bytes) -> None:
        path = self._path(digest)
        # a thread's number tells engines of one process apart
        unfinished = path.with_suffix(f".{threading.get_native_id()}")
        try:
            with unfinished.open("wb") as file:
                file.writelines((MAGIC, _checksum(digest, content), content))
            unfinished.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
        self._stamp(path)
        self._known.add(digest.hex())
        self.saved += 1
        self._unseen_bytes += self._block_bytes
        if self._unseen_bytes > self._cap_bytes * SURVEYED:
            self._survey()

    def _mark(self, digests: list[bytes]) -> None:
        for digest in digests:
            if digest in self:
                with contextlib.suppress(FileNotFoundError):
                    self._stamp(self._path(digest))

    def _stamp(self, path: Path) -> None:
        """Used now, and later than all stamped before: clocks of file systems are coarse."""
        self._stamp_ns = max(time.time_ns(), self._stamp_ns + 1000)
        os.utime(path, ns=(self._stamp_ns, self._stamp_ns))

    def _survey(self) -> None:
        """Look at what is there; remove what was left unfinished, and the oldest beyond the cap."""
        found: list[tuple[int, int, Path]] = []
        for path in self._folder.glob("*/*"):
            if not _NAME.fullmatch(path.name):
                continue
            with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                if path.suffix == SUFFIX:
                    facts = path.stat()
                    found.append((facts.st_mtime_ns, facts.st_size, path))
                elif not _alive(path.suffix[1:]):
                    path.unlink()
        found.sort(reverse=True)
        kept_bytes = self._unseen_bytes = 0
        for _, size, path in found:
            # some room, for what is written until the next survey
            if kept_bytes + size > self._cap_bytes * (1 - SURVEYED):
                self._remove(path)
            else:
                kept_bytes += size
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


class _Write(msgspec.Struct, frozen=True):
    digest: bytes
    content: bytes


def digest_of(parent: bytes, block: bytes) -> bytes:
    """Names a block by its content and the digest of the one before it (b"" for the first)."""
    return hashlib.blake2b(parent + block, digest_size=16).digest()


def _checksum(digest: bytes, content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES, key=digest).digest()


def _alive(number: str) -> bool:
    """Whether a thread of that number may still be writing."""
    return Path("/proc", number).exists()
