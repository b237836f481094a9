"""When an answer may be called verified, and when it is not worth showing as one."""

import itertools
from decimal import Decimal
from typing import Literal

import msgspec

Method = Literal["answer", "checker", "agreement"]
"""What a confidence rests on: the tokens' own probability, the checker's word on one derivation, or the agreement of
several times that word."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chosen on data for each model and kept beside its engine; the defaults are for a model nobody
    measured."""

    agreement: float = 1.0
    """Least share of independent derivations that reach the answer, for "verified"."""
    check: float = 0.99
    """Least probability of the trained checker, for "verified"."""
    decline: float = 0.3
    """An agreement below this is "not confident": no answer is given."""
    hopeless_candidate: float = 0.0
    """A sampled derivation whose confidence falls below this while it is derived is given up; 0 gives none up."""
    hopeless_state: float = 0.0
    """A state of a search that the checker gives less than this is not gone on from; 0 goes on from all."""
    derivations: int = 3
    """Fewest independent derivations, for "verified": one that agrees with itself proves
    nothing."""

    confidence: dict[Method, tuple[tuple[float, float], ...]] = {}
    """By what a confidence rests on: knots (raw, share of such answers that were right), rising in both."""

    def __post_init__(self) -> None:
        for name in ("agreement", "check", "decline", "hopeless_candidate", "hopeless_state"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"threshold {name} is {value}; it must be from 0 to 1")
        if self.derivations < 1:
            raise ValueError(f"threshold derivations is {self.derivations}; it must be at least 1")
        for method, knots in self.confidence.items():
            flat = [value for knot in knots for value in knot]
            rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in itertools.pairwise(knots))
            if not knots or not rising or not all(0 <= value <= 1 for value in flat):
                raise ValueError(
                    f"confidence {method} is {knots}; it must be pairs from 0 to 1 that rise"
                )

    def calibrated(self, method: Method, raw: float | None) -> float | None:
        """A raw confidence as the share of such answers that are right: between knots on a straight line, beyond
        them as at the last; as it is where nobody has measured."""
        knots = self.confidence.get(method)
        if raw is None or not knots:
            return raw
        if raw <= knots[0][0]:
            return knots[0][1]
        for (x0, y0), (x1, y1) in itertools.pairwise(knots):
            if raw <= x1:
                return y0 + (y1 - y0) * (raw - x0) / (x1 - x0)
        return knots[-1][1]


def shown(share: float, threshold: float) -> str:
    """A share for people beside its threshold: `99.7%`, with more digits where it would read as on the other side."""
    limit = 100 * Decimal(str(threshold))
    for digits in range(1, 8):
        text = f"{share:.{digits}%}"
        if (Decimal(text[:-1]) >= limit) == (share >= threshold):
            break
    return text


def needed(share: float) -> str:
    """A threshold for people: `99.9% needed`."""
    return f"{100 * share:.4g}% needed"
