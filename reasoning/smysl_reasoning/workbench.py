"""What a module works with while it runs: the engine's calls, the dialect, and drafts that become
nodes.

Knows nodes, recipes and when they are durable; never a program's shape or a socket.
"""

import asyncio
import hashlib
import math
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from smysl_engines.base import EngineInfo, Sampling
from smysl_reasoning.calls import Calls, Line, Lines
from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.errors import StoreError
from smysl_reasoning.events import Event, NodeDelta, NodeFinished, NodeStarted
from smysl_reasoning.modules.base import Input
from smysl_reasoning.nodes import (
    Data,
    Edge,
    Kind,
    Node,
    Recipe,
    Stats,
    Status,
    recipe_key,
    value_hash,
)
from smysl_reasoning.store import Store
from smysl_reasoning.thresholds import Thresholds

DERIVATION_TOKENS = 256
"""Most tokens of one derivation's call."""
LINE_TOKENS = 64
"""Most tokens of one line: a plan, a thought, a direct answer."""
EXACT = "exact"
"""Stands for the engine in the recipe of a node that no model made."""


class Announce(Protocol):
    """Where events go."""

    def __call__(self, event: Event) -> None: ...


class Desk:
    """What all modules of one run share."""

    def __init__(
        self,
        *,
        run: str,
        session: str,
        store: Store,
        calls: Calls,
        info: EngineInfo,
        dialect: Dialect,
        thresholds: Thresholds,
        seed: int,
        announce: Announce,
        new_id: Callable[[], str],
    ) -> None:
        self.run = run
        self.session = session
        self.store = store
        self.calls = calls
        self.info = info
        self.dialect = dialect
        self.thresholds = thresholds
        self.seed = seed
        self.announce = announce
        self.new_id = new_id
        self.running: dict[str, Draft] = {}
        """Drafts that watchers have been told of and that have no final node."""
        self.unannounced: dict[str, Node] = {}
        """Final nodes whose write is under way."""

    def bench(self, step: str, branch: int) -> "Workbench":
        return Workbench(self, step, branch)

    def cancelled_nodes(self) -> list[Node]:
        """Take the drafts that were stopped, as cancelled nodes."""
        drafts = list(self.running.values())
        self.running.clear()
        return [draft.stopped() for draft in drafts]


class Workbench:
    """One module's run: one step of the program, one of its branches."""

    def __init__(self, desk: Desk, step: str, branch: int) -> None:
        self.desk = desk
        self.dialect = desk.dialect
        self.info = desk.info
        self.thresholds = desk.thresholds
        self.calls = desk.calls
        self._step = step
        self._branch = branch

    @property
    def seed(self) -> int:
        """Of this step and branch: 64 bits of BLAKE2b over run seed, step and branch."""
        text = f"{self.desk.seed}/{self._step}/{self._branch}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")

    def lines(self, sampling: Sampling) -> Lines:
        """A reader of lines under `sampling`. Close it."""
        return Lines(
            self.calls,
            sampling,
            end=self.dialect.end,
            context=self.info.context,
            line_tokens=LINE_TOKENS,
        )

    async def line(self, prompt: Sequence[int], sampling: Sampling) -> Line:
        """One line by a call of its own."""
        lines = self.lines(sampling)
        try:
            return await lines.line(prompt)
        finally:
            lines.close()

    def line_sampling(self) -> Sampling:
        """Greedy, one line."""
        return Sampling(max_tokens=LINE_TOKENS, stop=(self.dialect.end,))

    def draft(
        self,
        module: str,
        inputs: Sequence[Input],
        *,
        prompt: Sequence[int] | str = "",
        sampling: Sampling | None = None,
    ) -> "Draft":
        """A node to be: made by `module` from `inputs`, with a model call where there is
        `sampling`."""
        recipe = Recipe(
            module=module,
            prompt=prompt if isinstance(prompt, str) else digest(prompt),
            sampling=_canonical(sampling),
            engine=self.info.fingerprint if sampling else EXACT,
        )
        return Draft(self.desk, recipe, inputs)


class Draft:
    """A node on its way: looked up by its recipe, else started, grown and finished."""

    def __init__(self, desk: Desk, recipe: Recipe, inputs: Sequence[Input]) -> None:
        self._desk = desk
        self._recipe = recipe
        self._inputs = tuple(Edge(input.role, input.node.id) for input in inputs)
        self._key = recipe_key(
            recipe,
            tuple(
                (input.role, value_hash(input.node.kind, input.node.text, input.node.data))
                for input in inputs
            ),
        )
        self._kind: Kind = "step"
        self._text = ""
        self._began = time.perf_counter()
        self.id = ""

    async def reused(self) -> Node | None:
        """The node that this recipe has made before: this run's own (after a crash) as it is,
        another's as a copy that cost no call. None when it has to be made."""
        stored = self._desk.store.find_stored(self._key, self._desk.run)
        if stored is None:
            return None
        made = stored.node
        cached = made.stats.prompt_tokens
        self._desk.calls.add(prompt_tokens=cached, cached_tokens=cached)
        if stored.run == self._desk.run:
            self._desk.announce(NodeFinished(made))
            return made
        self.start(made.kind)
        stats = Stats(prompt_tokens=cached, cached_tokens=cached, confidence=made.stats.confidence)
        return await self.finish(made.kind, made.text, made.data, stats=stats, status=made.status)

    def start(self, kind: Kind) -> None:
        """Tell watchers that the node is being made. A node that is finished without is told of
        only then."""
        self.id = self._desk.new_id()
        self._kind = kind
        self._desk.running[self.id] = self
        self._desk.announce(NodeStarted(self._node(kind, "", None, "running", Stats())))

    def grow(self, text: str) -> None:
        """Tell watchers of text that a started node has gained."""
        if text:
            self._text += text
            self._desk.announce(NodeDelta(self.id, text))

    async def finish(
        self,
        kind: Kind,
        text: str,
        data: Data | None,
        *,
        stats: Stats | None = None,
        status: Status = "done",
    ) -> Node:
        """Write the node, then tell watchers of it; it is durable when this returns. Whatever the
        model said counts as finished, sense or not: the recipe would say it again. Raises
        `StoreError`."""
        self.id = self.id or self._desk.new_id()
        stats = stats or Stats(milliseconds=self._milliseconds())
        node = self._node(kind, text, data, status, stats)
        self._desk.running.pop(self.id, None)
        self._desk.unannounced[self.id] = node
        written = self._desk.store.put_soon([node], key=self._key, run=self._desk.run)
        try:
            await asyncio.wrap_future(written)
        except StoreError:
            del self._desk.unannounced[self.id]
            raise
        del self._desk.unannounced[self.id]
        self._desk.announce(NodeFinished(node))
        return node

    def stopped(self) -> Node:
        """The node as it stands, cancelled."""
        stats = Stats(milliseconds=self._milliseconds())
        return self._node(self._kind, self._text, None, "cancelled", stats)

    def _node(self, kind: Kind, text: str, data: Data | None, status: Status, stats: Stats) -> Node:
        return Node(
            id=self.id,
            session=self._desk.session,
            kind=kind,
            text=text,
            data=data,
            inputs=self._inputs,
            recipe=self._recipe,
            status=status,
            stats=stats,
        )

    def _milliseconds(self) -> float:
        return round((time.perf_counter() - self._began) * 1000, 3)


def line_stats(*lines: Line) -> Stats:
    """What lines cost together; confidence is the geometric mean of their tokens' probabilities."""
    logprobs = [logprob for line in lines for logprob in line.logprobs]
    return Stats(
        prompt_tokens=sum(line.prompt_tokens for line in lines),
        cached_tokens=sum(line.cached_tokens for line in lines),
        generated_tokens=sum(len(line.ids) for line in lines),
        calls=sum(line.calls for line in lines),
        milliseconds=round(sum(line.milliseconds for line in lines), 3),
        confidence=math.exp(sum(logprobs) / len(logprobs)) if logprobs else None,
    )


def digest(prompt: Sequence[int]) -> str:
    """BLAKE2b-128 (hex) of token ids."""
    return hashlib.blake2b(array("q", prompt).tobytes(), digest_size=16).hexdigest()


def _canonical(sampling: Sampling | None) -> str:
    return "" if sampling is None else msgspec.json.encode(sampling, order="deterministic").decode()
