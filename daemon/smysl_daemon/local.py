"""The service of a real daemon: a runtime over one store and one engine of this machine.

Knows who owns what and in which order it is opened and closed; never sockets.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

from smysl_daemon.config import Config, Dirs
from smysl_daemon.database import open_database
from smysl_daemon.errors import NotOnThisDaemon
from smysl_daemon.fleet import Fleet
from smysl_daemon.http.generating import Generator
from smysl_daemon.loading import Loader, Progress
from smysl_daemon.memory_protocol import MemoryReply, MemoryRequest
from smysl_daemon.models import Models, model_view
from smysl_daemon.programs import Programs
from smysl_daemon.protocol import (
    Answer,
    Answered,
    Changed,
    ChangeRequest,
    CheckPrograms,
    Control,
    Derive,
    Diff,
    Explain,
    Export,
    Fork,
    GetGraphStats,
    GetLog,
    ModelUsed,
    NodeShown,
    OperationList,
    Preview,
    Previewed,
    ProgramList,
    Rename,
    Replay,
    Replayed,
    Run,
    RunEnded,
    RunEvent,
    Search,
    SessionChanged,
    Show,
    Switch,
    TextDiff,
    UseModel,
    Why,
)
from smysl_daemon.reading import Reading
from smysl_daemon.remembering import Remembering
from smysl_daemon.service import Differences, ModelView, Reasons, SessionShown
from smysl_daemon.shapes import (
    BranchView,
    CheckedView,
    EngineStatsView,
    EngineView,
    GraphStatsView,
    HitView,
    ModuleView,
    PlanView,
    ProgramWhole,
    SessionView,
)
from smysl_daemon.steering import Steering
from smysl_daemon.unloading import UnloadingEngine
from smysl_daemon.views import engine_stats_view, engine_view, event_view
from smysl_engines.base import Engine, EngineError
from smysl_engines.manifest import load_manifest
from smysl_engines.shelf import list_engines
from smysl_reasoning.archive import import_session
from smysl_reasoning.graph import Graph
from smysl_reasoning.opening import open_runtime
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.run import Run as ReasoningRun
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store


async def open_local_service(dirs: Dirs, config: Config, progress: Progress) -> "LocalService":
    """Open the database, then the engine, which is built first if it is missing, outdated or
    damaged. Raises what `wire.to_wire` knows, `BadConfig` and `EngineUnavailable`."""
    loader = Loader(dirs, config, progress)
    meant = await asyncio.to_thread(loader.meant, config.model)
    store = await asyncio.to_thread(open_database, dirs.database, progress)
    try:
        directory, engine = await loader.opened(meant)
        try:
            runtime = open_runtime(
                engine, directory, store, [dirs.config / "programs"], [dirs.config / "modules"]
            )
            fleet = Fleet(engine, idle_s=config.unload_minutes * 60)
            models = Models(runtime, loader, fleet, config.model)
            service = LocalService(
                runtime, engine, store, dirs.engines, models, recall=config.memory.recall
            )
            if store.problem is None:
                service.take_up(await runtime.resume())
        except BaseException:
            engine.close()
            raise
    except BaseException:
        store.close()
        raise
    return service


class LocalRun:
    """A run of the runtime, speaking the wire's types."""

    def __init__(self, run: ReasoningRun, branch: str, before: Graph | None = None) -> None:
        self._run = run
        self.branch = branch
        self._before = before
        """What the branch showed, for a derivation."""

    @property
    def id(self) -> str:
        return self._run.id

    @property
    def session(self) -> str:
        return self._run.session

    @property
    def program(self) -> str:
        return self._run.program

    async def events(self) -> AsyncIterator[RunEvent | RunEnded]:
        async for event in self._run.watch():
            yield event_view(event, self._before)

    def cancel(self) -> None:
        self._run.cancel()


class LocalService:
    """Fulfils `Service`. Owns the runtime, the engines and the store."""

    def __init__(
        self,
        runtime: Runtime,
        engine: Engine,
        store: Store,
        shelf: Path,
        models: Models | None = None,
        recall: int = 0,
    ) -> None:
        """`models`: owns `engine` and can put another one in its place; None keeps to this one. `recall`: most
        memories that fall into the question of a run that does not say."""
        self._runtime = runtime
        self._first = engine
        self._models = models
        self._store = store
        self._shelf = shelf
        self._reading = Reading(store)
        self._steering = Steering(runtime, store)
        self._programs = Programs(runtime)
        self._remembering = Remembering(runtime)
        self._recall = recall
        self._resumed: tuple[LocalRun, ...] = ()
        self._generator: Generator | None = None
        """Of the runtime's engine, once it was asked for."""

    @property
    def model(self) -> ModelView:
        return model_view(self._engine.info)

    @property
    def _engine(self) -> Engine:
        """Of new runs."""
        return self._first if self._models is None else self._models.fleet.current

    def generator(self) -> Generator:
        spoken = self._runtime.engine, self._runtime.dialect
        if self._generator is None or not self._generator.is_of(*spoken):
            self._generator = Generator(*spoken)
        return self._generator

    def stats(self) -> EngineStatsView:
        engine, models = self._engine, self._models
        loaded = engine.loaded if isinstance(engine, UnloadingEngine) else True
        stats = engine.stats() if models is None else models.fleet.stats()
        return engine_stats_view(stats, loaded=loaded)

    async def use(self, request: UseModel) -> ModelUsed:
        before = self.model
        if self._models is None:
            raise NotOnThisDaemon(
                f"this daemon has one model, {before.model!r}, for its whole life"
            )
        setting = await self._models.use(request.model, saved=request.saved)
        return ModelUsed(
            model=self.model.model,
            fingerprint=self.model.fingerprint,
            before=before.fingerprint,
            setting=setting,
        )

    async def start(self, request: Run) -> LocalRun:
        async with self._steady():
            return await self._started(request)

    async def _started(self, request: Run) -> LocalRun:
        loaded = self.model
        if request.model not in (None, loaded.model, loaded.fingerprint):
            raise NotOnThisDaemon(
                f"model {request.model!r} is not loaded; this daemon has {loaded.model!r}. "
                f"Leave -m out, or load it: smysl models use {request.model}"
            )
        return self._handle(
            await self._runtime.start(
                RunRequest(
                    question=request.question,
                    program=request.program,
                    context=request.context,
                    session=request.session,
                    branch=request.branch,
                    seed=request.seed,
                    options=request.options,
                    adapter=request.adapter,
                    fresh=request.fresh,
                    recall=self._recall if request.recall is None else request.recall,
                    budget_tokens=request.budget_tokens,
                    budget_calls=request.budget_calls,
                    budget_seconds=request.budget_seconds,
                )
            )
        )

    async def derive(self, request: Derive) -> LocalRun:
        async with self._steady():
            return self._handle(*await self._steering.derive(request))

    def _steady(self) -> AbstractAsyncContextManager[object]:
        """While a run begins, its model stays the one that was found."""
        return nullcontext() if self._models is None else self._models.steady

    def _handle(self, run: ReasoningRun, before: Graph | None = None) -> LocalRun:
        return LocalRun(run, self._store.run(run.id).branch, before)

    def take_up(self, runs: Sequence[ReasoningRun]) -> None:
        """These go on from where the last daemon left them."""
        self._resumed = tuple(map(self._handle, runs))

    def resumed(self) -> tuple[LocalRun, ...]:
        return self._resumed

    async def explain(self, request: Explain) -> PlanView:
        recall = self._recall if request.recall is None else request.recall
        return await self._programs.explain(request, recall)

    async def answer(self, request: Answer) -> Answered:
        return await self._steering.answer(request)

    async def control(self, request: Control) -> str:
        return await self._steering.control(request)

    async def change(self, request: ChangeRequest) -> Changed:
        return await self._steering.change(request)

    async def preview(self, request: Preview) -> Previewed:
        return await self._steering.preview(request)

    async def fork(self, request: Fork) -> BranchView:
        return self._reading.branch(await self._steering.fork(request))

    async def switch(self, request: Switch) -> BranchView:
        return self._reading.branch(await self._steering.switch(request))

    async def branches(self, session: str) -> tuple[BranchView, ...]:
        return await asyncio.to_thread(self._reading.branches, session)

    async def log(self, request: GetLog) -> OperationList:
        return await asyncio.to_thread(self._reading.log, request)

    async def why(self, request: Why) -> Reasons:
        return await asyncio.to_thread(self._reading.why, request)

    async def diff(self, request: Diff) -> Differences | TextDiff:
        return await asyncio.to_thread(self._reading.diff, request)

    async def search(self, request: Search) -> tuple[HitView, ...]:
        return await asyncio.to_thread(self._reading.search, request)

    async def sessions(self, limit: int) -> tuple[SessionView, ...]:
        return await asyncio.to_thread(self._reading.sessions, limit)

    async def rename(self, request: Rename) -> SessionChanged:
        id = await self._steering.rename(request.session, request.title)
        return SessionChanged(session=id, title=self._store.session(id).title)

    async def delete_session(self, session: str) -> SessionChanged:
        id, title = await self._steering.delete_session(session)
        return SessionChanged(session=id, title=title)

    async def graph_stats(self, request: GetGraphStats) -> GraphStatsView:
        return await asyncio.to_thread(self._reading.graph_stats, request)

    async def replay(self, request: Replay) -> Replayed:
        return await self._steering.replay(request)

    async def export(self, request: Export) -> bytes:
        return await asyncio.to_thread(self._reading.export, request)

    async def import_session(self, data: bytes) -> SessionChanged:
        id = await asyncio.to_thread(import_session, self._store, data)
        return SessionChanged(session=id, title=self._store.session(id).title)

    async def show(self, request: Show) -> SessionShown | NodeShown:
        return await asyncio.to_thread(self._reading.show, request)

    async def memory(self, request: MemoryRequest) -> MemoryReply:
        return await asyncio.to_thread(self._remembering.answer, request)

    async def programs(self) -> ProgramList:
        return self._programs.list()

    async def program(self, name: str) -> ProgramWhole:
        return self._programs.whole(name)

    async def check_programs(self, request: CheckPrograms) -> tuple[CheckedView, ...]:
        return self._programs.check(request)

    async def program_schema(self) -> dict[str, Any]:
        return self._programs.schema()

    async def modules(self) -> tuple[ModuleView, ...]:
        return self._programs.modules()

    async def engines(self, *, verify: bool, only: str | None = None) -> tuple[EngineView, ...]:
        return await asyncio.to_thread(self._engines, verify, only)

    def _engines(self, verify: bool, only: str | None) -> tuple[EngineView, ...]:
        views = []
        for engine in list_engines(self._shelf):
            if only not in (None, engine.directory.name):
                continue
            if engine.manifest is None:
                views.append(
                    EngineView(
                        fingerprint=engine.directory.name,
                        model="",
                        backend="",
                        precision="",
                        size_bytes=0,
                        loaded=False,
                        problem=engine.problem,
                    )
                )
                continue
            problem = None
            if verify:
                try:
                    load_manifest(engine.directory)
                except EngineError as error:
                    problem = str(error)
            loaded = engine.manifest.fingerprint == self.model.fingerprint
            views.append(engine_view(engine.manifest, loaded=loaded, problem=problem))
        return tuple(views)

    def check(self) -> None:
        self._runtime.check()

    def reconfigure(self, config: Config) -> None:
        self._recall = config.memory.recall
        if self._models is not None:
            self._models.fleet.keep_for(config.unload_minutes * 60)
            self._models.configure(config)
        elif isinstance(self._first, UnloadingEngine):
            self._first.keep_for(config.unload_minutes * 60)

    async def suspend(self) -> int:
        return await self._runtime.suspend()

    async def close(self) -> None:
        await self._runtime.close()
        if self._models is not None:
            await self._models.close()
        await asyncio.to_thread(self._first.close)
        await asyncio.to_thread(self._store.close)
