import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.slots import Copy, Move, Slots, Swap

ROWS, CONTEXT = 4, 12
prompts = st.lists(st.integers(0, 2), min_size=1, max_size=CONTEXT)


class Memory:
    """Rows of token ids in the place of keys and values; -1 was never written."""

    def __init__(self) -> None:
        self.cells = np.full((ROWS, CONTEXT), -1)

    def move(self, moves: tuple[Move, ...]) -> None:
        for move in moves:
            match move:
                case Swap(first, second, count):
                    pair, exchanged = [first, second], [second, first]
                    self.cells[pair, :count] = self.cells[exchanged, :count]
                case Copy(source, target, count):
                    self.cells[target, :count] = self.cells[source, :count]


@given(st.lists(st.tuples(st.booleans(), prompts, st.integers(0, ROWS - 1)), max_size=40))
def test_every_row_always_holds_what_the_bookkeeping_says(
    steps: list[tuple[bool, list[int], int]],
) -> None:
    slots, memory = Slots(ROWS, CONTEXT), Memory()
    for start, prompt, row in steps:
        if start and slots.running < ROWS:
            admission = slots.admit(prompt, None, len(prompt) - 1)
            memory.move(admission.moves)
            assert slots.tokens(admission.row) == prompt[: admission.cached]
            rest = prompt[admission.cached :]
            memory.cells[admission.row, admission.cached : len(prompt)] = rest
            slots.append(admission.row, rest)
        elif slots.running:
            memory.move(slots.release(row % slots.running).moves)
        slots.check()
        for number in range(ROWS):
            held = slots.tokens(number)
            assert memory.cells[number, : len(held)].tolist() == held


def run(slots: Slots, prompt: list[int], adapter: str | None = None) -> int:
    admission = slots.admit(prompt, adapter, len(prompt) - 1)
    slots.append(admission.row, prompt[admission.cached :])
    return admission.cached


def test_a_prefix_is_reused_from_a_running_and_from_a_finished_row() -> None:
    slots = Slots(ROWS, CONTEXT)
    assert run(slots, [1, 2, 3, 4]) == 0
    assert run(slots, [1, 2, 3, 5]) == 3
    slots.release(0)
    slots.release(0)
    assert run(slots, [1, 2, 3, 4, 6]) == 4


def test_the_last_prompt_token_is_computed_again_unless_its_logits_are_known() -> None:
    slots = Slots(ROWS, CONTEXT)
    run(slots, [1, 2, 3])
    assert run(slots, [1, 2, 3]) == 2
    assert slots.admit([1, 2, 3], None, reuse=3).cached == 3


def test_nothing_is_reused_across_adapters() -> None:
    slots = Slots(ROWS, CONTEXT)
    run(slots, [1, 2, 3], adapter="a")
    assert run(slots, [1, 2, 3], adapter="b") == 0


def test_an_empty_row_is_taken_before_a_used_one_and_the_oldest_of_those_first() -> None:
    slots = Slots(3, CONTEXT)
    for token in (1, 2, 3):
        run(slots, [token] * 3)
    for row in (2, 1, 0):
        slots.release(row)
    run(slots, [4, 4, 4])
    assert [slots.longest_match([token] * 3, None)[1] for token in (1, 2, 3, 4)] == [3, 3, 0, 3]


def test_a_forgotten_memory_is_never_reused() -> None:
    slots = Slots(ROWS, CONTEXT)
    run(slots, [1, 2, 3])
    slots.forget()
    assert run(slots, [1, 2, 3]) == 0
