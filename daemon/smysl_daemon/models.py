"""Which model answers new questions, and how that changes while the daemon serves.

Knows names, engines and the runtime that they are for; never files, sockets or how engines are built.
"""

import asyncio
import logging

from smysl_daemon.config import Config
from smysl_daemon.errors import DaemonError, Stopping
from smysl_daemon.fleet import Fleet
from smysl_daemon.loading import Loader, Meant, Opened
from smysl_daemon.service import ModelView
from smysl_engines.base import EngineError, EngineInfo
from smysl_reasoning.errors import ReasoningError
from smysl_reasoning.opening import spoken_by
from smysl_reasoning.runtime import Runtime

log = logging.getLogger("smysl.models")

_STOPPING = "the daemon is stopping and takes no other model; ask again later"


def model_view(info: EngineInfo) -> ModelView:
    return ModelView(
        model=info.model,
        fingerprint=info.fingerprint,
        backend=info.backend,
        precision=info.precision,
        device=info.device,
    )


class Models:
    """Changes the engine of one runtime. Owns every engine that it opened, and the first."""

    def __init__(self, runtime: Runtime, loader: Loader, fleet: Fleet, configured: str) -> None:
        """`configured`: what config.toml said at the start."""
        self._runtime = runtime
        self._loader = loader
        self._configured = configured
        self.fleet = fleet
        self._choosing = asyncio.Lock()
        """One change at a time, in the order in which they were asked for."""
        self.steady = asyncio.Lock()
        """Held by who begins a run, until it has begun: the model stays what it was found to be."""
        self._tasks: set[asyncio.Task[str]] = set()
        self._closed = False

    async def use(self, name: str, *, saved: bool = False) -> str:
        """Give new runs the engine that `name` means, building it first if need be; runs that go on
        end with theirs. Returns what config.toml would say, and with `saved` will say. Where it
        fails nothing has changed. Raises what `Loader` and opening raise, and `Stopping`."""
        # a task of its own: a client that leaves must not leave a half-opened engine behind
        task = asyncio.create_task(self._use(name, saved), name="model")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Stopping(_STOPPING) from None
            raise

    def configure(self, config: Config) -> None:
        """Take over a changed `model` of config.toml, soon, and how servers are spoken to from the next
        one on. Never raises: what is wrong with it is logged, and the model stays until the next time."""
        self._loader.configure(config)
        name = config.model
        if name != self._configured and not self._closed:
            before, self._configured = self._configured, name
            following = asyncio.create_task(self._follow(name, before), name="configured model")
            self._tasks.add(following)
            following.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up a change in progress and close every engine. Idempotent."""
        self._closed = True
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.to_thread(self.fleet.close)

    async def _follow(self, name: str, before: str) -> str:
        try:
            return await self.use(name)
        except (DaemonError, EngineError, ReasoningError, OSError) as error:
            log.error("the model stays %s: %s", self.fleet.current.info.model, error)
            if self._configured == name:
                self._configured = before
            return name

    async def _use(self, name: str, saved: bool) -> str:
        async with self._choosing:
            if self._closed:
                raise Stopping(_STOPPING)
            meant = await asyncio.to_thread(self._loader.meant, name)
            found = await self._found(meant)
            try:
                await self._give(found)
            finally:
                if not self.fleet.owns(found.engine):
                    await asyncio.to_thread(found.engine.close)
            if saved:
                self._configured = meant.setting
            log.info("model %s answers new questions", self.fleet.current.info.model)
            return meant.setting

    async def _found(self, meant: Meant) -> Opened:
        if meant.directory is not None:
            engine = self.fleet.kept(meant.directory.name)
            if engine is not None:
                return Opened(meant.directory, engine)
        return await self._loader.opened(meant)

    async def _give(self, found: Opened) -> None:
        # what was built anew may come out as an engine that is here
        engine = self.fleet.kept(found.engine.info.fingerprint) or found.engine
        if engine is self.fleet.current:
            return
        spoken = await asyncio.to_thread(spoken_by, engine, found.directory)
        async with self.steady:
            await self._runtime.use(engine, spoken.dialect, spoken.thresholds)
            self.fleet.choose(engine)
