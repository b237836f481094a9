"""What was last seen of a server, kept in a file: so that an engine is the same one also where it is opened while
the server is down.

Knows one small file; never a server.
"""

import os
import tempfile
from pathlib import Path

import msgspec

from smysl_engines.openai.abilities import Abilities


class Memory:
    def __init__(self, file: Path | None) -> None:
        """None remembers nothing."""
        self._file = file

    def recall(self) -> Abilities | None:
        """None where nothing was seen, or the file is of another version."""
        try:
            if self._file is None:
                return None
            return msgspec.json.decode(self._file.read_bytes(), type=Abilities)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def note(self, abilities: Abilities) -> None:
        """A file that cannot be written costs the memory alone."""
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=".server-", dir=self._file.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(msgspec.json.encode(abilities))
                os.replace(part, self._file)
            except OSError:
                Path(part).unlink(missing_ok=True)
        except OSError:
            pass
