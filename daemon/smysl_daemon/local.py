"""The service of a real daemon: a runtime over one store and one engine of this machine.

Knows who owns what and in which order it is opened and closed; never sockets.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from smysl_daemon.config import (
    MEGABYTE,
    Config,
    Dirs,
    model_folder,
    models_dir,
    private_folder,
    writable_folder,
)
from smysl_daemon.database import open_database
from smysl_daemon.errors import EngineUnavailable, FolderUnusable, NotOnThisDaemon
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
    Why,
)
from smysl_daemon.reading import Reading
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
from smysl_engines.load import open_engine
from smysl_engines.manifest import (
    CHAT_FILES,
    DIALECT_FILE,
    CorruptEngine,
    describe_file,
    load_manifest,
)
from smysl_engines.shelf import NoSuchEngine, find_engine, list_engines
from smysl_reasoning.archive import import_session
from smysl_reasoning.graph import Graph
from smysl_reasoning.opening import open_runtime
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.run import Run as ReasoningRun
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

log = logging.getLogger("smysl.local")
Progress = Callable[[str], None]
"""Takes a line for people; an empty one is a sign of life only."""

# a process of its own, because a build needs memory that this one would keep for ever
_BUILD = "import sys; sys.argv[0] = 'smysl-build'; from smysl_build_engines.app import main; main()"


async def open_local_service(dirs: Dirs, config: Config, progress: Progress) -> "LocalService":
    """Open the database, then the engine, which is built first if it is missing, outdated or
    damaged. Raises what `wire.to_wire` knows, `BadConfig` and `EngineUnavailable`."""
    source = model_folder(config.model, models_dir())
    store = await asyncio.to_thread(open_database, dirs.database, progress)
    try:
        directory, opened = await _open_engine(source, dirs, config, progress)
        engine = UnloadingEngine(
            opened,
            lambda: _open(directory, dirs, config),
            idle_s=config.unload_minutes * 60,
            tell=progress,
        )
        try:
            runtime = open_runtime(
                engine, directory, store, [dirs.config / "programs"], [dirs.config / "modules"]
            )
            service = LocalService(runtime, engine, store, dirs.engines)
            if store.problem is None:
                await runtime.resume()
        except BaseException:
            engine.close()
            raise
    except BaseException:
        store.close()
        raise
    return service


async def _open_engine(
    source: Path, dirs: Dirs, config: Config, progress: Progress
) -> tuple[Path, Engine]:
    name, shelf = source.resolve().name, dirs.engines
    directory = await asyncio.to_thread(_current_engine, source, shelf, name)
    if directory is not None:
        try:
            return directory, await asyncio.to_thread(_open, directory, dirs, config)
        except CorruptEngine as error:
            progress(f"{error}; building it again")
    progress(f"building the engine {name} (once)")
    await _build(source, shelf, name, progress)
    directory = find_engine(shelf, name).directory
    return directory, await asyncio.to_thread(_open, directory, dirs, config)


def _open(directory: Path, dirs: Dirs, config: Config) -> Engine:
    return open_engine(
        directory,
        threads=config.threads,
        max_batch=config.max_batch,
        kv_bytes=None if config.kv_megabytes is None else config.kv_megabytes * MEGABYTE,
        snapshots=_snapshot_folder(dirs, config),
        snapshot_bytes=config.cache_megabytes * MEGABYTE,
        deterministic=config.deterministic,
    )


def _snapshot_folder(dirs: Dirs, config: Config) -> Path | None:
    """Where snapshots are kept, if they are to be. Others must neither read nor plant one: keys and
    values tell what a prompt said, and decide what comes out."""
    if not config.snapshots or not config.cache_megabytes:
        return None
    try:
        writable_folder(dirs.cache)
        private_folder(dirs.snapshots)
    except FolderUnusable as error:
        log.warning("no snapshots: %s", error)
        return None
    return dirs.snapshots


def _current_engine(source: Path, shelf: Path, name: str) -> Path | None:
    """The directory of an engine that was built from exactly these files, if there is one."""
    try:
        found = find_engine(shelf, name)
    except (NoSuchEngine, CorruptEngine):
        return None
    if found.manifest is None:
        return None
    optional = (DIALECT_FILE, *CHAT_FILES)
    if any((source / name).is_file() != (name in found.manifest.source) for name in optional):
        return None
    for file, entry in found.manifest.source.items():
        try:
            if describe_file(source / file) != entry:
                return None
        except OSError:
            return None
    return found.directory


async def _build(source: Path, shelf: Path, name: str, progress: Progress) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", _BUILD, str(source), "--name", name, "--store", str(shelf)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    last = ""
    try:
        async for raw in process.stderr:
            last = raw.decode(errors="replace").strip() or last
            log.info("%s", last)
            progress("")
        code = await process.wait()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    if code != 0:
        raise EngineUnavailable(f"the engine {name} cannot be built from {source}: {last}")


class LocalRun:
    """A run of the runtime, speaking the wire's types."""

    def __init__(self, run: ReasoningRun, before: Graph | None = None) -> None:
        self._run = run
        self._before = before
        """What the branch showed, for a derivation."""

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
    """Fulfils `Service`. Owns the runtime, the engine and the store."""

    def __init__(self, runtime: Runtime, engine: Engine, store: Store, shelf: Path) -> None:
        self._runtime = runtime
        self._engine = engine
        self._store = store
        self._shelf = shelf
        self._reading = Reading(store)
        self._steering = Steering(runtime, store)
        self._programs = Programs(runtime)
        info = engine.info
        self.model = ModelView(
            model=info.model,
            fingerprint=info.fingerprint,
            backend=info.backend,
            precision=info.precision,
        )

    def stats(self) -> EngineStatsView:
        engine = self._engine
        loaded = engine.loaded if isinstance(engine, UnloadingEngine) else True
        return engine_stats_view(engine.stats(), loaded=loaded)

    async def start(self, request: Run) -> LocalRun:
        loaded = self.model
        if request.model not in (None, loaded.model, loaded.fingerprint):
            raise NotOnThisDaemon(
                f"model {request.model!r} is not loaded; this daemon has {loaded.model!r}. "
                "Leave -m out, or set `model` in config.toml and run `smysl daemon restart`"
            )
        return LocalRun(
            await self._runtime.start(
                RunRequest(
                    question=request.question,
                    program=request.program,
                    context=request.context,
                    session=request.session,
                    branch=request.branch,
                    seed=request.seed,
                    options=request.options,
                    fresh=request.fresh,
                    budget_tokens=request.budget_tokens,
                    budget_calls=request.budget_calls,
                    budget_seconds=request.budget_seconds,
                )
            )
        )

    async def derive(self, request: Derive) -> LocalRun:
        return LocalRun(*await self._steering.derive(request))

    async def explain(self, request: Explain) -> PlanView:
        return await self._programs.explain(request)

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

    async def engines(self, *, verify: bool) -> tuple[EngineView, ...]:
        return await asyncio.to_thread(self._engines, verify)

    def _engines(self, verify: bool) -> tuple[EngineView, ...]:
        views = []
        for engine in list_engines(self._shelf):
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
        if isinstance(self._engine, UnloadingEngine):
            self._engine.keep_for(config.unload_minutes * 60)

    async def suspend(self) -> int:
        return await self._runtime.suspend()

    async def close(self) -> None:
        await self._runtime.close()
        await asyncio.to_thread(self._engine.close)
        await asyncio.to_thread(self._store.close)
