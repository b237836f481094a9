"""Values that cannot be true of a story speak against its derivation, and against nothing else."""

from collections.abc import Callable

import pytest

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.derivation import Derivation
from smysl_reasoning.dialects.native import NativeDialect, Thought, read
from smysl_reasoning.nodes import PlanData
from smysl_reasoning.plausible import doubt
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

APPLES = "Tom has 3 boxes with 4 apples each. He eats 2. How many apples are left?"


def derived(dialect: NativeDialect, question: str, problem: str, *steps: str) -> Derivation:
    derivation = Derivation(dialect, read(question))
    derivation.set_plan(PlanData(problem, len(steps)))
    for step in steps:
        derivation.add(Thought("step", step))
    derivation.add(Thought("answer", f"n{derivation.next_slot - 1}"))
    return derivation


@pytest.mark.parametrize(
    ("problem", "steps", "doubted"),
    [
        ("story", ("n0 * n1", "n3 - n2"), False),
        ("story", ("n1 * n2", "n0 - n3"), True),
        ("story", ("n1 / n0",), True),
        ("story", ("n0 / n1",), False),
        ("arithmetic", ("n0 - n1",), False),
        ("equation", ("n1 / n0",), False),
    ],
)
def test_a_story_has_no_negative_values_and_no_endless_decimals(
    dialect: NativeDialect, problem: str, steps: tuple[str, ...], doubted: bool
) -> None:
    assert (doubt(derived(dialect, APPLES, problem, *steps)) is not None) == doubted


async def test_a_derivation_that_cannot_be_true_is_outvoted_by_fewer_that_can(
    speaking: Callable[..., ScriptedEngine], dialect: NativeDialect, store: Store
) -> None:
    wrong = ["story 2", "step n1 * n2", "step n1 * (n0 - n3)", "answer n4"]
    right = ["story 2", "step n0 * n1", "step n3 - n2", "answer n4"]
    engine = speaking(APPLES, wrong, sampled=[wrong, right], reworded=wrong, check=1.0)
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    finished = await (await runtime.start(RunRequest(question=APPLES))).result()
    await runtime.close()
    assert finished.answer == "10"
    assert finished.verdict != "verified"
