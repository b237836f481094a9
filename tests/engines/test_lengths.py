import random as randoms
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.lengths import batches

LENGTHS = st.lists(st.integers(1, 600), max_size=200)
TOKENS = st.integers(1, 2000)
WASTE = st.sampled_from([0.0, 1 / 16, 1 / 8, 0.5, 1.0])


def computed(lengths: list[int], batch: list[int]) -> int:
    return len(batch) * max(lengths[index] for index in batch)


def padding(lengths: list[int], batch: list[int]) -> int:
    return computed(lengths, batch) - sum(lengths[index] for index in batch)


@given(LENGTHS, TOKENS, WASTE)
def test_every_text_is_in_exactly_one_batch(
    lengths: list[int], most_tokens: int, most_waste: float
) -> None:
    found = batches(lengths, most_tokens=most_tokens, most_waste=most_waste)
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    assert all(found)


@given(LENGTHS, TOKENS, WASTE)
def test_padding_and_size_of_every_batch_are_bounded(
    lengths: list[int], most_tokens: int, most_waste: float
) -> None:
    for batch in batches(lengths, most_tokens=most_tokens, most_waste=most_waste):
        assert padding(lengths, batch) <= most_waste * computed(lengths, batch)
        assert len(batch) == 1 or computed(lengths, batch) <= most_tokens


@given(LENGTHS, TOKENS, WASTE)
def test_a_batch_ends_only_where_one_text_more_would_break_a_limit(
    lengths: list[int], most_tokens: int, most_waste: float
) -> None:
    found = batches(lengths, most_tokens=most_tokens, most_waste=most_waste)
    for batch, following in pairwise(found):
        larger = [*batch, following[0]]
        size = computed(lengths, larger)
        assert size > most_tokens or padding(lengths, larger) > most_waste * size


@given(LENGTHS, TOKENS, WASTE, st.randoms())
def test_the_order_of_the_texts_does_not_matter(
    lengths: list[int], most_tokens: int, most_waste: float, random: randoms.Random
) -> None:
    shuffled = list(lengths)
    random.shuffle(shuffled)
    first, second = (
        [[each[index] for index in batch] for batch in found]
        for each in (lengths, shuffled)
        for found in [batches(each, most_tokens=most_tokens, most_waste=most_waste)]
    )
    assert first == second


@given(st.integers(1, 50), st.integers(1, 100))
def test_texts_of_one_length_fill_batches_without_padding(count: int, length: int) -> None:
    found = batches([length] * count, most_tokens=10 * length, most_waste=0.0)
    assert [len(batch) for batch in found[:-1]] == [10] * (len(found) - 1)
    assert len(found) == -(-count // 10)
