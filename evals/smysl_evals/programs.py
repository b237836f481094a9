"""Compares programs on the same questions: right, tokens, calls, seconds; and how much a confidence is worth.

Knows records; never the daemon, files or thresholds.
"""

import statistics
from collections.abc import Callable, Sequence

import msgspec

from smysl_evals.measures import by_family, measure
from smysl_evals.records import Record, Setup
from smysl_evals.report import heading, percent, table

BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Edges of the classes of a reliability table; the last class holds its upper edge."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one question costs in the mean."""

    generated_tokens: float
    prompt_tokens: float
    """As if every call were sent whole."""
    computed_share: float | None
    """Of these, what had to be computed."""
    calls: float
    seconds: float


class Reliability(msgspec.Struct, frozen=True, kw_only=True):
    """Answers whose confidence lies in one class."""

    low: float
    high: float
    items: int
    confidence: float
    """Mean of what was said."""
    right: float
    """Share of what was true."""


def cost(records: Sequence[Record]) -> Cost:
    """Raises `statistics.StatisticsError` without records."""
    prompt = sum(r.prompt_tokens for r in records)
    cached = sum(r.cached_tokens for r in records)
    return Cost(
        generated_tokens=statistics.fmean(r.generated_tokens for r in records),
        prompt_tokens=prompt / len(records),
        computed_share=(prompt - cached) / prompt if prompt else None,
        calls=statistics.fmean(r.calls for r in records),
        seconds=statistics.fmean(r.seconds for r in records),
    )


def reliability(records: Sequence[Record]) -> list[Reliability]:
    """Confidence against truth, class by class; what was not answered is in none."""
    found = []
    for low, high in zip(BINS, BINS[1:], strict=False):
        part = [
            r
            for r in records
            if r.answer is not None
            and r.confidence is not None
            and (low <= r.confidence < high or (high == BINS[-1] and r.confidence == high))
        ]
        if part:
            found.append(
                Reliability(
                    low=low,
                    high=high,
                    items=len(part),
                    confidence=statistics.fmean(r.confidence or 0.0 for r in part),
                    right=sum(r.right for r in part) / len(part),
                )
            )
    return found


def calibration_error(bins: Sequence[Reliability]) -> float | None:
    """Expected calibration error (Naeini et al., 2015): the mean gap between confidence and truth, by class."""
    items = sum(one.items for one in bins)
    if not items:
        return None
    return sum(one.items * abs(one.confidence - one.right) for one in bins) / items


def page(setup: Setup, records: Sequence[Record]) -> str:
    """The tables in Markdown."""
    programs = [p for p in setup.programs if any(r.program == p for r in records)]
    by_program = {p: [r for r in records if r.program == p and not r.error] for p in programs}
    parts = [heading(setup), _whole(by_program)]
    parts.append(_families("Right, by family", by_program, _accuracy))
    parts.append(
        _families(
            "Generated tokens a question, by family",
            by_program,
            lambda part: f"{cost(part).generated_tokens:,.0f}",
        )
    )
    parts += [_reliability(program, by_program[program]) for program in programs]
    return "\n\n".join(part for part in parts if part) + "\n"


def _whole(by_program: dict[str, list[Record]]) -> str:
    rows = []
    for program, records in by_program.items():
        if not records:
            continue
        m, c = measure(records), cost(records)
        rows.append(
            [
                program,
                f"{m.items:,}",
                percent(m.mean_accuracy),
                f"{c.generated_tokens:,.0f}",
                f"{c.calls:.1f}",
                f"{c.prompt_tokens:,.0f}",
                percent(c.computed_share),
                f"{1000 * c.seconds:,.0f} ms",
                percent(m.coverage),
                percent(m.precision),
            ]
        )
    titles = [
        "program",
        "items",
        "right (mean of families)",
        "generated tokens",
        "calls",
        "prompt tokens",
        "of these computed",
        "mean time",
        "verified",
        "of these right",
    ]
    return table(titles, rows)


def _families(
    title: str, by_program: dict[str, list[Record]], figure: Callable[[list[Record]], str]
) -> str:
    split = {program: by_family(records) for program, records in by_program.items()}
    names = sorted({name for families in split.values() for name in families})
    rows = [
        [name, *(figure(split[p][name]) if name in split[p] else "" for p in split)]
        for name in names
    ]
    return f"**{title}**\n\n" + table(["family", *split], rows)


def _accuracy(records: list[Record]) -> str:
    return percent(measure(records).accuracy)


def _reliability(program: str, records: Sequence[Record]) -> str:
    bins = reliability([r for r in records if r.expected is not None])
    if not bins:
        return ""
    rows = [
        [
            f"{one.low:g} to {one.high:g}",
            f"{one.items:,}",
            percent(one.confidence),
            percent(one.right),
        ]
        for one in bins
    ]
    error = percent(calibration_error(bins))
    title = (
        f"**How much the confidence of `{program}` is worth** (expected calibration error {error})"
    )
    return f"{title}\n\n" + table(["confidence", "answers", "said", "true"], rows)
