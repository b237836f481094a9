import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smysl_engines.base import EngineError, Sampling
from smysl_engines.sampling import (
    Logits,
    Sampler,
    distribution,
    draw,
    log_probabilities,
    uniforms,
)

rows = arrays(np.float32, st.integers(1, 50), elements=st.floats(-30, 30, width=32))
samplings = st.builds(
    Sampling,
    temperature=st.floats(0.01, 10),
    top_k=st.integers(0, 60),
    top_p=st.floats(0.01, 1),
    min_p=st.floats(0, 1),
    seed=st.integers(0, 2**64 - 1),
)


@given(rows, samplings)
def test_a_distribution_sums_to_one_and_keeps_the_likeliest_token(
    logits: Logits, sampling: Sampling
) -> None:
    chances = distribution(logits, sampling)
    assert chances.sum() == pytest.approx(1)
    assert (chances >= 0).all()
    assert logits[chances.argmax()] == pytest.approx(logits.max(), abs=1e-6)


@given(rows, samplings, st.floats(0, 1, exclude_max=True))
def test_a_token_without_any_chance_is_never_drawn(
    logits: Logits, sampling: Sampling, at: float
) -> None:
    chances = distribution(logits, sampling)
    assert chances[draw(chances, at)] > 0


def test_temperature_divides_the_logits() -> None:
    logits = np.log(np.array([0.1, 0.2, 0.7], np.float32))
    assert distribution(logits, Sampling(temperature=1)) == pytest.approx([0.1, 0.2, 0.7], rel=1e-5)
    squared = np.array([0.01, 0.04, 0.49])
    assert distribution(logits, Sampling(temperature=0.5)) == pytest.approx(
        squared / squared.sum(), rel=1e-5
    )


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(temperature=1, top_k=2), [2, 3]),
        (Sampling(temperature=1, top_p=0.69), [2, 3]),
        (Sampling(temperature=1, top_p=0.71), [1, 2, 3]),
        (Sampling(temperature=1, top_p=0.39), [3]),
        (Sampling(temperature=1, min_p=0.49), [1, 2, 3]),
        (Sampling(temperature=1, min_p=0.51), [2, 3]),
        (Sampling(temperature=1, top_k=3, top_p=0.5), [2, 3]),
        (Sampling(temperature=1), [0, 1, 2, 3]),
    ],
)
def test_each_cut_keeps_just_the_tokens_it_promises(sampling: Sampling, kept: list[int]) -> None:
    logits = np.log(np.array([0.1, 0.2, 0.3, 0.4], np.float32))
    assert np.flatnonzero(distribution(logits, sampling)).tolist() == kept


def test_draws_follow_the_distribution() -> None:
    logits = np.log(np.array([0.1, 0.2, 0.7], np.float32))
    sampler = Sampler(Sampling(temperature=1, seed=7))
    counts = np.bincount([sampler.choose(logits, at) for at in range(4000)])
    assert counts / 4000 == pytest.approx([0.1, 0.2, 0.7], abs=0.03)


def test_a_position_draws_the_same_whatever_was_drawn_before() -> None:
    logits = np.random.default_rng(0).standard_normal(100).astype(np.float32)
    sampling = Sampling(temperature=2, seed=11)
    forwards = [Sampler(sampling).choose(logits, at) for at in range(200)]
    sampler = Sampler(sampling)
    backwards = [sampler.choose(logits, at) for at in reversed(range(200))]
    assert forwards == backwards[::-1]
    assert forwards != [
        Sampler(Sampling(temperature=2, seed=12)).choose(logits, at) for at in range(200)
    ]


def test_blocks_of_random_numbers_do_not_overlap() -> None:
    numbers = [number for block in range(50) for number in uniforms(3, block)]
    assert len(set(numbers)) == len(numbers)
    assert 0 <= min(numbers) and max(numbers) < 1


def test_greedy_takes_the_first_of_the_likeliest_and_only_what_is_allowed() -> None:
    logits = np.array([1, 3, 3, 2], np.float32)
    assert Sampler(Sampling()).choose(logits, 0) == 1
    assert Sampler(Sampling(), allowed=(3, 0)).choose(logits, 0) == 3
    hot = Sampler(Sampling(temperature=100, seed=1), allowed=(3, 0, 3))
    assert {hot.choose(logits, at) for at in range(50)} == {0, 3}


def test_a_temperature_near_zero_is_greedy() -> None:
    logits = np.array([1, 3, 2.9], np.float32)
    for temperature in (1e-3, 1e-300):
        sampler = Sampler(Sampling(temperature=temperature, seed=5))
        assert {sampler.choose(logits, at) for at in range(20)} == {1}


def test_log_probabilities_are_those_of_softmax() -> None:
    logits = np.array([1000, 1000, -1000], np.float32)
    assert np.exp(log_probabilities(logits)) == pytest.approx([0.5, 0.5, 0])


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_output_that_is_not_a_number_fails_instead_of_choosing(temperature: float) -> None:
    logits = np.array([np.nan, 1], np.float32)
    with pytest.raises(EngineError, match="not a number"):
        Sampler(Sampling(temperature=temperature)).choose(logits, 0)
