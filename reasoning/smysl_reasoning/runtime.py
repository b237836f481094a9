"""The runtime: accepts requests, starts walks over branches, ends every run exactly once, resumes what
a crash cut off.

Knows programs, the store and the `Engine` protocol; never a backend, a socket or a widget.
"""

import asyncio
import math
import time
from functools import partial
from typing import NamedTuple

import msgspec

from smysl_engines.base import Engine
from smysl_reasoning.analysis import analysed
from smysl_reasoning.asking import ask, asked_as, check_room, context_of, fits, question_of
from smysl_reasoning.calls import UNLIMITED, Budget, Calls
from smysl_reasoning.changes import Changed, Preview, ReplayReport
from smysl_reasoning.checking import checked, read
from smysl_reasoning.compiler import Stopwatch, compile_flat, compile_plan, require_adapter
from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.dialects.native import Question, TooManyQuantities
from smysl_reasoning.editor import Editor, changed
from smysl_reasoning.errors import (
    BadRequest,
    Inconsistent,
    ReasoningError,
    RunCancelled,
    RunFailed,
    RuntimeClosed,
)
from smysl_reasoning.events import Event, NodeFinished
from smysl_reasoning.executor import Executor
from smysl_reasoning.flat import Flat
from smysl_reasoning.grammar import Lines
from smysl_reasoning.graph import Graph
from smysl_reasoning.history import MAIN, Again, Branch, OpKind
from smysl_reasoning.ids import MEMORY, IdMaker
from smysl_reasoning.library import Library, ProgramInfo
from smysl_reasoning.memory.memory import Memory
from smysl_reasoning.modules.base import Asked, Setting
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.nodes import Node, opens
from smysl_reasoning.notes import told
from smysl_reasoning.plan import Plan
from smysl_reasoning.preview import estimate
from smysl_reasoning.program import QUESTION, Program
from smysl_reasoning.recalling import Fits, Recalled, again, first
from smysl_reasoning.replay import compared, merged
from smysl_reasoning.requests import (
    SEED_LIMIT,
    DeriveRequest,
    Edit,
    RunRequest,
    check_request,
    check_text,
)
from smysl_reasoning.run import Run
from smysl_reasoning.sessions import require_ordinary
from smysl_reasoning.standing import Standing
from smysl_reasoning.store import RunRecord, Store, View
from smysl_reasoning.thresholds import Thresholds
from smysl_reasoning.walk import Walk, ended
from smysl_reasoning.workbench import Desk, Purpose

TITLE_LENGTH = 80
COMPILATIONS = 64
"""Compiled programs that are kept."""


class _Walkable(NamedTuple):
    """A program and what it is walked with."""

    request: RunRequest
    program: Program
    flat: Flat
    asked: Asked


class _Tried(NamedTuple):
    """A walk that wrote nothing."""

    desk: Desk
    whole: bool
    """It came to the end; a preview does not where a call would be needed."""


class Runtime:
    """Runs programs over one store and one engine at a time, which belong to the caller. Lives on one
    event loop."""

    def __init__(
        self,
        *,
        engine: Engine,
        dialect: Dialect,
        store: Store,
        thresholds: Thresholds | None = None,
        library: Library | None = None,
    ) -> None:
        self._engine = engine
        self._dialect = dialect
        self._store = store
        self._thresholds = thresholds or Thresholds()
        self._library = library or Library(MODULES)
        self._new_id = IdMaker()
        self._editor = Editor(store, dialect, self._new_id)
        self._memory = Memory(store, self._new_id)
        self._compilations: dict[
            tuple[str, tuple[tuple[str, Setting], ...], str | None], tuple[Program, Flat]
        ] = {}
        """By program, options and adapter, the last used last; void once the program is another."""
        self._walks: dict[str, Walk] = {}
        """Runs that go on, by id."""
        self._changing = asyncio.Lock()
        """Held from looking at a branch until what follows from that is written: what is asked for
        at the same time comes before or after, never in between."""
        self._closed = False

    # ------------------------------------------------------------ runs

    async def start(self, request: RunRequest) -> Run:
        """Accept a request: the question is durable when this returns, and the run goes on by
        itself.

        Raises `BadRequest`, `ProgramError` or `UnknownId` before anything is written, `StoreError`,
        `RuntimeClosed`.
        """
        self._require_open()
        check_request(request)
        async with self._changing:
            # from compiling it to beginning it, the engine stays the same
            program = self._library.get(request.program)
            flat = self._compiled(program, request.options, request.adapter)
            text = f"{request.context.strip()}\n{request.question.strip()}".strip()
            check_room(self._dialect, self._engine.info, text)
            return await self._started(request, program, flat)

    async def derive(self, request: DeriveRequest) -> Run:
        """Derive anew what is stale in a branch: its program is walked again, and whatever nothing
        has touched is kept. Raises `BadRequest` when nothing is stale, and what `start` raises."""
        self._require_open()
        async with self._changing:
            return await self._derived(request)

    async def explain(self, request: RunRequest, analyze: bool = False) -> Plan:
        """How a program would answer a question: its calls, waves and costs. With `analyze` it is run, in a
        session of its own, making everything anew, and what it came to stands beside each estimate. Raises what
        `start` raises, and `RunCancelled` or `RunFailed` when the run did not end well."""
        self._require_open()
        check_request(request)
        program, watch = self._timed(request.program)
        text = f"{request.context.strip()}\n{request.question.strip()}".strip()
        check_room(self._dialect, self._engine.info, text)
        plan = compile_plan(
            program,
            program.settled(request.options),
            await self._foretold(request, text),
            self._dialect,
            self._engine.info,
            self._store.module_costs(self._engine.info.fingerprint),
            watch,
            request.adapter,
        )
        if not analyze:
            return plan
        run = await self.start(msgspec.structs.replace(request, session=None, fresh=True))
        meters = self._walks[run.id].desk.meters
        try:
            finished = await run.result()
        except asyncio.CancelledError:
            # whoever wanted to know has left
            run.cancel()
            raise
        if finished.outcome == "cancelled":
            raise RunCancelled(f"the run to be analysed was cancelled: {finished.message}")
        if finished.outcome == "failed":
            raise RunFailed(f"the run to be analysed failed: {finished.message}")
        return analysed(plan, meters, finished)

    async def _foretold(self, request: RunRequest, text: str) -> Question:
        """The question with what would fall into it."""
        question = self._dialect.read(text)
        context, node = ask(request, "", self._new_id)
        room = self._room(node, context)
        recalled = await first(self._memory, node, context, request.recall, room, self._new_id)
        return told(self._dialect, question, [one.text for one in recalled.nodes])

    def _timed(self, name: str) -> tuple[Program, Stopwatch]:
        """A program parsed and typed anew, with the time that took."""
        source = self._library.get(name).name
        text, watch = self._library.text(name), Stopwatch()
        written = read(text, source)
        watch.done("parse", f"{len(written.step)} steps")
        program = checked(written, source, self._library.modules, self._library.part, Lines(text))
        options = ", ".join(program.options) or "none"
        watch.done("type", f"gives an {program.output}; options: {options}")
        return program, watch

    def _compiled(self, program: Program, options: dict[str, object], adapter: str | None) -> Flat:
        """Raises `BadRequest` for options that it does not have, and for what this model cannot run."""
        settings = program.settled(options)
        key = program.name, tuple(settings.items()), adapter
        kept = self._compilations.pop(key, None)
        if kept is None or kept[0] is not program:
            kept = (
                program,
                compile_flat(program, settings, self._dialect, self._engine.info, adapter),
            )
        self._compilations[key] = kept
        if len(self._compilations) > COMPILATIONS:
            del self._compilations[next(iter(self._compilations))]
        return kept[1]

    def programs(self) -> list[ProgramInfo]:
        """Every program that can be asked for."""
        return self._library.list()

    async def resume(self) -> list[Run]:
        """Continue the runs that a crash cut off. Nodes they finished stand in the branch and are
        kept; only what is missing is derived. A run that cannot go on ends as failed."""
        runs = []
        for record in self._store.unfinished_runs():
            if record.id in self._walks:
                continue
            try:
                view = self._store.view(record.session, record.branch)
                request = msgspec.json.decode(record.request, type=RunRequest)
                program = self._library.get(record.program)
                flat = self._compiled(program, request.options, request.adapter)
                if record.question not in view.graph:
                    raise Inconsistent(f"its branch does not show question {record.question}")
                asked = asked_as(self._dialect, view.graph.node(record.question), view.graph)
            except (ReasoningError, msgspec.MsgspecError, TooManyQuantities) as error:
                message = f"cannot be resumed: {error}"
                await asyncio.wrap_future(
                    self._store.end_run(record.id, ended(record.session, "failed", message))
                )
                continue
            walkable = _Walkable(request, program, flat, asked)
            fallen = [note.node for note in view.graph.notes(asked.node.id)]
            nodes = [one for one in (asked.context, asked.node, *fallen) if one]
            runs.append(self._begin(record, walkable, view.graph, nodes))
            if record.paused:
                self._walks[record.id].calls.pause()
        return runs

    async def use(
        self, engine: Engine, dialect: Dialect, thresholds: Thresholds | None = None
    ) -> None:
        """Let another engine answer what is asked from now on. Runs that go on end with the engine
        that they began with, which stays the caller's to close. Raises `RuntimeClosed`."""
        async with self._changing:
            self._require_open()
            self._engine, self._dialect = engine, dialect
            self._thresholds = thresholds or Thresholds()
            self._editor = Editor(self._store, dialect, self._new_id)
            self._compilations.clear()

    # ------------------------------------------------------------ control of what runs

    async def pause(self, session: str) -> list[str]:
        """Stop the runs of a session until `unpause`, also over a restart; their slots are free at
        once. Returns the runs. Raises `BadRequest` when none runs."""
        walks = self._running(session)
        for walk in walks:
            await asyncio.wrap_future(self._store.set_paused(walk.run.id, True))
            walk.calls.pause()
        return [walk.run.id for walk in walks]

    async def unpause(self, session: str) -> list[str]:
        """Let the paused runs of a session go on where they were. Raises `BadRequest`."""
        walks = [walk for walk in self._running(session) if walk.calls.paused]
        if not walks:
            raise BadRequest("no run of this session is paused")
        for walk in walks:
            await asyncio.wrap_future(self._store.set_paused(walk.run.id, False))
            walk.calls.unpause()
        return [walk.run.id for walk in walks]

    async def cancel(self, session: str) -> list[str]:
        """Stop the runs of a session for good. Raises `BadRequest` when none runs."""
        walks = self._running(session)
        for walk in walks:
            walk.cancel()
        return [walk.run.id for walk in walks]

    async def finish(self, session: str) -> list[str]:
        """Have the runs of a session answer at once with what is there. Raises `BadRequest`."""
        walks = self._running(session)
        for walk in walks:
            walk.finish()
        return [walk.run.id for walk in walks]

    async def answer(self, node: str, text: str) -> str:
        """Tell a run that waits at a question of its own (module `ask`) what the person answers. `node`: the id of
        that question, or the beginning of it. Returns the run. Raises `BadRequest` when nobody waits there."""
        written = check_text(text, "the answer")
        prefix = node.strip().lower()
        waits = {id: walk for walk in self._walks.values() for id in walk.desk.waiting}
        found = [id for id in waits if prefix and id.startswith(prefix)]
        if len(found) != 1:
            there = ", ".join(id[:12] for id in waits) or "none"
            raise BadRequest(
                f"no run waits for an answer to {node[:40]!r}; questions that wait: {there}"
            )
        walk = waits[found[0]]
        walk.desk.waiting.pop(found[0]).set_result(written)
        return walk.run.id

    # ------------------------------------------------------------ operations on a branch

    async def edit(self, edit: Edit) -> Changed:
        """Put a person's words in a node's place, or in a memory's. Raises `BadRequest`, `StoreError`."""
        if (memory := self._memory_named(edit.node)) is not None:
            await asyncio.to_thread(self._memory.edit, memory, edit.text)
            (branch,) = self._store.branches(MEMORY)
            return Changed(
                session=MEMORY, branch=branch.name, op=branch.head, node=memory, stale=()
            )
        async with self._changing:
            self._require_idle_at(edit.node, edit.branch)
            return await self._editor.edit(edit)

    def _memory_named(self, reference: str) -> str | None:
        """The memory that a reference to a node names, if it is one."""
        id = self._store.resolve(reference)
        return id if self._memory.holds(id) else None

    async def inject(self, node: str, text: str, branch: str | None = None) -> Changed:
        """Attach a note to a node. Raises `BadRequest`, `StoreError`."""
        async with self._changing:
            self._require_idle_at(node, branch)
            return await self._editor.inject(node, text, branch)

    async def delete(self, node: str, branch: str | None = None) -> Changed:
        """Take a node out of the branch. Raises `BadRequest`, `StoreError`."""
        async with self._changing:
            self._require_idle_at(node, branch)
            return await self._editor.delete(node, branch)

    async def pin(self, node: str, on: bool, branch: str | None = None) -> Changed:
        """Hold a node as it is, or let go of it. Raises `BadRequest`, `StoreError`."""
        async with self._changing:
            self._require_idle_at(node, branch)
            return await self._editor.pin(node, on, branch)

    async def retry(self, node: str, again: Again, branch: str | None = None) -> Changed:
        """Have a node made anew with another seed, temperature or adapter; `derive` makes it.
        Raises `BadRequest`, `StoreError`."""
        if again == Again():
            raise BadRequest("say what is to be otherwise: a seed, a temperature or an adapter")
        if again.adapter is not None:
            require_adapter(again.adapter, self._engine.info)
        temperature = again.temperature
        if again.seed is not None and not 0 <= again.seed < SEED_LIMIT:
            raise BadRequest(f"seed is {again.seed}; it must be from 0 to {SEED_LIMIT - 1}")
        if temperature is not None and not (math.isfinite(temperature) and 0 <= temperature <= 2):
            raise BadRequest(f"temperature is {temperature}; it must be from 0 to 2")
        async with self._changing:
            self._require_idle_at(node, branch)
            return await self._editor.retry(node, again, branch)

    async def merge(self, node: str, source: str, branch: str | None = None) -> Changed:
        """Take a node as it stands in branch `source`. Raises `BadRequest`, `StoreError`."""
        async with self._changing:
            self._require_idle_at(node, branch)
            return await self._editor.merge(node, source, branch)

    async def undo(self, session: str, branch: str | None = None) -> Changed:
        """Take back the last operation of a branch. Raises `NothingToUndo`."""
        async with self._changing:
            view = self._view(session, branch)
            self._require_idle(view.session, view.branch.name)
            await asyncio.wrap_future(self._store.undo(view.session, view.branch.name))
            return self._now(view)

    async def redo(self, session: str, branch: str | None = None) -> Changed:
        """Take back an undo. Raises `NothingToRedo`."""
        async with self._changing:
            view = self._view(session, branch)
            self._require_idle(view.session, view.branch.name)
            await asyncio.wrap_future(self._store.redo(view.session, view.branch.name))
            return self._now(view)

    async def fork(self, node: str, name: str, branch: str | None = None) -> Branch:
        """A new branch that shows what this one shows, remembered at a node; it becomes the current
        one. Nothing is copied. Raises `BadRequest`, `StoreError`."""
        found = self._editor.find(node, branch)
        forked = self._store.fork(found.node.session, name, source=found.branch, at=found.node.id)
        return await asyncio.wrap_future(forked)

    async def switch(self, session: str, name: str) -> Branch:
        """Make a branch the current one. Raises `StoreError`."""
        id = self._view(session, None).session
        return await asyncio.wrap_future(self._store.switch(id, name))

    async def preview(
        self,
        session: str = "@last",
        branch: str | None = None,
        *,
        node: str | None = None,
        edit: Edit | None = None,
    ) -> Preview:
        """What `derive` would do and cost; with `edit`, as if that had been done. Makes no call and
        writes nothing. Raises `BadRequest`, `UnknownId`."""
        if edit is not None:
            found = self._editor.find(edit.node, edit.branch)
            view, graph = found.view, self._editor.applied(found, edit.text)
            root = self._root_of(graph, found.node.id)
        else:
            view, root = self._rooted(session, branch, node)
            graph = view.graph
        last = self._store.latest_run(view.session, view.branch.name, root)
        if last is None:
            raise BadRequest(f"question {root[:8]} has not been asked in this branch; ask it again")
        recalled = await self._recalled(last, graph)
        walkable = self._again(last, recalled.graph, DeriveRequest())
        tried = await self._tried(view.session, recalled.graph, walkable, "preview")
        costs = self._store.module_costs(self._engine.info.fingerprint)
        return estimate(graph, tried.desk, costs)

    async def replay(self, session: str = "@last", branch: str | None = None) -> ReplayReport:
        """Derive every question of a branch anew, without anything stored, and compare node by
        node. Writes nothing. Raises `BadRequest`, `EngineError`."""
        view = self._view(session, branch)
        reports = []
        for root in [id for id in view.graph if opens(view.graph.node(id))]:
            last = self._store.latest_run(view.session, view.branch.name, root)
            if last is None:
                continue
            walkable = self._again(last, view.graph, DeriveRequest())
            tried = await self._tried(view.session, view.graph, walkable, "replay")
            reports.append(compared(view, tried.desk))
        return merged(view, reports, self._engine.info.fingerprint)

    # ------------------------------------------------------------ end

    async def suspend(self) -> int:
        """Stop what runs without ending it in the store: `resume` of the next runtime goes on with
        it. Takes no new runs afterwards. Returns how many runs were stopped. Idempotent."""
        self._closed = True
        walks = list(self._walks.values())
        for walk in walks:
            walk.suspend()
        await asyncio.gather(*[walk.task for walk in walks])
        return len(walks)

    async def close(self) -> None:
        """Cancel what runs and wait for it to end. Engine and store stay open. Idempotent."""
        self._closed = True
        walks = list(self._walks.values())
        for walk in walks:
            walk.cancel()
        await asyncio.gather(*[walk.task for walk in walks])

    def check(self) -> None:
        """Raise `Inconsistent` unless the runs that the store holds as unfinished are those that go
        on here. In a file open for reading only they stay unfinished."""
        if self._store.problem is not None:
            return
        if lost := {run.id for run in self._store.unfinished_runs()} - set(self._walks):
            raise Inconsistent(f"runs neither finished nor running: {', '.join(sorted(lost))}")

    # ------------------------------------------------------------ parts

    async def _started(self, request: RunRequest, program: Program, flat: Flat) -> Run:
        title, branch = None, MAIN
        if request.session is None:
            title = " ".join(request.question.split())[:TITLE_LENGTH]
            session = self._new_id()
        else:
            session = self._store.session(self._store.resolve(request.session)).id
            require_ordinary(session)
            branch = self._store.view(session, request.branch).branch.name
            self._require_idle(session, branch)
        context, node = ask(request, session, self._new_id)
        room = self._room(node, context)
        recalled = await first(self._memory, node, context, request.recall, room, self._new_id)
        asked = asked_as(self._dialect, node, recalled.graph, context)
        walkable = _Walkable(request, program, flat, asked)
        record = self._record(session, branch, node.id, walkable)
        nodes = [one for one in (context, node) if one]
        await self._begun(record, nodes, title, recalled)
        return self._begin(record, walkable, recalled.graph, [*nodes, *recalled.nodes])

    async def _derived(self, request: DeriveRequest) -> Run:
        view, root = self._rooted(request.session, request.branch, request.node)
        branch = view.branch.name
        self._require_idle(view.session, branch)
        last = self._store.latest_run(view.session, branch, root)
        if last is None:
            raise BadRequest(
                f"question {root[:8]} has not been asked in branch {branch!r}; ask it again"
            )
        recalled = await self._recalled(last, view.graph)
        walkable = self._again(last, recalled.graph, request)
        end = last.finished
        ended_well = end is not None and end.outcome == "done" and end.verdict != "budget"
        same = walkable.program.name == last.program
        same = same and request.seed is None and request.options is None
        if ended_well and same and not view.graph.stale(root):
            # an early answer may have left out what nothing had begun to make
            tried = await self._tried(view.session, view.graph, walkable, "preview")
            if tried.whole:
                raise BadRequest(
                    f"nothing is stale in branch {branch!r}; edit, inject or retry something first"
                )
        record = self._record(view.session, branch, root, walkable, again_of=last.id)
        await self._begun(record, [], None, recalled)
        return self._begin(record, walkable, recalled.graph, recalled.nodes)

    async def _recalled(self, last: RunRecord, graph: Graph) -> Recalled:
        """What a question that was asked before is to hold of the memory."""
        node = graph.node(last.question)
        before = msgspec.json.decode(last.request, type=RunRequest)
        room = self._room(node, context_of(node, graph))
        asked = before.question.strip()
        return await again(self._memory, graph, node, asked, before.recall, room, self._new_id)

    async def _begun(
        self, record: RunRecord, nodes: list[Node], title: str | None, recalled: Recalled
    ) -> None:
        kind: OpKind = "run" if nodes else "derive"
        note = partial(recalled.note, session=record.session, at=time.time())
        written = self._store.begin_run(
            record,
            [*nodes, *recalled.written],
            title,
            branch=record.branch,
            kind=kind,
            also=note,
        )
        try:
            await asyncio.wrap_future(written)
            self._require_open()
        except (asyncio.CancelledError, RuntimeClosed):
            # the question is in the file or on its way there; nobody is left to run it
            self._store.end_run(record.id, ended(record.session, "cancelled", "cancelled"))
            raise

    def _begin(self, record: RunRecord, walkable: _Walkable, graph: Graph, told: list[Node]) -> Run:
        run = Run(record.id, record.session, walkable.program.name)
        for node in told:
            run.announce(NodeFinished(node))
        self._walks[run.id] = Walk(
            run=run,
            branch=record.branch,
            desk=self._desk(run, graph, walkable, "write"),
            program=walkable.flat,
            asked=walkable.asked,
            budget_seconds=walkable.request.budget_seconds,
            on_end=self._forget,
        )
        return run

    def _forget(self, run: Run) -> None:
        del self._walks[run.id]

    def _desk(self, run: Run, graph: Graph, walkable: _Walkable, purpose: Purpose) -> Desk:
        asked = walkable.request
        budget = Budget(tokens=asked.budget_tokens, calls=asked.budget_calls)
        return Desk(
            run=run.id,
            session=run.session,
            root=walkable.asked.node.id,
            program=walkable.program.name,
            store=self._store,
            memory=self._memory,
            standing=Standing(graph),
            calls=Calls(
                self._engine,
                budget if purpose == "write" else UNLIMITED,
                allowed=purpose != "preview",
                session=run.session,
            ),
            info=self._engine.info,
            dialect=self._dialect,
            thresholds=self._thresholds,
            seed=walkable.request.seed,
            announce=run.announce if purpose == "write" else _unheard,
            new_id=self._new_id,
            purpose=purpose,
            fresh=asked.fresh,
        )

    async def _tried(
        self, session: str, graph: Graph, walkable: _Walkable, purpose: Purpose
    ) -> _Tried:
        """Walk a program without writing anything."""
        desk = self._desk(Run("", session, walkable.program.name), graph, walkable, purpose)
        executor = Executor(walkable.flat, {QUESTION: [walkable.asked]}, desk.bench)
        try:
            whole = await executor.run() is not None
        finally:
            await desk.calls.settle()
        return _Tried(desk, whole)

    def _again(self, last: RunRecord, graph: Graph, request: DeriveRequest) -> _Walkable:
        """A question's last run as it is to be walked once more."""
        before = msgspec.json.decode(last.request, type=RunRequest)
        program = self._library.get(request.program or last.program)
        options = before.options if request.options is None else request.options
        if request.program not in (None, last.program) and request.options is None:
            options = {}
        info = self._engine.info
        if before.adapter is not None and before.adapter not in info.adapters:
            raise BadRequest(
                f"question {last.question[:8]} was asked with adapter {before.adapter!r}, which {info.model} does not "
                "have; use the model that has it (`smysl models use`), or ask the question again"
            )
        flat = self._compiled(program, options, before.adapter)
        asked = asked_as(self._dialect, graph.node(last.question), graph)
        check_room(self._dialect, info, asked.told.text)
        again = msgspec.structs.replace(
            before,
            program=program.name,
            question=asked.node.text,
            seed=before.seed if request.seed is None else request.seed,
            options=options,
            budget_tokens=request.budget_tokens,
            budget_calls=request.budget_calls,
            budget_seconds=request.budget_seconds,
        )
        check_request(again)
        return _Walkable(again, program, flat, asked)

    def _record(
        self,
        session: str,
        branch: str,
        question: str,
        walkable: _Walkable,
        again_of: str | None = None,
    ) -> RunRecord:
        return RunRecord(
            id=self._new_id(),
            session=session,
            branch=branch,
            question=question,
            program=walkable.program.name,
            request=msgspec.json.encode(walkable.request),
            again_of=again_of,
        )

    def _view(self, session: str, branch: str | None) -> View:
        id = self._store.resolve(session)
        return self._store.view(self._store.session(id).id, branch)

    def _rooted(self, session: str, branch: str | None, node: str | None) -> tuple[View, str]:
        """A branch, and the question in it that is meant."""
        if node is not None:
            found = self._editor.find(node, branch)
            return found.view, self._root_of(found.graph, found.node.id)
        view = self._view(session, branch)
        require_ordinary(view.session)
        questions = [id for id in view.graph if opens(view.graph.node(id))]
        if not questions:
            raise BadRequest(f"branch {view.branch.name!r} holds no question; ask one")
        return view, questions[-1]

    def _root_of(self, graph: Graph, node: str) -> str:
        """The question that a node belongs to."""
        placed = graph.placed(node)
        if placed.root is not None:
            return placed.root
        if opens(placed.node):
            return node
        at = [edge.node for edge in graph.inputs(node)]  # a note does not rest on what it is put at
        near = [*at, *graph.ancestors(node), *graph.dependents([node])]
        for id in near:
            if opens(graph.node(id)):
                return id
            root = graph.placed(id).root
            if root is not None:
                return root
        raise BadRequest(f"node {node[:8]} belongs to no question")

    def _now(self, view: View) -> Changed:
        head = self._store.view(view.session, view.branch.name).branch.head
        return changed(self._store, view.session, view.branch.name, head, None)

    def _running(self, session: str) -> list[Walk]:
        id = self._view(session, None).session
        walks = [walk for walk in self._walks.values() if walk.run.session == id]
        if not walks:
            raise BadRequest(f"nothing runs in session {id[:8]}")
        return walks

    def _require_open(self) -> None:
        if self._closed:
            raise RuntimeClosed("the runtime is closed; start a new one")

    def _require_idle(self, session: str, branch: str) -> None:
        for walk in self._walks.values():
            if (walk.run.session, walk.branch) == (session, branch):
                raise BadRequest(
                    f"a run goes on in branch {branch!r}; wait for its end, cancel it, or fork the"
                    " branch and work there"
                )

    def _require_idle_at(self, node: str, branch: str | None) -> None:
        if self._walks:
            found = self._editor.find(node, branch)
            self._require_idle(found.node.session, found.branch)

    def _room(self, node: Node, context: Node | None) -> Fits:
        question = question_of(self._dialect, node, context)
        return partial(fits, self._dialect, self._engine.info, question)

    @property
    def library(self) -> Library:
        return self._library

    @property
    def dialect(self) -> Dialect:
        return self._dialect

    @property
    def memory(self) -> Memory:
        """What outlives sessions."""
        return self._memory

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def store(self) -> Store:
        return self._store


def _unheard(event: Event) -> None:
    """Nobody watches a walk that writes nothing."""
