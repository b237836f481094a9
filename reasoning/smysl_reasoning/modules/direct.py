"""direct: the answer at once, by one greedy call."""

from smysl_reasoning.answers import normalise
from smysl_reasoning.dialects.native import Unreadable
from smysl_reasoning.modules.base import (
    Asked,
    CallShape,
    Derived,
    Inputs,
    Module,
    Planning,
    Port,
    Settings,
    shaped,
    spoken,
)
from smysl_reasoning.modules.chat import direct as chat_direct
from smysl_reasoning.nodes import AnswerData
from smysl_reasoning.workbench import Workbench, line_stats

UNKNOWN = "unknown"
"""What a model is trained to answer when the question lies outside."""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    prompt = bench.dialect.question(asked.told, "direct")
    sampling = bench.line_sampling()
    draft = bench.draft(MODULE.label, asked.inputs, name="answer", prompt=prompt, sampling=sampling)
    node = await draft.reused()
    if node is None:
        draft.start("answer")
        line = await bench.line(prompt, draft)
        stats = line_stats(line)
        try:
            answer = normalise(bench.dialect.read_direct(line.ids))
        except Unreadable as error:
            node = await draft.finish("answer", str(error), None, stats=stats, status="failed")
        else:
            node = await draft.finish("answer", answer, AnswerData(answer), stats=stats)
    value = node.data.value if isinstance(node.data, AnswerData) else None
    if value == UNKNOWN:
        return Derived(node, None, None, outside=True)
    return Derived(node, value, None, confidence=node.stats.confidence, held=draft.held)


def _shape(planning: Planning) -> list[CallShape]:
    prompt = planning.native().question(planning.question, "direct")
    return [CallShape(tuple(prompt), generates=4)]


MODULE = Module(
    name="direct",
    version=1,
    summary="answer at once",
    inputs={"question": Port("question")},
    output="derivation",
    run=spoken(native=run, chat=chat_direct.run),
    shape=shaped(native=_shape, chat=chat_direct.shape),
)
