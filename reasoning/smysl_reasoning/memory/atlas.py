"""The map: memories in two dimensions, those alike in words or linked near each other.

Eigenvectors of a graph of memories and words (Belkin and Niyogi, "Laplacian Eigenmaps", 2003), found by power
iteration. Pure and deterministic: words and links in, places out.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from smysl_reasoning.memory.nearness import rarity

ROUNDS = 24
"""Of the iteration. It stops short of the eigenvectors themselves; what is near is near long before."""
WORDS = 12
"""Of one memory, the rarest: the others join it to everything."""
LINK = 1.0
"""What a link of weight 1 counts, where two memories of exactly the same words count 1."""
SPREAD_EVENLY = 0.5
"""Share of a coordinate that is the rank among all: the rest is the eigenvector's own value, in which a few outliers
may squeeze all others into a corner."""


class Place(NamedTuple):
    """Where a memory lies on the map."""

    x: float
    """-1..1"""
    y: float
    """-1..1"""


def places(
    words: Mapping[str, Sequence[str]], links: Iterable[tuple[str, str, float]]
) -> dict[str, Place]:
    """Where each memory lies. `words`: id -> stems; `links`: (id, id, weight) between these.

    The same memories have the same places, whatever the order they come in.
    """
    ids = sorted(words)
    if len(ids) < 2:
        return {id: Place(0.0, 0.0) for id in ids}
    graph = _Graph(ids, words, links)
    # two vectors at once, as the real and the imaginary part: every step is linear and real
    both = [_start(id) for id in ids]
    both = _apart(both, graph.trivial)
    for _ in range(ROUNDS):
        both = _apart(graph.times(both), graph.trivial)
    scaled = [one / root for one, root in zip(both, graph.trivial, strict=True)]
    xs, ys = _spread([one.real for one in scaled]), _spread([one.imag for one in scaled])
    return {id: Place(x, y) for id, x, y in zip(ids, xs, ys, strict=True)}


class _Graph:
    """How alike memories are, as a matrix that is never written out."""

    def __init__(
        self,
        ids: Sequence[str],
        words: Mapping[str, Sequence[str]],
        links: Iterable[tuple[str, str, float]],
    ) -> None:
        number = {id: place for place, id in enumerate(ids)}
        having: defaultdict[str, list[int]] = defaultdict(list)
        for id in ids:
            for word in words[id]:
                having[word].append(number[id])
        # a word that one memory has joins nothing
        joining = {word: some for word, some in sorted(having.items()) if len(some) > 1}
        self._rows: list[list[tuple[int, float]]] = [[] for _ in ids]
        for column, some in enumerate(joining.values()):
            weight = rarity(len(some), len(ids))
            for row in some:
                self._rows[row].append((column, weight))
        for place, every in enumerate(self._rows):
            row_words = sorted(every, key=lambda word: (-word[1], word[0]))[:WORDS]
            length = sum(weight * weight for _, weight in row_words) ** 0.5 or 1.0
            self._rows[place] = [(column, weight / length) for column, weight in row_words]
        self._columns = len(joining)
        self._links: list[list[tuple[int, float]]] = [[] for _ in ids]
        for a, b, weight in sorted(links):
            self._links[number[a]].append((number[b], LINK * weight))
            self._links[number[b]].append((number[a], LINK * weight))
        self._even = 0.0
        degrees = [one.real for one in self._alike([1 + 0j] * len(ids))]
        # a little of everything to everything, or else what is linked to nothing would be all that is seen
        # (Amini et al., "Pseudo-likelihood methods for community detection in large sparse networks", 2013)
        mean = sum(degrees) / len(ids)
        self._even = max(mean, 1e-9) / len(ids)
        self._roots = [(degree + self._even * len(ids)) ** 0.5 for degree in degrees]
        self.trivial = self._roots
        """The first eigenvector, times a number: it says nothing."""

    def times(self, both: Sequence[complex]) -> list[complex]:
        """The matrix, scaled on both sides by the root of each degree, times two vectors, which are added so that no
        eigenvalue is negative."""
        scaled = [one / root for one, root in zip(both, self._roots, strict=True)]
        found = self._alike(scaled)
        return [one + it / root for one, it, root in zip(both, found, self._roots, strict=True)]

    def _alike(self, both: Sequence[complex]) -> list[complex]:
        sums = [0j] * self._columns
        for one, row in zip(both, self._rows, strict=True):
            for column, weight in row:
                sums[column] += weight * one
        even = self._even * sum(both)
        found = []
        for row, linked in zip(self._rows, self._links, strict=True):
            one = even
            for column, weight in row:
                one += weight * sums[column]
            for other, weight in linked:
                one += weight * both[other]
            found.append(one)
        return found


def _start(id: str) -> complex:
    """Of its own for each memory, so that one more moves the others little."""
    return complex(
        zlib.crc32(f"{id} x".encode()) / 2**31 - 1, zlib.crc32(f"{id} y".encode()) / 2**31 - 1
    )


def _apart(both: Sequence[complex], trivial: Sequence[float]) -> list[complex]:
    """Both vectors of length 1, with nothing of the trivial one and of each other in them."""
    x, y = [one.real for one in both], [one.imag for one in both]
    x = _unit(_without(x, trivial))
    y = _unit(_without(_without(y, trivial), x))
    return [complex(a, b) for a, b in zip(x, y, strict=True)]


def _without(vector: Sequence[float], other: Sequence[float]) -> list[float]:
    size = sum(b * b for b in other) or 1.0
    share = sum(a * b for a, b in zip(vector, other, strict=True)) / size
    return [a - share * b for a, b in zip(vector, other, strict=True)]


def _unit(vector: Sequence[float]) -> list[float]:
    length = sum(a * a for a in vector) ** 0.5 or 1.0
    return [a / length for a in vector]


def _spread(values: Sequence[float]) -> list[float]:
    """From -1 to 1, half by rank."""
    low, high = min(values), max(values)
    width = (high - low) or 1.0
    order = sorted(range(len(values)), key=lambda place: (values[place], place))
    last = len(values) - 1
    found = [0.0] * len(values)
    for rank, place in enumerate(order):
        own = (values[place] - low) / width
        found[place] = 2 * (SPREAD_EVENLY * rank / last + (1 - SPREAD_EVENLY) * own) - 1
    return [round(value, 4) for value in found]
