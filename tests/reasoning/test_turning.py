"""Steps whose value a story cannot have are turned round; nothing else is."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.base import Call, Choice
from smysl_engines.scripted import Answer, Scripted, ScriptedEngine
from smysl_reasoning.compute import Value, evaluate
from smysl_reasoning.derivation import Derivation
from smysl_reasoning.dialects.native import NativeDialect, Thought, read
from smysl_reasoning.nodes import PlanData
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store
from smysl_reasoning.turning import turned


def values(*amounts: int) -> dict[int, Value]:
    return {i: Value(Fraction(amount)) for i, amount in enumerate(amounts)}


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_difference_of_things_is_never_below_zero(a: int, b: int) -> None:
    slots = values(a, b)
    expression = turned("n0 - n1", slots, "How many are left?")
    assert evaluate(expression, slots).amount == abs(a - b)
    assert turned(expression, slots, "How many are left?") == expression, "once is enough"


@pytest.mark.parametrize(
    ("expression", "amounts", "becomes"),
    [
        ("n0 + n1 - n2", (2, 3, 9), "n2 - (n0 + n1)"),
        ("n0 / n1", (2, 6), "n1 / n0"),
        ("n0 / n1", (3, 7), "n0 / n1"),
        ("n0 / n1", (1, 4), "n0 / n1"),
        ("(n0 - n1) * n2", (2, 6, 3), "(n0 - n1) * n2"),
        ("n0 - n9", (2, 6), "n0 - n9"),
        ("n0 / n1", (2, 0), "n0 / n1"),
    ],
)
def test_only_the_last_operation_is_turned_and_only_where_that_makes_sense(
    expression: str, amounts: tuple[int, ...], becomes: str
) -> None:
    assert turned(expression, values(*amounts), "How many are there?") == becomes


@pytest.mark.parametrize(
    "question",
    [
        "It was 3 degrees and fell by 8. What is it now?",
        "At -4 it rose by 2.",
        "He owes 9 and has 4.",
        "How far below zero is that?",
    ],
)
def test_what_may_be_less_than_nothing_is_left_alone(question: str) -> None:
    assert turned("n0 - n1", values(3, 8), question) == "n0 - n1"


def test_a_part_may_be_less_than_one() -> None:
    assert turned("n0 / n1", values(2, 6), "What fraction of the 6 slices is 2?") == "n0 / n1"


@pytest.mark.parametrize(("problem", "expected"), [("story", "n1 - n0"), ("arithmetic", "n0 - n1")])
def test_a_derivation_reads_a_story_s_step_turned(
    dialect: NativeDialect, problem: str, expected: str
) -> None:
    derivation = Derivation(dialect, read("The meter said 15 in March and 20 in April."))
    derivation.set_plan(PlanData(problem, 1))
    line = dialect.thought(Thought("step", "n0 - n1"))
    assert derivation.read(line) == Thought("step", expected)


async def test_a_run_goes_on_from_the_turned_step(
    dialect: NativeDialect, running: Callable[..., Runtime], store: Store
) -> None:
    question = "The meter said 15 in March and 20 in April. How much is that?"
    prompt = dialect.question(read(question), "solve")
    plan = dialect.plan(PlanData("story", 1))
    answer = dialect.thought(Thought("answer", "n2"))
    texts = [
        tuple(prompt + plan + dialect.thought(Thought("step", step), 2) + answer)
        for step in ("n0 - n1", "n1 - n0")
    ]

    def says(call: Call) -> Answer:
        if isinstance(call.constraint, Choice):
            return Scripted(choice=0, probabilities=(0.9, 0.1))
        said = next(text for text in texts if text[: len(call.prompt)] == call.prompt)
        return list(said[len(call.prompt) :])

    runtime = running(ScriptedEngine(says))
    run = await runtime.start(RunRequest(question=question, program="chain"))
    finished = await run.result()
    (said,) = [node.text for node in store.session_nodes(run.session) if node.kind == "candidate"]
    assert finished.answer == "5" and said.startswith("20 - 15 = 5\n")
