"""Accepts clients on the Unix socket, checks who they are, and ends every one of them on a stop.

Knows sockets and connections; never what a request means.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from smysl_daemon.connection import Connection, House
from smysl_daemon.errors import DaemonError, Stopping, TooManyClients
from smysl_daemon.framing import client_messages
from smysl_daemon.managed import Managed, Resuming
from smysl_daemon.peers import Admission
from smysl_daemon.protocol import DaemonStatus
from smysl_daemon.service import Service
from smysl_daemon.version import VERSION

log = logging.getLogger("smysl.server")

FLUSH_LIMIT_S = 2.0
"""How long clients may take their last replies when the daemon stops."""
Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SUSPEND_LIMIT_S = 5.0
"""How long runs may take to be put away at the end of the drain, before they are cancelled."""


class Server:
    """The daemon's front door. `serve` returns after a stop was asked for and carried out."""

    def __init__(
        self,
        service: Service,
        *,
        data: Path,
        path: Path,
        max_runs: int = 32,
        max_clients: int = 64,
        drain_s: float = 10.0,
        idle_s: float = 0.0,
        owns_path: bool = True,
        admission: Admission | None = None,
    ) -> None:
        """`owns_path`: the socket's file goes with the server; a supervisor keeps its own.
        `admission`: None serves our own user and root alone."""
        self._data = data
        self._path = path
        self._owns_path = owns_path
        self._max_clients = max_clients
        self._drain_s = drain_s
        self._idle_s = idle_s
        self._admission = admission or Admission()
        self._service = service
        self._house = House(service, max_runs=max_runs, status=self.status)
        self._decoder = client_messages()
        self._clients: dict[asyncio.Task[None], Connection] = {}
        self._hurry = asyncio.Event()
        self._started = time.monotonic()

    @property
    def house(self) -> House:
        """What every front door works in."""
        return self._house

    def stop(self) -> None:
        """Begin to stop; a second call cancels what still runs. Safe in a signal handler."""
        if self._house.stopping.is_set():
            self._hurry.set()
        self._house.stopping.set()

    def reconfigure(self, *, max_clients: int, drain_s: float, idle_s: float) -> None:
        """Change limits while serving; who is connected stays."""
        self._max_clients = max_clients
        self._drain_s = drain_s
        self._idle_s = idle_s

    async def serve(
        self,
        listener: socket.socket,
        ready: Callable[[], None],
        stopping: Callable[[], None] = lambda: None,
    ) -> None:
        """Accept until a stop, then drain, answer, and close every connection. `stopping` is called
        once, at the beginning of the end."""
        server = await _listen(self._accept, listener)
        idle = asyncio.create_task(self._watch_idleness(), name="idle")
        try:
            if isinstance(self._service, Resuming):
                for run in self._service.resumed():
                    self._house.go_on(run)
            ready()
            await self._house.stopping.wait()
            stopping()
        finally:
            idle.cancel()
            server.close()
            if self._owns_path:
                self._path.unlink(missing_ok=True)
            await self._drain()
            self._house.subscriptions.close()
            await self._close_clients()
        self._house.check()

    async def _drain(self) -> None:
        """Let runs end; put away what is left at the deadline, so that the next daemon goes on with
        it, or cancel it where the service cannot do that."""
        service = self._service
        if not isinstance(service, Managed):
            await self._house.drain(self._drain_s, self._hurry)
            return
        deadline = asyncio.create_task(self._suspend_at_deadline(service), name="deadline")
        await self._house.drain(self._drain_s + SUSPEND_LIMIT_S, self._hurry)
        deadline.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await deadline

    async def _suspend_at_deadline(self, service: Managed) -> None:
        await asyncio.sleep(self._drain_s)
        if count := await service.suspend():
            log.info("%d runs put away; the next daemon goes on with them", count)

    def status(self) -> DaemonStatus:
        model = self._service.model
        return DaemonStatus(
            version=VERSION,
            pid=os.getpid(),
            uptime_seconds=round(time.monotonic() - self._started, 3),
            model=model.model,
            fingerprint=model.fingerprint,
            backend=model.backend,
            precision=model.precision,
            device=model.device,
            clients=len(self._clients),
            runs=self._house.runs,
            rss_bytes=resident_bytes(),
            data=str(self._data),
            socket=str(self._path),
            stopping=self._house.stopping.is_set(),
            engine=self._service.stats(),
        )

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connection = Connection(self._house, self._decoder, reader, writer)
        refusal = self._refusal(writer)
        if refusal is not None:
            log.warning("refused a client: %s", refusal)
            await connection.refuse(refusal)
            return
        self._clients[task] = connection
        try:
            await connection.serve()
        except Exception:  # one connection's failure must not end the daemon
            log.exception("a connection failed")
            connection.abort()
        finally:
            del self._clients[task]
            self._house.note_use()

    def _refusal(self, writer: asyncio.StreamWriter) -> DaemonError | None:
        stranger = self._admission.refusal(writer.get_extra_info("socket"))
        if stranger is not None:
            return stranger
        if self._house.stopping.is_set():
            return Stopping("the daemon is stopping; try again in a moment")
        if len(self._clients) >= self._max_clients:
            return TooManyClients(
                f"{len(self._clients)} clients are connected and the limit is "
                f"{self._max_clients}; try again later, or raise max_clients in config.toml"
            )
        return None

    async def _close_clients(self) -> None:
        """Let replies in progress end, then hang up on everybody."""
        deadline = time.monotonic() + FLUSH_LIMIT_S
        while any(c.busy for c in self._clients.values()) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        tasks = set(self._clients)
        for connection in self._clients.values():
            connection.hang_up()
        if tasks:
            await asyncio.wait(tasks, timeout=FLUSH_LIMIT_S)
        for connection in list(self._clients.values()):
            connection.abort()

    def _check(self) -> None:
        try:
            self._house.check()
            self._service.check()
        except Exception:
            # our own mistake, which must be seen but need not end other people's work
            log.exception("a conservation law is broken")

    async def _watch_idleness(self) -> None:
        """Check the books while nothing happens, and leave when nobody came for long."""
        while True:
            # read anew each time: the limit may be changed in between
            await asyncio.sleep(min(60.0, self._idle_s) if self._idle_s else 60.0)
            if self._clients or self._house.runs:
                continue
            self._check()
            if self._idle_s and time.monotonic() - self._house.last_use >= self._idle_s:
                log.info("idle for %g s: stopping", self._idle_s)
                self.stop()


async def _listen(accept: Accept, listener: socket.socket) -> asyncio.Server:
    if sys.version_info >= (3, 13):
        # whose the file is, and so who removes it, is decided above
        return await asyncio.start_unix_server(accept, sock=listener, cleanup_socket=False)
    return await asyncio.start_unix_server(accept, sock=listener)


def resident_bytes() -> int:
    """Resident memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
