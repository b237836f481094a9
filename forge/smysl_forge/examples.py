"""Turns problems into token sequences with a mask of what is learnt: derivations, direct answers and checks.

Of a question only what an induction head can know (`drills.repeats`) is learnt. Knows the native dialect's tokens;
nothing of tensors, batching or optimisers.
"""

import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Literal

from smysl_forge.corrupt import slip
from smysl_forge.drills import repeats
from smysl_forge.example import Example
from smysl_forge.problem import BadTrace, Problem, checked
from smysl_reasoning.dialects.native import (
    NativeDialect,
    Question,
    Thought,
    asking_first,
    read,
    sentences,
)
from smysl_reasoning.quantities import find

DIRECT_SHARE = 0.1
"""Of the problems, this many are also taught as a direct answer."""
SLIP_SHARE = 0.2
"""Of the derivations, this many are also shown with a mistake, to be checked `<no>`."""
STEP_CHECK_SHARE = 0.6
"""Of the slips, after this many the checker is also asked at the slip itself, and at the right step in its place."""
UNKNOWN = "unknown"
"""The direct answer to what lies outside."""
Forms = Literal["both", "direct"]
"""What problems are taught as: derivations and some direct answers, or direct answers alone."""


def derivation(
    dialect: NativeDialect, problem: Problem, question: Question
) -> tuple[list[int], list[int]]:
    """Prompt ids and completion ids (plan, thoughts) of the node form."""
    prompt = dialect.question(question, "solve")
    return prompt, completion(dialect, problem, question, problem.thoughts)


def completion(
    dialect: NativeDialect, problem: Problem, question: Question, thoughts: Sequence[Thought]
) -> list[int]:
    """Plan and thoughts, each step followed by the slot that it fills."""
    plan = dialect.plan(problem._replace(thoughts=tuple(thoughts)).plan)
    return plan + written(dialect, question, thoughts)


def written(dialect: NativeDialect, question: Question, thoughts: Sequence[Thought]) -> list[int]:
    """The ids of thoughts after a plan, each step followed by the slot that it fills."""
    ids: list[int] = []
    slot = len(question.quantities)
    for thought in thoughts:
        ids += dialect.thought(thought, slot if thought.kind == "step" else None)
        slot += thought.kind == "step"
    return ids


def examples(
    dialect: NativeDialect, problem: Problem, rng: Random, forms: Forms = "both"
) -> Iterator[Example]:
    """The sequences that one problem gives."""
    if problem.problem not in ("outside", "logic", "sequence") and rng.random() < 0.08:
        problem = reworded(problem)
    question = read(problem.question)
    if forms == "direct" or rng.random() < DIRECT_SHARE:
        prompt = dialect.question(question, "direct")
        answer = dialect.direct(problem.answer or UNKNOWN)
        yield Example(prompt + answer, repeats(prompt) + [True] * len(answer))
    if forms == "direct":
        return
    prompt, body = derivation(dialect, problem, question)
    if problem.thoughts:
        verdict = [*dialect.check(), dialect.yes]
        # only some right derivations are followed by its check, so that yes and no stay near balance
        right = rng.random() < 0.3
        ids = prompt + body + (verdict if right else [])
        yield Example(ids, repeats(prompt) + [True] * len(body) + [False, True] * right)
    else:
        yield Example(prompt + body, repeats(prompt) + [True] * len(body))
    if problem.thoughts and rng.random() < SLIP_SHARE:
        wrong = slip(rng, problem.problem, question.slots, problem.thoughts, problem.answer)
        if wrong:
            yield check_example(
                dialect, prompt + completion(dialect, problem, question, wrong), right=False
            )
            if rng.random() < STEP_CHECK_SHARE:
                yield from step_checks(dialect, problem, question, wrong)


def step_checks(
    dialect: NativeDialect, problem: Problem, question: Question, wrong: Sequence[Thought]
) -> Iterator[Example]:
    """Verdicts on an unfinished derivation, up to the step that slipped and up to the right one (process supervision;
    Lightman et al., *Let's Verify Step by Step*, 2023)."""
    right = problem.thoughts
    pairs = zip(wrong, right, strict=False)
    at = next((i for i, (slipped, meant) in enumerate(pairs) if slipped != meant), None)
    if at is None or "answer" in (wrong[at].kind, right[at].kind):
        return  # a derivation that ends too soon slips in its answer, not in a step
    begun = dialect.question(question, "solve") + dialect.plan(problem.plan)
    for thoughts in (wrong, right):
        ids = begun + written(dialect, question, thoughts[: at + 1])
        yield check_example(dialect, ids, right=thoughts is right)


def check_example(dialect: NativeDialect, derived: list[int], right: bool) -> Example:
    """A derivation of known worth, of which only the verdict is learnt."""
    ids = [*derived, *dialect.check(), dialect.yes if right else dialect.no]
    return Example(ids, [False] * (len(ids) - 1) + [True])


def reworded(problem: Problem) -> Problem:
    """The problem with its question moved to the front, the slots renumbered; itself when that changes nothing."""
    parts = sentences(problem.question)
    counts = [len(find(part)) for part in parts]
    order = asking_first(parts)
    if len(parts) < 2 or sum(counts) != len(find(problem.question)):
        return problem
    starts = [sum(counts[:i]) for i in range(len(parts))]
    old = [starts[i] + k for i in order for k in range(counts[i])]
    new = {slot: i for i, slot in enumerate(old)}
    thoughts = tuple(
        thought._replace(text=_renumber(thought.text, new)) for thought in problem.thoughts
    )
    moved = " ".join(parts[i] for i in order)
    try:
        return checked(problem._replace(question=moved, thoughts=thoughts))
    except BadTrace:
        return problem


def _renumber(text: str, order: dict[int, int]) -> str:
    return re.sub(r"\bn(\d+)\b", lambda m: f"n{order.get(int(m[1]), int(m[1]))}", text)
