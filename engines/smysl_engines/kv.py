"""Decides where the keys and values of calls lie: which rows run, what is kept in pages, what is evicted.

Knows symbols, rows, pages and counts; never the memory itself: it answers with the moves to make there,
at once and in order. A symbol stands for a token and the adapters it was computed under.

Running calls are in rows 0, 1, ... without a gap, each in one contiguous stretch, because that is what
attention computes on. A call that leaves has its blocks copied to pages, where they wait for a prompt
that begins so. Rows and pages share one budget of blocks.
"""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from smysl_engines.prefix_tree import BLOCK, Match, Node, PrefixTree, Row


class Copy(msgspec.Struct, frozen=True):
    """Copy the first `count` positions of a row over those of another."""

    source: int
    target: int
    count: int


class Load(msgspec.Struct, frozen=True):
    """Copy the first `count` positions of a page to positions from `start` on of a row."""

    page: int
    row: int
    start: int
    count: int


class Store(msgspec.Struct, frozen=True):
    """Copy `count` positions from `start` on of a row to the beginning of a page."""

    row: int
    start: int
    page: int
    count: int


Move = Copy | Load | Store


class Admission(msgspec.Struct, frozen=True):
    row: int
    cached: int
    """Symbols at the start that the row holds once the moves are made."""
    moves: tuple[Move, ...]


class Release(msgspec.Struct, frozen=True):
    """The row's call has left; that of row `moved`, the last running one, takes its place."""

    moved: int
    moves: tuple[Move, ...]


def blocks_of(length: int) -> int:
    return -(-length // BLOCK)


class Kv:
    """The bookkeeping of `rows` rows and as many pages as the budget has blocks.

    A block is held (by a row), cached (in a page) or free. What is held is never evicted; what is
    cached goes least recently used first.
    """

    def __init__(self, rows: int, blocks: int) -> None:
        self.rows = rows
        self.blocks = blocks
        self.evicted = 0
        """Blocks lost so far."""
        self._tree = PrefixTree()
        self._running: list[Row] = []
        self._held = 0
        self._free_pages = list(range(blocks - 1, -1, -1))
        self._cached: OrderedDict[Node, None] = OrderedDict()
        """Nodes with a page, least recently used first. Whoever touches a node touches its parents
        after it, so the first one has no cached descendant."""

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def held(self) -> int:
        return self._held

    @property
    def cached(self) -> int:
        return len(self._cached)

    @property
    def free(self) -> int:
        return self.blocks - self._held - len(self._cached)

    def length(self, row: int) -> int:
        """Positions of the row that hold valid KV."""
        return self._running[row].length

    def match(self, symbols: Sequence[int], limit: int) -> Match:
        return self._tree.match(symbols, limit)

    def lacking(self, row: int, count: int) -> int:
        """Blocks that `count` more symbols of the row take."""
        length = self._running[row].length
        return blocks_of(length + count) - blocks_of(length)

    def make_room(self, blocks: int) -> bool:
        """Evict until so many are free; False, with nothing evicted, if what is held leaves no room."""
        if blocks > self.blocks - self._held:
            return False
        while self.free < blocks:
            self._evict(next(iter(self._cached)))
        return True

    def admit(self, symbols: Sequence[int], limit: int) -> Admission:
        """Start a call in row `running`, reusing at most `limit` leading symbols. There must be a row
        and `make_room` for the reused blocks.
        """
        assert len(self._running) < self.rows
        found = self._tree.match(symbols, limit)
        row = Row(len(self._running))
        moves = self._gather(found, row.index)
        for node in found.path:
            node.rows.add(row)
            row.path.append(node)
        row.length = len(found.path) * BLOCK
        self._running.append(row)
        self._held += len(found.path)
        if found.last is not None:
            self._extend(row, list(symbols[row.length : row.length + found.count]))
            self._touch(found.last)
        elif found.path:
            self._touch(found.path[-1])
        # what was just copied may be the very thing to give way: its row has it now
        while self.free < 0:
            self._evict(next(iter(self._cached)))
        return Admission(row.index, found.length, tuple(moves))

    def append(self, row: int, symbols: Sequence[int]) -> None:
        """The model has computed these after the row's valid ones. There must be room."""
        self._extend(self._running[row], symbols)
        assert self.free >= 0

    def truncate(self, row: int, count: int) -> None:
        """Forget the row's positions from `count` on."""
        this = self._running[row]
        if count >= this.length:
            return
        kept = list[int]()
        while this.length > count:
            node = this.path.pop()
            this.length = len(this.path) * BLOCK
            self._held -= 1
            if count > this.length:
                kept = node.symbols[: count - this.length]
            self._let_go(node, this)
        self._extend(this, kept)

    def release(self, row: int) -> Release:
        """End a running row's call; its blocks are stored where they are not yet."""
        this = self._running[row]
        moves: list[Move] = []
        self._held -= len(this.path)
        for node in this.path:
            node.rows.discard(this)
        for at, node in enumerate(this.path):
            if node.rows or node.page is not None:
                continue
            if not node.full and self._tree.longer(node) is not None:
                self._drop(node)
                break
            self._supersede(node)
            node.page = self._free_pages.pop()
            self._cached[node] = None
            moves.append(Store(this.index, at * BLOCK, node.page, len(node.symbols)))
        if this.path:
            self._touch(this.path[-1])
        last = self._running.pop()
        if last is not this:
            moves.append(Copy(last.index, this.index, last.length))
            last.index = this.index
            self._running[this.index] = last
        return Release(len(self._running), tuple(moves))

    def insert(self, parent: Node | None, symbols: Sequence[int]) -> Node | None:
        """Know one more full block, after `parent` (None: the beginning), whose KV the caller writes
        to the node's page at once. None if there is no room.
        """
        assert len(symbols) == BLOCK
        self._touch(parent)
        if self.free < 1 and (not self._cached or next(iter(self._cached)) is parent):
            return None
        self.make_room(1)
        node = Node(list(symbols), parent or self._tree.root)
        self._tree.add(node)
        node.page = self._free_pages.pop()
        self._cached[node] = None
        self._touch(node)
        return node

    def kept(self) -> list[Node]:
        """Full cached blocks, least recently used first, so those before a block come after it."""
        return [node for node in self._cached if node.full]

    def forget(self) -> None:
        """Nothing in the memory can be trusted any more: no call runs, and nothing is known."""
        self._tree = PrefixTree()
        self._cached.clear()
        self._free_pages = list(range(self.blocks - 1, -1, -1))
        self._held = 0
        self._running.clear()

    def check(self) -> None:
        """Every block is held, cached or free; every page is in use once or free; what is known has
        its KV and that of all before it somewhere."""
        assert len(self._running) <= self.rows
        assert self.free >= 0
        assert self._held == sum(blocks_of(row.length) for row in self._running)
        pages = [node.page for node in self._cached if node.page is not None]
        assert sorted([*pages, *self._free_pages]) == list(range(self.blocks))
        seen: set[Node] = set()
        for node in self._tree.root.descendants():
            assert node.rows or node.page is not None
            assert (node.page is not None) == (node in self._cached)
            assert node.full or not node.children
            assert 0 < len(node.symbols) <= BLOCK
            seen.add(node)
        for index, row in enumerate(self._running):
            assert row.index == index
            before: Node = self._tree.root
            for node in row.path:
                assert node.parent is before
                assert row in node.rows
                assert node in seen
                before = node
            assert row.length == sum(len(node.symbols) for node in row.path)
            assert all(node.full for node in row.path[:-1])
        assert set(self._cached) <= seen

    def _gather(self, found: Match, row: int) -> list[Move]:
        """The moves that bring the matched symbols together: from one row as far as one has them."""
        nodes = [(node, BLOCK) for node in found.path]
        if found.last is not None:
            nodes.append((found.last, found.count))
        ends = [at for at, (node, _) in enumerate(nodes) if node.rows]
        moves: list[Move] = []
        begin = 0
        if ends:
            begin = ends[-1] + 1
            source = next(iter(nodes[ends[-1]][0].rows))
            moves.append(Copy(source.index, row, sum(count for _, count in nodes[:begin])))
        for at in range(begin, len(nodes)):
            node, count = nodes[at]
            assert node.page is not None
            moves.append(Load(node.page, row, at * BLOCK, count))
        return moves

    def _extend(self, row: Row, symbols: Sequence[int]) -> None:
        start = 0
        while start < len(symbols):
            last = row.path[-1] if row.path else None
            if last is None or last.full:
                taken = list(symbols[start : start + BLOCK])
                node = Node(taken, last or self._tree.root)
                node.rows.add(row)
                row.path.append(node)
                self._tree.add(node)
                self._held += 1
            else:
                node = last
                taken = list(symbols[start : start + BLOCK - len(node.symbols)])
                node.symbols += taken
            start += len(taken)
            row.length += len(taken)
            if node.full:
                self._settle(row, node)

    def _settle(self, row: Row, node: Node) -> None:
        """A row's block has become full: an equal one that is known already takes its place."""
        if (known := self._tree.longer(node)) is None:
            self._supersede(node)
            return
        self._tree.remove(node)
        known.rows.add(row)
        row.path[-1] = known

    def _supersede(self, node: Node) -> None:
        """Cached blocks that say no more than the node are of no use."""
        for sibling in self._tree.shorter(node):
            if not sibling.rows:
                self._drop(sibling)

    def _let_go(self, node: Node, row: Row) -> None:
        node.rows.discard(row)
        if not node.rows and node.page is None:
            self._drop(node)

    def _drop(self, node: Node) -> None:
        """A block that no row holds is known no longer, nor what follows it."""
        for lost in [*node.descendants(), node]:
            assert not lost.rows
            if lost.page is not None:
                self._free_pages.append(lost.page)
                lost.page = None
                del self._cached[lost]
        self._tree.remove(node)

    def _evict(self, node: Node) -> None:
        assert node.page is not None
        self._free_pages.append(node.page)
        node.page = None
        del self._cached[node]
        if not node.rows:
            self.evicted += 1
            self._tree.remove(node)

    def _touch(self, node: Node | None) -> None:
        """Used now: it, and then all before it."""
        while node is not None:
            if node.page is not None:
                self._cached.move_to_end(node)
            node = node.parent
