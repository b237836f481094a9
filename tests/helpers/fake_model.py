"""A model that is a hash of its text: what the batch's bookkeeping is tested against, without weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from smysl_engines.base import State
from smysl_engines.prefix_tree import BLOCK
from smysl_engines.sampling import Logits


class FakeModel:
    """Its memory holds what a position was computed from, a token under a state, and its logits depend
    on all of it: a stale cell changes them."""

    vocabulary = 7
    context = 160

    def __init__(self, rows: int = 4, blocks: int = 100) -> None:
        self.rows = rows
        self.blocks = blocks
        self.memory = np.full((rows, self.context), -1, np.int64)
        self.pages = np.full((blocks, BLOCK), -1, np.int64)
        self.computed = 0
        self.passes = 0
        self.fail_next = False

    def decode(
        self, tokens: Sequence[int], lengths: Sequence[int], states: Sequence[State]
    ) -> Logits:
        self.passes += 1 - len(tokens)
        triples = zip(tokens, lengths, states, strict=True)
        found = [
            self.extend(row, [token], n, [0], state, 0)[0]
            for row, (token, n, state) in enumerate(triples)
        ]
        return np.stack(found)

    def extend(
        self,
        row: int,
        tokens: Sequence[int],
        length: int,
        asked: Sequence[int],
        state: State,
        since: int,
    ) -> Logits:
        if self.fail_next:
            self.fail_next = False
            raise RuntimeError("no memory left")
        self.computed += len(tokens)
        self.passes += 1
        self.memory[row, length : length + len(tokens)] = [
            self.cell(token, state if at >= since else ()) for at, token in enumerate(tokens)
        ]
        return np.stack([self.logits(self.memory[row, : length + at + 1].tolist()) for at in asked])

    @classmethod
    def cell(cls, token: int, state: State) -> int:
        return token + cls.vocabulary * sum(ord(name) * int(8 * weight) for name, weight in state)

    @classmethod
    def logits(cls, text: list[int]) -> Logits:
        seed = [token + 1 for token in text]
        return np.random.default_rng(seed).standard_normal(cls.vocabulary).astype(np.float32)

    def copy(self, source: int, target: int, count: int) -> None:
        self.memory[target, :count] = self.memory[source, :count]

    def load(self, page: int, row: int, start: int, count: int) -> None:
        self.memory[row, start : start + count] = self.pages[page, :count]

    def store(self, row: int, start: int, page: int, count: int) -> None:
        self.pages[page, :count] = self.memory[row, start : start + count]

    def read_page(self, page: int) -> npt.NDArray[Any]:
        memory: npt.NDArray[Any] = self.pages[page]
        return memory

    def trim(self, first_row: int) -> None:
        self.memory[first_row:] = -1
