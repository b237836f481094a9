"""What a node rests on, inputs first, in the words that were used.

Knows reasons; the one that is chosen is what the session shows next.
"""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from smysl_cli.recalled import reasons
from smysl_cli.text import printable, thoughts
from smysl_cli.tree import SHORT_ID
from smysl_cli.tui.dialogs.base import Dialog
from smysl_cli.tui.model.inspection import pulled
from smysl_cli.tui.model.marks import mark
from smysl_daemon.shapes import ReasonView

REASON = 64
"""Columns in which it is told why a memory fell in."""


class WhyScreen(Dialog[str]):
    def __init__(self, reasons: Sequence[ReasonView]) -> None:
        node = reasons[-1].node
        super().__init__(
            f"{node.kind} {node.id[:SHORT_ID]} rests on {thoughts(len(reasons) - 1)}",
            "Enter goes there, Esc back",
        )
        self.add_class("wide")
        self._reasons = reasons

    def compose(self) -> ComposeResult:
        with self.frame():
            yield OptionList(*(Option(_described(one), id=one.node.id) for one in self._reasons))

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = len(self._reasons) - 1

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)


def _described(reason: ReasonView) -> Content:
    node = reason.node
    state = mark(node)
    words = [f"used as {', '.join(reason.roles)}"] if reason.roles else ["asked about"]
    words += [state.word] if state.word else []
    title = f"{state.sign} {node.kind} {node.id[:SHORT_ID]}  {'; '.join(words)}"
    lines = [Content.styled(title, "bold"), *_indented(node.text)]
    if (pull := pulled(node)) is not None:
        lines.append(Content(f"  strength {pull.strength:.2f}"))
        lines += [Content(f"    {line}") for line in reasons(pull, REASON)]
    for used in reason.used:
        lines += [Content("  what was used said otherwise:"), *_indented(used)]
    if not reason.current and not reason.used:
        lines.append(Content("  has changed since it was used"))
    return Content("\n").join(lines)


def _indented(text: str) -> list[Content]:
    return [Content(f"    {line}") for line in printable(text).splitlines() if line.strip()]
