"""critique: the model says in words what is wrong with a derivation and where, and how sure it is of the whole."""

from typing import NamedTuple

from smysl_engines.base import BadCall, JsonSchema
from smysl_reasoning.dialects.chat import Part
from smysl_reasoning.modules.base import (
    CallShape,
    Critiqued,
    Derived,
    Inputs,
    Planning,
    Settings,
)
from smysl_reasoning.modules.chat import check, talk
from smysl_reasoning.nodes import CritiqueData, Stats
from smysl_reasoning.workbench import Draft, Workbench, digest

LABEL = "critique@1"
SYSTEM = """
You review a solution whose lines are numbered. Go through them in order and look for the first line that is wrong: a
fact the question does not give, a calculation that does not come out, a step that does not follow. Reply with a JSON
object: "comment" says in one or two sentences what is wrong, or that nothing is; "wrong_line" is the number of that
line, 0 if all are right.
"""

DOUBTED = 0.5
"""Most that a derivation is worth in which a line was found wrong, whatever the model says of the whole."""


class _Said(NamedTuple):
    comment: str
    line: int
    """From 1; 0 is none."""
    stats: Stats


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Critiqued:
    derived = inputs.one("derivation", Derived)
    if derived.held:
        # a person's words are not doubted
        return Critiqued(None, derived, None, True, None)
    accept = float(settings["accept"])
    lines = talk.derivation_text(derived).splitlines()
    numbered = "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    prompts = [
        talk.prompt(
            bench,
            [
                talk.system(instruction),
                talk.user(
                    "Question:\n",
                    Part("question", talk.question_of(bench, derived)),
                    "\n\nSolution:\n",
                    Part("solution", numbered),
                    *("\n" + note for note in talk.notes_at(bench, [derived.node])),
                    asked,
                ),
            ],
            thinking=False,
        )
        for instruction, asked in ((SYSTEM, ""), (check.SYSTEM, check.ASK))
    ]
    draft = bench.draft(
        LABEL,
        [*talk.derivation_inputs("derivation", derived), *talk.asked_inputs(derived)],
        name="critique",
        prompt=f"{digest([token for prompt in prompts for token in prompt])} {accept}",
        sampling=talk.sampling(bench, talk.SHORT_TOKENS, thinking=False),
    )
    node = await draft.reused()
    if node is None:
        if full := talk.no_room(bench, prompts[0]):
            data = CritiqueData(False, None)
            node = await draft.finish("critique", full, data, status="failed")
        else:
            draft.start("critique")
            said = await _said(bench, draft, prompts[0], len(lines))
            sure = await talk.choose(bench, prompts[1], check.OPTIONS)
            probability = min(sure.probabilities[0], DOUBTED if said.line else 1.0)
            passed = derived.answer is not None and not said.line and probability >= accept
            step = said.line - 1 if said.line and not passed else None
            stats = talk.added(sure.stats, said.stats)
            text = f"{said.comment} (right with {probability:.1%})"
            node = await draft.finish(
                "critique", text, CritiqueData(passed, step, (probability,)), stats=stats
            )
    found = node.data
    if not isinstance(found, CritiqueData):
        return Critiqued(node, derived, None, False, None, node.text)
    known = found.probabilities[-1] if found.probabilities else None
    return Critiqued(node, derived, known, found.passed, found.step, node.text)


async def _said(bench: Workbench, draft: Draft, prompt: list[int], lines: int) -> _Said:
    schema = talk.json_schema(
        {
            "comment": {"type": "string", "minLength": 1, "maxLength": 400},
            "wrong_line": {"type": "integer", "minimum": 0, "maximum": max(1, lines)},
        },
        ["comment", "wrong_line"],
    )
    reply = await _attempt(bench, draft, prompt, schema)
    try:
        found = talk.parsed(reply.said)
    except ValueError:
        found = {}
    comment = found.get("comment") if isinstance(found, dict) else None
    line = found.get("wrong_line") if isinstance(found, dict) else None
    if not isinstance(comment, str):
        comment = reply.said or "nothing was said against it"
    if not isinstance(line, int) or not 0 <= line <= lines:
        line = 0
    return _Said(" ".join(comment.split()), line, reply.stats)


async def _attempt(
    bench: Workbench, draft: Draft, prompt: list[int], schema: JsonSchema
) -> talk.Reply:
    try:
        return await talk.aside(bench, draft, prompt, draft.sampling, schema)
    except BadCall:  # an engine whose tokenizer takes no schema
        return await talk.reply(bench, draft, prompt, "critique", thinking=False)


def shape(planning: Planning) -> list[CallShape]:
    return [
        *talk.shape(planning, SYSTEM, generates=60, fresh=150, thinking=False),
        *talk.shape(planning, check.SYSTEM, generates=1, fresh=150, thinking=False),
    ]
