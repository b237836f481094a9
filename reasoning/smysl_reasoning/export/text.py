"""Makes any text fit to be written into a document: clean, one line, or wrapped.

Knows characters and widths; never nodes or formats.
"""

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write or advises against: control characters, lone surrogates."""


def clean(text: str) -> str:
    """`text` with line ends as newlines and without characters that no document can hold."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _FORBIDDEN.sub(REPLACEMENT, lines)


def lines(text: str) -> list[str]:
    """The lines that say something, without space around them."""
    return [line.strip() for line in clean(text).splitlines() if line.strip()]


def one_line(text: str) -> str:
    """All of it in one line; lines are apart by semicolons, since each may be a thought of its own."""
    return "; ".join(re.sub(r"\s+", " ", line) for line in lines(text))


def cells(text: str) -> int:
    """Columns that `text` takes where every letter is equally wide."""
    return sum(map(_width, text))


def cut(text: str, width: int) -> str:
    """`text`, shortened to `width` cells with an ellipsis where it is longer."""
    if cells(text) <= width:
        return text
    return _head(text, width - 1).rstrip() + "…"


def wrap(text: str, width: int, most: int) -> list[str]:
    """The lines of `text` at most `width` cells wide; after `most` lines an ellipsis."""
    wrapped: list[str] = []
    for line in lines(text):
        wrapped += _wrapped(line, width)
        if len(wrapped) > most:
            return [*wrapped[: most - 1], cut(wrapped[most - 1] + " …", width)]
    return wrapped


def _wrapped(line: str, width: int) -> list[str]:
    found: list[str] = []
    for word in line.split():
        if found and cells(found[-1]) + 1 + cells(word) <= width:
            found[-1] += " " + word
            continue
        while cells(word) > width:
            head = _head(word, width) or word[0]
            found.append(head)
            word = word[len(head) :]
        if word:
            found.append(word)
    return found


def _head(text: str, width: int) -> str:
    taken = 0
    for place, letter in enumerate(text):
        taken += _width(letter)
        if taken > width:
            return text[:place]
    return text


def _width(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
