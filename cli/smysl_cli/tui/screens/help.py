"""All keys, as they are in force.

Knows the actions; asks nothing.
"""

from collections.abc import Mapping

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static

from smysl_cli.tui.actions import ACTIONS, shown_keys
from smysl_cli.tui.screens.base import Page

WALKING = (
    ("j k, ↓ ↑", "down, up"),
    ("d u", "half a page down, up"),
    ("g G", "to the first; to the last, and along with what arrives"),
    ("Enter", "read the node; in the prompt: send"),
    ("Ctrl+J", "in the prompt: a new line"),
    ("Esc", "back: from the prompt to the thoughts, from a screen to the one before"),
    ("Tab", "to the next part of the screen"),
    ("Ctrl+P", "everything by name"),
)
SIGNS = (
    ("◐", "running"),
    ("≠", "stale: something it rests on has changed"),
    ("✎ ⚑ ⇄", "held: edited, pinned, taken from another branch"),
    ("✓ ✗", "a check that passed, or not; ✗ also what failed"),
    ("⊘", "cancelled"),
    ("‹", "what the selected node rests on"),
    ("▸3", "three nodes are folded away here"),
)


class HelpScreen(Page):
    BINDINGS = [Binding("escape,question_mark,f1", "app.pop_screen", "back")]

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="page") as page:
            page.border_title = "Keys"
            yield Static(self._table(), classes="page-text")
        yield Footer(show_command_palette=False, compact=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="bold")
        table.add_column()
        for keys, said in WALKING:
            table.add_row(keys, said)
        table.add_row("", "")
        for action in ACTIONS:
            keys = shown_keys(self._keys[action.name]) or "-"
            table.add_row(keys, f"{action.help} ({action.name})")
        table.add_row("", "")
        for sign, said in SIGNS:
            table.add_row(sign, said)
        table.add_row("", "")
        table.add_row("", "Other keys: [tui.keys] in config.toml, by the names in brackets.")
        return table
