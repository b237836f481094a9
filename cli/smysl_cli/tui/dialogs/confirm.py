"""A question with yes or no; the answer is `True` or None."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button

from smysl_cli.tui.dialogs.base import Dialog, lines


class Confirm(Dialog[bool]):
    BINDINGS = [
        Binding("y", "yes", "yes"),
        Binding("n", "leave", "no"),
        Binding("left,right", "other", show=False),
    ]

    def __init__(
        self, title: str, said: str, *, yes: str, detail: Sequence[str] = (), danger: bool = False
    ) -> None:
        super().__init__(title, "y yes, n or Esc no")
        self._said = said
        self._yes = yes
        self._detail = detail
        self._danger = danger

    def compose(self) -> ComposeResult:
        with self.frame():
            yield lines(self._said)
            if self._detail:
                with VerticalScroll(classes="detail", can_focus=False):
                    yield lines("\n".join(self._detail))
            with Horizontal(classes="buttons"):
                yield Button(self._yes, id="yes", variant="error" if self._danger else "primary")
                yield Button("No", id="no")

    def on_mount(self) -> None:
        # what cannot be undone is not one careless Enter away
        self.query_one("#no" if self._danger else "#yes").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(True if event.button.id == "yes" else None)

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_other(self) -> None:
        self.focus_next()
