"""`smysl doctor`: every check, each remedy, and what fits on this machine and on others."""

import json
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
QWEN_14B = {
    "model_type": "qwen2",
    "vocab_size": 152064,
    "hidden_size": 5120,
    "intermediate_size": 13824,
    "num_hidden_layers": 48,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "max_position_embeddings": 32768,
}
NAMES = (
    *(
        "python",
        "libraries",
        "config",
        "templates",
        "data",
        "cache",
        "runtime",
        "model",
        "database",
        "daemon",
    ),
    *("engines", "built", "processor", "memory", "gpu"),
)


@pytest.fixture
def model(cold: Any, tmp_path: Path) -> Path:
    """The model that is set: `zerno`, of random weights."""
    folder = write_random_model(tmp_path / "models" / "zerno", FIELDS)
    cold.env["SMYSL_MODELS_DIR"] = str(folder.parent)
    return folder


def doctor(shell: Any, *words: str) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Exit code, the whole answer, and its checks by name."""
    done = shell.smysl("doctor", "--json", *words)
    answer = json.loads(done.stdout)
    checks = {one["name"]: one for one in answer["checks"]}
    failed = [name for name, one in checks.items() if not one["ok"]]
    assert done.returncode == (1 if failed else 0), done.stderr
    assert all(bool(one["remedy"]) is not one["ok"] for one in checks.values())
    assert all(name in done.stderr for name in failed)
    return done.returncode, answer, checks


def test_a_sound_installation_passes_every_check(cold: Any, model: Path) -> None:
    code, answer, checks = doctor(cold)
    assert (code, tuple(checks)) == (0, NAMES)
    assert "does not run" in checks["daemon"]["detail"]
    assert checks["engines"]["detail"] == "0 verified"
    assert "zerno is not built" in checks["built"]["detail"]
    assert answer["hardware"]["memory"]["bandwidth"] > 0
    assert answer["fit"]["model"] == "zerno"
    assert daemon_pid(cold.dirs) is None and not cold.dirs.database.exists()
    fingerprint = ensure(model, EngineStore(cold.dirs.engines)).manifest.fingerprint
    said = cold.smysl("doctor").stdout
    assert f"zerno is built: {fingerprint[:12]}" in said and "1 verified" in said
    assert "\nprocessor    " in said and "\nfit          zerno" in said and "FAIL" not in said


def test_a_daemon_that_runs_is_asked(own: Any) -> None:
    _, _, checks = doctor(own)
    assert checks["daemon"]["detail"].startswith("runs, pid")
    assert checks["engines"]["ok"]


def test_a_damaged_engine_fails_with_the_remedy(cold: Any, model: Path) -> None:
    directory = ensure(model, EngineStore(cold.dirs.engines)).directory
    (directory / "weights.bin").write_bytes(b"")
    code, _, checks = doctor(cold)
    assert code == 1 and not checks["engines"]["ok"]
    assert "weights.bin has changed" in checks["engines"]["detail"]
    assert "smysl build" in checks["engines"]["remedy"]
    assert "not built" in checks["built"]["detail"]


def test_a_folder_in_the_way_fails_with_the_remedy(cold: Any) -> None:
    cold.dirs.data.parent.mkdir(exist_ok=True)
    cold.dirs.data.write_text("in the way")
    _, _, checks = doctor(cold)
    assert checks["python"]["ok"]
    assert not checks["data"]["ok"] and "SMYSL_DATA_DIR" in checks["data"]["remedy"]


def test_a_setting_that_cannot_be_read_ends_the_checks(cold: Any) -> None:
    cold.dirs.config.mkdir()
    cold.dirs.config_file.write_text("treads = 4\n")
    code, answer, checks = doctor(cold)
    assert code == 1 and tuple(checks) == ("python", "libraries", "config")
    assert "treads" in checks["config"]["detail"]
    assert answer["hardware"] is None and answer["fit"] is None


def test_a_model_that_is_not_there_fails_and_the_machine_is_still_seen(
    cold: Any, tmp_path: Path
) -> None:
    cold.env["SMYSL_MODELS_DIR"] = str(tmp_path / "nothing")
    _, answer, checks = doctor(cold)
    assert not checks["model"]["ok"] and "SMYSL_MODELS_DIR" in checks["model"]["remedy"]
    assert answer["hardware"]["cpu"]["architecture"] and answer["fit"] is None


def test_another_model_on_a_card_that_is_not_here(cold: Any, model: Path, tmp_path: Path) -> None:
    config = tmp_path / "qwen-14b" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps(QWEN_14B))
    words = (str(config), "--gpu", "rtx-pro-6000", "--context", "32768")
    code, answer, checks = doctor(cold, *words)
    # whether it fits here is an answer, not a fault
    assert code == 0 and checks["memory"]["ok"]
    fit = answer["fit"]
    assert (fit["model"], fit["context"]) == ("qwen-14b", 32768)
    card = {row["precision"]: row for row in fit["rows"] if "RTX PRO 6000" in row["device"]}
    assert set(card) == {"fp32", "fp16/bf16", "fp8", "int8", "int4", "nvfp4"}
    assert card["fp16/bf16"]["fits"] and card["fp16/bf16"]["longest_context"] == 32768
    assert 50 < card["fp16/bf16"]["tokens_per_second"] < 70
    said = cold.smysl("doctor", *words).stdout
    assert "NVIDIA RTX PRO 6000 Blackwell (not here)" in said and "sm_120" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gpu", "rtx-1"), "rtx-pro-6000"),
        (("--context", "65"), "contexts of 1 to 64"),
        (("/nowhere",), "/nowhere"),
        (("--", "-x"), "-x"),
    ],
)
def test_what_cannot_be_answered_is_named(
    cold: Any, model: Path, words: tuple[str, ...], said: str
) -> None:
    _, answer, checks = doctor(cold, *words)
    assert not checks["machine"]["ok"] and said in checks["machine"]["detail"]
    assert answer["hardware"] is None


def test_a_context_below_one_is_usage(cold: Any) -> None:
    assert cold.smysl("doctor", "--context", "0").returncode == 2


def test_a_mistake_in_a_stored_prompt_is_named(cold: Any, model: Path) -> None:
    cold.dirs.config.mkdir(exist_ok=True)
    (cold.dirs.config / "templates").mkdir()
    (cold.dirs.config / "templates" / "odd.toml").write_text("promt = 'x'\n")
    code, _, checks = doctor(cold)
    assert code == 1 and "odd.toml" in checks["templates"]["detail"]
    assert "smysl templates edit" in checks["templates"]["remedy"]
