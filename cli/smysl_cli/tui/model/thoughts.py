"""The nodes of a branch as far as they are known: events and whole listings in, nodes out.

Pure. Text that a running node gains is kept in pieces until somebody reads it: a stream of
thousands of tokens must not copy the text thousands of times.
"""

from collections.abc import Iterable, Iterator

import msgspec

from smysl_daemon.protocol import NodeDelta, NodeFinished, NodeStarted, RunEvent
from smysl_daemon.shapes import NodeView


class Counts(msgspec.Struct, frozen=True):
    total: int = 0
    running: int = 0
    stale: int = 0
    held: int = 0


class Thoughts:
    """Nodes by id, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeView] = {}
        self._gained: dict[str, list[str]] = {}
        # both are asked for at every key pressed, and change seldom
        self._counts: Counts | None = None
        self._users: dict[str, list[str]] | None = None
        self.shape = 0
        """Raised when a node comes, goes or changes its inputs: a drawn tree is then out of date."""

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, id: str) -> bool:
        return id in self._nodes

    def __iter__(self) -> Iterator[NodeView]:
        return (self.get(id) for id in self._nodes)

    def get(self, id: str) -> NodeView:
        """Raises `KeyError`."""
        pieces = self._gained.pop(id, None)
        if pieces is not None:
            node = self._nodes[id]
            self._nodes[id] = msgspec.structs.replace(node, text=node.text + "".join(pieces))
        return self._nodes[id]

    def take(self, event: RunEvent) -> None:
        match event:
            case NodeStarted(node=node) | NodeFinished(node=node):
                self._put(node)
            case NodeDelta(node=id, text=text):
                if id in self._nodes:
                    self._gained.setdefault(id, []).append(text)

    def show(self, nodes: Iterable[NodeView]) -> None:
        """Exactly these nodes from now on. The text of a running one is kept where it is longer
        than the one listed: a listing may be older than the events."""
        before = {id: node.inputs for id, node in self._nodes.items()}
        listed: dict[str, NodeView] = {}
        for node in nodes:
            if node.status == "running" and node.id in self._nodes:
                here = self.get(node.id).text
                if here.startswith(node.text):
                    node = msgspec.structs.replace(node, text=here)
            listed[node.id] = node
        self._nodes = listed
        self._gained.clear()
        self._counts = None
        if {id: node.inputs for id, node in listed.items()} != before:
            self.shape += 1
            self._users = None

    def counts(self) -> Counts:
        if self._counts is None:
            self._counts = self._counted()
        return self._counts

    def _counted(self) -> Counts:
        nodes = self._nodes.values()
        return Counts(
            total=len(nodes),
            running=sum(node.status in ("running", "pending") for node in nodes),
            stale=sum(node.stale is True for node in nodes),
            held=sum(isinstance(node.hold, str) for node in nodes),
        )

    def users(self, id: str) -> list[NodeView]:
        """The nodes that directly rest on a node."""
        if self._users is None:
            self._users = {}
            for node in self._nodes.values():
                self._use(node)
        return [self.get(user) for user in self._users.get(id, ())]

    def _use(self, node: NodeView) -> None:
        assert self._users is not None
        for source in dict.fromkeys(edge.node for edge in node.inputs):
            self._users.setdefault(source, []).append(node.id)

    def _put(self, node: NodeView) -> None:
        self._gained.pop(node.id, None)
        known = self._nodes.get(node.id)
        if known is None or known.inputs != node.inputs:
            self.shape += 1
            if known is not None:
                self._users = None
            elif self._users is not None:
                self._use(node)
        self._nodes[node.id] = node
        self._counts = None
