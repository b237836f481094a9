"""Every family's derivations lead to the generator's answer, by evaluation."""

from fractions import Fraction
from random import Random

import pytest
from reasoning_gym.cognition.number_sequences import Operation

from smysl_forge import gym
from smysl_forge.corrupt import slip
from smysl_forge.examples import reworded
from smysl_forge.families import HELD_OUT, families, problems
from smysl_forge.problem import BadTrace, Problem, checked, conclude
from smysl_forge.worked import forms, readings, thoughts
from smysl_reasoning.dialects.native import Thought, read

NAMES = sorted(families())


@pytest.mark.parametrize("name", NAMES)
def test_every_derivation_evaluates_to_the_stated_answer(name: str) -> None:
    for problem in problems(families()[name], HELD_OUT + 7, 25):
        if problem.problem == "outside":
            assert problem.thoughts == () and problem.answer == ""
        else:
            assert conclude(read(problem.question).slots, problem.thoughts) == problem.answer
            assert problem.thoughts[-1].kind == "answer"
            assert all(thought.kind != "answer" for thought in problem.thoughts[:-1])


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_names_one_problem_for_ever(name: str) -> None:
    family = families()[name]
    first = next(problems(family, 12345, 1))
    assert first == next(problems(family, 12345, 1))


@pytest.mark.parametrize("name", NAMES)
def test_moving_the_question_to_the_front_keeps_the_answer(name: str) -> None:
    for problem in problems(families()[name], 99, 15):
        moved = reworded(problem)
        assert moved.answer == problem.answer
        if problem.thoughts:
            assert conclude(read(moved.question).slots, moved.thoughts) == problem.answer


@pytest.mark.parametrize("name", [name for name in NAMES if name != "outside"])
def test_a_slip_never_gives_the_right_answer(name: str) -> None:
    rng = Random(3)
    for problem in problems(families()[name], 500, 15):
        slots = read(problem.question).slots
        wrong = slip(rng, problem.problem, slots, problem.thoughts, problem.answer)
        if wrong is not None:
            assert conclude(slots, wrong) != problem.answer


def test_most_gsm_symbolic_instances_get_a_derivation() -> None:
    total, found = 300, 0
    for seed in range(total):
        try:
            gym.gsm_symbolic(HELD_OUT + seed)
            found += 1
        except BadTrace:
            continue
    assert found >= 0.9 * total


def test_a_trace_with_a_wrong_result_is_refused() -> None:
    problem = Problem(
        "x", "story", "Tom has 3 and 4.", (Thought("step", "n0 + n1"), Thought("answer", "n2")), "8"
    )
    with pytest.raises(BadTrace, match="gives 7, the generator says 8"):
        checked(problem)


def test_a_worked_solution_becomes_steps_over_slots() -> None:
    question = "In a class of 50 students 20% play chess. How many do not?"
    solution = "20% of 50 is 0.2*50 = 10 students\nso 50 - 10 = 40 students do not\n#### 40"
    found = readings(question, solution, Fraction(40))
    assert found[0].steps == ("n1 / 100 * n0", "n0 - n2")
    assert found[0].answer == "n3"


def test_an_ambiguous_number_is_read_as_in_the_other_instances() -> None:
    def instance(a: int, b: int) -> tuple[str, str, Fraction]:
        total = a + b
        return (
            f"Ann has {a} apples and {b} pears. Each weighs {a} grams. How many fruits?",
            f"She has {a} + {b} = {total} fruits\n#### {total}",
            Fraction(total),
        )

    pool = [readings(*instance(a, a + 3)) for a in range(11, 40)]
    known = forms(pool)
    assert thoughts(readings(*instance(13, 13)), known) == (
        Thought("step", "n0 + n1"),
        Thought("answer", "n3"),
    ) or (thoughts(readings(*instance(13, 13)), known)[0].text in {form.steps[0] for form in known})


def test_kinship_paths_follow_the_story() -> None:
    problem = next(problems(families()["family_relationships"], 4, 1))
    names = set(problem.question.lower().replace(".", " ").replace(",", " ").split())
    for thought in problem.thoughts[:-1]:
        first, *_, last = thought.text.split()
        assert {first, last} <= names


def test_an_exploding_sequence_rule_is_given_up_at_once() -> None:
    rule = gym.BoundedRule([Operation.SQUARE] * 3, [0, 0, 0])
    assert rule.apply([2], 0) == 256
    with pytest.raises(OverflowError, match="more than 30 digits"):
        rule.apply([10**9], 0)
