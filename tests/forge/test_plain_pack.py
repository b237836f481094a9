"""The pack of ages, parts, shapes and plain number questions, and what lies outside."""

import importlib
import re
from fractions import Fraction
from random import Random

import pytest

from smysl_forge.lexicon import NAMES
from smysl_forge.outside import outside
from smysl_forge.outside_stories import lost, silent, used, vague
from smysl_forge.outside_templates import TEMPLATES, UNANSWERABLE
from smysl_forge.problem import Problem
from smysl_forge.scenes import arithmetic, equations, figures, lifetimes, plain, sequences, shares
from smysl_forge.story import Scene, Story, tell
from smysl_reasoning.dialects.native import Thought
from smysl_reasoning.quantities import find, slotted

MODULES = ("ages", "parts", "shapes", "plain")
SCENES: list[tuple[str, str, Scene]] = [
    (module, name, scene)
    for module in MODULES
    for name, (_, scene) in importlib.import_module(f"smysl_forge.scenes.{module}").SCENES.items()
]
KIND = {"plain": {"arithmetic", "factors", "equation", "sequence", "story"}}


@pytest.mark.parametrize(("module", "name", "scene"), SCENES, ids=lambda value: str(value)[:20])
def test_every_scene_tells_a_problem_that_its_steps_solve(
    module: str, name: str, scene: Scene
) -> None:
    for seed in range(200):
        problem = tell(scene, Random(f"{name} {seed}"), module)
        assert problem.problem in KIND.get(module, {"story", "equation", "arithmetic"})
        assert not re.search(r"[{}\ue000-\ue002]|\ba area", problem.question), problem
        assert problem.question.count("  ") == 0
        assert 1 <= len(problem.thoughts) <= 11
        if module in ("ages", "parts", "shapes"):
            value = Fraction(problem.answer)
            assert value >= 0 and (value * 1000).denominator == 1, problem


def test_one_pack_asks_in_many_ways() -> None:
    rng = Random(5)
    names = re.compile(r"\b(" + "|".join(NAMES) + r")\b")
    for module in MODULES:
        scenes = importlib.import_module(f"smysl_forge.scenes.{module}").SCENES
        skeletons = set()
        for _ in range(500):
            scene = rng.choice([scene for _, scene in scenes.values()])
            question = tell(scene, rng, module).question
            skeletons.add(names.sub("X", slotted(question, find(question))))
        assert len(skeletons) > 400, (module, len(skeletons))


def test_plain_pack_holds_arithmetic_equations_and_sequences() -> None:
    held = {*arithmetic.SCENES, *equations.SCENES, *sequences.SCENES}
    assert held < set(plain.SCENES)


def test_signs_are_worked_innermost_and_leftmost_first() -> None:
    story = Story(Random(1))
    a, b, c, d = (story.quantity(value) for value in (2, 3, 4, 5))
    result = arithmetic.reduced(story, [a, "*", "(", b, "+", c, ")", "-", d])
    assert [step.expression for step in story.steps] == ["(g1 + g2)", "(g0 * s0)", "(s1 - g3)"]
    assert result.value == 9


def test_a_word_numerator_is_a_slot_and_its_denominator_a_literal() -> None:
    for seed in range(400):
        problem = tell(shares.of_group, Random(seed), "parts")
        if "two thirds" in problem.question.lower():
            assert any(
                re.fullmatch(r"n\d \* n\d / 3", thought.text) for thought in problem.thoughts
            )
            return
    raise AssertionError("two thirds never came up")


def test_negative_terms_keep_their_sign_in_the_step() -> None:
    for seed in range(50):
        problem = tell(sequences.below_zero, Random(seed), "sequences")
        if problem.question.count("-") and ", " in problem.question:
            assert "-n" in problem.thoughts[0].text


def test_shapes_and_ages_never_ask_for_the_impossible() -> None:
    for seed in range(300):
        assert Fraction(tell(figures.triangle, Random(seed), "shapes").answer) > 0
        assert 0 < Fraction(tell(lifetimes.shift, Random(seed), "ages").answer) <= 125


def test_what_lies_outside_has_no_derivation_and_many_forms() -> None:
    assert len(set(TEMPLATES)) > 400 and len(set(UNANSWERABLE)) > 90
    seen = set()
    for seed in range(600):
        problem = outside(Random(seed))
        assert problem.problem == "outside" and problem.thoughts == () and problem.answer == ""
        assert problem.question.strip() and "{" not in problem.question.replace("{}", "")
        seen.add(problem.question)
    assert len(seen) > 560


def test_a_story_is_spoilt_where_its_derivation_needs_it() -> None:
    problem = Problem(
        "things",
        "story",
        "Tom has 5 pens and 2 cats. He buys 3 pens. How many pens has he?",
        (Thought("step", "n0 + n2"), Thought("answer", "n3")),
        "8",
    )
    assert [quantity.value.amount for quantity in used(problem)] == [5, 3]
    for seed in range(20):
        told = vague(problem, Random(seed), "Tom")
        assert told is not None and "2 cats" in told and len(find(told)) == 2
        kept = lost(problem, Random(seed), "Tom")
        assert kept in (
            "He buys 3 pens. How many pens has he?",
            "Tom has 5 pens and 2 cats. How many pens has he?",
        )
    assert silent(problem, Random(1), "Tom") == "Tom has 5 pens and 2 cats. He buys 3 pens."
