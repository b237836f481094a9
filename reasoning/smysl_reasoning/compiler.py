"""Compiles a program for a question and the loaded model, pass by pass: parse, type, inline, lower, common prefixes,
waves, budgets.

Knows programs, dialects and what modules say of their calls; makes no call and writes nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from smysl_engines.base import EngineInfo
from smysl_reasoning.conditions import Condition, exhaustive
from smysl_reasoning.costs import Cost, step_key
from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.dialects.native import Question
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.flat import Flat, FlatStep, Scope, flatten
from smysl_reasoning.modules.base import CallShape, Module, Planning, Setting
from smysl_reasoning.plan import Pass, Plan, PlannedStep, Spent, Wave
from smysl_reasoning.prefixes import Prefixes
from smysl_reasoning.program import Program

ITEMS = 3
"""Items that a list is guessed to have, where only a run can tell."""


class Lowered(NamedTuple):
    """A step and the calls it will make."""

    step: FlatStep
    shapes: tuple[CallShape, ...]
    times: int
    """Branches or items: how often side by side."""


class Stopwatch:
    """Times the passes."""

    def __init__(self) -> None:
        self.passes: list[Pass] = []
        self._began = time.perf_counter()

    def done(self, name: str, result: str) -> None:
        now = time.perf_counter()
        self.passes.append(
            Pass(name=name, milliseconds=round((now - self._began) * 1000, 3), result=result)
        )
        self._began = time.perf_counter()


def compile_flat(
    program: Program,
    settings: Mapping[str, Setting],
    dialect: Dialect,
    info: EngineInfo,
    adapter: str | None = None,
) -> Flat:
    """What the executor walks; `adapter` is for the steps that name none. Raises `BadRequest` for a program that this
    model cannot run, and for an adapter that it does not have."""
    if adapter is not None:
        require_adapter(adapter, info)
    flat = flatten(program, settings, adapter)
    require(flat, dialect, info)
    return flat


def require_adapter(name: str, info: EngineInfo) -> None:
    """Raise `BadRequest` unless the loaded model has the adapter."""
    if name not in info.adapters:
        known = ", ".join(info.adapters) or "none"
        raise BadRequest(f"{info.model} has no adapter {name!r}; it has: {known}")


def require(flat: Flat, dialect: Dialect, info: EngineInfo) -> None:
    """Raise `BadRequest` unless the loaded model can run every step."""
    for step in flat.steps:
        where = f"program {flat.name!r}, step {step.name!r}"
        if isinstance(step.body, Flat):
            require(step.body, dialect, info)
        elif dialect.name not in step.body.dialects:
            speaks = " or ".join(sorted(step.body.dialects))
            raise BadRequest(
                f"{where}: module {step.body.name!r} needs a {speaks} model; {info.model} speaks {dialect.name}. "
                "Use another program (`smysl programs list`) or another model"
            )
        if step.adapter is not None:
            try:
                require_adapter(step.adapter, info)
            except BadRequest as error:
                raise BadRequest(f"{where}: {error}") from None
        if step.model is not None and step.model != info.model:
            raise BadRequest(
                f"{where}: it asks for the model {step.model!r}; this daemon has loaded {info.model!r}"
            )


def compile_plan(
    program: Program,
    settings: Mapping[str, Setting],
    question: Question,
    dialect: Dialect,
    info: EngineInfo,
    costs: Mapping[str, Cost],
    watch: Stopwatch | None = None,
    adapter: str | None = None,
) -> Plan:
    """The plan of a program for a question. `costs`: what steps and nodes have cost on this engine. `adapter`: for the
    steps that name none. Raises `BadRequest`."""
    watch = watch or Stopwatch()
    flat = compile_flat(program, settings, dialect, info, adapter)
    watch.done("inline", f"{len(flat.steps)} steps, {len(flat.aliases)} names of parts")
    lowered = lower(flat, question, dialect)
    prompts = sum(
        shape.number * shape.rounds * one.times for one in lowered for shape in one.shapes
    )
    watch.done("lower", f"{prompts} calls in the {dialect.name} dialect")
    waves = schedule(flat, lowered)
    estimates = share(lowered, waves, costs)
    total = _sum(estimates.values(), 0.0)
    percent = 100 * total.shared_tokens / max(1, total.prompt_tokens)
    watch.done(
        "prefixes",
        f"{total.shared_tokens} of {total.prompt_tokens} prompt tokens are shared ({percent:.0f} %)",
    )
    planned_waves = _waves(lowered, waves, estimates)
    watch.done("waves", f"{len(planned_waves)} waves, the widest of {_widest(planned_waves)} calls")
    maybe = uncertain(flat)
    scopes = {step.scope.name for step in flat.steps if step.scope is not None}
    watch.done("budgets", f"{len(scopes)} budgets inside the program")
    steps = tuple(
        PlannedStep(
            name=one.step.name,
            module=f"program {one.step.body.name}"
            if isinstance(one.step.body, Flat)
            else one.step.body.label,
            wave=waves[one.step.name],
            waits_for=tuple(one.step.sources),
            when=tuple(condition.text for condition in one.step.when),
            branches=one.step.branches,
            decided=one.step.decided and one.times > 1,
            foreach=one.step.foreach,
            adapter=one.step.adapter,
            budget=_budget(one.step.scope),
            estimate=estimates[one.step.name],
            certain=one.step.name not in maybe,
        )
        for one in lowered
    )
    certain = [step.estimate for step in steps if step.certain]
    return Plan(
        program=program.name,
        model=info.model,
        dialect=dialect.name,
        question_tokens=dialect.length(question),
        steps=steps,
        waves=planned_waves,
        certain=_sum(certain, _seconds(steps, certain_only=True)),
        most=_sum(estimates.values(), _seconds(steps, certain_only=False)),
        passes=tuple(watch.passes),
        measured=any(_known(one, costs) for one in lowered),
    )


# ------------------------------------------------------------ passes


def lower(flat: Flat, question: Question, dialect: Dialect) -> list[Lowered]:
    """Every step with its calls: prompts as token ids as far as they are known."""
    counts: dict[str, int] = {name: 1 for name in flat.inputs}
    lowered = []
    for step in flat.steps:
        ports = {
            port: sum(_count(flat, name, counts) for name in names)
            for port, names in step.inputs.items()
        }
        items = _count(flat, step.foreach, counts) if step.foreach else None
        times = items if items is not None else 1 if step.branches is None else step.branches
        counts[step.name] = times
        if isinstance(step.body, Flat):
            shapes = tuple(
                shape._replace(number=shape.number * inner.times)
                for inner in lower(step.body, question, dialect)
                for shape in inner.shapes
            )
        else:
            counts[step.name] = times * (ITEMS if step.body.many else 1)
            planning = Planning(question, dialect, step.settings, ports)
            shapes = tuple(step.body.shape(planning)) if step.body.shape else ()
        lowered.append(Lowered(step, shapes, times))
    return lowered


def schedule(flat: Flat, lowered: list[Lowered]) -> dict[str, int]:
    """Step -> the wave in which its first call runs: as early as what it waits for allows."""
    ends: dict[str, int] = {}
    waves: dict[str, int] = {}
    for one in lowered:
        before = [
            ends[end] for name in one.step.sources for end in flat.resolved(name) if end in ends
        ]
        ready = max(before, default=0)
        rounds = sum(shape.rounds for shape in one.shapes)
        if one.step.sequential:
            rounds *= one.times
        waves[one.step.name] = ready + 1 if rounds else ready
        ends[one.step.name] = ready + rounds
    return waves


def share(
    lowered: list[Lowered], waves: Mapping[str, int], costs: Mapping[str, Cost]
) -> dict[str, Spent]:
    """What every step will cost. Calls of a wave are taken by adapter and prompt, so that what they share is computed
    once and adapters change least."""
    trees: dict[str | None, Prefixes] = {}
    found: dict[str, Spent] = {}
    for one in sorted(lowered, key=lambda one: (waves[one.step.name], one.step.adapter or "")):
        tree = trees.setdefault(one.step.adapter, Prefixes())
        calls = prompt = shared = generated = 0
        for shape in one.shapes:
            number = one.times * shape.number * shape.rounds
            if not number:
                continue
            length = len(shape.prompt) + shape.grows + shape.fresh
            calls += number
            prompt += number * length
            generated += number * shape.generates
            known = tree.add(shape.prompt)
            # the first call computes what is new; the others of the same prompt find it there
            shared += known + shape.grows
            shared += (number - 1) * (len(shape.prompt) + shape.grows)
        cost = _known(one, costs)
        seconds = 0.0
        if cost is not None and calls:
            # past runs know better how often it calls; what a call shares stays as it was found
            often = cost.calls * one.times / calls
            calls, prompt, shared = (round(often * count) for count in (calls, prompt, shared))
            generated = round(cost.tokens * one.times)
            seconds = cost.milliseconds / 1000 * (one.times if one.step.sequential else 1)
        found[one.step.name] = Spent(
            calls=calls,
            prompt_tokens=prompt,
            shared_tokens=shared,
            generated_tokens=generated,
            seconds=round(seconds, 4),
        )
    return found


def uncertain(flat: Flat) -> set[str]:
    """Steps that a run may pass over."""
    runs: dict[str, tuple[Condition, ...]] = {name: () for name in flat.inputs}
    """Step -> the conditions that it takes to run, where nothing else may be in the way."""

    def there(names: Sequence[str], given: set[str]) -> bool:
        """Whether one of them has a value wherever these conditions hold."""
        ends = [end for name in names for end in flat.resolved(name)]
        ways = [runs[end] for end in ends if end in runs]
        return any({one.text for one in way} <= given for way in ways) or exhaustive(ways)

    for step in flat.steps:
        needed = [
            names
            for port, names in step.inputs.items()
            if names and not (isinstance(step.body, Module) and step.body.inputs[port].optional)
        ]
        needed += [(step.foreach,)] if step.foreach else []
        needed += [(reference.step,) for one in step.when for reference in one.references()]
        given = {one.text for one in step.when}
        if all(there(names, given) for names in needed):
            runs[step.name] = step.when
    return {step.name for step in flat.steps if runs.get(step.name) != ()}


# ------------------------------------------------------------ parts


def _count(flat: Flat, name: str, counts: Mapping[str, int]) -> int:
    return max((counts.get(end, 1) for end in flat.resolved(name)), default=1)


def _known(one: Lowered, costs: Mapping[str, Cost]) -> Cost | None:
    if isinstance(one.step.body, Flat):
        return None
    return costs.get(step_key(one.step.body.label))


def _waves(
    lowered: list[Lowered], waves: Mapping[str, int], estimates: Mapping[str, Spent]
) -> tuple[Wave, ...]:
    calling = [one for one in lowered if one.shapes]
    numbers = sorted({waves[one.step.name] for one in calling})
    found = []
    for number in numbers:
        here = [one for one in calling if waves[one.step.name] == number]
        here.sort(key=lambda one: one.step.adapter or "")
        spent = [estimates[one.step.name] for one in here]
        found.append(
            Wave(
                number=number,
                steps=tuple(one.step.name for one in here),
                adapters=tuple(dict.fromkeys(one.step.adapter or "" for one in here)),
                estimate=_sum(spent, max(one.seconds for one in spent)),
            )
        )
    return tuple(found)


def _widest(waves: tuple[Wave, ...]) -> int:
    return max((wave.estimate.calls for wave in waves), default=0)


def _seconds(steps: tuple[PlannedStep, ...], *, certain_only: bool) -> float:
    """Steps of a wave run side by side."""
    waves: dict[int, float] = {}
    for step in steps:
        if step.certain or not certain_only:
            waves[step.wave] = max(waves.get(step.wave, 0.0), step.estimate.seconds)
    return math.fsum(waves.values())


def _sum(spent: Iterable[Spent], seconds: float) -> Spent:
    every = list(spent)
    return Spent(
        calls=sum(one.calls for one in every),
        prompt_tokens=sum(one.prompt_tokens for one in every),
        shared_tokens=sum(one.shared_tokens for one in every),
        generated_tokens=sum(one.generated_tokens for one in every),
        seconds=round(seconds, 4),
    )


def _budget(scope: Scope | None) -> str | None:
    if scope is None:
        return None
    parts = [
        f"{value:g} {name}"
        for name, value in msgspec.structs.asdict(scope.budget).items()
        if value is not None
    ]
    return f"{scope.name}: {', '.join(parts)}"
