"""How a program is written: the TOML grammar as plain types, and its JSON schema for editors.

Knows field names and shapes; what they mean together is the parser's business (`checking`).
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from smysl_reasoning.modules.base import Option


class BudgetText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The most that a step, or a run, may spend; when one of them is spent it ends with what is there."""

    tokens: int | None = None
    """Generated, over all its calls."""
    calls: int | None = None
    seconds: float | None = None


class SamplingText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a step's tokens are chosen, where it is to be otherwise than its module has it."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    max_tokens: int | None = None


class StepText(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename={"each": "as"}):
    """One `[[step]]`."""

    name: str
    module: str | None = None
    program: str | None = None
    inputs: dict[str, str | list[str]] = {}
    options: dict[str, bool | int | float | str] = {}
    branches: int | str | None = None
    stop: Literal["decided"] | None = None
    foreach: str | None = None
    each: str | None = None
    """`as`: the port that takes the item; the first one unless given."""
    sequential: bool = False
    when: str | None = None
    repeat: int | str | None = None
    until: str | None = None
    carry: str | None = None
    model: str | None = None
    adapter: str | None = None
    sampling: SamplingText | None = None
    budget: BudgetText | None = None


class ProgramText(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A program file."""

    name: str
    summary: str
    version: int = 1
    source: str = ""
    """Where the idea comes from: a paper, a page."""
    inputs: dict[str, str] = msgspec.field(default_factory=lambda: {"question": "question"})
    """Port -> type."""
    options: dict[str, Option] = {}
    step: list[StepText] = []


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a program file."""
    found = msgspec.json.schema(ProgramText)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "smysl program",
        **found,
    }


class Lines:
    """Where the steps and their fields stand in a program's text."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        head = re.compile(r"\s*\[\[\s*step\s*\]\]")
        self._steps = [i for i, line in enumerate(self._lines, 1) if head.match(line)]

    def step(self, number: int) -> int:
        """Line of the `number`-th `[[step]]` (from 0); 1 where steps are written inline."""
        return self._steps[number] if number < len(self._steps) else 1
