"""The typed form of a reasoning program: its steps, their wires and bodies.

Knows module signatures and names; never a model, a store or a run. How what is written becomes one: `checking`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smysl_reasoning.conditions import Condition
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.grammar import BudgetText, SamplingText
from smysl_reasoning.modules.base import Module, Option, OptionError, Port, Setting

QUESTION = "question"
"""The one input of a program that can be asked for."""
RESULT = "outcome"
"""Type of the step that ends such a program."""
BEFORE = "before"
"""The port of a sequential `foreach` that takes the results before."""


class Step(NamedTuple):
    """One use of a module, or of another program."""

    name: str
    body: Module | Program
    inputs: Mapping[str, tuple[str, ...]]
    """Port -> names of the steps (or inputs of the program) that feed it."""
    settings: Mapping[str, Setting | str]
    """Option of the body -> a value, or `$name` of an option of the program."""
    branches: int | str | None
    """How many times the body runs side by side; None is once and not a list."""
    decided: bool = False
    """Branches end as soon as their majority is certain."""
    foreach: str | None = None
    """The list of whose items each is given to `port`."""
    port: str = ""
    sequential: bool = False
    """Items one after the other, each with the results before it at port `before`."""
    when: Condition | None = None
    repeat: int | str | None = None
    until: Condition | None = None
    carry: str = ""
    """The port that takes the result of the turn before."""
    model: str | None = None
    adapter: str | None = None
    sampling: SamplingText | None = None
    budget: BudgetText | None = None

    @property
    def output(self) -> str:
        """Type of what it gives; a list of `x` is `x*`."""
        listed = self.branches is not None or self.foreach is not None or gives_list(self.body)
        return self.body.output + ("*" if listed else "")


def gives_list(body: Module | Program) -> bool:
    return isinstance(body, Module) and body.many


def ports(body: Module | Program) -> Mapping[str, Port]:
    """The inputs of a module or program."""
    if isinstance(body, Module):
        return body.inputs
    return {name: Port(type) for name, type in body.inputs.items()}


class Program(NamedTuple):
    """A checked program: every input names an earlier step of the right type."""

    name: str
    version: int
    summary: str
    source: str
    """`built-in`, or the file."""
    options: Mapping[str, Option]
    steps: tuple[Step, ...]
    inputs: Mapping[str, str] = {QUESTION: QUESTION}
    """Port -> type."""
    follows: str = ""
    """The paper or page that the idea is from."""

    @property
    def output(self) -> str:
        return self.steps[-1].output

    @property
    def runnable(self) -> bool:
        """It can be asked for, and is no mere part of others."""
        return self.output == RESULT and dict(self.inputs) == {QUESTION: QUESTION}

    def settled(self, given: Mapping[str, object]) -> dict[str, Setting]:
        """Every option's value for one run. Raises `BadRequest` naming the option, the value and
        what is allowed."""
        for name in given:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise BadRequest(f"program {self.name!r} has no option {name!r}; it has: {known}")
        try:
            return {
                name: option.settle(name, given[name]) if name in given else option.default
                for name, option in self.options.items()
            }
        except OptionError as error:
            raise BadRequest(str(error)) from None
