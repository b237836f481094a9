"""vote: which derivation to stand by, from how many reach which answer; no model.

The main derivation stands unless more than half of the others reach one other answer; without a
main derivation, or when it reached no answer, the answer that most reach is taken (the earlier one
of equals). Derivations whose values cannot be true (`plausible`) have no voice as long as others
have. A main derivation that a person has corrected stands in any case.
"""

from collections import Counter
from collections.abc import Sequence

from smysl_reasoning.modules.base import Chosen, Derived, Input, Inputs, Module, Port, Settings
from smysl_reasoning.nodes import ChoiceData
from smysl_reasoning.workbench import Workbench


def elect(main: Derived | None, others: Sequence[Derived]) -> Derived | None:
    """The derivation to stand by; None when none reached an answer, or when most say that the
    question is outside."""
    everyone = ([main] if main else []) + list(others)
    if sum(derived.outside for derived in everyone) * 2 > len(everyone):
        return None
    if main is not None and main.held and main.answer is not None:
        return main
    if any(derived.answer is not None and derived.doubt is None for derived in everyone):
        main = None if main is not None and main.doubt else main
        others = [derived for derived in others if derived.doubt is None]
    counts = Counter(derived.answer for derived in others if derived.answer is not None)
    first = next(iter(counts.most_common(1)), None)
    if main is not None and main.answer is not None:
        if first is None or first[0] == main.answer or first[1] * 2 <= len(others):
            return main
    if first is None:
        return None
    return next(derived for derived in others if derived.answer == first[0])


def tally(main: Derived | None, others: Sequence[Derived]) -> tuple[tuple[str, int], ...]:
    """(answer, derivations that reach it), most first; those without an answer are left out."""
    everyone = ([main] if main else []) + list(others)
    counts = Counter(derived.answer for derived in everyone if derived.answer is not None)
    return tuple(counts.most_common())


async def run(bench: Workbench, inputs: Inputs, settings: Settings) -> Chosen:
    main = inputs.maybe("main", Derived)
    others = inputs.many("others", Derived)
    winner, votes = elect(main, others), tally(main, others)
    everyone = ([main] if main else []) + others
    hopeless = sum(derived.given_up for derived in everyone)
    if len(everyone) < 2:
        return Chosen(winner, main, votes, len(everyone), None, hopeless)
    roles = (["main"] if main else []) + ["other"] * len(others)
    draft = bench.draft(
        MODULE.label,
        [Input(role, derived.node) for role, derived in zip(roles, everyone, strict=True)],
        name="choice",
    )
    node = await draft.reused()
    if node is not None and draft.held and isinstance(node.data, ChoiceData):
        # pinned: the answer that it chose stands as long as a derivation reaches it
        answers = [answer for answer, _ in node.data.votes[:1]]
        chosen = [derived for derived in everyone if derived.answer in answers]
        winner = chosen[0] if chosen else winner
    if node is None:
        node = await draft.finish("choice", _shown(votes, len(everyone)), ChoiceData(votes))
    return Chosen(winner, main, votes, len(everyone), node, hopeless)


def _shown(votes: tuple[tuple[str, int], ...], total: int) -> str:
    silent = total - sum(count for _, count in votes)
    parts = [f"{answer}: {count}" for answer, count in votes]
    return ", ".join([*parts, *([f"no answer: {silent}"] if silent else [])]) + f" (of {total})"


MODULE = Module(
    name="vote",
    version=1,
    summary="choose the derivation to stand by from how many agree",
    inputs={
        "main": Port("derivation", optional=True),
        "others": Port("derivation", many=True, optional=True),
    },
    output="choice",
    run=run,
)
