"""Where the daemon's log goes: the journal, or a file that is rotated.

Knows handlers and folders; never what is logged.
"""

import logging
import logging.handlers
from pathlib import Path

from smysl_daemon.config import Dirs
from smysl_daemon.journal import JournalHandler

LOG_BYTES = 1 << 20
LOG_FILES = 3
IDENTIFIER = "smysld"


def to_file(dirs: Dirs, level: str, *, to_stderr: bool) -> None:
    """`dirs.log`, at most `LOG_FILES` older ones beside it, and standard error if a person reads
    there."""
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(dirs.log, maxBytes=LOG_BYTES, backupCount=LOG_FILES)
    ]
    if to_stderr:
        handlers.append(logging.StreamHandler())
    _journal_mark(dirs).unlink(missing_ok=True)
    logging.basicConfig(
        level=level.upper(),
        handlers=handlers,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )


def to_journal(dirs: Dirs, level: str, path: Path) -> None:
    """The journal alone, with the data folder as a field: `journal_match` finds it again."""
    fields = {"SYSLOG_IDENTIFIER": IDENTIFIER, "SMYSL_DATA": str(dirs.data)}
    logging.basicConfig(
        level=level.upper(),
        handlers=[JournalHandler(fields, path)],
        format="%(message)s",
        force=True,
    )
    _journal_mark(dirs).touch(mode=0o600)


def set_level(level: str) -> None:
    logging.getLogger().setLevel(level.upper())


def journal_match(dirs: Dirs) -> list[str] | None:
    """What selects this daemon's records for `journalctl`; None when its last log is the file."""
    if not _journal_mark(dirs).exists():
        return None
    return [f"SYSLOG_IDENTIFIER={IDENTIFIER}", f"SMYSL_DATA={dirs.data}"]


def _journal_mark(dirs: Dirs) -> Path:
    return dirs.log.with_suffix(".in-journal")
