"""A text in lines: what grows is wrapped as if it had been there at once."""

from hypothesis import given
from hypothesis import strategies as st

from smysl_cli.text import cells
from smysl_cli.tui.model.wrapping import Wrapped, folded

WORDS = st.text("ab \t\n中e\u0301x", max_size=60)


@given(st.lists(WORDS, max_size=6), st.integers(1, 12))
def test_a_text_that_grew_has_the_lines_of_one_that_was_there_at_once(
    pieces: list[str], width: int
) -> None:
    growing, text = Wrapped(), ""
    for piece in pieces:
        before = list(growing.lines)
        text += piece
        first = growing.set(text, width)
        whole = Wrapped()
        whole.set(text, width)
        assert growing.lines == whole.lines
        assert growing.lines[:first] == before[:first]


@given(WORDS, st.integers(2, 12))
def test_no_line_is_too_wide_and_no_character_is_lost(text: str, width: int) -> None:
    wrapped = Wrapped()
    wrapped.set(text, width)
    assert all(cells(line.text) <= width for line in wrapped.lines)
    said = "".join(line.text for line in wrapped.lines)
    assert "".join(said.split()) == "".join(text.split())


@given(WORDS, st.integers(1, 12))
def test_a_line_says_where_in_the_text_it_stands(text: str, width: int) -> None:
    wrapped = Wrapped()
    wrapped.set(text, width)
    paragraphs = wrapped.text.split("\n")
    for line in wrapped.lines:
        assert paragraphs[line.paragraph][line.start :].startswith(line.text)


def test_lines_break_between_words_and_within_those_that_are_too_long() -> None:
    assert folded("to be or not to be", 6) == ["to be", "or not", "to be"]
    assert folded("abcdefghij kl", 4) == ["abcd", "efgh", "ij", "kl"]
    assert folded("  a list\n\n  of two", 9) == ["  a list", "", "  of two"]
    assert folded("a\tb", 20) == ["a       b"]
    assert folded("", 5) == [""]


def test_a_stream_costs_its_last_line_and_not_its_whole() -> None:
    wrapped, text, touched = Wrapped(), "", 0
    for number in range(2000):
        text += f"word{number} "
        touched += len(wrapped.lines) + 1 - min(wrapped.set(text, 30), len(wrapped.lines))
    assert len(wrapped.lines) > 500
    assert touched < 4 * 2000
