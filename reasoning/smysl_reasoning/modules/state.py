"""state: texts as a program's answer: a summary, a JSON object, what a person said; no model.

Nothing checks a text, so that it is never verified and has no confidence. A program that can be asked and ends in a
text gets this step by itself (`checking`).
"""

from smysl_reasoning.answers import normalise
from smysl_reasoning.modules.base import (
    Derived,
    Input,
    Inputs,
    Module,
    Outcome,
    Port,
    Settings,
    Written,
)
from smysl_reasoning.nodes import AnswerData
from smysl_reasoning.workbench import Workbench


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Outcome:
    texts = [one for one in inputs.many("texts", Written) if one.text.strip()]
    if not texts:
        return Outcome(None, "failed", None, "not confident: there is no text to answer with")
    draft = bench.draft(MODULE.label, [Input("text", one.node) for one in texts], name="answer")
    node = await draft.reused()
    if node is None:
        text = "\n\n".join(one.text for one in texts)
        node = await draft.finish("answer", text, AnswerData(normalise(text)))
    value = node.data.value if isinstance(node.data, AnswerData) else normalise(node.text)
    derived = Derived(node, value, None, held=draft.held)
    return Outcome(node.text, "unverified", None, "a text, which nothing checks", derived)


MODULE = Module(
    name="state",
    version=1,
    summary="answer with a text, which nothing verifies",
    inputs={"texts": Port("text", many=True)},
    output="outcome",
    run=run,
)
