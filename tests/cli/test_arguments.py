import pytest

from smysl_cli.arguments import with_pairs, with_verb
from smysl_cli.diagnostics import UsageError

VERBS = ("ask", "show", "sessions", "daemon")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["How many legs?"], ["ask", "How many legs?"]),
        (["-q", "2+2"], ["ask", "-q", "2+2"]),
        (["ask", "x"], ["ask", "x"]),
        (["-q", "--json", "ask", "x"], ["ask", "-q", "--json", "x"]),
        (["-q"], ["ask", "-q"]),
        (["show", "@last"], ["show", "@last"]),
        (["--help"], ["--help"]),
        (["--install-completion"], ["--install-completion"]),
        (["Find", "the", "gcd", "of", "4", "and", "6"], "ask Find the gcd of 4 and 6".split()),
    ],
)
def test_anything_but_a_verb_is_a_question(words: list[str], expected: list[str]) -> None:
    assert with_verb(words, VERBS, piped=False) == expected


def test_no_words_are_a_question_only_when_something_is_piped() -> None:
    assert with_verb([], VERBS, piped=True) == ["ask"]
    assert with_verb([], VERBS, piped=False) == ["--help"]


def test_a_mistyped_verb_is_not_asked() -> None:
    with pytest.raises(UsageError, match="did you mean `smysl sessions`"):
        with_verb(["sesions", "list"], VERBS, piped=False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-o", "samples", "8", "Q"], ["-o", "samples=8", "Q"]),
        (["-o", "samples=8", "Q"], ["-o", "samples=8", "Q"]),
        (["Q", "-o", "samples"], ["Q", "-o", "samples"]),
        (["--option", "a", '"x y"', "-q"], ["--option", 'a="x y"', "-q"]),
        (["--", "-o", "a", "b"], ["--", "-o", "a", "b"]),
    ],
)
def test_an_option_takes_a_key_and_a_value(words: list[str], expected: list[str]) -> None:
    assert with_pairs(words) == expected
