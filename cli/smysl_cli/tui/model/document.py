"""A node's text for the reader: whether it is Markdown, and how much of it is shown.

Pure. Most thoughts are expressions (`2 * 3 * 4`), which Markdown would spoil: only what has
headings, lists, fences or tables is taken for it.
"""

import re

import msgspec

from smysl_cli.text import printable

SHOWN = 64 * 1024
"""Most characters shown; `export` writes all."""
STEP = SHOWN // 4
"""A running text loses its beginning in pieces of so many: what is shown of it mostly only grows."""
_MARKDOWN = re.compile(r"^(#{1,6} \S|[-*+] \S|\d+[.)] \S|> |```|~~~|\|.*\|\s*$)|\*\*\S", re.M)


class Document(msgspec.Struct, frozen=True):
    text: str
    markdown: bool
    cut: int
    """Characters left out, from the beginning of a running text and the end of a finished one."""


def document(text: str, *, running: bool) -> Document:
    """`text` as it may be shown."""
    cut = max(len(text) - SHOWN, 0)
    if cut and running:
        cut += -cut % STEP
        text = text[cut:]
    elif cut:
        text = text[:SHOWN]
    # a line at a time: those without anything to replace, which are most, are then seen to be so at once
    text = "\n".join(map(printable, text.split("\n")))
    # half a table or fence jumps about while it grows
    markdown = not running and not cut and bool(_MARKDOWN.search(text))
    return Document(text, markdown, cut)
