"""The messages between a client and the daemon, one union per direction, and the JSON people see.

Knows neither sockets nor frames nor the reasoning package: a client pays for msgspec alone.
Adding a message to a union makes mypy point at every `match` that must learn it.
"""

from typing import Annotated, Any, Literal

import msgspec

from smysl_daemon.errors import Code

PROTOCOL = 1
"""Raised when an older peer could misread a message; both sides compare it before anything else."""

Positive = Annotated[int, msgspec.Meta(ge=1)]
Verdict = Literal["verified", "unverified", "failed", "budget"]


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all messages: frozen, keyword-only, tagged by `type` on the wire."""


# ---------------------------------------------------------------- shared views


class EdgeView(msgspec.Struct, frozen=True):
    role: str
    node: str


class StatsView(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    calls: int = 0
    milliseconds: float = 0.0
    confidence: float | None = None
    """0..1."""


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A thought node as clients see it: the JSON shape of `smysl ask --json` and `smysl show`."""

    id: str
    kind: str
    text: str
    data: dict[str, Any] | None = None
    """The node's typed data with its tag under `type`."""
    inputs: tuple[EdgeView, ...] = ()
    status: str = "done"
    stats: StatsView = StatsView()


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    created: str
    """ISO 8601 with offset."""
    program: str
    nodes: int
    answer: str | None
    verdict: str | None
    """None while the session's last run goes on, or when it never finished."""


class ProgramView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    summary: str
    source: str
    """Where the program comes from: `built-in`, or a file."""


class EngineView(msgspec.Struct, frozen=True, kw_only=True):
    fingerprint: str
    model: str
    backend: str
    precision: str
    size_bytes: int
    loaded: bool
    problem: str | None = None
    """What a verification found wrong; None when nothing is, or when nothing was looked at."""


class UsageView(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    calls: int = 0


class AskResult(msgspec.Struct, frozen=True, kw_only=True):
    """The one object `smysl ask --json` prints."""

    session: str
    answer: str | None
    verdict: Verdict
    confidence: float | None
    program: str
    model: str
    nodes: tuple[NodeView, ...]
    usage: UsageView
    seconds: float


# ------------------------------------------------------------ client to daemon


class Hello(_Message, frozen=True, tag="hello"):
    """The first message of every connection, in every protocol version."""

    protocol: int
    client: str


class Run(_Message, frozen=True, tag="run"):
    """Ask. Answered by `Accepted`, node events, then exactly one `RunEnded` or `ErrorReply`."""

    question: str
    program: str = "solve"
    context: str = ""
    session: str | None = None
    """Id, unique prefix or `@last` of a session to continue; None begins a new one."""
    model: str | None = None
    """Refused unless it names the loaded model; None takes whatever is loaded."""
    seed: int = 0
    options: dict[str, Any] = {}
    budget_tokens: Positive | None = None
    budget_seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Cancel(_Message, frozen=True, tag="cancel"):
    """Stop this connection's run. The run still ends in its `RunEnded`. Harmless without a run."""


class ListSessions(_Message, frozen=True, tag="list_sessions"):
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20


class Show(_Message, frozen=True, tag="show"):
    id: str = "@last"


class ListPrograms(_Message, frozen=True, tag="list_programs"):
    pass


class ListEngines(_Message, frozen=True, tag="list_engines"):
    verify: bool = False
    """Also hash every file and compare with the manifest."""


class GetStatus(_Message, frozen=True, tag="get_status"):
    pass


class Stop(_Message, frozen=True, tag="stop"):
    """Shut down as SIGTERM does: running work may finish within the drain deadline."""


ClientMessage = (
    Hello | Run | Cancel | ListSessions | Show | ListPrograms | ListEngines | GetStatus | Stop
)


# ------------------------------------------------------------ daemon to client


class Welcome(_Message, frozen=True, tag="welcome"):
    protocol: int
    version: str
    pid: int


class ErrorReply(_Message, frozen=True, tag="error"):
    """The end of a request that was refused or failed."""

    code: Code
    message: str


class Accepted(_Message, frozen=True, tag="accepted"):
    """The question is in the journal: a crash after this keeps it."""

    session: str
    program: str
    model: str


class NodeStarted(_Message, frozen=True, tag="node_started"):
    node: NodeView


class NodeDelta(_Message, frozen=True, tag="node_delta"):
    """Text a running node gained. May be left out for a client that reads slowly."""

    node: str
    text: str


class NodeFinished(_Message, frozen=True, tag="node_finished"):
    """A node in its final state, already durable."""

    node: NodeView


class RunEnded(_Message, frozen=True, tag="run_ended"):
    session: str
    outcome: Literal["done", "cancelled", "failed"]
    answer: str | None
    verdict: Verdict
    confidence: float | None
    message: str = ""
    """For people: why it is not verified, or what failed."""
    usage: UsageView = UsageView()
    seconds: float = 0.0


class SessionList(_Message, frozen=True, tag="session_list"):
    sessions: tuple[SessionView, ...]


class SessionPart(_Message, frozen=True, tag="session_part"):
    """Some of a session's nodes, in order of creation; parts follow until `more` is false."""

    session: SessionView
    nodes: tuple[NodeView, ...]
    more: bool


class NodeShown(_Message, frozen=True, tag="node_shown"):
    session: str
    node: NodeView


class ProgramList(_Message, frozen=True, tag="program_list"):
    programs: tuple[ProgramView, ...]


class EngineList(_Message, frozen=True, tag="engine_list"):
    engines: tuple[EngineView, ...]


class DaemonStatus(_Message, frozen=True, tag="status"):
    version: str
    pid: int
    uptime_seconds: float
    model: str
    fingerprint: str
    backend: str
    precision: str
    clients: int
    runs: int
    """Runs in progress."""
    rss_bytes: int
    """Resident memory of the daemon's process."""
    data: str
    socket: str
    stopping: bool = False


class StopAccepted(_Message, frozen=True, tag="stop_accepted"):
    pid: int


RunEvent = NodeStarted | NodeDelta | NodeFinished
DaemonMessage = (
    Welcome
    | ErrorReply
    | Accepted
    | RunEvent
    | RunEnded
    | SessionList
    | SessionPart
    | NodeShown
    | ProgramList
    | EngineList
    | DaemonStatus
    | StopAccepted
)
