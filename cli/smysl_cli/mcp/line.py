"""One connection to the daemon in an event loop, for tools that can be cancelled while they wait.

Knows frames and messages; never the protocol on the other side.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import ByteStream

from smysl_daemon.client import connect
from smysl_daemon.config import find_dirs
from smysl_daemon.errors import PeerDropped, RequestRefused
from smysl_daemon.framing import FrameBuffer, daemon_messages, encode
from smysl_daemon.protocol import (
    PROTOCOL,
    Cancel,
    ClientMessage,
    DaemonMessage,
    ErrorReply,
    Hello,
)
from smysl_daemon.version import VERSION

CANCEL_LIMIT_S = 3.0
"""How long a cancelled run may take to say so."""


class Line:
    """After a successful handshake. One request at a time."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._buffer = FrameBuffer()
        self._decoder = daemon_messages()
        self._ready: list[DaemonMessage] = []

    async def send(self, message: ClientMessage) -> None:
        """Raises `FrameTooLarge` before anything is sent, `PeerDropped`."""
        try:
            await self._stream.send(encode(message))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise PeerDropped("the daemon closed the connection") from None

    async def receive(self) -> DaemonMessage:
        """Raises `RequestRefused` for an error of the daemon's, `PeerDropped`."""
        while not self._ready:
            try:
                data = await self._stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                raise PeerDropped(
                    "the daemon closed the connection; see `smysl daemon logs`"
                ) from None
            self._ready += [self._decoder.decode(payload) for payload in self._buffer.feed(data)]
        message = self._ready.pop(0)
        if isinstance(message, ErrorReply):
            raise RequestRefused(message.code, message.message)
        return message

    async def ask(self, message: ClientMessage) -> DaemonMessage:
        """The first reply."""
        await self.send(message)
        return await self.receive()

    async def cancel(self, last: type[DaemonMessage]) -> None:
        """Stop this line's run and wait, not for long, until the daemon says that it has ended."""
        with anyio.move_on_after(CANCEL_LIMIT_S, shield=True):
            try:
                await self.send(Cancel())
                while not isinstance(await self.receive(), last):
                    pass
            except (RequestRefused, PeerDropped):
                pass


@asynccontextmanager
async def daemon_line() -> AsyncIterator[Line]:
    """A connection; a daemon is started where none runs. Raises `Unreachable`."""
    dirs = find_dirs()
    # whoever answers there is looked at, or started, once; this may take as long as a build
    await anyio.to_thread.run_sync(lambda: connect(dirs).close())
    async with await anyio.connect_unix(dirs.socket) as stream:
        line = Line(stream)
        await line.ask(Hello(protocol=PROTOCOL, client=f"smysl mcp {VERSION}"))
        yield line
