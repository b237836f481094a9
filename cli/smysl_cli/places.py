"""`smysl dirs` and `smysl config show`: where things are and what is set."""

import os
from pathlib import Path
from typing import Any

import msgspec
import typer

from smysl_cli import output
from smysl_cli.options import Json
from smysl_daemon.config import Dirs, find_dirs, load_config, models_dir

config = typer.Typer(help="Settings.", no_args_is_help=True)


def paths(found: Dirs) -> dict[str, Path]:
    return {
        "config": found.config,
        "data": found.data,
        "cache": found.cache,
        "runtime": found.runtime,
        "socket": found.socket,
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
def show_config(json: Json = False) -> None:
    """The settings in force, and the SMYSL_* variables that are set."""
    found = find_dirs()
    settings = msgspec.to_builtins(load_config(found.config_file))
    variables = {k: v for k, v in sorted(os.environ.items()) if k.startswith("SMYSL_")}
    if json:
        output.say_json(
            {"file": str(found.config_file), "settings": settings, "environment": variables}
        )
        return
    exists = "" if found.config_file.is_file() else " (not there: defaults)"
    output.say(f"# {found.config_file}{exists}")
    tables = {key: value for key, value in settings.items() if isinstance(value, dict)}
    _say_settings({key: value for key, value in settings.items() if key not in tables})
    for key, value in variables.items():
        output.say(f"# {key}={value}")
    for name, table in tables.items():
        _say_table(name, table)


def _say_settings(settings: dict[str, Any]) -> None:
    for key, value in settings.items():
        if value is None:
            output.say(f"# {key} is not set")
        else:
            output.say(f"{key} = {msgspec.json.encode(value).decode()}")


def _say_table(name: str, table: dict[str, Any]) -> None:
    output.say(f"[{name}]")
    _say_settings({key: value for key, value in table.items() if not isinstance(value, dict)})
    for key, value in table.items():
        if isinstance(value, dict):
            _say_table(f"{name}.{key}", value)
