"""How heavy a memory is: the chance that it is recalled, from how often and how lately it was used.

Base-level activation of ACT-R (Anderson and Schooler, "Reflections of the Environment in Memory", 1991): each use
leaves a trace that fades with a power of time, B = ln(sum of t^-d). Knows hours; never a clock, a store or a text.
"""

import math
from collections.abc import Sequence

DECAY = 0.5
"""d: the value that ACT-R takes for people."""
YOUNGEST_H = 24.0
"""A trace counts as this old at least: what was used several times within a day is not outweighed by the last hour, and
does not get lighter while the work goes on in which it was made."""
EXACT_USES = 10
"""Traces that are summed one by one, the youngest; older ones are taken as spread evenly (`activation`)."""
THRESHOLD = -2.9
SPREAD = 1.19
"""tau and s of `mass`, solved for two wishes: a memory just made has 0.75, and one that was made a year ago and never
used has 0.2, so that its own words still find it. One made a month ago and used every day since has 0.96."""


def activation(ages_h: Sequence[float], uses: int, oldest_h: float) -> float:
    """B of a memory that was used `uses` times, being made counted as the first.

    `ages_h`: hours since the youngest uses, in any order; all of them, or `EXACT_USES`. `oldest_h`: since it was made.
    The uses between them count as if spread evenly (Petrov, "Computationally efficient approximation of the base-level
    learning equation in ACT-R", 2006), which needs nothing but their number.
    """
    exact = sorted(max(age, YOUNGEST_H) for age in ages_h)[:EXACT_USES]
    total = sum(age**-DECAY for age in exact)
    more = uses - len(exact)
    if more > 0:
        start = exact[-1] if exact else YOUNGEST_H
        total += more * _mean(start, max(oldest_h, start))
    return math.log(total)


def _mean(start_h: float, end_h: float) -> float:
    """Of t^-d over the time between."""
    if end_h - start_h < 1e-6 * start_h:
        return float(start_h**-DECAY)
    power = 1 - DECAY
    return float((end_h**power - start_h**power) / (power * (end_h - start_h)))


def mass(ages_h: Sequence[float], uses: int, oldest_h: float, pinned: bool = False) -> float:
    """0..1: the probability of recall at this activation, 1 / (1 + exp((tau - B) / s)). What is pinned has 1."""
    if pinned:
        return 1.0
    return 1 / (1 + math.exp((THRESHOLD - activation(ages_h, uses, oldest_h)) / SPREAD))
