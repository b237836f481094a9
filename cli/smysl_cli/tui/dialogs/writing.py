"""A text of several lines: a node's new words, or a note. Says what it would touch while typing.

The answer is a `Written` or None; what was typed is kept as a draft until then.
"""

from collections.abc import Awaitable, Callable

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Button, Static, TextArea

from smysl_cli.tui.dialogs.base import Dialog, lines
from smysl_cli.tui.workers import begin

PREVIEW_DELAY_S = 0.3
EMPTY = "a node says something, or is deleted"
Preview = Callable[[str], Awaitable[str]]
"""A line about what a text would touch, or what is wrong with it."""


class Written(msgspec.Struct, frozen=True):
    text: str
    derive: bool


class Writing(Dialog[Written]):
    BINDINGS = [
        Binding("ctrl+s", "keep", "apply", priority=True),
        Binding("ctrl+r", "derive", "apply and derive", priority=True),
        Binding("ctrl+g", "editor", "editor", priority=True),
    ]

    def __init__(
        self,
        title: str,
        text: str,
        *,
        about: str,
        preview: Preview | None = None,
        derives: bool = True,
        empty: str = EMPTY,
        keep_draft: Callable[[str], None],
        edit: Callable[[str], str | None],
    ) -> None:
        """`derives`: what it touches can be derived at once. `empty`: what is said of an empty text."""
        and_derive = ", Ctrl+R and derive" if derives else ""
        super().__init__(title, f"Ctrl+S apply{and_derive}, Ctrl+G editor, Esc leave")
        self._derives = derives
        self._empty = empty
        self._text = text
        self._about = about
        self._preview = preview
        self._keep_draft = keep_draft
        self._edit = edit
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with self.frame():
            yield lines(self._about, classes="about")
            yield TextArea(self._text, id="text", compact=True)
            yield Static("", id="preview", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Apply", id="keep", variant="primary")
                if self._derives:
                    yield Button("Apply and derive", id="derive")
                yield Button("Cancel", id="leave")

    def on_mount(self) -> None:
        area = self.query_one("#text", TextArea)
        area.move_cursor(area.document.end)
        area.focus()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._keep_draft(event.text_area.text)
        if self._preview is None:
            return
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PREVIEW_DELAY_S, self._show_preview)

    def _show_preview(self) -> None:
        begin(self, self._previewed, "preview", latest=True)

    async def _previewed(self) -> None:
        assert self._preview is not None
        text = self.query_one("#text", TextArea).text.strip()
        said = await self._preview(text) if text else self._empty
        self.query_one("#preview", Static).update(said)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        match event.button.id:
            case "keep":
                self.action_keep()
            case "derive":
                self.action_derive()
            case _:
                self.action_leave()

    def action_keep(self) -> None:
        self._done(derive=False)

    def action_derive(self) -> None:
        if self._derives:
            self._done(derive=True)

    def action_editor(self) -> None:
        area = self.query_one("#text", TextArea)
        if (text := self._edit(area.text)) is not None:
            area.text = text

    def _done(self, *, derive: bool) -> None:
        text = self.query_one("#text", TextArea).text.strip()
        if not text:
            self.notify(f"The text is empty; {self._empty}.")
            return
        self.dismiss(Written(text, derive))
