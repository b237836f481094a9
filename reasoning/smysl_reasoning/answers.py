"""Brings answers to a normal form, so that two of them can be compared as strings.

Knows how answers are written; nothing of how they were found.
"""

import re

from smysl_reasoning.compute import DIGITS_LIMIT
from smysl_reasoning.quantities import find

BRIEF = 60
"""Most characters of an answer within a message."""


def normalise(answer: str) -> str:
    """Normal form: numbers exact and shortest (`1,000.50` is `1000.5`, `4/6` is `2/3`), words
    lower-case with single spaces and no final stop. Idempotent."""
    text = " ".join(answer.split()).lower().rstrip(".!? ")
    sign = "-" if re.match(r"[-\u2212]\s?\d", text) else ""
    bare = text[1:].lstrip() if sign else text
    if bare and bare[0].isdigit() and len(bare) <= DIGITS_LIMIT:
        quantities = find(bare)
        if len(quantities) == 1 and (quantities[0].start, quantities[0].end) == (0, len(bare)):
            value = str(quantities[0].value)
            return value if value == "0" else sign + value
    return text


def brief(answer: str) -> str:
    """An answer within a message: on one line, a long one cut off."""
    text = " ".join(answer.split())
    return text if len(text) <= BRIEF else f"{text[:BRIEF]}..."
