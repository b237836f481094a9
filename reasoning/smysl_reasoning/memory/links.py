"""How links form by themselves: between memories alike in words, neighbours of one import, what was used together.

Knows weights and rows; nothing of questions or of what falls.
"""

import heapq
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import combinations, pairwise
from typing import NamedTuple

from smysl_reasoning.memory import rows
from smysl_reasoning.memory.finding import Near
from smysl_reasoning.memory.nearness import coverage, near, rarity
from smysl_reasoning.memory.values import LinkOrigin

NEAR_LINKS = 5
"""Most links that a memory gets to those it is alike when it is made."""
NEAR_ENOUGH = 0.3
"""Coverage of the new memory's words from which two count as alike; it is the link's weight."""
NEIGHBOURS = 0.8
"""Weight between texts that follow each other in what they were imported from."""
FOUND_WITH = 0.5
"""Weight between an answer and the memories that it was found with."""
LEARNING = 0.2
"""Of what is missing to 1 so much is added when two memories were recalled together for an answer that was verified
(Hebb, "The Organization of Behavior", 1949; bounded as in Oja, 1982)."""
POSTINGS = 500
"""Entries of the index that are read for one new memory, its rarest words first."""
CANDIDATES = 30

Snapshot = Callable[[], AbstractContextManager[sqlite3.Connection]]


class New(NamedTuple):
    """A memory that is about to be made."""

    id: str
    stems: Sequence[str]
    words: int


class Wanted(NamedTuple):
    """A link that is to be made, where nothing speaks against it."""

    a: str
    b: str
    weight: float
    origin: LinkOrigin


def near_links(snapshot: Snapshot, new: Sequence[New]) -> list[Wanted]:
    """Links of new memories to what is there, and among themselves to those before, the nearest first. The index is
    read in many short snapshots, so that nobody waits for all of them."""
    among: defaultdict[str, list[int]] = defaultdict(list)
    """Word -> the new memories so far that have it, counted down from -1: what is there has numbers from 1."""
    having = Counter(stem for one in new for stem in one.stems)
    before = dict[str, int]()
    wanted = []
    for place, one in enumerate(new):
        with snapshot() as db:
            for stem in one.stems:
                if stem not in before:
                    before[stem] = rows.having(db, stem)
            total = rows.total(db) + len(new)
            weights = {stem: rarity(before[stem] + having[stem], total) for stem in one.stems}
            scores = _shared(db, weights, before, among)
            best = heapq.nsmallest(CANDIDATES, scores, key=lambda n: (-scores[n], n))
            lengths = rows.lengths(db, [number for number in best if number > 0])
        lengths |= {n: (new[-1 - n].id, new[-1 - n].words) for n in best if n < 0}
        possible = sum(weights.values())
        alike = [
            Near(id, coverage(scores[number], possible, words))
            for number, (id, words) in lengths.items()
        ]
        alike.sort(key=lambda it: (-it.nearness, it.id))
        wanted += [
            Wanted(one.id, it.id, round(it.nearness, 4), "near")
            for it in alike[:NEAR_LINKS]
            if it.nearness >= NEAR_ENOUGH
        ]
        for stem in one.stems:
            among[stem].append(-1 - place)
    return wanted


def _shared(
    db: sqlite3.Connection,
    weights: dict[str, float],
    having: dict[str, int],
    among: dict[str, list[int]],
) -> dict[int, float]:
    read, postings = 0, []
    for stem in sorted(weights, key=lambda stem: (-weights[stem], stem)):
        if weights[stem] <= 0 or (read and read + having[stem] > POSTINGS):
            break
        numbers = [*rows.postings(db, stem), *among.get(stem, ())]
        read += len(numbers)
        postings.append((stem, numbers))
    return near(weights, postings)


def source_links(ids: Sequence[str]) -> list[Wanted]:
    """Links of memories that follow each other in what they were imported from."""
    return [Wanted(a, b, NEIGHBOURS, "source") for a, b in pairwise(ids) if a != b]


def form(db: sqlite3.Connection, wanted: Iterable[Wanted]) -> None:
    """Make links. What a person has linked or cut stays as it is; of two reasons the stronger counts."""
    for one in wanted:
        known = rows.link(db, one.a, one.b)
        if known is not None and (known.cut or known.origin == "person"):
            continue
        if one.a != one.b and (known is None or known.weight < one.weight):
            rows.put_link(db, one.a, one.b, one.weight, one.origin)


def found_with(db: sqlite3.Connection, id: str, others: Iterable[str]) -> None:
    """Link an answer to the memories that it was found with, so far as they are there."""
    there = rows.present(db, [id, *others])
    if id in there:
        form(db, [Wanted(id, one, FOUND_WITH, "derived") for one in sorted(there - {id})])


def strengthen(db: sqlite3.Connection, together: Iterable[str]) -> None:
    """Of memories that led to a verified answer, each pair holds together better. A link keeps its first reason."""
    there = {row.id for row in rows.some(db, sorted(set(together))) if not row.muted}
    for a, b in combinations(sorted(there), 2):
        known = rows.link(db, a, b)
        if known is not None and known.cut:
            continue
        weight = known.weight if known else 0.0
        origin = known.origin if known else "together"
        rows.put_link(db, a, b, weight + LEARNING * (1 - weight), origin)
