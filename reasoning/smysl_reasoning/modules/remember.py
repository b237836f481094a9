"""remember: writes a verified answer down and keeps it in the memory, for other sessions (after the memory stream of
Park et al., "Generative Agents", 2023); no model.

It is kept when it is found out, once: what a person has forgotten since does not come back because the session is
walked again.
"""

import asyncio

from smysl_reasoning.ids import MEMORY
from smysl_reasoning.memory.memory import TEXT_LIMIT_BYTES
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
from smysl_reasoning.nodes import MemoryData, PulledData, RecalledData
from smysl_reasoning.notes import told
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
        question = _question(bench, asked)
        data = MemoryData(question, outcome.answer)
        text = f"{question}\nAnswer: {outcome.answer}"
        draft.start("memory")
        desk = bench.desk
        if desk.purpose == "write" and len(text.encode()) <= TEXT_LIMIT_BYTES:
            # first: a crash between the two is made good by the next walk, which finds the same words kept
            await asyncio.to_thread(
                desk.memory.remember, text, data, desk.session, draft.id, _recalled(bench)
            )
        node = await draft.finish("memory", text, data)
    return Written(node, node.text)


def _question(bench: Workbench, asked: Asked) -> str:
    """With what a person has noted at it, without what it holds of the memory: that is linked to it."""
    about = [one for one in (asked.context, asked.node) if one]
    notes = [note.text for one in about for note in bench.notes(one) if note.kind == "note"]
    return told(bench.desk.dialect, asked.question, notes).text


def _recalled(bench: Workbench) -> list[str]:
    """The memories that this run has had before it."""
    desk = bench.desk
    nodes = [*bench.desk.standing.notes(desk.root), *desk.made.values()]
    found: dict[str, None] = {}
    for node in nodes:
        match node.data:
            case PulledData(memory):
                found[memory] = None
            case RecalledData(recalled):
                found |= {one.node: None for one in recalled if one.session == MEMORY}
    return list(found)


MODULE = Module(
    name="remember",
    version=1,
    summary="keep a verified answer for other sessions",
    inputs={"question": Port("question"), "outcome": Port("outcome")},
    output="text",
    run=run,
    effect=True,
)
