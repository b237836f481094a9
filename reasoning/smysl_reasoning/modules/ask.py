"""ask: a question back to the person; the run waits until it is answered (`Runtime.answer`). The idea of clarifying
questions is that of Rao and Daume (2018); no model.

The time that a person takes counts in no budget of seconds. A run that is cut off while it waits asks again when it
goes on. Once answered the answer stands, as any node; an edit of the node is another answer.
"""

import asyncio

from smysl_reasoning.calls import WouldCall
from smysl_reasoning.errors import ProgramError
from smysl_reasoning.modules.base import (
    Asked,
    Chosen,
    Derived,
    Input,
    Inputs,
    Module,
    Option,
    Port,
    Settings,
    Written,
)
from smysl_reasoning.nodes import AskData, Node
from smysl_reasoning.workbench import Draft, Workbench


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Written:
    text = str(settings["text"]).strip()
    if not text:
        raise ProgramError("ask: option 'text' is empty; write what the person is asked")
    draft = bench.draft(
        MODULE.label,
        _inputs(inputs),
        name="question",
        # of this question only: what was answered elsewhere is no answer here
        prompt=f"{bench.desk.root} {text}",
    )
    node = await draft.reused() or await _answered(bench, draft, text)
    return Written(node, node.data.answer if isinstance(node.data, AskData) else node.text)


def _inputs(inputs: Inputs) -> list[Input]:
    asked = inputs.one("question", Asked)
    derived = inputs.maybe("derivation", Derived)
    choice = inputs.maybe("choice", Chosen)
    about = [Input("derivation", derived.node)] if derived else []
    if choice is not None and choice.winner is not None:
        about.append(Input("derivation", choice.winner.node))
    about += [Input("choice", choice.node)] if choice is not None and choice.node else []
    return [*asked.inputs, *about]


async def _answered(bench: Workbench, draft: Draft, text: str) -> Node:
    """Ask, and wait. Raises `WouldCall` where nobody may be asked."""
    if bench.desk.purpose == "replay":
        old = bench.desk.standing.at(bench.desk.root, draft.place)
        if old is not None and isinstance(old.node.data, AskData):
            return await draft.finish("question", old.node.text, old.node.data)
    if bench.desk.purpose != "write":
        raise WouldCall("only a run that writes asks a person")
    waiting = bench.desk.waiting
    draft.start("question")
    draft.grow(text)
    waiting[draft.id] = future = asyncio.get_running_loop().create_future()
    try:
        with bench.calls.clock.waiting():
            answer = await future
    finally:
        waiting.pop(draft.id, None)
    return await draft.finish("question", f"{text}\n{answer}", AskData(text, answer))


MODULE = Module(
    name="ask",
    version=1,
    summary="ask the person something and wait for the answer",
    inputs={
        "question": Port("question"),
        "derivation": Port("derivation", optional=True),
        "choice": Port("choice", optional=True),
    },
    output="text",
    run=run,
    options={"text": Option(default="What exactly do you mean?", help="what the person is asked")},
)
