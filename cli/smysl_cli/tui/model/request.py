"""How the next question is asked: program, adapter, memories, seed and budget, as the person set them.

Pure.
"""

from typing import TypeVar

import msgspec

from smysl_cli.question import RECALL_LIMIT, SEED_LIMIT
from smysl_cli.text import printable

N = TypeVar("N", int, float)


class BadSetting(ValueError):
    """The message names the value and what is allowed."""


class Asking(msgspec.Struct, frozen=True):
    program: str = "solve"
    adapter: str | None = None
    recall: int | None = None
    """Most memories that fall into it; None: as the settings say."""
    seed: int = 0
    budget_tokens: int | None = None
    budget_seconds: float | None = None

    def words(self) -> str:
        """In a line, for beside the prompt."""
        parts = [self.program]
        parts += [f"adapter {printable(self.adapter)}"] if self.adapter else []
        parts += [f"recall {self.recall}"] if self.recall is not None else []
        parts += [f"seed {self.seed}"] if self.seed else []
        parts += [f"{self.budget_tokens} tokens" if self.budget_tokens else ""]
        parts += [f"{self.budget_seconds:g} s" if self.budget_seconds else ""]
        return ", ".join(part for part in parts if part)


def seed(text: str) -> int | None:
    """None for an empty text. Raises `BadSetting`."""
    value = _number(text, int, "a seed is a whole number")
    if value is not None and not 0 <= value < SEED_LIMIT:
        raise BadSetting(f"a seed is from 0 to {SEED_LIMIT - 1}, not {value}")
    return value


def recall(text: str) -> int | None:
    value = _number(text, int, "how many memories fall in is a whole number")
    if value is not None and not 0 <= value <= RECALL_LIMIT:
        raise BadSetting(f"from 0 to {RECALL_LIMIT} memories fall in, not {value}")
    return value


def tokens(text: str) -> int | None:
    value = _number(text, int, "a budget of tokens is a whole number")
    if value is not None and value < 1:
        raise BadSetting(f"a budget is at least 1 token, not {value}; leave it empty for none")
    return value


def seconds(text: str) -> float | None:
    value = _number(text, float, "a budget of time is a number of seconds")
    if value is not None and not 0 < value < 1e9:
        raise BadSetting(f"a budget is more than 0 seconds, not {value}; leave it empty for none")
    return value


def temperature(text: str) -> float | None:
    value = _number(text, float, "a temperature is a number")
    if value is not None and not 0 <= value <= 2:
        raise BadSetting(f"a temperature is from 0 to 2, not {value:g}")
    return value


def _number(text: str, kind: type[N], rule: str) -> N | None:
    if not text.strip():
        return None
    try:
        return kind(text)
    except ValueError:
        raise BadSetting(f"{rule}, not {text.strip()[:20]!r}") from None
