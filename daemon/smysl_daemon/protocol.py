"""The messages between a client and the daemon, one union per direction.

Knows neither sockets nor frames nor the reasoning package: a client pays for msgspec alone.
Adding a message to a union makes mypy point at every `match` that must learn it.
"""

from typing import Annotated, Any, Literal

import msgspec

from smysl_daemon.errors import Code
from smysl_daemon.memory_protocol import MemoryReply, MemoryRequest, StaleSession
from smysl_daemon.message import Message
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
    OperationView,
    PlanView,
    ProgramView,
    ProgramWhole,
    ReasonView,
    ReplayDifferenceView,
    SessionView,
    UsageView,
    Verdict,
    VersionView,
)

PROTOCOL = 5
"""Raised when an older peer could misread a message; both sides compare it before anything else.
2: requests name branches, which a daemon of version 1 would pass over and use the wrong one.
3: runs have a budget of calls, which a daemon of version 2 would pass over and spend more.
4: runs have an adapter, which a daemon of version 3 would pass over and answer without it.
5: runs recall, which a daemon of version 4 would pass over and answer without memory."""
PROGRAMS_LIMIT_BYTES = 1 << 20
"""Of all program files of one `CheckPrograms` together."""

Positive = Annotated[int, msgspec.Meta(ge=1)]
Recall = Annotated[int, msgspec.Meta(ge=0, le=20)]
PositiveSeconds = Annotated[float, msgspec.Meta(gt=0)]
Action = Literal["pause", "resume", "cancel", "finish"]
Format = Literal["json", "markdown", "dot", "svg", "html"]


# ------------------------------------------------------------ client to daemon


class Hello(Message, frozen=True, tag="hello"):
    """The first message of every connection, in every protocol version."""

    protocol: int
    client: str


class Run(Message, frozen=True, tag="run"):
    """Ask. Answered by `Accepted`, node events, then exactly one `RunEnded` or `ErrorReply`."""

    question: str
    program: str = "solve"
    context: str = ""
    session: str | None = None
    """Id, unique prefix or `@last` of a session to continue; None begins a new one."""
    branch: str | None = None
    """Of that session; None means its current one, here and in every other request."""
    model: str | None = None
    """Refused unless it names the loaded model; None takes whatever is loaded."""
    seed: int = 0
    options: dict[str, Any] = {}
    adapter: str | None = None
    """Of the loaded model, for every step that names none."""
    fresh: bool = False
    """Nothing that other runs have made is reused."""
    recall: Recall | None = None
    """Most memories that fall into the question; None means what the daemon's config says."""
    budget_tokens: Positive | None = None
    budget_calls: Positive | None = None
    budget_seconds: PositiveSeconds | None = None


class Explain(Message, frozen=True, tag="explain"):
    """How a program would answer. Answered by `Explained`."""

    question: str
    program: str = "solve"
    context: str = ""
    seed: int = 0
    options: dict[str, Any] = {}
    adapter: str | None = None
    recall: Recall | None = None
    """As in `Run`; only what is analysed counts as a use."""
    analyze: bool = False
    """Run it too, in a session of its own, and say what it came to. `Cancel` stops that, and the
    reply is then an `ErrorReply`; so does a client that leaves."""


class Answer(Message, frozen=True, tag="answer"):
    """Answer a question that a run has put to the person. Answered by `Answered`."""

    node: str
    """Id of that question; it may be shortened."""
    text: str


class Derive(Message, frozen=True, tag="derive"):
    """Make anew what is stale. Answered as `Run` is."""

    session: str = "@last"
    branch: str | None = None
    node: str | None = None
    """Derive what belongs to this node's question; None means the latest question."""
    program: str | None = None
    """Another program than the one that derived it before."""
    seed: int | None = None
    """Another seed of the whole run."""
    budget_tokens: Positive | None = None
    budget_calls: Positive | None = None
    budget_seconds: PositiveSeconds | None = None


class Cancel(Message, frozen=True, tag="cancel"):
    """Stop this connection's run, analysis or watch, which still ends in its one last reply. Harmless
    without one."""


class Control(Message, frozen=True, tag="control"):
    """Steer the runs that go on in a session, whoever asked for them."""

    action: Action
    session: str = "@last"


class Watch(Message, frozen=True, tag="watch"):
    """Hear what happens in a branch, whoever causes it. Answered by `Watching`, then, as they come, by
    `Accepted`, node events and `RunEnded` of its runs, `Changed` of what others do to it, and of its
    session by `Controlled`, `BranchChosen` and `SessionChanged`. Ends with `WatchEnded` after `Cancel`,
    or with an `ErrorReply`."""

    session: str = "@last"
    branch: str | None = None


class Edit(Message, frozen=True, tag="edit"):
    """Say something else in a node's place. Ids of nodes may be shortened, here and below."""

    node: str
    text: str
    branch: str | None = None


class Inject(Message, frozen=True, tag="inject"):
    """Put a note at a node: everything derived from the node sees it."""

    node: str
    text: str
    branch: str | None = None


class Delete(Message, frozen=True, tag="delete"):
    """Take a node out of a branch."""

    node: str
    branch: str | None = None


class Pin(Message, frozen=True, tag="pin"):
    """Hold a node as it is, or let it go."""

    node: str
    on: bool
    branch: str | None = None


class Retry(Message, frozen=True, tag="retry"):
    """Mark a node to be made in another way; what is None stays as the program has it."""

    node: str
    seed: int | None = None
    temperature: float | None = None
    adapter: str | None = None
    branch: str | None = None


class Merge(Message, frozen=True, tag="merge"):
    """Take a node as another branch shows it."""

    node: str
    source: str
    branch: str | None = None


class Undo(Message, frozen=True, tag="undo"):
    session: str = "@last"
    branch: str | None = None


class Redo(Message, frozen=True, tag="redo"):
    session: str = "@last"
    branch: str | None = None


class Preview(Message, frozen=True, tag="preview"):
    """What a `Derive` would cost, now or after an edit that is not made."""

    session: str = "@last"
    branch: str | None = None
    edit: Edit | None = None
    """Its session and branch count, if there is one."""


class Fork(Message, frozen=True, tag="fork"):
    """Begin a branch at a node and make it the current one."""

    node: str
    name: str
    branch: str | None = None


class Switch(Message, frozen=True, tag="switch"):
    """Make a branch the current one."""

    name: str
    session: str = "@last"


class ListBranches(Message, frozen=True, tag="list_branches"):
    session: str = "@last"


class GetLog(Message, frozen=True, tag="get_log"):
    session: str = "@last"
    branch: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


class Why(Message, frozen=True, tag="why"):
    node: str
    branch: str | None = None


class Diff(Message, frozen=True, tag="diff"):
    """Compare two branches of a session or, where these name none, two nodes."""

    a: str
    b: str
    session: str = "@last"


class Search(Message, frozen=True, tag="search"):
    text: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20


class ListSessions(Message, frozen=True, tag="list_sessions"):
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20


class Rename(Message, frozen=True, tag="rename"):
    title: str
    session: str = "@last"


class DeleteSession(Message, frozen=True, tag="delete_session"):
    session: str


class GetGraphStats(Message, frozen=True, tag="get_graph_stats"):
    session: str = "@last"
    branch: str | None = None


class Replay(Message, frozen=True, tag="replay"):
    """Make every node again in the way it was made, compare, and write nothing."""

    session: str = "@last"
    branch: str | None = None


class Export(Message, frozen=True, tag="export"):
    session: str = "@last"
    branch: str | None = None
    """Of no meaning for `json`, which holds every branch."""
    format: Format = "json"


class Import(Message, frozen=True, tag="import"):
    """A part of what `Export` gave as `json`; parts follow until `more` is false."""

    data: bytes
    more: bool


class Show(Message, frozen=True, tag="show"):
    id: str = "@last"
    branch: str | None = None


class ListPrograms(Message, frozen=True, tag="list_programs"):
    pass


class GetProgram(Message, frozen=True, tag="get_program"):
    name: str


class ProgramFile(msgspec.Struct, frozen=True, kw_only=True):
    """A program that a client has read from a file."""

    name: str
    """Of the file, without folder and ending: what the program must be called."""
    file: str
    """What mistakes are to name."""
    text: str


class CheckPrograms(Message, frozen=True, tag="check_programs"):
    """Parse and type files, together with each other and with the programs that are there. Nothing
    is kept. Answered by `ProgramsChecked`."""

    files: Annotated[tuple[ProgramFile, ...], msgspec.Meta(min_length=1, max_length=256)]


class GetProgramSchema(Message, frozen=True, tag="get_program_schema"):
    pass


class ListModules(Message, frozen=True, tag="list_modules"):
    pass


class ListEngines(Message, frozen=True, tag="list_engines"):
    verify: bool = False
    """Also hash every file and compare with the manifest."""
    only: str | None = None
    """The fingerprint of one engine; None means all."""


class UseModel(Message, frozen=True, tag="use_model"):
    """Let another model answer new questions; runs in progress end with theirs. Answered by
    `ModelUsed` when it is loaded, which takes long where its engine has to be built."""

    model: str
    """A model of the models folder, the path of one, or an engine of the store by its model's name
    or the beginning of its fingerprint."""
    saved: bool = False
    """The client writes it to config.toml: a reload that finds something else there follows that."""


class GetStatus(Message, frozen=True, tag="get_status"):
    pass


class Stop(Message, frozen=True, tag="stop"):
    """Shut down as SIGTERM does: running work may finish within the drain deadline."""


ChangeRequest = Edit | Inject | Delete | Pin | Retry | Merge | Undo | Redo
"""Answered by `Changed`."""
ClientMessage = (
    Hello
    | Run
    | Derive
    | Explain
    | Answer
    | Cancel
    | Control
    | Watch
    | ChangeRequest
    | Preview
    | Fork
    | Switch
    | ListBranches
    | GetLog
    | Why
    | Diff
    | Search
    | ListSessions
    | Rename
    | DeleteSession
    | GetGraphStats
    | Replay
    | Export
    | Import
    | Show
    | ListPrograms
    | GetProgram
    | CheckPrograms
    | GetProgramSchema
    | ListModules
    | ListEngines
    | UseModel
    | MemoryRequest
    | GetStatus
    | Stop
)


# ------------------------------------------------------------ daemon to client


class Welcome(Message, frozen=True, tag="welcome"):
    protocol: int
    version: str
    pid: int


class ErrorReply(Message, frozen=True, tag="error"):
    """The end of a request that was refused or failed."""

    code: Code
    message: str


class Accepted(Message, frozen=True, tag="accepted"):
    """The question is in the journal: a crash after this keeps it."""

    session: str
    program: str
    model: str
    run: str = ""
    """Id of the run: it is the same for everybody who hears of it."""


class NodeStarted(Message, frozen=True, tag="node_started"):
    node: NodeView


class NodeDelta(Message, frozen=True, tag="node_delta"):
    """Text a running node gained. May be left out for a client that reads slowly."""

    node: str
    text: str


class NodeFinished(Message, frozen=True, tag="node_finished"):
    """A node in its final state, already durable."""

    node: NodeView


class RunEnded(Message, frozen=True, tag="run_ended"):
    session: str
    outcome: Literal["done", "cancelled", "failed"]
    answer: str | None
    verdict: Verdict
    confidence: float | None
    message: str = ""
    """For people: why it is not verified, or what failed."""
    usage: UsageView = UsageView()
    seconds: float = 0.0


class Explained(Message, frozen=True, tag="explained"):
    plan: PlanView


class Answered(Message, frozen=True, tag="answered"):
    """The run that asked has its answer and goes on."""

    session: str


class Controlled(Message, frozen=True, tag="controlled"):
    """What was asked of the session's runs is under way."""

    session: str
    action: Action


class Watching(Message, frozen=True, tag="watching"):
    """From here on nothing is missed. Where a run goes on, its `Accepted` follows, and what is running
    with its text so far; what is finished is there to be read."""

    session: str
    branch: str


class WatchEnded(Message, frozen=True, tag="watch_ended"):
    session: str


class Changed(Message, frozen=True, tag="changed"):
    """A branch has a new operation, or is at another one."""

    session: str
    branch: str
    op: int | None
    """The operation the branch is at now."""
    label: str
    """Of the operation that was made, undone or done again: `edit k3f9...: 48 / 2`."""
    node: str
    """The node it was about: the note, for an injection; empty where it was about several."""
    stale: tuple[str, ...]
    """Everything in the branch that is stale now, inputs first."""
    elsewhere: tuple[StaleSession, ...] | None = None
    """Of an edited memory, which is in no session that could be derived: those that rest on it."""


class Previewed(Message, frozen=True, tag="previewed"):
    session: str
    branch: str
    stale: tuple[str, ...]
    """Nodes to derive, inputs first."""
    reused: tuple[str, ...]
    """Of these, nodes that were made before in the same way and cost nothing."""
    kept: int
    """Nodes that stay as they are."""
    calls: int
    expected_tokens: int
    expected_seconds: float


class BranchList(Message, frozen=True, tag="branch_list"):
    branches: tuple[BranchView, ...]


class BranchChosen(Message, frozen=True, tag="branch_chosen"):
    """The branch that commands without a branch mean from now on."""

    branch: BranchView


class OperationList(Message, frozen=True, tag="operation_list"):
    session: str
    branch: str
    operations: tuple[OperationView, ...]
    """Newest first."""


class WhyPart(Message, frozen=True, tag="why_part"):
    """Some of the reasons, inputs first; parts follow until `more` is false."""

    session: str
    branch: str
    reasons: tuple[ReasonView, ...]
    more: bool


class DiffPart(Message, frozen=True, tag="diff_part"):
    """Some of the differences of two branches; parts follow until `more` is false."""

    session: str
    differences: tuple[DifferenceView, ...]
    more: bool


class TextDiff(Message, frozen=True, tag="text_diff"):
    """How the text of one node becomes that of another."""

    a: NodeView
    b: NodeView
    words: tuple[tuple[Literal["=", "-", "+"], str], ...]


class HitList(Message, frozen=True, tag="hit_list"):
    hits: tuple[HitView, ...]
    """Best first."""


class SessionList(Message, frozen=True, tag="session_list"):
    sessions: tuple[SessionView, ...]


class SessionChanged(Message, frozen=True, tag="session_changed"):
    """A session was renamed, deleted or imported."""

    session: str
    title: str


class GraphStats(Message, frozen=True, tag="graph_stats"):
    stats: GraphStatsView


class Replayed(Message, frozen=True, tag="replayed"):
    session: str
    branch: str
    same: int
    """Nodes that came out with the same value."""
    held: int
    """Nodes that a person holds, taken as they are."""
    different: tuple[ReplayDifferenceView, ...]
    engines_were: tuple[str, ...]
    """Fingerprints of the engines that made the nodes."""
    engine_now: str


class ExportPart(Message, frozen=True, tag="export_part"):
    data: bytes
    more: bool


class ImportTaken(Message, frozen=True, tag="import_taken"):
    """A part of an import was taken; send the next."""

    size: int
    """Bytes so far."""


class SessionPart(Message, frozen=True, tag="session_part"):
    """Some of a session's nodes, in order of creation; parts follow until `more` is false."""

    session: SessionView
    nodes: tuple[NodeView, ...]
    more: bool


class NodeShown(Message, frozen=True, tag="node_shown"):
    """A node as a branch shows it, or in its latest version when the branch does not show it."""

    session: str
    node: NodeView
    branch: str = "main"
    versions: tuple[VersionView, ...] = ()
    """Oldest first; long texts are cut."""


class ProgramList(Message, frozen=True, tag="program_list"):
    programs: tuple[ProgramView, ...]
    problems: tuple[str, ...] = ()
    """Mistakes in files of the person's that hold no sound program."""


class ProgramShown(Message, frozen=True, tag="program_shown"):
    program: ProgramWhole


class ProgramsChecked(Message, frozen=True, tag="programs_checked"):
    files: tuple[CheckedView, ...]
    """In the order in which they were sent."""


class ProgramSchema(Message, frozen=True, tag="program_schema"):
    schema: dict[str, Any]
    """JSON schema, draft 2020-12."""


class ModuleList(Message, frozen=True, tag="module_list"):
    modules: tuple[ModuleView, ...]


class EngineList(Message, frozen=True, tag="engine_list"):
    engines: tuple[EngineView, ...]


class ModelUsed(Message, frozen=True, tag="model_used"):
    model: str
    fingerprint: str
    """Of the engine that answers new questions now."""
    before: str
    """The fingerprint of the one that did; the same where nothing had to change."""
    setting: str
    """What `model` in config.toml is to say, so that the next daemon begins with it."""


class DaemonStatus(Message, frozen=True, tag="status"):
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
    engine: EngineStatsView | None = None
    """None from a daemon that does not say."""
    device: str = "cpu"
    """What the engine runs on, or the URL of the server that runs it."""


class StopAccepted(Message, frozen=True, tag="stop_accepted"):
    pid: int


RunEvent = NodeStarted | NodeDelta | NodeFinished
DaemonMessage = (
    Welcome
    | ErrorReply
    | Accepted
    | RunEvent
    | RunEnded
    | Explained
    | Answered
    | Controlled
    | Watching
    | WatchEnded
    | Changed
    | Previewed
    | BranchList
    | BranchChosen
    | OperationList
    | WhyPart
    | DiffPart
    | TextDiff
    | HitList
    | SessionList
    | SessionChanged
    | GraphStats
    | Replayed
    | ExportPart
    | ImportTaken
    | SessionPart
    | NodeShown
    | ProgramList
    | ProgramShown
    | ProgramsChecked
    | ProgramSchema
    | ModuleList
    | EngineList
    | ModelUsed
    | MemoryReply
    | DaemonStatus
    | StopAccepted
)
