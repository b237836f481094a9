"""Walks a program: each step starts when its inputs are there, branches run side by side.

Knows steps and wires; never what a module does, a store or an engine.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from smysl_reasoning.calls import WouldCall
from smysl_reasoning.errors import TakenOut
from smysl_reasoning.modules.base import Asked, Inputs, Outcome, Setting
from smysl_reasoning.program import QUESTION, Program, Step
from smysl_reasoning.workbench import Workbench

T = TypeVar("T")


class Executor:
    """One walk through a program. `results` holds what has been reached, also after a walk that was
    stopped."""

    def __init__(
        self,
        program: Program,
        settings: Mapping[str, Setting],
        asked: Asked,
        bench: Callable[[str, int], Workbench],
    ) -> None:
        self._program = program
        self._settings = settings
        self._bench = bench
        self._branched: set[str] = {s.name for s in program.steps if s.branches is not None}
        self._done: dict[str, asyncio.Event] = {
            step.name: asyncio.Event() for step in program.steps
        }
        self.unknown: set[str] = set()
        """Steps that cannot be told without a call (`WouldCall`), and those that need them."""
        self.results: dict[str, list[object]] = {QUESTION: [asked]}
        """Step -> its value, or those of its branches that are there."""

    async def run(self) -> Outcome | None:
        """The last step's outcome, None in a preview that cannot tell. Raises what a module raised
        first; the other steps are then cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for step in self._program.steps:
                    group.create_task(self._step(step, group))
        except BaseExceptionGroup as errors:
            raise first_leaf(errors) from None
        if self._program.steps[-1].name in self.unknown:
            return None
        (outcome,) = self.results[self._program.steps[-1].name]
        assert isinstance(outcome, Outcome)
        return outcome

    async def _step(self, step: Step, group: asyncio.TaskGroup) -> None:
        values: dict[str, list[object]] = {}
        for port, names in step.inputs.items():
            values[port] = []
            for name in names:
                if name != QUESTION:
                    await self._done[name].wait()
                values[port] += self.results.get(name, [])
        if any(name in self.unknown for names in step.inputs.values() for name in names):
            self.unknown.add(step.name)
        else:
            for port, wanted in step.module.inputs.items():
                if not (values.get(port) or wanted.many or wanted.optional):
                    raise TakenOut(
                        f"step {step.name!r} needs a {wanted.type} that a person took out; "
                        "`smysl undo` that"
                    )
            await self._module(step, Inputs(values))
        self._done[step.name].set()

    async def _module(self, step: Step, inputs: Inputs) -> None:
        settings = self._settled(step)
        results = self.results.setdefault(step.name, [])
        if step.branches is not None:
            await self._branches(step, inputs, settings, results)
            return
        try:
            results.append(await step.module.run(self._bench(step.name, 0), inputs, settings))
        except WouldCall:
            self.unknown.add(step.name)
        except TakenOut:
            pass

    async def _branches(
        self, step: Step, inputs: Inputs, settings: Mapping[str, Setting], results: list[object]
    ) -> None:
        count = (
            self._settings[step.branches[1:]] if isinstance(step.branches, str) else step.branches
        )
        assert isinstance(count, int)
        found: dict[int, object] = {}

        async def one(branch: int) -> None:
            bench = self._bench(step.name, branch)
            try:
                found[branch] = await step.module.run(bench, inputs, settings)
            except WouldCall:
                self.unknown.add(step.name)
            except TakenOut:
                return
            # in the order of branches, whichever ends first: the same run reads the same twice
            results[:] = [found[number] for number in sorted(found)]

        async with asyncio.TaskGroup() as group:
            for branch in range(count):
                group.create_task(one(branch))

    def _settled(self, step: Step) -> dict[str, Setting]:
        settings: dict[str, Setting] = {}
        for name, option in step.module.options.items():
            value = step.settings.get(name, option.default)
            if isinstance(value, str) and value.startswith("$"):
                value = self._settings[value[1:]]
            settings[name] = option.settle(name, value)
        return settings


def first_leaf(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first exception inside nested groups."""
    first = errors.exceptions[0]
    return first_leaf(first) if isinstance(first, BaseExceptionGroup) else first
