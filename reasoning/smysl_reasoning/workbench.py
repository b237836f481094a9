"""What a module works with while it runs: the engine's calls, the dialect, and drafts that become
nodes.

Knows nodes, recipes, places and when nodes are durable; never a program's shape or a socket.
"""

import asyncio
import hashlib
import math
import time
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Literal, Protocol

import msgspec

from smysl_engines.base import EngineInfo, Sampling
from smysl_reasoning.calls import (
    Budget,
    BudgetSpent,
    Calls,
    Chosen,
    Line,
    Lines,
    budget_spent,
)
from smysl_reasoning.dialects.base import Dialect, ThoughtDialect
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import TakenOut
from smysl_reasoning.events import Event, NodeDelta, NodeFinished, NodeStarted
from smysl_reasoning.flat import FlatStep, Scope
from smysl_reasoning.grammar import SamplingText
from smysl_reasoning.graph import Placed
from smysl_reasoning.history import Again
from smysl_reasoning.memory.memory import Memory
from smysl_reasoning.modules.base import Input, Module
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
from smysl_reasoning.standing import Standing
from smysl_reasoning.store import Store
from smysl_reasoning.thresholds import Thresholds

DERIVATION_TOKENS = 256
"""Most tokens of one derivation's call."""
LINE_TOKENS = 64
"""Most tokens of one line: a plan, a thought, a direct answer."""
EXACT = "exact"
"""Stands for the engine in the recipe of a node that no model made."""
CHOICE = Sampling(max_tokens=1)
"""Stands for the sampling of a node whose call chooses among options by their probabilities: nothing is drawn."""
RETRY_TEMPERATURE = 0.7
"""Of a greedy node that is to be made again with a seed."""
JOURNAL_S = 0.25
"""How often the tokens of a running node are written down."""

Purpose = Literal["write", "preview", "replay"]
"""Why a program is walked. Only `write` writes nodes and reuses those of other runs; a `preview` makes no calls; a
`replay` makes them all again."""


class Announce(Protocol):
    """Where events go."""

    def __call__(self, event: Event) -> None: ...


class Meter:
    """What one step of the program calls, within the budgets that it shares with others."""

    def __init__(self, module: str, calls: Calls, sequential: bool = False) -> None:
        self.module = module
        self.sequential = sequential
        """Its branches are one after the other."""
        self.calls = calls
        self.branches: set[int] = set()
        """Those that have begun."""


class Desk:
    """What all modules of one run share."""

    def __init__(
        self,
        *,
        run: str,
        session: str,
        root: str,
        program: str,
        store: Store,
        memory: Memory,
        standing: Standing,
        calls: Calls,
        info: EngineInfo,
        dialect: Dialect,
        thresholds: Thresholds,
        seed: int,
        announce: Announce,
        new_id: Callable[[], str],
        purpose: Purpose = "write",
        fresh: bool = False,
    ) -> None:
        """`fresh`: nothing that other runs have made is reused."""
        self.run = run
        self.session = session
        self.root = root
        """The question's node."""
        self.program = program
        self.store = store
        self.memory = memory
        self.standing = standing
        self.calls = calls
        self.info = info
        self.dialect = dialect
        self.thresholds = thresholds
        self.seed = seed
        self.announce = announce
        self.new_id = new_id
        self.purpose = purpose
        self.fresh = fresh
        self.running: dict[str, Draft] = {}
        """Drafts that watchers have been told of and that have no final node."""
        self.waiting: dict[str, asyncio.Future[str]] = {}
        """Node of a question to a person -> what they will have answered."""
        self.unannounced: dict[str, Node] = {}
        """Final nodes whose write is under way."""
        self.made: dict[str, Node] = {}
        """Place -> the node that this walk came to, kept or made."""
        self.meters: dict[str, Meter] = {}
        """Step -> what it calls."""
        self._scopes: dict[str, Calls] = {}
        self._so_far: dict[tuple[str, int], object] = {}
        self.reused: list[str] = []
        """Ids of nodes that were made elsewhere by the same recipe and cost nothing."""

    def bench(self, step: FlatStep, name: str, branch: int) -> "Workbench":
        """`name`: of the step in the whole program."""
        if name not in self.meters:
            assert isinstance(step.body, Module)
            self.meters[name] = Meter(
                step.body.label, self._scoped(step.scope).part(name), step.sequential
            )
        meter = self.meters[name]
        meter.branches.add(branch)
        return Workbench(self, name, branch, meter.calls, step.sampling, step.adapter)

    def _scoped(self, scope: Scope | None) -> Calls:
        if scope is None:
            return self.calls
        if scope.name not in self._scopes:
            budget = Budget(**msgspec.structs.asdict(scope.budget))
            self._scopes[scope.name] = self._scoped(scope.within).part(scope.name, budget)
        return self._scopes[scope.name]

    def found(self, step: str, branch: int, value: object) -> None:
        """Note what a step that goes on would give if it had to end now."""
        self._so_far[step, branch] = value

    def so_far(self, step: str) -> list[object]:
        """What the branches of a step have noted."""
        return [value for (name, _), value in sorted(self._so_far.items()) if name == step]

    def cancelled_drafts(self) -> "list[Draft]":
        """Take the drafts that were stopped."""
        drafts = list(self.running.values())
        self.running.clear()
        return drafts


class Workbench:
    """One module's run: one step of the program, one of its branches."""

    def __init__(
        self,
        desk: Desk,
        step: str,
        branch: int,
        calls: Calls | None = None,
        wish: SamplingText | None = None,
        adapter: str | None = None,
    ) -> None:
        """`wish` and `adapter`: what the program asks of this step's calls."""
        self.desk = desk
        self.info = desk.info
        self.thresholds = desk.thresholds
        self.calls = desk.calls if calls is None else calls
        self._step = step
        self._branch = branch
        self._wish = wish
        self._adapter = adapter

    @property
    def dialect(self) -> ThoughtDialect:
        """Of a model that is spoken to in typed thoughts; the compiler has seen to it that it is."""
        dialect = self.desk.dialect
        assert isinstance(dialect, NativeDialect), f"{dialect.name} has no thoughts"
        return dialect

    @property
    def seed(self) -> int:
        """Of this step and branch: 64 bits of BLAKE2b over run seed, step and branch."""
        text = f"{self.desk.seed}/{self._step}/{self._branch}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")

    def found(self, value: object) -> None:
        """Note what this module would give if it had to end now: where a person or a budget cuts the run off, that is
        not lost."""
        self.desk.found(self._step, self._branch, value)

    def spent(self, what: str) -> BudgetSpent:
        """To be raised where this step has spent what it may of something that its calls do not know of."""
        return budget_spent(what, self._step)

    def lines(self, sampling: Sampling, adapter: str | None = None) -> Lines:
        """A reader of lines under `sampling`. Close it."""
        return Lines(
            self.calls,
            sampling,
            end=self.desk.dialect.end,
            context=self.info.context,
            line_tokens=LINE_TOKENS,
            adapter=adapter or self._adapter,
        )

    async def line(
        self, prompt: Sequence[int], draft: "Draft", on_token: Callable[[int], None] | None = None
    ) -> Line:
        """One line for a draft, by a call of its own; goes on where a crash cut it off."""
        lines = self.lines(draft.sampling, draft.adapter)
        lines.resume(draft.journaled())
        try:
            return await lines.line(prompt, on_token or draft.journal)
        finally:
            lines.close()

    async def choose(self, prompt: Sequence[int], options: tuple[tuple[int, ...], ...]) -> Chosen:
        """The probability of each option after `prompt`."""
        return await self.calls.choose(prompt, options, self._adapter)

    def line_sampling(self) -> Sampling:
        """Greedy unless the program wishes otherwise, one line."""
        return self._wished(Sampling(max_tokens=LINE_TOKENS, stop=(self.desk.dialect.end,)))

    def _wished(self, sampling: Sampling) -> Sampling:
        """`sampling` as the step's program has it; what is sampled has a seed."""
        if self._wish is None or sampling == CHOICE:
            return sampling
        wished = {k: v for k, v in msgspec.structs.asdict(self._wish).items() if v is not None}
        if wished.get("temperature", sampling.temperature) > 0:
            wished["seed"] = self.seed
        if "max_tokens" in wished:
            wished["max_tokens"] = min(wished["max_tokens"], sampling.max_tokens)
        return msgspec.structs.replace(sampling, **wished)

    def notes(self, node: Node) -> list[Node]:
        """What a person has noted at a node, and the memories that fell there."""
        return self.desk.standing.notes(node.id)

    def draft(
        self,
        module: str,
        inputs: Sequence[Input],
        *,
        name: str,
        prompt: Sequence[int] | str = "",
        sampling: Sampling | None = None,
    ) -> "Draft":
        """A node to be: made by `module` from `inputs` and the notes at them, with a model call where
        there is `sampling`. `name` tells it from the others that this module's run makes. Raises
        `TakenOut`."""
        place = f"{self.desk.program}/{self._step}/{self._branch}/{name}"
        if self.desk.standing.removed(self.desk.root, place):
            raise TakenOut(f"a person took out {place}")
        old = self.desk.standing.at(self.desk.root, place)
        again = old.again if old and sampling else None
        if sampling is not None:
            sampling = self._wished(sampling)
            sampling = _otherwise(sampling, again) if again is not None else sampling
        recipe = Recipe(
            module=module,
            prompt=prompt if isinstance(prompt, str) else digest(prompt),
            sampling=_canonical(sampling),
            engine=self.info.fingerprint if sampling else EXACT,
            adapter=(again.adapter if again else None) or (self._adapter if sampling else None),
        )
        noted = [Input(note.kind, note) for input in inputs for note in self.notes(input.node)]
        known = {input.node.id for input in inputs}
        every = [*inputs, *(note for note in noted if note.node.id not in known)]
        return Draft(self.desk, place, recipe, sampling, every, old)


class Draft:
    """A node on its way: found standing or by its recipe, else started, grown and finished."""

    def __init__(
        self,
        desk: Desk,
        place: str,
        recipe: Recipe,
        sampling: Sampling | None,
        inputs: Sequence[Input],
        old: Placed | None,
    ) -> None:
        self._desk = desk
        self.place = place
        self._recipe = recipe
        self._sampling = sampling
        self._inputs = tuple(Edge(input.role, input.node.id) for input in inputs)
        self.seen = tuple(
            value_hash(input.node.kind, input.node.text, input.node.data) for input in inputs
        )
        roles = (edge.role for edge in self._inputs)
        self._key = recipe_key(recipe, tuple(zip(roles, self.seen, strict=True)))
        self._old = old or desk.standing.unplaced(desk.root, recipe, self._inputs, self.seen)
        self._kind: Kind = "step"
        self._text = ""
        self._began = time.perf_counter()
        self._tokens: list[int] = []
        self._written = 0.0
        self.id = ""
        self.held = False
        """A person holds the node that stands at this place."""

    @property
    def sampling(self) -> Sampling:
        """How the model is to be sampled, as the program or the person who asked for a retry has it."""
        assert self._sampling is not None, "an exact node has no sampling"
        return self._sampling

    @property
    def adapter(self) -> str | None:
        return self._recipe.adapter

    @property
    def changed(self) -> bool:
        """A person asked for it to be made otherwise than its program says."""
        return self._old is not None and self._old.again is not None

    async def reused(self, elsewhere: bool = True) -> Node | None:
        """The node that need not be made: the one at this place, when a person holds it or when its
        recipe and inputs are what they were; else, with `elsewhere`, a copy of one that the same
        recipe made elsewhere, which costs no call. None when it has to be made."""
        old = self._old
        if old is not None and old.hold is not None:
            return self._kept(old)
        if self._desk.purpose == "replay":
            return None
        if old is not None and self._stands(old):
            return self._kept(old)
        if self._desk.fresh or not elsewhere:
            return None
        stored = self._desk.store.find_stored(self._key, self._desk.run)
        if stored is None:
            return None
        made = stored.node
        cached = made.stats.prompt_tokens
        self._desk.calls.add(prompt_tokens=cached, cached_tokens=cached)
        self.start(made.kind)
        stats = Stats(prompt_tokens=cached, cached_tokens=cached, confidence=made.stats.confidence)
        node = await self.finish(made.kind, made.text, made.data, stats=stats, status=made.status)
        self._desk.reused.append(node.id)
        return node

    def start(self, kind: Kind) -> None:
        """Tell watchers that the node is being made. A node that is finished without is told of
        only then."""
        if self._desk.purpose == "preview" and self._sampling is not None:
            return
        self._name(kind)
        self._kind = kind
        self._desk.running[self.id] = self
        self._desk.announce(NodeStarted(self.node(kind, "", None, "running", Stats())))

    def grow(self, text: str) -> None:
        """Tell watchers of text that a started node has gained."""
        if text:
            self._text += text
            self._desk.announce(NodeDelta(self.id, text))

    def journal(self, token: int) -> None:
        """Note a token that the model has said; now and then all of them are written down, so that
        a crash loses little."""
        self._tokens.append(token)
        now = time.monotonic()
        self._written = self._written or now
        if now - self._written >= JOURNAL_S and self._desk.purpose == "write":
            self._written = now
            self._desk.store.save_partial(self._desk.run, self.place, self._key, self._tokens[:])

    def journaled(self) -> tuple[int, ...]:
        """What the model had said of this node before a crash."""
        if self._desk.purpose != "write":
            return ()
        return self._desk.store.partial(self._desk.run, self.place, self._key)

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
        self._name(kind)
        stats = stats or Stats(milliseconds=self._milliseconds())
        node = self.node(kind, text, data, status, stats)
        self._desk.running.pop(self.id, None)
        self._desk.made[self.place] = node
        if self._desk.purpose == "write":
            await self._write(node)
        self._desk.announce(NodeFinished(node))
        return node

    def stop(self) -> Node:
        """The node as it stands, cancelled; its write is queued. Raises `StoreError`."""
        stats = Stats(milliseconds=self._milliseconds())
        node = self.node(self._kind, self._text, None, "cancelled", stats)
        self._put(node)
        return node

    def node(self, kind: Kind, text: str, data: Data | None, status: Status, stats: Stats) -> Node:
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

    async def _write(self, node: Node) -> None:
        self._desk.unannounced[node.id] = node
        try:
            await asyncio.wrap_future(self._put(node))
        finally:
            del self._desk.unannounced[node.id]

    def _put(self, node: Node) -> "Future[int]":
        """Queue the node, in the place of the one that stood there."""
        desk, old = self._desk, self._old
        final = node.status != "cancelled"
        again = old.again if old else None
        if again is not None and final:
            again = msgspec.structs.replace(again, done=True)
        if old is not None and old.node.id != node.id:
            desk.store.drop_soon(desk.run, [old.node.id])
        return desk.store.put_soon(
            [node],
            key=self._key if final else None,
            run=desk.run,
            place=self.place,
            root=desk.root,
            seen=self.seen,
            again=again,
        )

    def _kept(self, old: Placed) -> Node:
        node = old.node
        self.held = old.hold is not None
        self._desk.made[self.place] = node
        self._desk.announce(NodeFinished(node))
        return node

    def _stands(self, old: Placed) -> bool:
        """Nothing that decides the node's value has changed since it was made."""
        return (
            old.node.id not in self._desk.standing.graph.disturbed
            and old.node.recipe == self._recipe
            and old.node.inputs == self._inputs
            and old.seen == self.seen
            and old.node.status in ("done", "failed")
            and (old.again is None or old.again.done)
        )

    def _name(self, kind: Kind) -> None:
        """The id of the node that stood at this place, where it is of the same kind; else a new one."""
        if not self.id:
            same = self._old is not None and self._old.node.kind == kind
            self.id = self._old.node.id if same and self._old else self._desk.new_id()

    def _milliseconds(self) -> float:
        return round((time.perf_counter() - self._began) * 1000, 3)


def line_stats(*lines: Line) -> Stats:
    """What lines cost together; confidence is the geometric mean of their tokens' probabilities."""
    logprobs = [p for line in lines for p in line.logprobs if not math.isnan(p)]
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


def chosen(recipe: Recipe) -> bool:
    """Neither a seed nor a temperature would make the node another one."""
    return recipe.sampling == _canonical(CHOICE)


def _otherwise(sampling: Sampling, again: Again) -> Sampling:
    """The sampling that a person asked for; a greedy one is warmed up for a seed to matter."""
    temperature = again.temperature
    if temperature is None:
        warm = again.seed is not None and sampling.temperature == 0
        temperature = RETRY_TEMPERATURE if warm else sampling.temperature
    seed = sampling.seed if again.seed is None else again.seed
    return msgspec.structs.replace(sampling, temperature=temperature, seed=seed)


def _canonical(sampling: Sampling | None) -> str:
    return "" if sampling is None else msgspec.json.encode(sampling, order="deterministic").decode()
