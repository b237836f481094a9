import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli.diagnostics import UsageError
from smysl_cli.question import INPUT_LIMIT, option_values, question_and_context, read_piped


def test_piped_text_is_the_question_without_words_and_the_context_with_them() -> None:
    assert question_and_context([], " What? \n") == ("What?", "")
    assert question_and_context(["How", "many?"], "Tom has 3.\n") == ("How many?", "Tom has 3.")
    assert question_and_context(["Why?"], None) == ("Why?", "")


@pytest.mark.parametrize(("words", "piped"), [([], ""), ([], " \n"), (["  "], None), ([""], "x")])
def test_a_question_without_text_is_refused(words: list[str], piped: str | None) -> None:
    with pytest.raises(UsageError, match="question is empty"):
        question_and_context(words, piped)


@given(st.binary(max_size=200))
def test_piped_bytes_are_text_or_refused_by_position(data: bytes) -> None:
    try:
        text = read_piped(io.BytesIO(data))
    except UsageError as error:
        assert "position" in str(error)
    else:
        assert text.encode() == data and b"\0" not in data


def test_endless_input_is_cut_off() -> None:
    with pytest.raises(UsageError, match=f"{INPUT_LIMIT:,}"):
        read_piped(io.BytesIO(b"x" * (INPUT_LIMIT + 10)))


def test_option_values_are_json() -> None:
    assert option_values(["a=1", 'b="x"', "c=[true, null]"]) == {
        "a": 1,
        "b": "x",
        "c": [True, None],
    }


@pytest.mark.parametrize("pair", ["samples={8", "mode=fast", "x="])
def test_a_value_that_is_not_json_is_named_with_its_key(pair: str) -> None:
    key, _, value = pair.partition("=")
    with pytest.raises(UsageError) as caught:
        option_values([pair])
    assert key in str(caught.value) and value in str(caught.value)


def test_a_key_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="has no value"):
        option_values(["samples"])
