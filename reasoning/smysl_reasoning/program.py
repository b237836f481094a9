"""The typed form of a reasoning program, and its parser: TOML in, checked steps out.

Knows module signatures and names; never a model, a store or a run. The grammar is in
docs/programs.md.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.modules.base import Module, Option, OptionError, Setting

QUESTION = "question"
"""The one input that is there before any step."""
RESULT = "outcome"
"""Type of the step that ends a program."""
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Step(NamedTuple):
    """One use of a module."""

    name: str
    module: Module
    inputs: Mapping[str, tuple[str, ...]]
    """Port -> names of the steps (or `question`) that feed it."""
    settings: Mapping[str, Setting | str]
    """Option of the module -> a value, or `$name` of an option of the program."""
    branches: int | str | None
    """How many times the module runs side by side; None is once and not a list."""


class Program(NamedTuple):
    """A checked program: every input names an earlier step of the right type."""

    name: str
    version: int
    summary: str
    source: str
    options: Mapping[str, Option]
    steps: tuple[Step, ...]

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


class _StepText(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    module: str
    inputs: dict[str, str | list[str]] = {}
    options: dict[str, bool | int | float | str] = {}
    branches: int | str | None = None


class _ProgramText(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    summary: str
    version: int = 1
    options: dict[str, Option] = {}
    step: list[_StepText] = []


def parse(text: str, source: str, modules: Mapping[str, Module]) -> Program:
    """A checked program from TOML. Raises `ProgramError` naming `source`, line, step and what is
    wrong."""
    try:
        written = msgspec.convert(tomllib.loads(text), _ProgramText)
    except tomllib.TOMLDecodeError as error:
        raise ProgramError(f"{source}: {error}") from None
    except msgspec.ValidationError as error:
        raise ProgramError(_located(str(error), source, text)) from None
    return _Parser(text, source, modules).program(written)


class _Parser:
    def __init__(self, text: str, source: str, modules: Mapping[str, Module]) -> None:
        self.text = text
        self.source = source
        self.modules = modules
        self.types: dict[str, str] = {QUESTION: "question"}
        """Type of what each name gives; a list of `x` is `x*`."""

    def program(self, written: _ProgramText) -> Program:
        if not NAME.fullmatch(written.name):
            raise ProgramError(
                f"{self.source}: program name {written.name!r} must be lower-case letters, "
                "digits, - or _"
            )
        for name, option in written.options.items():
            try:
                option.settle(name, option.default)
            except OptionError as error:
                raise ProgramError(f"{self.source}: default of {error}") from None
        steps = tuple(self.step(i, step, written.options) for i, step in enumerate(written.step))
        if not steps or self.types[steps[-1].name] != RESULT:
            makers = ", ".join(m.name for m in self.modules.values() if m.output == RESULT)
            raise ProgramError(
                f"{self.source}: the last step must give an {RESULT} (module {makers})"
            )
        return Program(
            written.name, written.version, written.summary, self.source, written.options, steps
        )

    def step(self, number: int, step: _StepText, options: Mapping[str, Option]) -> Step:
        where = f"{self.source}:{_step_line(self.text, number)}: step {step.name!r}"
        if not NAME.fullmatch(step.name):
            raise ProgramError(f"{where}: a name must be lower-case letters, digits, - or _")
        if step.name in self.types:
            raise ProgramError(f"{where}: this name is taken; names are used once")
        module = self.modules.get(step.module)
        if module is None:
            raise ProgramError(
                f"{where}: there is no module {step.module!r}{_near(step.module, self.modules)}"
            )
        inputs = self.inputs(where, module, step)
        self.settings(where, module, step, options)
        self.branches(where, step, options)
        self.types[step.name] = module.output + ("*" if step.branches is not None else "")
        return Step(step.name, module, inputs, step.options, step.branches)

    def inputs(self, where: str, module: Module, step: _StepText) -> dict[str, tuple[str, ...]]:
        inputs: dict[str, tuple[str, ...]] = {}
        for name, given in step.inputs.items():
            if name not in module.inputs:
                ports = ", ".join(module.inputs)
                raise ProgramError(
                    f"{where}: module {module.name!r} has no input {name!r}; it has: {ports}"
                )
            inputs[name] = (given,) if isinstance(given, str) else tuple(given)
        for name, port in module.inputs.items():
            if not inputs.get(name) and not port.optional:
                raise ProgramError(
                    f"{where}: input {name!r} ({port.type}) of module {module.name!r} is missing"
                )
            for reference in inputs.get(name, ()):
                if reference not in self.types:
                    raise ProgramError(
                        f"{where}: input {name!r} names {reference!r}, which is no earlier step"
                        f"{_near(reference, self.types)}"
                    )
                found = self.types[reference]
                if found.removesuffix("*") != port.type:
                    raise ProgramError(
                        f"{where}: input {name!r} takes a {port.type}; "
                        f"{reference!r} gives a {found}"
                    )
                if not port.many and (found.endswith("*") or len(inputs[name]) > 1):
                    raise ProgramError(
                        f"{where}: input {name!r} takes one {port.type}, not several"
                    )
        return inputs

    def settings(
        self, where: str, module: Module, step: _StepText, options: Mapping[str, Option]
    ) -> None:
        for name, value in step.options.items():
            if name not in module.options:
                known = ", ".join(module.options) or "none"
                raise ProgramError(
                    f"{where}: module {module.name!r} has no option {name!r}; it has: {known}"
                )
            wanted = module.options[name]
            if isinstance(value, str) and value.startswith("$"):
                self.reference(where, value, options)
                bounds = options[value[1:]]
                values = [bounds.default, bounds.minimum, bounds.maximum]
            else:
                values = [value]
            try:
                for possible in values:
                    if possible is not None:
                        wanted.settle(name, possible)
            except OptionError as error:
                raise ProgramError(f"{where}: {error}") from None

    def branches(self, where: str, step: _StepText, options: Mapping[str, Option]) -> None:
        match step.branches:
            case str(reference):
                self.reference(where, reference, options)
                low, high = options[reference[1:]].minimum, options[reference[1:]].maximum
                default = options[reference[1:]].default
                if not isinstance(default, int) or low is None or high is None or low < 0:
                    raise ProgramError(
                        f"{where}: branches names {reference}, which must be a whole number with "
                        "minimum 0 or more and a maximum"
                    )
            case int(count) if count < 1:
                raise ProgramError(f"{where}: branches is {count}; it must be at least 1")

    def reference(self, where: str, reference: str, options: Mapping[str, Option]) -> None:
        if not reference.startswith("$") or reference[1:] not in options:
            known = ", ".join(f"${name}" for name in options) or "none"
            raise ProgramError(
                f"{where}: {reference!r} is no option of this program; it has: {known}"
            )


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else f"; there are: {', '.join(known)}"


def _step_line(text: str, number: int) -> int:
    """Line of the `number`-th `[[step]]` (from 0) in a program that has parsed; 1 where steps are
    written inline."""
    lines = [
        i for i, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*step\s*\]\]", line)
    ]
    return lines[number] if number < len(lines) else 1


def _located(message: str, source: str, text: str) -> str:
    step = re.search(r"\$\.step\[(\d+)\]", message)
    place = f"{source}:{_step_line(text, int(step[1]))}" if step else source
    return f"{place}: {message}"
