"""A text in lines, which may grow: only the lines that it gains are wrapped and drawn.

Knows text; never nodes. What is marked with the mouse in it can be copied.
"""

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.selection import Selection
from textual.strip import Strip

from smysl_cli.tui.model.wrapping import Line, Wrapped
from smysl_cli.tui.widgets.growing import Growing

STRIPS = 500
"""Most lines that are kept as they were drawn."""


class Passage(Growing):
    def __init__(self, text: str = "", *, id: str) -> None:
        super().__init__(id=id)
        self._text = text
        self._sign = ""
        self._wrapped = Wrapped()
        self._style = Style()
        self._strips: dict[Line, tuple[object, Strip]] = {}
        """By line, how it was drawn, and the strip: one that only moves is not made anew."""

    @property
    def text(self) -> str:
        return self._text

    def show(self, text: str, *, sign: str = "") -> None:
        """`sign` stands behind the last word, and belongs to no line."""
        if (text, sign) == (self._text, self._sign):
            return
        self._text, self._sign = text, sign
        lines, width = len(self._wrapped.lines), self.content_size.width
        first = max(min(self._wrapped.set(text, width), lines - 1), 0) if width else 0
        drawn = len(self._wrapped.lines)
        if not width or drawn != lines:
            self.refresh(layout=True)
        else:
            self.refresh(Region(0, first, width, drawn - first))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        self._wrapped.set(self._text, width)
        return len(self._wrapped.lines)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract(self._wrapped.text), "\n"

    def render_lines(self, crop: Region) -> list[Strip]:
        # a height that was asked for once at this width is remembered, and not asked for again
        self._wrapped.set(self._text, self.content_size.width)
        self._style = self.visual_style.rich_style
        if len(self._strips) > STRIPS:
            self._strips.clear()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width, lines = self.content_size.width, self._wrapped.lines
        if y >= len(lines):
            return Strip.blank(width, self._style)
        line = lines[y]
        said = line.text + self._sign if y == len(lines) - 1 else line.text
        selection = self.text_selection
        span = selection.get_span(line.paragraph) if selection is not None else None
        face = said, span, width, self._style
        drawn = self._strips.get(line)
        if drawn is None or drawn[0] != face:
            drawn = self._strips[line] = face, self._line(line, said, span)
        return drawn[1]

    def _line(self, line: Line, said: str, span: tuple[int, int] | None) -> Strip:
        """`span` is marked: from where to where in its paragraph, or to its end."""
        width = self.content_size.width
        segments = [Segment(said, self._style)]
        if span is not None:
            start, end = (max(at - line.start, 0) for at in span)
            end = len(said) if span[1] == -1 else end
            marked = self._style + self.screen.get_component_rich_style("screen--selection")
            segments = [
                Segment(said[:start], self._style),
                Segment(said[start:end], marked),
                Segment(said[end:], self._style),
            ]
        strip = Strip(segments).adjust_cell_length(width, self._style)
        return strip.apply_offsets(line.start, line.paragraph)
