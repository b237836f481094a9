"""The parser of programs: TOML in, checked steps out, a mistake named with file, line, step and port.

Knows the grammar, module signatures and names; never a model, a store or a run. The grammar is in docs/programs.md;
how it is written down, in `grammar`.
"""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from smysl_reasoning.conditions import (
    BadCondition,
    Condition,
    FieldType,
    Reference,
    exhaustive,
    parse_condition,
)
from smysl_reasoning.errors import BadRequest, ModuleError, ProgramError
from smysl_reasoning.grammar import Lines, ProgramText, StepText
from smysl_reasoning.modules.base import FIELDS, TYPES, Module, OptionError
from smysl_reasoning.program import BEFORE, QUESTION, RESULT, Program, Step, ports

SAID = "text"
"""The other type that may end one: the text is the answer."""
STATE = "state"
"""The module that makes an outcome of texts, for a program that ends in one."""
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
REPEAT_LIMIT = 64
"""Most turns of a loop."""
BRANCHES_LIMIT = 256

Find = Callable[[str], Program]
"""A program by name. Raises `BadRequest` for an unknown one, `ProgramError` for a broken one."""


def parse(
    text: str,
    source: str,
    modules: Mapping[str, Module],
    find: Find | None = None,
    refused: Mapping[str, ModuleError] = {},
) -> Program:
    """A checked program from TOML. `find` gives the programs that its steps name; `refused`: modules that cannot be
    used. Raises `ProgramError` naming `source`, line, step and what is wrong."""
    return checked(read(text, source), source, modules, find, Lines(text), refused)


def read(text: str, source: str) -> ProgramText:
    """The plain form of a program. Raises `ProgramError` for what is not of the grammar."""
    try:
        return msgspec.convert(tomllib.loads(text), ProgramText)
    except tomllib.TOMLDecodeError as error:
        raise ProgramError(f"{source}: {error}") from None
    except msgspec.ValidationError as error:
        raise ProgramError(_located(str(error), source, Lines(text))) from None


def checked(
    written: ProgramText,
    source: str,
    modules: Mapping[str, Module],
    find: Find | None = None,
    lines: Lines | None = None,
    refused: Mapping[str, ModuleError] = {},
) -> Program:
    """A program from its plain form. Raises `ProgramError`."""
    return _Checker(written, source, modules, find, lines, refused).program()


class _Checker:
    def __init__(
        self,
        written: ProgramText,
        source: str,
        modules: Mapping[str, Module],
        find: Find | None,
        lines: Lines | None,
        refused: Mapping[str, ModuleError],
    ) -> None:
        self.written = written
        self.options = written.options
        self.source = source
        self.modules = modules
        self.find = find
        self.lines = lines
        self.refused = refused
        self.types: dict[str, str] = dict(written.inputs)
        """Type of what each name gives; a list of `x` is `x*`."""
        self.used: set[str] = set()
        self.maybe: set[str] = set()
        """Steps that a run may pass over."""
        self.ways: dict[str, Condition] = {}
        """Those of them that run whenever a condition holds."""
        self.where = source

    def program(self) -> Program:
        written = self.written
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
        for name, type in written.inputs.items():
            if type.removesuffix("*") not in TYPES:
                known = ", ".join(sorted(TYPES))
                raise ProgramError(
                    f"{self.source}: input {name!r} has the type {type!r}; there are {known}"
                )
        steps = tuple(self.step(i, step) for i, step in enumerate(written.step))
        self.where = self.source
        if not steps:
            raise self.endless("it has no step")
        self.whole(steps)
        if dict(written.inputs) == {QUESTION: QUESTION}:
            steps = self.answering(steps)
        return Program(
            name=written.name,
            version=written.version,
            summary=written.summary,
            source=self.source,
            options=written.options,
            steps=steps,
            inputs=dict(written.inputs),
            follows=written.source,
        )

    def whole(self, steps: tuple[Step, ...]) -> None:
        """What can only be seen once every step is known."""
        last = steps[-1].name
        for i, step in enumerate(steps):
            effect = isinstance(step.body, Module) and step.body.effect
            if step.name not in self.used and step.name != last and not effect:
                raise ProgramError(
                    f"{self.place(i)}: step {step.name!r} is unreachable from the answer: no later step uses "
                    "what it gives. Use it or take it out"
                )
        if last in self.maybe:
            raise ProgramError(
                f"{self.place(len(steps) - 1)}: step {last!r} ends the program and may be passed over (`when`); "
                "end with a step that always runs"
            )

    def answering(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The steps of a program that can be asked: they end in an outcome, or in a text that is made one."""
        last = steps[-1]
        if last.output == RESULT:
            return steps
        effect = isinstance(last.body, Module) and last.body.effect
        if last.output.removesuffix("*") != SAID or effect or STATE not in self.modules:
            self.where = self.place(len(steps) - 1)
            gives = "answers nothing" if effect else f"gives a {last.output}"
            raise self.endless(f"step {last.name!r} {gives}")
        free = (STATE if not number else f"{STATE}-{number}" for number in itertools.count())
        name = next(name for name in free if name not in self.types)
        body = self.modules[STATE]
        stated = Step(
            name=name,
            body=body,
            inputs={next(iter(body.inputs)): (last.name,)},
            settings={},
            branches=None,
        )
        return (*steps, stated)

    def endless(self, found: str) -> ProgramError:
        makers = ", ".join(m.name for m in self.modules.values() if m.output == RESULT)
        return self.wrong(
            f"{found}; the last step must give an {RESULT} (module {makers}) or a {SAID}, which is then the answer. Of "
            "derivations `vote` makes a choice, `verify` a verdict of it, `answer` the outcome of both"
        )

    def place(self, number: int) -> str:
        return f"{self.source}:{self.lines.step(number)}" if self.lines else self.source

    def wrong(self, message: str) -> ProgramError:
        return ProgramError(f"{self.where}: {message}")

    def step(self, number: int, step: StepText) -> Step:
        self.where = f"{self.place(number)}: step {step.name!r}"
        if not NAME.fullmatch(step.name):
            raise self.wrong("a name must be lower-case letters, digits, - or _")
        if step.name in self.types:
            raise self.wrong("this name is taken; names are used once")
        body = self.body(step)
        inputs = self.inputs(body, step)
        self.settings(body, step)
        self.count("branches", step.branches, BRANCHES_LIMIT)
        several = step.branches is not None or step.foreach is not None
        if several and body.output.endswith("*"):
            raise self.wrong(
                f"branches and foreach are for what gives one thing; program {body.name!r} gives a {body.output}"
            )
        when = self.condition("when", step.when)
        checked = Step(
            name=step.name,
            body=body,
            inputs=inputs,
            settings=step.options,
            branches=step.branches,
            decided=step.stop == "decided",
            foreach=step.foreach,
            port=self.port(body, step),
            sequential=step.sequential,
            when=when,
            repeat=step.repeat,
            carry=self.loop(body, step),
            model=step.model,
            adapter=step.adapter,
            sampling=step.sampling,
            budget=step.budget,
        )
        if checked.decided and (step.branches is None or body.output != "derivation"):
            raise self.wrong('`stop = "decided"` is for branches that give derivations')
        self.limits(step)
        self.types[step.name] = checked.output
        until = self.condition("until", step.until)
        self.used.discard(step.name)
        # a loop that is passed over gives what it was to carry
        passed_over = when is not None and step.repeat is None
        needed = [*inputs.items(), *([(checked.port, (step.foreach,))] if step.foreach else [])]
        starved = self.starved(body, dict(needed))
        if passed_over or starved:
            self.maybe.add(step.name)
        asked = {reference.step for reference in when.references()} if when is not None else set()
        if passed_over and when is not None and not starved and not asked & self.maybe:
            self.ways[step.name] = when
        return checked._replace(until=until)

    def body(self, step: StepText) -> Module | Program:
        if (step.module is None) == (step.program is None):
            raise self.wrong("give either a module or a program")
        if step.module is not None:
            if step.module not in self.modules and (why := self.refused.get(step.module)):
                raise self.wrong(f"module {step.module!r} cannot be used: {why}")
            if step.module not in self.modules:
                raise self.wrong(
                    f"there is no module {step.module!r}{_near(step.module, self.modules)}"
                )
            return self.modules[step.module]
        if self.find is None:
            raise self.wrong(f"program {step.program!r} is not known here")
        try:
            return self.find(step.program or "")
        except (BadRequest, ProgramError) as error:
            raise self.wrong(str(error)) from None

    def inputs(self, body: Module | Program, step: StepText) -> dict[str, tuple[str, ...]]:
        what = f"{'module' if isinstance(body, Module) else 'program'} {body.name!r}"
        inputs: dict[str, tuple[str, ...]] = {}
        known = ports(body)
        for name, given in step.inputs.items():
            if name not in known:
                raise self.wrong(f"{what} has no input {name!r}; it has: {', '.join(known)}")
            inputs[name] = (given,) if isinstance(given, str) else tuple(given)
        fed = {self.port(body, step), *([BEFORE] if step.sequential else [])}
        for name, port in known.items():
            if not inputs.get(name) and not port.optional and name not in fed:
                raise self.wrong(f"input {name!r} ({port.type}) of {what} is missing")
            for reference in inputs.get(name, ()):
                found = self.type_of(reference, f"input {name!r}")
                if found.removesuffix("*") != port.type.removesuffix("*"):
                    raise self.wrong(
                        f"input {name!r} takes a {port.type}; {reference!r} gives a {found}"
                    )
                listed = found.endswith("*") or len(inputs[name]) > 1
                if listed and not port.many and not port.type.endswith("*"):
                    raise self.wrong(f"input {name!r} takes one {port.type}, not several")
                if len(inputs[name]) > 1 and not port.many:
                    raise self.wrong(f"input {name!r} of {what} takes one list, not several names")
        return inputs

    def type_of(self, reference: str, what: str) -> str:
        if reference not in self.types:
            raise self.wrong(
                f"{what} names {reference!r}, which is no earlier step"
                f"{_near(reference, self.types)}"
            )
        self.used.add(reference)
        return self.types[reference]

    def port(self, body: Module | Program, step: StepText) -> str:
        """The port that takes the items of a list."""
        if step.foreach is None:
            if step.each is not None or step.sequential:
                raise self.wrong("`as` and `sequential` belong to `foreach`")
            return ""
        found = self.type_of(step.foreach, "foreach")
        if not found.endswith("*"):
            raise self.wrong(f"foreach takes a list; {step.foreach!r} gives one {found}")
        if step.branches is not None or step.repeat is not None:
            raise self.wrong("foreach goes with neither branches nor repeat")
        known = ports(body)
        name = step.each or next(iter(known))
        if name not in known:
            raise self.wrong(f"`as` names {name!r}; the inputs are {', '.join(known)}")
        if known[name].type != found.removesuffix("*"):
            raise self.wrong(
                f"input {name!r} takes a {known[name].type}; {step.foreach!r} holds {found}"
            )
        if name in step.inputs:
            raise self.wrong(
                f"input {name!r} takes the items of {step.foreach!r}; give it nothing else"
            )
        before = known.get(BEFORE)
        takes = before is not None and (before.many or before.type.endswith("*"))
        if step.sequential and not (
            takes and before is not None and before.type.removesuffix("*") == body.output
        ):
            raise self.wrong(
                f"sequential needs an input `{BEFORE}` that takes several of {body.output}; {body.name!r} has none"
            )
        return name

    def loop(self, body: Module | Program, step: StepText) -> str:
        """The port that carries a loop's result into its next turn."""
        if step.repeat is None:
            if step.until is not None or step.carry is not None:
                raise self.wrong("an unbounded loop: say how often at most with `repeat`")
            return ""
        if isinstance(body, Module):
            raise self.wrong("`repeat` is for programs; make the steps of the loop one")
        self.count("repeat", step.repeat, REPEAT_LIMIT)
        if step.branches is not None:
            raise self.wrong("repeat and branches do not go together")
        fitting = [name for name, type in body.inputs.items() if type == body.output]
        carry = step.carry or next(iter(fitting), None)
        if carry not in fitting:
            raise self.wrong(
                f"a loop carries what it gives ({body.output}) into its next turn; program {body.name!r} has "
                f"{'no such input' if not fitting else 'the inputs ' + ', '.join(fitting) + ' for that'}"
            )
        return carry or ""

    def starved(self, body: Module | Program, inputs: Mapping[str, tuple[str, ...]]) -> bool:
        """Whether what it needs may be passed over."""
        return any(
            inputs.get(name) and self.missing(inputs[name])
            for name, port in ports(body).items()
            if not port.optional
        )

    def missing(self, sources: Sequence[str]) -> bool:
        """Whether all of them may be passed over."""
        ways = [(self.ways[source],) for source in sources if source in self.ways]
        return all(source in self.maybe for source in sources) and not exhaustive(ways)

    def condition(self, what: str, text: str | None) -> Condition | None:
        if text is None:
            return None
        try:
            condition = parse_condition(text)
            condition.check(self.field, self.option_type)
        except BadCondition as error:
            raise self.wrong(f"{what}: {error}") from None
        return condition

    def field(self, reference: Reference) -> FieldType:
        found = self.type_of(reference.step, "it")
        if found.endswith("*"):
            if reference.field != "count":
                raise BadCondition(f"{reference.step!r} is a list; of a list there is only `count`")
            return "number"
        known = FIELDS.get(found, {})
        if reference.field not in known:
            raise BadCondition(
                f"a {found} has no field {reference.field!r}; it has: {', '.join(known) or 'none'}"
            )
        return known[reference.field]

    def option_type(self, name: str) -> FieldType:
        if name not in self.options:
            known = ", ".join(f"${name}" for name in self.options) or "none"
            raise BadCondition(f"${name} is no option of this program; it has: {known}")
        match self.options[name].default:
            case bool():
                return "truth"
            case str():
                return "text"
        return "number"

    def settings(self, body: Module | Program, step: StepText) -> None:
        what = f"{'module' if isinstance(body, Module) else 'program'} {body.name!r}"
        for name, value in step.options.items():
            if name not in body.options:
                known = ", ".join(body.options) or "none"
                raise self.wrong(f"{what} has no option {name!r}; it has: {known}")
            wanted = body.options[name]
            if isinstance(value, str) and value.startswith("$"):
                self.reference(value)
                bounds = self.options[value[1:]]
                values = [bounds.default, bounds.minimum, bounds.maximum]
            else:
                values = [value]
            try:
                for possible in values:
                    if possible is not None:
                        wanted.settle(name, possible)
            except OptionError as error:
                raise self.wrong(str(error)) from None

    def count(self, what: str, given: int | str | None, limit: int) -> None:
        match given:
            case str(reference):
                self.reference(reference)
                option = self.options[reference[1:]]
                low, high = option.minimum, option.maximum
                whole = isinstance(option.default, int) and not isinstance(option.default, bool)
                if not whole or low is None or high is None or low < 0:
                    raise self.wrong(
                        f"{what} names {reference}, which must be a whole number with "
                        "minimum 0 or more and a maximum"
                    )
                if high > limit:
                    raise self.wrong(f"{what} may be {high}; the limit is {limit}")
            case int(number) if number < 1:
                raise self.wrong(f"{what} is {number}; it must be at least 1")
            case int(number) if number > limit:
                raise self.wrong(f"{what} is {number}; the limit is {limit}")

    def limits(self, step: StepText) -> None:
        for name in ("tokens", "calls", "seconds"):
            value = getattr(step.budget, name, None)
            if value is not None and not value > 0:
                raise self.wrong(f"budget {name} is {value}; it must be above 0")
        if step.sampling is None:
            return
        wish = step.sampling
        bounds: dict[str, tuple[float | None, float, float]] = {
            "temperature": (wish.temperature, 0, 2),
            "top_k": (wish.top_k, 0, 1_000_000),
            "top_p": (wish.top_p, 0, 1),
            "min_p": (wish.min_p, 0, 1),
            "max_tokens": (wish.max_tokens, 1, 1_000_000),
        }
        for name, (value, low, high) in bounds.items():
            if value is not None and not low <= value <= high:
                raise self.wrong(f"sampling {name} is {value}; it must be from {low} to {high}")

    def reference(self, reference: str) -> None:
        if not reference.startswith("$") or reference[1:] not in self.options:
            known = ", ".join(f"${name}" for name in self.options) or "none"
            raise self.wrong(f"{reference!r} is no option of this program; it has: {known}")


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else f"; there are: {', '.join(known)}"


def _located(message: str, source: str, lines: Lines) -> str:
    step = re.search(r"\$\.step\[(\d+)\]", message)
    place = f"{source}:{lines.step(int(step[1]))}" if step else source
    return f"{place}: {message}"
