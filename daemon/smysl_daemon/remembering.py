"""What clients ask of the memory and do to it, in wire types.

Knows the memory and how its values look to clients; never sockets, runs or what makes a memory fall. Blocking: for a
thread of its own.
"""

from collections.abc import Sequence
from typing import assert_never

import msgspec

from smysl_daemon.memory_protocol import (
    LINKS_LIMIT,
    LISTED_CHARACTERS,
    AddMemories,
    CutMemories,
    EditMemory,
    ForgetMemory,
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
    SearchMemory,
    ShowMemory,
    UseView,
)
from smysl_daemon.views import pull_view, stale_views
from smysl_reasoning.memory.memory import Memory
from smysl_reasoning.memory.values import Done, Link, Point, Pull, Whole
from smysl_reasoning.requests import check_size
from smysl_reasoning.runtime import Runtime

MAP_PULLS = 12
"""Memories that a text draws onto a map at most."""
BEGINNING = 80
"""Characters of a text on a map and beside a link."""


class Remembering:
    """Answers from one runtime's memory."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def _memory(self) -> Memory:
        return self._runtime.memory

    def answer(self, request: MemoryRequest) -> MemoryReply:
        """Raises what the memory raises; nothing is written then."""
        match request:
            case AddMemories():
                return self._added(request)
            case SearchMemory(text=text, limit=limit):
                return MemoryPulls(pulls=tuple(map(pull_view, self._pulls(text, limit))))
            case ListMemories():
                return self._list(request)
            case ShowMemory(memory=memory):
                return self._shown(memory)
            case MapMemory():
                return self._map(request)
            case _:
                return _changed(self._change(request))

    def _added(self, request: AddMemories) -> MemoriesAdded:
        done = self._memory.add(request.texts, request.source)
        return MemoriesAdded(
            added=tuple(map(_listed, self._memory.whole(done.added))), known=done.known
        )

    def _list(self, request: ListMemories) -> MemoryList:
        found = self._memory.list(request.limit, request.order)
        return MemoryList(memories=tuple(map(_listed, found)), total=self._memory.total())

    def _shown(self, reference: str) -> MemoryShown:
        shown = self._memory.show(reference)
        links = shown.links[:LINKS_LIMIT]
        linked = {id for link in links for id in (link.a, link.b)}
        return MemoryShown(
            memory=memory_view(shown.memory),
            links=tuple(map(_link_view, links)),
            texts={id: text for id, text in shown.texts.items() if id in linked},
            uses=tuple(
                UseView(session=use.session, node=use.node, title=use.title, at=use.at)
                for use in shown.uses
            ),
        )

    def _pulls(self, text: str, limit: int) -> Sequence[Pull]:
        """Raises `BadRequest` for a text that no run would take."""
        check_size(text, "the text")
        return self._memory.pull(text, limit)

    def _map(self, request: MapMemory) -> MemoryMap:
        pulls = self._pulls(request.text, MAP_PULLS) if request.text.strip() else []
        found = self._memory.map(request.limit, [pull.memory for pull in pulls])
        return MemoryMap(
            points=tuple(map(_point_view, found.points)),
            links=tuple(map(_link_view, found.links[:LINKS_LIMIT])),
            pulls=tuple(map(pull_view, pulls)),
            total=self._memory.total(),
        )

    def _change(self, request: MemoryChange) -> Done:
        memory = self._memory
        match request:
            case EditMemory():
                return memory.edit(request.memory, request.text)
            case PinMemory():
                return memory.pin(request.memory, request.on)
            case MuteMemory():
                return memory.mute(request.memory, request.on)
            case LinkMemories():
                return memory.link(request.a, request.b, request.weight)
            case CutMemories():
                return memory.cut(request.a, request.b)
            case ForgetMemory():
                return memory.forget(request.memory)
            case _:
                assert_never(request)


def memory_view(memory: Whole) -> MemoryView:
    return MemoryView(
        id=memory.id,
        text=memory.text,
        source=memory.source,
        created=memory.created,
        mass=memory.mass,
        uses=memory.uses,
        last_used=memory.last_used,
        pinned=memory.pinned,
        muted=memory.muted,
        links=memory.links,
        revision=memory.revision,
    )


def _listed(memory: Whole) -> MemoryView:
    view = memory_view(memory)
    return msgspec.structs.replace(view, text=view.text[:LISTED_CHARACTERS])


def _link_view(link: Link) -> LinkView:
    return LinkView(a=link.a, b=link.b, weight=link.weight, origin=link.origin, cut=link.cut)


def _point_view(point: Point) -> PointView:
    memory = point.memory
    return PointView(
        memory=memory.id,
        text=" ".join(memory.text.split())[:BEGINNING],
        x=point.x,
        y=point.y,
        mass=memory.mass,
        pinned=memory.pinned,
        muted=memory.muted,
    )


def _changed(done: Done) -> MemoryChanged:
    return MemoryChanged(memory=done.memory, label=done.label, stale=stale_views(done.stale))
