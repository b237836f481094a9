"""synthesize: reads every derivation, of the question or of its parts, and answers the question."""

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

LABEL = "synthesize@1"
SYSTEM = """
You are given a question and work that others have done on it: whole attempts, or answers to parts of it. Parts build
on each other; attempts may contradict each other, and any of it may be wrong. Weigh it, then answer the question
yourself in a few steps, each on a line of its own. Finish with one line that begins with "Answer:" and holds the final
answer alone: a bare number where a number is asked for, otherwise as few words as the question allows.
"""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    work = inputs.many("derivations", Derived)
    parts: list[Part | str] = [talk.question(asked)]
    for number, text in enumerate(talk.pieces(bench, asked, work), 1):
        parts += [f"\n\n[{number}] ", Part(f"derivation {number}", text)]
    messages = [talk.system(SYSTEM), talk.user(*parts)]
    rests = [one for derived in work for one in talk.derivation_inputs("work", derived)]
    found = await answering.folded(
        bench,
        LABEL,
        messages,
        [*asked.inputs, *rests],
        asked.inputs,
        temperature=float(settings["temperature"]),
    )
    return found._replace(held=found.held or any(one.held for one in work))


def shape(planning: Planning) -> list[CallShape]:
    fresh = 150 * planning.counts.get("derivations", 0)
    return talk.shape(planning, SYSTEM, generates=120, fresh=fresh)
