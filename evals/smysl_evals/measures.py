"""Counts records into the figures that reports and gates speak of.

Knows records only; never files, formats or thresholds.
"""

import math
import statistics
from collections.abc import Iterable, Sequence

import msgspec

from smysl_evals.records import Record

Z_95 = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one group of records, all of one program. Shares are 0..1; None: nothing to
    divide by."""

    items: int
    errors: int
    """Items the daemon refused or failed; they count as not right and not verified."""
    inside: int
    """Items with an expected answer."""
    right: int
    verified: int
    """Items called verified, outside ones included."""
    verified_right: int
    outside: int
    """Items without an expected answer."""
    outside_verified: int
    accuracy: float | None
    """right / inside"""
    mean_accuracy: float | None
    """Mean of the families' accuracies, each family counted once."""
    precision: float | None
    """verified_right / verified"""
    precision_low: float | None
    """Lower end of the 95 % Wilson interval of `precision`."""
    coverage: float | None
    """Share of the items with an expected answer that were called verified."""
    wrong_verified: float | None
    """Share of all items that were called verified and are not right."""
    median_seconds: float | None
    """Of the items that ran."""


def measure(records: Sequence[Record]) -> Measures:
    inside = [r for r in records if r.expected is not None]
    outside = [r for r in records if r.expected is None]
    right = {r.key for r in inside if r.right}
    verified = [r for r in records if r.verified]
    verified_right = sum(r.key in right for r in verified)
    families = [
        sum(r.key in right for r in family) / len(family) for family in by_family(inside).values()
    ]
    seconds = [r.seconds for r in records if not r.error]
    return Measures(
        items=len(records),
        errors=sum(bool(r.error) for r in records),
        inside=len(inside),
        right=len(right),
        verified=len(verified),
        verified_right=verified_right,
        outside=len(outside),
        outside_verified=sum(r.verified for r in outside),
        accuracy=_share(len(right), len(inside)),
        mean_accuracy=statistics.fmean(families) if families else None,
        precision=_share(verified_right, len(verified)),
        precision_low=wilson_low(verified_right, len(verified)),
        coverage=_share(sum(r.verified for r in inside), len(inside)),
        wrong_verified=_share(len(verified) - verified_right, len(records)),
        median_seconds=statistics.median(seconds) if seconds else None,
    )


def by_family(records: Iterable[Record]) -> dict[str, list[Record]]:
    """In order of first appearance."""
    families: dict[str, list[Record]] = {}
    for record in records:
        families.setdefault(record.family, []).append(record)
    return families


def wilson_low(hits: int, of: int) -> float | None:
    """Lower end of the two-sided 95 % Wilson score interval of a share (Wilson, 1927)."""
    if not of:
        return None
    share = hits / of
    spread = Z_95**2 / of
    root = math.sqrt(share * (1 - share) * spread + spread**2 / 4)
    return max(0.0, (share + spread / 2 - root) / (1 + spread))


def _share(part: int, of: int) -> float | None:
    return part / of if of else None
