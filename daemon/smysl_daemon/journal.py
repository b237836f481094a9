"""Sends log records to the system's journal with their fields, not as lines to be parsed again.

The native protocol of systemd-journald: one datagram per record of `FIELD=value` lines. Knows
records and that socket; never who logs.
"""

import contextlib
import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")
TEXT_LIMIT = 48 * 1024
"""Most bytes of one field: a datagram must fit a Unix socket's buffer."""
_LENGTH = struct.Struct("<Q")


def goes_to_journal(environ: Mapping[str, str], fd: int = 2) -> bool:
    """True when standard error is the journal: JOURNAL_STREAM names its device and inode. A process
    that inherited the variable, but not the stream, does not log there."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(fd)
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


class JournalHandler(logging.Handler):
    """`fields` go with every record; a record's own come from `extra={"fields": {"RUN": ...}}`.

    A journal that does not answer loses nothing: the line goes to standard error instead.
    """

    def __init__(self, fields: Mapping[str, str], path: Path = JOURNAL_SOCKET) -> None:
        super().__init__()
        self._fields = dict(fields)
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._socket.sendto(entry(record, self.format(record), self._fields), str(self._path))
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                print(f"<{priority(record.levelno)}>{self.format(record)}", file=sys.stderr)

    def close(self) -> None:
        self._socket.close()
        super().close()


def entry(record: logging.LogRecord, message: str, fields: Mapping[str, str]) -> bytes:
    """One record as a datagram."""
    own: Mapping[str, object] = getattr(record, "fields", {})
    values = {
        "MESSAGE": message,
        "PRIORITY": str(priority(record.levelno)),
        "LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName or "",
        **fields,
        **{key: str(value) for key, value in own.items()},
    }
    return b"".join(_field(key, value) for key, value in values.items())


def _field(key: str, value: str) -> bytes:
    data = value.encode(errors="replace")[:TEXT_LIMIT]
    if b"\n" in data:
        return key.encode() + b"\n" + _LENGTH.pack(len(data)) + data + b"\n"
    return key.encode() + b"=" + data + b"\n"


def priority(level: int) -> int:
    """The syslog priority of a logging level (RFC 5424, table 2)."""
    for least, found in ((50, 2), (40, 3), (30, 4), (20, 6)):
        if level >= least:
            return found
    return 7
