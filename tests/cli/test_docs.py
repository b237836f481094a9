"""What can be typed or sent is documented."""

import inspect
import re
import typing
from pathlib import Path

from smysl_cli.ask import ask
from smysl_cli.dispatch import VERBS
from smysl_cli.exits import Exit
from smysl_daemon import config, errors, protocol

DOCS = Path(__file__).parents[2] / "docs"
CLI = (DOCS / "cli.md").read_text()
PROTOCOL = (DOCS / "protocol.md").read_text()


def test_every_command_and_option_is_documented() -> None:
    hints = typing.get_type_hints(ask, include_extras=True)
    infos = [hints[name].__metadata__[0] for name in inspect.signature(ask).parameters]
    # in an Annotated, typer keeps the first name of an option where its default would be
    declared = [[info.default, *(info.param_decls or ())] for info in infos]
    options = [flag for one in declared for name in one for flag in str(name).split("/")]
    options = [flag for flag in options if flag.startswith("-")]
    assert "--program" in options
    missing = [flag for flag in options if not re.search(rf"(?<![-\w]){flag}\b", CLI)]
    assert missing == []
    assert [verb for verb in VERBS if not re.search(rf"`[^`]*\b{verb}\b|## {verb}", CLI)] == []


def test_every_exit_code_and_setting_is_documented() -> None:
    assert [code for code in Exit if f"| {code.value} |" not in CLI] == []
    assert [key for key in config.Config.__struct_fields__ if f"`{key}`" not in CLI] == []


def test_every_message_and_error_code_is_documented() -> None:
    messages = typing.get_args(protocol.ClientMessage) + typing.get_args(protocol.DaemonMessage)
    tags = [str(message.__struct_config__.tag) for message in messages]
    assert [tag for tag in tags if not re.search(rf"`{tag}\b", PROTOCOL)] == []
    assert [code for code in errors.Code if f"`{code.value}`" not in PROTOCOL] == []
