"""A program compiled for a question, as an indented tree: waves, the steps in each, their cost.

Pure.
"""

import textwrap
from collections.abc import Iterable

from smysl_daemon.shapes import PlannedStepView, PlanView, SpentView

GUTTER = "├└│+`| "
_DRAWN_ON = str.maketrans("├└+`", "│ | ")
"""What stands below each sign of the tree."""


def plan_tree(plan: PlanView, *, unicode: bool = True) -> list[str]:
    tee, elbow, bar = ("├ ", "└ ", "│ ") if unicode else ("+ ", "` ", "| ")
    source = "from earlier runs" if plan.measured else "guessed: nothing like it ran yet"
    lines = [f"{plan.program} on {plan.model}, about {spent(plan.certain)} ({source})"]
    steps = {step.name: step for step in plan.steps}
    placed = {name for wave in plan.waves for name in wave.steps}
    for place, wave in enumerate(plan.waves):
        last = place == len(plan.waves) - 1
        lines.append(f"{elbow if last else tee}wave {wave.number}: {spent(wave.estimate)}")
        names = [name for name in wave.steps if name in steps]
        names += [
            step.name for step in plan.steps if step.wave == wave.number and step.name not in placed
        ]
        for number, name in enumerate(names):
            under = "  " if last else bar
            lines.append(under + (elbow if number == len(names) - 1 else tee) + _step(steps[name]))
    if plan.most != plan.certain:
        lines.append(f"at most {spent(plan.most)}")
    return lines


def _step(step: PlannedStepView) -> str:
    parts = [step.name, step.module]
    most = "at most " * step.decided
    parts += [f"{most}{step.branches} branches"] if step.branches else []
    parts += [f"for each of {step.foreach}"] if step.foreach else []
    parts += [f"when {' and '.join(step.when)}"] if step.when else []
    parts += [f"after {', '.join(step.waits_for)}"] if step.waits_for else []
    parts += [f"adapter {step.adapter}"] if step.adapter else []
    if step.estimate.calls:
        parts.append(spent(step.estimate))
    return ", ".join(parts)


def spent(cost: SpentView) -> str:
    tokens = cost.prompt_tokens - cost.shared_tokens + cost.generated_tokens
    return f"{cost.calls} calls, {tokens} tokens, {cost.seconds:.2f} s"


def wrapped(lines: Iterable[str], width: int) -> list[str]:
    """A tree in lines of at most so many columns; what goes on stands under its own words, and the
    tree beside it is drawn on."""
    found: list[str] = []
    for line in lines:
        words = line.lstrip(GUTTER)
        gutter = line[: len(line) - len(words)]
        on = gutter.translate(_DRAWN_ON) + "  " * bool(gutter)
        parts = textwrap.wrap(words, max(width - len(on), 10)) or [""]
        found += [gutter + parts[0], *(on + part for part in parts[1:])]
    return found
