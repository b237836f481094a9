"""Puts a directory in another's place in one step, where the file system can.

Two renames leave an instant in which neither is there; a process killed in it would lose an engine.
Knows paths only.
"""

import ctypes
import os
from pathlib import Path
from typing import Any

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def exchange(one: Path, other: Path, library: Any = None) -> bool:
    """Swap two paths of one file system, both of which exist. False where that cannot be done in one
    step (renameat2(2) is Linux's alone); then nothing was changed. `library`: the C library.
    """
    if library is None:
        library = ctypes.CDLL(None)
    try:
        rename = library.renameat2
    except AttributeError:
        return False
    code = rename(
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(one)),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(other)),
        ctypes.c_uint(_RENAME_EXCHANGE),
    )
    return bool(code == 0)
