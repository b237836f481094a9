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


class ChoiceData(msgspec.Struct, frozen=True, tag="choice"):
    """Votes by normalised answer, most first."""

    votes: tuple[tuple[str, int], ...]


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


Data = PlanData | StepData | ComputedData | CandidateData | CheckData | ChoiceData | AnswerData


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


def value_hash(kind: Kind, text: str, data: Data | None) -> str:
    """BLAKE2b-128 (hex) of what a node says, whoever made it and whenever."""
    payload = msgspec.json.encode([kind, text, data], order="deterministic")
    return hashlib.blake2b(payload, digest_size=16).hexdigest()


def recipe_key(recipe: Recipe, inputs: tuple[tuple[str, str], ...]) -> str:
    """BLAKE2b-128 (hex) of a recipe and the (role, value hash) pairs of the inputs, in order."""
    payload = msgspec.json.encode([recipe, inputs], order="deterministic")
    return hashlib.blake2b(payload, digest_size=16).hexdigest()
