"""The pack organised by mathematical relation."""

import re
from collections.abc import Callable
from fractions import Fraction
from random import Random

import pytest

from smysl_forge.families import SCENE_MODULES, SHARES
from smysl_forge.lexicon import NAMES
from smysl_forge.problem import BadTrace, Problem
from smysl_forge.scenes.forms import SCENES
from smysl_forge.scenes.forms_voice import Voice
from smysl_forge.story import Scene, Story, tell
from smysl_reasoning.quantities import find, slotted

MONEY = ("priced", "percent_price", "percent_left")
ODD = re.compile(
    r"[{}\[\]<>|()\ue000]|\b(I|we|you|they) (has|is|was|gets|does)\b(?<!I was)| ,| \.|\.\.|\ba [aeio]\w+ (has|had)\b"
    r"|\bbes\b|\bhaves\b"
)


def drawn(name: str, scene: Scene, count: int) -> list[Problem]:
    found = []
    for seed in range(count):
        try:
            found.append(tell(scene, Random(f"{name} {seed}"), "forms"))
        except BadTrace:
            continue
    return found


@pytest.mark.parametrize(("name", "scene"), [(n, scene) for n, (_, scene) in SCENES.items()])
def test_a_relation_has_sensible_answers_that_use_its_numbers(name: str, scene: Scene) -> None:
    problems = drawn(name, scene, 50)
    assert len(problems) > 45
    for problem in problems:
        value = Fraction(problem.answer)
        assert value >= 0, problem
        if not name.endswith(MONEY):
            assert value.denominator == 1, problem
        assert not ODD.search(problem.question), problem
        slots = len(find(problem.question))
        used = {
            int(n) for thought in problem.thoughts for n in re.findall(r"\bn(\d+)", thought.text)
        }
        # a text may hold an aside, a number nobody asks about, "two numbers" or "one car"
        assert len(used & set(range(slots))) >= min(slots, 2) - 1 - (slots < 3), problem
        assert used, problem
        assert 1 <= len(problem.thoughts) <= 11


def test_texts_hardly_ever_repeat_even_without_their_names_and_numbers() -> None:
    names = re.compile(r"\b(" + "|".join(NAMES) + r")\b")
    rng = Random(7)
    scenes, weights = [scene for _, scene in SCENES.values()], [w for w, _ in SCENES.values()]
    skeletons = set()
    for seed in range(600):
        question = tell(rng.choices(scenes, weights)[0], Random(seed), "forms").question
        skeletons.add(names.sub("X", slotted(question, find(question))))
    assert len(skeletons) > 585
    assert len(SCENES) >= 45


def reads(pattern: str, problem: Problem) -> re.Match[str] | None:
    plain = [str(q.value) for q in find(problem.question)]
    return re.search(pattern, slotted(problem.question, find(problem.question))) if plain else None


LAWS: dict[str, tuple[str, Callable[[list[Fraction]], Fraction]]] = {
    "forms_multiplied": (r"", lambda n: n[0] * n[1]),
    "forms_gap": (r"", lambda n: abs(n[0] - n[1])),
    "forms_described": (r"<n0> more than <n1>\D*$", lambda n: n[0] + n[1]),
    "forms_change_unknown": (r"", lambda n: abs(n[0] - n[1])),
    "forms_left_over": (r"<n0>.*<n1>.*[Hh]ow many [\w ]+ are left over", lambda n: n[0] % n[1]),
    "forms_needed": (r"<n0>.*<n1>[^<]*$", lambda n: -(-n[0] // n[1]) * Fraction(1)),
    "forms_percent_of": (r"<n0>.*<n1>(?:%| per ?cent) .*[Hh]ow many are the rest", lambda n: n[0] - n[0] * n[1] / 100),
    "forms_rectangle": (r"<n0> \w+ long and <n1> .*area", lambda n: n[0] * n[1]),
    "forms_grouped": (r"<n0>.*(?:the same|equal).* <n1>|each[^<]*$", lambda n: max(n) / min(n)),
    "forms_evened": (r"<n0>.*<n1>.*(?:to be fair|To be fair)", lambda n: abs(n[0] - n[1]) / 2),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
def test_what_the_text_says_recomputed_from_its_numbers_alone_is_the_answer(name: str) -> None:
    pattern, law = LAWS[name]
    checked = 0
    for problem in drawn(name, SCENES[name][1], 150):
        numbers = [q.value.amount for q in find(problem.question)]
        if len(numbers) == 2 and reads(pattern, problem):
            assert law(numbers) == Fraction(problem.answer), problem
            checked += 1
    assert checked, name


def test_the_hero_is_named_before_any_pronoun() -> None:
    for seed in range(200):
        s = Story(Random(seed))
        v = Voice(s)
        told = v.text("{he} [have] a hat, and {his} hat is red")
        start = v.hero.who
        assert told.startswith(start), told


def test_choices_nest_and_verbs_agree() -> None:
    s = Story(Random(3))
    v = Voice(s, tense="past")
    assert v.expand("(a|a)(b(c|c)|bc)") == "abc"
    assert v.text("<have> <steal> <be> {do} {are}") == "had stole was did were"


def test_the_pack_is_in_the_training_mix() -> None:
    assert "forms" in SCENE_MODULES and SHARES["forms"] > 1
