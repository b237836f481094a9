"""What `smysl-eval` measured: its results folders, and the tables of one.

Knows where such folders are and the report's JSON, which `smysl-eval report` makes; judges nothing.
"""

from pathlib import Path

import msgspec
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from smysl_cli.diagnostics import CommandFailed
from smysl_cli.text import printable
from smysl_cli.tui.dialogs.form import Field, Form, Values
from smysl_cli.tui.link import companions
from smysl_cli.tui.link.threads import in_thread
from smysl_cli.tui.model import results
from smysl_cli.tui.model.results import COLUMNS, Folder, Group, Report
from smysl_cli.tui.screens.base import Page, bindings
from smysl_cli.tui.widgets.keyline import KeyLine
from smysl_cli.tui.workers import begin

RESULTS = "eval-results"
"""Where `smysl-eval run` writes unless it is told otherwise: below the folder it is run in."""
SHOW_DELAY_S = 0.15
ROOM = 78
"""Columns that a table of all figures needs."""
NOTHING = (
    "Nothing was measured here yet.\n\n"
    "    smysl eval run newcomer numbers outside\n\n"
    "writes to eval-results/ in the folder where it is run. o opens another folder."
)


class EvalsScreen(Page):
    where = "evals"
    BINDINGS = bindings("evals")

    def __init__(self) -> None:
        super().__init__()
        self._folders: list[Folder] = []
        self._more: list[Path] = []
        self._by = "family"
        self._reports: dict[tuple[Path, str], Report] = {}

    def compose(self) -> ComposeResult:
        with Horizontal(id="split", classes="results"):
            yield OptionList()
            with VerticalScroll(classes="page"):
                yield Static("", id="report")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(OptionList).border_title = "Measured"
        self.do("read", self._read)

    async def _read(self) -> None:
        data = self.smysl.requests.dirs.data
        places = [*self._more, Path(RESULTS), data / RESULTS]
        self._folders = await in_thread(lambda: results.folders(places))
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            Option(Content(f"{one.path.name}\n  {one.described()}")) for one in self._folders
        )
        options.focus()
        if self._folders:
            options.highlighted = 0
        else:
            self.query_one("#report", Static).update(Content(NOTHING))

    def _chosen(self) -> Folder | None:
        at = self.query_one(OptionList).highlighted
        return self._folders[at] if at is not None and at < len(self._folders) else None

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        begin(self, self._show, "show", latest=True)

    async def _show(self) -> None:
        import asyncio

        one = self._chosen()
        if one is None:
            return
        page, shown = self.query_one(".page"), self.query_one("#report", Static)
        page.border_title = Content(str(one.path)).markup
        key = one.path, self._by
        if key not in self._reports:
            page.border_subtitle = "counting ..."
            # a walk down the list starts no program for each line
            await asyncio.sleep(SHOW_DELAY_S)
            words = ["report", "--json", "--by", self._by, "--", str(one.path)]
            try:
                data = await in_thread(lambda: companions.answer("eval", words))
                self._reports[key] = results.report(data)
            except (CommandFailed, msgspec.MsgspecError) as error:
                page.border_subtitle = ""
                shown.update(Content(printable(str(error))))
                return
        page.border_subtitle = f"by {self._by}"
        width = page.content_size.width
        shown.update(_tables(self._reports[key], narrow=width < ROOM))

    def on_resize(self) -> None:
        begin(self, self._show, "show", latest=True)

    def action_by_tag(self) -> None:
        self._by = "tag" if self._by == "family" else "family"
        begin(self, self._show, "show", latest=True)

    def action_other(self) -> None:
        self.do("other", self._other)

    async def _other(self) -> None:
        values = await self.app.push_screen_wait(
            Form(
                "Results of smysl-eval",
                [Field("folder", "Folder", hint="one that `smysl-eval run --out` wrote, or above")],
                ok="Open",
                check=_wrong_folder,
            )
        )
        if values is not None:
            self._more.insert(0, Path(values["folder"]).expanduser())
            await self._read()


def _wrong_folder(values: Values) -> str:
    path = Path(values["folder"]).expanduser()
    if values["folder"] and results.folders([path]):
        return ""
    return f"{values['folder']!r} holds no run.json and results.jsonl of smysl-eval"


def _tables(report: Report, *, narrow: bool) -> Table:
    """Suites first, then their families or tags; where a table has no room, a sentence for each."""
    whole = Table.grid()
    whole.add_column()
    for title, groups in (("Suites", report.suites), ("Parts", report.groups)):
        if groups:
            whole.add_row(Text(title, style="bold"))
            whole.add_row(_narrow(groups) if narrow else _wide(groups))
            whole.add_row("")
    return whole


def _wide(groups: tuple[Group, ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    for _ in COLUMNS:
        table.add_column(justify="right", no_wrap=True)
    table.add_row("", *(Text(name, style="underline") for name in COLUMNS))
    for one in groups:
        table.add_row(Text(_name(one)), *results.cells(one.measures))
    return table


def _narrow(groups: tuple[Group, ...]) -> Table:
    table = Table.grid()
    table.add_column(overflow="fold")
    for one in groups:
        table.add_row(Text(_name(one)))
        table.add_row(Padding(Text(results.sentence(one.measures)), (0, 0, 0, 2)))
    return table


def _name(one: Group) -> str:
    return printable("  ".join(filter(None, (one.suite, one.group, one.program))))
