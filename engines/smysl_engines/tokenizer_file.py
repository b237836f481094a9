"""An engine's tokenizer.json, kept open from the engine's start: a rebuilt engine replaces the folder
under a running one.

Knows a file; never what it says.
"""

import os
import weakref
from pathlib import Path


class TokenizerFile:
    """Opened at once, read when it is first needed. Any thread may call."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: int | None = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            self._file = None
        else:
            weakref.finalize(self, os.close, self._file)

    @property
    def exists(self) -> bool:
        return self._file is not None

    def read(self) -> bytes:
        """The whole file. Raises `OSError`; there must be one."""
        assert self._file is not None
        return os.pread(self._file, os.fstat(self._file).st_size, 0)
