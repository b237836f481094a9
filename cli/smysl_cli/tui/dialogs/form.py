"""A few short fields at once: names, seeds, budgets, files, choices from a list.

The answer is what was typed by field, or None. A field that is wrong is named before it is sent.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Select, Static

from smysl_cli.tui.dialogs.base import Dialog, lines

Values = Mapping[str, str]
Check = Callable[[Values], str]
"""What is wrong, or an empty text."""


class Field(msgspec.Struct, frozen=True):
    name: str
    label: str
    value: str = ""
    hint: str = ""
    choices: Sequence[str] = ()
    """A list to choose from instead of a line to write on."""
    empty: str = "as before"
    """What an empty choice is called."""


class Form(Dialog[dict[str, str]]):
    def __init__(
        self, title: str, fields: Sequence[Field], *, ok: str, check: Check | None = None
    ) -> None:
        super().__init__(title, "Enter apply, Tab next field, Esc leave")
        self._fields = fields
        self._ok = ok
        self._check = check

    def compose(self) -> ComposeResult:
        with self.frame():
            with VerticalScroll(classes="fields", can_focus=False):
                for field in self._fields:
                    with Horizontal(classes="field"):
                        yield lines(field.label, classes="label")
                        if field.choices:
                            yield Select(
                                [(one or field.empty, one) for one in field.choices],
                                value=field.value,
                                allow_blank=False,
                                id=field.name,
                                compact=True,
                            )
                        else:
                            yield Input(
                                field.value, placeholder=field.hint, id=field.name, compact=True
                            )
            yield lines("", id="wrong")
            with Horizontal(classes="buttons"):
                yield Button(self._ok, id="ok", variant="primary")
                yield Button("Cancel", id="leave")

    def on_mount(self) -> None:
        self.query("Input, Select").first().focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._done()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "ok":
            self._done()
        else:
            self.action_leave()

    def _done(self) -> None:
        values = {field.name: self._value(field) for field in self._fields}
        wrong = self._check(values) if self._check is not None else ""
        if wrong:
            self.query_one("#wrong", Static).update(Content(wrong))
            return
        self.dismiss(values)

    def _value(self, field: Field) -> str:
        if field.choices:
            return str(self.query_one(f"#{field.name}", Select).value)
        return self.query_one(f"#{field.name}", Input).value.strip()
