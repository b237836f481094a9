"""Lines of which some lead somewhere: walked with keys or the mouse, drawn a visible one at a time.

Knows lines and where they lead; never memories. Posts `Highlighted` when another target is at the
cursor, and `Went` when it is chosen. Thousands of lines cost what those on screen cost.
"""

from collections.abc import Callable, Sequence

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from smysl_cli.tui.keys import walked
from smysl_cli.tui.model.dossier import Line, Target
from smysl_cli.tui.model.starchart import TONES

Build = Callable[[int], list[Line]]
"""Lines for a width in columns."""


class Lines(ScrollView, can_focus=True):
    COMPONENT_CLASSES = {f"sky--{tone}" for tone in TONES}

    class Highlighted(Message):
        def __init__(self, lines: "Lines", target: Target) -> None:
            super().__init__()
            self.lines = lines
            self.target = target

        @property
        def control(self) -> "Lines":
            return self.lines

    class Went(Highlighted):
        """Enter, or a click."""

    def __init__(self, id: str, title: str, *, reads: bool, unicode: bool = True) -> None:
        """`reads`: there is more than targets to be seen, and keys walk over it, too."""
        super().__init__(id=id, classes="pane")
        self.border_title = title
        self._reads = reads
        self._unicode = unicode
        self._what: object = None
        self._build: Build = lambda width: []
        self._lines: list[Line] = []
        self._starts: list[int] = []
        """Rows at which another target begins."""
        self._at: Target | None = None

    @property
    def at(self) -> Target | None:
        """The target at the cursor."""
        return self._at

    def show(self, what: object, build: Build, at: Target | None = None) -> None:
        """The lines of something; they are built again only if it is another one than before. The
        cursor goes to `at`, or stays at its target where that is still there."""
        self._build = build
        if what != self._what:
            self._what = what
            self._at = at or self._at
            self._rebuild()
        elif at is not None:
            self.put_cursor(at)

    def entitle(self, title: str, subtitle: str) -> None:
        # either one draws the border again, even when it is the same
        if title != self.border_title:
            self.border_title = title
        if subtitle != self.border_subtitle:
            self.border_subtitle = subtitle

    def put_cursor(self, at: Target | None) -> None:
        """No message is posted: whoever moves it knows."""
        if at != self._at:
            self._at = at
            self._show_cursor()
            self.refresh()

    def _rebuild(self) -> None:
        # a column for the pointer, and one for the scroll bar, so that it changes nothing when it comes
        width = max(self.content_size.width - 2, 8)
        lines = self._build(width)
        if lines != self._lines:
            self._lines = lines
            self._starts = [
                row
                for row, line in enumerate(lines)
                if line.target is not None and (not row or lines[row - 1].target != line.target)
            ]
            self.virtual_size = Size(width, max(len(lines), 1))
            self.refresh()
        targets = [self._lines[row].target for row in self._starts]
        if self._at not in targets:
            self._at = targets[0] if targets else None
        self._show_cursor()

    def _place(self) -> int | None:
        """Which of the targets the cursor is at."""
        for place, row in enumerate(self._starts):
            if self._lines[row].target == self._at:
                return place
        return None

    def _show_cursor(self) -> None:
        place = self._place()
        if place is not None and place:
            row = self._starts[place]
            rows = sum(line.target == self._at for line in self._lines[row : row + 2])
            self.scroll_to_region(Region(0, row, 1, rows), animate=False, force=True)
        elif place == 0:
            # what stands above the first one is read from its beginning
            height = max(self.scrollable_content_region.height, 1)
            if self._starts[0] < height:
                self.scroll_to(y=0, animate=False, force=True)

    def move(self, steps: int) -> None:
        """Over targets; where there is more to read, over lines until one is in sight."""
        wanted = self._step(steps)
        if wanted is None:
            self.scroll_to(y=self.scroll_offset.y + steps, animate=False, force=True)
        else:
            self._highlight(wanted)

    def _step(self, steps: int) -> int | None:
        """The target to go to; None where lines are walked over instead."""
        place = self._place()
        if place is None:
            return None
        last = len(self._starts) - 1
        if not self._reads:
            return min(max(place + steps, 0), last)
        top = self.scroll_offset.y
        sight = range(top, top + max(self.scrollable_content_region.height, 1))
        seen = [other for other, row in enumerate(self._starts) if row in sight]
        if abs(steps) > 1 or not seen:
            return None
        if place not in seen:
            return seen[0] if steps > 0 else seen[-1]
        return place + steps if place + steps in seen else None

    def _highlight(self, place: int) -> None:
        target = self._lines[self._starts[place]].target
        assert target is not None
        self.put_cursor(target)
        self.post_message(self.Highlighted(self, target))

    def on_resize(self) -> None:
        self._rebuild()

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        row = at.y + self.scroll_offset.y
        if 0 <= row < len(self._lines) and (target := self._lines[row].target) is not None:
            self.put_cursor(target)
            self.post_message(self.Went(self, target))

    def on_key(self, event: events.Key) -> None:
        lines = walked(event.key, self.scrollable_content_region.height)
        match event.key:
            case _ if lines:
                self.move(lines)
            case "home" | "g":
                self.scroll_home(animate=False)
                if self._starts:
                    self._highlight(0)
            case "end" | "G":
                self.scroll_end(animate=False)
                if self._starts:
                    self._highlight(len(self._starts) - 1)
            case "enter":
                if self._at is not None:
                    self.post_message(self.Went(self, self._at))
            case _:
                return
        event.stop()
        event.prevent_default()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = y + self.scroll_offset.y
        if row >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[row]
        here = line.target is not None and line.target == self._at
        pointer = (("▌" if self._unicode else ">") if here else " ") if self._starts else " "
        if here and (self.has_focus or not self._reads):
            said = pointer + "".join(text for text, _ in line.runs)
            strip = Strip([Segment(said)]).adjust_cell_length(width)
            return strip.apply_style(self.get_component_rich_style("sky--chosen"))
        strip = Strip([Segment(pointer), *self._segments(line.runs)]).adjust_cell_length(width)
        return strip.apply_style(self.rich_style)

    def _segments(self, runs: Sequence[tuple[str, str]]) -> list[Segment]:
        style = self.get_component_rich_style
        return [Segment(text, style(f"sky--{tone}")) for text, tone in runs]

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
