"""Explaining: what is foreseen of a run, and what it then came to."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest, RunCancelled, RunFailed
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.plan import Plan
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 1", "step n0 / n1", "answer n2"]
APART = [["story 1", f"step n0 {sign} n1", "answer n2"] for sign in "/*+"]
"""Three answers in turn, none of which most samples reach."""
PASSES = ["parse", "type", "inline", "lower", "prefixes", "waves", "budgets"]
Speaking = Callable[..., ScriptedEngine]
Running = Callable[[ScriptedEngine], Runtime]


def asking(program: str, **rest: object) -> RunRequest:
    return RunRequest(question=QUESTION, program=program, **rest)  # type: ignore[arg-type]


async def test_a_plan_makes_no_call_and_writes_nothing(
    speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(QUESTION, HALF)
    plan = await running(engine).explain(asking("solve"))
    assert engine.calls == [] and store.sessions() == []
    assert [one.name for one in plan.passes] == PASSES
    assert all(one.result for one in plan.passes)
    assert (plan.program, plan.model, plan.dialect) == ("solve", "scripted", "native")
    assert plan.actual is None and all(step.actual is None for step in plan.steps)
    assert not plan.measured


@pytest.mark.parametrize(
    ("program", "options"),
    [
        ("solve", {}),
        ("solve", {"samples": 0}),
        ("solve", {"samples": 9}),
        ("vote", {}),
        ("vote", {"samples": 1}),
        ("direct", {}),
    ],
)
async def test_as_many_calls_are_foreseen_as_are_made(
    program: str, options: dict[str, object], speaking: Speaking, running: Running
) -> None:
    engine = speaking(QUESTION, HALF, sampled=APART)
    plan = await running(engine).explain(asking(program, options=options), analyze=True)
    assert plan.actual is not None
    assert plan.certain.calls == plan.most.calls == plan.actual.calls == len(engine.calls)
    for step in plan.steps:
        assert step.actual is not None
        assert (step.name, step.estimate.calls) == (step.name, step.actual.calls)
    assert plan.most.calls == sum(wave.estimate.calls for wave in plan.waves)


async def test_of_branches_that_end_when_they_are_decided_all_are_foreseen(
    speaking: Speaking, running: Running
) -> None:
    engine = speaking(QUESTION, HALF)
    plan = await running(engine).explain(asking("vote", options={"samples": 8}), analyze=True)
    assert plan.actual is not None
    # all agree: 5 of 8 are a majority
    assert plan.most.calls - plan.actual.calls == 3
    assert [step.name for step in plan.steps if step.decided] == ["samples"]


async def test_one_branch_has_nothing_to_decide(speaking: Speaking, running: Running) -> None:
    plan = await running(speaking(QUESTION, HALF)).explain(asking("vote", options={"samples": 1}))
    assert not any(step.decided for step in plan.steps)


async def test_what_steps_cost_is_what_the_run_cost(speaking: Speaking, running: Running) -> None:
    engine = speaking(QUESTION, HALF)
    plan = await running(engine).explain(asking("solve"), analyze=True)
    assert plan.actual is not None
    actual = [step.actual for step in plan.steps if step.actual is not None]
    assert sum(one.calls for one in actual) == plan.actual.calls
    assert sum(one.prompt_tokens for one in actual) == plan.actual.prompt_tokens
    assert sum(one.generated_tokens for one in actual) == plan.actual.generated_tokens
    assert max(one.seconds for one in actual) <= plan.actual.seconds
    assert (plan.answer, plan.verdict) == ("24", "verified")
    assert plan.session is not None


async def test_after_a_run_the_estimates_come_from_it(speaking: Speaking, running: Running) -> None:
    runtime = running(speaking(QUESTION, HALF))
    before = await runtime.explain(asking("solve"))
    ran = await runtime.explain(asking("solve"), analyze=True)
    after = await runtime.explain(asking("solve"))
    assert (before.measured, ran.measured, after.measured) == (False, False, True)
    assert ran.actual is not None and before.most.seconds == 0.0
    assert after.most.generated_tokens == ran.actual.generated_tokens
    assert 0 < after.most.seconds
    assert after.most.calls == before.most.calls == ran.actual.calls
    # an estimate is of a module: the other program has some of them
    assert (await runtime.explain(asking("vote"))).measured


async def test_what_was_reused_is_made_anew_to_be_measured(
    speaking: Speaking, running: Running
) -> None:
    engine = speaking(QUESTION, HALF)
    runtime = running(engine)
    first = await runtime.explain(asking("solve"), analyze=True)
    calls = len(engine.calls)
    second = await runtime.explain(asking("solve"), analyze=True)
    assert len(engine.calls) == 2 * calls
    assert first.actual is not None and second.actual is not None
    assert first.actual.calls == second.actual.calls
    assert first.session != second.session


async def test_waves_follow_what_waits_for_what(speaking: Speaking, running: Running) -> None:
    plan = await running(speaking(QUESTION, HALF)).explain(asking("solve"))
    at = {step.name: step.wave for step in plan.steps}
    assert at["plan"] == at["samples"] == at["reworded"] == 1
    assert (at["greedy"], at["vote"], at["check"], at["answer"]) == (2, 2, 3, 3)
    assert [set(wave.steps) for wave in plan.waves] == [
        {"plan", "samples", "reworded"},
        {"greedy"},
        {"check"},
    ]
    assert plan.waves[0].estimate.calls == 6


async def test_samples_of_one_question_share_its_prompt(
    speaking: Speaking, running: Running, dialect: NativeDialect
) -> None:
    runtime = running(speaking(QUESTION, HALF))
    length = len(dialect.question(dialect.read(QUESTION), "solve"))
    found: list[Plan] = []
    for samples in (1, 8):
        found.append(await runtime.explain(asking("vote", options={"samples": samples})))
    one, eight = (plan.most for plan in found)
    assert eight.prompt_tokens - one.prompt_tokens == 7 * length
    assert eight.shared_tokens - one.shared_tokens == 7 * length, (
        "more samples compute nothing more"
    )


PROGRAM = """name = "mine"
summary = "sometimes more"

[[step]]
name = "direct"
program = "direct"
inputs = { question = "question" }

[[step]]
name = "more"
program = "vote"
inputs = { question = "question" }
options = { samples = 2 }
when = "direct.verdict == 'WANTED'"
budget = { tokens = 500 }

[[step]]
name = "pick"
module = "pick"
inputs = { outcomes = ["direct", "more"] }
"""


@pytest.mark.parametrize(("wanted", "runs"), [("unverified", True), ("verified", False)])
async def test_what_may_be_passed_over_is_told_from_what_always_runs(
    wanted: str,
    runs: bool,
    speaking: Speaking,
    dialect: NativeDialect,
    store: Store,
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.toml").write_text(PROGRAM.replace("WANTED", wanted))
    engine = speaking(QUESTION, HALF)
    library = Library(MODULES, [tmp_path])
    runtime = Runtime(engine=engine, dialect=dialect, store=store, library=library)
    plan = await runtime.explain(asking("mine"), analyze=True)
    await runtime.close()
    runtime.check()
    engine.close()
    assert plan.actual is not None
    assert plan.certain.calls < plan.most.calls
    assert plan.actual.calls == (plan.most.calls if runs else plan.certain.calls)
    for step in plan.steps:
        within = step.name.startswith("more.")
        assert step.certain is not within
        # steps that need no call have run too
        assert step.ran is (runs or not within)
        assert (step.budget == "more: 500 tokens") is within


async def test_a_request_that_no_run_would_take_is_not_explained_either(
    speaking: Speaking, running: Running
) -> None:
    runtime = running(speaking(QUESTION, HALF))
    for request, names in [
        (asking("slove"), "did you mean solve"),
        (asking("solve", options={"sample": 3}), "no option 'sample'"),
        (asking("solve", options={"samples": 99}), "from 0 to 32"),
        (asking("reflect-turn"), "part of others"),
        (RunRequest(question=" ", program="solve"), "empty"),
    ]:
        with pytest.raises(BadRequest, match=names):
            await runtime.explain(request)


async def test_a_run_that_fails_is_no_analysis(speaking: Speaking, running: Running) -> None:
    engine = speaking("Another question with 3 and 4?", HALF)
    with pytest.raises(RunFailed, match="the run to be analysed failed: "):
        await running(engine).explain(asking("solve"), analyze=True)


async def test_an_analysis_that_somebody_cancels_says_so(
    speaking: Speaking, running: Running, store: Store
) -> None:
    runtime = running(speaking(QUESTION, HALF, seconds_per_token=1.0))
    analysis = asyncio.create_task(runtime.explain(asking("solve"), analyze=True))
    async with asyncio.timeout(60):
        while not runtime._walks:
            await asyncio.sleep(0.002)
    await runtime.cancel(store.sessions()[0].id)
    with pytest.raises(RunCancelled, match="was cancelled"):
        await asyncio.wait_for(analysis, 60)
