"""The process that holds the model: what it does, what it uses, what it logs.

Knows its status and the log's file; looks every second while it is shown.
"""

import time

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import RichLog, Sparkline, Static

from smysl_cli import engine_words
from smysl_cli.text import fit, printable
from smysl_cli.tui.dialogs.base import lines
from smysl_cli.tui.dialogs.confirm import Confirm
from smysl_cli.tui.link.threads import in_thread
from smysl_cli.tui.model.meters import Meter, Meters
from smysl_cli.tui.screens.base import Page, bindings
from smysl_cli.tui.widgets.keyline import KeyLine
from smysl_daemon import launch, logs, protocol
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import DaemonStatus

LOOK_INTERVAL_S = 1.0
TAIL_BYTES = 16 * 1024
LABEL = len("fingerprint")


class Gauge(Horizontal):
    """A meter in a line: its name, the last minutes, the value now."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(classes="gauge")
        self._meter = meter

    def compose(self) -> ComposeResult:
        yield lines(self._meter.label, classes="gauge-label")
        yield Sparkline([])
        yield lines("", classes="gauge-now")

    def draw(self) -> None:
        series = list(self._meter.series)
        # of one value it would draw a full bar
        self.query_one(Sparkline).data = series if len(series) > 1 else []
        self.query_one(".gauge-now", Static).update(self._meter.now)


class DaemonScreen(Page):
    where = "daemon"
    BINDINGS = bindings("daemon")

    def __init__(self) -> None:
        super().__init__()
        self._meters = Meters()
        self._tail = b""
        self._status: DaemonStatus | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="status", classes="page-text")
        for meter in self._meters.all:
            yield Gauge(meter)
        yield RichLog(
            id="log", wrap=True, markup=False, highlight=False, max_lines=500, min_width=1
        )
        yield KeyLine()

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
            self._meters.look(status, time.monotonic())
            for gauge in self.query(Gauge):
                gauge.draw()
            self._status = status
            self._draw_status()
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
            log.call_after_refresh(log.scroll_end, animate=False)

    def _draw_status(self) -> None:
        if self._status is not None:
            shown = self.query_one("#status", Static)
            shown.update(_table(self._status, shown.content_size.width))

    def on_resize(self) -> None:
        self._tail = b""  # its lines were wrapped for another width
        self.call_after_refresh(self._show_log)
        self.call_after_refresh(self._draw_status)

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


def _table(status: DaemonStatus, width: int) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold", min_width=LABEL)
    table.add_column(no_wrap=True)
    for label, text in (
        ("daemon", f"{status.version}, pid {status.pid}, for {status.uptime_seconds:.0f} s"),
        ("model", f"{status.model} ({status.backend}, {status.precision})"),
        ("fingerprint", status.fingerprint),
        ("work", f"{status.runs} runs, {status.clients} clients"),
        *(engine_words.lines(status.engine) if status.engine else ()),
        ("socket", status.socket),
        ("data", status.data),
    ):
        table.add_row(label, Text(fit(text, max(width - LABEL - 2, 10))))
    return table
