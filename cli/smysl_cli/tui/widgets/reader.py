"""One node's text: as it grows, as written, or as Markdown; what was thought before it folds away.

Knows a node and how to show it; never the graph.
"""

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from smysl_cli.tree import SHORT_ID
from smysl_cli.tui.model.document import document
from smysl_cli.tui.model.marks import remarks
from smysl_cli.tui.model.thinking import Parts, parts
from smysl_daemon.shapes import NodeView

if TYPE_CHECKING:
    from textual.widgets import Markdown

WELCOME = """\
Ask below and watch it become thoughts.

Enter   send
Esc     from the prompt to the thoughts
j k     walk through them
e r     correct one, derive the rest
Ctrl+S  earlier sessions
Ctrl+P  everything there is
F1 ?    all keys

For example:

A shop sells pens for 3 dollars and
books for 12 dollars. Tom buys 4 pens
and 2 books. How much does he pay?
"""


class Fold(Static):
    """A line that says how much is folded away; a click shows it."""

    def on_click(self, event: events.Click) -> None:
        event.stop()
        reader = self.parent
        assert isinstance(reader, Reader)
        reader.toggle_thinking()


class Reader(VerticalScroll, can_focus=True):
    def __init__(self, *, unicode: bool = True) -> None:
        super().__init__(id="reader", classes="pane")
        self._unicode = unicode
        self._node: NodeView | None = None
        self._raw = False
        self._thinking = False
        """What was thought is shown."""
        self._markdown: Markdown | None = None

    def compose(self) -> ComposeResult:
        yield Fold("", id="fold", markup=False)
        yield Static("", id="thinking", markup=False)
        yield Static(WELCOME, id="reader-text", markup=False)

    def on_mount(self) -> None:
        self.border_title = "Thought"
        self._show_thinking(Parts("", "", False))

    def show(self, node: NodeView | None) -> None:
        """Nothing is drawn again for a node that is as it was."""
        if node == self._node and node is not None:
            return
        other = self._node is None or node is None or self._node.id != node.id
        self._node = node
        self._draw()
        if other:
            self.scroll_home(animate=False)
        elif node is not None and node.status == "running":
            self.scroll_end(animate=False)

    def toggle_raw(self) -> None:
        self._raw = not self._raw
        self._draw()

    def toggle_thinking(self) -> bool:
        """Whether there was anything to show or to fold."""
        self._thinking = not self._thinking
        self._draw()
        return self._node is not None and bool(parts(self._node).thought)

    def _draw(self) -> None:
        text = self.query_one("#reader-text", Static)
        node = self._node
        if node is None:
            self.border_title, self.border_subtitle = "Thought", ""
            text.update(Content(WELCOME))
            self._show_thinking(Parts("", "", False))
            self._show_markdown(None)
            return
        self.border_title = f"{node.kind} {node.id[:SHORT_ID]}"
        self.border_subtitle = ", ".join(remarks(node))
        apart = parts(node)
        self._show_thinking(apart)
        shown = document(apart.said, running=node.status == "running")
        note = f"\n\n({shown.cut} more characters; E exports all)" if shown.cut else ""
        if shown.markdown and not self._raw:
            text.update("")
            self._show_markdown(shown.text)
        else:
            said = shown.text + note
            if node.status == "running" and not apart.thinks:
                said += "▍" if self._unicode else "_"
            text.update(Content(said or ("" if apart.thought else "(nothing yet)")))
            self._show_markdown(None)

    def _show_thinking(self, apart: Parts) -> None:
        fold, thinking = self.query_one("#fold", Fold), self.query_one("#thinking", Static)
        fold.display = bool(apart.thought) or apart.thinks
        thinking.display = self._thinking and fold.display
        if not fold.display:
            return
        closed, open = ("▸", "▾") if self._unicode else ("+", "-")
        verb = "thinks" if apart.thinks else "thought"
        does = "folds it away" if self._thinking else "shows them"
        sign = open if self._thinking else closed
        fold.update(Content(f"{sign} {verb}, {apart.words} words: t {does}"))
        if self._thinking:
            shown = document(apart.thought, running=apart.thinks)
            thinking.update(Content(shown.text))

    def _show_markdown(self, source: str | None) -> None:
        if source is None:
            if self._markdown is not None:
                self._markdown.display = False
            self.query_one("#reader-text").display = True
            return
        if self._markdown is None:
            from textual.widgets import Markdown  # 30 ms that most sessions never need

            self._markdown = Markdown(source, open_links=False)
            self.mount(self._markdown)
        else:
            self._markdown.update(source)
        self._markdown.display = True
        self.query_one("#reader-text").display = False

    def on_key(self, event: events.Key) -> None:
        match event.key:
            case "j":
                self.scroll_down(animate=False)
            case "k":
                self.scroll_up(animate=False)
            case "d":
                self.scroll_page_down(animate=False)
            case "u":
                self.scroll_page_up(animate=False)
            case "g":
                self.scroll_home(animate=False)
            case "G":
                self.scroll_end(animate=False)
            case _:
                return
        event.stop()
