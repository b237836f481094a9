"""The whole product: `smysl` starts `smysld`, which builds and opens an engine of random weights.

What such a model says means nothing; that it is asked, answered and remembered is what counts.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from peft_adapter import ATTENTION, MLP, write_adapter
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from smysl_build_engines.random_model import SMALL, write_random_model
from smysl_daemon.launch import daemon_pid, stop_daemon
from smysl_reasoning.dialects.native import SPECIALS


@pytest.fixture(scope="module")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder whose `zerno` has random weights and the smallest native tokenizer."""
    folder = tmp_path_factory.mktemp("models")
    tokens = [*SPECIALS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in SPECIALS]
    )
    config = msgspec.structs.replace(
        SMALL, vocab_size=len(tokens), num_hidden_layers=1, hidden_size=64, intermediate_size=64
    )
    write_random_model(folder / "zerno", config)
    (folder / "zerno" / "tokenizer.json").write_text(tokenizer.to_str())
    return folder


@pytest.fixture
def real(cold: Any, models_folder: Path) -> Iterator[Any]:
    """Folders where the first question starts a real daemon."""
    cold.env["SMYSL_MODELS_DIR"] = str(models_folder)
    yield cold
    stop_daemon(cold.dirs, now=True)


ASKED = ("id", "kind", "text", "data", "inputs", "status", "stats")


def by_id(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `ask` says of nodes; `show` adds what depends on the branch."""
    said = [{key: node[key] for key in ASKED} for node in nodes]
    return sorted(said, key=lambda node: str(node["id"]))


def ask(real: Any, *words: str) -> dict[str, Any]:
    done = real.smysl("--json", *words)
    assert done.returncode in (0, 3), done.stderr
    result = json.loads(done.stdout)
    assert isinstance(result, dict)
    return result


@pytest.mark.slow
def test_the_first_question_builds_the_engine_and_starts_the_daemon(real: Any) -> None:
    first = ask(real, "-p", "direct", "What is 6 * 7?")
    assert first["model"] == "zerno" and first["nodes"][0]["kind"] == "question"
    status = json.loads(real.smysl("daemon", "status", "--json").stdout)
    assert status["rss_bytes"] <= 200e6
    (engine,) = json.loads(real.smysl("engines", "verify", "--json").stdout)
    assert engine["loaded"] and engine["problem"] is None
    shown = json.loads(real.smysl("show", "--json").stdout)["nodes"]
    assert by_id(shown) == by_id(first["nodes"])
    assert (
        json.loads(real.smysl("show", first["session"][:8], "--json").stdout)["session"]["title"]
        == "What is 6 * 7?"
    )
    other = real.smysl("-m", "gpt", "What is 6 * 7?")
    assert other.returncode == 2 and "'gpt' is not loaded" in other.stderr
    unknown = real.smysl("-p", "slove", "What is 6 * 7?")
    assert unknown.returncode == 2 and "solve" in unknown.stderr
    long = real.smysl(stdin=b"x" * 1_000_000)
    assert long.returncode == 2 and "32768" in long.stderr
    assert real.smysl("-c", "-p", "direct", "And 6 * 8?").returncode in (0, 3)
    assert len(json.loads(real.smysl("sessions", "list", "--json").stdout)) == 1


@pytest.mark.slow
def test_a_session_is_edited_derived_undone_copied_and_deleted(real: Any, tmp_path: Path) -> None:
    first = ask(real, "-p", "direct", "What is 6 * 7?")
    question, *made = first["nodes"]
    edit = ("edit", question["id"][:14], "--text", "What is 6 * 8?", "--json")
    preview = json.loads(real.smysl(*edit, "--preview").stdout)
    changed = json.loads(real.smysl(*edit).stdout)
    assert changed["stale"] == preview["stale"]
    assert set(changed["stale"]) == {node["id"] for node in made}
    derived = real.smysl("derive", "--json")
    assert derived.returncode in (0, 3), derived.stderr
    nodes = {node["id"]: node for node in json.loads(derived.stdout)["nodes"]}
    assert set(changed["stale"]) <= set(nodes)
    why = json.loads(real.smysl("why", made[-1]["id"], "--json").stdout)["reasons"]
    assert why[0]["node"]["text"] == "What is 6 * 8?" and why[0]["current"]
    assert real.smysl("undo", "-q").returncode == real.smysl("undo", "-q").returncode == 0
    shown = json.loads(real.smysl("show", "--json").stdout)["nodes"]
    assert by_id(shown) == by_id(first["nodes"])
    file = tmp_path / "session.json"
    assert real.smysl("sessions", "export", "-o", str(file)).returncode == 0
    assert real.smysl("sessions", "import", str(file)).returncode == 0
    assert real.smysl("sessions", "delete", first["session"], "--yes").returncode == 0
    (left,) = json.loads(real.smysl("sessions", "list", "--json").stdout)
    assert left["title"] == "What is 6 * 7?" and left["id"] != first["session"]


@pytest.mark.slow
def test_two_first_questions_at_once_share_one_daemon(real: Any) -> None:
    asking = [real.popen("--json", "-p", "direct", f"What is 6 * {n}?") for n in (7, 8)]
    for process in asking:
        answer, errors = process.communicate(timeout=120)
        assert process.returncode in (0, 3), errors
        assert json.loads(answer)["model"] == "zerno"
    assert len(json.loads(real.smysl("sessions", "list", "--json").stdout)) == 2


@pytest.mark.slow
def test_a_killed_daemon_has_kept_every_finished_node(real: Any) -> None:
    first = ask(real, "-p", "direct", "What is 6 * 7?")
    pid = daemon_pid(real.dirs)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while daemon_pid(real.dirs) == pid:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    kept = json.loads(real.smysl("show", "@last", "--json").stdout)["nodes"]
    assert by_id(kept) == by_id(first["nodes"])
    assert daemon_pid(real.dirs) != pid


@pytest.mark.slow
def test_what_the_settings_say_is_recalled_and_an_edited_memory_names_who_rests_on_it(
    real: Any,
) -> None:
    assert real.smysl("memory", "add", "Anna likes apples.").returncode == 0
    question = ("-p", "direct", "What does Anna like?")
    assert "memory" not in {node["kind"] for node in ask(real, *question)["nodes"]}
    assert real.smysl("config", "set", "memory.recall", "2").returncode == 0
    assert real.smysl("daemon", "reload").returncode == 0
    deadline = time.monotonic() + 120
    while "memory.recall = 2" not in real.dirs.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    result = ask(real, *question)
    (pulled,) = [node for node in result["nodes"] if node["kind"] == "memory"]
    edited = real.smysl("edit", pulled["pull"]["memory"], "--text", "Anna likes plums.")
    assert edited.returncode == 0 and "nothing is stale" not in edited.stdout
    assert f"stale in {result['session'][:8]}: What does Anna like?" in edited.stdout
    assert f"`smysl derive {result['session'][:8]}`" in edited.stderr
    assert real.smysl("config", "set", "memory.recall", "21").returncode == 2


@pytest.mark.slow
def test_a_corrupted_engine_is_built_again(real: Any) -> None:
    ask(real, "-p", "direct", "What is 6 * 7?")
    stop_daemon(real.dirs, now=True)
    (folder,) = [path for path in real.dirs.engines.iterdir() if path.is_dir()]
    weights = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    damaged = bytearray(weights.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    weights.write_bytes(damaged)
    done = real.smysl("-p", "direct", "What is 6 * 7?")
    assert done.returncode in (0, 3)
    assert "damaged" in done.stderr and "building" in done.stderr
    assert json.loads(real.smysl("engines", "verify", "--json").stdout)[0]["problem"] is None


@pytest.mark.slow
def test_an_adapter_of_a_bank_says_something_else_and_stays_with_its_session(
    real: Any, models_folder: Path, tmp_path: Path
) -> None:
    base = models_folder / "zerno"
    words = ["build", str(base), "--name", "tuned"]
    for seed, name in enumerate(("bold", "terse")):
        folder = write_adapter(tmp_path / name, base, ATTENTION + MLP, seed=seed, lora_alpha=12)
        words += ["--adapter", f"{name}={folder}"]
    built = real.smysl(*words)
    assert built.returncode == 0, built.stderr
    assert real.smysl("config", "set", "model", "tuned").returncode == 0

    question = ("-p", "direct", "What is 6 * 7?")
    adapters = {None: (), "bold": ("-a", "bold"), "terse": ("--adapter", "terse")}
    asked = {name: ask(real, *flags, *question) for name, flags in adapters.items()}
    said = {name: [node["text"] for node in one["nodes"][1:]] for name, one in asked.items()}
    assert len({json.dumps(texts) for texts in said.values()}) == 3, said
    assert ask(real, "-a", "bold", *question)["usage"]["calls"] == 0  # it was found, not made again

    unknown = real.smysl("-a", "brave", *question)
    assert unknown.returncode == 2
    assert "tuned has no adapter 'brave'; it has: bold, terse" in unknown.stderr
    plan = json.loads(real.smysl("explain", "-a", "terse", *question[1:], "--json").stdout)
    assert {step["adapter"] for step in plan["steps"]} == {"terse"}

    # another daemon knows which adapter a session was asked under
    stop_daemon(real.dirs, now=False)
    session, node = asked["bold"]["session"], asked["bold"]["nodes"][0]["id"]
    assert real.smysl("edit", node, "--text", "What is 6 * 8?").returncode == 0
    assert real.smysl("derive", session).returncode in (0, 3)
    shown = json.loads(real.smysl("show", session, "--json").stdout)["nodes"]
    recipes = [node["recipe"] for node in shown if node["recipe"] is not None]
    assert {recipe["adapter"] for recipe in recipes if recipe["sampling"]} == {"bold"}
