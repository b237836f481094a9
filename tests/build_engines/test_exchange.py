"""Swapping directories leaves no instant without either."""

import threading
from pathlib import Path

import pytest

from smysl_build_engines.build import ensure
from smysl_build_engines.exchange import exchange
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.store import EngineStore


def folder(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "said").write_text(text)
    return path


def test_two_directories_change_places(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one", "1"), folder(tmp_path / "other", "2")
    if not exchange(one, other):
        pytest.skip("this file system swaps nothing")
    assert [(path / "said").read_text() for path in (one, other)] == ["2", "1"]


def test_what_cannot_be_swapped_stays(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", "1")
    assert not exchange(one, tmp_path / "absent")
    assert not exchange(one, folder(tmp_path / "other", "2"), library=object())
    assert (one / "said").read_text() == "1"
    assert (tmp_path / "other" / "said").read_text() == "2"


@pytest.mark.parametrize("swaps", [True, False])
def test_an_engine_built_again_is_there_all_the_time(
    swaps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {
        "model_type": "llama",
        "vocab_size": 40,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    }
    if not swaps:
        monkeypatch.setattr("smysl_build_engines.store.exchange", lambda one, other: False)
    store = EngineStore(tmp_path / "engines")
    source = write_random_model(tmp_path / "a", fields)
    first = ensure(source, store)
    stop, missed = threading.Event(), []

    def watch() -> None:
        while not stop.is_set():
            if not (first.directory / "manifest.json").exists():
                missed.append(True)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        for name in ("b", "a", "b"):
            # the same weights under another name have the same fingerprint
            assert ensure(source, store, name=name).directory == first.directory
    finally:
        stop.set()
        watching.join()
    if swaps and exchange(folder(tmp_path / "x", ""), folder(tmp_path / "y", "")):
        assert missed == []
    assert {path.name for path in store.folder.iterdir()} == {".lock", first.directory.name}
