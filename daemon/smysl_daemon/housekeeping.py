"""`smysld --housekeeping`: back the database up, shorten its write-ahead log, trim the cache.

Works beside a running daemon: knows SQLite's files and folders; never sessions or nodes.
"""

import logging
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

from smysl_daemon.config import MEGABYTE, Config, Dirs, find_dirs, load_config, private_folder
from smysl_daemon.errors import DaemonError, HousekeepingFailed

log = logging.getLogger("smysl.housekeeping")

BUSY_TIMEOUT_S = 10.0
FREE_MARGIN_BYTES = 64 << 20
"""Room that a backup leaves on its disk."""
ABANDONED_S = 24 * 3600.0
"""An unfinished backup this old has nobody working on it."""


def keep_house() -> int:
    """Do all of it; one line each on standard output. The process's exit status: 1 when something
    could not be done, after everything else was."""
    try:
        dirs = find_dirs()
        config = load_config(dirs.config_file)
    except DaemonError as error:
        print(f"smysld: {error}", file=sys.stderr)
        return 1
    failed = False
    works: tuple[Callable[[Dirs, Config], str], ...] = (back_up, checkpoint, trim_cache)
    for work in works:
        try:
            print(work(dirs, config), flush=True)
        except (DaemonError, OSError, sqlite3.Error) as error:
            print(f"smysld: {work.__name__.replace('_', ' ')}: {error}", file=sys.stderr)
            failed = True
    return int(failed)


def back_up(dirs: Dirs, config: Config) -> str:
    """Copy the database, whole and sound, by SQLite's online backup; readers and the writer go on.

    Nothing is copied when nothing was written since the last time. A damaged database is not copied
    and no older backup is deleted: raises `HousekeepingFailed`.
    """
    if not dirs.database.is_file():
        return "backup: there is no database yet"
    if not config.backups:
        return "backup: switched off (backups = 0)"
    private_folder(dirs.backups)
    kept = sorted(dirs.backups.glob("smysl-*.db"))
    began = time.time()
    if kept and kept[-1].stat().st_mtime >= _last_write(dirs.database):
        return f"backup: nothing was written since {kept[-1].name}"
    _require_room(dirs)
    for left in dirs.backups.glob("*.part*"):
        if began - left.stat().st_mtime > ABANDONED_S:
            left.unlink(missing_ok=True)
    stamp = datetime.fromtimestamp(began, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = dirs.backups / f"smysl-{stamp}.db"
    part = path.with_suffix(f".part{os.getpid()}")
    try:
        _copy(dirs.database, part)
        # what is written from now on is not in it, so it must look older than that
        os.utime(part, (began, began))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    kept.append(path)
    for old in kept[: -config.backups]:
        old.unlink(missing_ok=True)
    return (
        f"backup: {path} ({path.stat().st_size / 1e6:.1f} MB), {len(kept[-config.backups :])} kept"
    )


def _copy(database: Path, part: Path) -> None:
    part.touch(mode=0o600)
    source = f"{database.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(source, uri=True, timeout=BUSY_TIMEOUT_S)) as old,
        closing(sqlite3.connect(part, isolation_level=None)) as new,
    ):
        try:
            old.backup(new)
            # a single file, which nothing needs to be opened beside
            new.execute("PRAGMA journal_mode = DELETE")
            (verdict,) = new.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            verdict = str(error)
    if verdict != "ok":
        raise HousekeepingFailed(
            f"{database} is damaged ({' '.join(verdict.split())}); older backups in {part.parent} are kept. "
            "Stop the daemon and put one of them in its place"
        )
    with part.open("rb") as file:
        os.fsync(file.fileno())


def _last_write(database: Path) -> float:
    wal = database.with_name(f"{database.name}-wal")
    return max(path.stat().st_mtime for path in (database, wal) if path.exists())


def _require_room(dirs: Dirs) -> None:
    size = dirs.database.stat().st_size
    free = shutil.disk_usage(dirs.backups).free
    if free < size + FREE_MARGIN_BYTES:
        raise HousekeepingFailed(
            f"a backup needs {size / 1e6:.0f} MB and the disk of {dirs.backups} has "
            f"{free / 1e6:.0f} MB left; free some, or set backups = 0"
        )


def checkpoint(dirs: Dirs, config: Config) -> str:
    """Write the write-ahead log back into the database and empty it, as far as readers allow."""
    if not dirs.database.is_file():
        return "checkpoint: there is no database yet"
    with closing(
        sqlite3.connect(dirs.database, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    ) as db:
        busy, pages, moved = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        return f"checkpoint: {moved} of {pages} pages moved, the rest is in use; next time"
    return "checkpoint: done"


def trim_cache(dirs: Dirs, config: Config) -> str:
    """Delete the least recently changed files of the cache folder beyond `cache_megabytes`, and every
    snapshot where they are switched off: the next start would not look at them."""
    limit = config.cache_megabytes * MEGABYTE
    files = sorted(_files(dirs.cache), reverse=True)
    total = wanted = deleted = 0
    for _, size, path in files:
        total += size
        unwanted = not config.snapshots and path.is_relative_to(dirs.snapshots)
        wanted += 0 if unwanted else size
        if unwanted or wanted > limit:
            path.unlink(missing_ok=True)
            deleted += size
    return (
        f"cache: {(total - deleted) / 1e6:.1f} MB of {config.cache_megabytes} MB, "
        f"{deleted / 1e6:.1f} MB deleted"
    )


def _files(folder: Path) -> list[tuple[float, int, Path]]:
    """(changed, bytes, path) of each regular file; links are neither followed nor counted."""
    found = []
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            if S_ISREG(status.st_mode):
                found.append((status.st_mtime, status.st_size, path))
    return found
