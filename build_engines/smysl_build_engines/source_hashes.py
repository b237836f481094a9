"""Hashes of large source files, remembered as long as the file system says they are unchanged.

A source of several gigabytes is hashed once, not at every look for an engine that is built already.
Remembered under path, inode, size and both times, as git's index does; a change of the content
changes the time of the inode's last change, which only the system sets. What protects an engine's own
files is never remembered: those are hashed each time.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import platformdirs

from smysl_engines.manifest import FileEntry, describe_file

LEAST_BYTES = 64_000_000
"""A smaller file is hashed sooner than looked up is worth."""
MAX_REMEMBERED = 256
_FILE = "source-hashes.json"
_SETTLED_S = 2.0
"""A file that changed just now may change again within one tick of its file system's clock."""


class Seen(msgspec.Struct, frozen=True):
    """What the file system said of a file when it was hashed."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int
    blake2b: str


def cache_folder() -> Path:
    """$SMYSL_CACHE_DIR, else the user's cache folder for smysl."""
    if folder := os.environ.get("SMYSL_CACHE_DIR"):
        return Path(folder)
    return Path(platformdirs.user_cache_dir("smysl", appauthor=False))


def describe_source(
    path: Path, folder: Path | None = None, clock: Callable[[], float] = time.time
) -> FileEntry:
    """As `describe_file`. `folder`: where hashes are remembered; a cache that cannot be read or
    written costs time only. Raises `OSError` for a file that cannot be read.
    """
    before = path.stat()
    if before.st_size < LEAST_BYTES:
        return describe_file(path)
    where = (cache_folder() if folder is None else folder) / _FILE
    name = str(path.resolve())
    seen = _read(where).get(name)
    if seen is not None and seen == _seen(before, seen.blake2b):
        return FileEntry(seen.size, seen.blake2b)
    entry = describe_file(path)
    after = path.stat()
    settled = clock() - max(after.st_mtime, after.st_ctime) > _SETTLED_S
    if settled and entry.bytes == after.st_size and _seen(before, "") == _seen(after, ""):
        _remember(where, name, _seen(after, entry.blake2b))
    return entry


def _seen(found: os.stat_result, blake2b: str) -> Seen:
    return Seen(
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        blake2b,
    )


def _read(where: Path) -> dict[str, Seen]:
    try:
        return msgspec.json.decode(where.read_bytes(), type=dict[str, Seen])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _remember(where: Path, name: str, seen: Seen) -> None:
    """Two at once may forget one another's file, which costs one more hash."""
    remembered = _read(where)
    remembered.pop(name, None)
    remembered[name] = seen
    latest = dict(list(remembered.items())[-MAX_REMEMBERED:])
    try:
        where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{_FILE}-", dir=where.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(latest))
            os.replace(part, where)
        except OSError:
            Path(part).unlink(missing_ok=True)
    except OSError:
        pass
