"""A generated problem with its worked derivation, and the check that makes a trace trustworthy.

Knows questions, thoughts and exact values; nothing of tokens, tensors or training.
"""

from collections.abc import Sequence
from typing import NamedTuple

from smysl_reasoning.compute import ComputeError, Value, evaluate
from smysl_reasoning.dialects.native import SLOTS, Thought, TooManyQuantities, read
from smysl_reasoning.nodes import PlanData


class Problem(NamedTuple):
    """One instance of a family: the question as a person would write it and its verified derivation."""

    family: str
    problem: str
    """What the plan says it is: one of `native.PROBLEMS`."""
    question: str
    thoughts: tuple[Thought, ...]
    """Steps and facts, then exactly one answer; empty for `outside`."""
    answer: str
    """Normal form; empty for `outside`."""

    @property
    def plan(self) -> PlanData:
        """Kind of problem and number of steps and facts."""
        return PlanData(self.problem, max(0, len(self.thoughts) - 1))


class BadTrace(ValueError):
    """A derivation that does not lead to the stated answer."""


def conclude(slots: Sequence[Value], thoughts: Sequence[Thought]) -> str:
    """The answer that a derivation reaches from the question's `slots`. Raises `BadTrace`."""
    values = list(slots)
    for thought in thoughts:
        if thought.kind == "step":
            if len(values) >= SLOTS:
                raise BadTrace(f"more than {SLOTS} slots")
            try:
                values.append(evaluate(thought.text, values))
            except ComputeError as error:
                raise BadTrace(str(error)) from None
        elif thought.kind == "answer":
            if thought.text[:1] == "n" and thought.text[1:].isdigit():
                if int(thought.text[1:]) >= len(values):
                    raise BadTrace(f"answer names an empty slot: {thought.text}")
                return str(values[int(thought.text[1:])])
            return thought.text
    raise BadTrace("the derivation has no answer")


def checked(problem: Problem) -> Problem:
    """`problem` itself, once its derivation has been evaluated to its answer. Raises `BadTrace`."""
    try:
        question = read(problem.question)
    except TooManyQuantities as error:
        raise BadTrace(str(error)) from None
    if problem.problem != "outside":
        reached = conclude(question.slots, problem.thoughts)
        if reached != problem.answer:
            raise BadTrace(f"derivation gives {reached}, the generator says {problem.answer}")
    return problem
