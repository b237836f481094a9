"""One request, its whole reply, for a program that goes on meanwhile.

Knows the protocol and threads. A connection is opened for each request: a daemon that was
restarted in between is simply found again.
"""

from collections.abc import Callable
from typing import TypeVar

from smysl_cli import asking
from smysl_cli.tui.link.threads import in_thread
from smysl_daemon import protocol
from smysl_daemon.client import Client, Tell, connect
from smysl_daemon.config import Dirs
from smysl_daemon.protocol import ClientMessage, DiffPart, ExportPart, Format, WhyPart
from smysl_daemon.shapes import DifferenceView, NodeView, ReasonView, SessionView

R = TypeVar("R")


class Requests:
    """Requests to the daemon of some folders. `tell` hears, in another thread, why a start takes
    long."""

    def __init__(self, dirs: Dirs, tell: Tell) -> None:
        self.dirs = dirs
        self._tell = tell

    def connect(self, *, start: bool = True) -> Client:
        """Blocking. Raises `Unreachable`."""
        return connect(self.dirs, start=start, tell=self._tell)

    async def ask(self, message: ClientMessage, kind: type[R], *, start: bool = True) -> R:
        """The one reply. Raises what `client` raises; `NoDaemon` where none runs and none is to
        be started."""
        return await self._with(
            lambda client: asking.expect(client.ask(message), kind), start=start
        )

    async def session(
        self, id: str, branch: str | None = None, *, start: bool = True
    ) -> tuple[SessionView, tuple[NodeView, ...]]:
        """A session with the nodes of a branch; a node's id stands for its session."""

        def read(client: Client) -> tuple[SessionView, tuple[NodeView, ...]]:
            shown = client.ask(protocol.Show(id=id, branch=branch))
            if isinstance(shown, protocol.NodeShown):
                return asking.session(client, shown.session, branch)
            return asking.rest_of_session(client, shown)

        return await self._with(read, start=start)

    async def why(self, node: str, branch: str) -> list[ReasonView]:
        def read(client: Client) -> list[ReasonView]:
            part = asking.expect(client.ask(protocol.Why(node=node, branch=branch)), WhyPart)
            found = list(part.reasons)
            while part.more:
                part = asking.expect(client.receive(), WhyPart)
                found += part.reasons
            return found

        return await self._with(read)

    async def diff(self, session: str, a: str, b: str) -> list[DifferenceView]:
        def read(client: Client) -> list[DifferenceView]:
            request = protocol.Diff(a=a, b=b, session=session)
            part = asking.expect(client.ask(request), DiffPart)
            found = list(part.differences)
            while part.more:
                part = asking.expect(client.receive(), DiffPart)
                found += part.differences
            return found

        return await self._with(read)

    async def export(self, session: str, branch: str | None, format: Format) -> bytes:
        def read(client: Client) -> bytes:
            request = protocol.Export(session=session, branch=branch, format=format)
            part = asking.expect(client.ask(request), ExportPart)
            data = [part.data]
            while part.more:
                part = asking.expect(client.receive(), ExportPart)
                data.append(part.data)
            return b"".join(data)

        return await self._with(read)

    async def _with(self, work: Callable[[Client], R], *, start: bool = True) -> R:
        def run() -> R:
            with self.connect(start=start) as client:
                return work(client)

        return await in_thread(run)
