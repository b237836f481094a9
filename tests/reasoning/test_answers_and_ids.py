"""Normal forms of answers, and ids that sort by time."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.answers import BRIEF, brief, normalise
from smysl_reasoning.compute import number_text
from smysl_reasoning.ids import ALPHABET, LENGTH, TIME_LENGTH, IdMaker


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("1,000.50", "1000.5"),
        ("24.0", "24"),
        ("6/4", "1.5"),
        ("4/6", "2/3"),
        ("-0.50", "-0.5"),
        ("- 3", "-3"),
        ("-0", "0"),
        ("007", "7"),
        (" Yes. ", "yes"),
        ("Mother  in\nlaw", "mother in law"),
        ("9:05", "09:05"),
        ("", ""),
        ("12 apples", "12 apples"),
        ("seven", "seven"),
    ],
)
def test_an_answer_has_a_normal_form(written: str, normal: str) -> None:
    assert normalise(written) == normal


@given(st.text(max_size=30))
def test_a_normal_form_stays(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_within_a_message_an_answer_is_one_short_line(text: str) -> None:
    said = brief(text)
    assert len(said.splitlines()) <= 1 and len(said) <= BRIEF + len("...")
    assert said == " ".join(text.split()) or said.endswith("...")


@given(st.fractions(min_value=0, max_denominator=1000, max_value=10**6))
def test_computed_values_are_in_normal_form_already(amount: Fraction) -> None:
    text = number_text(amount)
    assert normalise(text) == text


@given(st.lists(st.integers(0, 5), min_size=2, max_size=60))
def test_ids_sort_in_the_order_of_making_and_differ_in_their_first_letters(
    steps: list[int],
) -> None:
    now = [1_795_000_000_000]
    moves = iter(steps)

    def clock() -> int:
        now[0] += next(moves) - 2  # clocks are set back now and then
        return now[0]

    make = IdMaker(clock)
    ids = [make() for _ in steps]
    assert ids == sorted(ids)
    assert len({id[:TIME_LENGTH] for id in ids}) == len(ids)
    assert all(len(id) == LENGTH and set(id) <= set(ALPHABET) for id in ids)
