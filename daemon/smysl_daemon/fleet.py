"""The engines that this daemon has opened: the one for new runs, and those that earlier runs still use.

Knows engines that leave the memory when idle; never models, files, runs or sockets.
"""

from functools import reduce

import msgspec

from smysl_daemon.tally import closed, together
from smysl_daemon.unloading import UnloadingEngine
from smysl_engines.base import EngineStats

RETIRED_IDLE_S = 5.0
"""A run between two calls of an engine that is no longer for new runs must not load it again and
again; beyond that its memory is wanted."""


class Fleet:
    """Owns engines. One that new runs no longer get stays open for those that have it,
    leaves the memory soon after their last call, and is there again when it is chosen again."""

    def __init__(self, engine: UnloadingEngine, *, idle_s: float) -> None:
        self.current = engine
        self._idle_s = idle_s
        self._engines = [engine]

    def kept(self, fingerprint: str) -> UnloadingEngine | None:
        """An engine that was opened before, loaded or not."""
        # looked up as they are now: another server may answer at the same place
        for engine in self._engines:
            if engine.info.fingerprint == fingerprint:
                return engine
        return None

    def owns(self, engine: UnloadingEngine) -> bool:
        return any(one is engine for one in self._engines)

    def choose(self, engine: UnloadingEngine) -> None:
        """Make an engine the current one; it is owned from here on."""
        if not self.owns(engine):
            self._engines.append(engine)
        if engine is not self.current:
            self.current.keep_for(RETIRED_IDLE_S)
        self.current = engine
        engine.keep_for(self._idle_s)

    def keep_for(self, idle_s: float) -> None:
        """Change how long the current engine stays without a call; 0 is for ever."""
        self._idle_s = idle_s
        self.current.keep_for(idle_s)

    def stats(self) -> EngineStats:
        """What the current engine holds, and what all of them have done. Returns at once."""
        others = [one.stats() for one in self._engines if one is not self.current]
        return reduce(lambda now, other: together(_past(other), now), others, self.current.stats())

    def close(self) -> None:
        """Close every engine; blocks. Idempotent."""
        for engine in self._engines:
            engine.close()


def _past(stats: EngineStats) -> EngineStats:
    """Nothing held, and a speed that says nothing of another engine."""
    return msgspec.structs.replace(closed(stats), prefill_tokens_per_s=0.0)
