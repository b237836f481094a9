"""The loop of a beam search, whatever a state is: level by level, until what is finished is at least as good as what
is open.

Knows levels, ranks and when to end; never how a state is gone on from.
"""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from smysl_reasoning.calls import BudgetSpent
from smysl_reasoning.modules.base import Derived, Settings
from smysl_reasoning.workbench import Workbench

S = TypeVar("S")
Rank = tuple[bool, float]
"""The greater the better."""


class Beam(ABC, Generic[S]):
    """One search. `open` are the states that are gone on from, `finished` those with an answer, best first."""

    def __init__(self, bench: Workbench, settings: Settings, start: S) -> None:
        self.bench = bench
        self.width = int(settings["width"])
        self.beam = int(settings["beam"])
        self.depth = int(settings["depth"])
        self.open = [start]
        self.finished: list[S] = []

    @abstractmethod
    async def grow(self, level: int) -> None:
        """Continue every open state by one thought."""

    @abstractmethod
    def rank(self, state: S) -> Rank: ...

    @abstractmethod
    def derived(self, state: S) -> Derived: ...

    async def run(self) -> list[Derived]:
        """The finished states, best first; the open ones where none is."""
        try:
            for level in range(self.depth):
                if not self.open or self._decided():
                    break
                await self.grow(level)
                if self.finished:
                    self.bench.found(self.derived(self.finished[0]))
        except BudgetSpent:
            # what is finished is an answer all the same
            if not self.finished:
                raise
        return [self.derived(state) for state in (self.finished or self.open)[: self.beam]]

    def _decided(self) -> bool:
        """`beam` finished states are at least as good as all that are open."""
        if len(self.finished) < self.beam:
            return False
        worst = self.rank(self.finished[self.beam - 1])
        return all(self.rank(state) <= worst for state in self.open)
