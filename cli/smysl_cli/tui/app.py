"""The terminal UI as a program: which screens there are and what works on all of them.

Knows settings and screens; the session screen knows the rest.
"""

import gc
import sys
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from smysl_cli.tui.actions import ACTIONS, BY_NAME
from smysl_cli.tui.keys import NO_KEY, shown_keys
from smysl_cli.tui.link.requests import Requests
from smysl_cli.tui.model.drafts import Drafts
from smysl_cli.tui.screens.base import Page
from smysl_cli.tui.screens.session import SessionScreen
from smysl_cli.tui.settings import Settings
from smysl_daemon.config import Dirs

if TYPE_CHECKING:
    from smysl_cli.tui.link.companions import Companion

DARK, LIGHT = "textual-dark", "textual-light"


class SmyslApp(App[None]):
    CSS_PATH = "style.tcss"
    TITLE = "smysl"
    BINDINGS = [
        Binding(
            one.keys,
            f"go('{one.name}')",
            one.title,
            show=one.footer,
            id=one.name,
        )
        for one in ACTIONS
        if one.where == "everywhere"
    ]

    def __init__(
        self,
        dirs: Dirs,
        settings: Settings,
        *,
        session: str | None = None,
        branch: str | None = None,
        unicode: bool | None = None,
    ) -> None:
        super().__init__()
        self.requests = Requests(dirs, self._tell)
        self.drafts = Drafts(dirs.data / "drafts")
        self.theme = DARK if settings.dark else LIGHT
        self.build: Companion | None = None
        """The last engine that was built here, or is."""
        self._settings = settings
        if unicode is None:
            unicode = (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16")
        self.main = SessionScreen(unicode=unicode, open_=session, branch=branch)

    def on_mount(self) -> None:
        # only what differs: a keymap is gone through at every key
        changed = {
            name: keys or NO_KEY
            for name, keys in self._settings.keys.items()
            if keys != BY_NAME[name].keys
        }
        if changed:
            self.set_keymap(changed)

    def get_default_screen(self) -> Screen[None]:
        """The first of all, and not one over an empty one, which would be laid out as well."""
        return self.main

    def on_unmount(self) -> None:
        if self.build is not None:
            self.build.stop()

    def on_ready(self) -> None:
        if not gc.isenabled():  # as `smysl tui` begins
            # what was imported stays: the first look through it would be in the way of the first keys
            gc.freeze()
            gc.enable()

    def open(self, session: str, node: str | None, *, derive: bool = False) -> None:
        """Show a session, at a node of it; and what is stale there, to be derived."""

        async def opened() -> None:
            await self.main.open(session, node=node)
            if derive:
                self.main.action_deed("derive")

        self.main.do("open", opened)

    def use_program(self, name: str) -> None:
        self.main.use_program(name)

    def action_go(self, name: str) -> None:
        match name:
            case "theme":
                self.theme = LIGHT if self.theme == DARK else DARK
            case "quit":
                self.exit()
            case _:
                self._show(name)

    def _show(self, name: str) -> None:
        # a screen is imported when it is wanted first: they cost the start nothing
        shown = self.screen
        if not isinstance(shown, Page):
            return  # a dialog waits for its answer
        if shown is not self.main:
            self.pop_screen()
        made = self._made(name)
        if name != "help" or type(made) is not type(shown):  # its key leaves it, too
            self.push_screen(made)

    def _made(self, name: str) -> Page:
        match name:
            case "sessions":
                from smysl_cli.tui.screens.sessions import SessionsScreen

                return SessionsScreen()
            case "programs":
                from smysl_cli.tui.screens.programs import ProgramsScreen

                return ProgramsScreen()
            case "engines":
                from smysl_cli.tui.screens.engines import EnginesScreen

                return EnginesScreen()
            case "daemon":
                from smysl_cli.tui.screens.daemon import DaemonScreen

                return DaemonScreen()
            case "memory":
                return self._memory()
            case "evals":
                from smysl_cli.tui.screens.evals import EvalsScreen

                return EvalsScreen()
        from smysl_cli.tui.screens.help import HelpScreen

        return HelpScreen(self._settings.keys)

    def show_memory(self, memory: str) -> None:
        """The memory's screen, at one of them."""
        self.push_screen(self._memory(memory))

    def _memory(self, memory: str | None = None) -> Page:
        from smysl_cli.tui.screens.memory import MemoryScreen

        # what is being asked may be what memory is wanted for
        words = "" if memory else self.main.written
        return MemoryScreen(unicode=self.main.unicode, memory=memory, words=words)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        for one in ACTIONS:
            keys = shown_keys(self._settings.keys[one.name])
            said = f"{one.help} ({keys})" if keys else one.help
            if one.where == "everywhere":
                yield SystemCommand(one.title, said, lambda name=one.name: self.action_go(name))
            elif isinstance(screen, Page) and one.where == screen.where:
                deed = f"deed('{one.name}')" if screen is self.main else one.deed
                yield SystemCommand(one.title, said, partial(screen.run_action, deed))

    def _tell(self, text: str) -> None:
        """From the thread of a request: why it takes long."""
        if self.is_running:
            self.call_from_thread(self.main.say, text)
