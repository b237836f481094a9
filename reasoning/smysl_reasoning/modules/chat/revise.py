"""revise: the model sees its derivation as its earlier reply, then what was said against it, and derives again."""

from smysl_reasoning.dialects.chat import Part
from smysl_reasoning.modules.base import (
    Asked,
    CallShape,
    Critiqued,
    Derived,
    Input,
    Inputs,
    Planning,
    Settings,
)
from smysl_reasoning.modules.chat import answering, talk
from smysl_reasoning.workbench import Workbench

LABEL = "revise@1"
FOUND = "A reviewer says of this:\n"
FIRST = "\n\nThe first line that is doubted is:\n"
AGAIN = """

Keep what is right and solve the problem again, step by step. Finish with the line that begins with "Answer:".
"""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    critique = inputs.one("critique", Critiqued)
    before = critique.derived
    if critique.passed:
        return before
    (text,) = talk.pieces(bench, asked, [before])
    lines = talk.derivation_text(before).splitlines()
    doubted = critique.step is not None and critique.step < len(lines)
    first = lines[critique.step] if doubted and critique.step is not None else ""
    where = [Part("instruction", FIRST), Part("step", first)] if first else []
    messages = [
        talk.system(answering.SYSTEM),
        talk.user(talk.question(asked)),
        talk.assistant(text),
        talk.user(
            FOUND,
            Part("critique", critique.text or "it is not sure to be right"),
            *where,
            AGAIN,
        ),
    ]
    rests = [*asked.inputs, *talk.derivation_inputs("revises", before)]
    rests += [Input("critique", critique.node)] if critique.node else []
    return await answering.folded(
        bench,
        LABEL,
        messages,
        rests,
        asked.inputs,
        temperature=float(settings["temperature"]),
    )


def shape(planning: Planning) -> list[CallShape]:
    return talk.shape(planning, answering.SYSTEM, generates=150, fresh=200)
