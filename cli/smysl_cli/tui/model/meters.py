"""How busy the daemon is, over the last minutes: what its counters say between two looks.

Pure: statuses and times in, series and words out.
"""

from collections import deque
from collections.abc import Callable

import msgspec

from smysl_daemon.protocol import DaemonStatus
from smysl_daemon.shapes import EngineStatsView

SAMPLES = 120


class Meter:
    """One series, oldest first."""

    def __init__(self, label: str, words: Callable[[float], str]) -> None:
        self.label = label
        self._words = words
        self.series: deque[float] = deque(maxlen=SAMPLES)

    def add(self, value: float) -> None:
        self.series.append(value)

    @property
    def now(self) -> str:
        """The last value for people; empty before the first."""
        return self._words(self.series[-1]) if self.series else ""


class Meters:
    def __init__(self) -> None:
        self.tokens = Meter("tokens computed", lambda value: f"{value:,.0f} /s")
        self.batch = Meter("calls at once", lambda value: f"{value:.1f}")
        self.hits = Meter("prompts reused", lambda value: f"{100 * value:.0f} %")
        self.blocks = Meter("blocks taken", lambda value: f"{100 * value:.0f} %")
        self.memory = Meter("memory", lambda value: f"{value:,.0f} MB")
        self.all = (self.tokens, self.batch, self.hits, self.blocks, self.memory)
        self._before: tuple[float, int, EngineStatsView] | None = None

    def look(self, status: DaemonStatus, now_s: float) -> None:
        """Take over a status that was asked for at `now_s`, on any clock that only grows."""
        self.memory.add(status.rss_bytes / 1e6)
        engine = status.engine
        if engine is None:
            return
        self.blocks.add(
            (engine.held_blocks + engine.cached_blocks) / engine.blocks if engine.blocks else 0.0
        )
        before, self._before = self._before, (now_s, status.pid, engine)
        # counters of another daemon begin anew
        if before is None or before[1] != status.pid or now_s <= before[0]:
            return
        done = _between(before[2], engine)
        self.tokens.add(done.computed / (now_s - before[0]))
        self.batch.add(max(engine.running, done.decoded / done.steps if done.steps else 0.0))
        if done.prompt:
            self.hits.add(min(done.cached / done.prompt, 1.0))
        elif self.hits.series:
            self.hits.add(self.hits.series[-1])


class _Done(msgspec.Struct, frozen=True):
    computed: int
    decoded: int
    """Of these, one for each call in each step: neither of a prompt nor guessed ahead."""
    steps: int
    prompt: int
    cached: int


def _between(before: EngineStatsView, now: EngineStatsView) -> _Done:
    computed = max(now.computed_tokens - before.computed_tokens, 0)
    prompt = max(now.prompt_tokens - before.prompt_tokens, 0)
    cached = max(now.cached_tokens - before.cached_tokens, 0)
    guessed = now.drafted_tokens - before.drafted_tokens
    return _Done(
        computed=computed,
        # a prompt is counted when its call is admitted, perhaps before it is computed
        decoded=max(computed - (prompt - cached) - guessed, 0),
        steps=max(now.steps - before.steps, 0),
        prompt=prompt,
        cached=cached,
    )
