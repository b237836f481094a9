"""Opens the daemon's database: for writing, or, when it is damaged or of a later version, for reading what can be read.

Knows the store's ways of opening; nothing of runs or sockets.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from smysl_reasoning.errors import StoreCorrupt, StoreError, StoreTooNew
from smysl_reasoning.store import Store

log = logging.getLogger("smysl.database")


def open_database(path: Path, progress: Callable[[str], None]) -> Store:
    """A store over `path`. One that can only be read says why in `problem`: what was asked before can be looked at and
    exported, and nothing is written to it. Raises `StoreError` when there is nothing to look at either."""
    try:
        return Store.open(path)
    except (StoreCorrupt, StoreTooNew) as error:
        try:
            rescued = Store.open(path, read_only=True)
        except StoreError:
            raise error from None
        try:
            readable = bool(rescued.sessions(1))
        except StoreError:
            readable = False
        if not readable:
            rescued.close()
            raise
        log.error("%s", error)
        progress(
            f"{error} Until then it can be looked at and exported, and nothing new can be asked."
        )
        return rescued
