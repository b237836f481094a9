"""compute: the exact value of a step; no model."""

from typing import NamedTuple

from smysl_reasoning.compute import ComputeError, Unit, evaluate, parse_value
from smysl_reasoning.derivation import Derivation, with_values
from smysl_reasoning.dialects.native import Thought
from smysl_reasoning.modules.base import Input
from smysl_reasoning.nodes import ComputedData, Node
from smysl_reasoning.workbench import Workbench

LABEL = "compute@2"


class Computed(NamedTuple):
    """The node of a step's value."""

    node: Node
    sound: bool
    """False beside a failed node: the step has no value."""
    held: bool
    """A person wrote or pinned the value."""


async def value_of(
    bench: Workbench, derivation: Derivation, thought: Thought, inputs: list[Input], number: int
) -> Computed:
    """Add the step to `derivation` and write the node of its value. `number` counts the thoughts of
    the derivation."""
    slot = derivation.next_slot
    # the same words may come twice: the slot they fill is part of the value
    prompt = f"n{slot} = {thought.text}"
    draft = bench.draft(LABEL, inputs, name=f"value {number}", prompt=prompt)
    shown = with_values(thought.text, derivation.values)
    standing = await draft.reused()
    if standing is not None and draft.held and isinstance(standing.data, ComputedData):
        derivation.add(thought, parse_value(standing.data.value, _unit(thought, derivation)))
        return Computed(standing, True, True)
    try:
        value = derivation.add(thought)
    except ComputeError as error:
        failed = standing or await draft.finish("computed", str(error), None, status="failed")
        return Computed(failed, False, False)
    if standing is None:
        data = ComputedData(str(value), slot)
        standing = await draft.finish("computed", f"{shown} = {value}", data)
    return Computed(standing, True, False)


def _unit(thought: Thought, derivation: Derivation) -> Unit:
    """What the value would be of, were it not a person's."""
    try:
        return evaluate(thought.text, derivation.values).unit
    except ComputeError:
        return "number"
