"""Memory over dicts, for the fake daemon: words that two texts share are gravity enough.

Everything that the wire can say of a memory happens here: what is alike is linked, a pull goes over at most one
link, what is muted or cut conducts nothing, and every pull of a run is a use.
"""

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from smysl_daemon.memory_protocol import (
    AddMemories,
    CutMemories,
    EditMemory,
    ForgetMemory,
    HopView,
    LinkMemories,
    LinkView,
    ListMemories,
    MapMemory,
    MemoriesAdded,
    MemoryChange,
    MemoryChanged,
    MemoryList,
    MemoryMap,
    MemoryPulls,
    MemoryReply,
    MemoryRequest,
    MemoryShown,
    MemoryView,
    MuteMemory,
    PinMemory,
    PointView,
    PullView,
    SearchMemory,
    ShowMemory,
    StaleSession,
    UseView,
)
from smysl_reasoning.errors import AmbiguousId, BadRequest, UnknownId

TEXT_LIMIT = 8 * 1024
FLOOR = 0.05
FRESH_MASS = 0.75
DAMPING = 0.5
WHEN = "2026-11-23T12:00:00+00:00"


class Hold(NamedTuple):
    """A node of a session that rests on a memory."""

    session: str
    title: str
    node: str
    over: tuple[str, ...]
    """The memories on its path, itself the last."""


class FakeMemory:
    """Memories in the order in which they were added."""

    def __init__(self) -> None:
        self.memories: dict[str, MemoryView] = {}
        self.links: dict[tuple[str, str], LinkView] = {}
        self.uses: dict[str, list[UseView]] = {}
        self.holds: list[Hold] = []
        """Nodes of runs that recalled."""
        self.changed: set[str] = set()
        """Of these nodes, those whose memory has changed since."""
        self._added = 0

    def answer(self, request: MemoryRequest) -> MemoryReply:
        match request:
            case AddMemories():
                return self._add(request)
            case SearchMemory(text=text, limit=limit):
                return MemoryPulls(pulls=self.pull(text, limit))
            case ListMemories():
                return self._list(request)
            case ShowMemory(memory=memory):
                return self._show(self.resolve(memory))
            case MapMemory():
                return self._map(request)
            case _:
                return self._change(request)

    def resolve(self, reference: str) -> str:
        found = [id for id in self.memories if reference and id.startswith(reference)]
        if not found:
            raise UnknownId(f"no memory has an id that begins with {reference[:40]!r}")
        if len(found) > 1:
            raise AmbiguousId(f"{len(found)} memories have ids that begin with {reference!r}")
        return found[0]

    def knows(self, reference: str) -> bool:
        return any(id.startswith(reference) for id in self.memories)

    def pull(self, text: str, limit: int) -> tuple[PullView, ...]:
        """What falls into a question."""
        asked = words(text)
        near = {
            id: len(asked & words(one.text)) / max(len(asked), 1)
            for id, one in self.memories.items()
            if not one.muted
        }
        pulls = [self._fallen(id, near) for id in near]
        heavy = [one for one in pulls if one.strength >= FLOOR]
        heavy.sort(key=lambda one: (not one.pinned, -one.strength, one.memory))
        return tuple(heavy[:limit])

    def _fallen(self, id: str, near: dict[str, float]) -> PullView:
        memory = self.memories[id]
        reach, path = near[id], [(id, near[id])]
        for other, weight in self._neighbours(id):
            over = near.get(other, 0.0) * weight * DAMPING
            if over > reach:
                reach, path = over, [(other, near[other]), (id, weight)]
        if memory.pinned and not reach:
            path = [(id, 1.0)]
        return PullView(
            memory=id,
            text=memory.text,
            strength=1.0 if memory.pinned else memory.mass * reach,
            mass=memory.mass,
            nearness=near[id],
            path=tuple(
                HopView(memory=one, text=_beginning(self.memories[one].text), weight=weight)
                for one, weight in path
            ),
            pinned=memory.pinned,
        )

    def used(self, pull: PullView, session: str, title: str, node: str) -> None:
        """A run has pulled it."""
        over = tuple(hop.memory for hop in pull.path)
        self.holds.append(Hold(session, title, node, over))
        self.uses.setdefault(pull.memory, []).insert(
            0, UseView(session=session, node=node, title=title, at=WHEN)
        )
        self._set(pull.memory, uses=len(self.uses[pull.memory]), last_used=WHEN)

    def _add(self, request: AddMemories) -> MemoriesAdded:
        texts = [one.strip() for one in request.texts]
        for text in texts:
            _check(text)
        added: list[str] = []
        known: list[str] = []
        said = {one.text: id for id, one in self.memories.items()}
        before = None
        for text in texts:
            if text in said:
                known.append(said[text])
                before = said[text]
                continue
            id = said[text] = f"{self._added:08d}" + "m" * 12
            self._added += 1
            self.memories[id] = MemoryView(
                id=id, text=text, source=request.source, created=WHEN, mass=FRESH_MASS, uses=0
            )
            added.append(id)
            self._link_near(id)
            if before is not None and request.source.startswith("import "):
                self._link(before, id, 0.5, "source")
            before = id
        return MemoriesAdded(added=tuple(self._views(added)), known=tuple(known))

    def _link_near(self, id: str) -> None:
        mine = words(self.memories[id].text)
        for other, one in self.memories.items():
            both = mine & words(one.text)
            if other != id and both:
                self._link(other, id, len(both) / len(mine | words(one.text)), "near")

    def _link(self, a: str, b: str, weight: float, origin: str) -> None:
        key = (min(a, b), max(a, b))
        self.links[key] = LinkView(a=key[0], b=key[1], weight=weight, origin=origin)

    def _neighbours(self, id: str) -> list[tuple[str, float]]:
        return [
            (link.b if link.a == id else link.a, link.weight)
            for link in self.links.values()
            if id in (link.a, link.b) and not link.cut
        ]

    def _views(self, ids: Iterable[str]) -> list[MemoryView]:
        return [
            msgspec.structs.replace(self.memories[id], links=len(self._neighbours(id)))
            for id in ids
        ]

    def _list(self, request: ListMemories) -> MemoryList:
        every = self._views(self.memories)
        match request.order:
            case "heavy":
                every.sort(key=lambda one: (not one.pinned, -one.mass, one.id))
            case "new":
                every.reverse()
            case "used":
                every.sort(key=lambda one: (-one.uses, one.id))
        return MemoryList(memories=tuple(every[: request.limit]), total=len(every))

    def _show(self, id: str) -> MemoryShown:
        links = [link for link in self.links.values() if id in (link.a, link.b)]
        links.sort(key=lambda link: (link.cut, -link.weight))
        others = {link.b if link.a == id else link.a for link in links}
        return MemoryShown(
            memory=self._views([id])[0],
            links=tuple(links),
            texts={one: _beginning(self.memories[one].text) for one in sorted(others)},
            uses=tuple(self.uses.get(id, ())[:100]),
        )

    def _map(self, request: MapMemory) -> MemoryMap:
        pulls = self.pull(request.text, 10) if request.text.strip() else ()
        ids = [one.id for one in self._list(ListMemories(limit=1000)).memories][: request.limit]
        ids += [one.memory for one in pulls if one.memory not in ids]
        there = frozenset(ids)
        points = []
        for place, id in enumerate(ids):
            angle, radius = 2.4 * place, math.sqrt((place + 0.5) / len(ids))
            one = self.memories[id]
            points.append(
                PointView(
                    memory=id,
                    text=_beginning(one.text),
                    x=radius * math.cos(angle),
                    y=radius * math.sin(angle),
                    mass=one.mass,
                    pinned=one.pinned,
                    muted=one.muted,
                )
            )
        links = [link for link in self.links.values() if {link.a, link.b} <= there and not link.cut]
        return MemoryMap(
            points=tuple(points), links=tuple(links), pulls=pulls, total=len(self.memories)
        )

    def _change(self, request: MemoryChange) -> MemoryChanged:
        match request:
            case LinkMemories(a=a, b=b):
                return self._person_links(self.resolve(a), self.resolve(b), request.weight)
            case CutMemories(a=a, b=b):
                return self._cut(self.resolve(a), self.resolve(b))
        id = self.resolve(request.memory)
        short = id[:8]
        match request:
            case EditMemory(text=text):
                _check(text.strip())
                if text.strip() == self.memories[id].text:
                    return MemoryChanged(memory=id, label=f"{short} says that already")
                self._set(id, text=text.strip(), revision=self.memories[id].revision + 1)
                return self._told(id, f"edited {short}", last=id)
            case PinMemory(on=on):
                self._set(id, pinned=on, mass=1.0 if on else FRESH_MASS)
                return MemoryChanged(memory=id, label=f"{'pinned' if on else 'unpinned'} {short}")
            case MuteMemory(on=on):
                self._set(id, muted=on)
                return self._told(id, f"{'muted' if on else 'unmuted'} {short}", last=id, muted=on)
            case ForgetMemory():
                text = _beginning(self.memories.pop(id).text)
                self.links = {key: link for key, link in self.links.items() if id not in key}
                self.uses.pop(id, None)
                return self._told(id, f"forgot {short}: {text}", last=id)

    def _person_links(self, a: str, b: str, weight: float) -> MemoryChanged:
        if a == b:
            raise BadRequest(f"memory {a[:8]} cannot be linked to itself; name two")
        self._link(a, b, weight, "person")
        return MemoryChanged(memory=a, label=f"linked {a[:8]} and {b[:8]}, weight {weight:g}")

    def _cut(self, a: str, b: str) -> MemoryChanged:
        key = (min(a, b), max(a, b))
        if key not in self.links or self.links[key].cut:
            raise BadRequest(f"memories {a[:8]} and {b[:8]} are not linked; nothing to cut")
        self.links[key] = msgspec.structs.replace(self.links[key], cut=True)
        return self._told(a, f"cut {a[:8]} from {b[:8]}", over={a, b})

    def _told(
        self,
        id: str,
        label: str,
        *,
        last: str = "",
        over: set[str] | None = None,
        muted: bool = True,
    ) -> MemoryChanged:
        """Who rests on a memory, or on both ends of a link, is stale from here on."""
        hit = [
            one
            for one in self.holds
            if (one.over[-1] == last if over is None else over <= set(one.over))
        ]
        for one in hit:
            (self.changed.add if muted else self.changed.discard)(one.node)
        counts: dict[str, StaleSession] = {}
        for one in hit if muted else ():
            before = counts[one.session].stale if one.session in counts else 0
            counts[one.session] = StaleSession(
                session=one.session, title=one.title, stale=before + 1
            )
        return MemoryChanged(memory=id, label=label, stale=tuple(counts.values()))

    def _set(self, id: str, **fields: object) -> None:
        self.memories[id] = msgspec.structs.replace(self.memories[id], **fields)


def words(text: str) -> set[str]:
    """What two texts may share."""
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}


def _beginning(text: str) -> str:
    return " ".join(text.split())[:80]


def _check(text: str) -> None:
    if not text:
        raise BadRequest("a memory has no text; write some")
    if (size := len(text.encode())) > TEXT_LIMIT:
        raise BadRequest(f"a memory has {size:,} bytes; the limit is {TEXT_LIMIT:,}. Split it.")
