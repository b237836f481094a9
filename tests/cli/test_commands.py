"""Real `smysl` processes against a real daemon: what people see, and what scripts read."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from smysl_daemon.shapes import EngineStatsView


def test_without_a_terminal_a_verified_answer_is_all_there_is(shell: Any) -> None:
    done = shell.smysl("What is 6 * 7?")
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


@pytest.mark.parametrize("flag", ["--stream", "-v"])
def test_who_wants_to_watch_gets_a_line_per_thought(shell: Any, flag: str) -> None:
    done = shell.smysl(flag, "What is 6 * 7?")
    assert (done.returncode, done.stdout) == (0, "42\n")
    assert [line.split()[0] for line in done.stderr.splitlines()] == [
        "question",
        "computed",
        "answer",
    ]


@pytest.mark.parametrize(
    "words", [("ask", "-q", "What is", "6 * 7?"), ("-q", "--no-stream", "x"), ("--no-stream", "x")]
)
def test_quiet_means_the_answer_and_nothing_else(shell: Any, words: tuple[str, ...]) -> None:
    done = shell.smysl(*words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


def test_stdin_is_the_question_or_its_context(shell: Any) -> None:
    piped = shell.smysl("--stream", stdin=b"Find the greatest common divisor of 84 and 36.\n")
    assert piped.stdout == "42\n"
    assert "84 and 36" in piped.stderr
    assert shell.smysl("-q", "How many?", stdin="Tomáš has 3 apples.".encode()).stdout == "42\n"


def test_json_is_one_object_of_the_promised_shape(shell: Any) -> None:
    done = shell.smysl("--json", "--seed", "5", "What is 6 * 7?")
    result = json.loads(done.stdout)
    assert list(result) == [
        "session",
        "answer",
        "verdict",
        "confidence",
        "program",
        "model",
        "nodes",
        "usage",
        "seconds",
    ]
    assert list(result["nodes"][0]) == [
        "id",
        "kind",
        "text",
        "data",
        "inputs",
        "status",
        "stats",
    ]
    assert set(result["usage"]) == {
        "prompt_tokens",
        "cached_tokens",
        "generated_tokens",
        "calls",
    }
    assert (result["answer"], result["verdict"], result["program"]) == ("42", "verified", "solve")
    assert done.stderr == ""


def test_a_question_is_asked_under_an_adapter_of_the_model(shell: Any) -> None:
    for words in (("-a", "careful"), ("ask", "--adapter", "careful")):
        asked = json.loads(shell.smysl(*words, "--json", "What is 6 * 7?").stdout)
        shown = json.loads(shell.smysl("show", asked["session"], "--json").stdout)
        adapters = [node["recipe"]["adapter"] for node in shown["nodes"] if node.get("recipe")]
        assert adapters and set(adapters) == {"careful"}
    brave = shell.smysl("-a", "brave", "What is 6 * 7?")
    assert brave.returncode == 2 and brave.stdout == ""
    assert "no adapter 'brave'; it has: careful, terse" in brave.stderr


def test_streamed_json_is_a_line_per_event_and_the_same_object_last(shell: Any) -> None:
    done = shell.smysl("--json", "--stream", "What is 6 * 7?")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines[:-1]] == [
        "node_finished",
        "node_started",
        "node_delta",
        "node_finished",
        "node_finished",
        "run_ended",
    ]
    assert lines[-1]["answer"] == "42" and len(lines[-1]["nodes"]) == 3


@pytest.mark.parametrize(
    ("question", "code", "stdout", "note"),
    [
        ("a doubtful thing", 0, "41\n", "not verified: only 2 of 3 derivations agree"),
        ("far outside", 3, "", "not confident: derivations disagree"),
        ("what it broke", 4, "", "10 of 10 tokens spent"),
        ("crash it", 1, "", "unexpected RuntimeError in the daemon"),
    ],
)
def test_the_verdict_is_the_exit_code(
    shell: Any, question: str, code: int, stdout: str, note: str
) -> None:
    done = shell.smysl("--no-stream", question)
    assert (done.returncode, done.stdout) == (code, stdout)
    assert note in done.stderr and done.stderr.count("\n") == 1
    assert shell.alive()


def test_a_failed_verdict_still_prints_its_json(shell: Any) -> None:
    done = shell.smysl("--json", "far outside")
    assert done.returncode == 3
    assert json.loads(done.stdout)["verdict"] == "failed"


def test_two_terminals_ask_at_once(shell: Any) -> None:
    slow = shell.popen("--stream", "a slow question")
    first = slow.stderr.readline()
    assert first.startswith("question")
    assert shell.alive()
    slow.send_signal(signal.SIGINT)
    _, errors = slow.communicate(timeout=120)
    assert slow.returncode == 130
    assert "interrupted" in errors


def test_ctrl_c_cancels_the_run_in_the_daemon(shell: Any) -> None:
    asking = shell.popen("--stream", "a slow question")
    assert asking.stderr.readline().startswith("question")
    asking.send_signal(signal.SIGINT)
    asking.communicate(timeout=120)
    assert asking.returncode == 130
    status = json.loads(shell.smysl("daemon", "status", "--json").stdout)
    assert status["runs"] == 0
    shown = json.loads(shell.smysl("show", "@last", "--json").stdout)
    assert shown["nodes"][0]["kind"] == "question"


def test_a_killed_client_does_not_stop_the_run(own: Any) -> None:
    asking = own.popen("--stream", "a slow question")
    asking.stderr.readline()
    asking.kill()
    asking.communicate()
    time.sleep(0.1)
    assert json.loads(own.smysl("daemon", "status", "--json").stdout)["runs"] == 1


def test_a_session_is_shown_as_a_tree_and_a_node_whole(shell: Any) -> None:
    shell.smysl("-q", "branches please")
    shown = shell.smysl("show").stdout.splitlines()
    assert shown[0].startswith("session ") and "verified" in shown[0]
    assert sum(line.startswith("├─ plan") for line in shown) == 3
    assert max(map(len, shown)) <= 80
    node = json.loads(shell.smysl("show", "--json").stdout)["nodes"][-1]
    whole = shell.smysl("show", node["id"])
    assert whole.stdout.startswith(f"answer {node['id']}") and "sure      0.970" in whole.stdout
    alone = json.loads(shell.smysl("show", node["id"], "--json").stdout)
    assert [one["text"] for one in alone.pop("versions")] == ["42"] and alone == node


def test_lists_are_tables_or_json(shell: Any) -> None:
    shell.smysl("-q", "What is 6 * 7?")
    assert "What is 6 * 7?" in shell.smysl("sessions", "list").stdout
    (session,) = json.loads(shell.smysl("sessions", "list", "-n", "1", "--json").stdout)
    assert (session["answer"], session["verdict"]) == ("42", "verified")
    assert "Plan, step, check" in shell.smysl("programs", "list").stdout
    assert json.loads(shell.smysl("programs", "list", "--json").stdout)[0]["name"] == "direct"
    assert "loaded" in shell.smysl("engines", "list").stdout
    assert json.loads(shell.smysl("engines", "verify", "--json").stdout)[0]["problem"] is None
    wrong = shell.smysl("programs", "show", "slove")
    assert wrong.returncode == 2 and "solve" in wrong.stderr


def test_the_daemon_is_seen_and_stopped(own: Any) -> None:
    shell = own
    status = shell.smysl("daemon", "status").stdout
    assert "runs, pid" in status
    assert "prompts  40,000 tokens, 75 % reused, 3,000 read from snapshots" in status
    told = json.loads(shell.smysl("daemon", "status", "--json").stdout)["engine"]
    assert set(told) == set(EngineStatsView.__struct_fields__)
    assert told["finished"] == {"stop": 700, "length": 12}
    assert "serves fake" in shell.smysl("daemon", "logs").stdout
    assert "stopped" in shell.smysl("daemon", "stop").stdout
    assert shell.smysl("daemon", "stop").stdout == "no daemon runs\n"
    gone = shell.smysl("daemon", "status")
    assert gone.returncode == 69 and gone.stderr == "smysl: no daemon runs\n"
    assert json.loads(shell.smysl("daemon", "status", "--json").stdout)["running"] is False


def test_a_terminal_sees_the_tree_grow_in_place(shell: Any) -> None:
    master, slave = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-P", "-m", "smysl_cli.app", "branches please"],
        env=shell.env | {"TERM": "xterm", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
    )
    os.close(slave)
    seen = b""
    try:
        while data := os.read(master, 1 << 16):
            seen += data
    except OSError:
        pass  # the other end is closed
    os.close(master)
    answer, _ = asking.communicate(timeout=120)
    assert answer == b"42\n"
    assert b"\x1b[J" in seen and "├─ plan".encode() in seen
    assert not re.search(rb"\x1b\[[0-9;]*m", seen), "no colour under NO_COLOR"


def test_dirs_and_settings_name_the_folders(cold: Any) -> None:
    dirs = json.loads(cold.smysl("dirs", "--json").stdout)
    assert dirs["data"] == cold.env["SMYSL_DATA_DIR"]
    assert dirs["socket"].startswith(cold.env["SMYSL_RUNTIME_DIR"])
    assert "max_runs = 32" in cold.smysl("config", "show").stdout


def test_a_group_without_a_command_shows_what_it_has(cold: Any) -> None:
    done = cold.smysl("models")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.splitlines()[0] == "Usage: smysl models [OPTIONS] COMMAND [ARGS]..."
    assert "\n  list  " in done.stderr


def test_help_documents_the_exit_codes(cold: Any) -> None:
    done = cold.smysl("--help")
    assert done.returncode == 0
    assert "69 daemon unreachable" in " ".join(done.stdout.split())


def test_a_closed_reader_is_not_an_error(shell: Any) -> None:
    asking = shell.popen("-q", "What is 6 * 7?")
    asking.stdout.close()
    assert asking.wait(timeout=120) == 0
    assert "Traceback" not in asking.stderr.read()
    asking.stderr.close()
