"""The thought node: one typed unit of meaning in a session's graph, and its value hash.

Knows text, typed data and edges; never tokens, models, SQL or sockets.
"""

import hashlib
from typing import Literal

import msgspec

Kind = Literal[
    "question", "context", "plan", "step", "candidate", "check", "critique",
    "choice", "answer", "note", "memory", "computed",
]  # fmt: skip
ThoughtKind = Literal["step", "fact", "answer"]
Status = Literal["pending", "running", "done", "failed", "stale", "cancelled"]
FINAL: frozenset[Status] = frozenset({"done", "failed", "cancelled"})


class Edge(msgspec.Struct, frozen=True):
    """One input of a node and the part it plays there."""

    role: str
    node: str


class PlanData(msgspec.Struct, frozen=True, tag="plan"):
    """What sort of problem this is and how many steps are foreseen."""

    problem: str
    steps: int


class StepData(msgspec.Struct, frozen=True, tag="step"):
    """One derivation step: an expression over slots, or a deduced fact without one."""

    expression: str | None = None


class ComputedData(msgspec.Struct, frozen=True, tag="computed"):
    """The exact value of a step's expression, and the slot it fills."""

    value: str
    slot: int


class CheckData(msgspec.Struct, frozen=True, tag="check"):
    """What a verifier found."""

    method: str
    probability: float | None = None
    passed: bool | None = None


# without defaults: a choice without scores reads, and hashes, as it did before there were any
class ChoiceData(msgspec.Struct, frozen=True, tag="choice", omit_defaults=True):
    """Votes by normalised answer, most first."""

    votes: tuple[tuple[str, int], ...]
    scores: tuple[tuple[str, float], ...] = ()
    """(answer, the best probability that a checker gave a derivation of it), the chosen one first."""


class CandidateData(msgspec.Struct, frozen=True, tag="candidate"):
    """A whole derivation folded into one node, so that it can be compared, voted on and shown."""

    value: str | None
    """The answer in normal form; None when the derivation reached none."""
    plan: PlanData | None
    """None when it never got that far."""
    thoughts: tuple[tuple[ThoughtKind, str], ...] = ()
    """(step|fact|answer, text over slots), in order."""


class AnswerData(msgspec.Struct, frozen=True, tag="answer"):
    """The answer in normal form (`normalise`), so that answers can be compared."""

    value: str
    slot: int | None = None


class ReplyData(msgspec.Struct, frozen=True, tag="reply"):
    """What a chat model said, whatever sort of node it made."""

    value: str | None = None
    """The answer in normal form, where it says one."""
    thinking: str = ""
    """What the model thought before it spoke: shown to people, part of no answer."""
    gap: str = "\n"
    """The line break that followed, as the model wrote it; nothing where it ended there."""


class CritiqueData(msgspec.Struct, frozen=True, tag="critique"):
    """What a checker made of a derivation, thought by thought."""

    passed: bool
    step: int | None
    """The first doubtful thought, from 0; None when there is none, or when the doubt is of the whole. The number of
    thoughts where all are sound and an answer is missing."""
    probabilities: tuple[float, ...] = ()
    """That it is right up to each thought; the last one is of the whole."""


class Expansion(msgspec.Struct, frozen=True, array_like=True):
    """One thought that may follow a state of a search, the state after it scored."""

    state: int
    """Which of the states it follows, from 0, in the order of the node's inputs."""
    kind: ThoughtKind
    text: str
    """Over slots."""
    score: float
    """The checker's probability that all is right up to here."""
    times: int = 1
    """How many of the samples said so."""


class SearchData(msgspec.Struct, frozen=True, tag="search"):
    """One level of a search over thoughts: whatever was thought of, kept or not."""

    expansions: tuple[Expansion, ...]


class RouteData(msgspec.Struct, frozen=True, tag="route"):
    """Which of a program's ways a question takes."""

    way: str
    ways: tuple[str, ...]
    """All there are."""


class MemoryData(msgspec.Struct, frozen=True, tag="memory"):
    """A question and its verified answer, to be recalled in other sessions."""

    question: str
    answer: str


# without defaults: what was recalled before there was a way hashes as it did
class Recalled(msgspec.Struct, frozen=True, omit_defaults=True):
    """A memory and where it comes from."""

    session: str
    """That of the memory; a version before there was one named the session that remembered."""
    node: str
    text: str
    via: tuple[str, ...] = ()
    """The memories on the way to it, itself the last; nothing where its own words reached it."""


class RecalledData(msgspec.Struct, frozen=True, tag="recalled"):
    """What was found in memory, best first."""

    found: tuple[Recalled, ...]


class PulledData(msgspec.Struct, frozen=True, tag="pulled"):
    """A memory that fell into a question; how strongly stands in the recipe, so that it is no part of the value."""

    memory: str


class AskData(msgspec.Struct, frozen=True, tag="ask"):
    """A question back to the person, and what they answered."""

    question: str
    answer: str


Data = (
    PlanData
    | StepData
    | ComputedData
    | CandidateData
    | CheckData
    | ChoiceData
    | AnswerData
    | ReplyData
    | CritiqueData
    | SearchData
    | RouteData
    | MemoryData
    | RecalledData
    | PulledData
    | AskData
)


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What a node cost."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    calls: int = 0
    milliseconds: float = 0.0
    confidence: float | None = None
    """0..1, the model's own probability of the text (geometric mean over tokens) or of a check."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a node was made: everything, beside the values of its inputs, that decides its value."""

    module: str
    """Module name and version, `derive@1`."""
    prompt: str
    """The dialect's rendering, or a hash of it."""
    sampling: str
    """Canonical JSON of the sampling settings, seed included."""
    engine: str
    """The engine's fingerprint."""
    adapter: str | None = None


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A unit of thought. Frozen: a change is a new revision."""

    id: str
    """20 lower-case letters and digits, sortable by time."""
    session: str
    kind: Kind
    text: str
    data: Data | None = None
    inputs: tuple[Edge, ...] = ()
    recipe: Recipe | None = None
    """Absent for what a person wrote."""
    status: Status = "pending"
    stats: Stats = Stats()


def opens(node: Node) -> bool:
    """Whether it is a question of a person, that runs belong to; a program's question back to them is none."""
    asked_back = node.recipe is not None or isinstance(node.data, AskData)
    return node.kind == "question" and not asked_back


def value_hash(kind: Kind, text: str, data: Data | None) -> str:
    """BLAKE2b-128 (hex) of what a node says, whoever made it and whenever."""
    payload = msgspec.json.encode([kind, text, data], order="deterministic")
    return hashlib.blake2b(payload, digest_size=16).hexdigest()


def recipe_key(recipe: Recipe, inputs: tuple[tuple[str, str], ...]) -> str:
    """BLAKE2b-128 (hex) of a recipe and the (role, value hash) pairs of the inputs, in order."""
    payload = msgspec.json.encode([recipe, inputs], order="deterministic")
    return hashlib.blake2b(payload, digest_size=16).hexdigest()
