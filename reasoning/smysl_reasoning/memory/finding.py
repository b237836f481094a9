"""Finds the memories that the words of a text touch, and what they are linked to: the part of the field that counts.

Reads by the index of words and by links, never all memories. Knows rows and stems; nothing of runs or of what is done
with a pull.
"""

import heapq
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from smysl_reasoning.memory import rows
from smysl_reasoning.memory.field import FAINT, HOPS, Body, Tie, passed
from smysl_reasoning.memory.nearness import QUESTION_WORDS, near, nearness, rarity

POSTINGS = 5000
"""Entries of the index that are read for one question, its rarest words first."""
CANDIDATES = 200
"""Memories that share the most with a question: these are weighed."""
SEEDS = 32
"""The nearest of them: from these it spreads."""
TIES = 500
"""Links that are followed from one ring of memories to the next, the strongest."""

Weigh = Callable[[rows.Row], float]
"""A memory's mass now."""


class Near(NamedTuple):
    """A memory and how near its words are."""

    id: str
    nearness: float


class Found(NamedTuple):
    """A part of the field."""

    bodies: dict[str, Body]
    ties: list[Tie]


def weights(db: sqlite3.Connection, stems: Sequence[str]) -> dict[str, float]:
    """What each word tells, the rarest first, `QUESTION_WORDS` at most."""
    total = rows.total(db)
    found = {stem: rarity(rows.having(db, stem), total) for stem in stems}
    rare = sorted(found, key=lambda stem: (-found[stem], stem))[:QUESTION_WORDS]
    return {stem: found[stem] for stem in rare}


def shared(db: sqlite3.Connection, weights: Mapping[str, float]) -> dict[int, float]:
    """Memory (by number) -> what of these words it has. `weights` with the rarest first."""
    read, postings = 0, []
    for stem, weight in weights.items():
        if weight <= 0 or read >= POSTINGS:
            break
        numbers = rows.postings(db, stem)
        read += len(numbers)
        postings.append((stem, numbers))
    return near(weights, postings)


def nearest(db: sqlite3.Connection, stems: Sequence[str]) -> list[Near]:
    """The memories that these words touch, the nearest first."""
    rarities = weights(db, stems)
    possible = sum(rarities.values())
    scores = shared(db, rarities)
    best = heapq.nsmallest(CANDIDATES, scores, key=lambda number: (-scores[number], number))
    found = [
        Near(id, nearness(scores[number], possible, words))
        for number, (id, words) in rows.lengths(db, best).items()
    ]
    return sorted(found, key=lambda one: (-one.nearness, one.id))


def neighbourhood(
    db: sqlite3.Connection,
    near: Sequence[Near],
    weigh: Weigh,
    most: int,
    apart: str | None = None,
) -> Found:
    """The nearest memories, `most` or more, the pinned ones, and where enough of the nearness of these arrives over
    links. Those whose source is `apart` are passed over."""
    distance = {one.id: one.nearness for one in near}
    arriving = {one.id: one.nearness for one in near[: max(SEEDS, 2 * most)]}
    ties = dict[tuple[str, str], Tie]()
    edge = [one.id for one in near[:SEEDS] if passed(one.nearness, 1) >= FAINT]
    fans = Counter[str]()
    for _ in range(HOPS):
        if not edge:
            break
        now = {id: arriving[id] for id in edge}
        links = rows.links_at(db, edge)
        fans |= Counter(id for link in links for id in (link.a, link.b) if id in now)
        beyond = dict[str, None]()
        for link in links[:TIES]:
            if link.cut:
                continue
            for here, there in ((link.a, link.b), (link.b, link.a)):
                share = now.get(here, 0.0) * passed(link.weight, fans[here])
                if share < FAINT:
                    continue
                ties[link.a, link.b] = Tie(link.a, link.b, link.weight)
                if share > arriving.get(there, 0.0):
                    arriving[there] = share
                    beyond[there] = None
        # what would be too faint along any link is not looked at
        edge = [id for id in beyond if passed(arriving[id], 1) >= FAINT]
    reached = dict.fromkeys([*arriving, *rows.pinned(db)])
    # what nothing went on from so far may still be on the way back
    joined = {id for tie in ties for id in tie}
    fans |= Counter(rows.fans(db, joined - fans.keys()))
    bodies = {
        row.id: Body(
            mass=weigh(row),
            nearness=distance.get(row.id, 0.0),
            pinned=row.pinned,
            muted=row.muted,
            fan=fans[row.id],
        )
        for row in rows.some(db, reached)
        if apart is None or row.source != apart
    }
    return Found(bodies, list(ties.values()))
