"""What was asked before: search as you type, open, rename, export, delete.

Knows listings and dialogs; the session screen shows what is opened.
"""

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from smysl_cli.text import fit
from smysl_cli.tree import SHORT_ID
from smysl_cli.tui.dialogs.confirm import Confirm
from smysl_cli.tui.dialogs.form import Field, Form
from smysl_cli.tui.model.catalog import Entry, entries
from smysl_cli.tui.screens.base import Page, bindings
from smysl_cli.tui.screens.steering import export
from smysl_cli.tui.widgets.keyline import KeyLine
from smysl_cli.tui.workers import begin
from smysl_daemon import protocol
from smysl_daemon.protocol import HitList, SessionChanged, SessionList
from smysl_daemon.shapes import HitView, SessionView

LISTED = 1000
HITS = 200
SEARCH_DELAY_S = 0.12


class SessionsScreen(Page):
    where = "sessions"
    BINDINGS = [
        *bindings("sessions"),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("pageup", "move(-10)", show=False),
    ]
    AUTO_FOCUS = "#find"

    def __init__(self) -> None:
        super().__init__()
        self._sessions: tuple[SessionView, ...] = ()
        self._entries: list[Entry] = []

    def compose(self) -> ComposeResult:
        yield Input(placeholder="Search all thoughts of all sessions", id="find", compact=True)
        yield OptionList(id="found")
        yield KeyLine()

    def on_mount(self) -> None:
        self.do("read", self._read)

    async def _read(self) -> None:
        found = await self.smysl.requests.ask(protocol.ListSessions(limit=LISTED), SessionList)
        self._sessions = found.sessions
        await self._search()

    @on(Input.Changed, "#find")
    def _typed(self) -> None:
        begin(self, self._search_soon, "search", latest=True)

    async def _search_soon(self) -> None:
        import asyncio

        await asyncio.sleep(SEARCH_DELAY_S)
        try:
            await self._search()
        except Exception as error:
            self.fail(error)

    async def _search(self) -> None:
        text = self.query_one("#find", Input).value.strip()
        hits: tuple[HitView, ...] = ()
        if text:
            request = protocol.Search(text=text, limit=HITS)
            hits = (await self.smysl.requests.ask(request, HitList)).hits
        self._entries = entries(self._sessions, text, hits)
        self._draw()

    def _draw(self) -> None:
        options = self.query_one(OptionList)
        at = options.highlighted or 0
        width = max(self.app.size.width - 6, 20)
        options.clear_options()
        options.add_options(Option(_described(one, width)) for one in self._entries)
        if self._entries:
            options.highlighted = min(at, len(self._entries) - 1)
        else:
            said = "Nothing says that." if self._sessions else "Nothing was asked yet."
            options.add_option(Option(said, disabled=True))
        options.border_title = "Sessions"
        options.border_subtitle = f"{len(self._entries)} of {len(self._sessions)}"

    def on_resize(self) -> None:
        self._draw()

    def _chosen(self) -> Entry | None:
        at = self.query_one(OptionList).highlighted
        return self._entries[at] if at is not None and at < len(self._entries) else None

    def action_move(self, rows: int) -> None:
        options = self.query_one(OptionList)
        if self._entries:
            at = (options.highlighted or 0) + rows
            options.highlighted = min(max(at, 0), len(self._entries) - 1)

    def on_option_list_option_selected(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        if (one := self._chosen()) is not None:
            self.app.pop_screen()
            self.smysl.open(one.session, one.node)

    def action_rename(self) -> None:
        self.do("rename", self._rename)

    async def _rename(self) -> None:
        if (one := self._chosen()) is None:
            return
        values = await self.app.push_screen_wait(
            Form("Rename the session", [Field("title", "Title", one.title)], ok="Rename")
        )
        if values is not None and values["title"]:
            request = protocol.Rename(title=values["title"], session=one.session)
            await self.smysl.requests.ask(request, SessionChanged)
            await self._read()

    def action_export(self) -> None:
        self.do("export", self._export)

    async def _export(self) -> None:
        if (one := self._chosen()) is not None:
            await export(self, self.smysl.requests, one.session, None)

    def action_delete(self) -> None:
        self.do("delete", self._delete)

    async def _delete(self) -> None:
        if (one := self._chosen()) is None:
            return
        sure = await self.app.push_screen_wait(
            Confirm(
                f"Delete session {one.session[:SHORT_ID]} for good?",
                f"{one.title}\n\nThis cannot be undone.",
                yes="Delete",
                danger=True,
            )
        )
        if sure:
            await self.smysl.requests.ask(
                protocol.DeleteSession(session=one.session), SessionChanged
            )
            await self._read()


def _described(one: Entry, width: int) -> Content:
    state = ", ".join(part for part in (one.verdict, one.answer) if part)
    facts = f"  {one.session[:SHORT_ID]}  {one.when}  {state}".rstrip()
    below = f"  {one.session[:SHORT_ID]}  {one.found}" if one.found else facts
    return Content.assemble((fit(one.title, width), "bold"), "\n", fit(below, width))
