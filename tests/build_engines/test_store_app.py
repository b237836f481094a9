"""The program behind `smysl engines`, on real stores."""

import fcntl
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from smysl_build_engines import store_app
from smysl_build_engines.build import ensure
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.store import EngineStore
from smysl_engines.manifest import load_manifest
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


class Program:
    """Runs in this process: a process of its own for each would take most of the time."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture

    def __call__(self, *words: str) -> Any:
        """The answer. Fails where there is none."""
        code, out, err = self.ended(*words)
        assert code == 0, err
        return json.loads(out)

    def ended(self, *words: str) -> tuple[int, str, str]:
        self._capture.readouterr()
        code = store_app.main([str(self.folder), *words])
        out, err = self._capture.readouterr()
        return code, out, err


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sources")
    return [write_random_model(folder / name, FIELDS, seed=i) for i, name in enumerate("ab")]


@pytest.fixture
def program(sources: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    """Over a store with the engines a and b."""
    store = EngineStore(tmp_path / "engines")
    for source in sources:
        ensure(source, store)
    return Program(store.folder, capsys)


def test_engines_are_listed_and_their_files_hashed_on_demand(program: Program) -> None:
    listed = program("list")
    assert [one["model"] for one in listed] == ["a", "b"]
    assert program("verify") == listed
    weights = program.folder / listed[0]["fingerprint"] / "weights.bin"
    weights.write_bytes(b"?" + weights.read_bytes()[1:])
    assert program("list") == listed
    broken, sound = program("verify")
    assert "weights.bin has changed" in broken["problem"] and sound["problem"] is None
    (program.folder / listed[1]["fingerprint"] / "manifest.json").unlink()
    assert program("list")[-1]["problem"]


def test_an_engine_is_deleted_damaged_or_not(program: Program) -> None:
    first, second = program("list")
    (program.folder / second["fingerprint"] / "manifest.json").write_text("{")
    for one in (first, second):
        assert program("delete", one["fingerprint"])["fingerprint"] == one["fingerprint"]
    assert program("list") == []
    assert [path.name for path in program.folder.iterdir()] == [".lock"]
    code, out, err = program.ended("delete", first["fingerprint"])
    assert (code, out) == (1, "") and first["fingerprint"] in err and "engines list" in err


@pytest.mark.parametrize("name", ["..", ".", ".lock", "", "a", "../engines"])
def test_nothing_but_an_engines_directory_is_deleted(program: Program, name: str) -> None:
    before = sorted(program.folder.rglob("*"))
    assert program.ended("delete", name)[0] == 1
    assert sorted(program.folder.rglob("*")) == before


def test_an_engine_goes_to_another_store(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.tar"
    told = program("export", "--", "a", str(file))
    assert (told["model"], told["file"]) == ("a", str(file))
    assert told["size_bytes"] == file.stat().st_size
    elsewhere = Program(tmp_path / "elsewhere" / "engines", capsys)
    taken = elsewhere("import", str(file))
    assert not taken["reused"] and taken["fingerprint"] == told["fingerprint"]
    assert load_manifest(Path(taken["directory"])).model == "a"
    assert elsewhere("import", str(file))["reused"]
    assert [one["model"] for one in elsewhere("verify")] == ["a"]


def test_an_import_takes_the_place_of_its_namesake(
    program: Program, sources: list[Path], tmp_path: Path
) -> None:
    other = EngineStore(tmp_path / "other")
    built = ensure(sources[1], other, name="a")
    code = store_app.main([str(other.folder), "export", "a", str(tmp_path / "a.tar")])
    assert code == 0
    program("import", str(tmp_path / "a.tar"))
    found = {one["fingerprint"]: one["model"] for one in program("list")}
    assert found == {built.manifest.fingerprint: "a"}


def test_the_name_of_an_exported_file_follows_from_the_engine(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    told = program("export", "b")
    assert told["file"] == f"b-{told['fingerprint'][:12]}.tar"
    assert (tmp_path / told["file"]).is_file()
    for words, said in (
        (("export", "b"), "new file"),
        (("export", "b", str(tmp_path)), "is a folder"),
        (("export", "c"), "no engine 'c'"),
        (("import", "absent.tar"), "absent.tar"),
    ):
        code, out, err = program.ended(*words)
        assert (code, out) == (1, "") and said in err and err.startswith("smysl: ")


def test_a_damaged_engine_is_not_exported(program: Program, tmp_path: Path) -> None:
    (one, _) = program("list")
    (program.folder / one["fingerprint"] / "tokenizer.json").write_bytes(b"[]")
    code, _, err = program.ended("export", "a", str(tmp_path / "a.tar"))
    assert code == 1 and "tokenizer.json has changed" in err
    assert not (tmp_path / "a.tar").exists()


def test_an_empty_store_is_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Program(tmp_path / "none", capsys)("verify") == []
    assert not (tmp_path / "none").exists()


def test_who_waits_for_another_process_is_told(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = os.open(program.folder / ".lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    told = threading.Event()
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        told.set()

    def change() -> None:
        with EngineStore(program.folder, tell).lock():
            lines.append("mine")

    waiting = threading.Thread(target=change)
    waiting.start()
    assert told.wait(60)
    os.close(lock)
    waiting.join(60)
    assert [line.split()[0] for line in lines] == ["waiting", "mine"]


def test_it_runs_as_a_program(program: Program) -> None:
    command = [sys.executable, "-P", "-m", "smysl_build_engines.store_app", str(program.folder)]
    done = subprocess.run([*command, "verify"], capture_output=True, text=True, check=True)
    assert [one["problem"] for one in json.loads(done.stdout)] == [None, None]
    assert subprocess.run([*command, "burn"], capture_output=True).returncode == 2
    assert list_engines(program.folder)
