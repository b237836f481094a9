"""`smysl engines ...` over a real store, with a daemon and without one."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smysl_build_engines.build import ensure
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.store import EngineStore
from smysl_daemon.launch import daemon_pid

FIELDS = {
    "model_type": "llama",
    "vocab_size": 40,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}


@pytest.fixture
def fingerprint(cold: Any, tmp_path: Path) -> str:
    """Of the engine `tiny`, alone in the store."""
    source = write_random_model(tmp_path / "tiny", FIELDS)
    return ensure(source, EngineStore(cold.dirs.engines)).manifest.fingerprint


@pytest.fixture
def loaded(own: Any) -> str:
    """The engine that the fake daemon says it has loaded, as a directory of the store."""
    (one,) = json.loads(own.smysl("engines", "list", "--json").stdout)
    assert one["loaded"]
    (own.dirs.engines / one["fingerprint"]).mkdir(parents=True)
    return str(one["fingerprint"])


def test_the_store_is_seen_without_a_daemon_and_none_is_started(
    cold: Any, fingerprint: str
) -> None:
    listed = cold.smysl("engines", "list")
    assert listed.returncode == 0 and fingerprint[:12] in listed.stdout
    (one,) = json.loads(cold.smysl("engines", "verify", "--json").stdout)
    assert (one["model"], one["loaded"], one["problem"]) == ("tiny", False, None)
    (cold.dirs.engines / fingerprint / "weights.bin").write_bytes(b"")
    damaged = cold.smysl("engines", "verify")
    assert damaged.returncode == 1
    assert "weights.bin has changed" in damaged.stdout and "1 of 1 engines" in damaged.stderr
    assert daemon_pid(cold.dirs) is None and not cold.dirs.database.exists()


def test_an_empty_store_is_said_to_be_empty(cold: Any) -> None:
    assert "no engine" in cold.smysl("engines", "list").stdout
    assert cold.smysl("engines", "verify", "--json").stdout == "[]\n"


def test_deleting_asks_or_takes_yes(cold: Any, fingerprint: str) -> None:
    refused = cold.smysl("engines", "delete", "tiny")
    assert refused.returncode == 2 and "--yes" in refused.stderr
    assert (cold.dirs.engines / fingerprint).is_dir()
    for name, said in (("other", "there: tiny"), (fingerprint[:6] + "x", "no engine"), ("", "no")):
        unknown = cold.smysl("engines", "delete", name, "--yes")
        assert unknown.returncode == 1 and said in unknown.stderr
    done = cold.smysl("engines", "delete", fingerprint[:8], "--yes", "--json")
    assert json.loads(done.stdout)["fingerprint"] == fingerprint
    assert not (cold.dirs.engines / fingerprint).exists()


@pytest.mark.parametrize(("typed", "code", "left"), [(b"y\n", 0, False), (b"n\n", 130, True)])
def test_a_person_is_asked(
    cold: Any, fingerprint: str, typed: bytes, code: int, left: bool
) -> None:
    master, slave = pty.openpty()
    asked = subprocess.Popen(
        [sys.executable, "-P", "-m", "smysl_cli.app", "engines", "delete", "tiny"],
        env=cold.env,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.close(slave)
    os.write(master, typed)
    _, said = asked.communicate(timeout=120)
    os.close(master)
    assert asked.returncode == code, said
    assert b"Delete engine tiny" in said
    assert (cold.dirs.engines / fingerprint).exists() is left


def test_the_loaded_engine_is_deleted_with_yes_only(own: Any, loaded: str) -> None:
    refused = own.smysl("engines", "delete", loaded[:8])
    assert refused.returncode == 2
    assert "loaded" in refused.stderr and "--yes" in refused.stderr
    assert (own.dirs.engines / loaded).is_dir()
    done = own.smysl("engines", "delete", loaded[:8], "--yes")
    assert done.returncode == 0 and "smysl daemon restart" in done.stderr
    assert not (own.dirs.engines / loaded).exists()


def test_a_damaged_engine_is_deleted_by_its_fingerprint(cold: Any, fingerprint: str) -> None:
    (cold.dirs.engines / fingerprint / "manifest.json").write_text("{")
    assert "damaged" in cold.smysl("engines", "list").stdout
    assert cold.smysl("engines", "delete", fingerprint[:8], "--yes").returncode == 0
    assert not (cold.dirs.engines / fingerprint).exists()


def test_an_engine_is_exported_and_imported_again(
    cold: Any, fingerprint: str, tmp_path: Path
) -> None:
    file = tmp_path / "tiny.tar"
    done = cold.smysl("engines", "export", "tiny", "-o", str(file))
    assert (done.returncode, done.stdout) == (0, f"{file}\n")
    again = cold.smysl("engines", "export", "tiny", "-o", str(file))
    assert again.returncode == 1 and "new file" in again.stderr
    assert "was here already" in cold.smysl("engines", "import", str(file)).stdout
    assert cold.smysl("engines", "delete", "tiny", "--yes").returncode == 0
    taken = json.loads(cold.smysl("engines", "import", str(file), "--json").stdout)
    assert (taken["fingerprint"], taken["reused"]) == (fingerprint, False)
    assert cold.smysl("engines", "verify").returncode == 0
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert cold.smysl("engines", "delete", "tiny", "--yes").returncode == 0
    cut = cold.smysl("engines", "import", str(file))
    assert cut.returncode == 1 and "Export it again" in cut.stderr
    assert cold.smysl("engines", "list", "--json").stdout == "[]\n"


def test_a_name_that_looks_like_an_option_is_a_name(cold: Any) -> None:
    for verb in ("export", "import"):
        done = cold.smysl("engines", verb, "--", "--help")
        assert done.returncode == 1 and "--help" in done.stderr
