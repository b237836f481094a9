"""answer: what the run answers: the chosen derivation's own answer node, or a new one that says
whose it is; no model."""

from smysl_reasoning.modules.base import (
    Chosen,
    Input,
    Inputs,
    Judged,
    Module,
    Outcome,
    Port,
    Settings,
)
from smysl_reasoning.nodes import AnswerData
from smysl_reasoning.workbench import Workbench


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Outcome:
    return await conclude(bench, inputs.one("choice", Chosen), inputs.one("verdict", Judged))


async def conclude(bench: Workbench, choice: Chosen, judged: Judged) -> Outcome:
    """The outcome, with an answer node unless there is one or the verdict stands by none."""
    winner = choice.winner
    if winner is None or winner.answer is None or judged.verdict == "failed":
        return Outcome(None, judged.verdict, judged.confidence, judged.message)
    text = winner.said or winner.answer
    if winner.node.kind == "answer":
        text = winner.node.text
        return Outcome(text, judged.verdict, judged.confidence, judged.message, winner)
    inputs = [Input("derivation", winner.node)]
    inputs += [Input("choice", choice.node)] if choice.node else []
    if choice.outvoted and choice.main is not None:
        inputs.append(Input("instead of", choice.main.node))
    draft = bench.draft(MODULE.label, inputs, name="answer")
    node = await draft.reused() or await draft.finish("answer", text, AnswerData(winner.answer))
    return Outcome(node.text, judged.verdict, judged.confidence, judged.message, winner)


MODULE = Module(
    name="answer",
    version=1,
    summary="state the chosen derivation's answer",
    inputs={"choice": Port("choice"), "verdict": Port("verdict")},
    output="outcome",
    run=run,
)
