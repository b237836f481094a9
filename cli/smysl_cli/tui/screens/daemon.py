"""The process that holds the model: what it does, what it uses, what it logs.

Knows its status and the log's file; looks every second while it is shown.
"""

from collections import deque

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Footer, RichLog, Sparkline, Static

from smysl_cli import engine_words
from smysl_cli.text import printable
from smysl_cli.tui.dialogs.confirm import Confirm
from smysl_cli.tui.link.threads import in_thread
from smysl_cli.tui.screens.base import Page
from smysl_daemon import launch, logs, protocol
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import DaemonStatus

LOOK_INTERVAL_S = 1.0
SAMPLES = 120
TAIL_BYTES = 16 * 1024


class DaemonScreen(Page):
    BINDINGS = [Binding("escape", "app.pop_screen", "back"), Binding("R", "restart", "restart")]

    def __init__(self) -> None:
        super().__init__()
        self._memory: deque[float] = deque(maxlen=SAMPLES)
        self._tail = b""

    def compose(self) -> ComposeResult:
        yield Static("", id="status", classes="page-text")
        yield Static("its memory over the last minutes:", classes="page-text")
        yield Sparkline([], id="memory")
        yield RichLog(
            id="log", wrap=True, markup=False, highlight=False, max_lines=500, min_width=1
        )
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        log = self.query_one("#log", RichLog)
        log.border_title = "Log"
        log.focus()
        self.set_interval(LOOK_INTERVAL_S, lambda: self.do("look", self._look))
        self.do("look", self._look)

    async def _look(self) -> None:
        try:
            status = await self.smysl.requests.ask(protocol.GetStatus(), DaemonStatus, start=False)
        except (DaemonError, OSError) as error:
            self.query_one("#status", Static).update(printable(str(error)))
        else:
            self._memory.append(status.rss_bytes / 1e6)
            self.query_one("#memory", Sparkline).data = list(self._memory)
            self.query_one("#status", Static).update(_table(status))
        self._show_log()

    def _show_log(self) -> None:
        dirs = self.smysl.requests.dirs
        log = self.query_one("#log", RichLog)
        if logs.journal_match(dirs) is not None:
            tail = b"It logs to the journal: `smysl daemon logs` shows it."
        else:
            try:
                with dirs.log.open("rb") as file:
                    file.seek(max(0, dirs.log.stat().st_size - TAIL_BYTES))
                    tail = file.read()
            except OSError:
                tail = b"There is no log yet."
        if tail != self._tail:
            self._tail = tail
            log.clear()
            for line in tail.decode(errors="replace").splitlines():
                log.write(printable(line))

    def action_restart(self) -> None:
        self.do("restart", self._restart)

    async def _restart(self) -> None:
        sure = await self.app.push_screen_wait(
            Confirm(
                "Restart the daemon?",
                "What runs may finish first; what is cut off goes on afterwards.",
                yes="Restart",
                danger=True,
            )
        )
        if not sure:
            return
        requests = self.smysl.requests
        await in_thread(lambda: launch.stop_daemon(requests.dirs))
        await requests.ask(protocol.GetStatus(), DaemonStatus)
        self.say("the daemon was restarted")


def _table(status: DaemonStatus) -> Table:
    table = Table.grid(padding=(0, 2))
    for label, text in (
        ("daemon", f"{status.version}, pid {status.pid}, for {status.uptime_seconds:.0f} s"),
        ("model", f"{status.model} ({status.backend}, {status.precision})"),
        ("fingerprint", status.fingerprint),
        ("work", f"{status.runs} runs, {status.clients} clients"),
        *(engine_words.lines(status.engine) if status.engine else ()),
        ("memory", f"{status.rss_bytes / 1e6:.0f} MB"),
        ("socket", status.socket),
        ("data", status.data),
    ):
        table.add_row(label, text)
    return table
