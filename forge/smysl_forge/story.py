"""The builder that stories are written with: quantities as objects, sentences as templates, steps as arithmetic.

A scene is a function `scene(s: Story) -> None`. The builder renders the question, finds the slots in the finished
text and turns the recorded arithmetic into a verified derivation. Knows no particular scene.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from random import Random

from smysl_forge.problem import BadTrace, Problem, checked
from smysl_reasoning.compute import Value, evaluate, number_text
from smysl_reasoning.dialects.native import Thought, pretty, question_first
from smysl_reasoning.quantities import TENS, UNITS, find

MARK = re.compile("\ue000(\\d+)\ue001(.*?)\ue002")


class Retry(Exception):
    """These random choices make no sensible problem (negative apples, a fraction of a person): draw again."""


class Amount:
    """An exact quantity in a story: its value, and how it came to be."""

    def __init__(
        self, story: Story, value: Fraction, expression: str, unit: str = "number"
    ) -> None:
        self.story, self.value, self.expression, self.unit = story, value, expression, unit

    def combine(self, symbol: str, other: Amount | int | Fraction, swapped: bool = False) -> Amount:
        """`self symbol other` (`other symbol self` when swapped), for one of `+ - * / // %`. Raises `Retry` for a
        division by zero."""
        other_value = other.value if isinstance(other, Amount) else Fraction(other)
        other_text = other.expression if isinstance(other, Amount) else number_text(other_value)
        left, right = (self.value, other_value)
        left_text, right_text = (self.expression, other_text)
        if swapped:
            left, right, left_text, right_text = right, left, right_text, left_text
        if symbol in "/%" and right == 0:
            raise Retry
        value = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "/": lambda: left / right,
            "//": lambda: Fraction(left // right),
            "%": lambda: Fraction(left % right),
        }[symbol]()
        return Amount(self.story, value, f"({left_text} {symbol} {right_text})")

    def __add__(self, other: Amount | int | Fraction) -> Amount:
        return self.combine("+", other)

    def __radd__(self, other: int | Fraction) -> Amount:
        return self.combine("+", other, swapped=True)

    def __sub__(self, other: Amount | int | Fraction) -> Amount:
        return self.combine("-", other)

    def __rsub__(self, other: int | Fraction) -> Amount:
        return self.combine("-", other, swapped=True)

    def __mul__(self, other: Amount | int | Fraction) -> Amount:
        return self.combine("*", other)

    def __rmul__(self, other: int | Fraction) -> Amount:
        return self.combine("*", other, swapped=True)

    def __truediv__(self, other: Amount | int | Fraction) -> Amount:
        return self.combine("/", other)

    def __rtruediv__(self, other: int | Fraction) -> Amount:
        return self.combine("/", other, swapped=True)

    def __floordiv__(self, other: Amount | int | Fraction) -> Amount:
        return self.combine("//", other)

    def __mod__(self, other: Amount | int | Fraction) -> Amount:
        return self.combine("%", other)

    def __int__(self) -> int:
        return int(self.value)

    def __lt__(self, other: Amount | int | Fraction) -> bool:
        return self.value < (other.value if isinstance(other, Amount) else other)

    def __gt__(self, other: Amount | int | Fraction) -> bool:
        return self.value > (other.value if isinstance(other, Amount) else other)


class Story:
    """One problem in the making."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.given: list[Amount] = []
        self.steps: list[Amount] = []
        self.sentences: list[str] = []
        self.distractors: list[str] = []
        self.question = ""
        self.answer: Amount | None = None
        self.problem = "story"

    # -- quantities -------------------------------------------------------------------------------------------

    def number(self, low: int, high: int, step: int = 1) -> Amount:
        """A new given quantity, drawn uniformly from low, low + step, ... high."""
        return self.quantity(Fraction(self.rng.randrange(low, high + 1, step)))

    def quantity(self, value: int | Fraction) -> Amount:
        """A new given quantity of a chosen value; it must appear in the text exactly once."""
        self.given.append(Amount(self, Fraction(value), f"g{len(self.given)}"))
        return self.given[-1]

    def price(self, low: float, high: float, step: float = 0.25) -> Amount:
        """A new given amount of money (may have cents)."""
        steps = int(round((high - low) / step))
        return self.quantity(Fraction(str(low)) + self.rng.randint(0, steps) * Fraction(str(step)))

    def step(self, amount: Amount) -> Amount:
        """Record one derivation step; the result can be used in later steps."""
        self.steps.append(amount)
        return Amount(self, amount.value, f"s{len(self.steps) - 1}")

    def function(self, name: str, *amounts: Amount) -> Amount:
        """A call of one of `compute.FUNCTIONS`, to be wrapped in `step`."""
        slots = [Value(amount.value) for amount in amounts]
        names = ", ".join(f"n{i}" for i in range(len(amounts)))
        value = evaluate(f"{name}({names})", slots)
        return Amount(self, value.amount, f"{name}({', '.join(a.expression for a in amounts)})")

    def require(self, condition: bool) -> None:
        """Draw again unless `condition` holds."""
        if not condition:
            raise Retry

    def whole(self, *amounts: Amount) -> None:
        """Draw again unless every amount is a whole number >= 0."""
        self.require(all(a.value.denominator == 1 and a.value >= 0 for a in amounts))

    # -- text -------------------------------------------------------------------------------------------------

    def pick(self, *forms: str) -> str:
        """One of several surface forms."""
        return self.rng.choice(forms)

    def say(self, *forms: str, **words: object) -> None:
        """Add a statement: one of `forms`, with `{name}` filled from `words` (amounts or strings)."""
        self.sentences.append(self._fill(self.rng.choice(forms), words))

    def distract(self, *forms: str, **words: object) -> None:
        """Add a statement that has nothing to do with the answer; lands between other statements (not first)."""
        self.distractors.append(self._fill(self.rng.choice(forms), words))

    def ask(self, *forms: str, answer: Amount, **words: object) -> None:
        """The question, and what answers it (a recorded step, or a given amount)."""
        self.question = self._fill(self.rng.choice(forms), words)
        self.answer = answer

    def _fill(self, form: str, words: dict[str, object]) -> str:
        rendered = {name: self.render(word) for name, word in words.items()}
        return form.format(**rendered)

    def render(self, word: object) -> str:
        """How a word stands in the text: as it is, or for an amount its digits, marked for `unmark`."""
        if not isinstance(word, Amount):
            return str(word)
        assert word.expression[0] == "g", "only given amounts can be written into the text"
        index = int(word.expression[1:])
        return f"\ue000{index}\ue001{self._digits(word.value)}\ue002"

    def _digits(self, value: Fraction) -> str:
        whole = value.denominator == 1
        if whole and 2 <= value <= 20 and self.rng.random() < 0.25:
            n = int(value)
            return UNITS[n] if n < 20 else "twenty"
        if whole and 21 <= value <= 99 and self.rng.random() < 0.06:
            tens, unit = divmod(int(value), 10)
            return TENS[tens - 2] + (f"-{UNITS[unit]}" if unit else "")
        if whole and value >= 1000 and self.rng.random() < 0.5:
            return f"{int(value):,}"
        text = number_text(value)
        if "." in text and "/" not in text and len(text.split(".")[1]) == 1:
            return text + self.rng.choice(["0", ""])
        return text

    # -- the problem ------------------------------------------------------------------------------------------

    def finish(self, family: str) -> Problem:
        """Render and verify. Raises `Retry` or `BadTrace` when the text does not carry the quantities."""
        assert self.answer is not None, "a scene must ask"
        sentences = list(self.sentences)
        for extra in self.distractors:
            sentences.insert(self.rng.randint(1, max(1, len(sentences))), extra)
        text = tidy(" ".join([*sentences, self.question]))
        if text[-1] in ".?!" and self.rng.random() < 0.15:
            text = question_first(text)
        question, spans = unmark(text)
        slot_of = self._slots(question, spans)
        for i in range(len(self.steps)):
            slot_of[f"s{i}"] = len(find(question)) + i
        count = len(find(question))
        thoughts = [
            Thought("step", _ordered(rename(step.expression, slot_of), count))
            for step in self.steps
        ]
        answer = rename(self.answer.expression, slot_of)
        if not re.fullmatch(r"n\d+", answer):
            raise AssertionError("the answer must be a step or a given amount")
        value = number_text(self.answer.value)
        return checked(
            Problem(family, self.problem, question, (*thoughts, Thought("answer", answer)), value)
        )

    def _slots(self, question: str, spans: Sequence[tuple[int, int, int]]) -> dict[str, int]:
        found = {(q.start, q.end): (i, q.value) for i, q in enumerate(find(question))}
        slots: dict[str, int] = {}
        for index, start, end in spans:
            hit = found.get((start, end))
            if hit is None or hit[1].amount != self.given[index].value:
                raise BadTrace(f"{question[start:end]!r} is not read as a quantity in {question!r}")
            slots[f"g{index}"] = hit[0]
        return slots


def unmark(text: str) -> tuple[str, list[tuple[int, int, int]]]:
    """The text without marks, and (given amount, start, end) of every marked one in it."""
    out, spans, last = "", [], 0
    for match in MARK.finditer(text):
        out += text[last : match.start()]
        spans.append((int(match[1]), len(out), len(out) + len(match[2])))
        out += match[2]
        last = match.end()
    return out + text[last:], spans


def tidy(text: str) -> str:
    """Capital at the start of sentences, single spaces."""
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(
        r"(^|[.?!]\s+)((?:\ue000\d+\ue001)?)([a-z])",
        lambda m: m[1] + m[2] + m[3].upper(),
        text,
    )


def rename(expression: str, slots: dict[str, int]) -> str:
    """`expression` with given amounts and steps as slots, in canonical form. Raises `BadTrace` for one without."""

    def slot(match: re.Match[str]) -> str:
        if match[0] not in slots:
            raise BadTrace(f"a quantity used in a step is not in the text ({match[0]})")
        return f"n{slots[match[0]]}"

    renamed = re.sub(r"\b[gs]\d+\b", slot, expression)
    return pretty(
        ast.unparse(ast.parse(renamed, mode="eval"))
    )  # drops parentheses that change nothing


def _ordered(expression: str, count: int) -> str:
    """A sum or product of two of the `count` given quantities in order of appearance: one form to learn."""
    match = re.fullmatch(r"n(\d+) ([+*]) n(\d+)", expression)
    if match and int(match[3]) < int(match[1]) < count:
        return f"n{match[3]} {match[2]} n{match[1]}"
    return expression


Scene = Callable[[Story], None]


def tell(scene: Scene, rng: Random, family: str, attempts: int = 200) -> Problem:
    """One problem of `scene`, drawing again while it asks to. Raises `BadTrace` when it never settles."""
    for _ in range(attempts):
        story = Story(rng)
        try:
            scene(story)
            return story.finish(family)
        except (Retry, ZeroDivisionError):
            continue
    raise BadTrace(f"scene {scene.__name__} found no sensible numbers in {attempts} attempts")
