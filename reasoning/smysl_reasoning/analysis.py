"""Puts what a run came to beside the estimates of its plan.

Knows plans and meters; never how either came about.
"""

from collections.abc import Mapping

import msgspec

from smysl_reasoning.events import RunFinished
from smysl_reasoning.plan import Plan, PlannedStep, Spent
from smysl_reasoning.workbench import Meter


def analysed(plan: Plan, meters: Mapping[str, Meter], finished: RunFinished) -> Plan:
    """The plan with what every step, and the whole, has cost."""
    return msgspec.structs.replace(
        plan,
        steps=tuple(_step(step, meters) for step in plan.steps),
        actual=Spent(
            calls=finished.calls,
            prompt_tokens=finished.prompt_tokens,
            shared_tokens=finished.cached_tokens,
            generated_tokens=finished.generated_tokens,
            seconds=finished.seconds,
        ),
        answer=finished.answer,
        verdict=finished.verdict,
        session=finished.session,
    )


def _step(step: PlannedStep, meters: Mapping[str, Meter]) -> PlannedStep:
    # of a step that runs a program for each item, the parts' names begin with its own
    own = [
        meter.calls
        for name, meter in meters.items()
        if name == step.name or name.startswith(f"{step.name}.")
    ]
    actual = Spent(
        calls=sum(calls.usage.calls for calls in own),
        prompt_tokens=sum(calls.usage.prompt_tokens for calls in own),
        shared_tokens=sum(calls.usage.cached_tokens for calls in own),
        generated_tokens=sum(calls.usage.generated_tokens for calls in own),
        seconds=round(max((calls.seconds for calls in own), default=0.0), 4),
    )
    return msgspec.structs.replace(step, actual=actual, ran=bool(own))
