"""What dialogs share: a framed box over the screen, and Esc gives None.

Knows no daemon: a dialog that must ask something is handed a function.
"""

from pathlib import Path
from typing import TypeVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

R = TypeVar("R")


class Dialog(ModalScreen[R | None]):
    """Subclasses compose themselves inside a `frame`."""

    CSS_PATH = Path(__file__).parents[1] / "dialogs.tcss"
    BINDINGS = [Binding("escape", "leave", "cancel")]

    def __init__(self, title: str, hint: str = "") -> None:
        super().__init__()
        self._title = title
        self._hint = hint

    def frame(self) -> Vertical:
        box = Vertical(classes="dialog")
        # from a model or a file, perhaps: never markup
        box.border_title = Content(self._title).markup
        box.border_subtitle = Content(self._hint).markup
        return box

    def action_leave(self) -> None:
        self.dismiss(None)


def lines(text: str, *, id: str | None = None, classes: str | None = None) -> Static:
    """Text for people, never markup: it may come from a model."""
    return Static(text, markup=False, id=id, classes=classes)
