"""The pack of things gained, shared and compared."""

import importlib
import re
from fractions import Fraction
from random import Random

import pytest

from smysl_forge.lexicon import NAMES
from smysl_forge.scenes import nouns
from smysl_forge.scenes.cast import Who, line
from smysl_forge.story import Scene, tell
from smysl_reasoning.quantities import find, slotted

MODULES = ("things", "everyday", "missing", "settings", "sharing", "comparing")
SCENES: list[tuple[str, str, Scene]] = [
    (module, name, scene)
    for module in MODULES
    for name, (_, scene) in importlib.import_module(f"smysl_forge.scenes.{module}").SCENES.items()
]


@pytest.mark.parametrize(("module", "name", "scene"), SCENES, ids=lambda value: str(value)[:20])
def test_every_scene_tells_whole_answers_that_its_steps_reach(
    module: str, name: str, scene: Scene
) -> None:
    for seed in range(200):
        problem = tell(scene, Random(f"{name} {seed}"), module)
        value = Fraction(problem.answer)
        assert value >= 0 and value.denominator == 1, problem
        odd = r"[{}\[\]|\ue000]|\ba [aeio]\w+ (has|had)\b"
        assert not re.search(odd, problem.question), problem
        assert 1 <= len(problem.thoughts) <= 9


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
        assert len(skeletons) > 450, module


def test_verbs_agree_with_the_subject_of_their_clause() -> None:
    me = Who("I", "I", "I", "me", "my")
    them = Who("Sam", "they", "they", "them", "their")
    rng = Random(1)
    form = "{S} [are|is|was] here, {S} [have|has|had] a cat"
    assert line(rng, me, form) == "I am here, I have a cat"
    assert line(rng, me, "{S} [are|is|was] here", "past") == "I was here"
    told = line(rng, them, "{S} [have|has|had] a cat. {S} [are|is|was] glad", "present", intro=True)
    assert told == "Sam has a cat. they are glad"
    assert line(rng, them, "what {do} {S} eat", "past", intro=True) == "what did Sam eat"


def test_nouns_hold_no_numbers_and_plurals_follow_the_rules() -> None:
    for category in nouns.THINGS.values():
        for singular, plural in category:
            assert not find(singular) and not find(plural)
    plurals = dict(nouns.FOOD + nouns.KITCHEN + nouns.FARM)
    assert plurals["cherry"] == "cherries" and plurals["sandwich"] == "sandwiches"
    assert plurals["knife"] == "knives" and plurals["sheep"] == "sheep"
    assert plurals["slice of pizza"] == "slices of pizza" and plurals["donkey"] == "donkeys"
    assert len({plural for category in nouns.THINGS.values() for _, plural in category}) > 300


def test_different_things_are_asked_for() -> None:
    chosen = nouns.things(Random(3), 4, "food")
    assert len({plural for _, plural in chosen}) == 4
    assert nouns.article("uncle") == "an uncle" and nouns.article("king") == "a king"
