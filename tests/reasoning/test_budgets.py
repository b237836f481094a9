"""Budgets inside budgets: what parts spend, the whole spends; who spends too much ends alone."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.base import Call, EngineError, Sampling
from smysl_engines.scripted import Scripted, ScriptedEngine
from smysl_reasoning.calls import Budget, BudgetSpent, Calls, Lines, Usage, WouldCall
from smysl_reasoning.clock import Clock
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.events import RunFinished
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store
from smysl_reasoning.thresholds import Thresholds

END = 9
QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 1", "step n0 / n1", "answer n2"]
Speaking = Callable[..., ScriptedEngine]


def counting() -> ScriptedEngine:
    """Says as many tokens as the prompt's first one, less one, and an end."""
    return ScriptedEngine(lambda call: [*[3] * (call.prompt[0] - 1), END])


async def say(calls: Calls, tokens: int) -> None:
    """One call that generates as many tokens."""
    lines = Lines(calls, Sampling(stop=(END,)), end=END, context=100, line_tokens=50)
    try:
        await lines.line([tokens])
    finally:
        lines.close()
        await calls.settle()


def added(usages: list[Usage]) -> Usage:
    return Usage(
        prompt_tokens=sum(one.prompt_tokens for one in usages),
        cached_tokens=sum(one.cached_tokens for one in usages),
        generated_tokens=sum(one.generated_tokens for one in usages),
        calls=sum(one.calls for one in usages),
    )


trees = st.recursive(
    st.lists(st.integers(1, 8), max_size=3),
    lambda inner: st.lists(inner, min_size=1, max_size=3),
    max_leaves=6,
)
"""Calls by the tokens they generate, in parts of parts."""


@given(trees)
def test_what_the_parts_spend_is_what_the_whole_spends(tree: list[object]) -> None:
    parts: list[Calls] = []

    async def spend(calls: Calls, tree: list[object], name: str) -> None:
        below: list[Calls] = []
        for number, inner in enumerate(tree):
            part = calls.part(f"{name}.{number}")
            below.append(part)
            if isinstance(inner, int):
                await say(part, inner)
            else:
                assert isinstance(inner, list)
                await spend(part, inner, f"{name}.{number}")
        parts.extend(below)
        assert calls.usage == added([part.usage for part in below])

    async def all_of_it() -> Calls:
        whole = Calls(counting())
        await spend(whole, tree, "whole")
        return whole

    whole = asyncio.run(all_of_it())
    for calls in (whole, *parts):
        calls.check()
    assert whole.usage.generated_tokens == generated(tree)


def generated(tree: object) -> int:
    return tree if isinstance(tree, int) else sum(map(generated, tree))  # type: ignore[call-overload]


async def test_a_part_over_its_budget_ends_and_its_sister_does_not() -> None:
    whole = Calls(counting())
    poor, rich = whole.part("poor", Budget(tokens=4)), whole.part("rich")
    await say(poor, 4)
    with pytest.raises(BudgetSpent, match="of step 'poor' of 4 tokens is spent") as error:
        await say(poor, 1)
    assert error.value.scope == "poor"
    await say(rich, 8)
    assert (poor.usage.calls, rich.usage.calls, whole.usage.calls) == (1, 1, 2)


async def test_a_call_that_is_running_is_cut_off_when_its_part_has_spent_its_tokens() -> None:
    engine = counting()
    whole = Calls(engine)
    with pytest.raises(BudgetSpent):
        await say(whole.part("poor", Budget(tokens=4)), 30)
    await whole.settle()
    whole.check()
    assert engine.running == 0 and whole.usage.generated_tokens < 30


async def test_parts_of_a_part_share_its_budget() -> None:
    shared = Calls(counting()).part("shared", Budget(calls=2))
    await say(shared.part("a"), 1)
    await say(shared.part("b", Budget(calls=9)), 1)
    for name in ("a", "c"):
        with pytest.raises(BudgetSpent) as error:
            await say(shared.part(name), 1)
        assert error.value.scope == "shared", "it is said whose budget it was"


async def test_the_whole_runs_budget_ends_every_part_and_names_none() -> None:
    whole = Calls(counting(), Budget(calls=1))
    await say(whole.part("a"), 1)
    with pytest.raises(BudgetSpent, match="the budget of 1 calls is spent") as error:
        await say(whole.part("b", Budget(calls=5)), 1)
    assert error.value.scope is None


async def test_seconds_count_from_a_parts_own_first_call() -> None:
    now = 0.0
    whole = Calls(counting())
    whole.clock = Clock(lambda: now)
    await say(whole, 1)
    now += 60
    part = whole.part("part", Budget(seconds=50))
    await say(part, 1)
    now += 60
    with pytest.raises(BudgetSpent, match="50 s"):
        await say(part, 1)
    await say(whole, 1)
    assert 0 <= part.seconds < whole.seconds


async def test_a_part_of_a_walk_without_calls_makes_none_either() -> None:
    part = Calls(counting(), allowed=False).part("part").part("inner")
    with pytest.raises(WouldCall):
        await say(part, 1)


async def test_pausing_the_whole_holds_its_parts() -> None:
    whole = Calls(counting())
    part = whole.part("part")
    whole.pause()
    assert part.paused
    waiting = asyncio.create_task(say(part, 3))
    await asyncio.sleep(0.01)
    assert not waiting.done() and whole.usage.calls == 0
    whole.unpause()
    await asyncio.wait_for(waiting, 60)
    assert part.usage == whole.usage and part.usage.generated_tokens == 3


async def test_a_failed_call_counts_once_in_every_part() -> None:
    whole = Calls(ScriptedEngine(lambda call: Scripted(ids=(3,), error="no memory")))
    part = whole.part("part")
    with pytest.raises(EngineError):
        await say(part, 1)
    whole.check()
    part.check()
    assert whole.usage == part.usage and whole.usage.calls == 1


# ------------------------------------------------------------ in programs

PROGRAM = """name = "mine"
summary = "{summary}"

[[step]]
name = "samples"
module = "candidate"
inputs = {{ question = "question" }}
branches = 5
{samples}

[[step]]
name = "other"
module = "candidate"
inputs = {{ question = "question" }}
options = {{ temperature = 0.0 }}
{other}

[[step]]
name = "vote"
module = "vote"
inputs = {{ others = ["samples", "other"] }}

[[step]]
name = "check"
module = "check"
inputs = {{ choice = "vote" }}

[[step]]
name = "verify"
module = "verify"
inputs = {{ choice = "vote", check = "check" }}

[[step]]
name = "answer"
module = "answer"
inputs = {{ choice = "vote", verdict = "verify" }}
"""


async def run(
    engine: ScriptedEngine, dialect: NativeDialect, store: Store, folder: Path, **files: str
) -> RunFinished:
    """Run program `mine` among `files`; everything is closed and checked after."""
    for name, text in files.items():
        (folder / f"{name.replace('_', '-')}.toml").write_text(text)
    runtime = Runtime(
        engine=engine,
        dialect=dialect,
        store=store,
        thresholds=Thresholds(agreement=0.8, check=0.9),
        library=Library(MODULES, [folder]),
    )
    try:
        started = await runtime.start(RunRequest(question=QUESTION, program="mine"))
        return await started.result()
    finally:
        await runtime.close()
        runtime.check()
        assert engine.running == 0
        engine.close()


async def test_a_programs_step_over_its_budget_leaves_the_others_their_answer(
    speaking: Speaking, dialect: NativeDialect, store: Store, tmp_path: Path
) -> None:
    engine = speaking(QUESTION, HALF)
    text = PROGRAM.format(summary="", samples="budget = { calls = 2 }", other="")
    finished = await run(engine, dialect, store, tmp_path, mine=text)
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", "24", "verified")
    # 2 of 5 samples, the other one, the checker
    assert finished.calls == len(engine.calls) == 4


async def test_steps_that_spend_their_budgets_before_a_derivation_end_the_run_as_spent(
    speaking: Speaking, dialect: NativeDialect, store: Store, tmp_path: Path
) -> None:
    poor = "budget = { tokens = 2 }"
    text = PROGRAM.format(summary="", samples=poor, other="budget = { tokens = 3 }")
    finished = await run(speaking(QUESTION, HALF), dialect, store, tmp_path, mine=text)
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", None, "budget")
    assert "of step 'samples' of 2 tokens is spent" in finished.message
    assert "of step 'other' of 3 tokens is spent before an answer was found" in finished.message


async def test_what_the_plan_finds_outside_is_not_said_to_want_a_budget(
    speaking: Speaking, dialect: NativeDialect, store: Store, tmp_path: Path
) -> None:
    poor = "budget = { tokens = 2 }"
    text = PROGRAM.format(summary="", samples=poor, other=poor)
    plan = 'name = "plan"\nmodule = "plan"\ninputs = { question = "question" }\n\n[[step]]\n'
    text = text.replace('name = "samples"', f'{plan}name = "samples"', 1)
    text = text.replace('check = "check" }', 'check = "check", plan = "plan" }', 1)
    engine = speaking(QUESTION, ["outside 0"])
    finished = await run(engine, dialect, store, tmp_path, mine=text)
    assert (finished.answer, finished.verdict) == (None, "failed")
    assert "outside" in finished.message


async def test_a_budget_that_several_steps_share_is_spent_once(
    speaking: Speaking, dialect: NativeDialect, store: Store, tmp_path: Path
) -> None:
    part = PROGRAM.format(summary="", samples="", other="").replace('"mine"', '"part"')
    text = """name = "mine"
summary = ""

[[step]]
name = "poor"
program = "part"
inputs = { question = "question" }
budget = { calls = 3 }

[[step]]
name = "rich"
program = "part"
inputs = { question = "question" }

[[step]]
name = "pick"
module = "pick"
inputs = { outcomes = ["poor", "rich"] }
"""
    finished = await run(
        engine := speaking(QUESTION, HALF), dialect, store, tmp_path, mine=text, part=part
    )
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", "24", "verified")
    assert len(engine.calls) <= 3 + 7


async def test_a_program_of_which_every_step_is_over_its_budget_says_so(
    speaking: Speaking, dialect: NativeDialect, store: Store, tmp_path: Path
) -> None:
    # a line is read to its end only within the budget
    spent = "budget = { tokens = 1 }"
    text = PROGRAM.format(summary="", samples=spent, other=spent)
    finished = await run(speaking(QUESTION, HALF), dialect, store, tmp_path, mine=text)
    assert finished.outcome == "done" and finished.answer is None


TURN = """name = "again"
summary = ""
inputs = { asked = "question", before = "outcome" }

[[step]]
name = "sample"
module = "candidate"
inputs = { question = "asked" }
options = { temperature = 0.9 }

[[step]]
name = "vote"
module = "vote"
inputs = { main = "sample" }

[[step]]
name = "verify"
module = "verify"
inputs = { choice = "vote" }

[[step]]
name = "answer"
module = "answer"
inputs = { choice = "vote", verdict = "verify" }

[[step]]
name = "pick"
module = "pick"
inputs = { outcomes = ["before", "answer"] }
"""
LOOP = """name = "mine"
summary = ""

[[step]]
name = "first"
program = "direct"
inputs = { question = "question" }

[[step]]
name = "loop"
program = "again"
inputs = { asked = "question", before = "first" }
repeat = 6
until = "loop.verdict == 'verified'"

[[step]]
name = "pick"
module = "pick"
inputs = { outcomes = "loop" }
"""


async def test_a_program_that_never_verifies_ends(
    speaking: Speaking, dialect: NativeDialect, store: Store, tmp_path: Path
) -> None:
    engine = speaking(QUESTION, HALF)
    finished = await run(engine, dialect, store, tmp_path, mine=LOOP, again=TURN)
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", "24", "unverified")
    sampled = [call for call in engine.calls if call.sampling.temperature > 0]
    assert len(sampled) == 6, "one derivation a turn"


async def test_decided_branches_make_fewer_calls_for_the_same_answer(
    speaking: Speaking, dialect: NativeDialect, store: Store, tmp_path: Path
) -> None:
    def sampled(calls: list[Call]) -> int:
        return sum(call.sampling.temperature > 0 for call in calls)

    every = speaking(QUESTION, HALF)
    few = speaking(QUESTION, HALF)
    plain = PROGRAM.format(summary="", samples="", other="")
    decided = PROGRAM.format(summary="", samples='stop = "decided"', other="")
    (tmp_path / "plain").mkdir()
    (tmp_path / "decided").mkdir()
    other = Store.open(tmp_path / "other.db")
    first = await run(every, dialect, store, tmp_path / "plain", mine=plain)
    second = await run(few, dialect, other, tmp_path / "decided", mine=decided)
    other.close()
    assert first.answer == second.answer == "24"
    assert (sampled(every.calls), sampled(few.calls)) == (5, 3)
