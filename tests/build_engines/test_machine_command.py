"""`smysl-build --hardware` and `--dry-run`: what the options mean and what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smysl_build_engines.app import app
from smysl_build_engines.random_model import write_random_model

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
def source(tmp_path: Path) -> Path:
    return write_random_model(tmp_path / "tiny", FIELDS)


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def test_the_machine_alone_needs_no_model() -> None:
    done = run("--hardware", "--gpu", "h200", "--json")
    assert done.exit_code == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["fit"] is None and seen["hardware"]["memory"]["bandwidth"] > 0
    assert any("H200" in line for line in seen["lines"])


def test_a_config_is_enough_for_the_table(source: Path) -> None:
    (source / "model.safetensors").unlink()
    for given in (source, source / "config.json"):
        done = run("--hardware", given, "--context", "32")
        assert done.exit_code == 0, done.stderr
        assert "fit          tiny: " in done.stdout and "sequence of 32 tokens" in done.stdout
    bundled = run("--hardware", "--bundled")
    assert "fit          zerno: " in bundled.stdout


def test_a_dry_run_says_what_fits_and_builds_nothing(source: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    words = (source, "--dry-run", "--name", "m", "--gpu", "l4", "--store", store)
    said = run(*words)
    assert said.exit_code == 0, said.stderr
    assert "engine       m (llama, onnx, fp32)" in said.stdout
    assert "NVIDIA L4 (not here)" in said.stdout
    planned = json.loads(run(*words, "--json").stdout)
    on_cpu = {row["precision"]: row for row in planned["fit"]["rows"] if row["device"] == "CPU"}
    turns = planned["groups"][-1]
    assert turns["name"] == "positions"
    assert on_cpu["fp32"]["weights_bytes"] == planned["engine_bytes"] - turns["bytes"]
    assert planned["hardware"]["cpu"]["architecture"]
    assert not store.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--gpu", "h100", "--bundled"), 2, "--gpu goes with"),
        (("--hardware", "--bundled", "x"), 2, "either"),
        (("--hardware", "--gpu", "h1000"), 1, "no GPU 'h1000' is known"),
        (("--hardware", "/nowhere/at/all"), 1, "/nowhere/at/all"),
        (("--hardware", "unheard-of"), 1, "'unheard-of'"),
        (("--hardware", "--bundled", "--context", "100000"), 1, "100000"),
    ],
)
def test_what_cannot_be_is_named(words: tuple[str, ...], code: int, said: str) -> None:
    done = run(*words)
    assert done.exit_code == code
    assert said in done.stderr and done.stdout == ""
