"""One node's text: as it grows, as written, or as Markdown; what was thought before it folds away.

Knows a node and how to show it; never the graph.
"""

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Size

from smysl_cli.tree import SHORT_ID
from smysl_cli.tui.model.document import document
from smysl_cli.tui.model.marks import remarks
from smysl_cli.tui.model.thinking import Parts, parts
from smysl_cli.tui.widgets.growing import Growing
from smysl_cli.tui.widgets.passage import Passage
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

A shop sells pens for 3 dollars and books for 12 dollars. Tom buys 4 pens and 2 books. How much does he pay?
"""


class Fold(Passage):
    """A line that says how much is folded away; a click shows it."""

    def on_click(self, event: events.Click) -> None:
        event.stop()
        reader = self.parent
        assert isinstance(reader, Reader)
        reader.toggle_thinking()


class Reader(VerticalScroll, Growing, can_focus=True):
    def __init__(self, *, unicode: bool = True) -> None:
        super().__init__(id="reader", classes="pane")
        self._unicode = unicode
        self._node: NodeView | None = None
        self._raw = False
        self._opened = False
        """What was thought is shown."""
        self._fold = Fold(id="fold")
        self._thinking = Passage(id="thinking")
        self._text = Passage(WELCOME, id="reader-text")
        self._titles = ("Thought", "")
        self._markdown: Markdown | None = None
        self._source: str | None = None
        """What is shown as Markdown."""

    def compose(self) -> ComposeResult:
        self.border_title = "Thought"
        self._fold.display = self._thinking.display = False
        yield from (self._fold, self._thinking, self._text)

    def show(self, node: NodeView | None) -> None:
        """Nothing is drawn again for a node that is as it was."""
        if node == self._node:
            return
        other = self._node is None or node is None or self._node.id != node.id
        running = node is not None and node.status == "running"
        self._node = node
        self._draw()
        if other or not running:
            self.anchor(False)
        if other:
            self.scroll_home(animate=False, immediate=True)
        elif running and not self.is_anchored and self.max_scroll_y:
            # along with what is written, until the person scrolls up
            self.anchor()

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        if self.is_anchored and virtual_size.height <= container_size.height:
            # Textual would hold the end of what has become short at the lower edge
            self.anchor(False)
            self.scroll_home(animate=False, immediate=True)
        return super()._size_updated(size, virtual_size, container_size, layout)

    def toggle_raw(self) -> None:
        self._raw = not self._raw
        self._draw()

    def toggle_thinking(self) -> bool:
        """Whether there was anything to show or to fold."""
        self._opened = not self._opened
        self._draw()
        return self._node is not None and bool(parts(self._node).thought)

    def _draw(self) -> None:
        node = self._node
        if node is None:
            self._entitle("Thought", "")
            self._show_thinking(Parts("", "", False))
            self._show_text(WELCOME)
            return
        self._entitle(f"{node.kind} {node.id[:SHORT_ID]}", ", ".join(remarks(node)))
        apart = parts(node)
        self._show_thinking(apart)
        running = node.status == "running"
        shown = document(apart.said, running=running)
        if shown.markdown and not self._raw:
            self._show_markdown(shown.text)
            return
        note = f"\n\n({shown.cut} more characters; E exports all)" if shown.cut else ""
        grows = running and not apart.thinks
        sign = ("▍" if self._unicode else "_") if grows else ""
        nothing = "" if apart.thought or sign else "(nothing yet)"
        self._show_text(shown.text + note or nothing, sign)

    def _entitle(self, title: str, subtitle: str) -> None:
        # setting them draws the whole border, as it was or not
        if (title, subtitle) != self._titles:
            self._titles = title, subtitle
            self.border_title, self.border_subtitle = title, subtitle

    def _show_thinking(self, apart: Parts) -> None:
        fold, thinking = self._fold, self._thinking
        fold.display = bool(apart.thought) or apart.thinks
        thinking.display = self._opened and fold.display
        if not fold.display:
            return
        closed, open = ("▸", "▾") if self._unicode else ("+", "-")
        verb = "thinks" if apart.thinks else "thought"
        does = "folds it away" if self._opened else "shows them"
        sign = open if self._opened else closed
        fold.show(f"{sign} {verb}, {apart.words} words: t {does}")
        if self._opened:
            thinking.show(document(apart.thought, running=apart.thinks).text)

    def _show_text(self, text: str, sign: str = "") -> None:
        self._text.show(text, sign=sign)
        self._text.display = True
        if self._markdown is not None:
            self._markdown.display = False

    def _show_markdown(self, source: str) -> None:
        if self._markdown is None:
            from textual.widgets import Markdown  # 30 ms that most sessions never need

            self._markdown = Markdown(source, open_links=False)
            self.mount(self._markdown)
        elif source != self._source:
            self._markdown.update(source)
        self._source = source
        self._markdown.display = True
        self._text.display = False

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
