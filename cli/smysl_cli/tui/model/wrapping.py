"""A text in lines of a width. One that grows is not wrapped anew for every word that it gains.

Pure. Lines are as long as they can be; what is ahead of the last one never changes when text is
added, so a stream of tokens costs what its last line costs.
"""

from typing import NamedTuple

from smysl_cli.text import cells

TAB = 8


class Line(NamedTuple):
    text: str
    paragraph: int
    """The number of the line of the text that it is a part of."""
    start: int
    """Where in that it begins, in characters."""


class Wrapped:
    """The last text that was set, in lines, of which an empty one has one."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._text = ""
        self._width = 0
        self._last = 0
        """Where in the text the paragraph of the last line begins."""

    @property
    def text(self) -> str:
        """As its lines have it: with spaces for tabs."""
        return "\n".join(paragraph.expandtabs(TAB) for paragraph in self._text.split("\n"))

    def set(self, text: str, width: int) -> int:
        """Returns the number of the first line that differs from before. Of lines of no width, each
        holds one character."""
        width = max(width, 1)
        if (text, width) == (self._text, self._width):
            return len(self.lines)
        grown = width == self._width and bool(self.lines) and text.startswith(self._text)
        first = len(self.lines) - 1 if grown else 0
        paragraph, start = self.lines[first][1:] if grown else (0, 0)
        begins = self._last if grown else 0
        del self.lines[first:]
        self._text, self._width, self._last = text, width, begins
        for place, said in enumerate(text[begins:].split("\n")):
            if place:
                paragraph, start = paragraph + 1, 0
                self._last = begins
            begins += len(said) + 1
            self._fold(said.expandtabs(TAB), paragraph, start)
        return first

    def _fold(self, said: str, paragraph: int, start: int) -> None:
        """The lines of a paragraph from `start` on."""
        if not said:
            self.lines.append(Line("", paragraph, 0))
        while start < len(said):
            end, after = _line(said, start, self._width)
            self.lines.append(Line(said[start:end], paragraph, start))
            start = after


def _line(said: str, start: int, width: int) -> tuple[int, int]:
    """Where a line that begins at `start` ends, and where the next one begins."""
    limit = _room(said, start, width)
    if limit == len(said):
        return limit, limit
    end = said.rfind(" ", start + 1, limit + 1)
    if end <= start or not said[start:end].strip():
        end = limit  # a word that is longer than a line
    after = end
    while after < len(said) and said[after] == " ":
        after += 1
    return end, after


def _room(said: str, start: int, width: int) -> int:
    """How far a line can reach, one character at least."""
    piece = said[start : start + width]
    if piece.isascii():
        return start + len(piece)
    at, taken = start, 0
    while at < len(said) and (taken := taken + cells(said[at])) <= width:
        at += 1
    return max(at, start + 1)


def folded(text: str, width: int) -> list[str]:
    """The lines of a text that does not grow."""
    found = Wrapped()
    found.set(text, width)
    return [line.text for line in found.lines]
