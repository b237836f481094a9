"""Exact arithmetic: the evaluator against `Fraction`, units, and what it refuses."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.compute import (
    DIGITS_LIMIT,
    EXPRESSION_LIMIT,
    ComputeError,
    Value,
    evaluate,
    number,
    number_text,
)

SLOTS = [number(48), number(2), number(Fraction(7, 2)), number(-5), number(0)]

leaves = st.integers(0, len(SLOTS) - 1).map(lambda i: (f"n{i}", SLOTS[i].amount)) | st.integers(
    0, 999
).map(lambda n: (str(n), Fraction(n)))


def joined(
    parts: tuple[tuple[str, Fraction | None], str, tuple[str, Fraction | None]],
) -> tuple[str, Fraction | None]:
    (left, a), op, (right, b) = parts
    text = f"({left} {op} {right})"
    if a is None or b is None or (op in "//%" and b == 0):
        return text, None
    match op:
        case "+":
            return text, a + b
        case "-":
            return text, a - b
        case "*":
            return text, a * b
        case "/":
            return text, a / b
        case "//":
            return text, Fraction(a // b)
    return text, a % b


expressions = st.recursive(
    leaves,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(
        joined
    ),
    max_leaves=6,
)


@given(expressions)
def test_an_expression_has_the_value_that_fractions_give(
    written: tuple[str, Fraction | None],
) -> None:
    text, expected = written
    if expected is None:
        with pytest.raises(ComputeError):
            evaluate(text, SLOTS)
    else:
        assert evaluate(text, SLOTS) == number(expected)


@given(st.fractions(max_denominator=10**6))
def test_a_number_in_normal_form_reads_as_the_same_number(amount: Fraction) -> None:
    text = number_text(amount)
    assert Fraction(text) == amount
    assert text == number_text(Fraction(text))


@given(st.integers(0, 86_399), st.integers(0, 86_399))
def test_clock_times_differ_by_a_duration_and_move_by_one(start: int, end: int) -> None:
    first, last = Value(Fraction(start), "clock"), Value(Fraction(end), "clock")
    gap = evaluate("n0 - n1", [last, first])
    assert gap == Value(Fraction(end - start), "duration")
    assert evaluate("n0 + n1", [first, gap]) == last
    assert evaluate("n0 / n0", [first]).unit == "number" if start else True


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("gcd(n0, 36)", "12"),
        ("lcm(4, 6)", "12"),
        ("max(n0, n1)", "48"),
        ("min(n0, n3)", "-5"),
        ("floor(n2)", "3"),
        ("ceil(n2)", "4"),
        ("-n2", "-3.5"),
        ("+n1", "2"),
        ("n1 / 3", "2/3"),
        ("0.1 + 0.2", "0.3"),
        ("extrapolate(2, 4, 6)", "8"),
        ("extrapolate(3, 6, 12, 24)", "48"),
        ("extrapolate(1, 1, 2, 3, 5)", "8"),
        ("clock(90000)", "01:00"),
        ("duration(3661)", "01:01:01"),
    ],
)
def test_an_expression_reads_in_normal_form(expression: str, value: str) -> None:
    assert str(evaluate(expression, SLOTS)) == value


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("n0 / n4", "divides by zero"),
        ("n0 % n4", "divides by zero"),
        ("n9", "n9"),
        ("x", "'x'"),
        ("n0 +", "not an arithmetic expression"),
        ("", "not an arithmetic expression"),
        ("n0 ** n1", "not allowed"),
        ("True", "truth"),
        ("'a'", "not allowed"),
        ("n0 if n1 else n2", "not allowed"),
        ("__import__('os')", "not allowed"),
        ("n0.real", "not allowed"),
        ("gcd(n2, n0)", "whole numbers"),
        ("gcd()", "whole numbers"),
        ("floor(n0, n1)", "one quantity"),
        ("max()", "at least one"),
        ("extrapolate(1, 2)", "3 terms"),
        ("extrapolate(3, 90, 2, 75, 1)", "no simple recurrence"),
        ("9" * (DIGITS_LIMIT + 1), "digits"),
        ("n0 + " * EXPRESSION_LIMIT, str(EXPRESSION_LIMIT)),
        ("-" * 399 + "(", "not an arithmetic expression"),
        ("max(n0, key=n1)", "not allowed"),
        ("1e400", "not an arithmetic expression"),
        ("n0\x00", "not an arithmetic expression"),
    ],
)
def test_what_has_no_exact_value_is_refused_by_name(expression: str, names: str) -> None:
    with pytest.raises(ComputeError, match=names.replace("(", r"\(")):
        evaluate(expression, SLOTS)


@given(st.text(alphabet="n0123456789+-*/%().,abceglorx ", max_size=40))
def test_no_text_does_anything_but_evaluate_or_be_refused(text: str) -> None:
    try:
        value = evaluate(text, SLOTS)
    except ComputeError:
        return
    assert abs(value.amount.numerator) < 10**DIGITS_LIMIT
