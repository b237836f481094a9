"""The loop of a beam search, whatever a state is: level by level, until what is finished is at least as good as what
is open, or nothing open is worth going on with.

Knows levels, ranks and when to end; never how a state is gone on from.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

from smysl_reasoning.calls import BudgetSpent
from smysl_reasoning.hopeless import GIVEN_UP, least, outclassed
from smysl_reasoning.modules.base import Derived, Settings
from smysl_reasoning.thresholds import needed, shown
from smysl_reasoning.workbench import Workbench

S = TypeVar("S")
Rank = tuple[bool, float]
"""The greater the better."""


class Beam(ABC, Generic[S]):
    """One search. `open` are the states that are gone on from, `finished` those with an answer, best first, `given_up`
    those that would be open if they were not hopeless."""

    def __init__(self, bench: Workbench, settings: Settings, start: S) -> None:
        self.bench = bench
        self.width = int(settings["width"])
        self.beam = int(settings["beam"])
        self.depth = int(settings["depth"])
        self.least = least(float(settings["hopeless"]), bench.thresholds.hopeless_state)
        """Probability below which a state is hopeless; 0 where none is."""
        self.open = [start]
        self.finished: list[S] = []
        self.given_up: list[S] = []

    @abstractmethod
    async def grow(self, level: int) -> None:
        """Continue every open state by one thought."""

    @abstractmethod
    def rank(self, state: S) -> Rank: ...

    @abstractmethod
    def held(self, state: S) -> bool: ...

    @abstractmethod
    def derived(self, state: S) -> Derived: ...

    async def run(self) -> list[Derived]:
        """The finished states, best first; where none is and nothing is open, those given up. Raises `BudgetSpent`
        where the depth is spent before one is finished."""
        try:
            for level in range(self.depth):
                if not self.open or self._decided():
                    break
                await self.grow(level)
                if self.finished:
                    self.bench.found(self.derived(self.finished[0]))
            if self.open and not self.finished:
                raise self.bench.spent(f"{self.depth} thoughts")
        except BudgetSpent:
            # what is finished is an answer all the same
            if not self.finished:
                raise
        self.given_up.sort(key=self.rank, reverse=True)
        found = self.finished or self.given_up
        return [self.derived(state) for state in found[: self.beam]]

    def reason(self, state: S, wave: Sequence[S]) -> str:
        """Why an open state is not worth going on with, for its node; nothing where it is, or where a person holds what
        it rests on. `wave`: the states of its level, finished ones too."""
        if self.held(state):
            return ""
        (_, score), (_, best) = self.rank(state), max(map(self.rank, [*wave, *self.finished]))
        if not outclassed(score, best, self.least):
            return ""
        return f"{GIVEN_UP}the checker gives it {shown(score, self.least)} ({needed(self.least)})"

    def _decided(self) -> bool:
        """`beam` finished states are at least as good as all that are open."""
        if len(self.finished) < self.beam:
            return False
        worst = self.rank(self.finished[self.beam - 1])
        return all(self.rank(state) <= worst for state in self.open)
