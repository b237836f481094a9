"""The small parts: frames, shared beginnings, configuration sizes, seeds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.tensorrt_llm import frames
from smysl_engines.tensorrt_llm.frames import BadFrame, Frames, Generate, Tokens, encode
from smysl_engines.tensorrt_llm.library import graph_batches
from smysl_engines.tensorrt_llm.prefixes import LEAST_TOKENS, SharedPrefixes, common
from smysl_engines.tensorrt_llm.requests import seed_at

IDS = st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple)


@given(st.lists(st.lists(st.integers(0, 9)).map(tuple), max_size=5), st.integers(1, 40))
def test_messages_arrive_whole_however_they_are_cut(
    texts: list[tuple[int, ...]], size: int
) -> None:
    sent = [Tokens(number, ids, 0) for number, ids in enumerate(texts)]
    stream = b"".join(map(encode, sent))
    reader = Frames()
    found = []
    for at in range(0, len(stream), size):
        found += [frames.from_worker.decode(body) for body in reader.feed(stream[at : at + size])]
    assert found == sent


def test_a_request_survives_its_way() -> None:
    sent = Generate(id=1, prompt=(1, 2), max_tokens=3, bias=((4, -math.inf),), allowed=(5,))
    (body,) = Frames().feed(encode(sent))
    assert frames.to_worker.decode(body) == sent


def test_a_frame_over_the_cap_is_no_message() -> None:
    with pytest.raises(BadFrame, match="the most is"):
        list(Frames().feed(b"\xff\xff\xff\xff"))


@given(IDS, IDS)
def test_the_common_beginning_is_the_longest(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    length = common(a, b)
    assert a[:length] == b[:length]
    assert length == min(len(a), len(b)) or a[length] != b[length]


def test_a_beginning_is_shared_only_under_one_adapter_and_if_it_is_long() -> None:
    prefixes = SharedPrefixes()
    long, short = tuple(range(LEAST_TOKENS)), tuple(range(LEAST_TOKENS - 1))
    assert prefixes.note((*long, 900), None) == 0
    assert prefixes.note((*long, 901), "plan") == 0
    assert prefixes.note((*long, 902), None) == LEAST_TOKENS
    assert prefixes.note((*short, 903), None) == 0


@given(st.integers(1, 300))
def test_graphs_are_captured_up_to_the_planned_batch(most: int) -> None:
    sizes = graph_batches(most)
    assert sizes == sorted(set(sizes)) and sizes[0] == 1 and sizes[-1] == most


def test_seeds_of_an_output_that_goes_on_differ_by_place_and_are_always_the_same() -> None:
    assert seed_at(7, 0) == 7
    found = {seed_at(seed, place) for seed in range(20) for place in range(1, 20)}
    assert len(found) == 20 * 19 and all(0 <= seed < 2**64 for seed in found)
    assert seed_at(7, 3) == seed_at(7, 3)
