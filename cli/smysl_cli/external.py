"""`smysl build|forge|eval ...` start programs of their own, so that this client stays thin."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from smysl_cli.diagnostics import CommandFailed

PACKAGES = {
    "build": "smysl_build_engines",
    "forge": "smysl_forge",
    "eval": "smysl_evals",
}


def become(verb: str, words: Sequence[str]) -> NoReturn:
    """Replace this process by `smysl-VERB`. Raises `CommandFailed` when it cannot be run."""
    name = f"smysl-{verb}"
    beside = Path(sys.executable).with_name(name)
    program = str(beside) if beside.is_file() else shutil.which(name)
    if program is not None:
        command = [program, *words]
    else:
        # not installed as a script: a checkout on PYTHONPATH
        start = f"import sys; sys.argv[0] = {name!r}; from {PACKAGES[verb]}.app import main; main()"
        command = [sys.executable, "-P", "-c", start, *words]
    try:
        os.execv(command[0], command)
    except OSError as error:
        raise CommandFailed(f"cannot run {command[0]}: {error.strerror}") from None
