"""The language of `when` and `until`: what holds, what renaming keeps, what is refused."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_reasoning.conditions import (
    LENGTH_LIMIT,
    BadCondition,
    Condition,
    FieldType,
    Reference,
    Scalar,
    exhaustive,
    parse_condition,
)

Values = Mapping[Reference, Scalar]
STEPS = ("a", "b-2", "not", "class", "c_3")
NUMBERS = [Reference(step, "probability") for step in STEPS]
TEXTS = [Reference(step, "answer") for step in STEPS]
TRUTHS = [Reference(step, "passed") for step in STEPS]
OPTIONS: Mapping[str, bool | int | float | str] = {"low": -2, "high-est": 0.5, "way": "$way a.b"}


class Said(NamedTuple):
    """A condition as it is written, and what it means."""

    text: str
    means: Callable[[Values], bool]


def ordered(reference: Reference, sign: str, number: float) -> Said:
    def means(values: Values) -> bool:
        known = values[reference]
        assert known is None or isinstance(known, int | float)
        return {"<": (known or 0) < number, ">=": (known or 0) >= number}[sign]

    return Said(f"{reference.step}.{reference.field} {sign} {number!r}", means)


def against_option(reference: Reference, name: str) -> Said:
    def means(values: Values) -> bool:
        known, wanted = values[reference], OPTIONS[name]
        assert isinstance(known, int | float | None) and isinstance(wanted, int | float)
        return (known or 0) <= wanted

    return Said(f"{reference.step}.{reference.field} <= ${name}", means)


def equal(reference: Reference, text: str, same: bool) -> Said:
    sign = "==" if same else "!="
    return Said(
        f"{reference.step}.{reference.field} {sign} '{text}'",
        lambda values: (values[reference] is not None and values[reference] == text) is same,
    )


def is_option(reference: Reference) -> Said:
    return Said(
        f"{reference.step}.{reference.field} == $way",
        lambda values: values[reference] == OPTIONS["way"],
    )


def truth(reference: Reference) -> Said:
    return Said(f"{reference.step}.{reference.field}", lambda values: bool(values[reference]))


numbers = st.integers(-3, 3) | st.floats(-1, 1, allow_nan=False)
texts = st.sampled_from(["yes", "a.b", "b-2.answer", "$low", "not", "STEP_a", ""])
atoms = (
    st.builds(ordered, st.sampled_from(NUMBERS), st.sampled_from(["<", ">="]), numbers)
    | st.builds(against_option, st.sampled_from(NUMBERS), st.sampled_from(["low", "high-est"]))
    | st.builds(equal, st.sampled_from(TEXTS), texts, st.booleans())
    | st.builds(is_option, st.sampled_from(TEXTS))
    | st.builds(truth, st.sampled_from(TRUTHS))
)


def grown(parts: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    def negated(part: Said) -> Said:
        return Said(f"not ({part.text})", lambda values: not part.means(values))

    def both(left: Said, right: Said) -> Said:
        return Said(
            f"({left.text}) and ({right.text})",
            lambda values: left.means(values) and right.means(values),
        )

    def either(left: Said, right: Said) -> Said:
        return Said(
            f"({left.text}) or ({right.text})",
            lambda values: left.means(values) or right.means(values),
        )

    return (
        st.builds(negated, parts) | st.builds(both, parts, parts) | st.builds(either, parts, parts)
    )


conditions = st.recursive(atoms, grown, max_leaves=5).filter(
    lambda said: len(said.text) <= LENGTH_LIMIT
)
values = st.fixed_dictionaries(
    {
        **{reference: st.none() | numbers for reference in NUMBERS},
        **{reference: st.none() | texts | st.just("$way a.b") for reference in TEXTS},
        **{reference: st.none() | st.booleans() for reference in TRUTHS},
    }
)


def field_type(reference: Reference) -> FieldType:
    types: dict[str, FieldType] = {"probability": "number", "answer": "text", "passed": "truth"}
    if reference.field not in types:
        raise BadCondition(f"no field {reference.field!r}")
    return types[reference.field]


def option_type(name: str) -> FieldType:
    if name not in OPTIONS:
        raise BadCondition(f"no option {name!r}")
    return "text" if isinstance(OPTIONS[name], str) else "number"


def accepted(text: str) -> Condition:
    condition = parse_condition(text)
    condition.check(field_type, option_type)
    return condition


@given(conditions, values)
def test_a_condition_holds_when_what_it_says_is_so(said: Said, found: Values) -> None:
    assert accepted(said.text).holds(found.__getitem__, OPTIONS) == said.means(found)


@given(conditions, values)
def test_a_negated_condition_holds_exactly_when_the_original_does_not(
    said: Said, found: Values
) -> None:
    negated = accepted(said.text).negated()
    assert negated.holds(found.__getitem__, OPTIONS) != said.means(found)


@given(st.lists(st.lists(conditions, max_size=2), max_size=3), conditions, values)
def test_of_ways_that_leave_nothing_out_one_is_gone_in_every_case(
    said: list[list[Said]], last: Said, found: Values
) -> None:
    ways = [[accepted(one.text) for one in way] for way in said]
    if exhaustive(ways):
        assert any(all(one.means(found) for one in way) for way in said)
    # with the opposite of one of them nothing is left out
    whole = [*ways, [accepted(last.text)], [accepted(last.text).negated()]]
    assert exhaustive(whole) or sum(len(one.text) for way in whole for one in way) > 300


@pytest.mark.parametrize(
    ("ways", "all_there"),
    [
        (["a.answer == 'x'", "a.answer != 'x'"], True),
        (["a.answer == 'x'", 'not (a.answer == "x")'], True),
        (["a.answer == 'x'", "a.answer == 'y'", "a.answer != 'x' and a.answer != 'y'"], True),
        (["a.probability < 0.5", "a.probability >= 0.5"], True),
        (["a.probability > $low", "a.probability <= $low"], True),
        (["a.passed", "not a.passed"], True),
        (["a.answer == 'x'", "a.answer != 'y'"], False),
        (["a.probability < 0.5", "a.probability > 0.5"], False),
        (["a.answer == 'x'"], False),
        ([], False),
    ],
)
def test_ways_that_leave_nothing_out_are_known(ways: list[str], all_there: bool) -> None:
    assert exhaustive([[accepted(way)] for way in ways]) is all_there


@given(conditions, values)
def test_a_renamed_condition_holds_exactly_when_the_original_does(
    said: Said, found: Values
) -> None:
    names = {step: f"outer.2.{step}.before" for step in STEPS}
    original = accepted(said.text)
    renamed = original.renamed(names, OPTIONS)
    moved = {Reference(names[at.step], at.field): value for at, value in found.items()}
    assert renamed.holds(moved.__getitem__, {}) == said.means(found)
    assert renamed.options() == []
    assert [at.step for at in renamed.references()] == [
        names[at.step] for at in original.references()
    ]


@given(conditions, values)
def test_a_renamed_condition_is_shown_as_it_would_be_written(said: Said, found: Values) -> None:
    shown = accepted(said.text).renamed({"a": "other", "class": "import"}, {}).text
    if len(shown) > LENGTH_LIMIT:  # Python's own printing may be a little longer
        return
    moved = {
        **found,
        **{at._replace(step="other"): found[at] for at in found if at.step == "a"},
        **{at._replace(step="import"): found[at] for at in found if at.step == "class"},
    }
    assert accepted(shown).holds(moved.__getitem__, OPTIONS) == said.means(found)


@given(st.text() | st.text(alphabet="ab.$-<>=()'\" 01nottrue,[]{}:\\"))
def test_whatever_is_written_is_a_condition_or_refused(text: str) -> None:
    try:
        accepted(text)
    except BadCondition as error:
        assert str(error)


def test_references_and_options_come_in_order_of_appearance() -> None:
    condition = accepted(
        "a.probability < $low and (b-2.passed or not c_3.passed) and class.answer != $way"
    )
    assert condition.references() == [
        Reference("a", "probability"),
        Reference("b-2", "passed"),
        Reference("c_3", "passed"),
        Reference("class", "answer"),
    ]
    assert sorted(condition.options()) == ["low", "way"]


def test_comparisons_may_be_chained() -> None:
    condition = accepted("0 <= a.probability < $high-est")
    known = {Reference("a", "probability"): 0.25}
    assert condition.holds(known.__getitem__, OPTIONS)
    assert not condition.holds(lambda reference: 0.5, OPTIONS)
    assert not condition.holds(lambda reference: -0.5, OPTIONS)


def test_an_unknown_number_is_ordered_as_zero_and_equals_nothing() -> None:
    def unknown(reference: Reference) -> Scalar:
        return None

    assert accepted("a.probability < 0.1").holds(unknown, {})
    assert not accepted("a.probability > 0").holds(unknown, {})
    assert not accepted("a.probability == 0").holds(unknown, {})
    assert accepted("a.probability != 0").holds(unknown, {})
    assert accepted("not a.passed").holds(unknown, {})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "no condition"),
        ("a.passed and", "no condition"),
        ("a.passed\0", "no condition"),
        ("a.passed if b.passed else a.passed", "step.field"),
        ("print('hello')", "'hello'"),
        ("a.probability + 1 > 2", "a.probability + 1"),
        ("a.passed is b.passed", "is"),
        ("a.answer in 'yes no'", "in"),
        ("[a.passed]", "[a.passed]"),
        ("a.answer == f'{a.answer}'", "f'"),
        ("(lambda: a.passed)()", "lambda"),
        ("a.answer[0] == 'x'", "a.answer[0]"),
        ("__import__", "__import__"),
        ("passed", "'passed' means nothing here; write step.field or $option"),
        ("a.answer.upper == 'x'", "a.answer.upper"),
        ("'text'.passed", "means nothing"),
        ("None", "None"),
        ("a.answer == b'x'", "b'x'"),
        ("a.probability == ...", "..."),
        (r"a.answer == '\x41'", "backslash"),
        ("a.size > 1", "no field 'size'"),
        ("a.probability > $lo", "no option 'lo'"),
        ("a.probability", "is a number, not something true or false"),
        ("$way", "is a text, not something"),
        ("not a.probability", "'a.probability' is a number; a truth is needed"),
        ("a.passed and a.answer", "'a.answer' is a text; a truth is needed"),
        ("a.probability == 'high'", "\"'high'\" is a text; a number is needed"),
        ("a.answer < 'x'", "'a.answer' is a text: it has no order"),
        ("b-2.passed < a.passed", "'b-2.passed' is a truth: it has no order"),
        ("a.probability < $way", "'$way' is a text; a number is needed"),
        ("a.passed or " * 40 + "a.passed", f"the limit is {LENGTH_LIMIT}"),
    ],
)
def test_what_is_no_condition_is_refused_and_named(text: str, names: str) -> None:
    with pytest.raises(BadCondition) as error:
        accepted(text)
    assert names in str(error.value), str(error.value)
