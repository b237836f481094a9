"""A plain command line is read without Typer, and as Typer reads it."""

import functools
import inspect
from collections.abc import Sequence
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli import quick
from smysl_cli.ask import ask
from smysl_cli.commands import app
from smysl_cli.declared import Flag, Words, for_typer
from smysl_cli.tui.command import tui

TREE: Any = typer.main.get_command(app)
ASK: Any = TREE.commands["ask"]
OPTIONS = [one for one in ASK.params if one.param_type_name == "option" and one.name != "help"]
FLAGS = [flag for one in OPTIONS for flag in (*one.opts, *one.secondary_opts)]
LETTERS = [flag[1:] for flag in FLAGS if not flag.startswith("--")]
VALUES = ("solve", "1", "0", "-1", "1_0", "2.5", "nan", "x y", "", "-", "--", "-q", "K=V", "é", "٣")


def command(function: Any) -> Any:
    one = typer.Typer()
    one.command()(for_typer(function))
    return typer.main.get_command(one)


class Both:
    """A command's words, as Typer and as `quick` read them: the values that it is called with, or None for a mistake
    and for help."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self._command = command(functools.wraps(function)(lambda **values: values))
        parameters = inspect.signature(function).parameters
        self._defaults = {name: one.default for name, one in parameters.items()}

    def typer(self, words: Sequence[str]) -> dict[str, Any] | None:
        try:
            values = self._command.main(list(words), "smysl", standalone_mode=False)
        except Exception as end:
            assert hasattr(end, "format_message"), end
            return None
        return values if isinstance(values, dict) else None  # help ends in a code

    def quick(self, words: Sequence[str]) -> dict[str, Any] | None:
        values = quick.read(self._function, words)
        return None if values is None else self._defaults | values


QUICK = (Both(ask), Both(tui))


def spelled(flag: str, value: str) -> list[str]:
    """Ways to write both in one word, and abbreviations, which are none."""
    return [f"{flag}={value}", f"{flag}{value}", flag[:-1], flag[:4], f"{flag[:-1]}={value}"]


WORD = st.one_of(
    st.sampled_from(VALUES),
    st.sampled_from([*FLAGS, "--plain", "--pla", "--help", "-h", "--bogus", "---", "--=x", "-5"]),
    st.tuples(st.sampled_from(FLAGS), st.sampled_from(VALUES)).flatmap(
        lambda pair: st.sampled_from(spelled(*pair))
    ),
    st.lists(st.sampled_from([*LETTERS, "h", "5", "="]), min_size=1, max_size=4).map(
        lambda letters: "-" + "".join(letters)
    ),
    st.text(st.characters(exclude_characters="\0"), max_size=6),
)


@given(st.lists(WORD, max_size=6))
def test_whatever_is_read_typer_reads_in_the_same_way(words: list[str]) -> None:
    for one in QUICK:
        found = one.quick(words)
        # as text, because one nan is not equal to another
        assert found is None or repr(found) == repr(one.typer(words))


PLAIN = st.sampled_from(
    [
        *(["-q"], ["-vu"], ["-xc"], ["--json"], ["--stream"], ["--no-stream"], ["--fresh"]),
        *(["-p", "vote"], ["-pvote"], ["--program", "vote"], ["--program=vote"], ["-qm", "zerno"]),
        *(["-o", "branches=3"], ["-o", "deep=true"], ["--seed", "7"], ["--budget-seconds=0.5"]),
        *(["How"], ["many apples are left?"], ["12"], [""], ["-"], ["-s", "@last"], ["-b", "-x"]),
    ]
)


@given(st.lists(PLAIN, max_size=6), st.booleans())
def test_typer_is_not_needed_for_a_plain_line(parts: list[list[str]], ended: bool) -> None:
    words = [word for part in parts for word in part] + ["--", "-q", "--bogus"] * ended
    assert quick.read(ask, words) is not None


def test_every_option_that_help_lists_is_read() -> None:
    for one in OPTIONS:
        for flag in (*one.opts, *one.secondary_opts):
            found = quick.read(ask, [flag] if one.is_flag else [flag, "7"])
            assert found is not None and list(found) == [one.name]


@pytest.mark.parametrize(
    "words", [["--help"], ["-h"], ["--bogus"], ["--templ", "x"], ["-p"], ["--json=1"]]
)
def test_help_and_mistakes_are_left_to_typer(words: list[str]) -> None:
    assert quick.read(ask, words) is None


def test_a_value_out_of_range_is_left_to_typer() -> None:
    assert quick.read(ask, ["--budget-tokens", "0"]) is None
    assert quick.read(ask, ["--seed", "many"]) is None
    assert quick.read(ask, ["--budget-tokens", "1"]) == {"budget_tokens": 1}


def test_words_without_a_flag_need_a_place() -> None:
    def flags_only(count: Annotated[int, Flag(("--count",), help="So many.")] = 0) -> None: ...
    def words_too(text: Annotated[list[str] | None, Words("TEXT", help="It.")] = None) -> None: ...

    assert quick.read(flags_only, ["x"]) is None
    assert quick.read(words_too, ["x", "y"]) == {"text": ["x", "y"]}


def test_an_order_that_posix_asks_for_is_not_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # getopt would stop at the first word; Typer does not, so it is asked
    monkeypatch.setenv("POSIXLY_CORRECT", "1")
    assert quick.read(ask, ["word", "-q"]) is None


def test_what_is_declared_reaches_typer_whole() -> None:
    def count(
        upto: Annotated[
            int | None, Flag(("--upto/--no-upto",), metavar="N", minimum=2, help="So far.")
        ] = None,
    ) -> int:
        """Count."""
        return upto or 0

    (parameter,) = [one for one in command(count).params if one.name == "upto"]
    assert (parameter.metavar, parameter.type.min, parameter.help) == ("N", 2, "So far.")
    assert (parameter.opts, parameter.secondary_opts) == (["--upto"], ["--no-upto"])
