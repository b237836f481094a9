"""Engines that leave the store as one file, and what a hostile or damaged file may not do."""

import io
import json
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from smysl_build_engines.archive import export_engine, import_engine
from smysl_build_engines.build import ensure
from smysl_build_engines.errors import BadArchive, StoreError
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.store import EngineStore
from smysl_engines.manifest import CorruptEngine, load_manifest
from smysl_engines.shelf import list_engines

FIELDS = {
    "model_type": "llama",
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}
Entries = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    source = write_random_model(folder / "tiny", FIELDS)
    return ensure(source, EngineStore(folder / "store")).directory


@pytest.fixture
def archive(engine: Path, tmp_path: Path) -> Path:
    export_engine(engine, tmp_path / "tiny.tar")
    return tmp_path / "tiny.tar"


@pytest.fixture
def store(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "elsewhere" / "engines")


def test_an_exported_engine_is_the_same_engine_elsewhere(
    engine: Path, archive: Path, store: EngineStore
) -> None:
    imported = import_engine(archive, store)
    assert not imported.reused
    assert imported.directory == store.folder / engine.name
    assert load_manifest(imported.directory) == load_manifest(engine)
    assert import_engine(archive, store).reused
    assert len(list_engines(store.folder)) == 1


def test_two_exports_of_an_engine_are_equal_byte_for_byte(
    engine: Path, archive: Path, tmp_path: Path
) -> None:
    export_engine(engine, tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == archive.read_bytes()


def test_an_export_replaces_no_file_and_leaves_none_behind(
    engine: Path, archive: Path, tmp_path: Path
) -> None:
    before = archive.read_bytes()
    with pytest.raises(StoreError, match="tiny.tar"):
        export_engine(engine, archive)
    assert archive.read_bytes() == before
    with pytest.raises(StoreError, match="nowhere"):
        export_engine(engine, tmp_path / "nowhere" / "tiny.tar")
    with pytest.raises(CorruptEngine):
        export_engine(tmp_path, tmp_path / "other.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.tar"]


def test_an_import_repairs_a_damaged_engine_of_the_same_fingerprint(
    archive: Path, store: EngineStore
) -> None:
    directory = import_engine(archive, store).directory
    (directory / "weights.bin").write_bytes(b"")
    assert not import_engine(archive, store).reused
    assert load_manifest(directory).model == "tiny"


def entries_of(archive: Path) -> Entries:
    with tarfile.open(archive) as opened:
        return [
            (member, reader.read() if (reader := opened.extractfile(member)) else b"")
            for member in opened.getmembers()
        ]


def write(archive: Path, entries: Entries) -> None:
    with tarfile.open(archive, "w") as opened:
        for member, content in entries:
            if member.isreg():
                member.size = len(content)
            opened.addfile(member, io.BytesIO(content))


def plain(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def renamed(entries: Entries, name: str) -> Entries:
    """The manifest names another file in the place of the tokenizer, and the archive holds it."""
    manifest = json.loads(entries[0][1])
    manifest["files"][name] = manifest["files"].pop("tokenizer.json")
    changed = [(plain("manifest.json"), json.dumps(manifest).encode())]
    for member, content in entries[1:]:
        changed.append((plain(name) if member.name == "tokenizer.json" else member, content))
    return changed


SPOILT: dict[str, Callable[[Entries], Entries]] = {
    "one file more": lambda e: [*e, (plain("extra.bin"), b"x")],
    "a file twice": lambda e: [*e, e[-1]],
    "a file less": lambda e: e[:-1],
    "no manifest": lambda e: e[1:],
    "the manifest last": lambda e: [*e[1:], e[0]],
    "nothing": lambda e: [],
    "a path upwards": lambda e: [*e, (plain("../outside"), b"x")],
    "an absolute path": lambda e: [e[0], (plain("/tmp/smysl-outside"), b"x"), *e[1:]],
    "a manifest that names a path upwards": lambda e: renamed(e, "../outside"),
    "a manifest that names a hidden file": lambda e: renamed(e, ".lock"),
    "a folder": lambda e: [e[0], (link("model.onnx", "", tarfile.DIRTYPE), b""), *e[1:]],
    "a symbolic link": lambda e: [
        e[0],
        (link("model.onnx", "/etc/passwd", tarfile.SYMTYPE), b""),
        *e[2:],
    ],
    "a hard link": lambda e: [
        e[0],
        (link("model.onnx", "manifest.json", tarfile.LNKTYPE), b""),
        *e[2:],
    ],
    "a file too long": lambda e: [*e[:-1], (e[-1][0], e[-1][1] + b"x")],
    "a changed byte": lambda e: [*e[:-1], (e[-1][0], e[-1][1][:-1] + b"?")],
    "a manifest too long": lambda e: [(e[0][0], e[0][1] + b" " * 1_000_000), *e[1:]],
    "another precision": lambda e: [(e[0][0], e[0][1].replace(b'"fp32"', b'"int8"')), *e[1:]],
}


@pytest.mark.parametrize("how", SPOILT)
def test_an_archive_that_is_not_exactly_an_export_is_refused(
    how: str, archive: Path, store: EngineStore, tmp_path: Path
) -> None:
    write(archive, SPOILT[how](entries_of(archive)))
    with pytest.raises(BadArchive, match="tiny.tar"):
        import_engine(archive, store)
    assert [path.name for path in store.folder.iterdir()] == [".lock"]
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.tar", "elsewhere"}
    assert not Path("/tmp/smysl-outside").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6])
def test_a_cut_or_foreign_file_is_refused(share: float, archive: Path, store: EngineStore) -> None:
    whole = archive.read_bytes()
    for content in (whole[: int(share * len(whole))], b"PK" + whole[: int(share * 2000)]):
        archive.write_bytes(content)
        with pytest.raises(BadArchive, match="tiny.tar"):
            import_engine(archive, store)
    assert list_engines(store.folder) == []


def test_a_file_that_is_not_there_is_named(store: EngineStore, tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="absent.tar"):
        import_engine(tmp_path / "absent.tar", store)


@pytest.mark.parametrize("claimed", [3 << 20, 1 << 40])
def test_a_header_that_claims_much_memory_is_refused_unread(
    claimed: int, archive: Path, store: EngineStore
) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, claimed
    rest = archive.read_bytes()
    with archive.open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT) + rest)
        file.truncate(max(4 << 20, len(rest)))
    tracemalloc.start()
    try:
        with pytest.raises(BadArchive, match="header"):
            import_engine(archive, store)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert list_engines(store.folder) == []
