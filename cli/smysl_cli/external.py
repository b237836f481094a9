"""Programs of their own do what this client is too thin for: `smysl build|forge|eval ...` become them,
other commands ask them.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from smysl_cli.diagnostics import CommandFailed
from smysl_cli.exits import Exit

PROGRAMS = {
    "build": "smysl_build_engines.app",
    "forge": "smysl_forge.entry",
    "eval": "smysl_evals.app",
}


def become(verb: str, words: Sequence[str]) -> NoReturn:
    """Replace this process by `smysl-VERB`. Raises `CommandFailed` when it cannot be run."""
    command = [*program(verb), *words]
    try:
        os.execv(command[0], command)
    except OSError as error:
        raise CommandFailed(f"cannot run {command[0]}: {error.strerror}") from None


def program(verb: str) -> list[str]:
    """The words that start `smysl-VERB`."""
    import shutil  # 3 ms, for those who become another program

    name = f"smysl-{verb}"
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is not None:
        return [found]
    # not installed as a script: a checkout on PYTHONPATH
    start = f"import sys; sys.argv[0] = {name!r}; from {PROGRAMS[verb]} import main; main()"
    return [sys.executable, "-P", "-c", start]


def answer(module: str, words: Sequence[str]) -> Any:
    """What a module of ours, run as a program, says in JSON. It has said itself what went wrong when
    this ends the command with its exit code.
    """
    import subprocess  # for the commands that need it only

    import typer

    command = [sys.executable, "-P", "-m", module, *words]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    except OSError as error:
        raise CommandFailed(f"cannot run {command[0]}: {error.strerror}") from None
    if done.returncode:
        raise typer.Exit(done.returncode if done.returncode > 0 else Exit.ERROR)
    return msgspec.json.decode(done.stdout)
