"""What was typed and not yet sent, kept on disk: a closed terminal loses no words.

Knows one folder; a draft that cannot be written is only not kept.
"""

import os
import re
from contextlib import suppress
from pathlib import Path

NEW = "new"
"""The draft of a session that does not exist yet."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Drafts:
    """A file for each session or node that something was typed for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> str:
        try:
            return self._file(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    def write(self, name: str, text: str) -> None:
        """An empty text forgets the draft. Two terminals may write the same one: the last wins."""
        file = self._file(name)
        with suppress(OSError, UnicodeEncodeError):
            if not text.strip():
                file.unlink(missing_ok=True)
                return
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = file.with_suffix(f".{os.getpid()}")
            part.write_text(text, encoding="utf-8")
            part.chmod(0o600)
            part.replace(file)

    def _file(self, name: str) -> Path:
        assert _NAME.fullmatch(name), name
        return self._folder / f"{name}.txt"
