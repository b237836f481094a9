"""Shares and their thresholds as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.thresholds import needed, shown


@pytest.mark.parametrize(
    ("share", "threshold", "text"),
    [
        (0.997, 0.999, "99.7%"),
        (0.9988, 0.999, "99.88%"),
        (0.99899, 0.999, "99.899%"),
        (0.999, 0.999, "99.9%"),
        (0.07, 0.07, "7.0%"),
        (1.0, 0.999, "100.0%"),
        (0.04, 0.1, "4.0%"),
    ],
)
def test_a_share_is_not_rounded_over_its_threshold(
    share: float, threshold: float, text: str
) -> None:
    assert shown(share, threshold) == text


@given(st.integers(0, 10**6), st.integers(0, 1000))
def test_what_is_read_says_whether_it_is_enough(millionths: int, thousandths: int) -> None:
    share, threshold = millionths / 10**6, thousandths / 1000
    read = float(shown(share, threshold)[:-1])
    wanted = float(needed(threshold).split("%")[0])
    assert (read >= wanted) == (share >= threshold)
