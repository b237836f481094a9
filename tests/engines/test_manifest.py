from pathlib import Path

import msgspec
import pytest

from smysl_engines.base import EngineError
from smysl_engines.load import open_engine
from smysl_engines.manifest import (
    FORMAT,
    Architecture,
    CorruptEngine,
    Manifest,
    Verification,
    describe_file,
    fingerprint,
    load_manifest,
    read_manifest,
    write_manifest,
)
from smysl_engines.shelf import NoSuchEngine, default_shelf, find_engine, list_engines

ARCHITECTURE = Architecture(
    vocabulary=10, hidden_size=16, layers=1, kv_heads=1, head_dim=16, context=8
)
VERIFIED = Verification(
    positions=1,
    max_difference=0.0,
    relative_difference=0.0,
    greedy_agreement=1.0,
    drift_divergence=0.0,
    drift_greedy_agreement=1.0,
)


def make_engine(shelf: Path, model: str, weights: bytes = b"w", backend: str = "test") -> Path:
    staged = shelf / model
    staged.mkdir(parents=True)
    (staged / "weights.bin").write_bytes(weights)
    files = {"weights.bin": describe_file(staged / "weights.bin")}
    manifest = Manifest(
        format=FORMAT,
        model=model,
        backend=backend,
        precision="fp32",
        architecture=ARCHITECTURE,
        files=files,
        source={},
        tools={},
        hardware="",
        verification=VERIFIED,
        fingerprint=fingerprint(backend, "fp32", ARCHITECTURE, files),
    )
    write_manifest(staged, manifest)
    return staged.rename(shelf / manifest.fingerprint)


def test_a_manifest_is_read_back_as_written(tmp_path: Path) -> None:
    directory = make_engine(tmp_path, "a")
    assert load_manifest(directory).fingerprint == directory.name


def test_the_fingerprint_follows_the_files_and_not_the_name(tmp_path: Path) -> None:
    first = make_engine(tmp_path / "1", "a", b"one")
    assert make_engine(tmp_path / "2", "b", b"one").name == first.name
    assert make_engine(tmp_path / "3", "a", b"two").name != first.name


@pytest.mark.parametrize("damage", [b"", b"x", b"ww"])
def test_a_changed_file_is_refused_by_name_with_the_remedy(tmp_path: Path, damage: bytes) -> None:
    directory = make_engine(tmp_path, "a")
    (directory / "weights.bin").write_bytes(damage)
    read_manifest(directory)
    with pytest.raises(CorruptEngine, match=r"weights\.bin.*smysl build"):
        load_manifest(directory)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    directory = make_engine(tmp_path, "a")
    (directory / "weights.bin").unlink()
    with pytest.raises(CorruptEngine, match=r"weights\.bin"):
        load_manifest(directory)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"format":1}', b" " * 1_000_001]
)
def test_an_unreadable_manifest_is_refused(tmp_path: Path, text: bytes) -> None:
    directory = make_engine(tmp_path, "a")
    (directory / "manifest.json").write_bytes(text)
    with pytest.raises(CorruptEngine):
        read_manifest(directory)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"precision": "int4"},
        {"files": {"../weights.bin": {"bytes": 1, "blake2b": ""}}},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    directory = make_engine(tmp_path, "a")
    path = directory / "manifest.json"
    fields = msgspec.json.decode(path.read_bytes()) | change
    path.write_bytes(msgspec.json.encode(fields))
    with pytest.raises(CorruptEngine):
        read_manifest(directory)


def test_a_shelf_lists_usable_engines_first_and_says_what_is_wrong_with_the_rest(
    tmp_path: Path,
) -> None:
    make_engine(tmp_path, "b", b"1")
    make_engine(tmp_path, "a", b"2")
    (tmp_path / "0broken").mkdir()
    (tmp_path / ".staging-x").mkdir()
    (tmp_path / "note.txt").write_text("")
    found = list_engines(tmp_path)
    assert [engine.manifest and engine.manifest.model for engine in found] == ["a", "b", None]
    assert "manifest.json" in str(found[2].problem)


def test_an_engine_is_found_by_name_or_unique_start_of_its_fingerprint(tmp_path: Path) -> None:
    directory = make_engine(tmp_path, "zerno", b"1")
    assert find_engine(tmp_path, "zerno").directory == directory
    assert find_engine(tmp_path, directory.name[:6]).directory == directory
    for unknown in ("other", ""):
        with pytest.raises(NoSuchEngine, match="zerno"):
            find_engine(tmp_path, unknown)
    with pytest.raises(NoSuchEngine):
        find_engine(tmp_path / "absent", "zerno")


def test_the_shelf_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMYSL_DATA_DIR", "/somewhere")
    assert default_shelf() == Path("/somewhere/engines")
    monkeypatch.delenv("SMYSL_DATA_DIR")
    assert default_shelf().parts[-2:] == ("smysl", "engines")


def test_an_unknown_backend_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="'test'"):
        open_engine(make_engine(tmp_path, "a"))
