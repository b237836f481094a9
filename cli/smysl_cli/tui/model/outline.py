"""The thought graph as rows of a foldable list: chains stay flat, only real branches are indented.

Pure. Draws the tree of `smysl show`, but keeps it while nodes arrive: a session of thousands of
nodes is not laid out anew for each of them.
"""

from collections.abc import Sequence

import msgspec

from smysl_cli.tree import Placement, inputs_first
from smysl_cli.tui.model.thoughts import Thoughts
from smysl_daemon.shapes import EdgeView

_GUTTERS = {True: ("├ ", "└ ", "│ ", "  "), False: ("+ ", "` ", "| ", "  ")}


class Row(msgspec.Struct, frozen=True):
    id: str
    gutter: str
    foldable: bool
    hidden: int
    """Nodes that are folded away under this one."""


class Outline:
    """Rows of the nodes that are not folded away, inputs first."""

    def __init__(self, *, unicode: bool = True) -> None:
        self._unicode = unicode
        self._placement = Placement()
        self._inputs: dict[str, tuple[EdgeView, ...]] = {}
        self._children: dict[str | None, list[str]] = {None: []}
        self._parent: dict[str, str | None] = {}
        self._folded: set[str] = set()
        self._shape = -1
        self._rows: list[Row] | None = []
        self._place: dict[str, int] = {}

    def update(self, thoughts: Thoughts) -> None:
        """Take over what came, went or changed its inputs."""
        if thoughts.shape == self._shape:
            return
        self._shape = thoughts.shape
        nodes = list(thoughts)
        seen = [node for node in nodes if node.id in self._inputs]
        new = [node for node in nodes if node.id not in self._inputs]
        ids = {node.id for node in nodes}
        changed = any(self._inputs[node.id] != node.inputs for node in seen)
        early = any(edge.node in ids - self._inputs.keys() for node in new for edge in node.inputs)
        if changed or early or len(seen) < len(self._inputs):
            self._forget()
            new = inputs_first(nodes)
        for node in new:
            above = self._placement.add(node.id, [edge.node for edge in node.inputs])
            self._inputs[node.id] = node.inputs
            self._parent[node.id] = above
            self._children.setdefault(above, []).append(node.id)
        self._folded &= ids
        self._rows = None

    @property
    def rows(self) -> Sequence[Row]:
        if self._rows is None:
            self._rows = self._visible()
            self._place = {row.id: place for place, row in enumerate(self._rows)}
        return self._rows

    def place(self, id: str | None) -> int | None:
        """The row of a node; None when it is unknown or folded away."""
        self.rows  # noqa: B018 - fills the places
        return None if id is None else self._place.get(id)

    def parent(self, id: str) -> str | None:
        return self._parent.get(id)

    def siblings(self, id: str) -> Sequence[str]:
        """What hangs beside a node, with itself: where a chain began, for one inside a chain."""
        while id in self._parent:
            beside = self._children[self._parent[id]]
            above = self._parent[id]
            if len(beside) > 1 or above is None:
                return beside
            id = above
        return ()

    def branch_of(self, id: str, siblings: Sequence[str]) -> int:
        """Which of `siblings` a node is, or hangs under."""
        at: str | None = id
        while at is not None and at not in siblings:
            at = self._parent.get(at)
        return siblings.index(at) if at is not None else 0

    def toggle(self, id: str) -> None:
        """Fold what hangs under a node away, or show it again."""
        if not self._children.get(id):
            return
        self._folded ^= {id}
        self._rows = None

    def toggle_all(self) -> None:
        """Fold every branch away, or show all when anything is folded."""
        if self._folded:
            self._folded.clear()
        else:
            forks = [below for below in self._children.values() if len(below) > 1]
            self._folded = {id for below in forks for id in below if self._children.get(id)}
        self._rows = None

    def reveal(self, id: str) -> None:
        """Unfold whatever hides a node."""
        above = self._parent.get(id)
        while above is not None:
            if above in self._folded:
                self._folded.discard(above)
                self._rows = None
            above = self._parent.get(above)

    def _forget(self) -> None:
        self._placement = Placement()
        self._inputs.clear()
        self._parent.clear()
        self._children = {None: []}

    def _visible(self) -> list[Row]:
        tee, elbow, bar, blank = _GUTTERS[self._unicode]
        rows: list[Row] = []
        # (node, gutter of its own row, gutter of the rows below); a stack, since chains are long
        stack = [(id, "", "") for id in reversed(self._children[None])]
        while stack:
            id, first, rest = stack.pop()
            below = self._children.get(id, [])
            folded = id in self._folded
            rows.append(Row(id, first, bool(below), self._below(id) if folded else 0))
            if folded:
                continue
            if len(below) == 1:
                stack.append((below[0], rest, rest))
                continue
            for place, child in reversed(list(enumerate(below))):
                last = place == len(below) - 1
                own, under = (elbow, blank) if last else (tee, bar)
                stack.append((child, rest + own, rest + under))
        return rows

    def _below(self, id: str) -> int:
        left = list(self._children.get(id, []))
        count = 0
        while left:
            count += 1
            left += self._children.get(left.pop(), [])
        return count
