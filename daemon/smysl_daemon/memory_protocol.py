"""The messages about memory: what outlives sessions, how heavy it is, and what it falls on.

Part of `protocol`, whose unions take these in. Knows neither sockets nor the reasoning package.
"""

from typing import Annotated, Literal

import msgspec

from smysl_daemon.message import Message

TEXTS_LIMIT = 1000
"""Most texts of one `AddMemories`."""
LIST_LIMIT = 1000
"""Most memories of one `MemoryList`."""
MAP_LIMIT = 2000
"""Most memories of one map: the heaviest."""
LISTED_CHARACTERS = 500
"""Most of a text where many memories are listed; whoever shows one has all of it."""
LINKS_LIMIT = 8_000
"""Most links of one reply, the strongest: with a beginning each they fit a frame, whatever the script."""

Order = Literal["heavy", "new", "used"]


# ------------------------------------------------------------ what clients see


class HopView(msgspec.Struct, frozen=True, kw_only=True):
    """One memory on the way of a pull."""

    memory: str
    text: str
    """Its beginning, in one line."""
    weight: float
    """Of the link that leads here, 0..1; for the first one, how near the words are, 0..1 (1 for a pinned
    memory that the words do not reach)."""


class PullView(msgspec.Struct, frozen=True, kw_only=True):
    """A memory that falls into a question, and why."""

    memory: str
    text: str
    strength: float
    """0..1: mass times what reaches it. A pinned memory has 1."""
    mass: float
    """0..1."""
    nearness: float
    """0..1, of its own words to those of the question."""
    path: tuple[HopView, ...]
    """The strongest way on which it was reached, from the words it began with; the last one is itself."""
    pinned: bool = False


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """A link between two memories, which has no direction."""

    a: str
    b: str
    weight: float
    """0..1."""
    origin: str
    """`person`, `near` (alike in words), `source` (next to each other where they were imported from),
    `together` (recalled together for an answer that was verified), `derived` (one was found out with the
    other)."""
    cut: bool = False
    """A person has cut it: nothing falls along it, and nothing makes it again."""


class MemoryView(msgspec.Struct, frozen=True, kw_only=True):
    """A memory: the JSON of `smysl memory list`."""

    id: str
    text: str
    """Its first `LISTED_CHARACTERS` in `MemoryList` and `MemoriesAdded`, all of it in `MemoryShown`."""
    source: str
    """Where it comes from: `person`, `import NAME`, or `run SESSION`."""
    created: str
    """ISO 8601 with offset (UTC)."""
    mass: float
    """0..1 now: the chance that it is recalled, from how often and how lately it was used."""
    uses: int
    """How often it fell into a question."""
    last_used: str | None = None
    pinned: bool = False
    muted: bool = False
    links: int = 0
    """Without those that are cut."""
    revision: int = 0


class UseView(msgspec.Struct, frozen=True, kw_only=True):
    """Once that a memory fell into a question."""

    session: str
    node: str
    """The node in that session that holds it."""
    title: str
    """Of the session; empty where it was deleted."""
    at: str
    """ISO 8601 with offset (UTC)."""


class PointView(msgspec.Struct, frozen=True, kw_only=True):
    """A memory on the map."""

    memory: str
    text: str
    x: float
    """-1..1."""
    y: float
    """-1..1."""
    mass: float
    pinned: bool = False
    muted: bool = False


# ------------------------------------------------------------ client to daemon


class AddMemories(Message, frozen=True, tag="add_memories"):
    """Keep texts, in order. One that is there already is not kept twice. Answered by `MemoriesAdded`."""

    texts: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=TEXTS_LIMIT)]
    source: str = "person"
    """`person`, or `import NAME`: texts of one import that follow each other are linked."""


class SearchMemory(Message, frozen=True, tag="search_memory"):
    """What would fall into a question, and why. It counts as no use. Answered by `MemoryPulls`."""

    text: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 10


class ListMemories(Message, frozen=True, tag="list_memories"):
    """Answered by `MemoryList`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=LIST_LIMIT)] = 20
    order: Order = "heavy"


class ShowMemory(Message, frozen=True, tag="show_memory"):
    """Answered by `MemoryShown`. Ids of memories may be shortened, here and below."""

    memory: str


class EditMemory(Message, frozen=True, tag="edit_memory"):
    """Say something else in a memory's place. This and the rest are answered by `MemoryChanged`."""

    memory: str
    text: str


class PinMemory(Message, frozen=True, tag="pin_memory"):
    """A pinned memory never gets lighter and falls into every question that recalls."""

    memory: str
    on: bool


class MuteMemory(Message, frozen=True, tag="mute_memory"):
    """A muted memory falls into nothing, and nothing falls through it."""

    memory: str
    on: bool


class LinkMemories(Message, frozen=True, tag="link_memories"):
    """Link two memories, or give their link another weight; a link that was cut is whole again."""

    a: str
    b: str
    weight: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0


class CutMemories(Message, frozen=True, tag="cut_memories"):
    """Cut the link of two memories."""

    a: str
    b: str


class ForgetMemory(Message, frozen=True, tag="forget_memory"):
    """Remove a memory for ever, with its links. Copies in sessions that used it stay, and are stale."""

    memory: str


class MapMemory(Message, frozen=True, tag="map_memory"):
    """The heaviest memories in two dimensions, near ones near each other. Answered by `MemoryMap`."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAP_LIMIT)] = 500
    text: str = ""
    """A question, whose pulls are to be there too."""


MemoryChange = EditMemory | PinMemory | MuteMemory | LinkMemories | CutMemories | ForgetMemory
MemoryRequest = AddMemories | SearchMemory | ListMemories | ShowMemory | MemoryChange | MapMemory


# ------------------------------------------------------------ daemon to client


class MemoriesAdded(Message, frozen=True, tag="memories_added"):
    added: tuple[MemoryView, ...]
    known: tuple[str, ...] = ()
    """Ids of memories that said the same before."""


class MemoryPulls(Message, frozen=True, tag="memory_pulls"):
    pulls: tuple[PullView, ...]
    """Pinned ones first, then the strongest."""


class MemoryList(Message, frozen=True, tag="memory_list"):
    memories: tuple[MemoryView, ...]
    total: int
    """How many there are in all."""


class MemoryShown(Message, frozen=True, tag="memory_shown"):
    memory: MemoryView
    links: tuple[LinkView, ...]
    """Strongest first, those that are cut last."""
    texts: dict[str, str]
    """By id, the beginnings of what it is linked to."""
    uses: tuple[UseView, ...]
    """Newest first, at most 100."""


class StaleSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session whose current branch holds what rests on a memory that has changed."""

    session: str
    title: str
    stale: int
    """Nodes."""


class MemoryChanged(Message, frozen=True, tag="memory_changed"):
    memory: str
    label: str
    """What was done, in one line."""
    stale: tuple[StaleSession, ...] = ()
    """`smysl derive SESSION` makes them anew."""


class MemoryMap(Message, frozen=True, tag="memory_map"):
    points: tuple[PointView, ...]
    links: tuple[LinkView, ...]
    """Between these points, without those that are cut."""
    pulls: tuple[PullView, ...] = ()
    total: int = 0
    """How many memories there are in all."""


MemoryReply = MemoriesAdded | MemoryPulls | MemoryList | MemoryShown | MemoryChanged | MemoryMap
