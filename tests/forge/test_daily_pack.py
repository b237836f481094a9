"""The pack of daily life: what its scenes tell, and the way of speaking they share."""

import re
from collections.abc import Iterator
from fractions import Fraction
from random import Random

import pytest

from smysl_forge.families import families
from smysl_forge.lexicon import NAMES
from smysl_forge.problem import Problem
from smysl_forge.scenes import pastimes, spending
from smysl_forge.scenes.cast import Who
from smysl_forge.scenes.daily import SCENES
from smysl_forge.scenes.idiom import Talk, conjugate, expand
from smysl_forge.story import Retry, Scene, Story, tell
from smysl_reasoning.compute import evaluate
from smysl_reasoning.quantities import find, slotted

MONEY = set(spending.SCENES) | {"fuel", "party", "vehicles", "hall"}

DISTRACTING = {"rain"}
"""Scenes that tell of three days and may ask for two of them."""


def draws(name: str, scene: Scene, count: int) -> Iterator[Problem]:
    for seed in range(count):
        yield tell(scene, Random(f"{name} {seed}"), "daily")


def test_there_are_many_scenes_and_the_family_is_registered() -> None:
    assert len(SCENES) >= 45
    assert families()["daily"].share > 1
    assert families()["daily"].draw(3).family == "daily"


@pytest.mark.parametrize("name", SCENES)
def test_every_scene_tells_sensible_values_that_its_steps_reach(name: str) -> None:
    for problem in draws(name, SCENES[name][1], 60):
        values = [quantity.value for quantity in find(problem.question)]
        for thought in problem.thoughts[:-1]:
            values.append(evaluate(thought.text, values))
            assert values[-1].amount >= 0, problem
        answer = Fraction(problem.answer)
        assert answer >= 0 and (answer * 100).denominator == 1, problem
        assert name in MONEY or answer.denominator == 1, problem
        assert 1 <= len(problem.thoughts) - 1 <= 6, problem


@pytest.mark.parametrize("name", SCENES)
def test_every_given_number_of_a_scene_is_needed_for_the_answer(name: str) -> None:
    told = 0
    for seed in range(60):
        story = Story(Random(f"{name} {seed}"))
        try:
            SCENES[name][1](story)
        except (Retry, ZeroDivisionError):
            continue
        assert story.answer is not None
        used = " ".join(step.expression for step in story.steps) + story.answer.expression
        text = " ".join([*story.sentences, story.question])
        for amount in story.given:
            needed = re.search(rf"\b{amount.expression}\b", used) is not None
            assert needed or name in DISTRACTING, (amount.expression, text)
            assert text.count(f"\ue000{amount.expression[1:]}\ue001") == 1, text
        told += 1
    assert told >= 10


@pytest.mark.parametrize("name", SCENES)
def test_sentences_have_no_leftovers_of_their_templates(name: str) -> None:
    odd = r"[{}\[\]|()\ue000]|\ba [aeio]\w+|\bI (is|was not are|has|are)\b| [,.;?]|\bthey (is|was|has)\b|\.\.(?!\.)"
    for problem in draws(name, SCENES[name][1], 60):
        text = problem.question.replace("...", "")
        hit = re.search(odd, text)
        assert hit is None or re.match(r"a (one|euro|ukulele)", hit[0]), problem
        assert not re.search(r"\b(\w+) \1\b", text.replace("that that", "")), problem


def test_no_two_of_many_draws_read_the_same() -> None:
    questions = [families()["daily"].draw(seed).question for seed in range(400)]
    assert len(set(questions)) == len(questions)
    names = re.compile(r"\b(" + "|".join(NAMES) + r")\b")
    skeletons = {names.sub("X", slotted(text, find(text))) for text in questions}
    assert len(skeletons) >= 398


@pytest.mark.parametrize("name", SCENES)
def test_one_scene_asks_and_tells_in_many_ways(name: str) -> None:
    texts = {problem.question for problem in draws(name, SCENES[name][1], 60)}
    assert len(texts) >= 59


def test_a_growing_thing_is_its_start_plus_what_it_gains() -> None:
    form = re.compile(
        r"(\d+) (kg|cm)\b.*?(grows|grew|puts on|put on) (\d+) (kg|cm)\b.*? after (\d+)"
    )
    checked = 0
    for problem in draws("growth", pastimes.SCENES["growth"][1], 200):
        found = form.search(problem.question)
        if found and len(find(problem.question)) == 3:
            assert int(problem.answer) == int(found[1]) + int(found[4]) * int(found[6]), problem
            checked += 1
    assert checked >= 10


def test_tickets_cost_what_every_visitor_pays() -> None:
    adults = r"(?:adults|grown-ups)"
    form = re.compile(
        rf"(?<![\d.])(\d+) (?:\w+ )?for {adults}, \D{{0,3}}(?<![\d.])(\d+) (?:\w+ )?for \w+\. "
        rf".*?(\d+) {adults} and (\d+) "
    )
    checked = 0
    for problem in draws("tickets", spending.SCENES["tickets"][1], 600):
        found = form.search(problem.question)
        if found and len(find(problem.question)) == 4:
            big, small, bigs, smalls = (int(number) for number in found.groups())
            assert int(problem.answer) == big * bigs + small * smalls, problem
            checked += 1
    assert checked >= 5


def test_choices_are_made_from_the_inside_out() -> None:
    seen = {expand(Random(seed), "a (b|(c|d) e) f(|!)") for seed in range(60)}
    assert seen == {"a b f", "a c e f", "a d e f", "a b f!", "a c e f!", "a d e f!"}


def test_verbs_agree_with_their_subject() -> None:
    assert conjugate("be", "I", False) == "am" and conjugate("be", "they", True) == "were"
    assert (
        conjugate("carry", "Tom", False) == "carries"
        and conjugate("carry", "Tom", True) == "carried"
    )
    assert (
        conjugate("drop", "we", True) == "dropped"
        and conjugate("collect", "she", True) == "collected"
    )
    assert conjugate("play", "she", True) == "played" and conjugate("give", "you", True) == "gave"


def test_a_hero_is_named_before_a_pronoun_stands_for_them() -> None:
    for seed in range(40):
        talk = Talk(Story(Random(seed)), Who("Tom", "Tom", "he", "him", "his"), past=False)
        talk.fact("{S} [have] a hat")
        talk.fact("{S} [be] glad")
        first, second = talk.clauses
        assert first == "Tom has a hat"
        assert second in ("he is glad", "Tom is glad")
        assert talk.render("how many {do} {S} want?") in (
            "how many does he want?",
            "how many does Tom want?",
        )
