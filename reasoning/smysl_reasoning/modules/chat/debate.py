"""debate: the model sees its own derivation as its earlier reply, then those of the others, and answers again."""

from smysl_reasoning.dialects.chat import Part
from smysl_reasoning.modules.base import (
    Asked,
    CallShape,
    Derived,
    Inputs,
    Planning,
    Settings,
)
from smysl_reasoning.modules.chat import answering, talk
from smysl_reasoning.workbench import Workbench

LABEL = "debate@1"
OTHERS = "These are the solutions of other solvers:"
AGAIN = """
Compare them with your own. Where they differ, find out which step is wrong and whose it is. Then solve the problem
again, step by step, and finish with the line that begins with "Answer:".
"""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    own = inputs.maybe("own", Derived)
    mine = own.node.id if own else ""
    others = [one for one in inputs.many("others", Derived) if one.node.id != mine]
    texts = talk.pieces(bench, asked, [*([own] if own else []), *others])
    messages = [talk.system(answering.SYSTEM), talk.user(talk.question(asked))]
    if own is not None:
        messages.append(talk.assistant(texts.pop(0)))
    parts: list[Part | str] = [OTHERS]
    for number, text in enumerate(texts, 1):
        parts += [f"\n\n[{number}] ", Part(f"derivation {number}", text)]
    parts += ["\n\n", AGAIN.strip()]
    if own is not None:
        messages.append(talk.user(*parts))
    else:
        # nothing was said yet: both go into one message, since sides take turns
        messages[-1] = talk.user(talk.question(asked), "\n\n", *parts)
    rests = talk.derivation_inputs("own", own) if own else []
    rests += [one for derived in others for one in talk.derivation_inputs("other", derived)]
    return await answering.folded(
        bench,
        LABEL,
        messages,
        [*asked.inputs, *rests],
        asked.inputs,
        temperature=float(settings["temperature"]),
    )


def shape(planning: Planning) -> list[CallShape]:
    others = planning.counts.get("others", 0) + planning.counts.get("own", 0)
    return talk.shape(planning, answering.SYSTEM, generates=150, fresh=150 * others)
