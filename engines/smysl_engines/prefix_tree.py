"""A tree of blocks over sequences of symbols: which prefixes are known, and where their KV lies.

Knows integers, rows and page numbers; never a token's meaning, an adapter or the memory itself. What
is added, evicted or moved is `kv`'s decision.
"""

from collections.abc import Iterator, Sequence

import msgspec

BLOCK = 32
"""Symbols of a full block."""


class Row:
    """A running call's stretch of contiguous KV: the blocks from the root to its last symbol.

    All but the last are full; a last one that is not is the row's own and has no page.
    """

    __slots__ = ("index", "length", "path")

    def __init__(self, index: int) -> None:
        self.index = index
        self.path: list[Node] = []
        self.length = 0


class Node:
    """Up to `BLOCK` symbols that follow those of its parents. Only a full one has children."""

    __slots__ = ("children", "digest", "page", "parent", "rows", "saved", "symbols")

    def __init__(self, symbols: list[int], parent: "Node | None") -> None:
        self.symbols = symbols
        self.parent = parent
        self.children: dict[int, list[Node]] = {}
        """By their first symbol."""
        self.rows: set[Row] = set()
        """Running rows that hold its KV."""
        self.page: int | None = None
        """Where a copy is kept."""
        self.digest: bytes | None = None
        """Names the symbols up to its last one, once asked."""
        self.saved = False
        """There is a snapshot of it."""

    @property
    def full(self) -> bool:
        return len(self.symbols) == BLOCK

    def descendants(self) -> "Iterator[Node]":
        """Below it, parents first. The tree must not change meanwhile."""
        left = [self]
        while left:
            for siblings in left.pop().children.values():
                yield from siblings
                left += siblings


class Match(msgspec.Struct, frozen=True):
    """How much of a sequence is known."""

    path: tuple[Node, ...]
    """Full blocks from the root."""
    last: Node | None
    """The block after them that shares its first symbols, `count` of them, with the sequence."""
    count: int

    @property
    def length(self) -> int:
        return len(self.path) * BLOCK + self.count


class PrefixTree:
    """Every node but the root has its KV somewhere: in a row, in a page or in both; and so have all
    its parents.
    """

    def __init__(self) -> None:
        self.root = Node([], None)

    def match(self, symbols: Sequence[int], limit: int) -> Match:
        """The longest known prefix of the first `limit` symbols."""
        path: list[Node] = []
        node, start = self.root, 0
        while start + BLOCK <= limit:
            child = self.full_child(node, symbols[start : start + BLOCK])
            if child is None:
                break
            path.append(child)
            node, start = child, start + BLOCK
        last, count = self._nearest(node, symbols[start : min(start + BLOCK, limit)])
        return Match(tuple(path), last, count)

    def full_child(self, node: Node, symbols: Sequence[int]) -> Node | None:
        wanted = list(symbols)
        for child in node.children.get(wanted[0], ()):
            if child.symbols == wanted:
                return child
        return None

    def add(self, node: Node) -> None:
        """Known from its parent on. It must have a symbol."""
        assert node.parent is not None
        node.parent.children.setdefault(node.symbols[0], []).append(node)

    def remove(self, node: Node) -> None:
        """The node, and all below it, are no longer found."""
        assert node.parent is not None
        siblings = node.parent.children[node.symbols[0]]
        siblings.remove(node)
        if not siblings:
            del node.parent.children[node.symbols[0]]

    def shorter(self, node: Node) -> list[Node]:
        """Siblings whose symbols are all among the first of the node's."""
        assert node.parent is not None
        siblings = node.parent.children.get(node.symbols[0], ())
        return [
            sibling
            for sibling in siblings
            if sibling is not node and node.symbols[: len(sibling.symbols)] == sibling.symbols
        ]

    def longer(self, node: Node) -> Node | None:
        """A sibling that begins with all symbols of the node, or has the same."""
        assert node.parent is not None
        count = len(node.symbols)
        for sibling in node.parent.children.get(node.symbols[0], ()):
            if sibling is not node and sibling.symbols[:count] == node.symbols:
                return sibling
        return None

    def _nearest(self, node: Node, symbols: Sequence[int]) -> tuple[Node | None, int]:
        """The child that shares most of its first symbols, and how many."""
        found, most = None, 0
        if not symbols:
            return found, most
        for child in node.children.get(symbols[0], ()):
            # most children differ early, so whoever cannot be longer is left at once
            known = child.symbols
            if most and (
                len(known) <= most or len(symbols) <= most or known[most] != symbols[most]
            ):
                continue
            count = common(known, symbols)
            if count > most:
                found, most = child, count
        return found, most


def common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many leading symbols are the same."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
