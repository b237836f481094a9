"""The person at the terminal, whom a run asks something while it is followed.

Knows a terminal and one request; never what a run does with an answer.
"""

import os
import select
import sys

from smysl_cli import asking, diagnostics
from smysl_daemon.client import Client
from smysl_daemon.errors import RequestRefused
from smysl_daemon.protocol import Answer, Answered, DaemonMessage

LINE_BYTES = 1 << 16


class Person:
    """Puts a run's questions to whoever sits at the terminal, one at a time, while its messages are
    still taken. Where nobody sits there, says how to answer from elsewhere."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._there = _at_terminal()
        self._open: dict[str, str] = {}
        """Questions without an answer, by node."""
        self._shown = ""
        """The one that stands on the terminal."""

    @property
    def busy(self) -> bool:
        """A question stands on the terminal: nothing else may be drawn there."""
        return bool(self._shown)

    def ask(self, node: str, text: str) -> None:
        if self._there:
            self._open[node] = text
        else:
            self._elsewhere(node, f"the run asks: {text}; ")

    def settled(self, node: str) -> None:
        """It has been answered, here or elsewhere, or no longer matters."""
        self._open.pop(node, None)
        if self._shown == node:
            self._shown = ""
            diagnostics.prompt("\n")

    def leave(self) -> None:
        """Ask nothing more."""
        self._there = False
        self._open.clear()
        self._shown = ""

    def receive(self) -> DaemonMessage:
        """The run's next message, however long an answer takes. Raises what `Client.receive` does."""
        while self._open and not self._client.ready:
            node = next(iter(self._open))
            if self._shown != node:
                self._shown = node
                diagnostics.prompt(f"{self._open[node]}\n> ")
            readable, _, _ = select.select([self._client, sys.stdin], [], [])
            if self._client in readable:
                break
            self._read(node)
        return self._client.receive()

    def _read(self, node: str) -> None:
        # not by way of `sys.stdin`, which would keep what it has read ahead from `select`
        data = os.read(sys.stdin.fileno(), LINE_BYTES)
        said = data.decode(sys.stdin.encoding or "utf-8", errors="replace").strip()
        if not data:
            diagnostics.prompt("\n")
            self._elsewhere(node, "not answered; the run waits: ")
            self.leave()
        elif not said:
            diagnostics.prompt("> ")
        else:
            self._shown = ""
            del self._open[node]
            try:
                # over a connection of its own: that of the run is busy with it
                asking.ask(Answer(node=node, text=said), Answered)
            except RequestRefused as error:
                diagnostics.note(str(error))

    def _elsewhere(self, node: str, why: str) -> None:
        from smysl_cli.tree import SHORT_ID  # what draws nodes is not needed to ask

        diagnostics.note(f"{why}smysl answer {node[:SHORT_ID]} TEXT")


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
