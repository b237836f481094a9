"""What the memory tells of itself: plain values.

Knows ids, texts and numbers; nothing of how they are found or kept.
"""

from typing import Literal, NamedTuple

Order = Literal["heavy", "new", "used"]
LinkOrigin = Literal["person", "near", "source", "together", "derived"]
"""Why two memories are linked: a person did it; alike in words; next to each other where they were imported from;
recalled together for an answer that was verified; one was found out with the other."""


class Whole(NamedTuple):
    """A memory."""

    id: str
    text: str
    source: str
    """`person`, `import NAME` or `run SESSION`."""
    created: str
    """ISO 8601 with offset (UTC)."""
    mass: float
    """0..1 now."""
    uses: int
    """How often it fell into a question."""
    last_used: str | None
    """ISO 8601 with offset (UTC)."""
    pinned: bool
    muted: bool
    links: int
    """Without those that are cut."""
    revision: int


class Link(NamedTuple):
    """Of two memories, without direction: `a` < `b`."""

    a: str
    b: str
    weight: float
    """0..1"""
    origin: LinkOrigin
    cut: bool = False


class Use(NamedTuple):
    """Once that a memory fell into a question."""

    session: str
    node: str
    title: str
    """Of the session; empty where it is gone."""
    at: str
    """ISO 8601 with offset (UTC)."""


class Hop(NamedTuple):
    """One memory on the way of a pull."""

    memory: str
    text: str
    """Its beginning, in one line."""
    weight: float
    """Of the link that leads here; of the first one, how near its words are (1 for a pinned memory that the words do
    not reach)."""


class Pull(NamedTuple):
    """A memory that falls into a question, and why."""

    memory: str
    text: str
    strength: float
    """0..1; 1 for a pinned one."""
    mass: float
    nearness: float
    path: tuple[Hop, ...]
    """The strongest way on which it was reached; the last one is itself."""
    pinned: bool = False


class Added(NamedTuple):
    """What became of texts that were to be kept."""

    added: tuple[str, ...]
    """Ids, in the order of the texts."""
    known: tuple[str, ...]
    """Ids of memories that said the same before, each once."""


class Shown(NamedTuple):
    """A memory with what hangs on it."""

    memory: Whole
    links: tuple[Link, ...]
    """Strongest first, those that are cut last."""
    texts: dict[str, str]
    """By id, the beginnings of what it is linked to."""
    uses: tuple[Use, ...]
    """Newest first."""


class StaleSession(NamedTuple):
    """A session whose current branch holds what rests on a memory that has changed."""

    session: str
    title: str
    stale: int
    """Nodes."""


class Done(NamedTuple):
    """A change of the memory."""

    memory: str
    label: str
    """What was done, in one line."""
    stale: tuple[StaleSession, ...] = ()


class Point(NamedTuple):
    """A memory on the map."""

    memory: Whole
    x: float
    """-1..1"""
    y: float
    """-1..1"""


class Map(NamedTuple):
    """The heaviest memories in two dimensions."""

    points: tuple[Point, ...]
    links: tuple[Link, ...]
    """Between these points, without those that are cut, strongest first."""
