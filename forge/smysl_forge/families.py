"""The register of families: a name, a drawer of problems by seed, and its share of the training mix.

Knows which families exist; nothing of how any of them is made. Seeds below `HELD_OUT` train, the rest evaluate.
"""

import functools
import importlib
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from smysl_forge import gym
from smysl_forge.problem import BadTrace, Problem
from smysl_forge.story import Scene, tell

HELD_OUT = 1_000_000_000
"""Training seeds stay below; evaluation seeds start here."""
SCENE_MODULES = (
    "things", "everyday", "missing", "settings", "sharing", "comparing", "money", "rates", "percent",
    "ages", "parts", "shapes", "plain", "forms", "daily", "sheets",
)  # fmt: skip


class Family(NamedTuple):
    """One kind of problem."""

    name: str
    share: float
    """Weight in the training mix before the curriculum moves it."""
    draw: Callable[[int], Problem]
    """The problem of a seed. Raises `BadTrace` when its derivation cannot be verified."""


@functools.cache
def _pack(module: str) -> tuple[list[Scene], list[float]]:
    scenes: dict[str, tuple[float, Scene]] = importlib.import_module(
        f"smysl_forge.scenes.{module}"
    ).SCENES
    return [scene for _, scene in scenes.values()], [weight for weight, _ in scenes.values()]


def _scenes(module: str, seed: int) -> Problem:
    scenes, weights = _pack(module)
    rng = Random(f"{module} {seed}")
    return tell(rng.choices(scenes, weights)[0], rng, module)


def _clock(seed: int) -> Problem:
    from smysl_forge.scenes.clock import CLOCK

    rng = Random(f"clock {seed}")
    names = list(CLOCK)
    return CLOCK[rng.choices(names, [CLOCK[name][0] for name in names])[0]][1](rng)._replace(
        family="clock"
    )


def _outside(seed: int) -> Problem:
    from smysl_forge.outside import outside

    return outside(Random(f"outside {seed}"))._replace(family="outside")


@functools.cache
def families() -> dict[str, Family]:
    """All families by name."""
    found = [
        Family("gsm_symbolic", 3.5, gym.gsm_symbolic),
        *(
            Family(name, share, functools.partial(gym.expression_family, name))
            for name, share in (("chain_sum", 0.6), ("basic_arithmetic", 1.2), ("products", 0.2))
        ),
        Family("leg_counting", 0.5, gym.leg_counting),
        Family("simple_equations", 0.4, gym.simple_equations),
        Family("gcd", 0.2, functools.partial(gym.numbers_family, "gcd", "gcd")),
        Family("lcm", 0.2, functools.partial(gym.numbers_family, "lcm", "lcm")),
        Family("number_sequence", 0.3, gym.number_sequence),
        Family("syllogism", 0.8, gym.syllogism),
        Family("family_relationships", 2.5, gym.family_relationships),
        Family("time_intervals", 0.2, gym.time_intervals),
        *(
            Family(module, SHARES.get(module, 1.5), functools.partial(_scenes, module))
            for module in SCENE_MODULES
        ),
        Family("clock", 0.6, _clock),
        Family("outside", 6.0, _outside),
    ]
    return {family.name: family for family in found}


SHARES = {
    "things": 2.0,
    "sharing": 1.6,
    "comparing": 1.8,
    "money": 2.0,
    "rates": 1.8,
    "plain": 1.8,
    "shapes": 1.0,
    "forms": 5.0,
    "daily": 5.0,
    "sheets": 25.0,
}


def problems(family: Family, start: int, count: int) -> Iterator[Problem]:
    """The first `count` verifiable problems of `family` from seed `start` on."""
    seed = start
    while count:
        try:
            problem = family.draw(seed)
        except BadTrace:
            seed += 1
            continue
        yield problem
        seed += 1
        count -= 1
