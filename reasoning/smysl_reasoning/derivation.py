"""A derivation in the making: question, notes, plan and thoughts so far, their exact values, and the
tokens they read as.

Knows the dialect's typed thoughts and exact arithmetic; never an engine, a store or a program.
"""

import re
from collections.abc import Mapping, Sequence

from smysl_reasoning.answers import normalise
from smysl_reasoning.compute import ComputeError, Value, evaluate
from smysl_reasoning.dialects.base import ThoughtDialect
from smysl_reasoning.dialects.native import SLOT, SLOTS, Question, Thought
from smysl_reasoning.nodes import PlanData
from smysl_reasoning.notes import tell
from smysl_reasoning.turning import turned

OUTSIDE = "outside"
STORY = "story"
THOUGHTS_LIMIT = 24
"""Most thoughts of one derivation; the hardest training problems need half of that."""


class Derivation:
    """Grows thought by thought until it has an answer. Values follow from the thoughts; the model
    never sees them.

    Slots: the question's quantities from 0 up, then each step's; the quantities of notes from the
    last slot down. The model reads them in the order of the text: `prompt` and `read` translate.
    """

    def __init__(
        self, dialect: ThoughtDialect, question: Question, notes: Sequence[str] = ()
    ) -> None:
        """Raises `BadRequest` for notes that cannot be told apart from the question."""
        self._dialect = dialect
        self.question = question
        self.plan: PlanData | None = None
        self.thoughts: list[Thought] = []
        self.values: dict[int, Value] = dict(enumerate(question.slots))
        """Of `n0`, `n1` ..."""
        self.answer: str | None = None
        """For people; `normalise(answer)` is what is compared."""
        self.answer_slot: int | None = None
        self._notes: list[str] = []
        self._steps: list[int] = []
        """The slots that steps filled, in order."""
        self._order: list[int] = []
        self.prompt: list[int] = []
        """Token ids of everything so far: what the next thought continues."""
        self._tell(notes)

    @property
    def outside(self) -> bool:
        """The plan says that the question is of no family the model was trained on."""
        return self.plan is not None and self.plan.problem == OUTSIDE

    @property
    def shown_values(self) -> list[str]:
        """Values as the model numbers them."""
        return [str(self.values[slot]) for slot in self._order]

    @property
    def next_slot(self) -> int:
        """The slot that the next step fills."""
        return len(self.question.quantities) + len(self._steps)

    def tell(self, note: str) -> None:
        """A note that everything from here on sees. Raises `BadRequest`."""
        self._tell([note])

    def first(self, count: int | None = None) -> "Derivation":
        """A new derivation of the first `count` thoughts (None: all), with the values they have here, to be gone on
        with."""
        part = Derivation(self._dialect, self.question, self._notes)
        if self.plan is not None:
            part.set_plan(self.plan)
        steps = iter(self._steps)
        for thought in self.thoughts[:count]:
            part.add(thought, self.values[next(steps)] if thought.kind == "step" else None)
        return part

    def read(self, ids: Sequence[int]) -> Thought:
        """A thought of the model in the derivation's own slots; a story's step whose value cannot be is turned round
        (`turning`). Raises `Unreadable`."""
        thought = _renamed(self._dialect.read_thought(ids), dict(enumerate(self._order)))
        if thought.kind == "step" and self.plan is not None and self.plan.problem == STORY:
            return thought._replace(text=turned(thought.text, self.values, self.question.text))
        return thought

    def set_plan(self, plan: PlanData) -> None:
        assert self.plan is None, "a derivation has one plan"
        self.plan = plan
        self.prompt += self._dialect.plan(plan)

    def add(self, thought: Thought, value: Value | None = None) -> Value | None:
        """Append a thought; returns the value of a step, which is `value` where a person gave one.
        Raises `ComputeError` and stays as it was when there is none, when an answer names an empty
        slot, or when the derivation is too long."""
        assert self.answer is None, "nothing follows an answer"
        if len(self.thoughts) >= THOUGHTS_LIMIT:
            raise ComputeError(f"no answer after {THOUGHTS_LIMIT} thoughts")
        if thought.kind == "step":
            slot = self.next_slot
            if len(self.values) >= SLOTS:
                raise ComputeError(f"question and steps hold more than {SLOTS} quantities")
            value = value or evaluate(thought.text, self.values)
            self.values[slot] = value
            self._steps.append(slot)
            self._order.append(slot)
        elif thought.kind == "answer":
            self._conclude(thought.text)
        self.thoughts.append(thought)
        result = len(self._order) - 1 if thought.kind == "step" else None
        self.prompt += self._dialect.thought(self._as_read(thought), result)
        return value if thought.kind == "step" else None

    def _tell(self, notes: Sequence[str]) -> None:
        told = tell(self.question, [*self._notes, *notes])
        self._notes += notes
        for slot, quantity in zip(told.order, told.question.quantities, strict=True):
            self.values.setdefault(slot, quantity.value)
        self._order = [*told.order, *self._steps]
        self.prompt = self._dialect.question(told.question, "solve")
        if self.plan is not None:
            self.prompt += self._dialect.plan(self.plan)
        result = len(told.order)
        for thought in self.thoughts:
            step = thought.kind == "step"
            self.prompt += self._dialect.thought(self._as_read(thought), result if step else None)
            result += step

    def _as_read(self, thought: Thought) -> Thought:
        """A thought in the slots that the model sees."""
        names = {slot: place for place, slot in enumerate(self._order)}
        return _renamed(thought, names)

    def _conclude(self, text: str) -> None:
        if not SLOT.fullmatch(text):
            self.answer = normalise(text)
            return
        slot = int(text[1:])
        if slot not in self.values:
            raise ComputeError(f"the answer names {text}; there are {len(self.values)} quantities")
        self.answer_slot = slot
        self.answer = str(self.values[slot])

    def lines(self) -> list[str]:
        """The derivation for people, one line a thought: `48 / 2 = 24`."""
        lines = []
        steps = iter(self._steps)
        for thought in self.thoughts:
            match thought.kind:
                case "step":
                    shown = with_values(thought.text, self.values)
                    lines.append(f"{shown} = {self.values[next(steps)]}")
                case "fact":
                    lines.append(thought.text)
                case "answer":
                    lines.append(f"answer: {self.answer}")
        return lines


def with_values(expression: str, values: Mapping[int, Value]) -> str:
    """An expression as people read it: slots replaced by their values, `48 / 2`."""

    def value(match: re.Match[str]) -> str:
        found = values.get(int(match[1]))
        if found is None:
            return match[0]
        text = str(found)
        alone = match[0] == expression
        return f"({text})" if not alone and ("-" in text or "/" in text or " " in text) else text

    return re.sub(r"\bn(\d+)\b", value, expression)


def _renamed(thought: Thought, names: Mapping[int, int]) -> Thought:
    """The thought by another numbering; a slot without a name there becomes one that is always empty."""
    if thought.kind == "fact" or (thought.kind == "answer" and not SLOT.fullmatch(thought.text)):
        return thought
    text = re.sub(r"\bn(\d+)\b", lambda match: f"n{names.get(int(match[1]), SLOTS)}", thought.text)
    return thought._replace(text=text)
