"""The run loop: accepts requests, walks programs, ends every run exactly once, resumes what a crash
cut off.

Knows programs, the store and the `Engine` protocol; never a backend, a socket or a widget.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from tokenizers import Tokenizer

from smysl_engines.base import Engine, EngineError
from smysl_reasoning.calls import BudgetSpent, Calls
from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.dialects.native import NativeDialect, TooManyQuantities
from smysl_reasoning.errors import (
    BadRequest,
    EngineUnusable,
    Inconsistent,
    ReasoningError,
    RuntimeClosed,
    StoreError,
)
from smysl_reasoning.events import NodeFinished, RunFinished, Verdict
from smysl_reasoning.executor import Executor
from smysl_reasoning.ids import IdMaker
from smysl_reasoning.library import Library, ProgramInfo
from smysl_reasoning.modules import answer, vote
from smysl_reasoning.modules.base import Asked, Chosen, Derived, Judged, Outcome, Setting
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.nodes import Edge, Node
from smysl_reasoning.program import Program
from smysl_reasoning.requests import RunRequest, check_request
from smysl_reasoning.run import Run
from smysl_reasoning.store import RunRecord, Store
from smysl_reasoning.thresholds import Thresholds
from smysl_reasoning.workbench import LINE_TOKENS, Desk

log = logging.getLogger(__name__)

TITLE_LENGTH = 80


class Runtime:
    """Runs programs over one engine and one store, both of which belong to the caller. Lives on one
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
        self._walks: dict[str, _Walk] = {}
        """Runs that go on, by id."""
        self._closed = False

    async def start(self, request: RunRequest) -> Run:
        """Accept a request: the question is durable when this returns, and the run goes on by
        itself.

        Raises `BadRequest`, `ProgramError` or `UnknownId` before anything is written, `StoreError`,
        `RuntimeClosed`.
        """
        if self._closed:
            raise RuntimeClosed("the runtime is closed; start a new one")
        check_request(request)
        program = self._library.get(request.program)
        settings = program.settled(request.options)
        text = f"{request.context.strip()}\n{request.question.strip()}".strip()
        self._check_fits(text, program)
        title = None
        if request.session is None:
            title = " ".join(request.question.split())[:TITLE_LENGTH]
            session = self._new_id()
        else:
            session = self._store.session(self._store.resolve(request.session)).id
        asked = self._ask(request, session)
        record = RunRecord(
            id=self._new_id(),
            session=session,
            question=asked.node.id,
            program=program.name,
            request=msgspec.json.encode(request),
        )
        nodes = [node for node in (asked.context, asked.node) if node]
        try:
            await asyncio.wrap_future(self._store.begin_run(record, nodes, title))
        except asyncio.CancelledError:
            # the question is on its way to the file; nobody is left to run it
            self._store.end_run(record.id, _ended(session, "cancelled", "cancelled"))
            raise
        return self._begin(record, request, program, settings, asked)

    def programs(self) -> list[ProgramInfo]:
        """Every program that can be asked for."""
        return self._library.list()

    async def resume(self) -> list[Run]:
        """Continue the runs that a crash cut off. Nodes they finished are found again by their
        recipes; only what is missing is derived. A run that cannot go on ends as failed."""
        runs = []
        for record in self._store.unfinished_runs():
            if record.id in self._walks:
                continue
            try:
                request = msgspec.json.decode(record.request, type=RunRequest)
                program = self._library.get(record.program)
                settings = program.settled(request.options)
                asked = self._asked_before(record)
            except (ReasoningError, msgspec.MsgspecError, TooManyQuantities) as error:
                message = f"cannot be resumed: {error}"
                await asyncio.wrap_future(
                    self._store.end_run(record.id, _ended(record.session, "failed", message))
                )
                continue
            runs.append(self._begin(record, request, program, settings, asked))
        return runs

    async def close(self) -> None:
        """Cancel what runs and wait for it to end. Engine and store stay open. Idempotent."""
        self._closed = True
        walks = list(self._walks.values())
        for walk in walks:
            walk.cancel()
        await asyncio.gather(*[walk.task for walk in walks])

    def check(self) -> None:
        """Raise `Inconsistent` unless the runs that the store holds as unfinished are those that go
        on here."""
        if lost := {run.id for run in self._store.unfinished_runs()} - set(self._walks):
            raise Inconsistent(f"runs neither finished nor running: {', '.join(sorted(lost))}")

    def _begin(
        self,
        record: RunRecord,
        request: RunRequest,
        program: Program,
        settings: dict[str, Setting],
        asked: Asked,
    ) -> Run:
        run = Run(record.id, record.session, program.name)
        for node in (asked.context, asked.node):
            if node:
                run.announce(NodeFinished(node))
        self._walks[run.id] = _Walk(self, run, request, program, settings, asked)
        return run

    def ended(self, run: Run) -> None:
        """A run has announced its end."""
        self._walks.pop(run.id, None)

    def _check_fits(self, text: str, program: Program) -> None:
        """Raise `BadRequest` for a question that the model cannot take."""
        try:
            question = self._dialect.read(text)
        except TooManyQuantities as error:
            raise BadRequest(str(error)) from None
        direct = any(step.module.name == "direct" for step in program.steps)
        length = len(self._dialect.question(question, "direct" if direct else "solve"))
        limit = self._engine.info.context - 2 * LINE_TOKENS
        if length > limit:
            raise BadRequest(
                f"the question has {length} tokens; {self._engine.info.model} takes {limit}, so "
                "that there is room to reason. Shorten it."
            )

    def _ask(self, request: RunRequest, session: str) -> Asked:
        context = None
        if request.context.strip():
            context = Node(
                id=self._new_id(),
                session=session,
                kind="context",
                text=request.context.strip(),
                status="done",
            )
        node = Node(
            id=self._new_id(),
            session=session,
            kind="question",
            text=request.question.strip(),
            inputs=(Edge("context", context.id),) if context else (),
            status="done",
        )
        return self._asked(node, context)

    def _asked(self, node: Node, context: Node | None) -> Asked:
        text = f"{context.text}\n{node.text}" if context else node.text
        return Asked(node, self._dialect.read(text), context)

    def _asked_before(self, record: RunRecord) -> Asked:
        node = self._store.node(record.question)
        contexts = [self._store.node(edge.node) for edge in node.inputs if edge.role == "context"]
        return self._asked(node, contexts[0] if contexts else None)

    def desk(self, run: Run, seed: int, calls: Calls) -> Desk:
        """What the modules of a run share."""
        return Desk(
            run=run.id,
            session=run.session,
            store=self._store,
            calls=calls,
            info=self._engine.info,
            dialect=self._dialect,
            thresholds=self._thresholds,
            seed=seed,
            announce=run.announce,
            new_id=self._new_id,
        )

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def store(self) -> Store:
        return self._store


class _Walk:
    """One run from its first step to its one `RunFinished`."""

    def __init__(
        self,
        runtime: Runtime,
        run: Run,
        request: RunRequest,
        program: Program,
        settings: dict[str, Setting],
        asked: Asked,
    ) -> None:
        self.runtime = runtime
        self.run = run
        self.request = request
        self.calls = Calls(runtime.engine, request.budget_tokens)
        self.desk = runtime.desk(run, request.seed, self.calls)
        self.executor = Executor(program, settings, asked, self.desk.bench)
        self.began = time.perf_counter()
        self._walking = False
        self._cancelled = False
        run.on_cancel = self.cancel
        self.task = asyncio.create_task(self.drive(), name=f"run {run.id}")

    def cancel(self) -> None:
        """Stop as soon as possible. Idempotent."""
        self._cancelled = True
        # a task that has not begun would end without its own end being written
        if self._walking:
            self.task.cancel()

    async def drive(self) -> None:
        """Never raises; a cancellation ends the run as cancelled."""
        outcome: Literal["done", "cancelled", "failed"] = "done"
        try:
            self._walking = True
            if self._cancelled:
                raise asyncio.CancelledError
            result = await self._outcome()
        except asyncio.CancelledError:
            outcome, result = "cancelled", Outcome(None, "failed", None, "cancelled")
        except (EngineError, ReasoningError) as error:
            outcome, result = "failed", Outcome(None, "failed", None, str(error))
        except Exception as error:
            log.exception("run %s failed", self.run.id)
            message = f"internal error ({type(error).__name__}); see the log"
            outcome, result = "failed", Outcome(None, "failed", None, message)
        end = asyncio.create_task(self._end(outcome, result))
        while not end.done():
            try:
                # the end is written whatever comes: a second cancellation must not cut it off
                await asyncio.shield(end)
            except asyncio.CancelledError:
                continue
        end.result()

    async def _outcome(self) -> Outcome:
        try:
            async with asyncio.timeout(self.request.budget_seconds):
                return await self.executor.run()
        except TimeoutError:
            spent = f"the budget of {self.request.budget_seconds:g} s is spent"
        except BudgetSpent:
            spent = f"the budget of {self.request.budget_tokens} tokens is spent"
        self.calls.cancel()
        return await self._what_is_there(spent)

    async def _what_is_there(self, spent: str) -> Outcome:
        """The answer that the finished derivations would give."""
        derived: list[Derived] = []
        verdict: Verdict = "budget"
        for values in self.executor.results.values():
            derived += [value for value in values if isinstance(value, Derived)]
        winner = vote.elect(None, derived)
        if winner is None:
            return Outcome(None, verdict, None, f"{spent} before an answer was found")
        choice = Chosen(winner, None, vote.tally(None, derived), len(derived), None)
        message = f"{spent}; {len(derived)} derivations were finished and nothing was verified"
        return await answer.conclude(
            self.desk.bench("budget", 0), choice, Judged(verdict, None, message, None)
        )

    async def _end(self, outcome: Literal["done", "cancelled", "failed"], result: Outcome) -> None:
        await self.calls.settle()
        stopped = self.desk.cancelled_nodes()
        usage = self.calls.usage
        finished = RunFinished(
            session=self.run.session,
            outcome=outcome,
            answer=result.answer,
            verdict=result.verdict,
            confidence=result.confidence,
            message=result.message,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            generated_tokens=usage.generated_tokens,
            calls=usage.calls,
            seconds=round(time.perf_counter() - self.began, 4),
        )
        try:
            written = self.runtime.store.end_run(self.run.id, finished, stopped)
            await asyncio.wrap_future(written)
        except StoreError as error:
            log.error("run %s: its end cannot be written: %s", self.run.id, error)
            stopped = []
            finished = _ended(self.run.session, "failed", f"the end cannot be written: {error}")
        for node in [*self.desk.unannounced.values(), *stopped]:
            self.run.announce(NodeFinished(node))
        self.run.announce(finished)
        self.runtime.ended(self.run)


def _ended(session: str, outcome: Literal["cancelled", "failed"], message: str) -> RunFinished:
    return RunFinished(
        session=session,
        outcome=outcome,
        answer=None,
        verdict="failed",
        confidence=None,
        message=message,
    )


class _DialectFile(msgspec.Struct):
    """`dialect.json` of an engine directory; keys of later versions are passed over."""

    dialect: str = NativeDialect.name
    version: int = NativeDialect.version
    thresholds: Thresholds = Thresholds()


def open_runtime(
    engine: Engine, engine_directory: Path, store: Store, programs: Sequence[Path] = ()
) -> Runtime:
    """A runtime that speaks the dialect of the engine in `engine_directory`, with its thresholds.

    Reads `tokenizer.json` and `dialect.json` (`{"dialect", "version", "thresholds"}`); without the
    latter, the native dialect with conservative thresholds. `programs` are folders of a user's own.
    Raises `EngineUnusable`.
    """
    remedy = "Build the engine again (`smysl build`)."
    path = engine_directory / "dialect.json"
    try:
        spoken = msgspec.json.decode(path.read_bytes(), type=_DialectFile)
    except FileNotFoundError:
        spoken = _DialectFile()
    except (OSError, msgspec.MsgspecError) as error:
        raise EngineUnusable(f"{path} cannot be read: {error}. {remedy}") from None
    if (spoken.dialect, spoken.version) != (NativeDialect.name, NativeDialect.version):
        raise EngineUnusable(
            f"{path} asks for dialect {spoken.dialect!r} version {spoken.version}; this smysl "
            f"speaks {NativeDialect.name!r} version {NativeDialect.version}. {remedy}"
        )
    tokenizer = engine_directory / "tokenizer.json"
    try:
        dialect = NativeDialect(Tokenizer.from_str(tokenizer.read_text(encoding="utf-8")))
    except Exception as error:  # the tokenizers library raises bare Exception for a bad file
        raise EngineUnusable(f"{tokenizer} cannot be used: {error}. {remedy}") from None
    return Runtime(
        engine=engine,
        dialect=dialect,
        store=store,
        thresholds=spoken.thresholds,
        library=Library(MODULES, programs),
    )
