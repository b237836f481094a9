"""pick: one outcome of several: the last, the surest, or that of most (self-consistency over programs, after Wang et
al., 2022); no model. Verified ones come first.
"""

from collections import Counter
from collections.abc import Sequence

from smysl_reasoning.answers import brief
from smysl_reasoning.errors import ProgramError, TakenOut
from smysl_reasoning.events import Verdict
from smysl_reasoning.modules.base import (
    Derived,
    Input,
    Inputs,
    Module,
    Option,
    Outcome,
    Port,
    Settings,
)
from smysl_reasoning.nodes import AnswerData, ChoiceData, Node
from smysl_reasoning.workbench import Workbench

WAYS = ("last", "confidence", "vote")


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Outcome:
    by = str(settings["by"])
    if by not in WAYS:
        raise ProgramError(f"pick: option 'by' is {by[:60]!r}; it is one of {', '.join(WAYS)}")
    outcomes = list({id(one): one for one in inputs.many("outcomes", Outcome)}.values())
    if not outcomes:
        raise TakenOut("a person took out every outcome that there was to pick from")
    found = picked(outcomes, by)
    if len(outcomes) == 1 or found.answer is None or found.derived is None:
        return found
    votes = tally(outcomes)
    node = await _choice(bench, outcomes, found, votes, by)
    # an answer of its own, also where the winner has one: the last answer of a run is what it answers
    rests = [Input("derivation", found.derived.node), Input("choice", node)]
    draft = bench.draft(MODULE.label, rests, name="answer", prompt=found.answer)
    data = AnswerData(_value(found))
    said = await draft.reused() or await draft.finish("answer", found.answer, data)
    return found._replace(answer=said.text)


def picked(outcomes: Sequence[Outcome], by: str) -> Outcome:
    """One of `outcomes`; by vote with the share of its answer as confidence."""
    answered = [one for one in outcomes if one.answer is not None]
    if by == "last" or not answered:
        return outcomes[-1]
    verified = [one for one in answered if one.verdict == "verified"]
    among = verified or answered
    if by == "confidence":
        # `max` keeps the first of equals
        return max(among, key=lambda one: -1.0 if one.confidence is None else one.confidence)
    counts = Counter(_value(one) for one in among)
    most = counts.most_common(1)[0][0]
    won = next(one for one in among if _value(one) == most)
    agreeing = sum(_value(one) == most for one in answered)
    verdict: Verdict = won.verdict
    said = f"{agreeing} of {len(outcomes)} ways agree on {brief(won.answer or '')}"
    message = f"{said}; {won.message}" if won.message else said
    return won._replace(verdict=verdict, confidence=agreeing / len(outcomes), message=message)


def tally(outcomes: Sequence[Outcome]) -> tuple[tuple[str, int], ...]:
    """(answer, outcomes that give it), most first."""
    counts = Counter(_value(one) for one in outcomes if one.answer is not None)
    return tuple(counts.most_common())


def _value(outcome: Outcome) -> str:
    """Its answer in normal form."""
    derived: Derived | None = outcome.derived
    return (derived.answer if derived is not None else None) or outcome.answer or ""


async def _choice(
    bench: Workbench,
    outcomes: Sequence[Outcome],
    found: Outcome,
    votes: tuple[tuple[str, int], ...],
    by: str,
) -> Node:
    nodes = {one.derived.node.id: one.derived.node for one in outcomes if one.derived is not None}
    said = [(_value(one), one.verdict, one.confidence) for one in outcomes]
    draft = bench.draft(
        MODULE.label,
        [Input("outcome", node) for node in nodes.values()],
        name="choice",
        prompt=f"{by} {said}",
    )
    if node := await draft.reused():
        return node
    shown = [f"{answer}: {count}" for answer, count in votes]
    silent = len(outcomes) - sum(count for _, count in votes)
    shown += [f"no answer: {silent}"] if silent else []
    why = {"last": "the last", "confidence": "the surest", "vote": "what most say"}[by]
    text = f"{', '.join(shown)} (of {len(outcomes)} ways) -> {found.answer} ({why})"
    return await draft.finish("choice", text, ChoiceData(votes))


MODULE = Module(
    name="pick",
    version=1,
    summary="choose one outcome of several",
    inputs={"outcomes": Port("outcome", many=True)},
    output="outcome",
    run=run,
    options={"by": Option(default="last", help="last, confidence or vote")},
)
