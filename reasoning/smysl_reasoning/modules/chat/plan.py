"""plan: in a few lines, how a question is to be gone about; greedy."""

from smysl_reasoning.modules.base import Asked, CallShape, Inputs, Planned, Planning, Settings
from smysl_reasoning.modules.chat import talk
from smysl_reasoning.nodes import ReplyData
from smysl_reasoning.workbench import Workbench

LABEL = "plan@1"
SYSTEM = """
You plan how a problem is to be solved. Write a short numbered list of the steps to take, at most six, without
carrying them out and without giving the answer.
"""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Planned:
    asked = inputs.one("question", Asked)
    if not settings["outline"]:
        return Planned(asked.node, None)
    prompt = talk.prompt(
        bench, [talk.system(SYSTEM), talk.user(talk.question(asked))], thinking=False
    )
    draft = bench.draft(
        LABEL,
        asked.inputs,
        name="plan",
        prompt=prompt,
        sampling=talk.sampling(bench, talk.SHORT_TOKENS, thinking=False),
    )
    node = await draft.reused()
    if node is None:
        reply = await talk.reply(bench, draft, prompt, "plan", thinking=False)
        node = await draft.finish(
            "plan",
            reply.said or reply.problem or "the model said nothing",
            ReplyData(None, reply.thinking),
            stats=reply.stats,
            status="done" if reply.said else "failed",
        )
    return Planned(node, None, draft.held)


def shape(planning: Planning) -> list[CallShape]:
    if not planning.settings["outline"]:
        return []
    return talk.shape(planning, SYSTEM, generates=60, thinking=False)
