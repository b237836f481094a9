"""The ways of reasoning; the one that is chosen answers the next question.

Knows listings and plans; never how a program is run.
"""

from functools import partial

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from smysl_cli.text import printable
from smysl_cli.tui.model.plan import plan_tree
from smysl_cli.tui.screens.base import Page
from smysl_cli.tui.workers import begin
from smysl_daemon import protocol
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import Explained, ProgramList, ProgramShown
from smysl_daemon.shapes import ProgramView, ProgramWhole

EXAMPLE = "Tom has 12 apples and gives 5 to Anna. How many are left?"
"""Explained where nothing is being asked."""


class ProgramsScreen(Page):
    BINDINGS = [
        Binding("escape", "app.pop_screen", "back"),
        Binding("enter", "use", "use"),
        Binding("x", "explain", "explain"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._programs: tuple[ProgramView, ...] = ()

    def compose(self) -> ComposeResult:
        with Horizontal(id="split"):
            yield OptionList()
            with VerticalScroll(classes="page"):
                yield Static("", id="program", markup=False)
        yield Footer(show_command_palette=False, compact=True)

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
        self.smysl.use_program(self._programs[event.option_index].name)
        self.app.pop_screen()

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
        at = self.query_one(OptionList).highlighted
        if at is None or at >= len(self._programs):
            return
        name = self._programs[at].name
        question = self.smysl.main.last_question or EXAMPLE
        found = await self.smysl.requests.ask(
            protocol.Explain(question=question, program=name), Explained
        )
        self._show(name, printable(f"{question}\n\n" + "\n".join(plan_tree(found.plan))))

    def _show(self, name: str, text: str) -> None:
        self.query_one(".page").border_title = name
        self.query_one("#program", Static).update(Content(text))


def _described(one: ProgramWhole) -> str:
    lines = [one.summary, "", f"from     {one.source}"]
    lines += [f"follows  {one.follows}"] if one.follows else []
    lines += [] if one.runnable else ["a part of other programs; it cannot be asked a question"]
    lines += [
        f"option   {key} = {option.default!r}  {option.help}" for key, option in one.options.items()
    ]
    return printable("\n".join([*lines, "", one.text]))
