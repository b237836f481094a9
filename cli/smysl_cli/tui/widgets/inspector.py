"""Everything about the selected node in two columns.

Knows facts; never nodes.
"""

from collections.abc import Sequence
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Region, Size
from textual.strip import Strip

from smysl_cli.text import cells
from smysl_cli.tui.model.inspection import Fact
from smysl_cli.tui.model.wrapping import folded
from smysl_cli.tui.widgets.growing import Growing

LABELS = Style(bold=True)


class Facts(Growing):
    """Labels at the left, each once for a run of facts, and what is said of them beside."""

    def __init__(self) -> None:
        super().__init__(id="facts")
        self._facts: tuple[Fact, ...] = ()
        self._style = Style()

    def show(self, facts: Sequence[Fact]) -> None:
        facts = tuple(facts)
        if facts != self._facts:
            width = self.content_size.width
            as_high = width and len(_lines(facts, width)) == len(_lines(self._facts, width))
            self._facts = facts
            self.refresh(layout=not as_high)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(_lines(self._facts, width))

    def render_lines(self, crop: Region) -> list[Strip]:
        self._style = self.visual_style.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        lines = _lines(self._facts, width)
        if y >= len(lines):
            return Strip.blank(width, self._style)
        label, text = lines[y]
        segments = [Segment(label, self._style + LABELS), Segment(text, self._style)]
        return Strip(segments).adjust_cell_length(width, self._style)


@lru_cache(maxsize=4)
def _lines(facts: tuple[Fact, ...], width: int) -> list[tuple[str, str]]:
    column = max((cells(fact.label) for fact in facts), default=0) + 1
    lines: list[tuple[str, str]] = []
    before = ""
    for fact in facts:
        label = "" if fact.label == before else fact.label
        before = fact.label
        for text in folded(fact.text, width - column):
            lines.append((label + " " * (column - cells(label)), text))
            label = ""
    return lines


class Inspector(VerticalScroll, Growing, can_focus=True):
    def __init__(self) -> None:
        super().__init__(id="inspector", classes="pane")
        self._facts = Facts()

    def compose(self) -> ComposeResult:
        self.border_title = "Details"
        yield self._facts

    def show(self, facts: Sequence[Fact]) -> None:
        self._facts.show(facts)
