"""Standard output: answers, tables and JSON, and nothing else.

Knows streams and plain values; never the daemon.
"""

import os
import sys
from collections.abc import Sequence

import msgspec

from smysl_cli.text import cells, printable


def say(text: str) -> None:
    """Print text for a person or a pipe. Escape sequences are kept from a terminal only."""
    _put(printable(text) if sys.stdout.isatty() else text)


def say_json(value: object) -> None:
    """One JSON document, indented for a terminal and on one line for a program."""
    text = msgspec.json.encode(value)
    _put((msgspec.json.format(text, indent=2) if sys.stdout.isatty() else text).decode())


def say_json_line(value: object) -> None:
    """One JSON document on one line, whoever reads."""
    _put(msgspec.json.encode(value).decode())


def say_table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Left-aligned columns; `empty` instead of a table without rows."""
    if not rows:
        say(empty)
        return
    lines = [titles, *rows]
    widths = [max(cells(line[i]) for line in lines) for i in range(len(titles))]
    for line in lines:
        padded = [
            text + " " * (width - cells(text)) for text, width in zip(line, widths, strict=True)
        ]
        say("  ".join(padded).rstrip())


def say_bytes(data: bytes) -> None:
    """A file's content as it is, for a pipe; for a terminal with a line's end."""
    if sys.stdout.isatty():
        say(data.decode(errors="replace").rstrip("\n"))
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _put(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader has seen enough (`| head`): not an error, and nothing more to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()
