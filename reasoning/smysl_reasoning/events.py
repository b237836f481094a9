"""What a run tells whoever watches it, in order: nodes start, grow and finish; then exactly one `RunFinished`."""

from typing import Literal

import msgspec

from smysl_reasoning.nodes import Node

Verdict = Literal["verified", "unverified", "failed", "budget"]


class NodeStarted(msgspec.Struct, frozen=True, tag=True):
    node: Node


class NodeDelta(msgspec.Struct, frozen=True, tag=True):
    """Text that a running node has gained; the concatenation may be replaced by the finished node's text."""

    node: str
    text: str


class NodeFinished(msgspec.Struct, frozen=True, tag=True):
    """A node in a final state; already durable when this is seen."""

    node: Node


class RunFinished(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The end of a run."""

    session: str
    outcome: Literal["done", "cancelled", "failed"]
    answer: str | None
    """None when there is no answer to stand by (outside what the model knows, cancelled, failed)."""
    verdict: Verdict
    confidence: float | None
    message: str = ""
    """For people: why it is not verified, or what failed."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    calls: int = 0
    seconds: float = 0.0


Event = NodeStarted | NodeDelta | NodeFinished | RunFinished
