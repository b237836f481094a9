"""HTTP/1.1 on listening sockets, by uvicorn's protocol in the daemon's own event loop.

Knows connections; never requests. uvicorn's `Server` is left out: it takes over the signals, and wakes
ten times a second.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from smysl_daemon.http.application import Application
from smysl_daemon.http.doors import Door

log = logging.getLogger("smysl.http")

HEADERS_LIMIT_BYTES = 64 * 1024
HEADERS_SECONDS = 15.0
"""From a connection's first moment, or a later request's first byte, to the end of its headers."""
KEEP_ALIVE_SECONDS = 75
LEAVE_SECONDS = 2.0
"""How long responses may take to be sent when the daemon stops."""


class Serving:
    """Connections through any number of doors, to one application."""

    def __init__(self, application: Application, max_clients: int) -> None:
        self.max_clients = max_clients
        self._config = Config(
            application,
            http=_Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=HEADERS_LIMIT_BYTES,
        )
        self._config.load()
        self._state = ServerState()
        self._application = application

    @property
    def connections(self) -> int:
        return len(self._state.connections)

    async def listen(self, door: Door) -> asyncio.Server:
        """Serve whoever comes through a door, until the server is closed."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: self._connection(door), sock=door.listener)
        return server

    def hang_up(self, door: Door) -> None:
        """End every connection through a door; a response in progress is still sent."""
        for connection in list(self._state.connections):
            assert isinstance(connection, _Connection)
            if connection.door is door:
                connection.shutdown()

    async def finish(self) -> None:
        """Let responses in progress end, within `LEAVE_SECONDS`, then hang up on everybody."""
        for connection in list(self._state.connections):
            connection.shutdown()
        deadline = time.monotonic() + LEAVE_SECONDS
        while self._application.in_progress and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self._state.connections):
            connection.transport.abort()
        if tasks := set(self._state.tasks):
            _, left = await asyncio.wait(tasks, timeout=LEAVE_SECONDS)
            for task in left:
                task.cancel()

    def _connection(self, door: Door) -> "_Connection":
        state = {"door": door, "crowded": False}
        return _Connection(
            self._config, self._state, state, lambda: self.connections > self.max_clients
        )


class _Connection(H11Protocol):
    """One client. It is turned away where the door does not allow it, dropped where it sends no
    request, and told to come back where there are too many."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        crowded: Callable[[], bool],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.door: Door = app_state["door"]
        self._crowded = crowded
        self._refused = False
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        peer = cast(socket.socket, transport.get_extra_info("socket"))
        stranger = self.door.refusal(peer)
        if stranger is not None:
            log.warning("refused an HTTP client on %s: %s", self.door.name, stranger)
            self._refused = True
            transport.abort()
            return
        super().connection_made(transport)
        self.app_state["abort"] = transport.abort
        self.app_state["crowded"] = self._crowded()
        self._waiting = self.loop.call_later(HEADERS_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        asked = self.cycle is not None and not self.cycle.response_complete
        if asked and self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        elif not asked and self._waiting is None and not self.transport.is_closing():
            self._waiting = self.loop.call_later(HEADERS_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        if not self._refused:
            super().connection_lost(exc)

    def _give_up(self) -> None:
        log.info("a client sent no request within %g s: dropped", HEADERS_SECONDS)
        self.transport.abort()
