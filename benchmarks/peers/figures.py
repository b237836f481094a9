"""Medians, ratios and the table of a side-by-side run.

Knows numbers by work, peer and way; never how they were measured.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One peer's median for one work, by the way that was best."""

    value: float
    way: str
    runs: int
    lowest: float
    highest: float


def best_figure(by_way: Mapping[str, Sequence[float]], higher: bool) -> Figure | None:
    """The way with the best median; None if no way has a value."""
    figures = [
        Figure(statistics.median(values), way, len(values), min(values), max(values))
        for way, values in by_way.items()
        if values
    ]
    if not figures:
        return None
    return (max if higher else min)(figures, key=lambda figure: figure.value)


def advantage(ours: float, theirs: float, higher: bool) -> float:
    """How many times better ours is: above 1 is faster, whichever way the unit points."""
    return ours / theirs if higher else theirs / ours


def paired_advantage(ours: Sequence[float], theirs: Sequence[float], higher: bool) -> float:
    """The median over rounds of the advantage within a round: what drifts from round to round
    (clock, other load) is the same on both sides of each. Rounds that only one has are left out.
    """
    ratios = [advantage(a, b, higher) for a, b in zip(ours, theirs, strict=False)]
    return statistics.median(ratios)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned: the first to the left, the others to the right."""
    widths = [max(len(line[at]) for line in [header, *rows]) for at in range(len(header))]
    lines = []
    for line in [header, *rows]:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
