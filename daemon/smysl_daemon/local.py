"""The service of a real daemon: a runtime over one store and one engine of this machine.

Knows who owns what and in which order it is opened and closed; never sockets.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

from smysl_daemon.config import Config, Dirs, model_folder, models_dir
from smysl_daemon.errors import EngineUnavailable, NotOnThisDaemon
from smysl_daemon.protocol import (
    EngineView,
    NodeShown,
    ProgramView,
    Run,
    RunEnded,
    RunEvent,
    SessionView,
)
from smysl_daemon.service import ModelView, SessionShown
from smysl_daemon.views import engine_view, event_view, node_view, program_view, session_view
from smysl_engines.base import Engine, EngineError
from smysl_engines.load import open_engine
from smysl_engines.manifest import DIALECT_FILE, CorruptEngine, describe_file, load_manifest
from smysl_engines.shelf import NoSuchEngine, find_engine, list_engines
from smysl_reasoning.errors import UnknownId
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.run import Run as ReasoningRun
from smysl_reasoning.runtime import Runtime, open_runtime
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
    store = await asyncio.to_thread(Store.open, dirs.database)
    try:
        directory, engine = await _open_engine(source, dirs.engines, config, progress)
        try:
            runtime = open_runtime(engine, directory, store, [dirs.config / "programs"])
            service = LocalService(runtime, engine, store, dirs.engines)
            await runtime.resume()
        except BaseException:
            engine.close()
            raise
    except BaseException:
        store.close()
        raise
    return service


async def _open_engine(
    source: Path, shelf: Path, config: Config, progress: Progress
) -> tuple[Path, Engine]:
    name = source.resolve().name
    directory = await asyncio.to_thread(_current_engine, source, shelf, name)
    if directory is not None:
        try:
            return directory, await _load(directory, config)
        except CorruptEngine as error:
            progress(f"{error}; building it again")
    progress(f"building the engine {name} (once)")
    await _build(source, shelf, name, progress)
    directory = find_engine(shelf, name).directory
    return directory, await _load(directory, config)


async def _load(directory: Path, config: Config) -> Engine:
    return await asyncio.to_thread(
        open_engine, directory, threads=config.threads, max_batch=config.max_batch
    )


def _current_engine(source: Path, shelf: Path, name: str) -> Path | None:
    """The directory of an engine that was built from exactly these files, if there is one."""
    try:
        found = find_engine(shelf, name)
    except (NoSuchEngine, CorruptEngine):
        return None
    if found.manifest is None:
        return None
    if (source / DIALECT_FILE).is_file() != (DIALECT_FILE in found.manifest.source):
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

    def __init__(self, run: ReasoningRun) -> None:
        self._run = run

    @property
    def session(self) -> str:
        return self._run.session

    async def events(self) -> AsyncIterator[RunEvent | RunEnded]:
        async for event in self._run.watch():
            yield event_view(event)

    def cancel(self) -> None:
        self._run.cancel()


class LocalService:
    """Fulfils `Service`. Owns the runtime, the engine and the store."""

    def __init__(self, runtime: Runtime, engine: Engine, store: Store, shelf: Path) -> None:
        self._runtime = runtime
        self._engine = engine
        self._store = store
        self._shelf = shelf
        info = engine.info
        self.model = ModelView(
            model=info.model,
            fingerprint=info.fingerprint,
            backend=info.backend,
            precision=info.precision,
        )

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
                    seed=request.seed,
                    options=request.options,
                    budget_tokens=request.budget_tokens,
                    budget_seconds=request.budget_seconds,
                )
            )
        )

    async def sessions(self, limit: int) -> tuple[SessionView, ...]:
        found = await asyncio.to_thread(self._store.sessions, limit)
        return tuple(session_view(one) for one in found)

    async def show(self, id: str) -> SessionShown | NodeShown:
        return await asyncio.to_thread(self._show, id)

    def _show(self, reference: str) -> SessionShown | NodeShown:
        id = self._store.resolve(reference)
        try:
            session = self._store.session(id)
        except UnknownId:
            node = self._store.node(id)
            return NodeShown(session=node.session, node=node_view(node))
        nodes = self._store.session_nodes(id)
        return SessionShown(session_view(session), tuple(node_view(node) for node in nodes))

    async def programs(self) -> tuple[ProgramView, ...]:
        return tuple(program_view(one) for one in self._runtime.programs())

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

    async def close(self) -> None:
        await self._runtime.close()
        await asyncio.to_thread(self._engine.close)
        await asyncio.to_thread(self._store.close)
