"""An engine that leaves the memory while nobody uses it, and comes back with the next call.

Knows the `Engine` protocol and a clock; never a backend, a run or a file.
"""

import asyncio
import ctypes
import gc
import logging
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

import msgspec

from smysl_daemon.tally import closed, one_more, together
from smysl_engines.base import (
    Call,
    Delta,
    Engine,
    EngineClosed,
    EngineError,
    EngineInfo,
    EngineStats,
    Finish,
    Stream,
)
from smysl_engines.checks import check_call

log = logging.getLogger("smysl.unloading")
Tell = Callable[[str], None]


class UnloadingEngine:
    """The `Engine` protocol over an engine that is closed after `idle_s` seconds without a call.

    A call in progress keeps it open, so no run is ever hurt; a run that computes or waits between
    two calls opens it again without noticing. Any thread may call any method.
    """

    def __init__(
        self, engine: Engine, reopen: Callable[[], Engine], *, idle_s: float, tell: Tell = log.info
    ) -> None:
        """Owns `engine`. `reopen` blocks while it loads the same engine; it may raise what opening
        one raises. `idle_s` of 0 never unloads. `tell` takes a line for people, on any thread."""
        self._info = engine.info
        self._engine: Engine | None = engine
        self._leaving: Engine | None = None
        """While it is being closed."""
        self._past = EngineStats()
        """Of engines that were closed, and of calls that ended before they reached one."""
        self._reopen = reopen
        self._idle_s = idle_s
        self._tell = tell
        self._live: weakref.WeakSet[_UnloadingStream] = weakref.WeakSet()
        """Calls that have not ended; one that nobody reads any more leaves by itself."""
        self._embedding = 0
        self._last_use = time.monotonic()
        self._closed = False
        self._changed = threading.Condition()
        """Guards everything above."""
        self._moving = threading.Lock()
        """Held while an engine is opened or closed, so that two never share the memory."""
        self._watcher = threading.Thread(target=self._watch, name="engine unloader", daemon=True)
        self._watcher.start()

    @property
    def info(self) -> EngineInfo:
        """Of the engine as it is now, or as it was when it left."""
        if (engine := self._engine) is not None:
            self._info = engine.info
        return self._info

    @property
    def loaded(self) -> bool:
        return self._engine is not None

    def keep_for(self, idle_s: float) -> None:
        """Change how long an idle engine stays."""
        with self._changed:
            self._idle_s = idle_s
            self._changed.notify()

    def submit(self, call: Call) -> Stream:
        check_call(call, self.info)
        stream = _UnloadingStream(self, call)
        with self._changed:
            if self._closed:
                raise EngineClosed("the engine was closed; open it again")
            if self._engine is not None:
                stream.inner = self._engine.submit(call)
            self._live.add(stream)
        return stream

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        with self._changed:
            self._embedding += 1
        try:
            return self.opened().embed(prompts)
        finally:
            with self._changed:
                self._embedding -= 1
                self._last_use = time.monotonic()

    def stats(self) -> EngineStats:
        """Counted since this was made, over every unloading; nothing is held while unloaded. Never
        waits for an engine to be opened or closed."""
        with self._changed:
            past, engine = self._past, self._engine or self._leaving
            unloaded = sum(stream.inner is None for stream in self._live)
        found = closed(past) if engine is None else together(past, engine.stats())
        return msgspec.structs.replace(found, waiting=found.waiting + unloaded)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._watcher.join()
        with self._moving:
            with self._changed:
                self._leaving, self._engine = self._engine, None
            self._let_go()

    def opened(self) -> Engine:
        """The engine, loaded first if need be: blocks. Only for who has a live call or embeds."""
        with self._moving:
            if self._closed:
                raise EngineClosed("the engine was closed; open it again")
            if self._engine is None:
                self._engine = self._loaded_again()
            return self._engine

    def ended(self, stream: "_UnloadingStream", reason: str | None) -> None:
        """A call is over: its stream says so once. `reason`: of one that no engine knows of."""
        with self._changed:
            self._live.discard(stream)
            self._last_use = time.monotonic()
            if reason is not None:
                self._past = one_more(self._past, reason)

    def _loaded_again(self) -> Engine:
        began = time.monotonic()
        try:
            engine = self._reopen()
        except (EngineError, OSError) as error:
            raise EngineError(
                f"the engine was unloaded and cannot be opened again: {error}. "
                "`smysl daemon restart` builds it anew"
            ) from error
        if engine.info.fingerprint != self.info.fingerprint:
            engine.close()
            raise EngineError(
                f"engine {self.info.fingerprint[:12]} was replaced by another one while it was "
                "unloaded; run `smysl daemon restart`"
            )
        self._tell(f"engine loaded again in {time.monotonic() - began:.2f} s")
        return engine

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                self._changed.wait(self._rest())
                if self._closed:
                    return
                due = self._rest() == 0
            if due:
                self._unload()

    def _rest(self) -> float | None:
        """Seconds until the engine may go; None where nothing but a change can make it go."""
        if not self._idle_s or self._engine is None:
            # looked at again now and then: opening it does not wake the watcher
            return self._idle_s or None
        if self._live or self._embedding:
            return self._idle_s
        return max(0.0, self._last_use + self._idle_s - time.monotonic())

    def _unload(self) -> None:
        with self._moving:
            with self._changed:
                if self._rest() != 0 or self._engine is None:
                    return  # a call came in between
                self._leaving, self._engine = self._engine, None
            self._let_go()
            _give_memory_back()
        self._tell(f"engine unloaded after {self._idle_s:g} s without a call")

    def _let_go(self) -> None:
        """Close the engine that is leaving, if there is one, and keep what it has done."""
        if (engine := self._leaving) is None:
            return
        engine.close()
        with self._changed:
            self._past = together(self._past, engine.stats())
            self._leaving = None


class _UnloadingStream:
    """One call: read from the engine at once, or from the one that is opened for it."""

    def __init__(self, owner: UnloadingEngine, call: Call) -> None:
        self._owner = owner
        self._call = call
        self._cancelled = False
        self.inner: Stream | None = None

    async def __aiter__(self) -> AsyncIterator[Delta | Finish]:
        unserved = "cancelled"
        try:
            if self.inner is None and not self._cancelled:
                engine = await asyncio.to_thread(self._owner.opened)
                if not self._cancelled:
                    self.inner = engine.submit(self._call)
            if self.inner is None:
                yield Finish(
                    reason="cancelled",
                    prompt_tokens=len(self._call.prompt),
                    cached_tokens=0,
                    generated_tokens=0,
                    seconds=0.0,
                )
                return
            async for item in self.inner:
                yield item
        except EngineError:
            unserved = "failed"
            raise
        finally:
            self._owner.ended(self, unserved if self.inner is None else None)

    def cancel(self) -> None:
        self._cancelled = True
        if self.inner is not None:
            self.inner.cancel()


def _give_memory_back() -> None:
    """What was freed goes back to the system; the C library would keep it for later."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library has no such call
        ctypes.CDLL(None).malloc_trim(0)
