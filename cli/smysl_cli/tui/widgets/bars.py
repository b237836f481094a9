"""The lines at the top and above the prompt: which session, how it goes, how it is asked.

Knows strings; never the daemon.
"""

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from smysl_cli.text import cells, fit


class Bar(Widget):
    """A text at the left, cut where it must be, and one at the right that is kept whole."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._left = ""
        self._right = ""

    def say(self, left: str, right: str = "") -> None:
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render(self) -> Content:
        # when it is drawn, not when it is said: only then its width is known
        width = self.content_size.width
        right = fit(self._right, width)
        left = fit(self._left, max(width - cells(right) - 1, 0))
        return Content(left + " " * max(width - cells(left) - cells(right), 0) + right)


class Tabs(Static):
    """Names of the panes where only one of them has room; a click shows another."""

    NAMES = (("graph", "Thoughts"), ("reader", "Thought"), ("inspector", "Details"))

    def __init__(
        self,
        shown: str,
        names: Sequence[tuple[str, str]] = NAMES,
        hint: str = "h l: others",
    ) -> None:
        self._names = names
        self._hint = hint
        super().__init__(self._line(shown), id="tabs")

    def show(self, shown: str) -> None:
        self.update(self._line(shown), layout=False)

    def _line(self, shown: str) -> str:
        parts = [
            # brackets and not colour alone tell which one is shown
            f"[@click=screen.show_pane('{name}')]"
            + (rf"[b]\[{title}][/b]" if name == shown else f" {title} ")
            + "[/]"
            for name, title in self._names
        ]
        return f"{' '.join(parts)}   {self._hint}"
