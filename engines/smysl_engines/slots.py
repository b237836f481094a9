"""Decides which row of the KV memory a call takes and what of it can be reused.

Knows token ids, row numbers and counts; never the memory itself: it answers with the moves to make
there. Rows [0, running) are calls in progress, the rest is idle; an idle row keeps its tokens until
it is needed.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt


class Swap(msgspec.Struct, frozen=True):
    """Exchange the first `count` positions of two rows."""

    first: int
    second: int
    count: int


class Copy(msgspec.Struct, frozen=True):
    """Copy the first `count` positions of `source` over those of `target`."""

    source: int
    target: int
    count: int


Move = Swap | Copy


class Admission(msgspec.Struct, frozen=True):
    row: int
    cached: int
    """Tokens at the start of the prompt that the row holds once the moves are made."""
    moves: tuple[Move, ...]


class Release(msgspec.Struct, frozen=True):
    """The row's call has left; that of row `moved`, the last running one, takes its place."""

    moved: int
    moves: tuple[Move, ...]


class Slots:
    """The bookkeeping of `rows` rows of `context` positions.
    The owner makes every returned move at once.
    """

    def __init__(self, rows: int, context: int) -> None:
        self.rows = rows
        self.running = 0
        self._tokens: npt.NDArray[np.int32] = np.zeros((rows, context), np.int32)
        self._lengths: npt.NDArray[np.int64] = np.zeros(rows, np.int64)
        self._adapters: list[str | None] = [None] * rows
        self._used = [0] * rows
        self._clock = 0

    def length(self, row: int) -> int:
        """Positions of the row that hold valid KV."""
        return int(self._lengths[row])

    def tokens(self, row: int) -> list[int]:
        """What the row's valid positions were computed from."""
        return [int(token) for token in self._tokens[row, : self._lengths[row]]]

    def longest_match(self, prompt: Sequence[int], adapter: str | None) -> tuple[int, int]:
        """(row, count) of the row sharing most leading tokens with the prompt, idle or running."""
        wanted = np.asarray(prompt, np.int32)
        differs = self._tokens[:, : len(wanted)] != wanted
        shared = np.where(differs.any(axis=1), differs.argmax(axis=1), len(wanted))
        shared = np.minimum(shared, self._lengths)
        shared[[row for row in range(self.rows) if self._adapters[row] != adapter]] = 0
        row = int(shared.argmax())
        return row, int(shared[row])

    def admit(self, prompt: Sequence[int], adapter: str | None, reuse: int) -> Admission:
        """Start a call in row `running`, reusing at most `reuse` leading tokens.
        There must be an idle row.
        """
        assert self.running < self.rows
        source, shared = self.longest_match(prompt, adapter)
        shared = min(shared, reuse)
        moves: list[Move] = []
        row, freed = self.running, self._victim(source, shared)
        if freed != row:
            moves += self._swap(freed, row)
            source = {freed: row, row: freed}.get(source, source)
        if shared and source != row:
            moves.append(Copy(source, row, shared))
        self._tokens[row, :shared] = np.asarray(prompt[:shared], np.int32)
        self._lengths[row] = shared
        self._adapters[row] = adapter
        self.running += 1
        return Admission(row, shared, tuple(moves))

    def append(self, row: int, ids: Sequence[int]) -> None:
        """The model has computed these tokens after the row's valid ones."""
        start = int(self._lengths[row])
        self._tokens[row, start : start + len(ids)] = ids
        self._lengths[row] = start + len(ids)

    def truncate(self, row: int, count: int) -> None:
        """Forget the row's positions from `count` on."""
        self._lengths[row] = min(count, int(self._lengths[row]))

    def release(self, row: int) -> Release:
        """End a running row's call; its tokens stay reusable."""
        assert row < self.running
        last = self.running - 1
        moves = self._swap(row, last) if row != last else []
        self.running = last
        self._clock += 1
        self._used[last] = self._clock
        return Release(last, tuple(moves))

    def forget(self) -> None:
        """Nothing in the memory can be trusted any more; running rows stay, with no tokens."""
        self._lengths[:] = 0

    def check(self) -> None:
        """Every row is running or idle, and holds no more than fits."""
        assert 0 <= self.running <= self.rows
        assert (self._lengths >= 0).all()
        assert (self._lengths <= self._tokens.shape[1]).all()

    def _victim(self, source: int, shared: int) -> int:
        """The idle row to overwrite: the source if nothing of it is lost,
        else an empty or the oldest row.
        """
        if source >= self.running and shared and shared == self._lengths[source]:
            return source
        idle = range(self.running, self.rows)
        others = [row for row in idle if row != source] or list(idle)
        return min(others, key=lambda row: (self._lengths[row] > 0, self._used[row]))

    def _swap(self, first: int, second: int) -> list[Move]:
        count = int(max(self._lengths[first], self._lengths[second]))
        pair, exchanged = [first, second], [second, first]
        self._tokens[pair] = self._tokens[exchanged]
        self._lengths[pair] = self._lengths[exchanged]
        adapters, used = self._adapters, self._used
        adapters[first], adapters[second] = adapters[second], adapters[first]
        used[first], used[second] = used[second], used[first]
        return [Swap(first, second, count)] if count else []
