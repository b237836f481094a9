import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_engines.pace import BANK, KEPT, LONGEST_PAUSE, MOST, OLD, SHARE, Budget, Costs, Pace

slopes = st.lists(st.floats(0, 1), min_size=MOST, max_size=MOST)
"""What each further token of a pass costs."""


def prepared() -> Costs:
    """Every size has had its first pass, which does not count."""
    costs = Costs()
    for tokens in range(1, MOST + 2):
        costs.observe(tokens, 99.0)
    return costs


def measured(slopes: list[float]) -> Costs:
    costs = prepared()
    cost = 1.0
    costs.observe(1, cost)
    for tokens, slope in enumerate(slopes, 2):
        cost += slope
        costs.observe(tokens, cost)
    return costs


def linear(slope: float) -> Costs:
    return measured([slope] * MOST)


@given(
    slopes,
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, MOST)), max_size=400),
    st.floats(0.1, 1),
)
def test_drafts_in_vain_never_cost_more_than_their_share_and_one_trial(
    slopes: list[float], steps: list[tuple[int, int]], plain: float
) -> None:
    """`steps`: which of three calls has its turn, and how many tokens can be drafted."""
    costs = measured(slopes)
    budget = Budget(costs)
    paces = [Pace(budget) for _ in range(3)]
    trial = costs.ratios()[-1] - plain
    cost = 0.0
    for tokens, (call, found) in enumerate(steps, 1):
        drafted = min(found, paces[call].draft(plain))
        cost += costs.ratios()[drafted] if drafted else plain
        paces[call].note(drafted, 0, plain)
        assert cost <= (1 + SHARE) * plain * tokens + max(0.0, trial) + 1e-6


@given(
    slopes,
    st.lists(st.integers(0, MOST), max_size=400),
    st.lists(st.integers(0, MOST), max_size=400),
)
def test_a_run_of_bad_luck_spends_no_more_than_the_bank_of_the_good_one_before(
    slopes: list[float], good: list[int], bad: list[int]
) -> None:
    costs = measured(slopes)
    pace = Pace(Budget(costs))
    for right in good:
        drafted = pace.draft()
        pace.note(drafted, min(right, drafted))
    cost = 0.0
    for found in bad:
        drafted = min(found, pace.draft())
        cost += costs.ratios()[drafted]
        pace.note(drafted, 0)
    trial = costs.ratios()[-1] - 1
    assert cost <= (1 + SHARE) * len(bad) + (BANK + 1) * trial + 1e-6


@given(st.floats(0, 0.2))
def test_drafts_that_are_always_right_grow_to_the_most(slope: float) -> None:
    pace = Pace(Budget(linear(slope)))
    for _ in range(40):
        drafted = pace.draft()
        pace.note(drafted, drafted)
    assert pace.draft() == MOST
    assert pace.rate == pytest.approx(1, abs=0.01)


@given(st.integers(0, 500), st.floats(0.01, 0.2))
def test_after_bad_luck_good_luck_is_found_within_the_longest_pause(
    before: int, slope: float
) -> None:
    pace = Pace(Budget(linear(slope)))
    for _ in range(before):
        pace.note(pace.draft(), 0)
    # a trial must be affordable too, which the largest is after as many steps as it costs
    patience = LONGEST_PAUSE + int(slope * MOST / SHARE) + 40
    for _ in range(patience):
        drafted = pace.draft()
        pace.note(drafted, drafted)
    assert pace.draft() == MOST


def test_trials_in_vain_become_rare() -> None:
    pace = Pace(Budget(linear(0.05)))
    trials = []
    for step in range(2000):
        drafted = pace.draft()
        pace.note(drafted, 0)
        if drafted:
            trials.append(step)
    pauses = [after - before for before, after in zip(trials, trials[1:], strict=False)]
    assert pauses[-1] == LONGEST_PAUSE + 1
    assert len(trials) < 2000 / LONGEST_PAUSE + 20


def test_rates_of_right_guesses_decide_how_many_pay() -> None:
    chosen = {}
    for right in (1, 3):
        pace = Pace(Budget(linear(0.3)))
        for _ in range(60):
            drafted = pace.draft()
            pace.note(drafted, min(drafted, right))
        chosen[right] = pace.draft()
    assert 0 < chosen[1] < chosen[3] < MOST


def test_nothing_is_drafted_where_a_token_more_costs_a_whole_pass() -> None:
    assert Pace(Budget(linear(1))).draft() == 0
    # in a batch that gives each call its token at a tenth of a pass, a pass of its own is too dear
    assert Pace(Budget(linear(0.05))).draft(plain=0.1) == 0


def test_costs_are_medians_between_which_they_lie_on_lines() -> None:
    costs = prepared()
    assert costs.ratios()[0] == 1 < costs.ratios()[1] < costs.ratios()[-1]
    for seconds in (0.01, 0.01, 5.0, 0.01, 0.01):
        costs.observe(1, seconds)
    costs.observe(3, 0.014)
    costs.observe(7, 0.03)
    costs.observe(512, 1.0)
    expected = [1, 1.2, 1.4, 1.8, 2.2, 2.6, 3, 3 + 2 / 6, 3 + 4 / 6]
    assert costs.ratios() == pytest.approx(expected)


def test_a_measurement_on_a_busy_machine_is_forgotten() -> None:
    costs = prepared()
    costs.observe(1, 0.01)
    costs.observe(9, 5.0)
    assert costs.ratios()[8] == pytest.approx(500)
    for _ in range(OLD + KEPT + 20):
        costs.observe(1, 0.01)
    assert costs.ratios()[8] < 9


def test_a_clock_that_stands_still_gives_the_guessed_costs() -> None:
    costs = Costs()
    for tokens in range(1, MOST + 2):
        costs.observe(tokens, 0.0)
    assert costs.ratios() == Costs().ratios()
