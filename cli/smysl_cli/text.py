"""Text for terminals: safe characters, display width, colour.

Knows strings only.
"""

import os
import unicodedata
from datetime import datetime
from typing import TextIO

_KEEP = "\n\t"


def printable(text: str) -> str:
    """Without characters that could drive a terminal: a model's or a stranger's text may hold
    escape sequences. New lines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in _KEEP else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def local_time(iso: str) -> str:
    """ISO 8601 with offset as the time here, to the minute."""
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M")


def cells(text: str) -> int:
    """Columns that `text` takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def fit(text: str, width: int) -> str:
    """`text` in at most `width` columns, with an ellipsis where it was cut."""
    if cells(text) <= width:
        return text
    kept = ""
    for c in text:
        if cells(kept + c) > width - 1:
            break
        kept += c
    return kept.rstrip() + "…" if width > 0 else ""


def thoughts(count: int) -> str:
    return f"{count} thought{'' if count == 1 else 's'}"


def colour(stream: TextIO) -> bool:
    """Whether to colour this stream: a terminal, and the person did not say NO_COLOR."""
    return (
        stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") not in ("", "dumb")
    )


def unicode_lines(stream: TextIO) -> bool:
    """Whether the stream can show box-drawing characters."""
    return (stream.encoding or "").lower().replace("-", "") in ("utf8", "utf16")
