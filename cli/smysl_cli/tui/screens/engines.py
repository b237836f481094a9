"""The compiled models in the store, and whether their files are sound.

Knows listings.
"""

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static

from smysl_cli.tui.screens.base import Page
from smysl_daemon import protocol
from smysl_daemon.protocol import EngineList
from smysl_daemon.shapes import EngineView


class EnginesScreen(Page):
    BINDINGS = [Binding("escape", "app.pop_screen", "back"), Binding("v", "verify", "verify")]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="page") as page:
            page.border_title = "Engines"
            yield Static("", id="engines")
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.do("read", self._read)

    def action_verify(self) -> None:
        self.do("verify", self._verify)

    async def _read(self) -> None:
        self._draw(await self.smysl.requests.ask(protocol.ListEngines(), EngineList))

    async def _verify(self) -> None:
        page = self.query_one(".page")
        page.border_subtitle = "every file is hashed ..."
        try:
            found = await self.smysl.requests.ask(protocol.ListEngines(verify=True), EngineList)
        finally:
            page.border_subtitle = ""
        self._draw(found)
        broken = sum(one.problem is not None for one in found.engines)
        page.border_subtitle = (
            f"{broken} damaged; a restart of the daemon rebuilds the bundled one"
            if broken
            else "all files are sound"
        )

    def _draw(self, found: EngineList) -> None:
        shown = self.query_one("#engines", Static)
        if not found.engines:
            shown.update("The store holds no engine.")
            return
        table = Table.grid(padding=(0, 2))
        for one in found.engines:
            for label, text in _facts(one):
                table.add_row(label, text)
            table.add_row("", "")
        shown.update(table)


def _facts(one: EngineView) -> list[tuple[str, str]]:
    return [
        ("model", f"{one.model}{' (loaded)' if one.loaded else ''}"),
        ("engine", one.fingerprint),
        ("runs on", f"{one.backend}, {one.precision}, {one.size_bytes / 1e6:.1f} MB"),
        *([("problem", one.problem)] if one.problem else []),
    ]
