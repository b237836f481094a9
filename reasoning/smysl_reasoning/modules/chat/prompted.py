"""How a module that is written as data speaks: its prompt with values put in, and what its reply becomes."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from smysl_engines.base import JsonSchema
from smysl_reasoning.dialects.chat import Message, Part, Role, ids_of
from smysl_reasoning.modules.base import (
    CallShape,
    Checked,
    Derived,
    Input,
    Inputs,
    Planning,
    Routed,
    Setting,
    Settings,
    Written,
)
from smysl_reasoning.modules.chat import answering, talk
from smysl_reasoning.nodes import CheckData, Node, ReplyData, RouteData
from smysl_reasoning.workbench import CHOICE, Workbench, digest

PLACE = re.compile(r"\{\{|\}\}|\{(?P<name>[a-z][a-z0-9_-]*)\}")
"""A port or option in a prompt; a doubled brace is a brace."""


class Prompt(NamedTuple):
    """What a module file says of its call."""

    label: str
    system: str
    user: str
    ports: tuple[str, ...]
    output: str
    schema: str | None
    choice: tuple[str, ...]
    temperature: float
    max_tokens: int


async def run(asked: Prompt, bench: Workbench, inputs: Inputs, settings: Settings) -> object:
    values = {port: inputs.many(port, object) for port in asked.ports}
    rests = [one for port in asked.ports for v in values[port] for one in talk.inputs_of(port, v)]
    texts = {port: "\n\n".join(map(talk.shown, values[port])) for port in asked.ports}
    messages = _messages(asked, texts, settings)
    if asked.choice:
        return await _chosen(asked, bench, messages, rests)
    if asked.output == "derivation" and asked.schema is None:
        return await answering.folded(
            bench,
            asked.label,
            messages,
            rests,
            rests,
            temperature=asked.temperature,
            tokens=asked.max_tokens,
        )
    written = await talk.written(
        bench,
        asked.label,
        messages,
        rests,
        name="text",
        tokens=asked.max_tokens,
        temperature=asked.temperature,
        constraint=None if asked.schema is None else JsonSchema(asked.schema),
    )
    return _derived(written, rests) if asked.output == "derivation" else written


def _derived(written: Written, rests: list[Input]) -> Derived:
    """A JSON object's key `answer` is the answer."""
    try:
        found = talk.parsed(written.text)
    except ValueError:
        found = None
    answer = found.get("answer") if isinstance(found, dict) else None
    said = None if answer is None else str(answer)
    value = answering.value_of(said) or None if said else None
    confidence = written.node.stats.confidence
    return Derived(written.node, value, None, confidence=confidence, said=said, told=tuple(rests))


async def _chosen(
    asked: Prompt, bench: Workbench, messages: list[Message], rests: list[Input]
) -> Derived | Routed | Checked | Written:
    prompt = talk.prompt(bench, messages, thinking=False)
    draft = bench.draft(
        asked.label,
        rests,
        name="choice",
        prompt=f"{digest(prompt)} {asked.choice}",
        sampling=CHOICE,
    )
    node = await draft.reused()
    if node is None:
        draft.start("check" if asked.output == "check" else "choice")
        chosen = await talk.choose(bench, prompt, asked.choice)
        text, stats = asked.choice[chosen.option], chosen.stats
        if asked.output == "check":
            data = CheckData("asked", chosen.probabilities[0], chosen.option == 0)
            node = await draft.finish("check", text, data, stats=stats)
        elif asked.output == "route":
            node = await draft.finish("choice", text, RouteData(text, asked.choice), stats=stats)
        else:
            value = ReplyData(answering.value_of(text))
            node = await draft.finish("choice", text, value, stats=stats)
    return _read(asked, node, rests)


def _read(asked: Prompt, node: Node, rests: list[Input]) -> Derived | Routed | Checked | Written:
    match asked.output:
        case "check":
            known = node.data.probability if isinstance(node.data, CheckData) else None
            return Checked(node, known)
        case "route":
            way = node.data.way if isinstance(node.data, RouteData) else node.text
            return Routed(node, way, node.stats.confidence)
        case "derivation":
            value, sure = answering.value_of(node.text), node.stats.confidence
            return Derived(node, value, None, confidence=sure, said=node.text, told=tuple(rests))
    return Written(node, node.text)


def _messages(
    asked: Prompt, texts: Mapping[str, str], settings: Mapping[str, Setting]
) -> list[Message]:
    def filled(role: Role, text: str) -> Message:
        parts: list[Part] = []
        last = 0
        for match in PLACE.finditer(text):
            parts.append(Part("instruction", text[last : match.start()]))
            name = match["name"]
            if name is None:
                parts.append(Part("instruction", match[0][0]))
            elif name in texts:
                parts.append(Part(name, texts[name]))
            else:
                parts.append(Part("instruction", str(settings[name])))
            last = match.end()
        return Message(role, (*parts, Part("instruction", text[last:])))

    messages = [filled("system", asked.system)] if asked.system.strip() else []
    return [*messages, filled("user", asked.user)]


def shape(asked: Prompt, planning: Planning) -> list[CallShape]:
    texts = {port: "" for port in asked.ports} | {"question": planning.question.text}
    messages = _messages(asked, texts, planning.settings)
    dialect = talk.planned_dialect(planning)
    ids = ids_of(dialect.prompt(messages, thinking=not asked.choice))
    return [CallShape(tuple(ids), generates=1 if asked.choice else asked.max_tokens // 4)]
