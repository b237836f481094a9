"""remember: writes a verified answer down, for `recall` in other sessions (after the memory stream of Park et al.,
"Generative Agents", 2023); no model.
"""

from smysl_reasoning.modules.base import (
    Asked,
    Input,
    Inputs,
    Module,
    Outcome,
    Port,
    Settings,
    Written,
)
from smysl_reasoning.nodes import MemoryData
from smysl_reasoning.workbench import Workbench


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Written | None:
    asked = inputs.one("question", Asked)
    outcome = inputs.one("outcome", Outcome)
    if outcome.verdict != "verified" or outcome.answer is None or outcome.derived is None:
        return None
    draft = bench.draft(
        MODULE.label,
        [*asked.inputs, Input("answer", outcome.derived.node)],
        name="memory",
        prompt=outcome.answer,
    )
    node = await draft.reused()
    if node is None:
        question = asked.told.text
        data = MemoryData(question, outcome.answer)
        node = await draft.finish("memory", f"{question}\nAnswer: {outcome.answer}", data)
    return Written(node, node.text)


MODULE = Module(
    name="remember",
    version=1,
    summary="keep a verified answer for other sessions",
    inputs={"question": Port("question"), "outcome": Port("outcome")},
    output="text",
    run=run,
    effect=True,
)
