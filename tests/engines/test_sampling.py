import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smysl_engines.base import EngineError, Sampling
from smysl_engines.sampling import (
    Logits,
    Sampler,
    distribution,
    draw,
    kth_largest,
    log_probabilities,
    pick,
    top,
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


tokens_of_rows = st.lists(st.integers(0, 49), max_size=30)


def adjusted(logits: Logits, sampling: Sampling, held: set[int]) -> list[float]:
    """Keskar et al.'s penalty, then the biases, number by number."""
    row = [float(logit) for logit in logits]
    for token in held:
        penalty = sampling.repetition_penalty
        row[token] = row[token] / penalty if row[token] > 0 else row[token] * penalty
    for token, bias in sampling.logit_bias:
        row[token] += bias
    return row


@given(
    arrays(np.float32, 50, elements=st.floats(-30, 30, width=32)),
    st.floats(0.5, 2),
    st.dictionaries(st.integers(0, 49), st.one_of(st.floats(-50, 50), st.just(-math.inf))),
    tokens_of_rows,
    tokens_of_rows,
    st.booleans(),
)
def test_penalty_and_bias_are_those_of_the_equations(
    logits: Logits,
    penalty: float,
    biases: dict[int, float],
    prompt: list[int],
    output: list[int],
    greedy: bool,
) -> None:
    if all(biases.get(token) == -math.inf for token in range(50)):
        return
    sampling = Sampling(
        repetition_penalty=penalty,
        logit_bias=tuple(biases.items()),
        temperature=0.0 if greedy else 0.8,
        seed=3,
    )
    sampler, before = Sampler(sampling, prompt=tuple(prompt)), logits.copy()
    for token in output:
        sampler.took(token)
    expected = np.array(adjusted(logits, sampling, {*prompt, *output}), np.float32)
    plain = Sampler(Sampling(temperature=sampling.temperature, seed=3))
    chosen = sampler.choose(logits, 5)
    # two tokens may differ by rounding alone
    assert expected[chosen] == pytest.approx(
        expected[plain.choose(expected, 5)], rel=1e-5, abs=1e-5
    )
    assert np.array_equal(logits, before)
    assert biases.get(chosen) != -math.inf


def test_a_penalty_counts_every_token_once_and_from_its_first_time_on() -> None:
    logits = np.array([2, 1.5, -1, -1.5], np.float32)
    sampler = Sampler(Sampling(repetition_penalty=1.5), prompt=(0, 0, 0))
    assert sampler.choose(logits, 0) == 1
    for _ in range(5):
        sampler.took(1)
    assert sampler.choose(logits, 1) == 0
    negative = Sampler(Sampling(repetition_penalty=2), allowed=(2, 3), prompt=(2,))
    assert negative.choose(logits, 0) == 3
    favoured = Sampler(Sampling(repetition_penalty=0.5), prompt=(1,))
    assert favoured.choose(logits, 0) == 1


def test_a_penalty_keeps_up_with_outputs_of_many_different_tokens() -> None:
    logits = np.ones(1000, np.float32)
    sampler = Sampler(Sampling(repetition_penalty=2), prompt=(0,))
    for token in range(1, 1000):
        assert sampler.choose(logits, token) == token
        sampler.took(token)
    assert sampler.choose(logits, 1000) == 0


def test_a_bias_of_minus_infinity_forbids_a_token() -> None:
    logits = np.array([9, 1, 2], np.float32)
    sampling = Sampling(logit_bias=((0, -math.inf),), temperature=5, seed=2)
    sampler = Sampler(sampling)
    assert {sampler.choose(logits, at) for at in range(60)} == {1, 2}
    assert Sampler(Sampling(logit_bias=((1, 8.5),))).choose(logits, 0) == 1


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_where_no_token_is_possible_the_call_fails(temperature: float) -> None:
    logits = np.array([9, 1, 2], np.float32)
    forbidden = tuple((token, -math.inf) for token in (0, 2))
    sampling = Sampling(logit_bias=forbidden, temperature=temperature)
    assert Sampler(sampling).choose(logits, 0) == 1
    with pytest.raises(EngineError, match="logit_bias forbids all 2"):
        Sampler(sampling, allowed=(0, 2)).choose(logits, 0)
    with pytest.raises(EngineError, match="constraint allows none"):
        Sampler(sampling).choose(logits, 0, np.array([], np.int64))


@pytest.mark.parametrize("temperature", [0.0, 0.01])
def test_penalties_and_biases_beyond_measure_choose_nevertheless(temperature: float) -> None:
    logits = np.array([3, 1, -2], np.float32)
    for sampling, token in (
        (Sampling(repetition_penalty=1e-300, temperature=temperature), 0),
        (Sampling(repetition_penalty=1e300, temperature=temperature), 1),
        (Sampling(logit_bias=((2, 1e300),), temperature=temperature), 2),
        (Sampling(logit_bias=((0, -1e300), (1, -1e300)), temperature=temperature), 2),
    ):
        assert Sampler(sampling, prompt=(0, 2)).choose(logits, 0) == token


def test_only_a_choice_of_the_largest_logit_is_plainly_greedy() -> None:
    assert Sampler(Sampling()).plain_greedy
    for sampling in (
        Sampling(temperature=1),
        Sampling(repetition_penalty=1.1),
        Sampling(logit_bias=((1, 0.5),)),
    ):
        assert not Sampler(sampling).plain_greedy
    assert not Sampler(Sampling(), allowed=(1,)).plain_greedy


@given(
    arrays(np.float64, st.integers(1, 2000), elements=st.sampled_from([-3.5, -1.0, 0.0, 2.5, 7.0])),
    st.integers(1, 2500),
)
def test_the_likeliest_come_first_and_equals_by_id(
    scores: np.ndarray[tuple[int], np.dtype[np.float64]], count: int
) -> None:
    order = sorted(range(len(scores)), key=lambda token: (-scores[token], token))[:count]
    assert top(scores, count) == tuple((token, float(scores[token])) for token in order)
    assert top(scores, 0) == ()
    rank = min(count, len(scores))
    assert kth_largest(scores, rank) == sorted(scores.tolist(), reverse=True)[rank - 1]


def test_the_likeliest_of_a_large_vocabulary_are_those_of_sorting() -> None:
    logits = np.random.default_rng(0).standard_normal(151_936).astype(np.float32)
    scores = log_probabilities(logits)
    order = np.argsort(-logits, kind="stable")
    for count in (1, 20, 3000):
        found = top(scores, count)
        assert [token for token, _ in found] == order[:count].tolist()
        assert all(score == scores[token] for token, score in found)
    assert np.exp(scores).sum() == pytest.approx(1, abs=1e-6)


def test_log_probabilities_are_right_to_seven_digits() -> None:
    logits = (10 * np.random.default_rng(1).standard_normal(20_000)).astype(np.float32)
    exact = logits.astype(np.longdouble)
    exact -= np.log(np.exp(exact).sum())
    assert np.abs(log_probabilities(logits) - exact.astype(np.float64)).max() < 1e-6


def test_log_probabilities_of_what_is_no_number_fail() -> None:
    with pytest.raises(EngineError, match="not a number"):
        log_probabilities(np.array([1, np.nan], np.float32))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 3),
    st.sampled_from([0.0, 1e-9, 0.25, 0.5, 0.999, 1 - 2**-53]),
    st.sampled_from([0.01, 0.7, 1.0, 1e-40]),
    st.sampled_from(
        [
            {},
            {"top_k": 40},
            {"top_p": 0.9},
            {"min_p": 0.05},
            {"top_k": 40, "top_p": 0.9, "min_p": 0.02},
            {"top_p": 0.5, "min_p": 0.1},
        ]
    ),
    st.sampled_from([1.0, 4.0, 30.0]),
)
def test_a_large_vocabulary_draws_as_the_distribution_says(
    seed: int, at: float, temperature: float, cuts: dict[str, float], spread: float
) -> None:
    logits = np.random.default_rng(seed).standard_normal(50_001).astype(np.float32)
    logits *= np.float32(spread)
    sampling = Sampling(temperature=temperature, **cuts)  # type: ignore[arg-type]
    token = pick(logits, sampling, at)
    chances = distribution(logits, sampling)
    assert chances[token] > 0
    reached = float(chances[:token].sum())
    assert reached - 1e-5 <= at <= reached + chances[token] + 1e-5
