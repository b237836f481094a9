"""The program against a real daemon process: sockets, protocol, exit codes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smysl_evals.app import main
from smysl_evals.records import RESULTS, read_results

LINE = '{"id":"%s","question":"%s","answer":%s,"tags":["%s"]}\n'
Invoke = Callable[..., int]


@pytest.fixture
def smysl_eval(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    def invoke(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["smysl-eval", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        assert isinstance(end.value.code, int)
        return end.value.code

    return invoke


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    file = tmp_path / "mine.jsonl"
    lines = [LINE % (f"a{n}", f"what is {n}?", '"42"', "good") for n in range(30)]
    lines += [LINE % (f"b{n}", f"doubtful {n}?", '"42"', "bad") for n in range(10)]
    lines += [LINE % (f"c{n}", f"outside {n}?", "null", "outside") for n in range(5)]
    file.write_text("".join(lines))
    return file


def test_a_run_is_asked_reported_continued_and_gated(
    daemon: None,
    smysl_eval: Invoke,
    suite: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert smysl_eval("run", suite, "-p", "direct,solve", "--out", out, "--json") == 0
    said = capsys.readouterr()
    assert "90 of 90 questions" in said.err and "90/90" in said.err
    report = json.loads(said.out)
    assert report["setup"]["model"] == "fake"
    solve: dict[str, Any] = report["suites"][1]["measures"]
    assert (solve["items"], solve["right"], solve["verified"], solve["errors"]) == (45, 30, 30, 0)
    assert (solve["outside"], solve["outside_verified"]) == (5, 0)

    whole = (out / RESULTS).read_bytes()
    (out / RESULTS).write_bytes(whole[: len(whole) // 2])
    assert smysl_eval("run", suite, "-p", "direct,solve", "--out", out) == 0
    assert "of 90 questions" in capsys.readouterr().err
    assert len(read_results(out)) == 90

    card = tmp_path / "card.md"
    card.write_text("<!-- smysl-eval:begin -->\n<!-- smysl-eval:end -->\n")
    assert smysl_eval("report", out, "--card", card) == 0
    assert "| good | 30 | 100.0 % | 100.0 % |" in capsys.readouterr().out
    assert "| bad | 10 | 0.0 % | 0.0 % |" in card.read_text()

    gates = tmp_path / "gates.toml"
    entry = '[[gate]]\nname="g"\nmeasure="accuracy"\nprogram="solve"\nmin='
    gates.write_text(f"{entry}0.7")
    assert smysl_eval("gate", out, "--gates", gates) == 0
    gates.write_text(f"{entry}0.8")
    assert smysl_eval("gate", out, "--gates", gates) == 5
    assert "MISS  g: 0.75" in capsys.readouterr().out

    assert smysl_eval("compare", out, out / RESULTS) == 0
    assert "| mine | good | solve | 30 | 100.0 % | 100.0 % | 0 | 0 |" in capsys.readouterr().out


def test_a_connection_can_ask_again_as_soon_as_its_run_ended(
    daemon: None, smysl_eval: Invoke, suite: Path, tmp_path: Path
) -> None:
    for concurrency in (1, 16):
        out = tmp_path / f"out{concurrency}"
        assert smysl_eval("run", suite, "-p", "solve", "--out", out, "-j", concurrency) == 0
        assert [r.error for r in read_results(out) if r.error] == []


def test_ctrl_c_keeps_what_was_answered(daemon: None, suite: Path, tmp_path: Path) -> None:
    suite.write_text(suite.read_text() + LINE % ("s", "slow?", '"42"', "good"))
    command = [sys.executable, "-m", "smysl_evals.app", "run", str(suite), "-p", "solve"]
    with subprocess.Popen(
        [*command, "--out", "out"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        results = tmp_path / "out" / RESULTS
        deadline = time.monotonic() + 60
        while not results.exists() or results.read_bytes().count(b"\n") < 45:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"--out out continues it" in said and b"Traceback" not in said
    assert len(read_results(tmp_path / "out")) == 45


def test_a_daemon_of_its_own_is_gone_afterwards_and_leaves_nothing(
    daemon_at_need: None,
    smysl_eval: Invoke,
    suite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    before = os.environ.copy()
    out = tmp_path / "out"
    assert smysl_eval("run", suite, "-p", "solve", "--out", out, "--own-daemon") == 0
    assert len(read_results(out)) == 45
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not (tmp_path / "data").exists() and not (tmp_path / "runtime").exists()
    assert os.environ == before


def test_an_unknown_program_is_refused_before_anything_is_asked(
    daemon: None,
    smysl_eval: Invoke,
    suite: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert smysl_eval("run", suite, "-p", "solv", "--out", tmp_path / "out") == 1
    assert "no program 'solv'; there are direct, solve" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "nowcomer"], 1, "no suite 'nowcomer'"),
        (["run", "newcomer", "-j", "0"], 2, "--concurrency"),
        (["run", "newcomer", "-p", ","], 2, "at least one program"),
        (["report", "nowhere"], 1, "run.json"),
        (["compare", "nowhere", "nowhere"], 1, "cannot read nowhere"),
        (["gate", ".", "--gates", "none.toml"], 1, "none.toml"),
        (["rung"], 2, "rung"),
    ],
)
def test_a_mistake_is_one_line_and_the_right_exit_code(
    smysl_eval: Invoke,
    words: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert smysl_eval(*words) == code
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""
    assert "Traceback" not in captured.err


def test_no_daemon_that_can_be_started_is_exit_code_69(
    smysl_eval: Invoke,
    suite: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    for name in ("CONFIG", "DATA", "CACHE", "RUNTIME"):
        monkeypatch.setenv(f"SMYSL_{name}_DIR", str(tmp_path / "file"))
    assert smysl_eval("run", suite, "--out", tmp_path / "out") == 69
    assert capsys.readouterr().err.startswith("smysl-eval: ")
