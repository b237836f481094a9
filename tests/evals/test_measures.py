"""The figures that a report and a gate speak of."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_evals.compare import compare, sign_test
from smysl_evals.measures import measure, wilson_low
from smysl_evals.records import Record

Make = Callable[..., Record]


def test_figures_of_a_mixed_group(record: Make) -> None:
    found = measure(
        [
            record("1", "7", verdict="verified", seconds=0.1),
            record("2", "7", verdict="unverified", seconds=0.2),
            record("3", "8", verdict="verified", seconds=0.3),
            record("4", "7", verdict="verified", family="g", seconds=0.4),
            record("5", "1", expected=None, verdict="verified", family="out", seconds=0.5),
            record("6", None, expected=None, verdict="failed", family="out", error="internal: x"),
        ]
    )
    assert (found.items, found.inside, found.outside, found.errors) == (6, 4, 2, 1)
    assert (found.right, found.verified, found.verified_right) == (3, 4, 2)
    assert found.accuracy == 3 / 4
    assert found.mean_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert found.precision == 2 / 4
    assert found.coverage == 3 / 4
    assert found.wrong_verified == 2 / 6
    assert found.outside_verified == 1
    assert found.median_seconds == 0.3


def test_nothing_to_divide_by_is_no_figure(record: Make) -> None:
    found = measure([record("1", None, expected=None)])
    assert found.accuracy is None and found.mean_accuracy is None
    assert found.precision is None and found.precision_low is None and found.coverage is None
    assert measure([]).median_seconds is None


def test_the_wilson_interval_is_the_textbook_one() -> None:
    assert wilson_low(9, 10) == pytest.approx(0.5958, abs=1e-4)
    assert wilson_low(0, 10) == 0.0


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_low_end_lies_below_the_share_and_rises_with_more_evidence(of: tuple[int, int]) -> None:
    hits, tries = of
    low, later = wilson_low(hits, tries), wilson_low(4 * hits, 4 * tries)
    assert low is not None and later is not None
    assert 0 <= low <= hits / tries
    assert low <= later + 1e-12


def test_a_comparison_names_what_was_gained_and_lost(record: Make) -> None:
    before = [
        record("1", "7"),
        record("2", "8", verdict="verified"),
        record("3", "7"),
        record("4"),
        record("5", None, expected=None),
    ]
    after = [
        record("1", "8"),
        record("2", "7", verdict="verified"),
        record("3", "7"),
        record("5", None, expected=None),
        record("6"),
    ]
    (change,) = compare(before, after)
    assert (change.items, change.right_before, change.right_after) == (3, 2, 2)
    assert (change.gained, change.lost) == (("2",), ("1",))
    assert (change.wrong_verified_before, change.wrong_verified_after) == (1, 0)
    assert change.chance == 1.0


def test_nothing_changes_between_a_result_and_itself(record: Make) -> None:
    records = [record(str(n), str(n % 9), family=f"f{n % 2}") for n in range(20)]
    assert [(c.gained, c.lost, c.chance) for c in compare(records, records)] == [((), (), 1.0)] * 2


def test_an_uneven_split_is_unlikely_by_chance() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(1, 9) == pytest.approx(22 / 1024)
    assert sign_test(2000, 1000) < 1e-9


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_sign_test_does_not_care_which_way(ups: int, downs: int) -> None:
    assert sign_test(ups, downs) == sign_test(downs, ups)
    assert 0 < sign_test(ups, downs) <= 1
