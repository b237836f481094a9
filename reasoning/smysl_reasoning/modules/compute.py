"""compute: the exact value of a step; no model."""

from smysl_reasoning.compute import ComputeError
from smysl_reasoning.derivation import Derivation, with_values
from smysl_reasoning.dialects.native import Thought
from smysl_reasoning.modules.base import Input
from smysl_reasoning.nodes import ComputedData, Node
from smysl_reasoning.workbench import Workbench

LABEL = "compute@1"


async def value_of(
    bench: Workbench, derivation: Derivation, thought: Thought, inputs: list[Input]
) -> tuple[Node, bool]:
    """Add the step to `derivation` and write the node of its value; False beside a failed node when
    it has none."""
    draft = bench.draft(LABEL, inputs, prompt=thought.text)
    shown = with_values(thought.text, derivation.values)
    slot = len(derivation.values)
    try:
        value = derivation.add(thought)
    except ComputeError as error:
        node = await draft.reused()
        return node or await draft.finish("computed", str(error), None, status="failed"), False
    if node := await draft.reused():
        return node, True
    return await draft.finish(
        "computed", f"{shown} = {value}", ComputedData(str(value), slot)
    ), True
