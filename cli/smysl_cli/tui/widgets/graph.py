"""The thought graph as a foldable list, drawn a visible line at a time.

Knows a session's rows and marks; posts `Chosen` and changes only the selection and the folds.
Thousands of nodes cost what the lines on screen cost.
"""

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from smysl_cli.deriving import thoughts
from smysl_cli.text import cells, fit
from smysl_cli.tree import KIND_WIDTH, summary
from smysl_cli.tui.model.marks import Mark, mark
from smysl_cli.tui.model.outline import Row
from smysl_cli.tui.model.session import Session
from smysl_daemon.shapes import NodeView

NARROW = 44
"""Below these columns a node's state is told by its sign alone, not by its word, too."""
EMPTY = "Nothing is thought yet. Ask below."


class Graph(ScrollView, can_focus=True):
    COMPONENT_CLASSES = {
        "graph--cursor",
        "graph--source",
        "graph--kind",
        "graph--gutter",
        "graph--plain",
        "graph--faint",
        "graph--good",
        "graph--warn",
        "graph--bad",
        "graph--held",
        "graph--live",
    }

    class Chosen(Message):
        """Another node is selected."""

    def __init__(self, session: Session, *, unicode: bool) -> None:
        super().__init__(id="graph", classes="pane")
        self._session = session
        self._unicode = unicode
        self._tick = 0

    def on_mount(self) -> None:
        self.border_title = "Thoughts"

    def refresh_rows(self, *, turn: bool = False) -> None:
        """The session changed: draw it again, with running marks one step on if `turn`."""
        self._tick += turn
        rows = self._session.outline.rows
        self.virtual_size = Size(self.scrollable_content_region.width, max(len(rows), 1))
        counts = self._session.thoughts.counts()
        words = [thoughts(counts.total)] if counts.total else []
        words += [f"{counts.running} running"] if counts.running else []
        words += [f"{counts.stale} stale"] if counts.stale else []
        words += [f"{counts.held} held"] if counts.held else []
        self.border_subtitle = ", ".join(words)
        self.show_selected()
        self.refresh()

    def show_selected(self) -> None:
        place = self._session.outline.place(self._session.selection.node)
        if place is not None:
            self.scroll_to_region(Region(0, place, 1, 1), animate=False, force=True)

    def move(self, rows: int) -> None:
        self._session.selection.move(rows)
        self.chosen()

    def chosen(self) -> None:
        """The selection or the folds were changed."""
        self.refresh_rows()
        self.post_message(self.Chosen())

    def on_resize(self, event: events.Resize) -> None:
        self.refresh_rows()

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        rows = self._session.outline.rows
        place = at.y + self.scroll_offset.y if at is not None else len(rows)
        if at is None or not 0 <= place < len(rows):
            return
        row = rows[place]
        self._session.selection.choose(row.id)
        if row.foldable and at.x < len(row.gutter) + 2:
            self._session.selection.toggle()
        self.chosen()

    def on_key(self, event: events.Key) -> None:
        page = max(self.scrollable_content_region.height, 2)
        selection = self._session.selection
        match event.key:
            case "down" | "j":
                self.move(1)
            case "up" | "k":
                self.move(-1)
            case "pagedown":
                self.move(page - 1)
            case "pageup":
                self.move(1 - page)
            case "d":
                self.move(page // 2)
            case "u":
                self.move(-(page // 2))
            case "home" | "g":
                selection.first()
                self.chosen()
            case "end" | "G":
                selection.last()
                self.chosen()
            case _:
                return
        event.stop()
        event.prevent_default()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        rows = self._session.outline.rows
        place = y + self.scroll_offset.y
        if not rows and y == 0:
            strip = Strip([Segment(fit(EMPTY, width))]).adjust_cell_length(width)
            return strip.apply_style(self.rich_style)
        if place >= len(rows):
            return Strip.blank(width, self.rich_style)
        row = rows[place]
        strip = Strip(self._segments(row, self._session.thoughts.get(row.id), width))
        strip = strip.adjust_cell_length(width)
        if row.id == self._session.selection.node:
            return strip.apply_style(self.get_component_rich_style("graph--cursor"))
        return strip.apply_style(self.rich_style)

    def _segments(self, row: Row, node: NodeView, width: int) -> list[Segment]:
        style = self.get_component_rich_style
        state = mark(node, tick=self._tick, unicode=self._unicode)
        selected = row.id == self._session.selection.node
        pointer = (">" if not self._unicode else "▌") if selected else self._source(row.id)
        fold = self._fold(row)
        kind = fit(node.kind, KIND_WIDTH)
        left = f"{pointer}{row.gutter}{fold}"
        right = self._right(row, node, state, width)
        taken = cells(left) + 2 + KIND_WIDTH + 1 + (cells(right) + 1 if right else 0)
        text = fit(summary(node), max(width - taken, 4))
        gap = " " * max(width - taken - cells(text), 0)
        tone = style(f"graph--{state.tone}", partial=True)
        return [
            Segment(left, style("graph--gutter", partial=True)),
            Segment(f"{state.sign} ", tone),
            Segment(f"{kind:<{KIND_WIDTH}} ", style("graph--kind", partial=True)),
            Segment(text + gap + " " * bool(right)),
            Segment(right, tone),
        ]

    def _source(self, id: str) -> str:
        """A sign before what the selected node rests on."""
        selected = self._session.selected
        if selected is not None and any(edge.node == id for edge in selected.inputs):
            return "‹" if self._unicode else "<"
        return " "

    def _fold(self, row: Row) -> str:
        if not row.hidden:
            return ""
        return f"▸{row.hidden} " if self._unicode else f"+{row.hidden} "

    def _right(self, row: Row, node: NodeView, state: Mark, width: int) -> str:
        if width < NARROW:
            return ""
        words = [state.word] if state.word else []
        if node.stats.confidence is not None:
            words.append(f"{node.stats.confidence:.2f}")
        return " ".join(words)
