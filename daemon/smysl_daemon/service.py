"""What the server needs from whatever answers questions, in wire types.

The seam between sockets and reasoning: `server.py` knows this protocol only, `local.py` fulfils
it with a runtime, a store and an engine, and tests with a fake.
"""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from smysl_daemon.protocol import (
    EngineView,
    NodeShown,
    NodeView,
    ProgramView,
    Run,
    RunEnded,
    RunEvent,
    SessionView,
)


class SessionShown(msgspec.Struct, frozen=True):
    """A session and all its nodes, in order of creation."""

    session: SessionView
    nodes: tuple[NodeView, ...]


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    """The loaded engine, for `smysl daemon status`."""

    model: str
    fingerprint: str
    backend: str
    precision: str


class RunHandle(Protocol):
    """A run in progress. It goes on whether or not anybody iterates."""

    @property
    def session(self) -> str: ...

    def events(self) -> AsyncIterator[RunEvent | RunEnded]:
        """Node events, then exactly one `RunEnded`. A failure raises instead of it."""
        ...

    def cancel(self) -> None:
        """Returns at once; the run ends soon after. Idempotent."""
        ...


class Service(Protocol):
    """Everything a client can ask for. Methods raise errors that `wire.to_wire` knows."""

    @property
    def model(self) -> ModelView:
        """What is loaded; fixed for the daemon's life."""
        ...

    async def start(self, request: Run) -> RunHandle:
        """Begin a run; its question is durable on return. Nothing is written when it raises."""
        ...

    async def sessions(self, limit: int) -> tuple[SessionView, ...]:
        """Newest first."""
        ...

    async def show(self, id: str) -> SessionShown | NodeShown: ...

    async def programs(self) -> tuple[ProgramView, ...]: ...

    async def engines(self, *, verify: bool) -> tuple[EngineView, ...]: ...

    def check(self) -> None:
        """Raise when a conservation law is broken. Called when nothing runs."""
        ...

    async def close(self) -> None:
        """Cancel what runs, wait for it, free engine and database. Idempotent."""
        ...
