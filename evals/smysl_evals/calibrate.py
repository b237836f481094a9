"""Chooses the thresholds behind "verified" from measured results: most coverage at a wanted precision.

Knows records that carry their checks; never an engine. The data must be other than what is reported on later.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from smysl_evals.errors import EvalError
from smysl_evals.measures import wilson_low
from smysl_evals.records import Record

AGREEMENT = "agreement"
CHECKER = "checker"
GRID = (
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.93,
    0.95,
    0.97,
    0.98,
    0.99,
    0.995,
    0.999,
    0.9995,
)
"""Checker probabilities that are tried as threshold."""
LEAST_AGREEMENT = 0.6
"""A verdict needs a clear majority, however sure the checker is."""
OUTSIDE_SHARE = 0.02
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


METHODS = {"answer": "direct", "checker": "chain", "agreement": "solve"}
"""What a confidence rests on -> the program whose results show it."""
Knots = list[tuple[float, float]]
KNOT_ITEMS = 12
"""Fewest answers behind a knot, so that none is a matter of luck."""


def confidences(records: Sequence[Record]) -> dict[str, Knots]:
    """For each method that there are results of: the share of right answers by raw confidence, by isotonic regression
    (Zadrozny and Elkan, 2002). What lies outside and was answered counts as wrong."""
    found = {}
    for method, program in METHODS.items():
        pairs = [
            (r.confidence, r.right)
            for r in records
            if r.program == program and r.answer is not None and r.confidence is not None
        ]
        if len(pairs) >= 2 * KNOT_ITEMS:
            found[method] = isotonic(pairs)
    return found


def isotonic(pairs: Sequence[tuple[float, bool]]) -> Knots:
    """Knots (mean raw confidence, share right) of the best rising fit: pool adjacent violators over classes of at least
    `KNOT_ITEMS`, each share with one right and one wrong added (Laplace)."""
    blocks: list[tuple[int, float, int]] = []  # items, sum of confidences, right
    for confidence, right in sorted(pairs):
        if blocks and blocks[-1][0] < KNOT_ITEMS:
            items, total, hits = blocks.pop()
            blocks.append((items + 1, total + confidence, hits + right))
        else:
            blocks.append((1, confidence, int(right)))
        # a class is whole before it is compared
        while len(blocks) > 1 and blocks[-1][0] >= KNOT_ITEMS and not _rises(*blocks[-2:]):
            last, before = blocks.pop(), blocks.pop()
            blocks.append((last[0] + before[0], last[1] + before[1], last[2] + before[2]))
    while len(blocks) > 1 and (blocks[-1][0] < KNOT_ITEMS or not _rises(*blocks[-2:])):
        last, before = blocks.pop(), blocks.pop()
        blocks.append((last[0] + before[0], last[1] + before[1], last[2] + before[2]))
    return [
        (round(total / items, 6), round((hits + 1) / (items + 2), 4))
        for items, total, hits in blocks
    ]


def _rises(before: tuple[int, float, int], after: tuple[int, float, int]) -> bool:
    """In both, to the digits that are written."""
    x = [round(total / items, 6) for items, total, _ in (before, after)]
    y = [round((hits + 1) / (items + 2), 4) for items, _, hits in (before, after)]
    return x[0] < x[1] and y[0] < y[1]


def write(file: Path, calibration: Calibration, confidence: dict[str, Knots]) -> None:
    """Put the thresholds into a model's `dialect.json`, keeping what else stands there. Raises `EvalError` where it
    already holds calibrated confidences: results measured with them say nothing of raw ones."""
    content: dict[str, Any] = (
        msgspec.json.decode(file.read_bytes())
        if file.exists()
        else {"dialect": "native", "version": 1}
    )
    thresholds = content.setdefault("thresholds", {})
    if thresholds.get("confidence"):
        raise EvalError(
            f"{file} already holds calibrated confidences, which these results were measured with; take "
            '"confidence" out of it, ask again and calibrate on that'
        )
    thresholds |= {"agreement": calibration.agreement, "check": calibration.check}
    if confidence:
        thresholds["confidence"] = confidence
    content["calibration"] = msgspec.to_builtins(calibration)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
