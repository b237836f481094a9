"""The `Engine` protocol over an OpenAI-compatible server.

Knows calls, their order and their ends; never a field of a request. A thread of its own runs an event loop for
everything that is sent. The server may be down when the engine is opened, and go and come back: a call that meets it
down fails with what happened and what to do, and the next one looks for it again.
"""

import asyncio
import hashlib
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from pathlib import Path, PurePath
from typing import Any, TypeVar

import msgspec

from smysl_engines.base import (
    BadCall,
    Call,
    Choice,
    EngineClosed,
    EngineError,
    EngineInfo,
    EngineStats,
    Finish,
    Grammar,
    JsonSchema,
    Regex,
)
from smysl_engines.checks import check_call, check_tokens
from smysl_engines.grammar import Grammars
from smysl_engines.openai.abilities import Abilities
from smysl_engines.openai.connection import Connection, decoded
from smysl_engines.openai.errors import ServerBroke, ServerRefused, ServerUnreachable
from smysl_engines.openai.exact import exactly
from smysl_engines.openai.judging import choose_option, echo
from smysl_engines.openai.memory import Memory
from smysl_engines.openai.probe import probe
from smysl_engines.openai.requests import check_supported
from smysl_engines.openai.rough import roughly
from smysl_engines.openai.run import RemoteCall
from smysl_engines.openai.server import Server
from smysl_engines.openai.settings import ServerSettings
from smysl_engines.openai.texts import Words
from smysl_engines.openai.turnstile import Turnstile
from smysl_engines.stops import Stops
from smysl_engines.stream import CallStream, Channel

log = logging.getLogger(__name__)

CONTEXT = 4096
"""Of a server that has not been seen yet, or does not say."""
_CLOSED = "the engine was closed; open it again"
T = TypeVar("T")


class OpenAIEngine:
    """`tokenizer`: the tokenizer.json of the model that the server runs. `remember`: a file for what was last seen
    of the server. Raises `EngineError` for an address or a tokenizer that cannot be used; a server that is down is no
    error here (`connect` says so)."""

    def __init__(
        self, settings: ServerSettings, tokenizer: Path, *, remember: Path | None = None
    ) -> None:
        settings.check()
        self._settings = settings
        self._words = Words(tokenizer)
        name = settings.model or settings.root
        self._grammars = Grammars(tokenizer, self._words.vocabulary, name)
        self._stops = Stops(tokenizer, self._words.vocabulary, name)
        self._connection = Connection(settings)
        self._memory = Memory(remember)
        self._abilities: Abilities | None = None
        """Of the server as it is now; None where it must be looked at first."""
        self._seen = self._memory.recall()
        self._info = self._described(self._seen)
        self._places = self._info.max_batch
        self._turnstile = Turnstile(self._places)
        self._probing: asyncio.Task[Abilities] | None = None
        self._runs: dict[RemoteCall, asyncio.Task[Finish]] = {}
        self._asked: set[asyncio.Task[Any]] = set()
        """Work that other threads wait for."""
        self._submitted = 0
        self._counts: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()
        self._closed = False
        self._lock = threading.RLock()
        """Guards `_closed` and the beginning of calls; taken again where a dropped stream is collected meanwhile."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="smysl-openai", daemon=True)
        self._thread.start()

    @property
    def info(self) -> EngineInfo:
        """Follows the server: its context, adapters and identity are known once it was seen."""
        return self._info

    @property
    def abilities(self) -> Abilities | None:
        """What was last seen of the server; None before it was."""
        return self._seen

    def connect(self) -> str | None:
        """Look at the server now; why it cannot be used, if so. Blocks for as long as repetitions take."""
        try:
            self._call(self._known())
        except EngineError as error:
            return str(error)
        return None

    def submit(self, call: Call) -> CallStream:
        check_call(call, self._info)
        abilities = self._abilities
        if abilities is not None:
            check_supported(call, abilities)
        channel = _RemoteChannel()
        run = RemoteCall(call, channel)
        if abilities is not None:
            self._prepare(run, abilities)
        channel.on_cancel = lambda: self._soon(lambda: self._cancel(run))
        with self._lock:
            self._require_open()
            self._submitted += 1
            self._loop.call_soon_threadsafe(self._begin, run, abilities is not None)
        return CallStream(channel)

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        """The server's own embeddings (`/v1/embeddings`), made unit vectors; how it pools is its business."""
        for prompt in prompts:
            check_tokens("prompt", prompt, self._info.vocabulary)
        return self._call(self._embedded(prompts))

    def stats(self) -> EngineStats:
        begun = sum(run.begun_at is not None for run in list(self._runs))
        ended = sum(self._finished.values())
        counts = self._counts
        return EngineStats(
            running=begun,
            waiting=max(0, self._submitted - ended - begun),
            prompt_tokens=counts["prompt_tokens"],
            cached_tokens=counts["cached_tokens"],
            computed_tokens=counts["prompt_tokens"] - counts["cached_tokens"],
            generated_tokens=counts["generated_tokens"],
            finished=dict(self._finished),
        )

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # ------------------------------------------------------------ calls

    def _begin(self, run: RemoteCall, prepared: bool) -> None:
        if run.channel.cancelled:
            self._end(run, run.finish("cancelled"))
            return
        task = self._loop.create_task(self._answer(run, prepared))
        self._runs[run] = task
        task.add_done_callback(lambda task: self._over(run, task))

    async def _answer(self, run: RemoteCall, prepared: bool) -> Finish:
        limit = asyncio.timeout(run.call.timeout_s)
        try:
            async with limit:
                return await self._served(run, prepared)
        except TimeoutError:
            if not limit.expired():
                raise
            return run.finish("deadline")

    async def _served(self, run: RemoteCall, prepared: bool) -> Finish:
        async with self._turnstile.place(run.call.priority):
            abilities = await self._known()
            if not prepared:
                check_call(run.call, self._info)
                check_supported(run.call, abilities)
                await asyncio.to_thread(self._prepare, run, abilities)
            run.begun_at = time.monotonic()
            server = Server(self._connection, self._settings, abilities, self._words)
            try:
                return await _answered(server, run)
            except (ServerUnreachable, ServerBroke):
                # whatever comes back may be another server
                self._abilities = None
                raise

    def _prepare(self, run: RemoteCall, abilities: Abilities) -> None:
        grammar = isinstance(run.call.constraint, Regex | JsonSchema | Grammar)
        if grammar and abilities.exact:
            run.matcher = self._grammars.matcher(run.call)
        run.stops = self._stops.texts(run.call)

    def _cancel(self, run: RemoteCall) -> None:
        if (task := self._runs.get(run)) is not None:
            task.cancel()

    def _over(self, run: RemoteCall, task: "asyncio.Task[Finish]") -> None:
        del self._runs[run]
        if task.cancelled():
            self._end(run, run.finish("cancelled"))
            return
        error = task.exception()
        if error is None:
            self._end(run, task.result())
        elif isinstance(error, EngineError):
            self._end(run, error)
        else:
            log.error("a call failed", exc_info=error)
            self._end(run, EngineError(f"unexpected {type(error).__name__}: {error}"))

    def _end(self, run: RemoteCall, end: Finish | EngineError) -> None:
        self._finished["failed" if isinstance(end, EngineError) else end.reason] += 1
        if run.begun_at is not None:
            self._counts["prompt_tokens"] += len(run.call.prompt)
            self._counts["cached_tokens"] += run.cached
        self._counts["generated_tokens"] += len(run.ids)
        run.channel.end(end)

    # ------------------------------------------------------------ the server

    async def _known(self) -> Abilities:
        """The server's abilities, which all who wait find out together."""
        if self._abilities is not None:
            return self._abilities
        if self._probing is None:
            self._probing = asyncio.create_task(
                probe(self._connection, self._settings, self._words)
            )
            self._probing.add_done_callback(self._looked)
        return await asyncio.shield(self._probing)

    def _looked(self, task: "asyncio.Task[Abilities]") -> None:
        self._probing = None
        if task.cancelled() or task.exception() is not None:
            return
        found = task.result()
        self._abilities = self._seen = found
        self._memory.note(found)
        described = self._described(found)
        if described.fingerprint != self._info.fingerprint:
            log.info(
                "%s serves %s (%s %s)",
                self._settings.root,
                found.model,
                found.flavour,
                found.version or "of unknown version",
            )
        self._info = described
        self._turnstile.resize(described.max_batch - self._places)
        self._places = described.max_batch

    def _described(self, seen: Abilities | None) -> EngineInfo:
        settings = self._settings
        contexts = [settings.context, seen.context if seen else None]
        known = [context for context in contexts if context is not None]
        model = seen.model if seen else settings.model or settings.root
        if model.startswith("/"):
            model = PurePath(model).name  # llama.cpp's name for a file, wherever it lies
        adapters = tuple(seen.adapters) if seen else ()
        identity = seen.identity if seen else ""
        deciding = (settings.root, model, identity, self._words.hash, adapters)
        return EngineInfo(
            model=model,
            fingerprint=hashlib.blake2b(
                msgspec.msgpack.encode(("openai", *deciding)), digest_size=16
            ).hexdigest(),
            backend="openai",
            vocabulary=self._words.vocabulary,
            context=min(known, default=CONTEXT),
            adapters=adapters,
            max_batch=min(settings.concurrency, seen.slots or settings.concurrency)
            if seen
            else settings.concurrency,
            device=settings.root,
            precision=seen.precision if seen else "as served",
        )

    async def _embedded(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        abilities = await self._known()
        body = {"model": abilities.model, "input": [list(prompt) for prompt in prompts]}
        try:
            data = await self._connection.post("/v1/embeddings", body)
        except ServerRefused as error:
            raise BadCall(
                f"{error}. Start the server with embeddings, or embed elsewhere"
            ) from error
        found = decoded(self._settings.root, data, _Embeddings).data
        if len(found) != len(prompts):
            raise ServerBroke(
                f"{self._settings.root} gave {len(found)} embeddings of {len(prompts)} texts"
            )
        return [_unit(one.embedding) for one in sorted(found, key=lambda one: one.index)]

    # ------------------------------------------------------------ the loop

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it on the loop, and wait. Raises `EngineClosed`, also where that happens meanwhile."""
        with self._lock:
            if self._closed:
                work.close()
            self._require_open()
            done = asyncio.run_coroutine_threadsafe(self._noted(work), self._loop)
        try:
            return done.result()
        except CancelledError:
            raise EngineClosed(_CLOSED) from None

    async def _noted(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._asked.add(task)
        try:
            return await work
        finally:
            self._asked.discard(task)

    def _soon(self, act: Callable[[], None]) -> None:
        with self._lock:
            if not self._closed:
                self._loop.call_soon_threadsafe(act)

    async def _shut(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
        tasks = [*self._runs.values(), *self._asked]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._connection.close()

    def _require_open(self) -> None:
        if self._closed:
            raise EngineClosed(_CLOSED)


async def _answered(server: Server, run: RemoteCall) -> Finish:
    """The end of the call, whose tokens were delivered. Raises `EngineError`."""
    call = run.call
    if call.echo:
        await echo(server, run)
    if isinstance(call.constraint, Choice):
        return await choose_option(server, run, call.constraint)
    if not run.left:
        return run.finish("length")
    if server.abilities.exact:
        return run.finish(await exactly(server, run))
    return run.finish(await roughly(server, run))


class _RemoteChannel(Channel):
    """Tells at once that nobody wants more: a request must be closed for the server to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.on_cancel: Callable[[], None] | None = None

    def cancel(self) -> None:
        before = self.cancelled
        super().cancel()
        if self.cancelled and not before and self.on_cancel is not None:
            self.on_cancel()


class _Embedding(msgspec.Struct):
    embedding: list[float]
    index: int


class _Embeddings(msgspec.Struct):
    data: list[_Embedding]


def _unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]
