"""The memory: its map, its list, what falls into words as they are typed and why, one memory whole.

Owns what is looked at; deeds and replies come back here, and everything is drawn from it.
"""

import asyncio
from functools import cached_property, partial
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.timer import Timer
from textual.widgets import Input

from smysl_cli.text import one_line, printable
from smysl_cli.tui.model.atlas import ZOOM_STEP
from smysl_cli.tui.model.dossier import Target, dossier, listing
from smysl_cli.tui.model.recollection import Recollection
from smysl_cli.tui.screens.base import STYLES, Page, bindings
from smysl_cli.tui.widgets.bars import Tabs
from smysl_cli.tui.widgets.keyline import KeyLine
from smysl_cli.tui.widgets.lines import Lines
from smysl_cli.tui.widgets.starmap import Starmap
from smysl_cli.tui.workers import begin
from smysl_daemon.errors import Code, DaemonError, RequestRefused
from smysl_daemon.memory_protocol import (
    MAP_LIMIT,
    ListMemories,
    MapMemory,
    MemoryList,
    MemoryMap,
    MemoryPulls,
    MemoryShown,
    SearchMemory,
    ShowMemory,
)

if TYPE_CHECKING:
    from smysl_cli.tui.screens.remembering import Remembering

LISTED = 1000
PULLED = 12
SEARCH_DELAY_S = 0.12
DETAILS_DELAY_S = 0.1
PANES = (("starmap", "Map"), ("memories", "Memories"), ("memory", "Memory"))
PLACEHOLDER = "Type a question: what would fall into it?"
_TITLES = {"heavy": "Heaviest first", "new": "Newest first", "used": "Most used first"}


class MemoryScreen(Page):
    where = "memory"
    CSS_PATH = [STYLES / "pages.tcss", STYLES / "memory.tcss"]
    BINDINGS = [
        *bindings("memory", "leave"),
        Binding("tab", "next_pane(1)", show=False, priority=True),
        Binding("shift+tab", "next_pane(-1)", show=False, priority=True),
    ]
    AUTO_FOCUS = "#starmap"

    def __init__(self, *, unicode: bool, memory: str | None = None, words: str = "") -> None:
        """`memory`: to be looked at first. `words`: to be searched for first."""
        super().__init__()
        self.seen = Recollection(memory)
        self._unicode = unicode
        self._first_words = one_line(words)
        self._details: Timer | None = None
        self._pane = "starmap"

    def compose(self) -> ComposeResult:
        yield Input(self._first_words, placeholder=PLACEHOLDER, id="find", compact=True)
        yield Tabs(self._pane, PANES, "Tab: others")
        with Container(id="sky"):
            yield Starmap(unicode=self._unicode)
            yield Lines("memories", "Memories", reads=False, unicode=self._unicode)
            yield Lines("memory", "Memory", reads=True, unicode=self._unicode)
        yield KeyLine()

    def on_mount(self) -> None:
        self._show_pane(self._pane)
        self.draw()
        self.do("read", self.reload)

    @property
    def is_shown(self) -> bool:
        """False, too, once the screen was left: its widgets go before what was asked is answered."""
        return super().is_shown and bool(self.query(Starmap))

    # ---------------------------------------------------------------- state in

    async def reload(self, *, map: bool = True) -> None:
        """Read the memory again, as whoever changed it last has left it. The list comes first: a map
        of thousands takes a while."""
        seen, requests = self.seen, self.smysl.requests
        seen.changed()
        request = ListMemories(limit=LISTED, order=seen.order)
        seen.listed(await requests.ask(request, MemoryList))
        await self._search()
        if map:
            await self._read_map()

    async def _read_map(self) -> None:
        request = MapMemory(limit=MAP_LIMIT, text=self.seen.words if self.seen.pulls else "")
        self.seen.mapped(await self.smysl.requests.ask(request, MemoryMap))
        self.draw()

    @on(Input.Changed, "#find")
    def _typed(self) -> None:
        begin(self, self._search_soon, "search", latest=True)

    async def _search_soon(self) -> None:
        await asyncio.sleep(SEARCH_DELAY_S)
        try:
            await self._search()
            if self.seen.off_map():
                await self._read_map()
        except (DaemonError, OSError) as error:
            self.fail(error)

    async def _search(self) -> None:
        if not self.is_shown:
            return
        words = self.query_one("#find", Input).value.strip()
        if not words:
            self.seen.pulled("", ())
        else:
            request = SearchMemory(text=words, limit=PULLED)
            try:
                found = await self.smysl.requests.ask(request, MemoryPulls)
            except RequestRefused as error:
                # half a word may be nothing to search for: no reason for a notice at each letter
                self.seen.pulled(words, (), printable(str(error)))
            else:
                if self.is_shown and self.query_one("#find", Input).value.strip() != words:
                    return  # other words are being searched for by now
                self.seen.pulled(words, found.pulls)
        self.draw()

    async def _read_details(self) -> None:
        id = self.seen.chosen
        if id is None or self.seen.shown is not None:
            return
        try:
            whole = await self.smysl.requests.ask(ShowMemory(memory=id), MemoryShown, start=False)
        except (DaemonError, OSError) as error:
            self.lost(id, error)
            return  # details that can wait
        self.seen.read(whole)
        self.draw()

    def lost(self, id: str, error: Exception) -> None:
        """Of a memory that somebody has forgotten nothing more is asked."""
        if isinstance(error, RequestRefused) and error.code == Code.NOT_FOUND:
            self.seen.gone(id)
            self.draw()

    # ---------------------------------------------------------------- drawing

    def draw(self) -> None:
        """Everything from the state, once."""
        if not self.is_shown:
            return
        seen = self.seen
        self.query_one(Starmap).show(seen.sky, known=seen.total is not None)
        chosen = Target(seen.chosen) if seen.chosen is not None else None
        memories = self.query_one("#memories", Lines)
        listed = (seen.memories, seen.pulls, seen.words, seen.wrong, seen.total)
        memories.show(listed, partial(listing, seen, unicode=self._unicode), chosen)
        memories.entitle(
            "What falls into it" if seen.words else _TITLES[seen.order],
            f"{len(seen.ids)} of {seen.total}" if seen.total is not None else "",
        )
        whole = (seen.chosen, seen.shown, seen.pull(seen.chosen or ""), seen.memories)
        memory = self.query_one("#memory", Lines)
        memory.show(whole, partial(dossier, seen, unicode=self._unicode))
        if seen.chosen is not None and seen.shown is None:
            if self._details is not None:
                self._details.stop()
            self._details = self.set_timer(
                DETAILS_DELAY_S, lambda: begin(self, self._read_details, "details", latest=True)
            )

    @on(Starmap.Chosen)
    def _chosen_on_map(self, message: Starmap.Chosen) -> None:
        self._choose(message.memory)

    @on(Lines.Highlighted, "#memories")
    def _chosen_in_list(self, message: Lines.Highlighted) -> None:
        if message.target.memory is not None:
            self._choose(message.target.memory)

    @on(Lines.Went, "#memories")
    def _went_in_list(self, message: Lines.Went) -> None:
        if message.target.memory is not None:
            self._choose(message.target.memory)
            self.action_show_pane("memory")

    @on(Starmap.Read)
    def _read_on(self) -> None:
        self.action_show_pane("memory")

    @on(Lines.Went, "#memory")
    def _went(self, message: Lines.Went) -> None:
        target = message.target
        if target.memory is not None:
            self._choose(target.memory)
        else:
            self.leave_to(target.session, target.node)

    def _choose(self, id: str) -> None:
        if id != self.seen.chosen:
            self.seen.choose(id)
            self.draw()

    def leave_to(self, session: str, node: str | None = None, *, derive: bool = False) -> None:
        """To a session, at a node of it, and to what a derivation there costs."""
        self.app.pop_screen()
        self.smysl.open(session, node, derive=derive)

    # ---------------------------------------------------------------- panes

    def action_show_pane(self, name: str) -> None:
        self._show_pane(name)
        self.query_one(f"#{name}").focus()

    def _show_pane(self, name: str) -> None:
        self._pane = name
        for pane, _ in PANES:
            self.query_one(f"#{pane}").set_class(pane == name, "-shown")
        self.query_one(Tabs).show(name)

    def action_next_pane(self, steps: int) -> None:
        names = [name for name, _ in PANES]
        if isinstance(self.focused, Input):
            self.action_show_pane(self._pane)
        else:
            self.action_show_pane(names[(names.index(self._pane) + steps) % len(names)])

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id in dict(PANES):
            self._show_pane(str(event.widget.id))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_show_pane("memories")

    # ---------------------------------------------------------------- deeds

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where words are typed, keys write."""
        typed = isinstance(self.focused, Input)
        return not typed or action in ("leave", "next_pane", "refresh", "show_pane")

    @cached_property
    def _remembering(self) -> "Remembering":
        from smysl_cli.tui.screens.remembering import Remembering

        return Remembering(self)

    def action_leave(self) -> None:
        """One step: from the words to the map, from a link that was begun, from a search, to the
        screen before."""
        find = self.query_one("#find", Input)
        if self.focused is find:
            self.action_show_pane(self._pane)
        elif self.seen.begun is not None:
            self.seen.begun = None
            self.draw()
        elif find.value:
            find.value = ""
        else:
            self.app.pop_screen()

    def action_search(self) -> None:
        self.query_one("#find", Input).focus()

    def action_add(self) -> None:
        self.do("add", lambda: self._remembering.add())

    def action_edit(self) -> None:
        self.do("edit", lambda: self._remembering.edit())

    def action_pin(self) -> None:
        self.do("pin", lambda: self._remembering.pin())

    def action_mute(self) -> None:
        self.do("mute", lambda: self._remembering.mute())

    def action_link(self) -> None:
        if not self.does("link") and not self._remembering.begin_link():
            self.do("link", lambda: self._remembering.link())

    def action_cut(self) -> None:
        self.do("cut", lambda: self._remembering.cut())

    def action_forget(self) -> None:
        self.do("forget", lambda: self._remembering.forget())

    def action_order(self) -> None:
        if self.does("read"):
            return
        self.seen.next_order()
        self.do("read", partial(self.reload, map=False))

    def action_larger(self) -> None:
        self.query_one(Starmap).zoom(ZOOM_STEP)

    def action_smaller(self) -> None:
        self.query_one(Starmap).zoom(1 / ZOOM_STEP)

    def action_whole(self) -> None:
        self.query_one(Starmap).zoom(0)

    def action_copy(self) -> None:
        self.do("copy", lambda: self._remembering.copy())

    def action_refresh(self) -> None:
        self.do("read", self.reload)
