"""The map of the memory on the screen: zoomed, panned, walked from memory to memory.

Knows a sky and a frame; posts `Chosen`. Draws only what has changed since the last time.
"""

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from smysl_cli.heaviness import legend, words_sign
from smysl_cli.tui.model.atlas import ZOOM_STEP, Atlas, Direction, Frame, View, middle
from smysl_cli.tui.model.canvas import Run
from smysl_cli.tui.model.dossier import EMPTY
from smysl_cli.tui.model.starchart import TONES, Sky, Starchart

if TYPE_CHECKING:
    from textual.geometry import Offset

WIDE = 70
"""Columns from which the title says what the signs are."""
_WALKS: dict[str, Direction] = {
    "left": "left",
    "h": "left",
    "right": "right",
    "l": "right",
    "up": "up",
    "k": "up",
    "down": "down",
    "j": "down",
}
_PANS: dict[str, Direction] = {
    f"{modifier}+{key}": key
    for modifier in ("shift", "ctrl")
    for key in ("left", "right", "up", "down")
}


class Starmap(Widget, can_focus=True):
    COMPONENT_CLASSES = {f"sky--{tone}" for tone in TONES}

    class Chosen(Message):
        """A memory is to be looked at."""

        def __init__(self, memory: str) -> None:
            super().__init__()
            self.memory = memory

    class Read(Message):
        """More is to be read about the chosen one."""

    def __init__(self, *, unicode: bool) -> None:
        super().__init__(id="starmap", classes="pane")
        self._unicode = unicode
        self._chart = Starchart(unicode=unicode)
        self._sky = Sky(Atlas())
        self._view = View()
        self._known = False
        """Whether the memory was read at all."""
        self._picture: list[list[Run]] | None = None

    @property
    def view(self) -> View:
        return self._view

    @property
    def frame(self) -> Frame:
        return Frame(self._view, self.content_size.width, self.content_size.height)

    def show(self, sky: Sky, *, known: bool) -> None:
        """Nothing is drawn again for a sky that is as it was. A chosen memory is brought in sight."""
        if sky == self._sky and known == self._known:
            return
        other = sky.chosen != self._sky.chosen
        self._sky, self._known = sky, known
        if other:
            self._follow()
        self._redraw()

    def _follow(self) -> None:
        point = self._sky.atlas.get(self._sky.chosen or "")
        frame = self.frame
        if point is not None and not frame.holds(frame.spot(point.x, point.y)):
            self._view = self._view.onto(point.x, point.y)

    def _redraw(self) -> None:
        self._picture = None
        self._say()
        self.refresh()

    def _say(self) -> None:
        words = words_sign(unicode=self._unicode)
        signs = f"  {legend(unicode=self._unicode)}, {words} your words"
        self.border_title = "Map" + (signs if self.content_size.width >= WIDE else "")
        atlas = self._sky.atlas
        said = [f"{len(atlas)} of {atlas.total}"] if self._known else []
        said += [f"{self._view.zoom:.1f} times"] if self._view.zoom > 1 else []
        self.border_subtitle = ", ".join(said)

    def on_resize(self) -> None:
        self._redraw()

    # ---------------------------------------------------------------- looking around

    def zoom(self, factor: float, at: "Offset | None" = None) -> None:
        """Around a cell, or the chosen memory, or the middle. A factor of 0 shows everything."""
        x, y = self._view.x, self._view.y
        if at is not None:
            x, y = self.frame.place(middle(at.x, at.y))
        elif (point := self._sky.atlas.get(self._sky.chosen or "")) is not None:
            x, y = point.x, point.y
        self._look(self._view.zoomed(factor, x, y) if factor else View())

    def pan(self, direction: Direction) -> None:
        self._look(self._view.moved(direction))

    def _look(self, view: View) -> None:
        if view != self._view:
            self._view = view
            self._redraw()

    def walk(self, direction: Direction) -> None:
        """To the nearest memory there."""
        frame, atlas = self.frame, self._sky.atlas
        here = self._sky.chosen
        if here is None or here not in atlas:
            found = atlas.nearest(frame, frame.spot(self._view.x, self._view.y))
        else:
            found = atlas.beside(frame, here, direction)
        if found is not None:
            self.post_message(self.Chosen(found))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        found = self._sky.atlas.nearest(self.frame, middle(at.x, at.y))
        if found is not None:
            self.post_message(self.Chosen(found))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.zoom(1 / ZOOM_STEP, event.get_content_offset(self))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.zoom(ZOOM_STEP, event.get_content_offset(self))

    def on_key(self, event: events.Key) -> None:
        if event.key in _WALKS:
            self.walk(_WALKS[event.key])
        elif event.key in _PANS:
            self.pan(_PANS[event.key])
        elif event.key == "enter":
            self.post_message(self.Read())
        else:
            return
        event.stop()
        event.prevent_default()

    # ---------------------------------------------------------------- drawing

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if self._picture is None:
            self._picture = self._drawn()
        if y >= len(self._picture):
            return Strip.blank(width, self.rich_style)
        style = self.get_component_rich_style
        segments = [
            Segment(text, style(f"sky--{tone}") if tone else None)
            for text, tone in self._picture[y]
        ]
        return Strip(segments).adjust_cell_length(width).apply_style(self.rich_style)

    def _drawn(self) -> list[list[Run]]:
        frame = self.frame
        if not len(self._sky.atlas):
            text = EMPTY if self._known else ""
            return [[Run(f" {line}", "label")] for line in text.splitlines()]
        return self._chart.draw(self._sky, frame)
