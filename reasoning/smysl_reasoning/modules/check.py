"""check: the model's own trained checker: the probability that the chosen derivation is right."""

from collections.abc import Sequence
from typing import NamedTuple

from smysl_reasoning.modules.base import (
    CallShape,
    Checked,
    Chosen,
    Derived,
    Input,
    Inputs,
    Module,
    Planning,
    Port,
    Settings,
    shaped,
    spoken,
)
from smysl_reasoning.modules.chat import check as chat_check
from smysl_reasoning.nodes import CheckData, Stats
from smysl_reasoning.thresholds import needed, shown
from smysl_reasoning.workbench import CHOICE, Workbench, digest

METHOD = "checker"


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Checked:
    winner = inputs.one("choice", Chosen).winner
    return Checked(None, None) if winner is None else await checked(bench, winner, "check")


async def checked(bench: Workbench, derived: Derived, name: str) -> Checked:
    """The checker about one derivation, as a node called `name`; nothing where there is none to check."""
    if derived.derivation is None:
        return Checked(None, None)
    derivation = derived.derivation.first()
    for note in bench.notes(derived.node):
        derivation.tell(note.text)
    prompt = derivation.prompt + bench.dialect.check()
    draft = bench.draft(
        MODULE.label,
        [Input("derivation", derived.node), *derived.told],
        name=name,
        prompt=f"{digest(prompt)} {bench.thresholds.check}",
        sampling=CHOICE,
    )
    if node := await draft.reused():
        return Checked(node, node.data.probability if isinstance(node.data, CheckData) else None)
    draft.start("check")
    found = await score(bench, prompt)
    wanted = bench.thresholds.check
    data = CheckData(METHOD, found.probability, found.probability >= wanted)
    text = f"the checker gives {shown(found.probability, wanted)} ({needed(wanted)})"
    return Checked(await draft.finish("check", text, data, stats=found.stats), found.probability)


class Score(NamedTuple):
    """What the checker gives."""

    probability: float
    stats: Stats


async def score(bench: Workbench, prompt: Sequence[int]) -> Score:
    """The checker's probability of `<yes>` after a prompt that ends in `<check>`."""
    options = ((bench.dialect.yes,), (bench.dialect.no,))
    chosen = await bench.choose(prompt, options)
    probability = chosen.finish.probabilities[0]
    stats = Stats(
        prompt_tokens=chosen.prompt_tokens,
        cached_tokens=chosen.finish.cached_tokens,
        generated_tokens=chosen.finish.generated_tokens,
        calls=1,
        milliseconds=round(chosen.milliseconds, 3),
        confidence=probability,
    )
    return Score(probability, stats)


DERIVATION = 35
"""Tokens that a derivation usually has."""


def _shape(planning: Planning) -> list[CallShape]:
    return [CallShape(planning.solving(), grows=DERIVATION, fresh=1)]


MODULE = Module(
    name="check",
    version=1,
    summary="ask the model's trained checker about the chosen derivation",
    inputs={"choice": Port("choice")},
    output="check",
    run=spoken(native=run, chat=chat_check.run),
    shape=shaped(native=_shape, chat=chat_check.shape),
)
