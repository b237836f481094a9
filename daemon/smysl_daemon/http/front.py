"""The façade's life in the daemon: its doors, the first client, a reload, the end.

Knows sockets and settings. What speaks HTTP is loaded when the first client comes, so that nobody
else pays for it.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from smysl_daemon.config import HttpConfig
from smysl_daemon.connection import House
from smysl_daemon.errors import BadConfig, DaemonError, SocketTaken
from smysl_daemon.http.bearer import load_token
from smysl_daemon.http.doors import Address, Door, address, listen_on
from smysl_daemon.lifecycle import InstanceLock, bind_socket
from smysl_daemon.peers import Admission

if TYPE_CHECKING:
    from smysl_daemon.http.serving import Serving

log = logging.getLogger("smysl.http")

UNIX, TCP = "unix", "tcp"


class Front:
    """Listens while the daemon serves."""

    def __init__(
        self,
        house: House,
        config: HttpConfig,
        *,
        path: Path,
        token_file: Path,
        lock: InstanceLock,
        max_clients: int,
        admission: Admission,
        inherited: socket.socket | None = None,
        supervised: bool = False,
    ) -> None:
        """`path`: of the Unix socket. `inherited`: that socket, when a supervisor listens there.
        `supervised`: a supervisor listens on the daemon's own; its folder may be nobody else's, and
        a socket that cannot be made there is gone without."""
        self._house = house
        self._config = config
        self._path = path
        self._token_file = token_file
        self._lock = lock
        self._max_clients = max_clients
        self._admission = admission
        self._inherited = inherited
        self._supervised = supervised
        self._doors: dict[str, Door] = {}
        self._servers: dict[str, asyncio.Server] = {}
        self._serving: Serving | None = None
        self._opening: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def tcp(self) -> str | None:
        """Where TCP clients are served; None where they are not."""
        door = self._doors.get(TCP)
        if door is None:
            return None
        host, port = door.listener.getsockname()[:2]
        return str(Address(host, port))

    def open(self) -> None:
        """Listen as the settings have it. Raises `DaemonError` for an address, a socket or a token
        that cannot be used; nothing listens then."""
        try:
            self._open_doors()
        except BaseException:
            self.stop_listening()
            raise

    def _open_doors(self) -> None:
        if self._config.socket:
            try:
                self._await_first(UNIX, self._unix_door())
            except SocketTaken as error:
                if not self._supervised:
                    raise
                log.warning("no HTTP on a Unix socket: %s", error)
        elif self._inherited is not None:
            log.warning("http.socket is false: the socket that was passed for it is not served")
        if self._config.tcp:
            self._await_first(TCP, self._tcp_door(self._config))
            log.info("HTTP on %s", self.tcp)

    def reconfigure(self, config: HttpConfig, max_clients: int) -> None:
        """Open and close doors as changed settings have it. Never raises: what cannot be opened is
        logged, and the others stay."""
        self._max_clients = max_clients
        if self._serving is not None:
            self._serving.max_clients = max_clients
        if self._stopped:
            return
        try:
            if config.socket and UNIX not in self._doors:
                self._await_first(UNIX, self._unix_door())
            elif not config.socket:
                self._shut(UNIX)
            self._change_tcp(config)
        except DaemonError as error:
            log.error("HTTP stays as it is: %s", error)

    def stop_listening(self) -> None:
        """Nobody new; who is connected stays."""
        self._stopped = True
        for name in list(self._doors):
            self._shut(name)

    async def close(self) -> None:
        """Let responses end, hang up, and forget everything. Idempotent."""
        self.stop_listening()
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait({self._opening})
        if self._serving is not None:
            await self._serving.finish()

    def _change_tcp(self, config: HttpConfig) -> None:
        # the token may be another one although the address is the same
        if not config.tcp:
            self._shut(TCP)
            return
        where = address(config.tcp)
        door = self._doors.get(TCP)
        if door is not None and str(where) in (door.name, self.tcp):
            token, local = self._token(where, config)
            changed = door._replace(token=token, local_names_only=local)
            if changed == door:
                return
            listener = door.listener.dup()
            self._shut(TCP)
            if self._serving is not None:
                # who has shown the old token shows the new one next time
                self._serving.hang_up(door)
            self._await_first(TCP, changed._replace(listener=listener))
            return
        opened = self._tcp_door(config)
        self._shut(TCP)
        self._await_first(TCP, opened)
        log.info("HTTP on %s", self.tcp)

    def _unix_door(self) -> Door:
        listener = (
            self._inherited.dup()
            if self._inherited
            else bind_socket(self._path, self._lock, self._admission.group)
        )
        listener.setblocking(False)
        return Door(UNIX, listener, refusal=self._admission.refusal)

    def _tcp_door(self, config: HttpConfig) -> Door:
        where = address(config.tcp)
        token, local = self._token(where, config)
        return Door(str(where), listen_on(where), token, local)

    def _token(self, where: Address, config: HttpConfig) -> tuple[str | None, bool]:
        """What clients must show, and whether only this machine's names count."""
        if config.token:
            return load_token(self._token_file), False
        if not where.loopback:
            raise BadConfig(
                f"http.token is false and http.tcp is {where}, where other machines can come: take "
                "http.token out, or listen on 127.0.0.1"
            )
        return None, True

    def _await_first(self, name: str, door: Door) -> None:
        """Be called when somebody knocks; the connection waits in the backlog until then."""
        self._doors[name] = door
        if self._serving is not None:
            self._start_opening()
            return
        asyncio.get_running_loop().add_reader(door.listener, self._start_opening)

    def _start_opening(self) -> None:
        for name, door in self._doors.items():
            if name not in self._servers:
                asyncio.get_running_loop().remove_reader(door.listener)
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open(), name="http")

    async def _open(self) -> None:
        try:
            await self._serve_doors()
        except Exception:
            # whoever waits outside must not wait for ever
            log.exception("HTTP cannot be served; its sockets are closed")
            for name in list(self._doors):
                self._shut(name)

    async def _serve_doors(self) -> None:
        if self._serving is None:
            # a tenth of a second of imports, which must not hold up everybody else
            make = await asyncio.to_thread(_loaded)
            self._serving = make(self._house, self._max_clients)
        while waiting := [name for name in self._doors if name not in self._servers]:
            door = self._doors[waiting[0]]
            server = await self._serving.listen(door)
            if self._doors.get(waiting[0]) is door:
                self._servers[waiting[0]] = server
            else:
                server.close()  # it was shut meanwhile

    def _shut(self, name: str) -> None:
        door = self._doors.pop(name, None)
        if door is None:
            return
        asyncio.get_running_loop().remove_reader(door.listener)
        server = self._servers.pop(name, None)
        if server is not None:
            server.close()
        door.listener.close()
        if name == UNIX and self._inherited is None:
            with contextlib.suppress(OSError):
                self._path.unlink()


def _loaded() -> "Callable[[House, int], Serving]":
    from smysl_daemon.http.application import Application
    from smysl_daemon.http.serving import Serving

    return lambda house, max_clients: Serving(Application(house), max_clients)
