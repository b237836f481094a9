"""The thought graph as a foldable list, drawn a visible line at a time.

Knows a session's rows and marks; posts `Chosen` and changes only the selection and the folds.
Thousands of nodes cost what the lines on screen cost.
"""

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from smysl_cli.text import cells, fit, thoughts
from smysl_cli.tree import KIND_WIDTH, summary
from smysl_cli.tui.keys import walked
from smysl_cli.tui.model.marks import Mark, mark
from smysl_cli.tui.model.outline import Row
from smysl_cli.tui.model.session import Session
from smysl_daemon.shapes import NodeView

NARROW = 44
"""Below these columns a node's state is told by its sign alone, not by its word, too."""
STRIPS = 500
"""Most lines that are kept as they were drawn."""
LOOKED_AT = 1000
"""Characters of a text that its line is made of; a running one may have gained thousands."""
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
        self._faces: list[object] = []
        """Of the lines on the screen, as they were when the session was last looked at."""
        self._said = ""
        self._plain = Style()
        self._strips: dict[str, tuple[object, Strip]] = {}
        """By node, what its line was drawn from, and the line: one that only moves is not made anew."""

    def on_mount(self) -> None:
        self.border_title = "Thoughts"

    def refresh_rows(self, *, turn: bool = False) -> None:
        """The session changed: draw the lines that are no longer as they were, with running marks
        one step on if `turn`."""
        self._tick += turn
        rows = self._session.outline.rows
        # of no width: it is never scrolled sideways, and another width would be another layout
        self.virtual_size = Size(0, max(len(rows), 1))
        counts = self._session.thoughts.counts()
        words = [thoughts(counts.total)] if counts.total else []
        words += [f"{counts.running} running"] if counts.running else []
        words += [f"{counts.stale} stale"] if counts.stale else []
        words += [f"{counts.held} held"] if counts.held else []
        if (said := ", ".join(words)) != self._said:
            self._said = said
            self.border_subtitle = said  # draws the whole border, as it was or not
        self.show_selected()
        self._refresh_changed()

    def _refresh_changed(self) -> None:
        width, height = self.scrollable_content_region.size
        faces = [self._face(y) for y in range(height)]
        before, self._faces = self._faces, faces
        if len(faces) != len(before):
            self.refresh()
            return
        changed = [Region(0, y, width, 1) for y in range(height) if faces[y] != before[y]]
        if changed:
            self.refresh(*changed)

    def _face(self, y: int) -> object:
        """Everything that a line of the screen is drawn from, its width apart."""
        rows = self._session.outline.rows
        place = y + self.scroll_offset.y
        if place >= len(rows):
            return bool(rows)
        row = rows[place]
        node = self._session.thoughts.get(row.id)
        tick = self._tick if node.status in ("running", "pending") else 0
        return row, node, tick, self._pointer(row.id)

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
        selection = self._session.selection
        lines = walked(event.key, self.scrollable_content_region.height)
        match event.key:
            case _ if lines:
                self.move(lines)
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

    def render_lines(self, crop: Region) -> list[Strip]:
        self._plain = self.rich_style
        if len(self._strips) > STRIPS:
            self._strips.clear()
        return super().render_lines(crop)

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        rows = self._session.outline.rows
        place = y + self.scroll_offset.y
        if not rows and y == 0:
            strip = Strip([Segment(fit(EMPTY, width))]).adjust_cell_length(width)
            return strip.apply_style(self._plain)
        if place >= len(rows):
            return Strip.blank(width, self._plain)
        row = rows[place]
        face = self._face(y), width, self._plain
        drawn = self._strips.get(row.id)
        if drawn is None or drawn[0] != face:
            drawn = self._strips[row.id] = face, self._line(row, width)
        return drawn[1]

    def _line(self, row: Row, width: int) -> Strip:
        strip = Strip(self._segments(row, self._session.thoughts.get(row.id), width))
        strip = strip.adjust_cell_length(width)
        if row.id == self._session.selection.node:
            return strip.apply_style(self.get_component_rich_style("graph--cursor"))
        return strip.apply_style(self._plain)

    def _segments(self, row: Row, node: NodeView, width: int) -> list[Segment]:
        style = self.get_component_rich_style
        state = mark(node, tick=self._tick, unicode=self._unicode)
        fold = self._fold(row)
        kind = fit(node.kind, KIND_WIDTH)
        left = f"{self._pointer(row.id)}{row.gutter}{fold}"
        right = self._right(row, node, state, width)
        taken = cells(left) + 2 + KIND_WIDTH + 1 + (cells(right) + 1 if right else 0)
        text = fit(_beginning(node), max(width - taken, 4))
        gap = " " * max(width - taken - cells(text), 0)
        tone = style(f"graph--{state.tone}", partial=True)
        return [
            Segment(left, style("graph--gutter", partial=True)),
            Segment(f"{state.sign} ", tone),
            Segment(f"{kind:<{KIND_WIDTH}} ", style("graph--kind", partial=True)),
            Segment(text + gap + " " * bool(right)),
            Segment(right, tone),
        ]

    def _pointer(self, id: str) -> str:
        """A sign before the selected node and what it rests on."""
        if id == self._session.selection.node:
            return "▌" if self._unicode else ">"
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


def _beginning(node: NodeView) -> str:
    """What a node says, as far as a line may show it."""
    if len(node.text) > LOOKED_AT:
        node = msgspec.structs.replace(node, text=node.text[:LOOKED_AT])
    return summary(node)
