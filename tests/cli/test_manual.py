"""The manual page: sound roff that names every command and option."""

import re
import shutil
import subprocess

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli import manual
from smysl_cli.commands import app
from smysl_cli.exits import Exit

PAGE = manual.page(app)


def rendered(text: str) -> "subprocess.CompletedProcess[str]":
    tool = shutil.which("groff")
    if tool is None:
        pytest.skip("groff is not installed (Debian: groff)")
    words = [tool, "-man", "-Kutf8", "-Tutf8", "-ww", "-rLL=200n", "-P-cbou"]
    return subprocess.run(words, input=text, capture_output=True, text=True)


def test_the_page_renders_clean_and_says_everything() -> None:
    done = rendered(PAGE)
    assert (done.returncode, done.stderr) == (0, "")
    shown = done.stdout.replace("\u2010", "-")
    for words, command in manual.commands(typer.main.get_command(app)):
        assert re.search(rf"^\s+smysl {' '.join(words)}$", shown, re.MULTILINE), words
        for option in command.params:
            for flag in option.opts if option.param_type_name == "option" else ():
                assert flag in shown, (words, flag)
    assert shown.count("EXIT STATUS") == 1 and all(f" {code.value} " in shown for code in Exit)


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1))
def test_no_text_is_taken_for_an_order(text: str) -> None:
    line = manual._text(text)
    assert not line.startswith((".", "'")) and "\n" not in line
    assert (
        line.replace("\\&", "")
        .replace("\\e", "\\")
        .replace("\\-", "-")
        .replace("\\(ga", "`")
        .replace("\\(aq", "'")
        .replace("\\(ti", "~")
        .replace("\\(ha", "^")
        == text
        or "\\" in text
    )


def test_odd_help_texts_survive_groff() -> None:
    odd = ".start 'quote' back\\slash -dash ~tilde ^hat `tick` \"double\""
    done = rendered(f".TH X 1\n.SH {manual._quoted(odd)}\n{manual._text(odd)}\n")
    assert done.stderr == ""
    assert odd in done.stdout.replace("\u2010", "-")
