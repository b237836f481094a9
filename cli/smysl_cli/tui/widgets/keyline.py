"""The last line: the keys that do something now; a click presses one.

Knows bindings; never what they do. One widget and not one for each key: they would be half of what
the first paint has to place, and be made anew whenever the focus changes.
"""

from typing import NamedTuple

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.keys import key_to_character
from textual.screen import Screen
from textual.widget import Widget

from smysl_cli.text import cells, fit
from smysl_cli.tui.actions import ACTIONS
from smysl_cli.tui.keys import NO_KEY

GAP = "  "
"""Without it a key seems to belong to the word before it."""
_PLACES = {
    one.name: (one.where == "everywhere", place) for place, one in enumerate(ACTIONS, start=1)
}


class Entry(NamedTuple):
    key: str
    shown: str
    title: str

    @property
    def width(self) -> int:
        return cells(f"{self.shown} {self.title}")


class KeyLine(Widget):
    def __init__(self) -> None:
        super().__init__(id="keys")
        self._entries: list[Entry] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        end = 0
        for one in self._fitting():
            end += one.width + len(GAP)
            if event.x < end:
                self.app.simulate_key(one.key)
                return

    def render(self) -> Content:
        parts = [
            Content.assemble((one.shown, "bold $footer-key-foreground"), " ", one.title)
            for one in self._fitting()
        ]
        return Content(GAP).join(parts)

    def _changed(self, screen: Screen[object]) -> None:
        # while the terminal is not looked at nothing has the focus, and all keys would seem to work
        if not self.app.app_focus:
            return
        entries = [
            Entry(one.key, self.app.get_key_display(one), one.description) for one in self._shown()
        ]
        if entries != self._entries:
            self._entries = entries
            self.refresh()

    def _fitting(self) -> list[Entry]:
        """What has no room is left out, but never the last one, which is how to find the others."""
        if not self._entries:
            return []
        *entries, last = self._entries
        room = self.content_size.width - last.width
        found = []
        for one in entries:
            if one.width + len(GAP) <= room:
                found.append(one)
                room -= one.width + len(GAP)
        return [*found, last._replace(title=fit(last.title, max(last.width + room, 0)))]

    def _shown(self) -> list[Binding]:
        """Each action once, those of the screen first."""
        focused = self.screen.focused
        found: dict[str, Binding] = {}
        for active in self.screen.active_bindings.values():
            one = active.binding
            if not one.show or one.key == NO_KEY or one.action in found:
                continue
            # a keymap brings keys back that the focused widget takes for itself
            if (
                focused is None
                or one.priority
                or not focused.check_consume_key(one.key, key_to_character(one.key))
            ):
                found[one.action] = one
        return sorted(found.values(), key=lambda one: _PLACES.get(one.id or "", (False, 0)))
