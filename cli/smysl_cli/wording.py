"""A text that a person gives: as an option, through a pipe, or in their editor.

Knows files, pipes and processes; never nodes.
"""

import os
import sys
from pathlib import Path

from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.question import read_piped


def given(text: str | None, option: str = "--text") -> str | None:
    """The text of the option, or what is piped in; None when it is to be asked for in an editor.
    Raises `UsageError` for an empty text and for what is no text."""
    if text is None and not (sys.stdin is None or sys.stdin.isatty()):
        text = read_piped(sys.stdin.buffer)
        option = "standard input"
    return None if text is None else checked(text, option)


def checked(text: str, where: str) -> str:
    """`text` without the space around it. Raises `UsageError` when nothing is left."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{where} is not UTF-8 text; check the terminal's encoding") from None
    if not text.strip():
        raise UsageError(f"the text is empty ({where}); write what it is to say")
    return text.strip()


def edited(text: str, option: str = "--text") -> str:
    """What is left of `text` when $VISUAL or $EDITOR is closed. Raises `CommandFailed` when it fails,
    `UsageError` when there is none; `option` takes the text then."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not command:
        raise UsageError(f"no editor is set; give {option}, or set EDITOR")
    import shlex  # these three cost 10 ms, which only an editor is worth
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="smysl-") as folder:
        file = Path(folder) / "node.txt"
        file.write_text(text + "\n", encoding="utf-8")
        try:
            code = subprocess.run([*shlex.split(command), str(file)]).returncode
        except (OSError, ValueError) as error:
            raise CommandFailed(f"the editor {command!r} cannot be run: {error}") from None
        if code:
            raise CommandFailed(f"the editor {command!r} ended with code {code}; nothing changed")
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandFailed(f"what the editor left cannot be read: {error}") from None
