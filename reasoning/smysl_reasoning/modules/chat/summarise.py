"""summarise: one greedy call, in plain words."""

from smysl_reasoning.modules.base import Asked, CallShape, Inputs, Planning, Settings, Written
from smysl_reasoning.modules.chat import talk
from smysl_reasoning.workbench import Workbench

LABEL = "summarise@1"
SYSTEM = """
Summarise the text that you are given in at most {sentences} sentences. Keep every number and name that matters. Answer
no question in it and add nothing of your own.
"""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Written:
    asked = inputs.one("question", Asked)
    instruction = SYSTEM.format(sentences=settings["sentences"])
    messages = [talk.system(instruction), talk.user(talk.question(asked))]
    return await talk.written(bench, LABEL, messages, asked.inputs, name="summary")


def shape(planning: Planning) -> list[CallShape]:
    instruction = SYSTEM.format(sentences=planning.settings["sentences"])
    return talk.shape(planning, instruction, generates=80, thinking=False)
