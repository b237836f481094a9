"""What is drawn while text and nodes arrive: the lines that change, and no others."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.geometry import Offset
from textual.screen import Screen

from smysl_cli.tui.model.inspection import Fact, inspect
from smysl_cli.tui.model.session import Session
from smysl_cli.tui.widgets.graph import Graph
from smysl_cli.tui.widgets.inspector import Facts, Inspector
from smysl_cli.tui.widgets.passage import Passage
from smysl_cli.tui.widgets.reader import Reader
from smysl_daemon.protocol import NodeDelta, NodeFinished, NodeStarted, RunEvent
from smysl_daemon.shapes import EdgeView, NodeView


class Panes(App[None]):
    """The three panes over a session, without a daemon."""

    CSS = "#reader-text, #facts, #thinking, #fold { height: auto; } Graph, Reader, Inspector { width: 30; }"

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.graph = Graph(self.session, unicode=True)
        self.reader = Reader()
        self.inspector = Inspector()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield from (self.graph, self.reader, self.inspector)

    def take(self, *events: RunEvent) -> None:
        self.session.take(events)
        self.graph.refresh_rows(turn=True)
        self.reader.show(self.session.selected)
        if self.session.selected is not None:
            self.inspector.show(inspect(self.session.selected, self.session.thoughts))


async def drawn(app: App[None]) -> None:
    """Until nothing is left to be laid out or drawn."""
    screen, quiet = app.screen, 0
    while quiet < 3:
        await asyncio.sleep(0.02)
        left = screen._layout_required or screen._scroll_required or screen._repaint_required
        quiet = 0 if left or screen._dirty_widgets or screen._callbacks else quiet + 1


def question() -> NodeView:
    return NodeView(id="q", kind="question", text="how?")


def running(id: str = "plan") -> NodeView:
    return NodeView(id=id, kind="plan", text="", status="running", inputs=(EdgeView("q", "q"),))


def words(number: int, piece: str = "word ") -> list[RunEvent]:
    return [NodeDelta(node="plan", text=piece) for _ in range(number)]


async def test_a_stream_draws_the_line_of_its_node_and_the_lines_that_it_gains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: Counter[object] = Counter()
    line, passage, facts = Graph._line, Passage._line, Facts.render_line

    def in_graph(self: Graph, row: Any, width: int) -> Any:
        made[row.id] += 1
        return line(self, row, width)

    def in_passage(self: Passage, *args: Any) -> Any:
        made["text"] += 1
        return passage(self, *args)

    def in_facts(self: Facts, y: int) -> Any:
        made["facts"] += 1
        return facts(self, y)

    monkeypatch.setattr(Graph, "_line", in_graph)
    monkeypatch.setattr(Passage, "_line", in_passage)
    monkeypatch.setattr(Facts, "render_line", in_facts)
    app = Panes()
    async with app.run_test(size=(90, 20)):
        app.take(NodeStarted(node=question()), NodeStarted(node=running()), *words(3))
        await drawn(app)
        made.clear()
        for _ in range(20):
            app.take(*words(5))
            await drawn(app)
        assert made["q"] == 0 and made["facts"] == 0
        assert made["plan"] > 5  # its sign turns
        lines = len(app.reader.query_one("#reader-text", Passage)._wrapped.lines)
        assert lines > 15
        # each line once when it is begun, and whenever it gains words
        assert made["text"] <= lines + 2 * 20


async def test_a_text_that_grows_is_laid_out_once_for_a_repaint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laid_out: list[bool] = []
    refresh = Screen._refresh_layout

    def counted(self: Any, *args: Any, **options: Any) -> None:
        laid_out.append(True)
        refresh(self, *args, **options)

    monkeypatch.setattr(Screen, "_refresh_layout", counted)
    app = Panes()
    async with app.run_test(size=(90, 20)):
        app.take(NodeStarted(node=question()), NodeStarted(node=running()), *words(200))
        await drawn(app)
        laid_out.clear()
        for _ in range(10):
            app.take(*words(20))
            await drawn(app)
        assert len(laid_out) <= 12


async def test_the_reader_goes_along_with_a_text_until_the_person_scrolls_up() -> None:
    app = Panes()
    async with app.run_test(size=(90, 12)) as pilot:
        reader = app.reader
        app.take(NodeStarted(node=question()), NodeStarted(node=running()))
        for _ in range(4):
            app.take(*words(60))
            await drawn(app)
        assert reader.max_scroll_y > 10 and reader.scroll_y == reader.max_scroll_y
        reader.focus()
        await drawn(app)
        await pilot.press("k", "k", "k")
        await drawn(app)
        at = reader.scroll_y
        assert at < reader.max_scroll_y
        app.take(*words(60))
        await drawn(app)
        assert reader.scroll_y == at
        await pilot.press("G")
        await drawn(app)
        app.take(*words(60))
        await drawn(app)
        assert reader.scroll_y == reader.max_scroll_y
        # another node is read from its beginning, and a short one is not pushed down
        app.session.selection.choose("q")
        app.take()
        await drawn(app)
        assert reader.scroll_y == 0 and "how?" in shown(app)[0]


async def test_what_is_folded_away_while_the_text_is_followed_leaves_it_in_sight() -> None:
    app = Panes()
    async with app.run_test(size=(90, 12)):
        app.reader.toggle_thinking()
        app.take(NodeStarted(node=question()), NodeStarted(node=running()))
        for _ in range(3):
            app.take(*words(40, "so "), NodeDelta(node="plan", text=""))
            await drawn(app)
        app.take(NodeDelta(node="plan", text="</think>42"))
        await drawn(app)
        app.take(*words(1))
        await drawn(app)
        assert app.reader.toggle_thinking()
        await drawn(app)
        assert app.reader.scroll_y == 0
        assert "42word" in "\n".join(shown(app))


async def test_a_text_is_wrapped_for_the_width_that_it_has_now() -> None:
    app = Panes()
    async with app.run_test(size=(90, 20)):
        text = "to be or not to be, that is the question"
        app.take(NodeStarted(node=NodeView(id="q", kind="question", text=text)))
        await drawn(app)
        narrow = [line[:30].rstrip() for line in shown(app)[:2]]
        assert narrow == ["to be or not to be, that is", "the question"]
        app.reader.styles.width = 60
        await drawn(app)
        assert shown(app)[0][:60].rstrip() == text
        app.reader.styles.width = 30
        await drawn(app)
        assert [line[:30].rstrip() for line in shown(app)[:2]] == narrow


async def test_a_text_becomes_markdown_when_it_is_finished_and_is_shown_as_written_on_demand() -> (
    None
):
    app = Panes()
    async with app.run_test(size=(90, 20)):
        app.take(NodeStarted(node=question()), NodeStarted(node=running()))
        app.take(NodeDelta(node="plan", text="- one\n- **two**"))
        await drawn(app)
        assert "- **two**▍" in "\n".join(shown(app))
        done = NodeView(id="plan", kind="plan", text="- one\n- **two**", inputs=running().inputs)
        app.take(NodeFinished(node=done))
        await drawn(app)
        said = "\n".join(shown(app))
        assert "two" in said and "**" not in said
        app.reader.toggle_raw()
        await drawn(app)
        assert "- **two**" in "\n".join(shown(app))
        app.reader.toggle_raw()
        app.session.selection.choose("q")
        app.take()
        await drawn(app)
        assert [line[:30].rstrip() for line in shown(app)[:3]] == ["how?", "", ""]


async def test_marked_text_is_copied_as_it_was_written() -> None:
    app = Panes()
    async with app.run_test(size=(90, 20)) as pilot:
        text = "to be or not to be, that is the question\nwhether it is nobler"
        app.take(NodeStarted(node=NodeView(id="q", kind="question", text=text)))
        await drawn(app)
        place = app.reader.query_one("#reader-text").content_region.offset
        assert place == Offset(30, 0)
        await pilot.mouse_down(offset=place + (3, 0))
        await pilot.hover(offset=place + (7, 2))
        await pilot.mouse_up(offset=place + (7, 2))
        await drawn(app)
        assert app.screen.get_selected_text() == text[3:-12]


async def test_a_label_stands_once_for_a_run_of_facts_and_long_ones_are_wrapped() -> None:
    app = Panes()
    async with app.run_test(size=(90, 20)):
        facts: Sequence[Fact] = [
            Fact("kind", "step"),
            Fact("input", "a text that is too long for one line of them"),
            Fact("input", "another"),
        ]
        app.inspector.show(facts)
        await drawn(app)
        lines = [line.rstrip() for line in shown(app, 60)]
        assert lines[:4] == [
            "kind  step",
            "input a text that is too long",
            "      for one line of them",
            "      another",
        ]


def shown(app: Panes, column: int = 30) -> list[str]:
    """The lines of the panes from a column on, as they are drawn."""
    width = app.size.width
    strips = app.screen._compositor.render_strips()
    cut = [strip.crop(column, width) for strip in strips]
    return ["".join(segment.text for segment in strip) for strip in cut]
