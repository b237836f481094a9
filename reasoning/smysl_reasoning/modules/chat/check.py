"""check: the probability that the model gives, asked whether a derivation is right."""

from smysl_reasoning.dialects.chat import Part
from smysl_reasoning.modules.base import (
    CallShape,
    Checked,
    Chosen,
    Derived,
    Inputs,
    Planning,
    Settings,
)
from smysl_reasoning.modules.chat import talk
from smysl_reasoning.nodes import CheckData
from smysl_reasoning.thresholds import needed
from smysl_reasoning.workbench import CHOICE, Workbench, digest

LABEL = "check@1"
METHOD = "checker"
SYSTEM = """
You are a strict examiner. You are given a question and a solution. Go over the solution and decide whether its final
answer is right. Say Yes if it is and No if it is not, and nothing else.
"""
ASK = "\n\nIs the final answer right?"
OPTIONS = ("Yes", "No")


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Checked:
    winner = inputs.one("choice", Chosen).winner
    return Checked(None, None) if winner is None else await checked(bench, winner, "check")


async def checked(bench: Workbench, derived: Derived, name: str) -> Checked:
    """The model about one derivation, as a node called `name`; nothing where there is no room to ask."""
    solution = "\n".join([talk.derivation_text(derived), *talk.notes_at(bench, [derived.node])])
    about = talk.user(
        "Question:\n",
        Part("question", talk.question_of(bench, derived)),
        "\n\nSolution:\n",
        Part("solution", solution),
        ASK,
    )
    prompt = talk.prompt(bench, [talk.system(SYSTEM), about], thinking=False)
    if talk.no_room(bench, prompt):
        return Checked(None, None)
    draft = bench.draft(
        LABEL,
        [*talk.derivation_inputs("derivation", derived), *talk.asked_inputs(derived)],
        name=name,
        prompt=f"{digest(prompt)} {bench.thresholds.check}",
        sampling=CHOICE,
    )
    if node := await draft.reused():
        return Checked(node, node.data.probability if isinstance(node.data, CheckData) else None)
    draft.start("check")
    chosen = await talk.choose(bench, prompt, OPTIONS)
    probability, wanted = chosen.probabilities[0], bench.thresholds.check
    text = f"the model gives {probability:.1%} that this is right ({needed(wanted)})"
    data = CheckData(METHOD, probability, probability >= wanted)
    return Checked(await draft.finish("check", text, data, stats=chosen.stats), probability)


def shape(planning: Planning) -> list[CallShape]:
    return talk.shape(planning, SYSTEM, generates=1, fresh=150, thinking=False)
