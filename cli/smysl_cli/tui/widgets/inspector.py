"""Everything about the selected node in two columns.

Knows facts; never nodes.
"""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from smysl_cli.tui.model.inspection import Fact


class Inspector(VerticalScroll, can_focus=True):
    def __init__(self) -> None:
        super().__init__(id="inspector", classes="pane")
        self._facts: Sequence[Fact] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="facts")

    def on_mount(self) -> None:
        self.border_title = "Details"

    def show(self, facts: Sequence[Fact]) -> None:
        if facts == self._facts:
            return
        self._facts = facts
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, style="bold")
        table.add_column(overflow="fold")
        label = ""
        for fact in facts:
            # a label stands once for a run of facts
            table.add_row("" if fact.label == label else fact.label, Text(fact.text))
            label = fact.label
        self.query_one("#facts", Static).update(table)
