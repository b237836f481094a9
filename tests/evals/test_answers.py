"""When two spellings are the same answer."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_evals.answers import same, value


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("5", "5"),
        ("5.0", "5"),
        ("$5.00", "5"),
        ("5 €", "5"),
        ("1,234", "1234"),
        ("1,234.50", "1234.5"),
        ("8.75", "35/4"),
        ("2 1/2", "2.5"),
        (".5", "1/2"),
        ("-$3", "-3"),
        ("\N{MINUS SIGN}3", "-3"),
        ("25%", "25"),
        ("13.", "13"),
        ("5 apples", "5"),
        ("90km", "90"),
        ("Yes", "yes"),
        (" Grand  Mother. ", "grand mother"),
        ("8:15", "08:15"),
        ("8:15 pm", "20:15"),
        ("8 p.m.", "20:00"),
        ("12:05 am", "00:05:00"),
    ],
)
def test_spellings_of_one_answer_are_the_same(given: str, expected: str) -> None:
    assert same(given, expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("6", "5"),
        ("-5", "5"),
        ("0.33", "1/3"),
        ("1,23", "123"),
        ("5 million", "5"),
        ("5 dozen", "5"),
        ("5 or 6", "5"),
        ("5 6", "5"),
        ("5/0", "5"),
        ("", "0"),
        ("no", "yes"),
        ("2 days", "2 weeks"),
        ("8:15 pm", "8:15"),
        ("5 pm", "5"),
        ("13:00 pm", "13:00"),
        ("9" * 300, "9" * 299),
    ],
)
def test_different_answers_are_not_the_same(given: str, expected: str) -> None:
    assert not same(given, expected)


@given(st.fractions(max_denominator=10_000))
def test_a_fraction_and_its_text_have_one_value(number: Fraction) -> None:
    assert value(str(number)) == number


@given(st.integers(min_value=-(10**12), max_value=10**12), st.integers(0, 99))
def test_thousands_separators_and_currency_change_nothing(whole: int, cents: int) -> None:
    sign = "-" if whole < 0 else ""
    written = f"{sign}${abs(whole):,}.{cents:02d}"
    assert same(written, f"{sign}{abs(whole)}.{cents:02d}")


@given(st.text(max_size=300))
def test_every_text_is_the_same_as_itself(text: str) -> None:
    assert same(text, text)
