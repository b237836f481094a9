"""`smysl dirs` and `smysl config ...`: where things are, what is set, and setting it."""

import os
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from smysl_cli import completing, diagnostics, output, settings
from smysl_cli.diagnostics import UsageError
from smysl_cli.options import Json
from smysl_daemon.config import AT_RESTART, Dirs, find_dirs, models_dir

config = typer.Typer(help="Settings.", no_args_is_help=True)
Key = Annotated[
    str | None,
    typer.Argument(
        metavar="[KEY]", help="Only this one, or this table.", autocompletion=completing.settings
    ),
]


def paths(found: Dirs) -> dict[str, Path]:
    return {
        "config": found.config,
        "data": found.data,
        "cache": found.cache,
        "runtime": found.runtime,
        "socket": found.socket,
        "http_socket": found.http_socket,
        "http_token": found.http_token,
        "database": found.database,
        "engines": found.engines,
        "models": models_dir(),
        "log": found.log,
    }


def dirs(json: Json = False) -> None:
    """Where smysl keeps its files. SMYSL_{CONFIG,DATA,CACHE,RUNTIME,MODELS}_DIR change them."""
    found = paths(find_dirs())
    if json:
        output.say_json({name: str(path) for name, path in found.items()})
        return
    output.say_table(
        ("WHAT", "PATH"), [(name, str(path)) for name, path in found.items()], empty=""
    )


@config.command("show")
def show_config(key: Key = None, json: Json = False) -> None:
    """The settings in force and where each comes from, and the SMYSL_* variables that are set."""
    found = find_dirs()
    chosen = settings.in_force(found.config_file)
    if key is not None:
        chosen = [one for one in chosen if f"{one.key}.".startswith(f"{key}.")]
        if not chosen:
            settings.require_key(key)
    variables = {k: v for k, v in sorted(os.environ.items()) if k.startswith("SMYSL_")}
    if json:
        output.say_json(
            {
                "file": str(found.config_file),
                "settings": settings.nested(chosen),
                "origins": {one.key: one.origin for one in chosen},
                "environment": variables,
            }
        )
        return
    if key is None:
        exists = "" if found.config_file.is_file() else " (not there: defaults)"
        output.say(f"# {found.config_file}{exists}")
        for name, value in variables.items():
            output.say(f"# {name}={value} (environment)")
    said = [(_line(one.key, one.value), one.origin) for one in chosen]
    width = max((len(line) for line, _ in said), default=0)
    for line, origin in said:
        output.say(f"{line:<{width}}  # {origin}")


@config.command(
    "set", context_settings={"ignore_unknown_options": True}
)  # a negative number is a value
def set_config(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="As `config show` has it.", autocompletion=completing.settings
        ),
    ],
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="A TOML value; what is none is a text."),
    ] = None,
    unset: Annotated[
        bool, typer.Option("--unset", help="Take it out of the file: the default counts.")
    ] = False,
    json: Json = False,
) -> None:
    """Change one setting in config.toml; comments and everything else in it stay."""
    if value is not None and re.match(r"-(?![\d.])", value):
        raise UsageError(f"no such option: {value} (smysl config set --help)")
    if (value is None) is not unset:
        raise UsageError("give a VALUE, or --unset and none")
    file = find_dirs().config_file
    settings.write(file, key, None if value is None else settings.value_of(value))
    for one in settings.in_force(file):
        if one.key == key:
            if json:
                output.say_json({"key": key, "value": one.value, "origin": one.origin})
            else:
                output.say(f"{_line(key, one.value)}  # {one.origin}")
    table = key.partition(".")[0]
    if table != "tui":
        verb = "restart" if table in AT_RESTART else "reload"
        diagnostics.note(f"a running daemon reads it with `smysl daemon {verb}`")


def _line(key: str, value: Any) -> str:
    if value is None:
        return f"# {key} is not set"
    if value == {}:
        return f"# {key} is empty"
    return f"{key} = {msgspec.json.encode(value).decode()}"
