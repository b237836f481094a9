from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from smysl_engines.rows import Rows, Shape, arena_lengths, arrange

LENGTHS = (8, 16, 40, 64)
SHAPE = Shape(layers=2, kv_heads=1, head_dim=2)
ROWS = 4


@given(st.integers(1, 100_000))
def test_arenas_end_with_the_context_and_waste_a_third_at_most(context: int) -> None:
    lengths = arena_lengths(context)
    assert lengths[-1] == context
    assert all(one < other <= 1.5 * one for one, other in zip(lengths, lengths[1:], strict=False))


def cost(taken: list[int], pass_cost: float) -> float:
    return pass_cost * len(set(taken)) + sum(taken)


@given(
    st.lists(st.integers(1, 64), min_size=1, max_size=4),
    st.floats(0, 200, allow_nan=False),
)
def test_no_other_arrangement_costs_less(needed: list[int], pass_cost: float) -> None:
    taken = arrange(needed, LENGTHS, pass_cost)
    assert all(length >= need for length, need in zip(taken, needed, strict=True))
    others = (
        list(other)
        for other in product(LENGTHS, repeat=len(needed))
        if all(length >= need for length, need in zip(other, needed, strict=True))
    )
    least = min(cost(other, pass_cost) for other in others)
    assert cost(taken, pass_cost) == pytest.approx(least)


def test_a_dear_pass_keeps_rows_together_and_a_cheap_one_apart() -> None:
    assert arrange([3, 60, 5], LENGTHS, 1000) == [64, 64, 64]
    assert arrange([3, 60, 5], LENGTHS, 0) == [8, 64, 8]


class RowsHoldWhatWasWritten(RuleBasedStateMachine):
    """Whatever moves where, a row reads as a plain array of its own would."""

    @initialize(pass_cost=st.sampled_from([0.0, 30.0, 1000.0]))
    def begin(self, pass_cost: float) -> None:
        self.rows = Rows(SHAPE, ROWS, LENGTHS, pass_cost)
        self.held: dict[int, npt.NDArray[np.float32]] = {}
        self.written = 0

    def write(self, row: int, start: int, count: int) -> None:
        new = np.arange(self.written, self.written + count, dtype=np.float32)
        self.written += count
        self.rows.row(row)[..., start : start + count, :] = new[:, None]
        self.held[row] = np.concatenate((self.held[row][:start], new))

    @rule(row=st.integers(0, ROWS - 1), count=st.integers(1, 20), data=st.data())
    def extend(self, row: int, count: int, data: Any) -> None:
        held = self.held.setdefault(row, np.empty(0, np.float32))
        start = data.draw(st.integers(0, len(held)))
        count = min(count, LENGTHS[-1] - start)
        if not count:
            return
        self.rows.fit(row, start + count, start)
        self.write(row, start, count)

    @rule(count=st.integers(1, ROWS))
    def decode(self, count: int) -> None:
        held = [len(self.held.get(row, ())) for row in range(count)]
        if max(held) == LENGTHS[-1]:
            return
        runs = self.rows.gather(held)
        assert sorted(row for run in runs for row in run.rows) == list(range(count))
        for run in runs:
            for place, row in enumerate(run.rows):
                assert self.rows.place(row) == (run.length, place)
                assert np.shares_memory(
                    self.rows.memory(run.length)[:, :, place], self.rows.row(row)
                )
        self.held = {row: self.held.get(row, np.empty(0, np.float32)) for row in range(count)}
        for row, length in enumerate(held):
            self.write(row, length, 1)

    @rule(first=st.integers(0, ROWS))
    def trim(self, first: int) -> None:
        self.rows.trim(first)
        self.held = {row: held for row, held in self.held.items() if row < first}

    @invariant()
    def rows_read_as_written(self) -> None:
        self.rows.check()
        for row, held in self.held.items():
            if len(held):
                found = self.rows.row(row)[..., : len(held), :]
                assert (found == held[:, None]).all()


TestRowsHoldWhatWasWritten = RowsHoldWhatWasWritten.TestCase
TestRowsHoldWhatWasWritten.settings = settings(max_examples=60, stateful_step_count=25)


def test_places_that_are_free_give_their_memory_back() -> None:
    shape = Shape(layers=2, kv_heads=2, head_dim=64)
    rows = Rows(shape, 2, (4096,))
    rows.fit(0, 4096, 0)
    rows.row(0)[...] = 1
    kept = rows.memory(4096)
    rows.trim(0)
    assert not kept.any()  # pages given back read as zeros when they are touched again
    rows.fit(1, 4096, 0)
    rows.row(1)[...] = 1
    rows.trim(2)
    assert rows.row(1).all()
