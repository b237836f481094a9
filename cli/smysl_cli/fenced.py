"""Fenced code blocks in a text (CommonMark 0.31, section 4.5).

Pure: text in, text out.
"""

import re

_OPENING = re.compile(r"( {0,3})(`{3,}|~{3,})([^\n]*)")


def first_block(text: str) -> str | None:
    """The content of the first block, without its fences; None where there is none. A block that
    is not closed goes to the end."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        opened = _OPENING.fullmatch(line)
        # an info string after backticks holds none: that is code within a line
        if opened is None or (opened[2][0] == "`" and "`" in opened[3]):
            continue
        indent, fence = len(opened[1]), opened[2]
        closing = re.compile(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*")
        content: list[str] = []
        for inside in lines[start + 1 :]:
            if closing.fullmatch(inside):
                break
            spaces = len(inside) - len(inside.lstrip(" "))
            content.append(inside[min(indent, spaces) :])
        return "\n".join(content)
    return None
