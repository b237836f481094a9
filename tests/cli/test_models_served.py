"""Which server answers, also one that was chosen for now only."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from byte_tokenizer import byte_tokenizer
from daemon_process import serving
from openai_server import TEMPLATE, FakeServer

PATIENCE_S = 180.0


@pytest.fixture
def servers() -> Iterator[tuple[FakeServer, FakeServer]]:
    two = FakeServer("text"), FakeServer("text")
    yield two
    for one in two:
        one.close()


@pytest.fixture
def asked(cold: Any, servers: tuple[FakeServer, FakeServer], tmp_path: Path) -> Any:
    """A shell with a daemon whose model runs on the first server."""
    byte_tokenizer().save(str(tmp_path / "tokenizer.json"))
    words = {"eos_token": "<end>", "chat_template": TEMPLATE}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(words))
    cold.dirs.config.mkdir()
    cold.dirs.config_file.write_text(
        f'model = "{servers[0].url}/v1"\n[openai]\ntokenizer = "{tmp_path}"\nname = "tiny"\n'
        "context = 2048\n"
    )
    command = [sys.executable, "-P", "-m", "smysl_daemon.app"]
    process = serving(command, cold.env, cold.dirs, PATIENCE_S)
    yield cold
    process.kill()
    process.wait()


def states(shell: Any) -> dict[str, tuple[bool, bool]]:
    """Of servers: whether each answers, and whether it is set."""
    found = json.loads(shell.smysl("models", "list", "--json").stdout)
    return {
        one["model"]: (one["loaded"], one["configured"])
        for one in found
        if one["model"].startswith("http")
    }


def test_a_server_that_is_chosen_for_now_is_listed_beside_the_one_that_is_set(
    asked: Any, servers: tuple[FakeServer, FakeServer]
) -> None:
    first, second = f"{servers[0].url}/v1", servers[1].url
    assert states(asked) == {first: (True, True)}
    used = asked.smysl("models", "use", second, "--no-save")
    assert used.returncode == 0, used.stderr
    assert states(asked) == {first: (False, True), second: (True, False)}
    (row,) = [line for line in asked.smysl("models", "list").stdout.splitlines() if second in line]
    assert row.split() == [second, "a", "server", "loaded", "-"]
    assert f"{second}, answers now" in asked.smysl("models", "show", second).stdout
