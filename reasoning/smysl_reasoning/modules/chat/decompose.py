"""decompose: one call lists the simpler questions; each is a node of its own, which a person may correct or note at."""

import re

from smysl_engines.base import BadCall
from smysl_reasoning.dialects.native import Question
from smysl_reasoning.errors import TakenOut
from smysl_reasoning.modules.base import Asked, CallShape, Input, Inputs, Planning, Settings
from smysl_reasoning.modules.chat import talk
from smysl_reasoning.nodes import Node, ReplyData, Stats, StepData
from smysl_reasoning.workbench import Draft, Workbench

LABEL = "decompose@1"
SYSTEM = """
You break a hard problem into simpler questions. Write them as a numbered list, at most {most}, each on a line of its
own. Order them so that each can be answered with the answers before it. Do not answer them, and do not repeat the
problem itself.
"""
TOLD = "{whole}\n\nAnswer only this question about it:\n{part}"
SCHEMA = talk.json_schema(
    {
        "questions": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 200},
            "minItems": 1,
            "maxItems": 12,
        }
    },
    ["questions"],
)
_ITEM = re.compile(r"^\s*(?:\d{1,2}\s*[.):]|[-*\u2022])\s*(?P<text>.*\S)\s*$")


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> list[Asked]:
    asked = inputs.one("question", Asked)
    most = int(settings["most"])
    node = await _listed(bench, asked, most)
    parts = []
    for number, text in enumerate(listed(node.text)[:most]):
        try:
            parts.append(await _part(bench, asked, node, number, text))
        except TakenOut:
            continue
    return parts


def listed(text: str) -> list[str]:
    """The items of a list."""
    found = [_ITEM.match(line) for line in text.splitlines()]
    items = [match["text"].strip("*_ ") for match in found if match]
    return [item for item in items if item]


async def _listed(bench: Workbench, asked: Asked, most: int) -> Node:
    """The node of the whole list."""
    instruction = SYSTEM.format(most=most)
    prompt = talk.prompt(
        bench, [talk.system(instruction), talk.user(talk.question(asked))], thinking=False
    )
    draft = bench.draft(
        LABEL,
        asked.inputs,
        name="list",
        prompt=prompt,
        sampling=talk.sampling(bench, talk.SHORT_TOKENS, thinking=False),
    )
    if node := await draft.reused():
        return node
    reply = await talk.reply(bench, draft, prompt, "plan", thinking=False)
    text, stats = reply.said or reply.problem, reply.stats
    if not listed(text) and not reply.problem:
        again, cost = await _again(bench, draft, prompt)
        text, stats = again or text, talk.added(stats, cost)
    return await draft.finish(
        "plan",
        text or "the model said nothing",
        ReplyData(None, reply.thinking),
        stats=stats,
        status="done" if listed(text) else "failed",
    )


async def _again(bench: Workbench, draft: Draft, prompt: list[int]) -> tuple[str, Stats]:
    """The list under a schema, since it could not be read; and what that cost."""
    try:
        greedy = talk.sampling(bench, talk.SHORT_TOKENS, thinking=False)
        reply = await talk.aside(bench, draft, prompt, greedy, SCHEMA)
        found = talk.parsed(reply.said)
    except BadCall:  # an engine whose tokenizer takes no schema
        return "", Stats()
    except ValueError:
        return "", reply.stats
    items = found.get("questions") if isinstance(found, dict) else None
    texts = [" ".join(one.split()) for one in items or [] if isinstance(one, str)]
    numbered = [f"{i}. {text}" for i, text in enumerate(filter(None, texts), 1)]
    return "\n".join(numbered), reply.stats


async def _part(bench: Workbench, asked: Asked, listing: Node, number: int, text: str) -> Asked:
    """One of the questions. It rests on the list; what answers it rests on it and on the whole question."""
    draft = bench.draft(
        LABEL, [Input("list", listing)], name=f"question {number}", prompt=f"{number} {text}"
    )
    node = await draft.reused() or await draft.finish("step", text, StepData(None))
    notes = tuple(note.text for note in bench.notes(node))
    part = "\n".join([node.text, *talk.notes_at(bench, [node])])
    question = Question(node.text, [])
    told = Question(TOLD.format(whole=asked.told.text, part=part), [])
    return Asked(node, question, asked.node, notes, told)


def shape(planning: Planning) -> list[CallShape]:
    instruction = SYSTEM.format(most=planning.settings["most"])
    return talk.shape(planning, instruction, generates=60, thinking=False)
