"""Quantities: what is found in a text, and that nothing else changes."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.quantities import find, slotted


def values(text: str) -> list[str]:
    return [str(quantity.value) for quantity in find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom has 48 apples and 3 pears", ["48", "3"]),
        ("1,250,000 people pay $2.50 each", ["1250000", "2.5"]),
        ("two thirds of 5/6", ["2", "5/6"]),
        ("twenty-five men, forty two women, a hundred dogs", ["25", "42", "100"]),
        ("three hundred and two thousand", ["300", "2000"]),
        ("from 9:05 to 7:30 pm, then 11 p.m.", ["09:05", "19:30", "23:00"]),
        ("12 am is 0:00", ["00:00", "00:00"]),
        ("50% off", ["50"]),
        ("someone is often weighty", []),
        ("", []),
    ],
)
def test_quantities_are_found_as_people_write_them(text: str, expected: list[str]) -> None:
    assert values(text) == expected


@given(st.integers(0, 10**12))
def test_a_number_is_found_with_and_without_thousands_commas(amount: int) -> None:
    for written in (str(amount), f"{amount:,}"):
        (found,) = find(f"there are {written} of them")
        assert found.value.amount == Fraction(amount)


@given(st.text(max_size=80))
def test_quantities_stand_in_order_within_the_text(text: str) -> None:
    last = 0
    for quantity in find(text):
        assert last <= quantity.start < quantity.end <= len(text)
        last = quantity.end


@given(st.lists(st.integers(0, 99_999), max_size=6))
def test_slots_stand_where_the_numbers_stood(numbers: list[int]) -> None:
    text = " and ".join(f"{number} apples" for number in numbers)
    expected = " and ".join(f"<n{i}> apples" for i in range(len(numbers)))
    assert slotted(text, find(text)) == expected
