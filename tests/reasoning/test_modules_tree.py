"""tree: a search over thoughts, its nodes, and what a person may do to it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_engines.base import Choice
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.history import Again
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.nodes import CandidateData, Node, SearchData
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 2", "step n0 / n1", "step n2 + n1", "answer n3"]
TWICE = ["story 2", "step n0 * n1", "step n2 - n1", "answer n3"]
MORE = ["story 2", "step n0 + n1", "answer n2"]
SHORT = ["story 2", "answer n0"]

Judging = Callable[..., ScriptedEngine]
Running = Callable[..., Runtime]


def likes(line: str) -> Callable[[Sequence[str]], float]:
    return lambda said: 0.95 if line in said else 0.2


async def ask(runtime: Runtime, **rest: Any) -> tuple[str, Any]:
    run = await runtime.start(RunRequest(question=QUESTION, **{"program": "tree", **rest}))
    return run.session, await run.result()


def shown(store: Store, session: str) -> list[Node]:
    graph = store.view(session).graph
    return [graph.node(id) for id in graph]


def states(store: Store, session: str) -> list[Node]:
    return [node for node in shown(store, session) if isinstance(node.data, CandidateData)]


async def test_the_checker_leads_to_what_the_greedy_line_would_miss(
    judging: Judging, running: Running, store: Store
) -> None:
    engine = judging(QUESTION, TWICE, [HALF] * 8, likes("step n0 / n1"))
    session, finished = await ask(running(engine))
    assert (finished.answer, finished.verdict) == ("26", "unverified")
    assert finished.confidence == pytest.approx(0.95)
    levels = [node for node in shown(store, session) if isinstance(node.data, SearchData)]
    first = levels[0].data
    assert isinstance(first, SearchData)
    assert {one.text for one in first.expansions} == {"n0 * n1", "n0 / n1"}
    assert sum(one.times for one in first.expansions) == 3
    assert levels[0].text.splitlines()[0].startswith("48 / 2 = 24  95.0%")
    best = [node for node in states(store, session) if node.text == "48 / 2 = 24"]
    assert [node.stats.confidence for node in best] == [pytest.approx(0.95)]
    (answered,) = [node for node in states(store, session) if node.text.endswith("answer: 26")]
    graph = store.view(session).graph
    after = [graph.node(edge.node).text for edge in answered.inputs if edge.role == "after"]
    assert after == ["48 / 2 = 24\n24 + 2 = 26"]


async def test_there_are_few_nodes_however_wide_the_search(
    judging: Judging, running: Running, store: Store
) -> None:
    engine = judging(QUESTION, HALF, [TWICE, MORE, SHORT])
    session, _ = await ask(running(engine), options={"width": 8, "beam": 2})
    nodes = [node for node in shown(store, session) if node.recipe is not None]
    counts = Counter(node.recipe.module for node in nodes if node.recipe)
    levels = sum(isinstance(node.data, SearchData) for node in nodes)
    assert counts["tree@1"] <= levels * 5
    assert sum(node.stats.calls for node in nodes) == len(engine.calls)


async def test_states_with_the_same_thoughts_are_one(judging: Judging, running: Running) -> None:
    engine = judging(QUESTION, HALF)
    _, finished = await ask(running(engine), options={"width": 3, "beam": 2})
    checks = [call for call in engine.calls if isinstance(call.constraint, Choice)]
    # one state after each of three thoughts, and what `rank` and `check` ask of the answer is asked once
    assert finished.answer == "26" and len(checks) == 3 + 1
    assert len(engine.calls) == 1 + 3 * 3 + 4


async def test_a_level_is_expanded_and_scored_at_once(judging: Judging, running: Running) -> None:
    at_once: dict[bool, int] = {True: 0, False: 0}
    plain = judging(QUESTION, HALF, [TWICE, MORE, SHORT])

    def answer(call: Any) -> Any:
        checks = isinstance(call.constraint, Choice)
        at_once[checks] = max(at_once[checks], engine.running)
        return plain._answer(call)

    engine = ScriptedEngine(answer, context=1024, seconds_per_token=0.003)
    await ask(running(engine), options={"width": 8, "beam": 2})
    assert at_once[False] == 16 and at_once[True] >= 2


async def test_a_bad_short_answer_does_not_end_the_search(
    judging: Judging, running: Running
) -> None:
    engine = judging(QUESTION, SHORT, [HALF] * 6, likes("step n0 / n1"))
    _, finished = await ask(running(engine), options={"width": 8, "beam": 1})
    assert finished.answer == "26"


async def test_depth_bounds_the_search(judging: Judging, running: Running) -> None:
    engine = judging(QUESTION, HALF)
    _, finished = await ask(running(engine), options={"depth": 2})
    assert (finished.answer, finished.verdict) == (None, "budget")
    spent = "the budget of step 'tree' of 2 thoughts is spent before an answer was found"
    assert finished.message == spent
    assert sum(not isinstance(call.constraint, Choice) for call in engine.calls) == 1 + 2 * 3


async def test_values_that_cannot_be_true_come_last(judging: Judging, running: Running) -> None:
    below = ["story 2", "step n1 * (n1 - n0)", "answer n2"]
    engine = judging(QUESTION, HALF, [below] * 4, likes("step n1 * (n1 - n0)"))
    _, finished = await ask(running(engine), options={"width": 4, "beam": 1})
    assert finished.answer == "26"


async def test_asked_again_it_costs_nothing_and_a_replay_is_the_same(
    judging: Judging, running: Running, store: Store
) -> None:
    engine = judging(QUESTION, HALF, [TWICE, MORE])
    runtime = running(engine)
    session, one = await ask(runtime)
    before = len(engine.calls)
    preview = await runtime.preview(session)
    assert (preview.stale, preview.calls) == ((), 0)
    again, two = await ask(runtime)
    assert len(engine.calls) == before and two.answer == one.answer
    assert sorted(n.text for n in shown(store, again)) == sorted(
        n.text for n in shown(store, session)
    )
    assert (await runtime.replay(session)).different == ()


async def test_a_state_that_is_taken_out_is_pruned_and_another_takes_its_place(
    judging: Judging, running: Running, store: Store
) -> None:
    engine = judging(QUESTION, TWICE, [HALF, MORE], likes("step n0 / n1"))
    runtime = running(engine)
    session, finished = await ask(runtime, options={"width": 8})
    assert finished.answer == "26"
    level = next(node for node in shown(store, session) if isinstance(node.data, SearchData))
    (half,) = [node for node in states(store, session) if node.text == "48 / 2 = 24"]
    await runtime.delete(half.id)
    assert (await runtime.preview(session)).calls > 0
    finished = await (await runtime.derive(DeriveRequest(session=session))).result()
    assert finished.answer in ("94", "50")
    assert level.id in {node.id for node in shown(store, session)}, "what it chose from is kept"
    assert not any("48 / 2" in node.text for node in states(store, session))
    assert store.view(session).graph.stale() == []


async def test_a_persons_answer_in_a_states_place_stands(
    judging: Judging, running: Running, store: Store
) -> None:
    runtime = running(judging(QUESTION, TWICE, [TWICE]))
    session, _ = await ask(runtime)
    (state,) = [node for node in states(store, session) if node.text == "48 * 2 = 96"]
    await runtime.edit(Edit(node=state.id, text="24"))
    finished = await (await runtime.derive(DeriveRequest(session=session))).result()
    assert (finished.answer, finished.verdict) == ("24", "unverified")


async def test_an_edited_question_is_searched_anew_and_a_level_can_be_retried(
    judging: Judging, running: Running, store: Store
) -> None:
    runtime = running(judging(QUESTION, HALF, [TWICE, MORE], likes("step n0 / n1")))
    session, _ = await ask(runtime, options={"width": 5})
    question = next(node.id for node in shown(store, session) if node.kind == "question")
    await runtime.edit(Edit(node=question, text=QUESTION.replace("48", "60")))
    finished = await (await runtime.derive(DeriveRequest(session=session))).result()
    assert finished.answer == "32" and store.view(session).graph.stale() == []
    level = [node for node in shown(store, session) if isinstance(node.data, SearchData)][1]
    await runtime.retry(level.id, Again(seed=8))
    finished = await (await runtime.derive(DeriveRequest(session=session))).result()
    assert finished.answer == "32" and store.view(session).graph.stale() == []


LIMITED = """
name = "limited"
summary = "a search within a budget"
[options.calls]
default = 8
minimum = 1
maximum = 1000
[[step]]
name = "tree"
module = "tree"
inputs = { question = "question" }
options = { width = 3, beam = 3 }
budget = { calls = 15 }
[[step]]
name = "vote"
module = "vote"
inputs = { others = "tree" }
[[step]]
name = "verify"
module = "verify"
inputs = { choice = "vote" }
[[step]]
name = "answer"
module = "answer"
inputs = { choice = "vote", verdict = "verify" }
"""


async def test_a_budget_that_is_spent_in_the_middle_gives_what_is_finished(
    judging: Judging, running: Running, tmp_path: Any
) -> None:
    library = tmp_path / "limited.toml"
    library.write_text(
        LIMITED.replace("[options.calls]\ndefault = 8\nminimum = 1\nmaximum = 1000\n", "")
    )
    engine = judging(QUESTION, SHORT, [SHORT, HALF, HALF], lambda said: 0.9)
    runtime = running(engine, Library(MODULES, [tmp_path]))
    _, finished = await ask(runtime, program="limited")
    assert (finished.outcome, finished.answer) == ("done", "48"), finished.message
    assert finished.calls <= 15


async def test_the_runs_own_budget_ends_it_with_what_is_finished(
    judging: Judging, running: Running
) -> None:
    engine = judging(QUESTION, SHORT, [SHORT, HALF, HALF], lambda said: 0.9)
    _, finished = await ask(running(engine), budget_calls=10, options={"beam": 3})
    assert (finished.answer, finished.verdict) == ("48", "budget")


async def test_a_search_can_be_cancelled_at_any_time(
    judging: Judging, running: Running, store: Store
) -> None:
    engine = judging(QUESTION, HALF, [TWICE, MORE], seconds_per_token=0.01)
    runtime = running(engine)
    run = await runtime.start(RunRequest(question=QUESTION, program="tree"))
    async with asyncio.timeout(60):
        while not any(isinstance(node.data, SearchData) for node in store.run_nodes(run.id)):
            await asyncio.sleep(0.01)
    run.cancel()
    assert (await run.result()).outcome == "cancelled"
    assert engine.running == 0
    # what it had is kept and goes on from there
    finished = await (await runtime.derive(DeriveRequest(session=run.session))).result()
    assert finished.outcome == "done" and store.view(run.session).graph.stale() == []


async def test_words_that_make_no_sense_lead_nowhere(
    running: Running, dialect: NativeDialect, judging: Judging
) -> None:
    plain = judging(QUESTION, HALF)

    def answer(call: Any) -> Any:
        if isinstance(call.constraint, Choice) or dialect.ids["<plan>"] not in call.prompt:
            return plain._answer(call)
        return [dialect.ids["<n1>"], dialect.end]

    _, finished = await ask(running(ScriptedEngine(answer, context=1024)))
    assert (finished.outcome, finished.answer, finished.verdict) == ("done", None, "failed")


@given(
    scores=st.lists(st.floats(0.01, 0.99), min_size=40, max_size=40),
    width=st.integers(1, 5),
    beam=st.integers(1, 3),
)
@settings(max_examples=25)
async def test_no_finished_state_that_is_better_is_lost(
    scores: list[float],
    width: int,
    beam: int,
    judging: Judging,
    running: Running,
    store: Store,
) -> None:
    """What answers is the best of all finished states that the search has seen."""

    def score(said: Sequence[str]) -> float:
        return scores[sum(map(len, said)) * 7 % 40]

    engine = judging(QUESTION, HALF, [TWICE, MORE, SHORT], score, fingerprint=repr(scores[:3]))
    session, finished = await ask(running(engine), options={"width": width, "beam": beam})
    seen = [
        one.score
        for node in shown(store, session)
        if isinstance(node.data, SearchData)
        for one in node.data.expansions
        if one.kind == "answer"
    ]
    answered = [
        node.stats.confidence or 0
        for node in states(store, session)
        if isinstance(node.data, CandidateData) and node.data.value is not None
    ]
    assert max(answered) == pytest.approx(max(seen))
    assert finished.confidence == pytest.approx(max(seen))
