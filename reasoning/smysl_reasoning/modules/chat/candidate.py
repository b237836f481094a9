"""candidate: a whole derivation folded into one node; sampled, or of the question put in other words first."""

from smysl_reasoning.hopeless import least
from smysl_reasoning.modules.base import Asked, CallShape, Derived, Inputs, Planning, Settings
from smysl_reasoning.modules.chat import answering, talk
from smysl_reasoning.workbench import Workbench

LABEL = "candidate@1"
REWORD = """
First say in one line, in words of your own, what is given and what is asked. Then solve it.
"""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    reword = f"\n\n{REWORD.strip()}" if settings["reword"] else ""
    messages = [talk.system(answering.SYSTEM), talk.user(talk.question(asked), reword)]
    warm = float(settings["temperature"])
    wanted = least(float(settings["hopeless"]), bench.thresholds.hopeless_candidate)
    return await answering.folded(
        bench,
        LABEL,
        messages,
        asked.inputs,
        asked.inputs,
        temperature=warm,
        hopeless=wanted if warm else 0.0,
    )


def shape(planning: Planning) -> list[CallShape]:
    return talk.shape(planning, answering.SYSTEM, generates=150)
