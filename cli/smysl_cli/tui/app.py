"""The terminal UI as a program: which screens there are and what works on all of them.

Knows settings and screens; the session screen knows the rest.
"""

import gc
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from smysl_cli.tui.actions import ACTIONS, BY_NAME, shown_keys
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
        self.build: Companion | None = None
        """The last engine that was built here, or is."""
        self._settings = settings
        if unicode is None:
            unicode = (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16")
        self.main = SessionScreen(unicode=unicode, open_=session, branch=branch)

    def on_mount(self) -> None:
        self.theme = DARK if self._settings.dark else LIGHT
        # only what differs: a keymap brings keys back that the focused widget takes for itself
        self.set_keymap(
            {name: keys for name, keys in self._settings.keys.items() if keys != BY_NAME[name].keys}
        )
        self.push_screen(self.main)

    def on_unmount(self) -> None:
        if self.build is not None:
            self.build.stop()

    def on_ready(self) -> None:
        gc.enable()

    def open(self, session: str, node: str | None) -> None:
        """Show a session, at a node of it."""
        self.main.do("open", lambda: self.main.open(session, node=node))

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
        if isinstance(self.screen, Page) and self.screen is not self.main:
            self.pop_screen()
        elif self.screen is not self.main:
            return  # a dialog waits for its answer
        self.push_screen(self._made(name))

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
            case "evals":
                from smysl_cli.tui.screens.evals import EvalsScreen

                return EvalsScreen()
        from smysl_cli.tui.screens.help import HelpScreen

        return HelpScreen(self._settings.keys)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        for one in ACTIONS:
            keys = shown_keys(self._settings.keys[one.name])
            said = f"{one.help} ({keys})" if keys else one.help
            if one.where == "everywhere":
                yield SystemCommand(one.title, said, lambda name=one.name: self.action_go(name))
            elif screen is self.main:
                yield SystemCommand(
                    one.title, said, lambda name=one.name: self.main.action_deed(name)
                )

    def _tell(self, text: str) -> None:
        """From the thread of a request: why it takes long."""
        if self.is_running:
            self.call_from_thread(self.main.say, text)
