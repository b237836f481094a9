"""Sub-programs written out: a program of programs becomes one list of module uses, options put in, loops unrolled.

The second pass of the compiler. Knows checked programs and settled options; never tokens, an engine or a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smysl_reasoning.conditions import Condition, Scalar
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.grammar import BudgetText, SamplingText
from smysl_reasoning.modules.base import Module, Setting
from smysl_reasoning.program import Program, Step

STEPS_LIMIT = 512
"""Most steps of a program once it is written out."""
DEPTH_LIMIT = 8
"""Most programs within programs."""


class Scope(NamedTuple):
    """A budget that one or more steps share, and the one it is part of."""

    name: str
    budget: BudgetText
    within: Scope | None = None


class FlatStep(NamedTuple):
    """One use of a module, or, for each item of a list, of a program."""

    name: str
    """Unique; of a step of a sub-program `outer.inner`, in a loop's second turn `outer.2.inner`."""
    body: Module | Flat
    inputs: Mapping[str, tuple[str, ...]]
    """Port -> names of what feeds it: steps, aliases or inputs of the program."""
    settings: Mapping[str, Setting]
    branches: int | None
    decided: bool
    foreach: str | None
    port: str
    sequential: bool
    when: tuple[Condition, ...]
    """All must hold; else it is passed over."""
    model: str | None
    adapter: str | None
    sampling: SamplingText | None
    scope: Scope | None
    source: str
    """Name of the step in its own program."""

    @property
    def sources(self) -> list[str]:
        """Every name it waits for."""
        names = [name for given in self.inputs.values() for name in given]
        names += [self.foreach] if self.foreach else []
        names += [reference.step for one in self.when for reference in one.references()]
        return list(dict.fromkeys(names))


class Flat(NamedTuple):
    """A program as the executor walks it."""

    name: str
    steps: tuple[FlatStep, ...]
    aliases: Mapping[str, tuple[str, ...]]
    """Name of a sub-program's use -> the steps (or aliases) that may give its value, the first that has run
    does."""
    last: str
    """The step or alias that gives the value of the whole."""
    inputs: tuple[str, ...]

    def resolved(self, name: str) -> list[str]:
        """The steps and inputs that may give the value of a name, in order of preference."""
        if name not in self.aliases:
            return [name]
        return [end for other in self.aliases[name] for end in self.resolved(other)]


def flatten(program: Program, settings: Mapping[str, Setting], adapter: str | None = None) -> Flat:
    """The program with these options; `adapter` is for the steps that name none. Raises `BadRequest` for one that
    grows beyond the limits."""
    return _flat(program, settings, _Outer(adapter=adapter), _Whole(program.name))


def _flat(program: Program, settings: Mapping[str, Setting], outer: _Outer, whole: _Whole) -> Flat:
    writer = _Writer(whole)
    names = {name: name for name in program.inputs}
    writer.write(program, settings, "", names, outer)
    return Flat(
        program.name,
        tuple(writer.steps),
        writer.aliases,
        program.steps[-1].name,
        tuple(program.inputs),
    )


class _Whole:
    """What is written out, with the programs that run for each item of a list."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.steps = 0


class _Outer(NamedTuple):
    """What the steps around a step make of it."""

    when: tuple[Condition, ...] = ()
    depth: int = 0
    """Programs around it."""
    model: str | None = None
    adapter: str | None = None
    sampling: SamplingText | None = None
    scope: Scope | None = None
    within: str = ""
    """The name, with a dot, of the step that runs this program for each item."""


class _Writer:
    def __init__(self, whole: _Whole) -> None:
        self._whole = whole
        self.steps: list[FlatStep] = []
        self.aliases: dict[str, tuple[str, ...]] = {}

    def write(
        self,
        program: Program,
        settings: Mapping[str, Setting],
        prefix: str,
        names: Mapping[str, str],
        outer: _Outer,
    ) -> None:
        """Append a program's steps. `names`: what its inputs are called outside."""
        if outer.depth > DEPTH_LIMIT:
            raise BadRequest(
                f"program {self._whole.program!r} nests programs {outer.depth} deep; the limit is {DEPTH_LIMIT}"
            )
        known = dict(names)
        for step in program.steps:
            known[step.name] = prefix + step.name
            self.step(step, settings, prefix, known, outer)

    def step(
        self,
        step: Step,
        settings: Mapping[str, Setting],
        prefix: str,
        names: Mapping[str, str],
        outer: _Outer,
    ) -> None:
        options: Mapping[str, Scalar] = settings
        name = prefix + step.name
        inputs = {port: tuple(names[n] for n in given) for port, given in step.inputs.items()}
        given = {
            key: settings[value[1:]]
            if isinstance(value, str) and value.startswith("$") and value[1:] in settings
            else value
            for key, value in step.settings.items()
        }
        branches = _number(step.branches, settings)
        condition = () if step.when is None else (step.when.renamed(names, options),)
        here = _Outer(
            outer.when + condition,
            outer.depth,
            step.model or outer.model,
            step.adapter or outer.adapter,
            step.sampling or outer.sampling,
            self.scope(name, step, outer),
            outer.within,
        )
        body = step.body
        if isinstance(body, Program) and step.foreach is None and branches is None:
            inner, within = body.settled(given), here._replace(depth=outer.depth + 1)
            if step.repeat is None:
                called = {port: given_names[0] for port, given_names in inputs.items()}
                self.write(body, inner, f"{name}.", called, within)
                self.aliases[name] = (f"{name}.{body.steps[-1].name}",)
            else:
                self.loop(step, body, inner, name, inputs, within, options, names)
            return
        self._whole.steps += 1
        if self._whole.steps > STEPS_LIMIT:
            raise BadRequest(
                f"program {self._whole.program!r} has more than {STEPS_LIMIT} steps once its loops and programs are "
                "written out; lower `repeat` or an option that it names"
            )
        self.steps.append(
            FlatStep(
                name=name,
                body=body if isinstance(body, Module) else self.part(body, given, here, name),
                inputs=inputs,
                settings=_settled(body, given) if isinstance(body, Module) else {},
                branches=branches,
                decided=step.decided,
                foreach=None if step.foreach is None else names[step.foreach],
                port=step.port,
                sequential=step.sequential,
                when=here.when,
                model=here.model,
                adapter=here.adapter,
                sampling=here.sampling,
                scope=here.scope,
                source=step.name,
            )
        )

    def part(
        self,
        body: Program,
        given: Mapping[str, Setting],
        here: _Outer,
        name: str,
    ) -> Flat:
        """A program that runs for each item of a list: a budget in it is one for all items."""
        # whether it runs at all is for the step itself to say
        within = here._replace(when=(), depth=here.depth + 1, within=f"{here.within}{name}.")
        return _flat(body, body.settled(given), within, self._whole)

    def scope(self, name: str, step: Step, outer: _Outer) -> Scope | None:
        """The budget that a step spends."""
        if step.budget is None:
            return outer.scope
        return Scope(outer.within + name, step.budget, outer.scope)

    def loop(
        self,
        step: Step,
        body: Program,
        inner: Mapping[str, Setting],
        name: str,
        inputs: Mapping[str, tuple[str, ...]],
        outer: _Outer,
        options: Mapping[str, Scalar],
        names: Mapping[str, str],
    ) -> None:
        """A bounded loop, turn by turn: each runs unless `until` held after one before it."""
        turns = _number(step.repeat, options) or 0
        called = {port: given[0] for port, given in inputs.items()}
        ends: list[str] = []
        for turn in range(1, turns + 1):
            turned = f"{name}.{turn}"
            turn_in = outer
            if ends:
                before = f"{turned}.before"
                self.aliases[before] = tuple(reversed(ends))
                called = {**called, step.carry: before}
                if step.until is not None:
                    reached = step.until.renamed({**names, step.name: before}, options)
                    turn_in = outer._replace(when=(*outer.when, reached.negated()))
            self.write(body, inner, f"{turned}.", called, turn_in)
            self.aliases[turned] = (f"{turned}.{body.steps[-1].name}",)
            ends.append(turned)
        # without a turn the loop gives what it was given
        self.aliases[name] = (*reversed(ends), *inputs[step.carry])


def _number(given: int | str | None, settings: Mapping[str, Scalar]) -> int | None:
    if isinstance(given, str):
        value = settings[given[1:]]
        assert isinstance(value, int)
        return value
    return given


def _settled(module: Module, given: Mapping[str, Setting | str]) -> dict[str, Setting]:
    return {
        name: option.settle(name, given.get(name, option.default))
        for name, option in module.options.items()
    }
