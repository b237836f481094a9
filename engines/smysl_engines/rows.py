"""KV memory of a batch's rows: rows of about the same length lie side by side, so that one pass may run over them.

A pass over several rows computes each up to the length of the memory it is given, so a row lives in an arena that is
not much longer than it is, and moves to a longer one as it grows. Rows of very different lengths are computed in
passes of their own where that costs less than computing the short ones as long. Knows positions and bytes; never a
token, a graph or what a call is.
"""

import mmap
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

SHORTEST = 256
"""Positions of the shortest arena."""
_GROWTH = 1.25
_MULTIPLE = 64
STALE_BYTES = 64_000_000
"""What free places may still hold of the system's memory while there is work."""
TRIMMED_BYTES = 4_000_000
"""A free place that holds less is not worth the system calls."""


class Shape(NamedTuple):
    """Of one position's keys and values."""

    layers: int
    kv_heads: int
    head_dim: int

    @property
    def bytes(self) -> int:
        return self.layers * 2 * self.kv_heads * self.head_dim * np.dtype(np.float32).itemsize


class Run(NamedTuple):
    """Rows to compute in one pass: places 0, 1, ... of an arena."""

    length: int
    """Of the arena: it is told apart by that."""
    rows: tuple[int, ...]


def arena_lengths(context: int) -> tuple[int, ...]:
    """Each a quarter longer than the one before; the last holds a whole context."""
    lengths = [SHORTEST]
    while lengths[-1] < context:
        lengths.append(-(-int(lengths[-1] * _GROWTH) // _MULTIPLE) * _MULTIPLE)
    return (*(length for length in lengths if length < context), context)


def arrange(needed: Sequence[int], lengths: Sequence[int], pass_cost: float) -> list[int]:
    """The arena's length for each row that needs so many positions, so that all passes together cost least: a pass
    costs `pass_cost` positions, and for each of its rows the length of the arena. `lengths` ascend, and the last is
    enough for every row.
    """
    own = [lengths[bisect_left(lengths, need)] for need in needed]
    steps = sorted(set(own))
    counts = [sum(length == step for length in own) for step in steps]
    # best[i]: of the first i steps, the least cost and where the last pass of it begins
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(steps) + 1):
        rows = 0
        found: list[tuple[float, int]] = []
        for start in reversed(range(end)):
            rows += counts[start]
            cost = best[start][0] + pass_cost + rows * steps[end - 1]
            found.append((cost, start))
        best.append(min(found))
    taken: dict[int, int] = {}
    end = len(steps)
    while end:
        start = best[end][1]
        taken |= dict.fromkeys(steps[start:end], steps[end - 1])
        end = start
    return [taken[length] for length in own]


class Rows:
    """A row is in one arena or in none; the rows of an arena take its first places, without a gap."""

    def __init__(
        self, shape: Shape, rows: int, lengths: Sequence[int], pass_cost: float = 0.0
    ) -> None:
        """Room for `rows` rows, and for one more place in each arena that belongs to none. `lengths`: of the arenas,
        ascending; memory is taken when it is first used. `pass_cost`: as in `arrange`."""
        self._shape = shape
        self._lengths = tuple(lengths)
        self._pass_cost = pass_cost
        self._places = rows + 1
        self._arenas: dict[int, _Arena] = {}
        self._at: dict[int, _Arena] = {}
        """By row."""
        self._held = [0] * rows
        """Positions of each row that are of use."""

    def fit(self, row: int, needed: int, kept: int) -> None:
        """Give a row memory for `needed` positions; the first `kept` of what it holds stay."""
        arena = self._at.get(row)
        if arena is None or arena.length < needed:
            self._move(row, self._lengths[bisect_left(self._lengths, needed)], kept)
        self._note(row, needed)

    def gather(self, held: Sequence[int]) -> list[Run]:
        """Rows 0 to len(held) - 1, which hold so many positions and get one more, for passes that compute one token
        each; the other rows hold nothing from now on."""
        for row in [row for row in self._at if row >= len(held)]:
            self._leave(row)
        targets = arrange([one + 1 for one in held], self._lengths, self._pass_cost)
        for row, (target, kept) in enumerate(zip(targets, held, strict=True)):
            arena = self._at.get(row)
            if arena is None or arena.length != target:
                self._move(row, target, kept)
            self._note(row, kept + 1)
        return [
            Run(arena.length, tuple(arena.rows)) for arena in self._arenas.values() if arena.rows
        ]

    def place(self, row: int) -> tuple[int, int]:
        """The length of a row's arena, and its place there."""
        arena = self._at[row]
        return arena.length, arena.rows.index(row)

    def memory(self, length: int) -> Float32:
        """[layers, 2, places, kv heads, length, head size]: of an arena that is in use."""
        return self._arenas[length].kv

    def row(self, row: int) -> Float32:
        """[layers, 2, kv heads, length of the arena, head size]"""
        arena = self._at[row]
        return arena.kv[:, :, arena.rows.index(row)]

    def trim(self, first_row: int) -> None:
        """Rows from `first_row` on hold nothing; give memory of free places back to the system."""
        for row in [row for row in self._at if row >= first_row]:
            self._leave(row)
        self._give_back()

    def check(self) -> None:
        """Every row is in one place, and holds no more than fits there."""
        assert sorted(self._at) == sorted(r for arena in self._arenas.values() for r in arena.rows)
        for row, arena in self._at.items():
            assert row in arena.rows and self._held[row] <= arena.length

    def _note(self, row: int, positions: int) -> None:
        self._held[row] = positions
        arena = self._at[row]
        place = arena.rows.index(row)
        arena.touched[place] = max(arena.touched[place], positions)

    def _move(self, row: int, length: int, kept: int) -> None:
        """To the end of the arena of that length, with the first `kept` positions of what it holds."""
        target = self._arenas.get(length)
        if target is None:
            target = self._arenas[length] = _Arena(self._shape, self._places, length)
        place = len(target.rows)
        if row in self._at:
            target.kv[:, :, place, :, :kept] = self.row(row)[..., :kept, :]
            self._leave(row)
        target.rows.append(row)
        self._at[row] = target

    def _leave(self, row: int) -> None:
        """The row of the last place of its arena takes its own."""
        arena = self._at.pop(row)
        place, last = arena.rows.index(row), arena.rows.pop()
        if last != row:
            held = self._held[last]
            arena.kv[:, :, place, :, :held] = arena.kv[:, :, len(arena.rows), :, :held]
            arena.rows[place] = last
            arena.touched[place] = max(arena.touched[place], held)
        if sum(arena.stale for arena in self._arenas.values()) > STALE_BYTES:
            self._give_back()

    def _give_back(self) -> None:
        for arena in self._arenas.values():
            arena.give_back()


class _Arena:
    """Places of one length."""

    def __init__(self, shape: Shape, places: int, length: int) -> None:
        self.length = length
        self.rows: list[int] = []
        """The row in each place."""
        self.touched = [0] * places
        """Positions of each place that may have the system's memory."""
        self._shape = shape
        dimensions = (shape.layers, 2, places, shape.kv_heads, length, shape.head_dim)
        # mapped on first use, so places never used cost nothing
        self._memory = mmap.mmap(
            -1, shape.bytes * places * length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        self.kv: Float32 = np.frombuffer(self._memory, np.float32).reshape(dimensions)

    @property
    def stale(self) -> int:
        """Bytes of free places."""
        return sum(self.touched[len(self.rows) :]) * self._shape.bytes

    def give_back(self) -> None:
        layers, places = self._shape.layers, len(self.touched)
        size = self._shape.bytes // (2 * layers) * self.length
        for place in range(len(self.rows), places):
            if self.touched[place] * self._shape.bytes < TRIMMED_BYTES:
                continue
            for part in range(2 * layers):
                begin = (part * places + place) * size
                # whole pages of the system within the place's stretch
                first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
                last = (begin + size) // mmap.PAGESIZE * mmap.PAGESIZE
                if last > first:
                    self._memory.madvise(mmap.MADV_DONTNEED, first, last - first)
            self.touched[place] = 0
