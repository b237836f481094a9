"""What dialogs share: a framed box over the screen, and Esc gives None.

Knows no daemon: a dialog that must ask something is handed a function.
"""

from typing import TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

R = TypeVar("R")


class Dialog(ModalScreen[R | None]):
    """Subclasses give `body`."""

    BINDINGS = [Binding("escape", "leave", "cancel")]

    def __init__(self, title: str, hint: str = "") -> None:
        super().__init__()
        self._title = title
        self._hint = hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = self._hint
            yield from self.body()

    def body(self) -> ComposeResult:
        raise NotImplementedError

    def action_leave(self) -> None:
        self.dismiss(None)


def lines(text: str, **options: str) -> Widget:
    """Text for people, never markup: it may come from a model."""
    return Static(text, markup=False, **options)  # type: ignore[arg-type]
