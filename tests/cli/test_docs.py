"""What can be typed or sent is documented."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from smysl_cli.commands import app
from smysl_cli.dispatch import VERBS
from smysl_cli.exits import Exit
from smysl_daemon import config, errors, protocol

DOCS = Path(__file__).parents[2] / "docs"
CLI = (DOCS / "cli.md").read_text()
PROTOCOL = (DOCS / "protocol.md").read_text()


def commands(parser: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command with the words that call it."""
    for name, one in parser.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, (*words, name))
        else:
            yield (*words, name), one


ALL = dict(commands(typer.main.get_command(app)))


def test_every_command_and_option_is_documented_and_has_help() -> None:
    assert ("sessions", "replay") in ALL and {words[0] for words in ALL} == set(VERBS)
    missing = []
    for words, command in ALL.items():
        assert command.help, words
        if not re.search(rf"`[^`]*\b{words[-1]}\b|## {words[-1]}", CLI):
            missing.append(" ".join(words))
        flags = [flag for one in command.params for flag in (*one.opts, *one.secondary_opts)]
        for flag in flags:
            if flag.startswith("--") and not re.search(rf"(?<![-\w]){flag}\b", CLI):
                missing.append(f"{' '.join(words)} {flag}")
    assert missing == []


def test_every_exit_code_and_setting_is_documented() -> None:
    assert [code for code in Exit if f"| {code.value} |" not in CLI] == []
    assert [key for key in config.Config.__struct_fields__ if f"`{key}`" not in CLI] == []


def test_every_message_and_error_code_is_documented() -> None:
    messages = typing.get_args(protocol.ClientMessage) + typing.get_args(protocol.DaemonMessage)
    tags = [str(message.__struct_config__.tag) for message in messages]
    assert [tag for tag in tags if not re.search(rf"`{tag}\b", PROTOCOL)] == []
    assert [code for code in errors.Code if f"`{code.value}`" not in PROTOCOL] == []
