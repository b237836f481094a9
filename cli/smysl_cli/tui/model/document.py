"""A node's text for the reader: whether it is Markdown, and how much of it is shown.

Pure. Most thoughts are expressions (`2 * 3 * 4`), which Markdown would spoil: only what has
headings, lists, fences or tables is taken for it.
"""

import re

import msgspec

from smysl_cli.text import printable

SHOWN = 64 * 1024
"""Most characters shown; `export` writes all."""
_MARKDOWN = re.compile(r"^(#{1,6} \S|[-*+] \S|\d+[.)] \S|> |```|~~~|\|.*\|\s*$)|\*\*\S", re.M)


class Document(msgspec.Struct, frozen=True):
    text: str
    markdown: bool
    cut: int
    """Characters left out, from the beginning of a running text and the end of a finished one."""


def document(text: str, *, running: bool) -> Document:
    text = printable(text)
    cut = max(len(text) - SHOWN, 0)
    if cut:
        text = text[-SHOWN:] if running else text[:SHOWN]
    # half a table or fence jumps about while it grows
    markdown = not running and not cut and bool(_MARKDOWN.search(text))
    return Document(text, markdown, cut)
