"""A server in the test's own event loop, and raw connections to it."""

import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from smysl_daemon.framing import FrameBuffer, daemon_messages, encode
from smysl_daemon.lifecycle import InstanceLock, bind_socket
from smysl_daemon.protocol import PROTOCOL, ClientMessage, DaemonMessage, Hello
from smysl_daemon.server import Server


def load_fake() -> ModuleType:
    """tests are no package (import-mode=importlib), so the fake is loaded by its path."""
    name = "smysl_test_fake_daemon"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, Path(__file__).with_name("fake_daemon.py")
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


class Peer:
    """A client that can also send rubbish."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._buffer = FrameBuffer()
        self._decoder = daemon_messages()
        self._ready: list[DaemonMessage] = []

    def send(self, message: ClientMessage) -> None:
        self.writer.write(encode(message))

    def send_raw(self, data: bytes) -> None:
        self.writer.write(data)

    async def receive(self) -> DaemonMessage:
        """Raises `EOFError` when the daemon hung up."""
        while not self._ready:
            async with asyncio.timeout(60):
                data = await self._reader.read(1 << 16)
            if not data:
                raise EOFError
            self._ready += [self._decoder.decode(one) for one in self._buffer.feed(data)]
        return self._ready.pop(0)

    async def receive_all(self, last: type) -> list[DaemonMessage]:
        """Everything up to and with the first message of a type."""
        got = [await self.receive()]
        while not isinstance(got[-1], last):
            got.append(await self.receive())
        return got


class Running:
    """A server that serves in a task."""

    def __init__(self, server: Server, service: Any, path: Path, task: "asyncio.Task[None]"):
        self.server = server
        self.service = service
        self.path = path
        self.task = task
        self._peers = AsyncExitStack()

    async def peer(self, *, hello: bool = True) -> Peer:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        self._peers.callback(writer.close)
        peer = Peer(reader, writer)
        if hello:
            peer.send(Hello(protocol=PROTOCOL, client="test"))
            await peer.receive()
        return peer

    async def stop(self) -> None:
        self.server.stop()
        self.server.stop()  # tests that are over have nothing to drain
        async with asyncio.timeout(60):
            await self.task
        await self._peers.aclose()


MakeServer = Callable[..., Any]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[MakeServer]:
    """`async with serve(**options) as running`."""

    @asynccontextmanager
    async def make(**options: Any) -> AsyncIterator[Running]:
        service = load_fake().FakeService()
        path = tmp_path / "s.sock"
        with InstanceLock(tmp_path / "data" / "lock") as lock:
            server = Server(service, data=tmp_path / "data", path=path, **options)
            ready = asyncio.Event()
            listener: socket.socket = bind_socket(path, lock)
            task = asyncio.create_task(server.serve(listener, ready.set))
            await ready.wait()
            running = Running(server, service, path, task)
            try:
                yield running
            finally:
                await running.stop()

    yield make
