"""What clients see of sessions and nodes: the JSON that `smysl ... --json` prints.

Knows neither messages nor sockets nor the reasoning package: a client pays for msgspec alone.
Fields are only ever added. A field that is `UNSET` is left out: whoever made this value was not
asked for it.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from smysl_daemon.memory_protocol import PullView

Verdict = Literal["verified", "unverified", "failed", "budget"]
Hold = Literal["edited", "pinned", "taken"]


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


class RecipeView(msgspec.Struct, frozen=True, kw_only=True):
    """How a node was made."""

    module: str
    """Name and version, `derive@1`."""
    engine: str
    """The engine's fingerprint."""
    adapter: str | None = None
    sampling: dict[str, Any] = {}
    """The settings, with the seed where one was used."""


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A thought node: the JSON shape of `smysl ask --json` and `smysl show`. What depends on a
    branch, and how it was made, is there when a branch is shown."""

    id: str
    kind: str
    text: str
    data: dict[str, Any] | None = None
    """The node's typed data with its tag under `type`."""
    inputs: tuple[EdgeView, ...] = ()
    status: str = "done"
    stats: StatsView = StatsView()
    revision: int | UnsetType = UNSET
    """Which of its versions this is, from 0."""
    stale: bool | UnsetType = UNSET
    """Something it rests on has changed since it was made."""
    hold: Hold | None | UnsetType = UNSET
    """Why it is not derived again: a person edited it, pinned it, or took it from another branch."""
    place: str | None | UnsetType = UNSET
    """Its position in the program that made it; None for what a person added."""
    recipe: RecipeView | None | UnsetType = UNSET
    """None for what a person wrote."""
    kept: bool | UnsetType = UNSET
    """In a derivation: whether it stayed as it was."""
    pull: PullView | UnsetType = UNSET
    """Of a memory that fell into the question: how, and why."""


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """One of the versions of a node."""

    revision: int
    text: str
    status: str
    created: str | None = None
    """ISO 8601 with offset."""
    shown: bool = False
    """The branch that was asked about shows this one."""


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
    message: str = ""
    """Why the answer is not verified; only where one session is shown."""
    state: Literal["running", "paused", "ended"] | UnsetType = UNSET
    """Of the branch's last run; only where one session is shown."""
    branch: str = "main"
    """The current branch, or the one that was asked for; answer and verdict are those of its last
    run."""
    branches: int = 1
    """How many there are."""


class BranchView(msgspec.Struct, frozen=True, kw_only=True):
    session: str
    name: str
    current: bool
    """Commands that name no branch mean this one."""
    at: str | None
    """The node it was forked at."""
    created: str
    """ISO 8601 with offset."""
    nodes: int
    stale: int
    last: str
    """The label of its last operation; empty before the first."""


class OperationView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a branch's history."""

    id: int
    kind: str
    label: str
    run: str | None
    created: str
    """ISO 8601 with offset."""


class ReasonView(msgspec.Struct, frozen=True, kw_only=True):
    """A node that another one rests on."""

    node: NodeView
    roles: tuple[str, ...]
    """How it is used; empty for the node that was asked about."""
    current: bool
    """False where some user saw another text than the one shown now."""
    used: tuple[str, ...] = ()
    """The other texts that were seen."""


class DifferenceView(msgspec.Struct, frozen=True, kw_only=True):
    """A node that two branches show differently."""

    node: str
    kind: str
    what: Literal["only a", "only b", "changed", "hold"]
    a: NodeView | None
    b: NodeView | None


class HitView(msgspec.Struct, frozen=True, kw_only=True):
    """A node whose text holds what was searched for."""

    node: str
    kind: str
    session: str
    title: str
    """Of the session."""
    snippet: str
    rank: float
    """Lower is better (BM25)."""


class GraphStatsView(msgspec.Struct, frozen=True, kw_only=True):
    """A branch in numbers."""

    session: str
    branch: str
    nodes: int
    kinds: dict[str, int]
    statuses: dict[str, int]
    stale: int
    held: int
    edges: int
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    calls: int
    milliseconds: float


class ReplayDifferenceView(msgspec.Struct, frozen=True, kw_only=True):
    """A node that came out otherwise when it was made again in the same way."""

    node: str
    place: str | None
    was: str | None
    """Its text; None where there was no such node."""
    now: str | None
    """None where the replay made no such node."""


class ProgramView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    summary: str
    source: str
    """Where the program comes from: `built-in`, or a file."""


class OptionView(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of a program or module; its type is that of its default."""

    default: bool | int | float | str
    minimum: int | float | None = None
    maximum: int | float | None = None
    help: str = ""


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a program, as it is written."""

    name: str
    module: str | None
    """Name and version, `derive@1`; None where it is another program."""
    program: str | None
    gives: str
    """A type; with `*`, a list."""


class ProgramWhole(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one program."""

    name: str
    summary: str
    source: str
    """`built-in`, or a file."""
    follows: str
    """The paper or page that the idea is from; empty where none is named."""
    version: int
    inputs: dict[str, str]
    """Port -> type."""
    gives: str
    runnable: bool
    """It can be asked a question; False for what is a part of other programs only."""
    options: dict[str, OptionView]
    steps: tuple[StepView, ...]
    text: str
    """TOML, as it was written."""


class CheckedView(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon makes of a program file."""

    file: str
    program: ProgramWhole | None
    """None where the file holds a mistake."""
    problem: str | None = None
    """The mistake, with file and line."""
    warning: str | None = None
    """Why a sound program cannot run here: what the loaded model lacks."""


class PortView(msgspec.Struct, frozen=True, kw_only=True):
    """An input of a module."""

    type: str
    many: bool
    """It takes several values, and lists."""
    optional: bool


class ModuleView(msgspec.Struct, frozen=True, kw_only=True):
    """What a step of a program may use."""

    name: str
    version: int
    summary: str
    inputs: dict[str, PortView]
    gives: str
    """A type; with `*`, a list."""
    options: dict[str, OptionView]
    dialects: tuple[str, ...]
    """Of the models that it can speak to."""


class SpentView(msgspec.Struct, frozen=True, kw_only=True):
    """What something costs: an estimate, or what it did cost."""

    calls: int = 0
    prompt_tokens: int = 0
    """As if every call were sent whole."""
    shared_tokens: int = 0
    """Of these, what another call of the run has computed."""
    generated_tokens: int = 0
    seconds: float = 0.0


class PlannedStepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a plan; of a program within the program `outer.inner`."""

    name: str
    module: str
    """`derive@1`; of a step that runs a program for each item, `program NAME`."""
    wave: int
    """When its calls run; a step without calls has that of what it waits for."""
    waits_for: tuple[str, ...]
    when: tuple[str, ...] = ()
    """Conditions, all of which must hold."""
    branches: int | None = None
    decided: bool = False
    """It ends with fewer branches once these decide: the estimate is of all of them."""
    foreach: str | None = None
    adapter: str | None = None
    budget: str | None = None
    estimate: SpentView
    """Were it to run."""
    certain: bool = True
    """False where it may be passed over."""
    actual: SpentView | None = None
    """None until the plan is analysed."""
    ran: bool | None = None


class WaveView(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that run side by side."""

    number: int
    steps: tuple[str, ...]
    adapters: tuple[str, ...]
    estimate: SpentView


class PassView(msgspec.Struct, frozen=True, kw_only=True):
    """One pass of the compiler and what it came to."""

    name: str
    milliseconds: float
    result: str


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """A program compiled for a question and the loaded model: what `smysl explain --json` prints."""

    program: str
    model: str
    dialect: str
    question_tokens: int
    steps: tuple[PlannedStepView, ...]
    waves: tuple[WaveView, ...]
    certain: SpentView
    """Of the steps that always run."""
    most: SpentView
    """Of all of them."""
    passes: tuple[PassView, ...]
    measured: bool
    """Estimates come from earlier runs on this engine, not from the modules' own guesses."""
    actual: SpentView | None = None
    """Of the whole run, where there was one, and so what follows."""
    answer: str | None = None
    verdict: str | None = None
    session: str | None = None


class AdapterView(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter of an engine's bank."""

    name: str
    kind: str
    """`lora`, or `alora`: one that leaves the tokens before its activation to the base model."""
    ranks: dict[str, int]
    """Of each product it changes: `qkv`, `o`, `gate_up`, `down`."""
    activation: tuple[int, ...] = ()
    """Token ids that an `alora` sets in at."""


class EngineView(msgspec.Struct, frozen=True, kw_only=True):
    fingerprint: str
    model: str
    backend: str
    precision: str
    size_bytes: int
    loaded: bool
    embedding_layer: int | None = None
    """Which layer's states a decoder's embeddings are made of; None: those after the last norm."""
    problem: str | None = None
    """What a verification found wrong; None when nothing is, or when nothing was looked at."""
    adapters: tuple[AdapterView, ...] = ()


class EngineStatsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine holds now, and what it has done since the daemon started, however often it left
    the memory in between."""

    loaded: bool
    """False while nobody uses it: then it holds nothing."""
    running: int = 0
    waiting: int = 0
    block_tokens: int = 0
    """Positions of a block of KV memory."""
    blocks: int = 0
    """The most there may be: each is held by a running call, cached, or free."""
    held_blocks: int = 0
    cached_blocks: int = 0
    weights_bytes: int = 0
    kv_bytes: int = 0
    """Of held and cached blocks."""
    kv_cap_bytes: int = 0
    prompt_tokens: int = 0
    """Of the calls admitted."""
    cached_tokens: int = 0
    """Of those, reused."""
    restored_tokens: int = 0
    """Read from snapshots, so that they could be reused."""
    computed_tokens: int = 0
    generated_tokens: int = 0
    """Of the calls that have ended."""
    drafted_tokens: int = 0
    """Guessed from text that repeats itself."""
    accepted_tokens: int = 0
    """Guesses that were right."""
    steps: int = 0
    """Passes that gave every running call a token."""
    preempted: int = 0
    """Times a running call was sent back to wait."""
    evicted_blocks: int = 0
    saved_blocks: int = 0
    """Snapshots written."""
    finished: dict[str, int] = {}
    """Calls by the reason of their end: stop, length, deadline, cancelled, failed."""
    prefill_tokens_per_s: float = 0.0
    """Lately; 0 until it is known."""


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
