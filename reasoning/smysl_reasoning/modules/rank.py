"""rank: best of n: the derivation that the checker finds likeliest to be right (Cobbe et al., "Training Verifiers to
Solve Math Word Problems", 2021).

Derivations whose values cannot be true (`plausible`) have no voice as long as others have; of equals the earlier one
wins. An answer that a person wrote in a derivation's place stands in any case. A critique brings its score with it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from smysl_reasoning.modules import check
from smysl_reasoning.modules.base import (
    CallShape,
    Checked,
    Chosen,
    Critiqued,
    Derived,
    Input,
    Inputs,
    Module,
    Option,
    Planning,
    Port,
    Settings,
    shaped,
    spoken,
)
from smysl_reasoning.modules.chat import check as chat_check
from smysl_reasoning.modules.together import together
from smysl_reasoning.modules.vote import tally
from smysl_reasoning.nodes import ChoiceData, Node, Stats
from smysl_reasoning.workbench import Workbench

Score = Callable[[Workbench, Derived, str], Awaitable[Checked]]
"""Asks a checker about a derivation, by a node of the name given."""


class Ranked(NamedTuple):
    """A derivation and what the checker gives it."""

    derived: Derived
    score: float | None
    """None where there is nothing to check: an answer given at once, or none."""
    node: Node | None = None
    """That says the score."""


async def native(bench: Workbench, inputs: Inputs, settings: Settings) -> Chosen:
    return await ranked(bench, inputs, settings, check.checked)


async def by_asking(bench: Workbench, inputs: Inputs, settings: Settings) -> Chosen:
    return await ranked(bench, inputs, settings, chat_check.checked)


async def ranked(bench: Workbench, inputs: Inputs, settings: Settings, score: Score) -> Chosen:
    """The choice by the scores that `score` gives. It is written as a node when there is more than one derivation."""
    critiques = inputs.many("critiques", Critiqued)
    known = {one.derived.node.id: one for one in critiques}
    # the same derivation may come by several ways
    every = [*inputs.many("derivations", Derived), *(one.derived for one in critiques)]
    derivations = list({one.node.id: one for one in every}.values())

    async def one(derived: Derived) -> Ranked:
        if (critique := known.get(derived.node.id)) is not None:
            return Ranked(derived, critique.probability, critique.node)
        if derived.answer is None:
            return Ranked(derived, None)
        found = await score(bench, derived, f"score {place(bench, derived.node)}")
        return Ranked(derived, found.probability, found.node)

    every_ranked = await together([one(derived) for derived in derivations])
    winner = best(every_ranked)
    votes = tally(None, derivations)
    total = len(derivations) if settings["independent"] else min(1, len(derivations))
    hopeless = sum(derived.given_up for derived in derivations)
    if len(derivations) < 2:
        return Chosen(winner, None, votes, total, None, hopeless)
    node, winner = await _choice(bench, every_ranked, votes, winner)
    if not settings["independent"]:
        votes = ((winner.answer, 1),) if winner is not None and winner.answer is not None else ()
    return Chosen(winner, None, votes, total, node, hopeless)


def best(derivations: Sequence[Ranked]) -> Derived | None:
    """The one to stand by; None when none reached an answer, or when most say that the question is outside."""
    if sum(one.derived.outside for one in derivations) * 2 > len(derivations):
        return None
    answered = [one for one in derivations if one.derived.answer is not None]
    for one in answered:
        if one.derived.held and one.derived.derivation is None:
            return one.derived
    answered = [one for one in answered if one.derived.doubt is None] or answered
    # `max` keeps the first of equals; what could not be scored comes last
    first = max(answered, key=lambda one: -1.0 if one.score is None else one.score, default=None)
    return None if first is None else first.derived


def place(bench: Workbench, node: Node) -> str:
    """What a node is called within its program: the same in every walk, whatever else was taken out."""
    for place, made in bench.desk.made.items():
        if made.id == node.id:
            return place.partition("/")[2]
    return node.id


async def _choice(
    bench: Workbench,
    every: Sequence[Ranked],
    votes: tuple[tuple[str, int], ...],
    winner: Derived | None,
) -> tuple[Node, Derived | None]:
    """The node of the choice, and the winner: another one where a person has pinned the choice."""
    derived = [Input("derivation", one.derived.node) for one in every]
    scores = [Input("score", one.node) for one in every if one.node is not None]
    draft = bench.draft(MODULE.label, [*derived, *scores], name="choice")
    node = await draft.reused()
    if node is not None and draft.held and isinstance(node.data, ChoiceData):
        answers = [answer for answer, _ in node.data.scores[:1]]
        chosen = best([one for one in every if one.derived.answer in answers])
        winner = chosen or winner
    if node is None:
        found = _scores(every, winner)
        sure = dict(found).get(winner.answer or "") if winner is not None else None
        node = await draft.finish(
            "choice",
            _shown(found, votes, len(every)),
            ChoiceData(votes, found),
            stats=Stats(confidence=sure),
        )
    return node, winner


def _scores(every: Sequence[Ranked], winner: Derived | None) -> tuple[tuple[str, float], ...]:
    """The best score of each answer, that of the winner first."""
    scores: dict[str, float] = {}
    for one in sorted(every, key=lambda one: one.derived is not winner):
        if one.derived.answer is not None and one.score is not None:
            scores[one.derived.answer] = max(one.score, scores.get(one.derived.answer, 0.0))
    chosen = None if winner is None else winner.answer
    return tuple(sorted(scores.items(), key=lambda item: (item[0] != chosen, -item[1])))


def _shown(
    scores: tuple[tuple[str, float], ...], votes: tuple[tuple[str, int], ...], total: int
) -> str:
    counts = dict(votes)
    silent = total - sum(counts.values())
    known = [f"{answer}: {score:.1%} (from {counts[answer]})" for answer, score in scores]
    unknown = [
        f"{answer}: not checked (from {count})"
        for answer, count in votes
        if answer not in dict(scores)
    ]
    return (
        ", ".join([*known, *unknown, *([f"no answer: {silent}"] if silent else [])])
        + f" (of {total})"
    )


def _shape(planning: Planning) -> list[CallShape]:
    number = planning.counts.get("derivations", 0)
    return [CallShape(planning.solving(), grows=check.DERIVATION, fresh=1, number=number)]


def _asking(planning: Planning) -> list[CallShape]:
    number = planning.counts.get("derivations", 0)
    return [shape._replace(number=number) for shape in chat_check.shape(planning)]


MODULE = Module(
    name="rank",
    version=1,
    summary="choose the derivation that the checker finds likeliest to be right",
    inputs={
        "derivations": Port("derivation", many=True, optional=True),
        "critiques": Port("critique", many=True, optional=True),
    },
    output="choice",
    run=spoken(native=native, chat=by_asking),
    shape=shaped(native=_shape, chat=_asking),
    options={
        "independent": Option(
            default=True, help="false: they share thoughts, so that their agreeing proves nothing"
        )
    },
)
