"""The housekeeping beside a daemon that goes on writing."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from smysl_daemon import housekeeping
from smysl_daemon.config import MEGABYTE, Config, Dirs, find_dirs
from smysl_daemon.errors import HousekeepingFailed
from smysl_daemon.housekeeping import back_up, checkpoint, trim_cache
from smysl_engines.snapshots import Snapshots, digest_of

ROWS = 2000


@pytest.fixture
def dirs(tmp_path: Path) -> Dirs:
    names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
    found = find_dirs({f"SMYSL_{name}_DIR": str(tmp_path / name.lower()) for name in names})
    found.data.mkdir()
    return found


def fill(dirs: Dirs) -> sqlite3.Connection:
    db = sqlite3.connect(dirs.database, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE pairs (a INTEGER, b INTEGER)")
    db.executemany("INSERT INTO pairs VALUES (?, ?)", [(n, n) for n in range(ROWS)])
    return db


def backups(dirs: Dirs) -> list[Path]:
    return sorted(dirs.backups.iterdir()) if dirs.backups.exists() else []


def age(path: Path) -> None:
    os.utime(path, (1, 1))


def test_a_backup_is_the_database_whole_private_and_alone(dirs: Dirs) -> None:
    db = fill(dirs)
    assert "backup: " in back_up(dirs, Config())
    db.close()
    (copy,) = backups(dirs)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(dirs.backups.stat().st_mode) == 0o700
    with sqlite3.connect(copy) as restored:
        assert restored.execute("SELECT count(*), sum(a) FROM pairs").fetchone() == (
            ROWS,
            ROWS * (ROWS - 1) // 2,
        )
    restored.close()


def test_a_backup_while_somebody_writes_holds_whole_transactions(dirs: Dirs) -> None:
    db = fill(dirs)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            db.execute("BEGIN")
            db.execute("INSERT INTO pairs VALUES (1, 0)")
            db.execute("INSERT INTO pairs VALUES (0, 1)")
            db.execute("COMMIT")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        # none is made where the writer had no turn since the last
        while len(backups(dirs)) < 5:
            back_up(dirs, Config())
    finally:
        stop.set()
        writer.join()
        db.close()
    for path in backups(dirs):
        copy = sqlite3.connect(path)
        assert copy.execute("SELECT sum(a) - sum(b) FROM pairs").fetchone() == (0,)
        copy.close()


def test_the_newest_backups_are_kept_and_none_is_made_for_nothing(dirs: Dirs) -> None:
    db = fill(dirs)
    for number in range(4):
        time.sleep(0.02)
        db.execute("INSERT INTO pairs VALUES (?, ?)", (number, number))
        back_up(dirs, Config(backups=2))
    made = backups(dirs)
    assert len(made) == 2
    assert "nothing was written" in back_up(dirs, Config(backups=2))
    assert backups(dirs) == made
    assert "switched off" in back_up(dirs, Config(backups=0)) and backups(dirs) == made
    db.close()


def test_a_damaged_database_is_named_and_the_older_backups_stay(dirs: Dirs) -> None:
    db = fill(dirs)
    back_up(dirs, Config(backups=1))
    db.close()
    kept = backups(dirs)
    data = bytearray(dirs.database.read_bytes())
    data[4096:12288] = b"\xff" * 8192
    dirs.database.write_bytes(data)
    with pytest.raises(HousekeepingFailed, match="damaged.*older backups"):
        back_up(dirs, Config(backups=1))
    assert backups(dirs) == kept


def test_a_full_disk_is_told_before_it_is_filled(
    dirs: Dirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(dirs).close()
    monkeypatch.setattr(housekeeping, "FREE_MARGIN_BYTES", 1 << 62)
    with pytest.raises(HousekeepingFailed, match="free some, or set backups = 0"):
        back_up(dirs, Config())
    assert backups(dirs) == []


def test_what_a_killed_backup_left_is_removed(dirs: Dirs) -> None:
    fill(dirs).close()
    dirs.backups.mkdir(mode=0o700)
    left, fresh = dirs.backups / "smysl-x.part1", dirs.backups / "smysl-y.part2"
    left.touch()
    fresh.touch()
    age(left)
    back_up(dirs, Config())
    assert not left.exists() and fresh.exists()


def test_the_checkpoint_empties_the_write_ahead_log(dirs: Dirs) -> None:
    db = fill(dirs)
    wal = dirs.database.with_name("smysl.db-wal")
    assert wal.stat().st_size > 0
    assert checkpoint(dirs, Config()) == "checkpoint: done"
    assert wal.stat().st_size == 0
    db.close()


def test_a_reader_only_delays_the_checkpoint(dirs: Dirs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BUSY_TIMEOUT_S", 0.05)
    db = fill(dirs)
    reader = sqlite3.connect(dirs.database, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM pairs").fetchone()
    db.execute("INSERT INTO pairs VALUES (0, 0)")
    assert "next time" in checkpoint(dirs, Config())
    reader.close()
    assert checkpoint(dirs, Config()) == "checkpoint: done"
    db.close()


def test_the_cache_loses_its_oldest_files_first(dirs: Dirs, tmp_path: Path) -> None:
    (dirs.cache / "deep").mkdir(parents=True)
    old, middle, new = (dirs.cache / name for name in ("old", "deep/middle", "new"))
    for when, path in enumerate((old, middle, new), 1):
        path.write_bytes(b"x" * 600_000)
        os.utime(path, (when, when))
    outside = tmp_path / "outside"
    outside.write_bytes(b"x" * 5_000_000)
    (dirs.cache / "link").symlink_to(outside)
    assert "1.2 MB deleted" in trim_cache(dirs, Config(cache_megabytes=1))
    assert [path.exists() for path in (old, middle, new)] == [False, False, True]
    assert outside.exists()


def test_the_engine_keeps_its_snapshots_to_what_the_housekeeping_leaves(dirs: Dirs) -> None:
    block = np.zeros(25_000, np.float32)
    snapshots = Snapshots(dirs.snapshots, "engine", block.nbytes, 1 * MEGABYTE)
    for number in range(25):
        while not snapshots.save(digest_of(b"", bytes([number])), block):
            time.sleep(0.001)
    snapshots.close()
    assert snapshots.saved == 25
    kept = [path for path in dirs.snapshots.rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in kept) <= MEGABYTE
    assert "0.0 MB deleted" in trim_cache(dirs, Config(cache_megabytes=1))
    assert all(path.exists() for path in kept)


def test_snapshots_that_are_switched_off_are_deleted_and_nothing_else(dirs: Dirs) -> None:
    (dirs.snapshots / "engine").mkdir(parents=True)
    snapshot, other = dirs.snapshots / "engine" / "00.kv", dirs.cache / "other"
    for path in (snapshot, other):
        path.write_bytes(b"x" * 600_000)
        age(path)
    trim_cache(dirs, Config())
    assert snapshot.exists()
    assert "0.6 MB of 1 MB, 0.6 MB deleted" in trim_cache(
        dirs, Config(cache_megabytes=1, snapshots=False)
    )
    assert not snapshot.exists() and other.exists()


def test_the_program_does_all_of_it_and_says_so(dirs: Dirs, tmp_path: Path) -> None:
    names = ("CONFIG", "DATA", "CACHE", "RUNTIME")
    env = os.environ | {f"SMYSL_{name}_DIR": str(tmp_path / name.lower()) for name in names}
    command = [sys.executable, "-P", "-m", "smysl_daemon.app", "--housekeeping"]

    def keep() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, env=env, capture_output=True, text=True)

    empty = keep()
    assert empty.returncode == 0 and "no database yet" in empty.stdout
    fill(dirs).close()
    done = keep()
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "backup",
        "checkpoint",
        "cache",
    ]
    dirs.database.write_bytes(b"rubbish" * 1000)
    failed = keep()
    assert failed.returncode == 1 and "damaged" in failed.stderr and "cache" in failed.stdout
