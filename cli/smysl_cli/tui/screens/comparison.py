"""Two branches side by side.

Knows differences; asks nothing.
"""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll

from smysl_cli.text import thoughts
from smysl_cli.tui.dialogs.base import lines
from smysl_cli.tui.model.comparison import pairs
from smysl_cli.tui.screens.base import Page
from smysl_cli.tui.widgets.keyline import KeyLine
from smysl_daemon.shapes import DifferenceView

SHOWN = 300
"""Most differences drawn; `smysl diff` lists all."""


class ComparisonScreen(Page):
    BINDINGS = [Binding("escape,D", "app.pop_screen", "back")]

    def __init__(self, differences: Sequence[DifferenceView], a: str, b: str) -> None:
        super().__init__()
        self._pairs = pairs(differences, a, b)
        self._a, self._b = a, b

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="page") as page:
            page.border_title = f"{self._a} | {self._b}"
            page.border_subtitle = f"{thoughts(len(self._pairs))} differ"
            for pair in self._pairs[:SHOWN]:
                with Vertical(classes="pair"):
                    yield lines(pair.title, classes="pair-title")
                    with Horizontal(classes="sides"):
                        yield lines(f"- {pair.left}", classes="side")
                        yield lines(f"+ {pair.right}", classes="side")
            if len(self._pairs) > SHOWN:
                yield lines(f"and {len(self._pairs) - SHOWN} more; `smysl diff` lists all")
        yield KeyLine()
