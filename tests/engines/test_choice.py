import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.base import Choice, Sampling
from smysl_engines.choice import ChoiceScorer, OptionTree, choose
from smysl_engines.sampling import Logits

VOCABULARY = 5
option_sets = st.lists(
    st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=5).map(tuple),
    min_size=1,
    max_size=8,
    unique=True,
)


def model(prefix: tuple[int, ...]) -> Logits:
    """Logits that depend on the whole prefix."""
    seed = [len(prefix), *prefix]
    return np.random.default_rng(seed).standard_normal(VOCABULARY).astype(np.float32)


def logprob(option: tuple[int, ...]) -> float:
    total = 0.0
    for at, token in enumerate(option):
        logits = model(option[:at]).astype(float)
        total += logits[token] - math.log(np.exp(logits).sum())
    return total


def score(options: tuple[tuple[int, ...], ...]) -> ChoiceScorer:
    """Walk the tree as the batch does, on a row that holds only what was fed."""
    scorer = ChoiceScorer(Choice(options))
    scorer.note((), model(()))
    row: tuple[int, ...] = ()
    for feed, path in scorer.feeds():
        row = row[: feed.kept]
        for token in feed.ids:
            row += (token,)
            scorer.note(row, model(row))
        assert row == path
    return scorer


@given(option_sets)
def test_probabilities_are_the_softmax_of_summed_token_log_probabilities(
    options: list[tuple[int, ...]],
) -> None:
    scorer = score(tuple(options))
    odds = [math.exp(logprob(option)) for option in options]
    assert scorer.probabilities() == pytest.approx([odd / sum(odds) for odd in odds])
    for number, option in enumerate(options):
        assert sum(scorer.logprobs(number)) == pytest.approx(logprob(option))


@given(option_sets)
def test_every_inner_node_of_the_tree_is_fed_once_at_most(
    options: list[tuple[int, ...]],
) -> None:
    inner = {option[:at] for option in options for at in range(1, len(option))}
    fed = sum(len(feed.ids) for feed, _ in ChoiceScorer(Choice(tuple(options))).feeds())
    assert fed == len(inner)


def test_options_of_one_token_need_nothing_fed() -> None:
    assert ChoiceScorer(Choice(((1,), (2,)))).feeds() == []


def test_greedy_takes_the_likeliest_option_and_temperature_draws_by_probability() -> None:
    probabilities = (0.2, 0.5, 0.3)
    assert choose(probabilities, Sampling()) == 1
    draws = [choose(probabilities, Sampling(temperature=1, seed=seed)) for seed in range(2000)]
    assert np.bincount(draws) / 2000 == pytest.approx(probabilities, abs=0.04)
    cold = {choose(probabilities, Sampling(temperature=0.01, seed=seed)) for seed in range(50)}
    assert cold == {1}


def test_impossible_options_are_equally_likely() -> None:
    tree = OptionTree(Choice(((1,), (2, 3))))
    for beginning, token in (((), 1), ((), 2), ((2,), 3)):
        assert token in tree.missing(beginning)
        tree.note(beginning, token, float("-inf"))
    assert tree.probabilities() == (0.5, 0.5)
