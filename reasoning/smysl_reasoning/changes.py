"""What operations on a branch report: what changed, what it would cost to derive, whether a replay agrees.

Plain values; knows nothing of how they are found.
"""

import msgspec


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A branch after an operation."""

    session: str
    branch: str
    op: int | None
    """The branch's head now; None for an empty branch."""
    node: str | None
    """The node that was changed or made."""
    stale: tuple[str, ...]
    """Everything in the branch that is to be derived again."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What `derive` would do."""

    stale: tuple[str, ...]
    """Nodes that rest on a change."""
    reused: tuple[str, ...]
    """Of these, nodes that need no call: made before by the same recipe, or unchanged after all (early cut-off)."""
    kept: int
    """Nodes of the question that nothing touches."""
    calls: int
    expected_tokens: int
    """Generated tokens; the mean of what the same modules took on this engine."""
    expected_seconds: float


class ReplayDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A node that came out otherwise."""

    node: str
    place: str | None
    was: str | None
    """Its text; None when it is new."""
    now: str | None
    """None when the replay did not come to it."""


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """A branch derived anew beside the one that is stored."""

    session: str
    branch: str
    same: int
    """Nodes with the same value hash."""
    held: int
    """Nodes that a person holds: taken as they are."""
    different: tuple[ReplayDifference, ...]
    engines_were: tuple[str, ...]
    """Fingerprints of the engines that made the stored nodes."""
    engine_now: str
