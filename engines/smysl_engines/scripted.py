"""An engine that answers from a function: for tests of everything above the `Engine` protocol.

Keeps the protocol's promises (checks, stop, length, deadline, cancellation, exactly one finish);
knows no model, no tokenizer and no numpy. A stream advances while it is iterated, on the event loop
of whoever iterates it.
"""

import asyncio
import math
import time
import weakref
from collections import Counter
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
    EngineStats,
    Finish,
    Likeliest,
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
    `Grammar` they are taken as they are, and `stop_texts` end nothing, for there is no tokenizer to
    read them with. Ids that run out before a stop token finish with reason "stop". Every token of a
    prompt has log-probability 0, and is the likeliest at its place, as every token of the answer is.
    Penalty and bias are up to `answer`. `calls` records what was submitted, in order; `running`
    counts streams begun and not ended.
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
        self._counts: Counter[str] = Counter()
        self._finished: Counter[str] = Counter()
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
        stream = ScriptedStream(call, self._answer, self._seconds_per_token, self._note)
        self._streams.add(stream)
        return stream

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        if self._closed:
            raise EngineClosed("the scripted engine is closed; open a new one")
        for prompt in prompts:
            check_tokens("prompt", prompt, self._info.vocabulary)
        return [self._embed(prompt) for prompt in prompts]

    def stats(self) -> EngineStats:
        return EngineStats(
            running=self.running,
            waiting=sum(not stream.begun for stream in self._streams),
            prompt_tokens=self._counts["prompt_tokens"],
            cached_tokens=self._counts["cached_tokens"],
            generated_tokens=self._counts["generated_tokens"],
            finished=dict(self._finished),
        )

    def _note(self, end: Finish | None) -> None:
        """A stream has ended; None if it failed."""
        if end is None:
            self._finished["failed"] += 1
            return
        self._finished[end.reason] += 1
        for name in ("prompt_tokens", "cached_tokens", "generated_tokens"):
            self._counts[name] += getattr(end, name)

    def close(self) -> None:
        self._closed = True
        for stream in list(self._streams):
            stream.cancel()


class ScriptedStream:
    """One scripted call, iterated once."""

    def __init__(
        self,
        call: Call,
        answer: Callable[[Call], Answer],
        seconds_per_token: float,
        note: Callable[[Finish | None], None],
    ) -> None:
        """`note` is told the end, None if the call fails."""
        self._call = call
        self._answer = answer
        self._seconds_per_token = seconds_per_token
        self._note = note
        self._deadline = time.monotonic() + (math.inf if call.timeout_s is None else call.timeout_s)
        self._cancelled = False
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._events: AsyncIterator[Delta | Finish] | None = None
        self.begun = False
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
        self.begun = self.running = True
        started = time.monotonic()
        call = self._call
        count = 0
        end: Finish | None = None
        reason = self._cut()
        try:
            script = self._script() if reason is None else Scripted()
            # a choice is whole, whatever its length and its tokens
            limit = call.sampling.max_tokens if script.choice is None else len(script.ids)
            for position, token in enumerate(script.ids[:limit]):
                await self._pause(event)
                if reason := self._cut():
                    break
                count += 1
                logprobs = script.logprobs[position : position + 1]
                yield Delta((token,), logprobs, self._top((token,), logprobs))
                if token in call.sampling.stop and script.choice is None:
                    reason = "stop"
                    break
            if reason is None and script.error is not None and count == len(script.ids):
                raise EngineError(script.error)
            if self._cancelled:
                reason = "cancelled"
            elif reason is None:
                reason = "length" if count == limit and script.choice is None else "stop"
            whole = reason not in ("cancelled", "deadline")
            given = call.prompt[1:] if call.echo else ()
            end = Finish(
                reason=reason,
                prompt_tokens=len(call.prompt),
                cached_tokens=script.cached_tokens,
                generated_tokens=count,
                seconds=time.monotonic() - started,
                choice=script.choice if whole else None,
                probabilities=script.probabilities if whole else (),
                prompt_logprobs=(0.0,) * len(given),
                prompt_top=self._top(given, (0.0,) * len(given)),
            )
            # who has the finish need not come back for more
            self._over(end)
            yield end
        except (GeneratorExit, asyncio.CancelledError):
            if end is None:
                self._over(
                    Finish(
                        reason="cancelled",
                        prompt_tokens=len(call.prompt),
                        cached_tokens=0,
                        generated_tokens=count,
                        seconds=time.monotonic() - started,
                    )
                )
            raise
        except Exception:
            self._over(None)
            raise

    def _over(self, end: Finish | None) -> None:
        self.running = False
        self._note(end)

    def _cut(self) -> str | None:
        """Why the call must not go on."""
        if self._cancelled:
            return "cancelled"
        return "deadline" if time.monotonic() >= self._deadline else None

    def _top(self, ids: Sequence[int], logprobs: Sequence[float]) -> tuple[Likeliest, ...]:
        if not self._call.top_logprobs:
            return ()
        return tuple((pair,) for pair in zip(ids, logprobs, strict=True))

    async def _pause(self, cancelled: asyncio.Event) -> None:
        if self._cancelled:
            return
        if self._seconds_per_token <= 0:
            await asyncio.sleep(0)
            return
        left = max(0.0, self._deadline - time.monotonic())
        try:
            await asyncio.wait_for(cancelled.wait(), min(self._seconds_per_token, left))
        except TimeoutError:
            pass

    def _script(self) -> Scripted:
        try:
            answer = self._answer(self._call)
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(f"the script failed: {error}") from error
        script = answer if isinstance(answer, Scripted) else Scripted(ids=tuple(answer))
        script = _obey(script, self._call)
        if self._call.logprobs:
            absent = (0.0,) * (len(script.ids) - len(script.logprobs))
            script = msgspec.structs.replace(script, logprobs=script.logprobs + absent)
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
