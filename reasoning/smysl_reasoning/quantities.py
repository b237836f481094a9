"""Finds the quantities of a text and puts slots in their place: every number becomes `<n0>`, `<n1>` ...

Knows how people write numbers and clock times in English; nothing of tokens or models.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from smysl_reasoning.compute import Value

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
WORDS = {word: n for n, word in enumerate(UNITS)} | {
    word: 10 * n for n, word in enumerate(TENS, start=2)
}

_UNIT = "|".join(sorted(UNITS[1:10], key=len, reverse=True))
_WORD = "|".join(sorted(WORDS, key=len, reverse=True))
_TEN = "|".join(TENS)
PATTERN = re.compile(
    rf"""
    (?P<clock>(?<![\d:.])(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?(?![\d:])(?:\s?(?P<half>[ap])(?:\.m\b\.?|m\b))?)
  | (?P<hour>(?<![\d:.,/])\d{{1,2}}\s?(?P<half2>[ap])(?:\.m\b\.?|m\b))
  | (?P<fraction>(?<![\d/.,])\d{{1,4}}/\d{{1,4}}(?![\d/]|\.\d))
  | (?P<digits>(?<![\d.])(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?)
  | (?P<words>(?<![\w-])(?:(?:{_TEN})(?:-|\s)(?:{_UNIT})|{_WORD})
      (?:(?:\s(?P<scale>hundred|thousand|million))\b)?(?![\w]))
  | (?P<scaled>(?<![\w-])an?\s(?P<scale2>hundred|thousand|million)\b)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_RATIO = re.compile(r"\bratios?\b[^.?!]*$", re.IGNORECASE)
"""`3:20` after this word is two numbers, not a clock time."""
SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}


class Quantity(NamedTuple):
    """A number in a text: where it stands (character offsets `[start, end)`) and what it is worth."""

    start: int
    end: int
    value: Value


class QuantityTooLong(ValueError):
    """A number with more digits than a step can work with."""


def find(text: str) -> list[Quantity]:
    """All quantities of `text` in reading order: integers (with or without thousands commas), decimals,
    fractions `2/3`, clock times `9:05`, `7:30 pm`, `7 pm`, and number words up to ninety-nine, with
    hundred, thousand or million. Signs, currency and percent marks stay in the text.
    """
    found, at = [], 0
    while match := PATTERN.search(text, at):
        if match["clock"] and _RATIO.search(text, max(0, match.start() - 40), match.start()):
            first = re.match(r"\d+", match[0])
            assert first is not None
            found.append(Quantity(match.start(), match.start() + first.end(), _number(first[0])))
            at = match.start() + first.end()
            continue
        found.append(Quantity(match.start(), match.end(), _worth(match)))
        at = match.end()
    return found


def _number(digits: str) -> Value:
    return Value(Fraction(digits.replace(",", "")))


def _worth(match: re.Match[str]) -> Value:
    if clock := match["clock"] or match["hour"]:
        return _clock(clock, match["half"] or match["half2"])
    if fraction := match["fraction"]:
        top, bottom = fraction.split("/")
        return Value(Fraction(int(top), int(bottom)) if int(bottom) else Fraction(0))
    if digits := match["digits"]:
        return _number(digits)
    scale = match["scale"] or match["scale2"]
    factor = SCALES[scale.lower()] if scale else 1
    words = (match["words"] or "one").lower()
    if scale and match["words"]:
        words = words[: -len(scale)].strip()
    return Value(Fraction(factor * sum(WORDS[word] for word in re.split(r"[-\s]", words))))


def _clock(text: str, half: str | None) -> Value:
    parts = [int(part) for part in re.findall(r"\d+", text)]
    hours, minutes, seconds = (parts + [0, 0])[:3]
    if half:
        hours = hours % 12 + (12 if half.lower() == "p" else 0)
    return Value(Fraction(hours * 3600 + minutes * 60 + seconds), "clock")


def slotted(text: str, quantities: Sequence[Quantity]) -> str:
    """`text` with the i-th quantity replaced by `<ni>`."""
    pieces, last = [], 0
    for i, quantity in enumerate(quantities):
        pieces += [text[last : quantity.start], f"<n{i}>"]
        last = quantity.end
    return "".join([*pieces, text[last:]])
