"""An engine that answers from a function: for tests of everything above the `Engine` protocol.

Keeps the protocol's promises (checks, stop, length, cancellation, exactly one finish); knows no
model and
no numpy. A stream advances while it is iterated, on the event loop of whoever iterates it.
"""

import asyncio
import math
import time
import weakref
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from smysl_engines.base import (
    AllowedTokens,
    Call,
    Choice,
    Delta,
    EngineClosed,
    EngineError,
    EngineInfo,
    Finish,
)
from smysl_engines.checks import check_call, check_tokens

EMBEDDING_WIDTH = 32


class Scripted(msgspec.Struct, frozen=True, kw_only=True):
    """One scripted answer, where plain token ids do not say enough."""

    ids: tuple[int, ...] = ()
    choice: int | None = None
    """Index of the option to choose; its tokens then are the answer."""
    probabilities: tuple[float, ...] = ()
    """Of every option. Without it the chosen option has 1."""
    logprobs: tuple[float, ...] = ()
    """One per token; 0 where absent."""
    cached_tokens: int = 0
    error: str | None = None
    """Fail with `EngineError(error)` after `ids` have been delivered."""


Answer = Scripted | Sequence[int]


class ScriptedEngine:
    """The `Engine` protocol over `answer(call)`.

    `answer` returns token ids or a `Scripted`; an exception from it fails the call with
    `EngineError`. Under a `Choice` ids must spell an option; under a `Regex`, `JsonSchema` or
    `Grammar` they are taken as they are, for there is no tokenizer to read them with. Ids
    that run out before a stop token finish with reason "stop". `calls` records what was submitted,
    in order; `running` counts streams begun and not ended.
    """

    def __init__(
        self,
        answer: Callable[[Call], Answer],
        *,
        vocabulary: int = 4096,
        context: int = 512,
        adapters: tuple[str, ...] = (),
        max_batch: int = 16,
        seconds_per_token: float = 0.0,
        model: str = "scripted",
        fingerprint: str = "5c21b7ed",
        embed: Callable[[Sequence[int]], list[float]] | None = None,
    ) -> None:
        self._info = EngineInfo(
            model=model,
            fingerprint=fingerprint,
            backend="scripted",
            vocabulary=vocabulary,
            context=context,
            adapters=adapters,
            max_batch=max_batch,
        )
        self._answer = answer
        self._embed = embed or _bag_of_tokens
        self._seconds_per_token = seconds_per_token
        self._streams: weakref.WeakSet[ScriptedStream] = weakref.WeakSet()
        self._closed = False
        self.calls: list[Call] = []

    @property
    def info(self) -> EngineInfo:
        return self._info

    @property
    def running(self) -> int:
        return sum(stream.running for stream in self._streams)

    def submit(self, call: Call) -> "ScriptedStream":
        if self._closed:
            raise EngineClosed("the scripted engine is closed; open a new one")
        check_call(call, self._info)
        self.calls.append(call)
        stream = ScriptedStream(call, self._answer, self._seconds_per_token)
        self._streams.add(stream)
        return stream

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        if self._closed:
            raise EngineClosed("the scripted engine is closed; open a new one")
        for prompt in prompts:
            check_tokens("prompt", prompt, self._info.vocabulary)
        return [self._embed(prompt) for prompt in prompts]

    def close(self) -> None:
        self._closed = True
        for stream in list(self._streams):
            stream.cancel()


class ScriptedStream:
    """One scripted call, iterated once."""

    def __init__(
        self, call: Call, answer: Callable[[Call], Answer], seconds_per_token: float
    ) -> None:
        self._call = call
        self._answer = answer
        self._seconds_per_token = seconds_per_token
        self._cancelled = False
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._events: AsyncIterator[Delta | Finish] | None = None
        self.running = False

    def __aiter__(self) -> AsyncIterator[Delta | Finish]:
        if self._events is None:
            self._events = self._play()
        return self._events

    def cancel(self) -> None:
        self._cancelled = True
        if self._wake is not None:
            loop, event = self._wake
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def _play(self) -> AsyncIterator[Delta | Finish]:
        event = asyncio.Event()
        self._wake = (asyncio.get_running_loop(), event)
        self.running = True
        started = time.monotonic()
        call = self._call
        sent: list[int] = []
        reason = "stop"
        try:
            script = self._script()
            for position, token in enumerate(script.ids):
                if len(sent) == call.sampling.max_tokens and script.choice is None:
                    reason = "length"
                    break
                await self._pause(event)
                if self._cancelled:
                    break
                sent.append(token)
                yield Delta((token,), script.logprobs[position : position + 1])
                if token in call.sampling.stop and script.choice is None:
                    break
            else:
                if script.error is not None:
                    raise EngineError(script.error)
                if len(sent) == call.sampling.max_tokens and script.choice is None:
                    reason = "length"
            complete = not self._cancelled
            yield Finish(
                reason=reason if complete else "cancelled",
                prompt_tokens=len(call.prompt),
                cached_tokens=script.cached_tokens,
                generated_tokens=len(sent),
                seconds=time.monotonic() - started,
                choice=script.choice if complete else None,
                probabilities=script.probabilities if complete else (),
            )
        finally:
            self.running = False

    async def _pause(self, cancelled: asyncio.Event) -> None:
        if self._cancelled:
            return
        if self._seconds_per_token <= 0:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(cancelled.wait(), self._seconds_per_token)
        except TimeoutError:
            pass

    def _script(self) -> Scripted:
        if self._cancelled:
            return Scripted()
        try:
            answer = self._answer(self._call)
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(f"the script failed: {error}") from error
        script = answer if isinstance(answer, Scripted) else Scripted(ids=tuple(answer))
        script = _obey(script, self._call)
        if self._call.logprobs and not script.logprobs:
            script = msgspec.structs.replace(script, logprobs=(0.0,) * len(script.ids))
        return script


def _obey(script: Scripted, call: Call) -> Scripted:
    """Fit the script to the call's constraint, or fail: breaking it would hide a bug."""
    match call.constraint:
        case Choice(options):
            return _choose(script, options)
        case AllowedTokens(ids):
            if wrong := set(script.ids) - set(ids):
                raise EngineError(f"the script answers {sorted(wrong)}, which are not allowed")
    return script


def _choose(script: Scripted, options: tuple[tuple[int, ...], ...]) -> Scripted:
    choice = script.choice
    if choice is None:
        if script.error is not None and not script.ids:
            return script
        if script.ids not in options:
            raise EngineError(f"the script answers {script.ids}, which is none of the options")
        choice = options.index(script.ids)
    if not 0 <= choice < len(options):
        raise EngineError(f"the script chooses option {choice} of {len(options)}")
    certain = tuple(float(number == choice) for number in range(len(options)))
    probabilities = script.probabilities or certain
    if len(probabilities) != len(options):
        raise EngineError(
            f"the script gives {len(probabilities)} probabilities for {len(options)} options"
        )
    return msgspec.structs.replace(
        script, ids=options[choice], choice=choice, probabilities=probabilities
    )


def _bag_of_tokens(prompt: Sequence[int]) -> list[float]:
    """Count tokens into `EMBEDDING_WIDTH` buckets: equal bags are equal, shared tokens are near."""
    counts = [0.0] * EMBEDDING_WIDTH
    for token in prompt:
        counts[token * 2654435761 % 2**32 * EMBEDDING_WIDTH >> 32] += 1.0
    length = math.sqrt(sum(count * count for count in counts)) or 1.0
    return [count / length for count in counts]
