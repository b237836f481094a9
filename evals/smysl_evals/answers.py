"""Decides whether a given answer is the expected one.

Knows spellings of numbers, clock times and words; never suites, programs or verdicts. Numbers are
compared exactly, as fractions: 0.33 is not a third.
"""

import re
from fractions import Fraction

import msgspec

LONGEST = 200
"""Characters; a longer text is compared as words, because no number of a suite is that long."""

_NUMERAL = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"(?P<sign>[-+]?)\s*[$€£¥₽]?\s*"
    rf"(?:(?P<whole>\d+)\s+(?P<over>\d+)/(?P<under>\d+)"
    rf"|(?P<top>{_NUMERAL})(?:\s*/\s*(?P<bottom>{_NUMERAL}))?)"
    rf"\s*(?P<unit>[$€£¥₽%°]|[a-z]+)?"
)
_CLOCK = re.compile(
    r"(?P<hours>\d{1,2})(?::(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d))?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?"
)
_SCALES = frozenset("k hundred thousand million billion trillion dozen half halves thirds".split())


class Clock(msgspec.Struct, frozen=True):
    """A time of day, or a span written like one."""

    seconds: int


Value = Fraction | Clock | str


def value(text: str) -> Value:
    """The normal form of an answer: a fraction, a clock time, or lower-case words."""
    words = _words(text)
    if len(words) > LONGEST:
        return words
    clock = _clock(words)
    if clock is not None:
        return clock
    number = _number(words, units=False)
    return words if number is None else number


def same(given: str, expected: str) -> bool:
    """Whether `given` says what `expected` says.

    A unit of one word after a number ("5 apples") is allowed where a bare number is expected,
    and compared where the expected answer has one.
    """
    wanted = value(expected)
    if value(given) == wanted:
        return True
    words = _words(given)
    return (
        isinstance(wanted, Fraction)
        and len(words) <= LONGEST
        and _clock(words) is None
        and _number(words, units=True) == wanted
    )


def _words(text: str) -> str:
    plain = text.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " ")
    return " ".join(plain.casefold().split()).strip("\"'`").rstrip(".!").strip()


def _number(words: str, *, units: bool) -> Fraction | None:
    match = _NUMBER.fullmatch(words)
    if match is None:
        return None
    unit = match["unit"] or ""
    if unit.isalpha() and (not units or unit in _SCALES):
        return None
    try:
        if match["whole"]:
            amount = int(match["whole"]) + Fraction(int(match["over"]), int(match["under"]))
        else:
            amount = _fraction(match["top"]) / _fraction(match["bottom"] or "1")
    except ZeroDivisionError:
        return None
    return -amount if match["sign"] == "-" else amount


def _fraction(numeral: str) -> Fraction:
    return Fraction(numeral.replace(",", ""))


def _clock(words: str) -> Clock | None:
    match = _CLOCK.fullmatch(words)
    if match is None or not (match["minutes"] or match["half"]):
        return None
    hours = int(match["hours"])
    if match["half"]:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if match["half"].startswith("p") else 0)
    return Clock(3600 * hours + 60 * int(match["minutes"] or 0) + int(match["seconds"] or 0))
