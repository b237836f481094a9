"""The memory as it is looked at: its map, its list, what falls into words that are typed, which one is
looked at.

Pure: the daemon's replies in, state out. Knows no widgets, sockets or clocks.
"""

import msgspec

from smysl_cli.tui.model.atlas import Atlas
from smysl_cli.tui.model.starchart import Sky
from smysl_daemon.memory_protocol import (
    LinkView,
    MemoryList,
    MemoryMap,
    MemoryShown,
    MemoryView,
    Order,
    PullView,
)

ORDERS: tuple[Order, ...] = ("heavy", "new", "used")


class Recollection:
    """Empty until it is read."""

    def __init__(self, chosen: str | None = None) -> None:
        self.atlas = Atlas()
        self.memories: tuple[MemoryView, ...] = ()
        self.total: int | None = None
        """How many there are in all; None before the first look."""
        self.order: Order = "heavy"
        self.words = ""
        """What is searched for."""
        self.pulls: tuple[PullView, ...] = ()
        self.wrong = ""
        """Why nothing can be searched for."""
        self.chosen = chosen
        self.begun: str | None = None
        """A memory that is to be linked to another one."""
        self._texts: dict[str, str] = {}
        self._shown: dict[str, MemoryShown] = {}

    @property
    def ids(self) -> list[str]:
        """In the order of the list: what falls into the words, or all that was read."""
        return (
            [one.memory for one in self.pulls] if self.words else [one.id for one in self.memories]
        )

    @property
    def shown(self) -> MemoryShown | None:
        """Everything about the chosen one, once it was read."""
        return None if self.chosen is None else self._shown.get(self.chosen)

    @property
    def sky(self) -> Sky:
        return Sky(self.atlas, self.chosen, self.pulls, self.begun)

    def view(self, id: str) -> MemoryView | None:
        """The newest that is known of one."""
        if (whole := self._shown.get(id)) is not None:
            return whole.memory
        return next((one for one in self.memories if one.id == id), None)

    def pull(self, id: str) -> PullView | None:
        return next((one for one in self.pulls if one.memory == id), None)

    def text(self, id: str) -> str:
        """As much of it as is known; for one that is gone, its id."""
        return self._texts.get(id, id)

    def listed(self, list: MemoryList) -> None:
        """What was read takes effect on the map, too: it is read more seldom."""
        self.memories, self.total = list.memories, list.total
        self._texts |= {one.id: one.text for one in list.memories}
        self._bring_up({one.id: one for one in list.memories})
        self._settle()

    def mapped(self, map: MemoryMap) -> None:
        self._texts = {one.memory: one.text for one in map.points} | self._texts
        self.total = map.total
        self.atlas = Atlas(map.points, map.links, map.total).like(self.atlas)
        self._settle()

    def pulled(self, words: str, pulls: tuple[PullView, ...], wrong: str = "") -> None:
        """What falls into words; into other ones than before, and the strongest is looked at. Empty
        words end the search."""
        other = words != self.words
        self.words, self.pulls, self.wrong = words, pulls, wrong
        for one in pulls:
            self._texts = {hop.memory: hop.text for hop in one.path} | self._texts
            self._texts[one.memory] = one.text
        if pulls and (other or self.pull(self.chosen or "") is None):
            self.chosen = pulls[0].memory
        self._settle()

    def off_map(self) -> bool:
        """Whether something on the way of a pull has no place on the map."""
        return any(hop.memory not in self.atlas for one in self.pulls for hop in one.path)

    def read(self, whole: MemoryShown) -> None:
        self._shown[whole.memory.id] = whole
        self._texts = whole.texts | self._texts
        self._texts[whole.memory.id] = whole.memory.text
        self._bring_up({whole.memory.id: whole.memory})

    def changed(self) -> None:
        """What is known of single ones is out of date."""
        self._shown.clear()

    def gone(self, id: str) -> None:
        """It was forgotten: the one after it in the list is looked at."""
        ids = self.ids
        place = ids.index(id) if id in ids else 0
        left = [one for one in ids if one != id]
        if self.chosen == id:
            self.chosen = left[min(place, len(left) - 1)] if left else None
        if self.begun == id:
            self.begun = None
        self._texts.pop(id, None)
        self._shown.pop(id, None)
        self.pulls = tuple(one for one in self.pulls if one.memory != id)

    def choose(self, id: str) -> None:
        self.chosen = id

    def next_order(self) -> None:
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]

    def links(self) -> list[tuple[str, LinkView]]:
        """The other end and the link, for each of the chosen one that is not cut."""
        whole = self.shown
        if whole is None:
            return []
        mine = whole.memory.id
        return [(other_end(link, mine), link) for link in whole.links if not link.cut]

    def _bring_up(self, known: dict[str, MemoryView]) -> None:
        """The map shows what memories have become, and is the same one where nothing has changed."""
        points = tuple(
            msgspec.structs.replace(point, mass=one.mass, pinned=one.pinned, muted=one.muted)
            if (one := known.get(point.memory)) is not None
            else point
            for point in self.atlas.points
        )
        if points != self.atlas.points:
            self.atlas = Atlas(points, self.atlas.links, self.atlas.total)

    def _settle(self) -> None:
        if self.chosen is None and self.ids:
            self.chosen = self.ids[0]


def other_end(link: LinkView, id: str) -> str:
    return link.b if link.a == id else link.a
