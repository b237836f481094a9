"""Walks a flat program: each step starts when what it waits for is there, branches run side by side.

Knows steps, wires and conditions; never what a module does, a store or an engine.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from smysl_reasoning.calls import BudgetSpent, WouldCall
from smysl_reasoning.conditions import Reference, Scalar
from smysl_reasoning.errors import TakenOut
from smysl_reasoning.flat import Flat, FlatStep
from smysl_reasoning.modules.base import Derived, Inputs, Module
from smysl_reasoning.modules.together import first_leaf
from smysl_reasoning.program import BEFORE
from smysl_reasoning.workbench import Workbench

COUNT = "count"
"""The field of a list; of one that was passed over it is 0."""


class Benches(Protocol):
    """Where a step's workbench comes from."""

    def __call__(self, step: FlatStep, name: str, branch: int) -> Workbench: ...


class Executor:
    """One walk through a program. `results` holds what has been reached, also after a walk that was
    stopped."""

    def __init__(
        self,
        program: Flat,
        inputs: Mapping[str, Sequence[object]],
        bench: Benches,
        prefix: str = "",
    ) -> None:
        """`prefix`: of the steps' names, where the program is itself an item's part of another."""
        self._program = program
        self._bench = bench
        self._prefix = prefix
        self._done: dict[str, asyncio.Event] = {
            step.name: asyncio.Event() for step in program.steps
        }
        self.unknown: set[str] = set()
        """Steps that cannot be told without a call (`WouldCall`), and those that need them."""
        self.passed: set[str] = set()
        """Steps that were passed over: `when` did not hold, or what they need was passed over."""
        self.spent: dict[str, str] = {}
        """Steps whose own budget ran out -> the message."""
        self.results: dict[str, list[object]] = {name: list(inputs[name]) for name in inputs}
        """Step -> its value, or those of its branches that are there."""

    async def run(self) -> object | None:
        """What the last step gives, None in a preview that cannot tell. Raises what a module raised
        first; the other steps are then cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for step in self._program.steps:
                    group.create_task(self._step(step))
        except BaseExceptionGroup as errors:
            raise first_leaf(errors) from None
        if self._hidden(self._program.last):
            return None
        values = self._values(self._program.last)
        if not values and self.spent:
            # of a part: what this is an item of goes on
            raise BudgetSpent("; ".join(self.spent.values()), next(iter(self.spent)))
        if not values:
            raise TakenOut("what the program answers with was taken out; `smysl undo` that")
        return values[0]

    async def _step(self, step: FlatStep) -> None:
        for name in step.sources:
            for end in self._program.resolved(name):
                if end in self._done:
                    await self._done[end].wait()
        if any(self._hidden(name) for name in step.sources):
            self.unknown.add(step.name)
        elif not self._wanted(step):
            self.passed.add(step.name)
        else:
            await self._body(step)
        self._done[step.name].set()

    def _wanted(self, step: FlatStep) -> bool:
        """Whether its conditions hold and what it needs is there. Raises `TakenOut` where a person took out what it
        needs."""
        asked = [reference for one in step.when for reference in one.references()]
        if any(self._gone(one.step) for one in asked if one.field != COUNT):
            return False  # what was passed over decides nothing
        if not all(condition.holds(self._field, {}) for condition in step.when):
            return False
        if step.foreach is not None and not self._values(step.foreach):
            return not self._gone(step.foreach)
        if not isinstance(step.body, Module):
            return all(self._values(name) for given in step.inputs.values() for name in given)
        for port, wanted in step.body.inputs.items():
            names = step.inputs.get(port, ())
            if any(map(self._values, names)) or wanted.optional or port == step.port:
                continue
            if names and all(map(self._gone, names)):
                return False
            if not wanted.many:
                raise TakenOut(
                    f"step {step.name!r} needs a {wanted.type} that a person took out; "
                    "`smysl undo` that"
                )
        return True

    def _gone(self, name: str) -> bool:
        """It was passed over, or its budget ran out."""
        ends = self._program.resolved(name)
        ended = self.passed | self.spent.keys()
        return all(end in ended and not self.results.get(end) for end in ends)

    def _hidden(self, name: str) -> bool:
        """Its value cannot be told without a call."""
        for end in self._program.resolved(name):
            if end in self.unknown:
                return True
            if self.results.get(end):
                return False
        return False

    def _values(self, name: str) -> list[object]:
        for end in self._program.resolved(name):
            if found := self.results.get(end):
                return found
        return []

    def _field(self, reference: Reference) -> Scalar:
        values = self._values(reference.step)
        if reference.field == COUNT:
            return len(values)
        value = getattr(values[0], reference.field) if values else None
        assert value is None or isinstance(value, bool | int | float | str)
        return value

    async def _body(self, step: FlatStep) -> None:
        given = {
            port: [value for name in names for value in self._values(name)]
            for port, names in step.inputs.items()
        }
        if step.foreach is not None:
            await self._items(step, given, self._values(step.foreach))
        elif step.branches is not None:
            await self._branches(step, given, step.branches)
        else:
            value = await self._attempt(step, given, 0)
            if value is not None:
                self.results[step.name] = _values_of(step, value)

    async def _items(
        self, step: FlatStep, given: Mapping[str, list[object]], items: Sequence[object]
    ) -> None:
        """The body once for every item of a list."""
        if not step.sequential:
            given_items = [{**given, step.port: [item]} for item in items]
            await self._side_by_side(step, list(enumerate(given_items)))
            return
        results = self.results.setdefault(step.name, [])
        earlier = given.get(BEFORE, [])
        for i, item in enumerate(items):
            fed = {**given, step.port: [item], BEFORE: [*earlier, *results]}
            value = await self._attempt(step, fed, i)
            if step.name in self.unknown:
                return
            results += _values_of(step, value)

    async def _branches(
        self, step: FlatStep, given: Mapping[str, list[object]], count: int
    ) -> None:
        if not step.decided:
            await self._side_by_side(step, [(branch, given) for branch in range(count)])
            return
        # as many at a time as could decide it: what is run does not depend on who is faster
        begun = 0
        while begun < count and step.name not in self.unknown:
            wave = min(count - begun, self._needed(step, count))
            if not wave:
                return
            await self._side_by_side(step, [(begun + i, given) for i in range(wave)])
            begun += wave

    def _needed(self, step: FlatStep, count: int) -> int:
        """How many more branches the leading answer needs to have more than half of `count`; 0 when it has. Where
        none can any more, all are run: the most frequent answer is taken then."""
        derived = [v for v in self.results.get(step.name, []) if isinstance(v, Derived)]
        # what cannot be true has no voice (`vote`)
        votes = Counter(
            one.answer for one in derived if one.answer is not None and one.doubt is None
        )
        return max(0, count // 2 + 1 - max(votes.values(), default=0))

    async def _side_by_side(
        self, step: FlatStep, branches: Sequence[tuple[int, Mapping[str, list[object]]]]
    ) -> None:
        """The body once for every (number, inputs)."""
        results = self.results.setdefault(step.name, [])
        earlier = results[:]
        found: dict[int, list[object]] = {}

        async def one(branch: int, given: Mapping[str, list[object]]) -> None:
            value = await self._attempt(step, given, branch)
            found[branch] = _values_of(step, value)
            # in the order of branches, whichever ends first: the same run reads the same twice
            results[:] = earlier + [one for number in sorted(found) for one in found[number]]

        async with asyncio.TaskGroup() as group:
            for branch, given in branches:
                group.create_task(one(branch, given))

    async def _attempt(
        self, step: FlatStep, given: Mapping[str, list[object]], branch: int
    ) -> object | None:
        """The body's value; None where it was taken out or would need a call."""
        name = self._prefix + step.name
        try:
            if isinstance(step.body, Module):
                bench = self._bench(step, name, branch)
                return await step.body.run(bench, Inputs(given), step.settings)
            inner = Executor(step.body, given, self._bench, f"{name}.{branch}.")
            value = await inner.run()
            if value is None:
                self.unknown.add(step.name)
            return value
        except WouldCall:
            self.unknown.add(step.name)
        except TakenOut:
            pass
        except BudgetSpent as error:
            if error.scope is None:
                raise
            self.spent[step.name] = str(error)
        return None


def _values_of(step: FlatStep, value: object | None) -> list[object]:
    """What one use of the body gave, as a list: nothing where it gave none."""
    if value is None:
        return []
    if isinstance(step.body, Module) and step.body.many:
        assert isinstance(value, list)
        return value
    return [value]
