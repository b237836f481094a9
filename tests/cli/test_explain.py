"""`smysl explain`: the plan of a program in columns, and as JSON."""

import json
import signal
import time
from typing import Any

import msgspec
import pytest

from smysl_cli.explaining import drawn
from smysl_daemon.shapes import PassView, PlannedStepView, PlanView, SpentView

QUESTION = "Tom has 12 apples and gives 5 to Anna. How many has he?"


def test_a_plan_shows_every_step_in_its_wave(talk: Any) -> None:
    done = talk("explain", "solve", QUESTION)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "program solve, model fake, native dialect, question of 23 tokens"
    assert lines[2].split() == ["calls", "prompt", "shared", "generated", "ms"]
    assert lines[3].split() == ["wave", "1", "1", "57", "0", "12", "40"]
    assert lines[4].startswith("└─ plan ") and lines[5] == "     plan@3; waits for question"
    said = " ".join(" ".join(lines).split())
    assert "candidate@2 in 4 branches; waits for question, plan" in said
    for words in ("may be passed over", "when samples.count > 3", "adapter careful"):
        assert words in said
    assert "budget samples: 200 tokens" in said and "87 % of the prompt tokens" in said
    assert lines[-1].split() == ["parse", "0.41", "3", "steps"]
    assert max(map(len, lines)) <= 80


def test_an_analysis_shows_estimate_and_actual_side_by_side(talk: Any) -> None:
    done = talk("explain", "solve", QUESTION, "--analyze", "--seed", "3", "-o", "samples", "4")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[3].split() == ["est", "act"] * 5
    rows = {line.split()[1]: line.split()[2:] for line in lines if line.startswith(("├", "└"))}
    assert rows["samples"] == ["4", "4", "1228", "1228", "1171", "1171", "190", "190", "200", "200"]
    (long,) = [name for name in rows if name.startswith("a-step")]
    assert long.endswith("…") and rows[long][1::2] == ["-"] * 5
    assert "passed over" in done.out and "87 % of the prompt tokens estimated, 91 % in" in done.out
    assert "answer    42 (verified)" in lines and any(line.startswith("session ") for line in lines)
    assert max(map(len, lines)) <= 80


def test_numbers_end_in_the_same_column(talk: Any) -> None:
    for words in ((), ("--analyze",)):
        lines = talk("explain", "solve", QUESTION, *words).out.splitlines()
        rows = [line for line in lines if line.startswith(("wave ", "├─", "└─", "all steps"))]
        assert len(rows) >= 5
        assert len({len(row) for row in rows}) == 1


def test_json_is_the_plan_with_its_totals(talk: Any) -> None:
    found = json.loads(talk("explain", "solve", QUESTION, "--json").out)
    assert [step["name"] for step in found["steps"]][:2] == ["plan", "samples"]
    assert (found["calls"], found["prompt_tokens"], found["shared_tokens"]) == (6, 1342, 1171)
    assert found["actual"] is None and found["waves"][1]["estimate"]["calls"] == 4
    ran = json.loads(talk("explain", "solve", QUESTION, "--json", "--analyze").out)
    assert [step["ran"] for step in ran["steps"]] == [True, True, False]
    assert ran["actual"]["prompt_tokens"] == 1285 and ran["answer"] == "42"


def test_standard_input_is_the_question_or_its_context(talk: Any) -> None:
    assert talk("explain", "solve", stdin=b"What is 6 * 7?").code == 0
    assert talk("explain", "solve", "How many?", stdin=b"Tom has 3 apples.").code == 0
    empty = talk("explain", "solve")
    assert empty.code == 2 and "empty" in empty.err and empty.out == ""


def test_what_cannot_be_explained_is_said(talk: Any) -> None:
    unknown = talk("explain", "slove", "2 + 2")
    assert unknown.code == 2 and "did you mean solve" in unknown.err
    assert "smysl ask 'explain slove 2 + 2'" in unknown.err
    brave = talk("explain", "-a", "brave", "solve", "2 + 2")
    assert brave.code == 2 and "no adapter 'brave'; it has: careful, terse" in brave.err
    assert talk("explain", "-a", "careful", "solve", "2 + 2").code == 0
    assert talk("explain").code == 2
    assert talk("explain", "solve", "x", "-o", "samples", "many").code == 2


def test_ctrl_c_stops_the_run_that_is_analysed(own: Any) -> None:
    asking = own.popen("explain", "solve", "a slow question", "--analyze")
    deadline = time.monotonic() + 60
    while runs(own) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    asking.send_signal(signal.SIGINT)
    out, errors = asking.communicate(timeout=60)
    assert (asking.returncode, out) == (130, "") and errors == "smysl: interrupted\n"
    assert runs(own) == 0 and own.alive()


def runs(shell: Any) -> int:
    status = json.loads(shell.smysl("daemon", "status", "--json").stdout)
    assert isinstance(status["runs"], int)
    return status["runs"]


def test_an_estimate_that_is_an_upper_bound_says_so() -> None:
    spent = SpentView(calls=8, prompt_tokens=80)
    step = PlannedStepView(
        name="samples", module="candidate@2", wave=1, waits_for=(), branches=8, estimate=spent
    )
    plan = PlanView(
        program="vote",
        model="m",
        dialect="native",
        question_tokens=10,
        steps=(step,),
        waves=(),
        certain=spent,
        most=spent,
        passes=(),
        measured=True,
    )
    assert "at most" not in "\n".join(drawn(plan, 80, unicode=True))
    decided = msgspec.structs.replace(step, decided=True)
    lines = drawn(msgspec.structs.replace(plan, steps=(decided,)), 80, unicode=True)
    assert any("candidate@2 in at most 8 branches" in line for line in lines)
    (said,) = [line for line in lines if line.startswith("at most   ")]
    assert "samples" in said and len(said) <= 80


@pytest.mark.parametrize("size", [1, 99_999, 10**5, 9_999_999, 10**7])
def test_eighty_columns_hold_any_plan(size: int) -> None:
    spent = SpentView(
        calls=size,
        prompt_tokens=size,
        shared_tokens=size,
        generated_tokens=size,
        seconds=size / 1000,
    )
    steps = tuple(
        PlannedStepView(
            name=f"outer.{number}." + "inner-" * 6,
            module="program " + "x" * 38,
            wave=number,
            waits_for=("a" * 39,) * 9,
            when=("not (a.count > 3) " * 9,),
            estimate=spent,
            actual=spent,
            ran=True,
        )
        for number in (1, 2)
    )
    big = PlanView(
        program="p" * 40,
        model="m" * 90,
        dialect="native",
        question_tokens=size,
        steps=steps,
        waves=(),
        certain=spent,
        most=spent,
        passes=(PassView(name="prefixes", milliseconds=size / 7, result="found " * 30),),
        measured=False,
        actual=spent,
        answer="long " * 99,
        verdict="verified",
        session="s" * 20,
    )
    for one in (big, msgspec.structs.replace(big, actual=None)):
        lines = drawn(one, 80, unicode=False)
        assert max(map(len, lines)) <= 80
        assert all(line.isascii() for line in lines if "…" not in line)
