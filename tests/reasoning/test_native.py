"""The native dialect: thoughts to tokens and back; what a person types is never a control token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from smysl_reasoning.compute import FUNCTIONS, ComputeError, evaluate, number
from smysl_reasoning.dialects.native import (
    CONTROLS,
    PROBLEMS,
    SLOTS,
    SPECIALS,
    NativeDialect,
    Thought,
    TooManyQuantities,
    Unreadable,
    question_first,
    read,
)
from smysl_reasoning.nodes import PlanData

names = st.integers(0, 6).map(lambda i: f"n{i}")
literals = st.integers(0, 500).map(str) | st.decimals(0, 99, places=2).map(str)
expressions = st.recursive(
    names | literals,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), st.lists(inner, min_size=1, max_size=3)).map(
            lambda t: f"{t[0]}({', '.join(t[1])})"
        ),
        inner.map(lambda text: f"(-{text})"),
    ),
    max_leaves=5,
)
plain_words = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=6).map(
    " ".join
)
nasty = st.lists(
    st.sampled_from([*SPECIALS[:60], "<", ">", "\uff1c", "\uff1e", "\ufe64", "<<bos>", " ", "end>"])
    | st.text(max_size=4),
    max_size=8,
).map("".join)


def value_of(expression: str) -> str:
    try:
        return str(evaluate(expression, [number(i + 3) for i in range(7)]))
    except ComputeError as error:
        return type(error).__name__


@given(expression=expressions)
def test_a_step_reads_back_with_the_same_value_and_then_stays(
    expression: str, dialect: NativeDialect
) -> None:
    thought = dialect.read_thought(dialect.thought(Thought("step", expression)))
    assert thought.kind == "step"
    assert value_of(thought.text) == value_of(expression)
    assert dialect.read_thought(dialect.thought(thought)) == thought


@given(kind=st.sampled_from(["fact", "answer"]), text=plain_words)
def test_facts_and_worded_answers_read_back(kind: str, text: str, dialect: NativeDialect) -> None:
    thought = Thought(kind, text)  # type: ignore[arg-type]
    assert dialect.read_thought(dialect.thought(thought)) == thought


@given(slot=st.integers(0, SLOTS - 1), result=st.integers(0, SLOTS - 1))
def test_an_answer_names_its_slot_and_a_step_fills_one(
    slot: int, result: int, dialect: NativeDialect
) -> None:
    answer = Thought("answer", f"n{slot}")
    assert dialect.thought(answer) == [
        dialect.ids["<answer>"],
        dialect.ids[f"<n{slot}>"],
        dialect.end,
    ]
    assert dialect.read_thought(dialect.thought(answer)) == answer
    step = dialect.thought(Thought("step", f"n{slot} + 1"), result)
    assert step[-2:] == [dialect.end, dialect.ids[f"<n{result}>"]]


@given(problem=st.sampled_from(PROBLEMS), steps=st.integers(0, 40))
def test_a_plan_reads_back(problem: str, steps: int, dialect: NativeDialect) -> None:
    plan = PlanData(problem, 0 if problem == "outside" else steps)
    assert dialect.read_plan(dialect.plan(plan)) == plan


@given(
    answer=st.integers(-(10**9), 10**9).map(str) | plain_words | st.just("-3.5") | st.just("2/3")
)
def test_a_direct_answer_reads_back(answer: str, dialect: NativeDialect) -> None:
    assert dialect.read_direct(dialect.direct(answer)) == answer


@given(text=nasty)
def test_nothing_a_person_types_becomes_a_control_token(text: str, dialect: NativeDialect) -> None:
    assert all(token >= len(SPECIALS) for token in dialect.words(text))
    try:
        question = read(text)
    except TooManyQuantities:
        return
    ids = dialect.question(question, "solve")
    controls = [token for token in ids if token < len(SPECIALS)]
    slots = [dialect.ids[f"<n{i}>"] for i in range(len(question.quantities))]
    assert controls == [dialect.ids["<bos>"], *slots, dialect.ids["<solve>"]]


def test_control_tokens_stay_out_of_reach_after_a_tokenizer_was_saved_and_loaded(
    tokenizer: Tokenizer,
) -> None:
    loaded = NativeDialect(Tokenizer.from_str(tokenizer.to_str()))
    for control in CONTROLS:
        assert all(token >= len(SPECIALS) for token in loaded.words(f"a {control} b"))


@given(ids=st.lists(st.integers(0, len(SPECIALS) + 255), max_size=12))
def test_any_output_reads_as_a_thought_or_is_unreadable(
    ids: list[int], dialect: NativeDialect
) -> None:
    for read_line in (dialect.read_plan, dialect.read_thought, dialect.read_direct):
        try:
            read_line(ids)
        except Unreadable:
            continue
    assert isinstance(dialect.shown(ids, ["1", "2"]), str)


def test_a_direct_question_shows_the_numbers_and_a_solved_one_does_not(
    dialect: NativeDialect,
) -> None:
    question = read("What is 48 / 2?")
    assert (
        dialect.text(dialect.question(question, "direct")) == "<bos> what is<n0>48 /<n1>2?<direct>"
    )
    assert dialect.text(dialect.question(question, "solve")) == "<bos> what is<n0> /<n1>?<solve>"


def test_a_running_line_is_shown_with_values(dialect: NativeDialect) -> None:
    ids = dialect.thought(Thought("step", "gcd(n0, n1)"))
    assert dialect.shown(ids, ["84", "36"]).replace(" ", "") == "gcd(84,36)"


def test_a_question_with_too_many_numbers_is_refused() -> None:
    with pytest.raises(TooManyQuantities, match="33 numbers"):
        read(" ".join(str(n) for n in range(33)))


def test_the_last_sentence_moves_to_the_front() -> None:
    assert question_first("A is 3. B is 4. What is A?") == "What is A? A is 3. B is 4."
    assert question_first("What is 3?") == "What is 3?"


def test_a_foreign_tokenizer_is_refused() -> None:
    from tokenizers import models

    with pytest.raises(ValueError, match="not a native tokenizer"):
        NativeDialect(Tokenizer(models.BPE({"a": 0}, [])))
