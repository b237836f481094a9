"""Finds, builds and opens the engine that a model's name means.

Knows model folders, the store of engines and the settings of engines; never runs or sockets.
"""

import asyncio
import hashlib
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from smysl_daemon.config import (
    MEGABYTE,
    Config,
    Dirs,
    OpenAIConfig,
    is_server,
    model_folder,
    models_dir,
    private_folder,
    server_key,
    tokenizer_folder,
    writable_folder,
)
from smysl_daemon.errors import BadConfig, EngineUnavailable, FolderUnusable
from smysl_daemon.unloading import UnloadingEngine
from smysl_engines.base import Engine
from smysl_engines.load import open_engine, open_server
from smysl_engines.manifest import (
    CHAT_FILES,
    DIALECT_FILE,
    TOKENIZER_FILE,
    CorruptEngine,
    describe_file,
    read_manifest,
)
from smysl_engines.openai.settings import Patience, ServerSettings
from smysl_engines.shelf import NoSuchEngine, find_engine

log = logging.getLogger("smysl.loading")
Progress = Callable[[str], None]
"""Takes a line for people; an empty one is a sign of life only."""

# a process of its own, because a build needs memory that this one would keep for ever
_BUILD = "import sys; sys.argv[0] = 'smysl-build'; from smysl_build_engines.app import main; main()"


class Meant(NamedTuple):
    """What a model's name means on this machine."""

    setting: str
    """What `model` of config.toml says to mean the same."""
    source: Path | None
    """The checkpoint that the engine is built from; None of one that only the store has."""
    directory: Path | None
    """The engine; None where it must be built first."""
    url: str | None = None
    """Of the server that runs it instead."""


class Opened(NamedTuple):
    """An engine, and where its files are."""

    directory: Path
    engine: UnloadingEngine


class Loader:
    """Opens engines with the settings that the daemon began with."""

    def __init__(self, dirs: Dirs, config: Config, progress: Progress) -> None:
        self._dirs = dirs
        self._config = config
        self._progress = progress
        self._serving = False
        """An engine was opened before."""

    def configure(self, config: Config) -> None:
        """Speak to the next server as these settings say; engines of this machine stay as they began."""
        self._config = msgspec.structs.replace(self._config, openai=config.openai)

    def meant(self, name: str) -> Meant:
        """A model of the models folder, the path of one, or an engine of the store by its model's name
        or the beginning of its fingerprint; blocks. Raises `BadConfig` with what there is."""
        if is_server(name):
            return Meant(name, None, None, url=name)
        try:
            source = model_folder(name, models_dir())
        except BadConfig as error:
            return self._stored(name, error)
        setting = str(source.resolve()) if "/" in name else name
        name = source.resolve().name
        return Meant(setting, source, _current_engine(source, self._dirs.engines, name))

    def _stored(self, name: str, unknown: BadConfig) -> Meant:
        if "/" in name:  # a path, which no engine is called
            raise unknown
        try:
            found = find_engine(self._dirs.engines, name)
        except NoSuchEngine as error:
            raise BadConfig(f"{unknown} Nor is it an engine: {error}") from None
        assert found.manifest is not None
        by_model = found.manifest.model == name
        return Meant(name if by_model else found.manifest.fingerprint, None, found.directory)

    async def opened(self, meant: Meant) -> Opened:
        """An engine, the caller's to close. One with a checkpoint is built first if it is missing, outdated
        or damaged. Raises `EngineUnavailable`, `BadConfig` for an engine that cannot answer,
        and what opening one raises."""
        opened = await self._opened(meant)
        self._serving = True
        return opened

    async def _opened(self, meant: Meant) -> Opened:
        if meant.url is not None:
            return await self._served(meant.url)
        directory = meant.directory
        if directory is not None:
            try:
                return Opened(directory, await self._open(directory))
            except CorruptEngine as error:
                if meant.source is None:
                    raise
                self._progress(f"{error}; building it again")
        assert meant.source is not None
        shelf, name = self._dirs.engines, meant.source.resolve().name
        self._progress(f"building the engine {name} (once)")
        await _build(meant.source, shelf, name, self._progress)
        directory = find_engine(shelf, name).directory
        return Opened(directory, await self._open(directory))

    async def _open(self, directory: Path) -> UnloadingEngine:
        if read_manifest(directory).kind == "encoder":
            raise BadConfig(
                f"{directory.name[:12]} is a sentence encoder: it compares texts and answers "
                "nothing; choose a model that generates text"
            )
        return await self._unloading(lambda: self._open_now(directory))

    async def _served(self, url: str) -> Opened:
        """An engine over a server. At the daemon's start it may be down: whoever asks is told. One that is chosen
        later must answer."""
        folder = tokenizer_folder(self._config.openai, models_dir())
        settings = _server_settings(url, self._config.openai)
        place = self._dirs.data / "servers" / f"{_short_hash(url, settings.model)}.json"
        problems: list[str] = []

        def open_now() -> Engine:
            engine = open_server(settings, folder / TOKENIZER_FILE, remember=place)
            self._progress(f"looking at {settings.root}")
            if problem := engine.connect():
                log.warning("the server cannot be used now: %s", problem)
                problems.append(problem)
            return engine

        engine = await self._unloading(open_now)
        if problems and self._serving:
            await asyncio.to_thread(engine.close)
            raise EngineUnavailable(problems[0])
        return Opened(folder, engine)

    async def _unloading(self, open_now: Callable[[], Engine]) -> UnloadingEngine:
        opening = asyncio.ensure_future(asyncio.to_thread(open_now))
        try:
            engine = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # a thread cannot be stopped, and what it opens must not stay open
            await asyncio.wait({opening})
            if opening.exception() is None:
                opening.result().close()
            raise
        return UnloadingEngine(
            engine,
            open_now,
            idle_s=self._config.unload_minutes * 60,
            tell=self._progress,
        )

    def _open_now(self, directory: Path) -> Engine:
        dirs, config = self._dirs, self._config
        return open_engine(
            directory,
            threads=config.threads,
            max_batch=config.max_batch,
            kv_bytes=None if config.kv_megabytes is None else config.kv_megabytes * MEGABYTE,
            snapshots=_snapshot_folder(dirs, config),
            snapshot_bytes=config.cache_megabytes * MEGABYTE,
            deterministic=config.deterministic,
        )


def _server_settings(url: str, config: OpenAIConfig) -> ServerSettings:
    return ServerSettings(
        url=url,
        model=config.name,
        key=server_key(config),
        context=config.context,
        concurrency=config.concurrency,
        patience=Patience(
            connect_s=config.connect_seconds,
            first_token_s=config.first_token_seconds,
            next_token_s=config.next_token_seconds,
            retries=config.retries,
        ),
    )


def _short_hash(url: str, name: str | None) -> str:
    return hashlib.blake2b(f"{url} {name or ''}".encode(), digest_size=8).hexdigest()


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
