"""What modules ask of a dialect: typed thoughts to token ids and back.

Knows node data and token ids; never an engine, a store or a program.
"""

from collections.abc import Sequence
from typing import Protocol

from smysl_reasoning.dialects.native import Form, Question, Thought
from smysl_reasoning.nodes import PlanData


class Dialect(Protocol):
    """How one sort of model is spoken to: what the run loop asks of every dialect."""

    name: str
    version: int
    end: int
    """Token that ends a line, or a reply."""

    def read(self, text: str) -> Question:
        """A question, with its quantities where the dialect has slots for them. Raises
        `TooManyQuantities`."""
        ...

    def length(self, question: Question) -> int:
        """Tokens of the longest prompt that begins with the question alone."""
        ...


class ThoughtDialect(Dialect, Protocol):
    """A dialect of typed thoughts, one line of tokens each. `read_*` raise `Unreadable` for output
    that does not follow it."""

    yes: int
    no: int

    def reworded(self, text: str) -> str:
        """The same question in other words or another order; `text` itself where there is none."""
        ...

    def question(self, question: Question, form: Form) -> list[int]: ...

    def plan(self, plan: PlanData) -> list[int]: ...

    def read_plan(self, ids: Sequence[int]) -> PlanData: ...

    def thought(self, thought: Thought, result: int | None = None) -> list[int]: ...

    def read_thought(self, ids: Sequence[int]) -> Thought: ...

    def direct(self, answer: str) -> list[int]: ...

    def read_direct(self, ids: Sequence[int]) -> str: ...

    def check(self) -> list[int]: ...

    def shown(self, ids: Sequence[int], values: Sequence[str]) -> str:
        """Tokens of a running line as people may see them: slots as their `values`, no control
        tokens."""
        ...
