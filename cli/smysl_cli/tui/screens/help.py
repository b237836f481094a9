"""All keys, as they are in force.

Knows the actions; asks nothing.
"""

from collections.abc import Iterator, Mapping

from rich.table import Table
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Static

from smysl_cli.tui.actions import ACTIONS, Where
from smysl_cli.tui.keys import shown_keys, walked
from smysl_cli.tui.screens.base import Page
from smysl_cli.tui.widgets.keyline import KeyLine

WALKING = (
    ("j k, ↓ ↑", "down, up"),
    ("d u", "half a page down, up"),
    ("g G", "to the first; to the last, and along with what arrives"),
    ("Enter", "read the node; in the prompt: send"),
    ("Ctrl+J", "in the prompt: a new line"),
    ("Esc", "back: from the prompt to the thoughts, from a screen to the one before"),
    ("Tab", "to the next part of the screen"),
    ("← ↓ ↑ →, h j k l", "on the memory's map: to the nearest there; with Shift the map is moved"),
    ("Ctrl+P", "everything by name"),
)
SIGNS = (
    ("◐", "running"),
    ("≠", "stale: something it rests on has changed"),
    ("✎ ⚑ ⇄", "held: edited, pinned, taken from another branch"),
    ("✓ ✗", "a check that passed, or not; ✗ also what failed"),
    ("⊘", "cancelled"),
    ("∞", "a memory that fell into the question"),
    ("‹", "what the selected node rests on"),
    ("▸3", "three nodes are folded away here"),
    ("· • ● ◉", "a memory, from light to heavy; ⚑ pinned, × muted"),
    ("◆", "where the words of a question lie among what they pull"),
)


class HelpScreen(Page):
    BINDINGS = [Binding("escape", "app.pop_screen", "back")]

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="page") as page:
            page.border_title = "Keys"
            yield Static(self._table(), classes="page-text")
        yield KeyLine()

    def on_key(self, event: events.Key) -> None:
        page = self.query_one(VerticalScroll)
        if lines := walked(event.key, page.size.height):
            page.scroll_relative(y=lines, animate=False)
        elif event.key == "g":
            page.scroll_home(animate=False)
        elif event.key == "G":
            page.scroll_end(animate=False)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="bold")
        table.add_column()
        for row in rows(self._keys):
            table.add_row(*row)
        return table


def rows(keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is pressed or seen, and what it does or means. The keys of a screen stand together,
    under what opens it."""

    def of(*places: Where) -> Iterator[tuple[str, str]]:
        for action in ACTIONS:
            if action.where in places:
                yield shown_keys(keys[action.name]) or "-", f"{action.help} ({action.name})"

    yield from WALKING
    yield "", ""
    yield from of("session", "everywhere")
    for where in dict.fromkeys(action.where for action in ACTIONS):
        if where not in ("session", "everywhere"):
            yield "", ""
            yield shown_keys(keys[where]) or "-", f"{where}, and there:"
            yield from of(where)
    yield "", ""
    yield from SIGNS
    yield "", ""
    yield "", "Other keys: [tui.keys] in config.toml, by the names in brackets."
