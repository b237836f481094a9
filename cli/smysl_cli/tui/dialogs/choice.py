"""One of several things in a list; the answer is its name, or None."""

from collections.abc import Sequence
from typing import NamedTuple

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from smysl_cli.tui.dialogs.base import Dialog


class Item(NamedTuple):
    name: str
    text: str


class Choice(Dialog[str]):
    def __init__(self, title: str, items: Sequence[Item], *, at: str | None = None) -> None:
        super().__init__(title, "Enter choose, Esc leave")
        self._items = items
        self._at = at

    def compose(self) -> ComposeResult:
        with self.frame():
            yield OptionList(*(Option(Content(item.text), id=item.name) for item in self._items))

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        names = [item.name for item in self._items]
        options.highlighted = names.index(self._at) if self._at in names else 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)
