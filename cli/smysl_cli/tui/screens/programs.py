"""The ways of reasoning; the one that is chosen answers the next question.

Knows listings and plans; never how a program is run.
"""

from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from smysl_cli.text import printable
from smysl_cli.tui.model.plan import plan_tree, wrapped
from smysl_cli.tui.screens.base import Page, bindings
from smysl_cli.tui.widgets.keyline import KeyLine
from smysl_cli.tui.workers import begin
from smysl_daemon import protocol
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import Explained, ProgramList, ProgramShown
from smysl_daemon.shapes import ProgramView, ProgramWhole

EXAMPLE = "Tom has 12 apples and gives 5 to Anna. How many are left?"
"""Explained where nothing is being asked."""


class ProgramsScreen(Page):
    where = "programs"
    BINDINGS = bindings("programs")

    def __init__(self) -> None:
        super().__init__()
        self._programs: tuple[ProgramView, ...] = ()
        self._text = ""
        self._tree: Sequence[str] = ()
        """Lines of a plan that is shown."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="split"):
            yield OptionList()
            with VerticalScroll(classes="page"):
                yield Static("", id="program", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(OptionList).border_title = "Programs"
        self.do("read", self._read)

    async def _read(self) -> None:
        found = await self.smysl.requests.ask(protocol.ListPrograms(), ProgramList)
        self._programs = found.programs
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(Content(one.name), id=one.name) for one in found.programs)
        options.highlighted = 0
        options.focus()
        for problem in found.problems:
            self.say(problem)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        one = self._programs[event.option_index]
        self._show(one.name, printable(one.summary))
        begin(self, partial(self._whole, one), "whole", latest=True)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_use()

    def action_use(self) -> None:
        if (one := self._chosen()) is not None:
            self.app.pop_screen()
            self.smysl.use_program(one.name)

    def _chosen(self) -> ProgramView | None:
        at = self.query_one(OptionList).highlighted
        return self._programs[at] if at is not None and at < len(self._programs) else None

    def action_explain(self) -> None:
        self.do("explain", self._explain)

    async def _whole(self, one: ProgramView) -> None:
        try:
            shown = await self.smysl.requests.ask(protocol.GetProgram(name=one.name), ProgramShown)
        except (DaemonError, OSError) as error:
            self.fail(error)
            return
        self._show(one.name, _described(shown.program))

    async def _explain(self) -> None:
        """The plan for what is being asked, as a tree."""
        if (one := self._chosen()) is None:
            return
        question = self.smysl.main.last_question or EXAMPLE
        found = await self.smysl.requests.ask(
            protocol.Explain(question=question, program=one.name), Explained
        )
        tree = plan_tree(found.plan, unicode=self.smysl.main.unicode)
        self._show(one.name, printable(question), tree)

    def _show(self, name: str, text: str, tree: Sequence[str] = ()) -> None:
        self.query_one(".page").border_title = Content(name).markup
        self._text, self._tree = text, tree
        self._draw()

    def _draw(self) -> None:
        # a column is kept for the scroll bar, so that it changes nothing when it comes
        width = self.query_one(".page").content_size.width - 1
        below = "\n".join(["", "", *wrapped(self._tree, max(width, 20))]) if self._tree else ""
        self.query_one("#program", Static).update(Content(self._text + below))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)


def _described(one: ProgramWhole) -> str:
    lines = [one.summary, "", f"from     {one.source}"]
    lines += [f"follows  {one.follows}"] if one.follows else []
    lines += [] if one.runnable else ["a part of other programs; it cannot be asked a question"]
    lines += [
        f"option   {key} = {option.default!r}  {option.help}" for key, option in one.options.items()
    ]
    return printable("\n".join([*lines, "", one.text]))
