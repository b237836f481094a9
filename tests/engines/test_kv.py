import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from smysl_engines.kv import Copy, Kv, Load, Move, Store, blocks_of
from smysl_engines.prefix_tree import BLOCK, Node, common

CONTEXT = 5 * BLOCK


class Memory:
    """What the moves are made in: cells that hold the symbol they were computed from."""

    def __init__(self, rows: int, blocks: int) -> None:
        self.rows = np.full((rows, CONTEXT), -1)
        self.pages = np.full((blocks, BLOCK), -1)

    def make(self, moves: tuple[Move, ...]) -> None:
        for move in moves:
            match move:
                case Copy(source, target, count):
                    self.rows[target, :count] = self.rows[source, :count]
                case Load(page, row, start, count):
                    self.rows[row, start : start + count] = self.pages[page, :count]
                case Store(row, start, page, count):
                    self.pages[page, :count] = self.rows[row, start : start + count]


symbols = st.builds(
    # few symbols and long runs, so that prefixes are shared, within blocks and across them
    lambda runs: [symbol for symbol, count in runs for _ in range(count)],
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([1, 3, 31, 32, 40])), max_size=4),
)


class Machine(RuleBasedStateMachine):
    """Calls come, grow, shrink and go; memory must say what the bookkeeping says."""

    rows, blocks = 3, 12

    def __init__(self) -> None:
        super().__init__()
        self.kv = Kv(self.rows, self.blocks)
        self.memory = Memory(self.rows, self.blocks)
        self.texts: list[list[int]] = []
        self.known: list[list[int]] = []

    @precondition(lambda self: self.kv.running < self.rows)
    @rule(text=symbols.filter(bool), spare=st.integers(0, 1))
    def admit(self, text: list[int], spare: int) -> None:
        text = text[:CONTEXT]
        if blocks_of(len(text)) > self.kv.blocks - self.kv.held:
            return
        limit = max(0, len(text) - spare)
        admission = self.kv.admit(text, limit)
        self.memory.make(admission.moves)
        assert admission.row == len(self.texts)
        assert admission.cached <= limit
        if not self.kv.evicted:
            known = [*self.known, *self.texts]
            longest = max((common(text[:limit], other) for other in known), default=0)
            assert admission.cached == longest
        self.texts.append(text[: admission.cached])
        self.extend(admission.row, text[admission.cached :])

    @precondition(lambda self: self.texts)
    @rule(data=st.data(), more=symbols)
    def append(self, data: st.DataObject, more: list[int]) -> None:
        row = data.draw(st.integers(0, len(self.texts) - 1))
        self.extend(row, more[: CONTEXT - len(self.texts[row])])

    def extend(self, row: int, more: list[int]) -> None:
        if not self.kv.make_room(self.kv.lacking(row, len(more))):
            return
        start = len(self.texts[row])
        self.memory.rows[row, start : start + len(more)] = more
        self.kv.append(row, more)
        self.texts[row] = self.texts[row] + more

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def truncate(self, data: st.DataObject) -> None:
        row = data.draw(st.integers(0, len(self.texts) - 1))
        count = data.draw(st.integers(0, len(self.texts[row])))
        self.kv.truncate(row, count)
        self.known.clear()  # what only this row held may be gone
        self.kv.evicted += 1
        self.texts[row] = self.texts[row][:count]

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        row = data.draw(st.integers(0, len(self.texts) - 1))
        release = self.kv.release(row)
        self.memory.make(release.moves)
        assert release.moved == len(self.texts) - 1
        self.known.append(self.texts[row])
        self.texts[row] = self.texts[-1]
        self.texts.pop()

    @rule(symbol=st.integers(0, 2))
    def insert(self, symbol: int) -> None:
        block = [symbol] * BLOCK
        if self.kv.match(block, BLOCK).path:
            return
        node = self.kv.insert(None, block)
        if node is not None:
            assert node.page is not None
            self.memory.pages[node.page] = block
            self.known.append(block)

    @rule()
    def forget(self) -> None:
        self.kv.forget()
        self.texts.clear()
        self.known.clear()

    @invariant()
    def sound(self) -> None:
        self.kv.check()
        for row, text in enumerate(self.texts):
            assert self.kv.length(row) == len(text)
            assert self.memory.rows[row, : len(text)].tolist() == text
        for node in self.kv._cached:
            assert self.memory.pages[node.page, : len(node.symbols)].tolist() == node.symbols


class Plenty(Machine):
    """Nothing ever has to be evicted, so the longest match is known exactly."""

    blocks = 1000


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPlenty = Plenty.TestCase
TestPlenty.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def leave(kv: Kv, text: list[int]) -> None:
    """A call computes a text and leaves."""
    admission = kv.admit(text, len(text))
    row, rest = admission.row, text[admission.cached :]
    assert kv.make_room(kv.lacking(row, len(rest)))
    kv.append(row, rest)
    kv.release(row)


def test_the_least_recently_used_block_goes_first() -> None:
    kv = Kv(1, 3)
    first, second, third = ([n] * BLOCK for n in range(3))
    for text in (first, second, third, first):
        leave(kv, text)
    leave(kv, [3] * BLOCK)
    known = {n for n in range(4) if kv.match([n] * BLOCK, BLOCK).length}
    assert known == {0, 2, 3}
    assert kv.evicted == 1


def test_a_beginning_is_kept_longer_than_what_follows_it() -> None:
    kv = Kv(1, 3)
    leave(kv, [0] * BLOCK + [1] * BLOCK)
    leave(kv, [2] * 2 * BLOCK)
    assert kv.match([0] * BLOCK + [1] * BLOCK, 2 * BLOCK).length == BLOCK


def test_what_rows_hold_is_never_evicted() -> None:
    kv = Kv(2, 4)
    kv.admit([0] * 3 * BLOCK, 0)
    kv.append(0, [0] * 3 * BLOCK)
    assert kv.make_room(1)
    assert not kv.make_room(2)
    assert kv.length(0) == 3 * BLOCK


def test_one_copy_is_kept_of_what_many_calls_compute() -> None:
    kv = Kv(4, 64)
    text = [1] * BLOCK + [2] * 5
    for row in range(4):
        kv.admit(text, 0)
        kv.append(row, text)
    for _ in range(4):
        kv.release(0)
    assert kv.cached == 2


def test_a_longer_rest_takes_the_place_of_a_shorter_one() -> None:
    kv = Kv(1, 64)
    leave(kv, [1] * 5)
    leave(kv, [1] * 9)
    leave(kv, [1] * 7)
    assert kv.cached == 1
    assert kv.match([1] * 9, 9).length == 9


def test_kept_names_full_blocks_beginnings_last() -> None:
    kv = Kv(1, 64)
    leave(kv, [1] * BLOCK + [2] * BLOCK + [3])
    first, second = kv.kept()
    assert (first.symbols, second.symbols) == ([2] * BLOCK, [1] * BLOCK)
    assert first.parent is second


@given(st.lists(st.integers(0, 1), max_size=9), st.lists(st.integers(0, 1), max_size=9))
def test_common_counts_leading_symbols(first: list[int], second: list[int]) -> None:
    count = common(first, second)
    assert first[:count] == second[:count]
    assert first[count : count + 1] != second[count : count + 1] or count in (
        len(first),
        len(second),
    )


def test_check_finds_a_page_used_twice() -> None:
    kv = Kv(1, 4)
    leave(kv, [1] * BLOCK)
    leave(kv, [2] * BLOCK)
    one, other = kv._cached
    other.page = one.page
    with pytest.raises(AssertionError):
        kv.check()


def test_a_node_of_its_own_is_not_full() -> None:
    assert Node([1] * BLOCK, None).full
    assert not Node([1], None).full
