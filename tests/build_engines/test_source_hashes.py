"""A remembered hash is the file's hash: whatever changes the file changes the answer."""

import os
from pathlib import Path

import pytest

from smysl_build_engines import source_hashes
from smysl_build_engines.source_hashes import describe_source
from smysl_engines.manifest import describe_file


class Later:
    """A clock at which every file is old."""

    def __call__(self) -> float:
        return 4e9


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read whole, in order; small ones count as large."""
    read: list[Path] = []

    def describe(path: Path) -> object:
        read.append(path)
        return describe_file(path)

    monkeypatch.setattr(source_hashes, "LEAST_BYTES", 10)
    monkeypatch.setattr(source_hashes, "describe_file", describe)
    return read


def test_an_unchanged_file_is_read_once(tmp_path: Path, hashed: list[Path]) -> None:
    file, cache = tmp_path / "weights", tmp_path / "cache"
    file.write_bytes(b"x" * 100)
    found = [describe_source(file, cache, Later()) for _ in range(3)]
    assert found == [describe_file(file)] * 3
    assert hashed == [file]
    assert [path.name for path in cache.iterdir()] == ["source-hashes.json"]


@pytest.mark.parametrize("how", ["content", "content and times", "replaced", "longer"])
def test_a_changed_file_is_read_again(how: str, tmp_path: Path, hashed: list[Path]) -> None:
    file, cache = tmp_path / "weights", tmp_path / "cache"
    file.write_bytes(b"x" * 100)
    os.utime(file, (1e9, 1e9))
    describe_source(file, cache, Later())
    match how:
        case "content":
            file.write_bytes(b"y" * 100)
        case "content and times":
            file.write_bytes(b"y" * 100)
            os.utime(file, (1e9, 1e9))
        case "replaced":
            other = tmp_path / "other"
            other.write_bytes(b"y" * 100)
            os.utime(other, (1e9, 1e9))
            other.replace(file)
        case "longer":
            file.write_bytes(b"x" * 101)
    assert describe_source(file, cache, Later()) == describe_file(file)
    assert hashed == [file, file]


def test_a_file_that_changed_just_now_is_not_remembered(tmp_path: Path, hashed: list[Path]) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"x" * 100)
    at = file.stat().st_mtime
    for _ in range(2):
        describe_source(file, tmp_path / "cache", lambda: at + 1)
    assert hashed == [file, file]


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[]", b'{"a": 1}', b"\xff"])
def test_a_spoilt_cache_costs_one_more_reading(
    spoilt: bytes, tmp_path: Path, hashed: list[Path]
) -> None:
    file, cache = tmp_path / "weights", tmp_path / "cache"
    file.write_bytes(b"x" * 100)
    cache.mkdir()
    (cache / "source-hashes.json").write_bytes(spoilt)
    for _ in range(2):
        assert describe_source(file, cache, Later()) == describe_file(file)
    assert hashed == [file]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, hashed: list[Path]) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"x" * 100)
    for _ in range(2):
        assert describe_source(file, file / "inside", Later()) == describe_file(file)
    assert hashed == [file, file]


def test_only_the_latest_are_remembered(
    tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_hashes, "MAX_REMEMBERED", 2)
    files = [tmp_path / name for name in "abc"]
    for file in files:
        file.write_bytes(b"x" * 100)
        describe_source(file, tmp_path / "cache", Later())
    for file in reversed(files):
        describe_source(file, tmp_path / "cache", Later())
    assert hashed == [*files, files[0]]


def test_small_files_are_neither_looked_up_nor_remembered(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b"{}")
    assert describe_source(file, tmp_path / "cache", Later()) == describe_file(file)
    assert not (tmp_path / "cache").exists()
