"""Scenes of money, rates, percent and clock times: every one makes answerable, verified problems."""

import re
from fractions import Fraction
from random import Random

import pytest

from smysl_forge.lexicon import NAMES
from smysl_forge.problem import conclude
from smysl_forge.scenes.clock import CLOCK
from smysl_forge.scenes.measures import SCENES as MEASURES
from smysl_forge.scenes.money import SCENES as MONEY
from smysl_forge.scenes.percent import SCENES as PERCENT
from smysl_forge.scenes.plans import SCENES as PLANS
from smysl_forge.scenes.purse import SCENES as PURSE
from smysl_forge.scenes.rates import SCENES as RATES
from smysl_forge.scenes.work import SCENES as WORK
from smysl_forge.story import Scene, tell
from smysl_reasoning.dialects.native import read
from smysl_reasoning.quantities import find, slotted

PACK: dict[str, tuple[float, Scene]] = {
    **MONEY,
    **PURSE,
    **PLANS,
    **PERCENT,
    **RATES,
    **MEASURES,
    **WORK,
}
NAME = re.compile(r"\b(" + "|".join(NAMES) + r")\b")
MARKS = re.compile(
    r"[{}\[\]\ue000-\ue002]|  | \.|\.\.|\b[Aa] [aeio]\w|\ban [bcdfgjklmnpqrtvwxyz]\w"
)


def skeleton(question: str) -> str:
    """The question without its numbers and names."""
    return NAME.sub("*", re.sub(r"<n\d+>", "#", slotted(question, find(question))))


def clean(question: str) -> bool:
    """No leftovers of a template: braces, doubled spaces or stops, `a` before a vowel."""
    return not MARKS.search(re.sub(r"\b[Aa] (one|euro|USB|uku)", "the x", question))


@pytest.mark.parametrize("family", PACK)
def test_a_scene_never_fails_and_its_answers_are_finite_and_its_text_is_clean(family: str) -> None:
    for seed in range(200):
        problem = tell(PACK[family][1], Random(seed), family)
        assert re.fullmatch(r"\d+(\.\d{1,6})?", problem.answer), problem
        assert clean(problem.question), problem.question


def test_a_pack_speaks_in_many_ways() -> None:
    rng = Random(7)
    families, weights = list(PACK), [weight for weight, _ in PACK.values()]
    seen = {
        skeleton(tell(PACK[family][1], rng, family).question)
        for family in rng.choices(families, weights, k=500)
    }
    assert len(seen) >= 490


@pytest.mark.parametrize("family", CLOCK)
def test_a_clock_problem_ends_in_a_time_or_a_whole_number_of_quarter_hours_or_minutes(
    family: str,
) -> None:
    for seed in range(200):
        problem = CLOCK[family][1](Random(seed))
        assert problem.problem == "time"
        assert re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|\d+(\.5)?", problem.answer), problem
        assert clean(problem.question), problem.question
        assert conclude(read(problem.question).slots, problem.thoughts) == problem.answer


def test_a_night_is_counted_across_midnight() -> None:
    for seed in range(300):
        problem = CLOCK["clock_elapsed"][1](Random(seed))
        if "next" in problem.question and "minutes" in problem.question:
            start, end = [q.value.amount for q in find(problem.question) if q.value.unit == "clock"]
            assert Fraction(problem.answer) == (end - start + 86400) / 60
            return
    raise AssertionError("no seed made a night")
