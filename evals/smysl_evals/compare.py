"""Compares two result sets on the items both have.

Knows records; never how they came about. Pairs are of the same suite, item and program, so that
two engines, trainings or settings are compared.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

import msgspec

from smysl_evals.records import Record


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One family under one program, before and after."""

    suite: str
    family: str
    program: str
    items: int
    """Items with an expected answer that both sides have, with the same wording."""
    right_before: int
    right_after: int
    gained: tuple[str, ...]
    """Ids that became right."""
    lost: tuple[str, ...]
    """Ids that became wrong."""
    chance: float
    """How likely at least so uneven a split of gained and lost is when nothing changed: exact
    two-sided sign test (McNemar), 0..1."""
    wrong_verified_before: int
    wrong_verified_after: int


def compare(before: Sequence[Record], after: Sequence[Record]) -> list[Change]:
    """One row per suite, family and program, in the order of `before`."""
    later = {r.key: r for r in after}
    pairs: dict[tuple[str, str, str], list[tuple[Record, Record]]] = {}
    for old in before:
        new = later.get(old.key)
        if new is None or old.expected is None:
            continue
        if (old.question, old.expected) != (new.question, new.expected):
            continue
        pairs.setdefault((old.suite, old.family, old.program), []).append((old, new))
    return [_change(*key, pairs=part) for key, part in pairs.items()]


def _change(
    suite: str, family: str, program: str, *, pairs: Sequence[tuple[Record, Record]]
) -> Change:
    judged = [(old, new, old.right, new.right) for old, new in pairs]
    gained = tuple(old.item for old, _, was, now in judged if now and not was)
    lost = tuple(old.item for old, _, was, now in judged if was and not now)
    return Change(
        suite=suite,
        family=family,
        program=program,
        items=len(pairs),
        right_before=sum(was for _, _, was, _ in judged),
        right_after=sum(now for _, _, _, now in judged),
        gained=gained,
        lost=lost,
        chance=sign_test(len(gained), len(lost)),
        wrong_verified_before=sum(old.verified and not was for old, _, was, _ in judged),
        wrong_verified_after=sum(new.verified and not now for _, new, _, now in judged),
    )


def sign_test(ups: int, downs: int) -> float:
    """Two-sided exact probability of a split at least this uneven from a fair coin."""
    flips = ups + downs
    tail = sum(math.comb(flips, k) for k in range(min(ups, downs) + 1))
    # exact until the end: a float would overflow beyond 1,023 flips
    return min(1.0, float(Fraction(2 * tail, 1 << flips)))


def table(changes: Sequence[Change]) -> str:
    """The changes as a Markdown table."""
    lines = [
        "| suite | family | program | items | before | after | gained | lost | chance |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for c in changes:
        lines.append(
            f"| {c.suite} | {c.family} | {c.program} | {c.items:,} "
            f"| {100 * c.right_before / c.items:.1f} % | {100 * c.right_after / c.items:.1f} % "
            f"| {len(c.gained)} | {len(c.lost)} | {c.chance:.3f} |"
        )
    return "\n".join(lines) + "\n"
