"""What the server needs from whatever answers questions, in wire types.

The seam between sockets and reasoning: `server.py` knows this protocol only, `local.py` fulfils
it with a runtime, a store and an engine, and tests with a fake.
"""

from collections.abc import AsyncIterator
from typing import Any, Protocol

import msgspec

from smysl_daemon.memory_protocol import MemoryReply, MemoryRequest
from smysl_daemon.protocol import (
    Answer,
    Answered,
    Changed,
    ChangeRequest,
    CheckPrograms,
    Control,
    Derive,
    Diff,
    Explain,
    Export,
    Fork,
    GetGraphStats,
    GetLog,
    ModelUsed,
    NodeShown,
    OperationList,
    Preview,
    Previewed,
    ProgramList,
    Rename,
    Replay,
    Replayed,
    Run,
    RunEnded,
    RunEvent,
    Search,
    SessionChanged,
    Show,
    Switch,
    TextDiff,
    UseModel,
    Why,
)
from smysl_daemon.shapes import (
    BranchView,
    CheckedView,
    DifferenceView,
    EngineStatsView,
    EngineView,
    GraphStatsView,
    HitView,
    ModuleView,
    NodeView,
    PlanView,
    ProgramWhole,
    ReasonView,
    SessionView,
)


class SessionShown(msgspec.Struct, frozen=True):
    """A session and all nodes of one of its branches, in order of creation."""

    session: SessionView
    nodes: tuple[NodeView, ...]


class Reasons(msgspec.Struct, frozen=True):
    """What a node rests on, inputs first."""

    session: str
    branch: str
    reasons: tuple[ReasonView, ...]


class Differences(msgspec.Struct, frozen=True):
    """How two branches of a session differ."""

    session: str
    differences: tuple[DifferenceView, ...]


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    """The loaded engine, for `smysl daemon status`."""

    model: str
    fingerprint: str
    backend: str
    precision: str
    device: str = "cpu"
    """Or the URL of the server that runs it."""


class RunHandle(Protocol):
    """A run in progress. It goes on whether or not anybody iterates."""

    @property
    def id(self) -> str: ...

    @property
    def session(self) -> str: ...

    @property
    def program(self) -> str: ...

    @property
    def branch(self) -> str: ...

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
        """What answers new questions; `use` changes it."""
        ...

    async def use(self, request: UseModel) -> ModelUsed:
        """Let another model answer new runs. Nothing has changed when it raises."""
        ...

    def stats(self) -> EngineStatsView:
        """What the engine holds and has done. Returns at once, whatever the engine does."""
        ...

    async def start(self, request: Run) -> RunHandle:
        """Begin a run; its question is durable on return. Nothing is written when it raises."""
        ...

    async def derive(self, request: Derive) -> RunHandle:
        """Begin a run that makes anew what is stale. Raises `NothingStale`."""
        ...

    async def explain(self, request: Explain) -> PlanView:
        """A plan; with `analyze`, after the run, which stops when this is cancelled."""
        ...

    async def answer(self, request: Answer) -> Answered:
        """Give a run what it waits for. Raises `BadRequest` where none does."""
        ...

    async def control(self, request: Control) -> str:
        """Steer the runs of a session; its id."""
        ...

    async def change(self, request: ChangeRequest) -> Changed:
        """Change what a branch shows; durable on return."""
        ...

    async def preview(self, request: Preview) -> Previewed: ...

    async def fork(self, request: Fork) -> BranchView: ...

    async def switch(self, request: Switch) -> BranchView: ...

    async def branches(self, session: str) -> tuple[BranchView, ...]:
        """In the order in which they were made."""
        ...

    async def log(self, request: GetLog) -> OperationList: ...

    async def why(self, request: Why) -> Reasons: ...

    async def diff(self, request: Diff) -> Differences | TextDiff: ...

    async def search(self, request: Search) -> tuple[HitView, ...]: ...

    async def sessions(self, limit: int) -> tuple[SessionView, ...]:
        """Newest first."""
        ...

    async def rename(self, request: Rename) -> SessionChanged: ...

    async def delete_session(self, session: str) -> SessionChanged:
        """For good, with every branch. Refused while something runs in it."""
        ...

    async def graph_stats(self, request: GetGraphStats) -> GraphStatsView: ...

    async def replay(self, request: Replay) -> Replayed: ...

    async def export(self, request: Export) -> bytes: ...

    async def import_session(self, data: bytes) -> SessionChanged: ...

    async def show(self, request: Show) -> SessionShown | NodeShown: ...

    async def memory(self, request: MemoryRequest) -> MemoryReply:
        """Look at what outlives sessions, or change it; durable on return."""
        ...

    async def programs(self) -> ProgramList: ...

    async def program(self, name: str) -> ProgramWhole: ...

    async def check_programs(self, request: CheckPrograms) -> tuple[CheckedView, ...]:
        """In the order of the request's files. Raises `BadRequest` for too much."""
        ...

    async def program_schema(self) -> dict[str, Any]: ...

    async def modules(self) -> tuple[ModuleView, ...]: ...

    async def engines(self, *, verify: bool, only: str | None = None) -> tuple[EngineView, ...]:
        """`only`: the fingerprint of one."""
        ...

    def check(self) -> None:
        """Raise when a conservation law is broken. Called when nothing runs."""
        ...

    async def close(self) -> None:
        """Cancel what runs, wait for it, free engine and database. Idempotent."""
        ...
