"""What a walk that was cut off would answer: the likeliest of the derivations that it has finished.

Knows the values that steps give; never a store, an engine or why the walk ended.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from smysl_reasoning.modules.base import Chosen, Derived, Outcome

T = TypeVar("T")
UNKNOWN = 0.5
"""What a derivation counts for of which nothing says how likely it is to be right."""


class Early(NamedTuple):
    """The derivation to stand by, and how many there were."""

    winner: Derived | None
    finished: int


def early(values: Sequence[object], root: str) -> Early:
    """`values`: what steps have given, in the program's order. `root`: the node of the question.

    A choice that was made speaks for everything that it was made from. Of what is left each derivation counts for as
    much as it is likely to be right, and the answer that most speaks for is taken; the earlier one of equals. None
    where most find the question outside, or none reached an answer. What answers a part of the question says nothing
    of the whole.
    """
    derived = list({one.node.id: one for one in _derived(values) if _about(one, root)}.values())
    spoken_for = _spoken_for(values)
    pool = [one for one in derived if not spoken_for.get(one.node.id)]
    if sum(one.outside for one in pool) * 2 > len(pool):
        return Early(None, len(derived))
    answered = [one for one in pool if one.answer is not None]
    if held := [one for one in answered if one.held]:
        return Early(held[0], len(derived))
    # what cannot be true has no voice as long as others have
    answered = [one for one in answered if one.doubt is None] or answered
    sure = {one.derived.node.id: one.confidence for one in _of(values, Outcome) if one.derived}

    def weight(one: Derived) -> float:
        known = sure.get(one.node.id, one.confidence)
        return UNKNOWN if known is None else known

    weights: dict[str | None, float] = {}
    for one in answered:
        weights[one.answer] = weights.get(one.answer, 0.0) + weight(one)
    # `max` keeps the first of equals
    answer = max(weights, key=lambda answer: weights[answer], default=None)
    agreeing = [one for one in answered if one.answer == answer]
    return Early(max(agreeing, key=weight, default=None), len(derived))


def _derived(values: Sequence[object]) -> Iterable[Derived]:
    for value in values:
        if isinstance(value, Derived):
            yield value
        elif isinstance(value, Chosen) and value.winner is not None:
            yield value.winner


def _about(derived: Derived, root: str) -> bool:
    asked = [input.node.id for input in derived.told if input.role == "question"]
    return not asked or root in asked


def _spoken_for(values: Sequence[object]) -> dict[str, bool]:
    """Node of a derivation that a choice was made from -> whether the last such choice was of another one."""
    found: dict[str, bool] = {}
    for choice in _of(values, Chosen):
        winner = None if choice.winner is None else choice.winner.node.id
        if choice.node is not None:
            found |= {edge.node: edge.node != winner for edge in choice.node.inputs}
    return found


def _of(values: Sequence[object], kind: type[T]) -> list[T]:
    return [value for value in values if isinstance(value, kind)]
