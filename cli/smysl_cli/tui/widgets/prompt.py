"""Where a question is written: several lines, Enter sends.

Knows text; posts `Sent`. Keeps no draft itself.
"""

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea


class Prompt(TextArea):
    class Sent(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The person wants to go back to the thoughts."""

    def __init__(self, text: str = "") -> None:
        super().__init__(
            text,
            id="prompt",
            compact=True,
            highlight_cursor_line=False,
            placeholder="Ask a question. Enter sends, Ctrl+J begins a line, Ctrl+G opens $EDITOR.",
        )
        self._how = ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # F6 would select a line here, and leads to the memory everywhere else
        return action != "select_line"

    def entitle(self, how: str) -> None:
        """Say how what is written will be asked."""
        if how != self._how:
            self._how = how
            self.border_title = Content(how).markup  # draws the whole prompt, as it was or not

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        # Textual does not know the sign of this key, and would show what it does elsewhere
        return key == "slash" or super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        match event.key:
            case "enter":
                self.post_message(self.Sent(self.text))
            case "shift+enter" | "ctrl+j" | "alt+enter":
                self.insert("\n")
            case "escape":
                self.post_message(self.Left())
            case _:
                await super()._on_key(event)
                return
        event.stop()
        event.prevent_default()
