"""recall: what the memory holds about the words of a question; no model. See `memory` for what falls and why.

What was recalled once stands until the memory says otherwise: a later walk of the same question reads it again and does
not search anew. What this session has remembered itself is not recalled in it.
"""

import asyncio

from smysl_reasoning.ids import MEMORY
from smysl_reasoning.memory.values import Pull
from smysl_reasoning.modules.base import Asked, Inputs, Module, Option, Port, Settings, Written
from smysl_reasoning.nodes import Node, Recalled, RecalledData
from smysl_reasoning.workbench import Draft, Workbench


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Written | None:
    asked = inputs.one("question", Asked)
    limit = int(settings["limit"])
    desk = bench.desk
    draft = bench.draft(MODULE.label, asked.inputs, name="memory", prompt=f"{limit} {desk.root}")
    # what the memory says is no input that the recipe knows of: elsewhere it may have said something else
    node = await draft.reused(elsewhere=False)
    if node is None and desk.purpose == "replay":
        node = await _again(bench, draft)
        return None if node is None else Written(node, node.text)
    if node is None:
        text, source = asked.told.text, f"run {desk.session}"
        pulls = await asyncio.to_thread(desk.memory.pull, text, limit, apart=source)
        if not pulls:
            return None
        text = "\n\n".join(pull.text for pull in pulls)
        node = await draft.finish("memory", text, RecalledData(tuple(map(_recalled, pulls))))
        if desk.purpose == "write":
            uses = [(pull.memory, node.id) for pull in pulls]
            await asyncio.to_thread(desk.memory.note_uses, uses, desk.session)
    return Written(node, node.text)


def _recalled(pull: Pull) -> Recalled:
    way = tuple(hop.memory for hop in pull.path) if len(pull.path) > 1 else ()
    return Recalled(MEMORY, pull.memory, pull.text, way)


async def _again(bench: Workbench, draft: Draft) -> Node | None:
    """What stands in the branch that is replayed: the memories of today are not those of then."""
    old = bench.desk.standing.at(bench.desk.root, draft.place)
    if old is None:
        return None
    return await draft.finish("memory", old.node.text, old.node.data)


MODULE = Module(
    name="recall",
    version=2,
    summary="find what the memory holds about a question",
    inputs={"question": Port("question")},
    output="text",
    run=run,
    options={"limit": Option(default=3, minimum=1, maximum=20, help="most memories")},
)
