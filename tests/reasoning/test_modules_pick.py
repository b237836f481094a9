"""pick and route: one outcome of several, one way of several; and the programs made of others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import PROBLEMS
from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.library import Library
from smysl_reasoning.modules.base import Derived, Outcome
from smysl_reasoning.modules.pick import WAYS, picked
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.modules.route import read_ways
from smysl_reasoning.nodes import ChoiceData, Node, RouteData
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 1", "step n0 / n1", "answer n2"]
TWICE = ["story 1", "step n0 * n1", "answer n2"]

Speaking = Callable[..., ScriptedEngine]
Running = Callable[..., Runtime]

outcomes = st.builds(
    lambda answer, verdict, confidence: Outcome(
        answer,
        verdict if answer else "failed",
        confidence,
        "",
        Derived(Node(id="n", session="s", kind="answer", text=answer), answer, None)
        if answer
        else None,
    ),
    st.sampled_from(["1", "2", "3", None]),
    st.sampled_from(["verified", "unverified"]),
    st.none() | st.floats(0, 1),
)


def shown(store: Store, session: str) -> list[Node]:
    graph = store.view(session).graph
    return [graph.node(id) for id in graph]


async def ask(runtime: Runtime, **rest: Any) -> tuple[str, Any]:
    run = await runtime.start(RunRequest(question=QUESTION, **rest))
    return run.session, await run.result()


@given(st.lists(outcomes, min_size=1, max_size=7), st.sampled_from(WAYS))
def test_whatever_is_picked_is_one_of_them_and_verified_ones_come_first(
    given_: list[Outcome], by: str
) -> None:
    found = picked(given_, by)
    assert found.answer in [one.answer for one in given_]
    if by == "last":
        assert found is given_[-1]
        return
    if any(one.verdict == "verified" for one in given_):
        assert found.verdict == "verified"
    among = [one for one in given_ if one.answer and one.verdict == found.verdict]
    if by == "confidence" and found.answer:
        assert (found.confidence or 0) == max(one.confidence or 0 for one in among)
    if by == "vote" and found.answer:
        agreeing = sum(one.answer == found.answer for one in given_)
        assert found.confidence == pytest.approx(agreeing / len(given_))
        assert all(
            sum(one.answer == other for one in among)
            <= sum(one.answer == found.answer for one in among)
            for other in ("1", "2", "3")
        )


@given(
    st.dictionaries(st.sampled_from(PROBLEMS), st.sampled_from(["direct", "solve"])),
    st.sampled_from(["direct", "solve"]),
)
def test_ways_that_are_written_down_are_read_back(ways: dict[str, str], others: str) -> None:
    text = ", ".join(f"{problem}: {way}" for problem, way in {**ways, "*": others}.items())
    assert read_ways(text, PROBLEMS) == {**ways, "*": others}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "sort: way"),
        ("story", "'story'"),
        ("story solve, *: direct", "'story solve'"),
        ("story: a b, *: direct", "'story: a b'"),
        ("poem: solve, *: direct", "'poem'"),
        ("story: solve, story: direct, *: direct", "twice"),
        ("story: solve", r"`\*: way`"),
    ],
)
def test_malformed_ways_are_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ProgramError, match=named):
        read_ways(text, PROBLEMS)


ROUTED = """
name = "routed"
summary = "the short way for stories"
[options.ways]
default = "story: direct, *: solve"
[[step]]
name = "plan"
module = "plan"
inputs = { question = "question" }
[[step]]
name = "route"
module = "route"
inputs = { question = "question", plan = "plan" }
options = { ways = "$ways" }
[[step]]
name = "short"
program = "direct"
inputs = { question = "question" }
when = "route.way == 'direct'"
[[step]]
name = "long"
program = "chain"
inputs = { question = "question" }
when = "route.way != 'direct'"
[[step]]
name = "pick"
module = "pick"
inputs = { outcomes = ["short", "long"] }
"""


def routed(tmp_path: Path) -> Library:
    (tmp_path / "routed.toml").write_text(ROUTED)
    return Library(MODULES, [tmp_path])


def test_ways_that_leave_a_case_out_do_not_end_a_program(tmp_path: Path) -> None:
    (tmp_path / "routed.toml").write_text(ROUTED.replace("!= 'direct'", "== 'solve'"))
    with pytest.raises(ProgramError, match="'pick' ends the program and may be passed over"):
        Library(MODULES, [tmp_path]).get("routed")


async def test_of_two_ways_one_is_certain_to_be_gone(
    speaking: Speaking, running: Running, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), routed(tmp_path))
    plan = await runtime.explain(RunRequest(question=QUESTION, program="routed"))
    certain = {step.name for step in plan.steps if step.certain}
    assert certain == {"plan", "route", "pick"}


async def test_a_question_takes_the_way_of_its_sort_and_a_person_may_choose_another(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF, direct="25"), routed(tmp_path))
    session, finished = await ask(runtime, program="routed")
    assert finished.answer == "25"
    (route,) = [node for node in shown(store, session) if isinstance(node.data, RouteData)]
    assert route.text == "story -> direct" and route.data == RouteData(
        "direct", ("direct", "solve")
    )
    with pytest.raises(BadRequest, match="direct, solve"):
        await runtime.edit(Edit(node=route.id, text="vote"))
    await runtime.edit(Edit(node=route.id, text="solve"))
    finished = await (await runtime.derive(DeriveRequest(session=session))).result()
    assert finished.answer == "24"


async def test_malformed_ways_end_the_run_with_their_error(
    speaking: Speaking, running: Running, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), routed(tmp_path))
    _, finished = await ask(runtime, program="routed", options={"ways": "story direct"})
    assert finished.outcome == "failed" and "'story direct'" in finished.message


async def test_programs_side_by_side_answer_what_most_of_them_do(
    speaking: Speaking, running: Running, store: Store
) -> None:
    engine = speaking(QUESTION, HALF)
    runtime = running(engine)
    session, finished = await ask(runtime, program="ensemble")
    assert (finished.answer, finished.verdict, finished.confidence) == ("24", "verified", 1.0)
    assert "3 of 3 ways agree on 24" in finished.message
    last = [node for node in shown(store, session) if node.kind == "answer"][-1]
    graph = store.view(session).graph
    assert last.text == "24"
    choice = graph.node(next(edge.node for edge in last.inputs if edge.role == "choice"))
    assert choice.data == ChoiceData((("24", 3),))
    calls = len(engine.calls)
    assert (await runtime.preview(session)).calls == 0
    await ask(runtime, program="ensemble")
    assert len(engine.calls) == calls
    assert (await runtime.replay(session)).different == ()


async def test_an_unknown_way_to_pick_is_refused(
    speaking: Speaking, running: Running, tmp_path: Path
) -> None:
    library = routed(tmp_path)
    text = (tmp_path / "routed.toml").read_text()
    (tmp_path / "routed.toml").write_text(text + 'options = { by = "luck" }\n')
    library = Library(MODULES, [tmp_path])
    _, finished = await ask(running(speaking(QUESTION, HALF), library), program="routed")
    assert finished.outcome == "failed" and "last, confidence, vote" in finished.message


async def test_a_vote_samples_no_more_than_decide_it(speaking: Speaking, running: Running) -> None:
    engine = speaking(QUESTION, HALF)
    _, finished = await ask(running(engine), program="vote", options={"samples": 8})
    assert sum(call.sampling.temperature > 0 for call in engine.calls) == 5
    assert (finished.answer, finished.verdict) == ("24", "verified")
    disagreeing = speaking(QUESTION, HALF, sampled=[HALF, TWICE], fingerprint="0ther")
    await ask(running(disagreeing), program="vote", options={"samples": 8})
    assert sum(call.sampling.temperature > 0 for call in disagreeing.calls) > 5
