"""How a derivation in plain words is asked for, and how its answer is read.

Knows replies as text; one attempt to have an unreadable answer said again, under a schema.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from smysl_engines.base import BadCall
from smysl_reasoning.answers import normalise
from smysl_reasoning.dialects.chat import Message
from smysl_reasoning.hopeless import hope, marked
from smysl_reasoning.modules.base import Derived, Input
from smysl_reasoning.modules.chat import talk
from smysl_reasoning.modules.chat.talk import Reply
from smysl_reasoning.nodes import Node, ReplyData, Stats
from smysl_reasoning.workbench import Draft, Workbench, digest

SYSTEM = """
You are a careful problem solver. Work step by step: write each step on a line of its own, short and complete, with
its calculation where there is one. Finish with one line that begins with "Answer:" and holds the final answer alone:
a bare number where a number is asked for, otherwise as few words as the question allows.
"""
AGAIN = """
Your reply has no line that begins with "Answer:". State the final answer of it as a JSON object with the one key
"answer". If there is none, give an empty text.
"""
SCHEMA = talk.json_schema({"answer": {"type": "string", "maxLength": 300}}, ["answer"])
ANSWER_TOKENS = 192
PATIENCE = 64
"""Tokens, a few lines, before which a reply is not given up."""
ANSWER = re.compile(
    r"^[\s>*_#`-]*(?:the\s+)?(?:final\s+)?answer(?:\s+is)?[*_`\s]*[:=][*_`\s]*(?P<answer>.*?)\s*$",
    re.IGNORECASE,
)
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_UNREADABLE = "the reply has no answer that can be read"


class Concluded(NamedTuple):
    """A reply read to its answer."""

    text: str
    """For people: what was said, and what is wrong with it."""
    said: str | None
    """The answer as it was written; None where there is none."""
    value: str | None
    """In normal form."""
    thinking: str
    stats: Stats


def answer_in(text: str) -> str | None:
    """The answer that a derivation ends in; None where no line says it."""
    lines = text.splitlines()
    for number in reversed(range(len(lines))):
        if found := ANSWER.match(lines[number]):
            rest = [found["answer"], *(line.strip() for line in lines[number + 1 :])]
            return plain(next(filter(None, rest), "")) or None
    boxed = _BOXED.findall(text)
    return plain(boxed[-1]) or None if boxed else None


def plain(answer: str) -> str:
    """An answer without the marks around it that models like to set."""
    answer = _BOXED.sub(r"\1", answer)
    return answer.strip().strip("*_`$\"' ").rstrip(".").strip("*_`$\"' ")


def value_of(answer: str) -> str:
    """What is compared: the normal form, where a currency sign before a number counts for nothing."""
    return normalise(re.sub(r"^[$\u20ac\u00a3]\s*(?=[\d.-])", "", plain(answer)))


async def conclude(
    bench: Workbench, draft: Draft, messages: Sequence[Message], said: Reply
) -> Concluded:
    """The answer of a reply to `messages`; where it cannot be read the model is asked once more, under a schema."""
    if said.problem:
        text = "\n".join(filter(None, [said.said, said.problem]))
        return Concluded(text, None, None, said.thinking, said.stats)
    answer = answer_in(said.said)
    stats, text = said.stats, said.said
    if answer is None:
        answer, cost = await repaired(bench, draft, messages, said.said or said.thinking)
        stats = talk.added(stats, cost)
        text = "\n".join(
            filter(None, [text, f"Answer: {answer}" if answer else f"({_UNREADABLE})"])
        )
    value = value_of(answer) if answer else None
    return Concluded(text, answer, value or None, said.thinking, stats)


async def repaired(
    bench: Workbench, draft: Draft, messages: Sequence[Message], said: str
) -> tuple[str | None, Stats]:
    """The answer of a reply that has none that can be read, asked for under `SCHEMA`; and what that cost."""
    room = bench.info.context // 2
    (said,) = talk.shortened(bench, [said or "..."], room)
    asked = [*messages, talk.assistant(said), talk.user(AGAIN)]
    ids = talk.prompt(bench, asked, thinking=False)
    try:
        greedy = talk.sampling(bench, ANSWER_TOKENS, thinking=False)
        again = await talk.aside(bench, draft, ids, greedy, SCHEMA)
        found = talk.parsed(again.said)
    except BadCall:  # an engine whose tokenizer takes no schema
        return None, Stats()
    except ValueError:
        return None, again.stats
    answer = found.get("answer") if isinstance(found, dict) else None
    return (plain(answer) or None if isinstance(answer, str) else None), again.stats


async def folded(
    bench: Workbench,
    label: str,
    messages: Sequence[Message],
    rests: Sequence[Input],
    told: Sequence[Input],
    *,
    temperature: float,
    tokens: int = talk.REPLY_TOKENS,
    hopeless: float = 0.0,
) -> Derived:
    """A whole derivation in one node of kind candidate, which `messages` ask for. `rests`: what it is made of; `told`:
    what its words are beside it; `hopeless`: it is given up when its confidence falls below that."""
    prompt = talk.prompt(bench, messages)
    draft = bench.draft(
        label,
        rests,
        name="candidate",
        prompt=marked(digest(prompt), hopeless),
        sampling=talk.sampling(bench, tokens, temperature=temperature),
    )
    if node := await draft.reused():
        return recalled(node, told)._replace(held=draft.held)
    said = await talk.reply(bench, draft, prompt, "candidate", hope=hope(hopeless, PATIENCE))
    found = await conclude(bench, draft, messages, said)
    node = await draft.finish(
        "candidate",
        found.text,
        ReplyData(found.value, found.thinking),
        stats=found.stats,
        status="done" if found.value is not None else "failed",
    )
    return Derived(
        node,
        found.value,
        None,
        confidence=found.stats.confidence,
        said=found.said,
        told=tuple(told),
    )


def recalled(node: Node, told: Sequence[Input] = ()) -> Derived:
    """The derivation that a node holds, whoever wrote it."""
    data = node.data
    value = getattr(data, "value", None)
    said = node.text if node.kind == "answer" else answer_in(node.text)
    if said is not None and value != value_of(said) and value != normalise(said):
        said = None
    return Derived(node, value, None, confidence=node.stats.confidence, said=said, told=tuple(told))
