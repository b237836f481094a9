"""Makes wrong derivations out of right ones, for the checker to learn from: one slip, as a person would make it.

Knows thoughts and exact values. A slip that happens to give the right answer is no slip.
"""

import re
from collections.abc import Sequence
from random import Random

from smysl_forge.problem import BadTrace, conclude
from smysl_reasoning.compute import Value
from smysl_reasoning.dialects.native import Thought

WORDS = {
    "logic": ("yes", "no"),
    "family": (
        "mother", "father", "son", "daughter", "wife", "husband", "sister", "brother", "grandmother", "grandfather",
        "aunt", "uncle", "niece", "nephew", "mother-in-law", "father-in-law",
    ),
}  # fmt: skip
ATTEMPTS = 12


def slip(
    rng: Random, problem: str, slots: Sequence[Value], thoughts: Sequence[Thought], answer: str
) -> tuple[Thought, ...] | None:
    """`thoughts` with one mistake that changes the answer; None when none was found."""
    for _ in range(ATTEMPTS):
        wrong = list(thoughts)
        if problem in WORDS:
            others = [word for word in WORDS[problem] if word != answer]
            wrong[-1] = Thought("answer", rng.choice(others))
        elif (kind := rng.random()) < 0.25 and len(thoughts) > 2:
            wrong = _stop_early(thoughts)
        else:
            index = rng.randrange(len(thoughts) - 1) if len(thoughts) > 1 else 0
            wrong[index] = _slipped(rng, thoughts[index], len(slots) + index, operators=kind < 0.55)
        try:
            if conclude(slots, wrong) != answer:
                return tuple(wrong)
        except BadTrace:
            continue
    return None


def _stop_early(thoughts: Sequence[Thought]) -> list[Thought]:
    match = re.fullmatch(r"n(\d+)", thoughts[-1].text)
    last = f"n{int(match[1]) - 1}" if match else thoughts[-1].text
    return [*thoughts[:-2], Thought("answer", last)]


def _slipped(rng: Random, thought: Thought, known: int, operators: bool) -> Thought:
    pattern = r" [-+*/] " if operators else r"n\d+"
    found = list(re.finditer(pattern, thought.text))
    if not found or known < 2:
        return thought
    match = rng.choice(found)
    new = f" {rng.choice('+-*/')} " if operators else f"n{rng.randrange(known)}"
    return Thought(thought.kind, thought.text[: match.start()] + new + thought.text[match.end() :])
