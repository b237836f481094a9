"""The field: what falls into a question, how strongly, and on which way it was reached.

Spreading activation (Collins and Loftus, "A Spreading-Activation Theory of Semantic Processing", 1975; Anderson, "A
Spreading Activation Theory of Memory", 1983). Pure: numbers in, numbers out; never a store, a clock or a text.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

DAMPING = 0.5
"""What is left after each link, at a weight of 1."""
HOPS = 3
"""Most links of a way."""
FLOOR = 0.03
"""Below this strength nothing falls."""
FAINT = 0.01
"""What has become weaker than this on its way reaches nothing more."""


class Body(NamedTuple):
    """A memory as the field sees it."""

    mass: float
    """0..1"""
    nearness: float
    """0..1, of its own words to the question's."""
    pinned: bool = False
    muted: bool = False
    fan: int = 0
    """How many links it has, also those that are cut or lead to what is muted: taking one away makes the others no
    stronger."""


class Tie(NamedTuple):
    """A link that is not cut. It has no direction."""

    a: str
    b: str
    weight: float
    """0..1"""


class Step(NamedTuple):
    """One memory of a way, and the weight of what leads to it: of the first one its nearness."""

    memory: str
    weight: float


class Fall(NamedTuple):
    """A memory that falls."""

    memory: str
    strength: float
    """Mass times reach; 1 for a pinned one."""
    reach: float
    """0..1: what comes together at it."""
    path: tuple[Step, ...]
    """The strongest way, from the memory whose words it began with to itself."""
    share: float
    """0..1: what that way alone brings to it, mass included: never more than the strength."""


def falling(bodies: Mapping[str, Body], ties: Iterable[Tie], *, floor: float = FLOOR) -> list[Fall]:
    """What falls, the pinned first, then the strongest; of equals the older id.

    From each memory that has something of the question's words its nearness goes out over the links, times weight and
    damping, and divided among the links of where it passes. Of the ways from one memory to another the strongest
    counts; what comes to a memory from several, its own nearness with it, is put together as independent evidence, 1 -
    product of (1 - each). A muted memory neither falls nor passes anything on. Ties to what is not among `bodies` lead
    nowhere.
    """
    roads = _roads(bodies, ties)
    missed = {id: 1 - one.nearness for id, one in bodies.items()}
    best: dict[str, _Way] = {
        id: (one.nearness, (Step(id, one.nearness),))
        for id, one in bodies.items()
        if one.nearness > 0
    }
    for start in sorted(bodies):
        one = bodies[start]
        if one.muted or one.nearness <= FAINT:
            continue
        for id, (share, path) in _ways(start, one.nearness, roads).items():
            missed[id] *= 1 - share
            if id not in best or (-share, path) < (-best[id][0], best[id][1]):
                best[id] = share, path
    found = []
    for id, one in bodies.items():
        if one.muted:
            continue
        reach = 1 - missed[id]
        strength = 1.0 if one.pinned else one.mass * reach
        share, path = best.get(id, (0.0, (Step(id, 1.0),)))
        if one.pinned or (strength >= floor and reach > 0):
            found.append(Fall(id, strength, reach, path, min(strength, one.mass * share)))
    return sorted(
        found, key=lambda fall: (not bodies[fall.memory].pinned, -fall.strength, fall.memory)
    )


_Way = tuple[float, tuple[Step, ...]]
"""What is brought along it, and the memories on it."""
_Roads = Mapping[str, list[tuple[str, float, float]]]
"""Where one can go from a memory: there, what is left of what goes, the link's weight."""


def _roads(bodies: Mapping[str, Body], ties: Iterable[Tie]) -> _Roads:
    roads: dict[str, dict[str, tuple[float, float]]] = {}
    for tie in ties:
        for here, there in ((tie.a, tie.b), (tie.b, tie.a)):
            if here == there or here not in bodies or there not in bodies:
                continue
            if bodies[here].muted or bodies[there].muted:
                continue
            left = passed(tie.weight, bodies[here].fan)
            roads.setdefault(here, {})[there] = left, tie.weight
    return {
        here: sorted((there, *left) for there, left in those.items())
        for here, those in roads.items()
    }


def passed(weight: float, fan: int) -> float:
    """What is left of what goes along a link from a memory that has so many: divided among them as in ACT-R, by the
    logarithm of their number."""
    return DAMPING * weight / (1 + math.log(max(1, fan)))


def _ways(start: str, nearness: float, roads: _Roads) -> dict[str, _Way]:
    """From one memory to others: what its nearness brings there on the strongest way, and that way."""
    found: dict[str, _Way] = {start: (nearness, (Step(start, nearness),))}
    edge = dict(found)
    for _ in range(HOPS):
        beyond: dict[str, _Way] = {}
        for here in sorted(edge):
            share, path = edge[here]
            for there, left, weight in roads.get(here, ()):
                there_share = share * left
                if there_share < FAINT:
                    continue
                way = there_share, (*path, Step(there, weight))
                known = beyond.get(there) or found.get(there)
                if known is None or (-way[0], way[1]) < (-known[0], known[1]):
                    beyond[there] = way
        found.update(beyond)
        edge = beyond
    del found[start]
    return found
