"""A database that cannot be written to can still be looked at; one with nothing to look at is refused."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from smysl_daemon.database import open_database
from smysl_reasoning.errors import StoreCorrupt, StoreError, StoreTooNew

RELEASED = Path(__file__).parents[1] / "reasoning" / "data" / "schema-1.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(RELEASED, tmp_path / "smysl.db"))


def test_a_sound_one_is_opened_for_writing(path: Path) -> None:
    told: list[str] = []
    store = open_database(path, told.append)
    assert store.problem is None and told == []
    store.rename(store.sessions(1)[0].id, "another title").result()
    store.close()


def test_one_of_a_later_version_is_shown_and_refuses_writes(path: Path) -> None:
    open_database(path, print).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.commit()
    db.close()
    before = path.read_bytes()
    told: list[str] = []
    store = open_database(path, told.append)
    session = store.sessions(1)[0]
    assert len(store.view(session.id).graph) == session.nodes
    assert "schema version 99" in told[0] and "nothing new can be asked" in told[0]
    with pytest.raises(StoreError, match=r"reading only.*Copy the file"):
        store.rename(session.id, "x").result()
    store.close()
    assert path.read_bytes() == before


def test_one_that_holds_nothing_readable_is_refused_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "smysl.db"
    path.write_bytes(b"SQLite format 3\0" + b"rubbish " * 1000)
    before = path.read_bytes()
    with pytest.raises((StoreCorrupt, StoreTooNew), match="backup"):
        open_database(path, print)
    assert path.read_bytes() == before
