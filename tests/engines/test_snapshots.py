import os
from pathlib import Path

import numpy as np
import pytest

from smysl_engines import snapshots as snapshots_module
from smysl_engines.snapshots import MAGIC, Snapshots, digest_of

BYTES = 256
BLOCKS = {digest_of(b"", bytes([n])): np.full(BYTES // 4, n, np.float32) for n in range(8)}
FIRST = next(iter(BLOCKS))


def keep(folder: Path, *, cap: int = 1 << 20, engine: str = "engine") -> None:
    snapshots = Snapshots(folder, engine, BYTES, cap)
    for digest, block in BLOCKS.items():
        assert snapshots.save(digest, block)
    snapshots.close()
    assert snapshots.saved == len(BLOCKS)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_was_saved_is_loaded_by_another_process(tmp_path: Path) -> None:
    keep(tmp_path)
    later = Snapshots(tmp_path, "engine", BYTES)
    for digest, block in BLOCKS.items():
        found = later.load(digest)
        assert found is not None
        assert found.tolist() == block.tolist()
    assert later.load(b"another") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"smyslkv0" + content[len(MAGIC) :],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    ],
)
def test_a_torn_or_damaged_file_is_removed_and_never_used(
    tmp_path: Path, damage: "object", caplog: pytest.LogCaptureFixture
) -> None:
    keep(tmp_path)
    path = tmp_path / "engine" / f"{FIRST.hex()}.kv"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    later = Snapshots(tmp_path, "engine", BYTES)
    assert later.load(FIRST) is None
    assert not path.exists()
    assert "damaged" in caplog.text
    assert len(files(tmp_path)) == len(BLOCKS) - 1


def test_a_block_under_another_name_is_not_taken_for_it(tmp_path: Path) -> None:
    keep(tmp_path)
    one, other = files(tmp_path)[:2]
    other.write_bytes(one.read_bytes())
    assert Snapshots(tmp_path, "engine", BYTES).load(bytes.fromhex(other.stem)) is None


def test_another_engine_does_not_see_them(tmp_path: Path) -> None:
    keep(tmp_path)
    assert Snapshots(tmp_path, "other", BYTES).load(FIRST) is None


def test_what_a_killed_process_left_unfinished_is_removed(tmp_path: Path) -> None:
    keep(tmp_path)
    left = tmp_path / "engine" / f"{FIRST.hex()}.4194305"  # above the largest process number
    left.write_bytes(b"half")
    Snapshots(tmp_path, "engine", BYTES)
    assert not left.exists()
    assert len(files(tmp_path)) == len(BLOCKS)


def test_the_oldest_give_way_beyond_the_cap_whichever_engine_made_them(tmp_path: Path) -> None:
    keep(tmp_path, engine="old")
    for age, path in enumerate(files(tmp_path)):
        os.utime(path, (age, age))
    size = files(tmp_path)[0].stat().st_size
    keep(tmp_path, cap=10 * size)
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 10 * size
    assert len(files(tmp_path / "engine")) == len(BLOCKS)


def test_a_folder_that_cannot_be_written_costs_the_snapshots_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    snapshots = Snapshots(blocked, "engine", BYTES)
    assert not snapshots.save(FIRST, BLOCKS[FIRST])
    assert snapshots.load(FIRST) is None
    snapshots.close()
    assert "no snapshots" in caplog.text


def test_files_that_are_no_snapshots_are_left_alone(tmp_path: Path) -> None:
    others = [
        tmp_path / "letters" / "to-anna.txt",
        tmp_path / "letters" / "drafts.kv",
        tmp_path / "numbers" / "00.4194305",
        tmp_path / "engine" / "README",
    ]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(10_000))
    keep(tmp_path, cap=3000)
    assert all(path.exists() for path in others)
    assert 0 < sum(path.stat().st_size for path in (tmp_path / "engine").glob("*.kv")) <= 3000


def test_two_engines_that_write_to_one_folder_keep_to_its_cap_together(tmp_path: Path) -> None:
    cap = 100 * BYTES
    engines = [Snapshots(tmp_path, "engine", BYTES, cap) for _ in range(2)]
    for number in range(200):
        for snapshots in engines:
            digest = digest_of(b"", b"%d" % number)
            assert snapshots.save(digest, np.full(BYTES // 4, number, np.float32), wait=True)
    for snapshots in engines:
        snapshots.close()
        assert snapshots.usable
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 1.2 * cap
    found = Snapshots(tmp_path, "engine", BYTES, cap).load(digest_of(b"", b"199"))
    assert found is not None
    assert found.tolist() == [199] * (BYTES // 4)


def test_what_was_used_last_is_kept_longest(tmp_path: Path) -> None:
    keep(tmp_path)
    snapshots = Snapshots(tmp_path, "engine", BYTES)
    first, *others = BLOCKS
    snapshots.used([*others[:3], first, b"unknown"])
    snapshots.close()
    size = files(tmp_path)[0].stat().st_size
    kept = Snapshots(tmp_path, "engine", BYTES, round(2.5 * size))
    assert {digest for digest in BLOCKS if digest in kept} == {others[2], first}


def test_more_may_wait_than_are_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots_module, "BACKLOG_BYTES", 2 * BYTES)
    snapshots = Snapshots(tmp_path, "engine", BYTES)
    for digest, block in BLOCKS.items():
        assert snapshots.save(digest, block, wait=True)
    snapshots.close()
    assert len(files(tmp_path)) == len(BLOCKS)
