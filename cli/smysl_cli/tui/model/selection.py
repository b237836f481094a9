"""Which node is looked at, and the ways from it to others.

Pure. Knows the outline's rows and the nodes; never keys.
"""

from smysl_cli.tui.model.outline import Outline
from smysl_cli.tui.model.thoughts import Thoughts


class Selection:
    """One node of an outline, or none while there is none."""

    def __init__(self, thoughts: Thoughts, outline: Outline) -> None:
        self._thoughts = thoughts
        self._outline = outline
        self.node: str | None = None
        self.follows = True
        """Goes along with what arrives, until the person chooses a node."""

    def settle(self) -> None:
        """After nodes came or went: stay, or follow, or find the nearest that is there."""
        rows = self._outline.rows
        if not rows:
            self.node = None
        elif self.follows:
            self.node = self._newest()
        elif self._outline.place(self.node) is None:
            self.node = rows[0].id

    def choose(self, id: str) -> None:
        """Look at a node, wherever it hides. Unknown ids change nothing."""
        if id in self._thoughts:
            self._outline.reveal(id)
            self.node = id
            self.follows = False

    def move(self, rows: int) -> None:
        all = self._outline.rows
        if not all:
            return
        here = self._outline.place(self.node) or 0
        self.node = all[min(max(here + rows, 0), len(all) - 1)].id
        self.follows = False

    def first(self) -> None:
        self.move(-len(self._outline.rows))

    def last(self) -> None:
        """To the end, and along with it from now on."""
        self.move(len(self._outline.rows))
        self.follows = True

    def parent(self) -> None:
        if self.node is not None and (above := self._outline.parent(self.node)) is not None:
            self.choose(above)

    def sibling(self, steps: int) -> None:
        """To the next branch beside this one, or beside the one that holds this node."""
        if self.node is None:
            return
        beside = self._outline.siblings(self.node)
        if len(beside) > 1:
            here = self._outline.branch_of(self.node, beside)
            self.choose(beside[(here + steps) % len(beside)])

    def next_stale(self) -> bool:
        """To the next stale node below, then from the top; False when there is none."""
        nodes = list(self._thoughts)
        ids = [node.id for node in nodes]
        here = ids.index(self.node) + 1 if self.node in ids else 0
        for node in [*nodes[here:], *nodes[:here]]:
            if node.stale is True:
                self.choose(node.id)
                return True
        return False

    def toggle(self) -> None:
        """Fold here; a node with nothing under it folds the branch that it is in."""
        if self.node is None:
            return
        place = self._outline.place(self.node)
        if place is not None and self._outline.rows[place].foldable:
            self._outline.toggle(self.node)
        elif (above := self._outline.parent(self.node)) is not None:
            self._outline.toggle(above)
            self.node = above
        self.follows = False

    def _newest(self) -> str:
        running = None
        last = self._outline.rows[0].id
        for node in self._thoughts:
            last = node.id
            if node.status == "running" and running is None:
                running = node.id
        id = running or last
        self._outline.reveal(id)
        return id
