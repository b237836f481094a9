"""direct: the answer at once, by one greedy call."""

from smysl_reasoning.modules.base import Asked, CallShape, Derived, Inputs, Planning, Settings
from smysl_reasoning.modules.chat import answering, talk
from smysl_reasoning.nodes import ReplyData
from smysl_reasoning.workbench import Workbench

LABEL = "direct@1"
SYSTEM = """
Answer the question directly, without showing how you got there. Be as short as the question allows: a bare number
where a number is asked for.
"""


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Derived:
    asked = inputs.one("question", Asked)
    messages = [talk.system(SYSTEM), talk.user(talk.question(asked))]
    prompt = talk.prompt(bench, messages, thinking=False)
    draft = bench.draft(
        LABEL,
        asked.inputs,
        name="answer",
        prompt=prompt,
        sampling=talk.sampling(bench, talk.SHORT_TOKENS, thinking=False),
    )
    node = await draft.reused()
    if node is None:
        reply = await talk.reply(bench, draft, prompt, "answer", thinking=False)
        text = _answer(reply.said)
        value = answering.value_of(text) or None
        node = await draft.finish(
            "answer",
            text or reply.problem or "the model said nothing",
            ReplyData(value, reply.thinking),
            stats=reply.stats,
            status="done" if value is not None else "failed",
        )
    return answering.recalled(node, asked.inputs)._replace(held=draft.held)


def _answer(said: str) -> str:
    """A reply of one line may say `Answer: 12`."""
    found = answering.ANSWER.match(said) if "\n" not in said else None
    return answering.plain(found["answer"]) if found else said


def shape(planning: Planning) -> list[CallShape]:
    return talk.shape(planning, SYSTEM, generates=20, thinking=False)
