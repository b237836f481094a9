"""A derivation in the making: question, plan and thoughts so far, their exact values, and the
tokens they read as.

Knows the dialect's typed thoughts and exact arithmetic; never an engine, a store or a program.
"""

import re
from collections.abc import Sequence

from smysl_reasoning.answers import normalise
from smysl_reasoning.compute import ComputeError, Value, evaluate
from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.dialects.native import SLOT, SLOTS, Question, Thought
from smysl_reasoning.nodes import PlanData

OUTSIDE = "outside"
THOUGHTS_LIMIT = 24
"""Most thoughts of one derivation; the hardest training problems need half of that."""


class Derivation:
    """Grows thought by thought until it has an answer. Values follow from the thoughts; the model
    never sees them."""

    def __init__(self, dialect: Dialect, question: Question) -> None:
        self._dialect = dialect
        self.question = question
        self.plan: PlanData | None = None
        self.thoughts: list[Thought] = []
        self.values: list[Value] = list(question.slots)
        """Of `n0`, `n1` ...: the question's quantities, then each step's."""
        self.answer: str | None = None
        """For people; `normalise(answer)` is what is compared."""
        self.answer_slot: int | None = None
        self.prompt: list[int] = dialect.question(question, "solve")
        """Token ids of everything so far: what the next thought continues."""

    @property
    def outside(self) -> bool:
        """The plan says that the question is of no family the model was trained on."""
        return self.plan is not None and self.plan.problem == OUTSIDE

    @property
    def shown_values(self) -> list[str]:
        return [str(value) for value in self.values]

    def set_plan(self, plan: PlanData) -> None:
        assert self.plan is None, "a derivation has one plan"
        self.plan = plan
        self.prompt += self._dialect.plan(plan)

    def add(self, thought: Thought) -> Value | None:
        """Append a thought; returns the value of a step. Raises `ComputeError` and stays as it was
        when there is none, when an answer names an empty slot, or when the derivation is too
        long."""
        assert self.answer is None, "nothing follows an answer"
        if len(self.thoughts) >= THOUGHTS_LIMIT:
            raise ComputeError(f"no answer after {THOUGHTS_LIMIT} thoughts")
        value = None
        slot = None
        if thought.kind == "step":
            slot = len(self.values)
            if slot >= SLOTS:
                raise ComputeError(f"question and steps hold more than {SLOTS} quantities")
            value = evaluate(thought.text, self.values)
            self.values.append(value)
        elif thought.kind == "answer":
            self._conclude(thought.text)
        self.thoughts.append(thought)
        self.prompt += self._dialect.thought(thought, slot)
        return value

    def _conclude(self, text: str) -> None:
        if not SLOT.fullmatch(text):
            self.answer = normalise(text)
            return
        slot = int(text[1:])
        if slot >= len(self.values):
            raise ComputeError(f"the answer names {text}; there are {len(self.values)} quantities")
        self.answer_slot = slot
        self.answer = str(self.values[slot])

    def lines(self) -> list[str]:
        """The derivation for people, one line a thought: `48 / 2 = 24`."""
        lines = []
        slot = len(self.question.quantities)
        for thought in self.thoughts:
            match thought.kind:
                case "step":
                    shown = with_values(thought.text, self.values)
                    lines.append(f"{shown} = {self.values[slot]}")
                    slot += 1
                case "fact":
                    lines.append(thought.text)
                case "answer":
                    lines.append(f"answer: {self.answer}")
        return lines


def with_values(expression: str, values: Sequence[Value]) -> str:
    """An expression as people read it: slots replaced by their values, `48 / 2`."""

    def value(match: re.Match[str]) -> str:
        slot = int(match[1])
        if slot >= len(values):
            return match[0]
        text = str(values[slot])
        alone = match[0] == expression
        return f"({text})" if not alone and ("-" in text or "/" in text or " " in text) else text

    return re.sub(r"\bn(\d+)\b", value, expression)
