"""Chooses the thresholds behind "verified" from measured results: most coverage at a wanted precision.

Knows records that carry their checks; never an engine. The data must be other than what is reported on later.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from smysl_evals.errors import EvalError
from smysl_evals.measures import wilson_low
from smysl_evals.records import Record

AGREEMENT = "agreement"
CHECKER = "checker"
GRID = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
"""Checker probabilities that are tried as threshold."""
LEAST_AGREEMENT = 0.6
"""A verdict needs a clear majority, however sure the checker is."""
OUTSIDE_SHARE = 0.03
"""Of what lies outside, at most this much may be verified on the calibration data."""
SLACK = 0.015
"""Share of coverage that is given away for stricter thresholds."""
MARGIN = 1e-6
"""Taken off a measured agreement, so that the same share computed again passes."""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Thresholds and what they gave on the data they were chosen on."""

    agreement: float
    """Least share of derivations that reach the answer."""
    check: float
    """Least probability of the checker."""
    precision: float
    """Right and verified / verified; what lies outside counts as wrong."""
    precision_low: float
    """Lower end of its 95 % Wilson interval."""
    coverage: float
    """Verified / items with an expected answer."""
    outside_verified: int
    items: int


def calibrate(records: Sequence[Record], precision: float) -> Calibration:
    """The strictest thresholds within `SLACK` of most coverage, among those whose precision is at least `precision`
    (its lower 95 % bound at most two points below) and that verify at most `OUTSIDE_SHARE` of what lies outside.
    Raises `EvalError` when none do.
    """
    usable = [
        record for record in records if CHECKER in record.checks and AGREEMENT in record.checks
    ]
    inside = sum(record.expected is not None for record in records)
    if not usable or not inside:
        raise EvalError(
            "no result carries both checks; run the program `solve` with this version and calibrate on that"
        )
    outside = len(records) - inside
    shares = sorted({round(record.checks[AGREEMENT], 6) for record in usable})
    shares = [share for share in shares if share >= LEAST_AGREEMENT]
    found: list[Calibration] = []
    for agreement in shares:
        for check in GRID:
            verified = [
                r
                for r in usable
                if r.checks[AGREEMENT] >= agreement - MARGIN and r.checks[CHECKER] >= check
            ]
            right = sum(record.right for record in verified)
            strays = sum(record.expected is None for record in verified)
            low = wilson_low(right, len(verified))
            if low is None or right < precision * len(verified) or low < precision - 0.02:
                continue
            if strays > OUTSIDE_SHARE * outside:
                continue
            found.append(
                Calibration(
                    agreement=round(agreement - MARGIN, 6),
                    check=check,
                    precision=right / len(verified),
                    precision_low=low,
                    coverage=right / inside,
                    outside_verified=strays,
                    items=len(records),
                )
            )
    if not found:
        raise EvalError(
            f"no thresholds reach a precision of {precision:.0%} on these {len(usable)} results; "
            "ask for less with --precision, or train more"
        )
    # data of the families says little of what people will ask: strictness that costs next to nothing is taken
    most = max(one.coverage for one in found)
    near = [one for one in found if one.coverage >= most - SLACK]
    return max(near, key=lambda one: (one.agreement, one.check, one.coverage))


def write(file: Path, calibration: Calibration) -> None:
    """Put the thresholds into a model's `dialect.json`, keeping what else stands there."""
    content = (
        msgspec.json.decode(file.read_bytes())
        if file.exists()
        else {"dialect": "native", "version": 1}
    )
    content["thresholds"] = {"agreement": calibration.agreement, "check": calibration.check}
    content["calibration"] = msgspec.to_builtins(calibration)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
