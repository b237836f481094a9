"""Every engine call of one run: submits, reads line by line, counts, keeps the budget and cancels.

Knows the `Engine` protocol and token ids; never a node, a store or a dialect's grammar.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from smysl_engines.base import (
    Call,
    Choice,
    Constraint,
    Delta,
    Engine,
    EngineError,
    Finish,
    Sampling,
    Stream,
)
from smysl_reasoning.clock import Clock
from smysl_reasoning.errors import Inconsistent, ReasoningError
from smysl_reasoning.hopeless import Hope

SETTLE_S = 5.0
"""How long a cancelled call may take to end; the protocol promises one step."""


class BudgetSpent(ReasoningError):
    """A run, or a part of it, has spent what it may."""

    def __init__(self, message: str, scope: str | None = None) -> None:
        """`scope`: the part of the program whose budget it was; None for the whole run's."""
        super().__init__(message)
        self.scope = scope


def budget_spent(what: str, scope: str | None) -> BudgetSpent:
    """`what`: the limit, "30 tokens"."""
    whose = f"of step {scope!r} " if scope else ""
    return BudgetSpent(f"the budget {whose}of {what} is spent", scope)


class WouldCall(ReasoningError):
    """A call that a walk without an engine (a preview) may not make."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a run's calls cost so far, in tokens and calls."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    calls: int = 0


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """The most that calls may spend together; None is without limit."""

    tokens: int | None = None
    """Generated."""
    calls: int | None = None
    seconds: float | None = None
    """From the first call on, as the clock counts them."""


UNLIMITED = Budget()


class Line(NamedTuple):
    """Tokens up to and including the one that ends a line, and what they cost."""

    ids: tuple[int, ...]
    complete: bool
    """It ends in the end token, within the limit."""
    logprobs: tuple[float, ...]
    """NaN for a token of which only the id was kept."""
    calls: int
    """1 where this line began a call, 0 where it went on with the one before."""
    prompt_tokens: int
    cached_tokens: int
    milliseconds: float
    hopeless: bool = False
    """It was cut off: going on was not worth it."""


class Chosen(NamedTuple):
    """What a constrained call chose."""

    finish: Finish
    prompt_tokens: int
    milliseconds: float


class Calls:
    """The calls of one run, or of a part of it. Each ends in exactly one finish or error, read or not."""

    def __init__(
        self,
        engine: Engine,
        budget: Budget = UNLIMITED,
        *,
        allowed: bool = True,
        scope: str | None = None,
        within: "Calls | None" = None,
        session: str = "",
    ) -> None:
        """Without `allowed` every call raises `WouldCall`. `within`: the calls that these are a part of; what is
        spent here is spent there too. `session`: of the run; the engine lets sessions take turns."""
        self._engine = engine
        self.budget = budget
        self._allowed = allowed
        self._scope = scope
        self._within = within
        self._session: str = within._session if within else session
        self.clock: Clock = within.clock if within else Clock()
        self._going: asyncio.Event = within._going if within else asyncio.Event()
        if within is None:
            self._going.set()
        self._open: set[_Reading] = set()
        self._submitted = 0
        self._ended = 0
        self._began: float | None = None
        self._ceased = 0.0
        self.usage = Usage()

    def part(self, scope: str, budget: Budget = UNLIMITED) -> "Calls":
        """Calls that are a part of these, with a budget of their own."""
        return Calls(self._engine, budget, allowed=self._allowed, scope=scope, within=self)

    def submit(self, call: Call) -> "_Reading":
        """Raises `EngineError` for a call that cannot run, `BudgetSpent` and `WouldCall`."""
        if not self._allowed:
            raise WouldCall("a preview makes no calls")
        self.require(beginning=True)
        call = msgspec.structs.replace(call, session=self._session)
        reading = _Reading(self, self._engine.submit(call))
        self.clock.begin()
        for part in self._parts():
            part._submitted += 1
            part._open.add(reading)
            part._start()
        self.add(calls=1, prompt_tokens=len(call.prompt))
        return reading

    def require(self, *, beginning: bool = False) -> None:
        """Raise `BudgetSpent` where something is spent: with `beginning`, so that no call may begin; else, so that
        a running one may not go on."""
        for part in self._parts():
            if spent := part._spent(beginning):
                raise budget_spent(spent, part._scope)

    def _spent(self, beginning: bool) -> str | None:
        budget, usage = self.budget, self.usage
        if budget.tokens is not None and usage.generated_tokens >= budget.tokens + (not beginning):
            return f"{budget.tokens} tokens"
        if beginning and budget.calls is not None and usage.calls >= budget.calls:
            return f"{budget.calls} calls"
        if budget.seconds is not None and self.clock.seconds - self._start() > budget.seconds:
            return f"{budget.seconds:g} s"
        return None

    def _start(self) -> float:
        """When the first call began; now, if this is it."""
        if self._began is None:
            self._began = self.clock.seconds
        return self._began

    def _parts(self) -> "Iterator[Calls]":
        """These calls and those that they are a part of."""
        part: Calls | None = self
        while part is not None:
            yield part
            part = part._within

    async def choose(
        self,
        prompt: Sequence[int],
        options: tuple[tuple[int, ...], ...],
        adapter: str | None = None,
    ) -> Chosen:
        """The probability of each option after `prompt`. Raises `EngineError`."""
        started = time.perf_counter()
        while True:
            await self.going()
            reading = self.submit(
                Call(prompt=tuple(prompt), constraint=Choice(options), adapter=adapter)
            )
            try:
                finish = await reading.finish()
            finally:
                reading.close()
            if finish.choice is not None:
                break
            if not reading.interrupted:
                raise EngineError(f"the call ended ({finish.reason}) before it chose")
        return Chosen(finish, len(prompt), _since(started))

    def add(
        self,
        *,
        prompt_tokens: int = 0,
        cached_tokens: int = 0,
        generated_tokens: int = 0,
        calls: int = 0,
    ) -> None:
        """Count something, a node that was reused for example."""
        for part in self._parts():
            part.usage = Usage(
                prompt_tokens=part.usage.prompt_tokens + prompt_tokens,
                cached_tokens=part.usage.cached_tokens + cached_tokens,
                generated_tokens=part.usage.generated_tokens + generated_tokens,
                calls=part.usage.calls + calls,
            )

    def ended(self, reading: "_Reading", finish: Finish | None) -> None:
        """A call is over: `_Reading` says so once."""
        for part in self._parts():
            part._open.discard(reading)
            part._ended += 1
            part._ceased = self.clock.seconds
        self.clock.end()
        if finish is not None:
            self.add(cached_tokens=finish.cached_tokens)

    @property
    def seconds(self) -> float:
        """From the first call's beginning to the last one's end, as the clock counts them."""
        return max(0.0, self._ceased - self._began) if self._began is not None else 0.0

    @property
    def paused(self) -> bool:
        return not self._going.is_set()

    async def going(self) -> None:
        """Wait while the calls are paused."""
        await self._going.wait()

    def pause(self) -> None:
        """Free every open call's slot; what was being read goes on from there after `unpause`. Idempotent."""
        if not self.paused:
            self.clock.wait()
        self._going.clear()
        for reading in self._open:
            reading.interrupted = True
        self.cancel()

    def unpause(self) -> None:
        """Idempotent."""
        if self.paused:
            self.clock.resume()
        self._going.set()

    def cancel(self) -> None:
        """Free every open call's slot. Returns at once; see `settle`."""
        for reading in list(self._open):
            reading.close()

    async def settle(self) -> None:
        """Cancel what is open and wait until every call has ended."""
        self.cancel()
        if pumps := [reading.pump for reading in self._open]:
            await asyncio.wait(pumps, timeout=SETTLE_S)

    def check(self) -> None:
        """Every submitted call is open or has ended, exactly once."""
        if self._submitted != self._ended + len(self._open):
            raise Inconsistent(
                f"{self._submitted} calls submitted, {self._ended} ended, {len(self._open)} open"
            )


class _Reading:
    """One call being read. A task of its own reads the stream, so that a reader that is cancelled
    or slow disturbs neither the stream nor its end."""

    def __init__(self, calls: Calls, stream: Stream) -> None:
        self._calls = calls
        self._stream = stream
        self._tokens: deque[tuple[int, float]] = deque()
        self._finish: Finish | None = None
        self._error: EngineError | None = None
        self._over = False
        self.interrupted = False
        """It was cut off by a pause: what it would still have said is to be asked for again."""
        self._waiter: asyncio.Future[None] | None = None
        self.pump = asyncio.create_task(self._read())

    async def next(self) -> tuple[int, float] | None:
        """The next token and its log-probability (0 where unknown); None after the last.
        Raises `EngineError` or `BudgetSpent`."""
        while not self._tokens:
            if self._error is not None:
                raise self._error
            if self._over:
                return None
            await self._news()
        self._calls.require()
        return self._tokens.popleft()

    async def finish(self) -> Finish:
        """Wait for the end. Raises `EngineError`."""
        while not self._over:
            await self._news()
        if self._error is not None:
            raise self._error
        assert self._finish is not None
        return self._finish

    def close(self) -> None:
        """Free the call's slot, unless it has ended."""
        if not self._over:
            self._stream.cancel()

    async def _news(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    async def _read(self) -> None:
        try:
            async for event in self._stream:
                match event:
                    case Delta(ids, logprobs):
                        known = logprobs or (0.0,) * len(ids)
                        self._tokens.extend(zip(ids, known, strict=True))
                        self._calls.add(generated_tokens=len(ids))
                    case Finish():
                        self._finish = event
                self._wake()
            if self._finish is None:
                self._error = EngineError("the engine ended a call without a finish")
        except EngineError as error:
            self._error = error
        except Exception as error:
            self._error = EngineError(f"the engine failed: {error}")
        finally:
            self._over = True
            self._calls.ended(self, self._finish)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Lines:
    """Reads a text line by line, where each line is asked for by the whole prompt it continues.

    A call goes on from one line to the next as long as its own tokens are what the next prompt adds
    (the slot of a step's result, say); where they are not, a new call begins. With greedy sampling
    a line is therefore the same as if it had a call of its own, at a fraction of the prompts.
    """

    def __init__(
        self,
        calls: Calls,
        sampling: Sampling,
        *,
        end: int,
        context: int,
        line_tokens: int,
        adapter: str | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        """`end` is the token that ends a line; `sampling.max_tokens` bounds all lines of a call
        together."""
        self._calls = calls
        self._sampling = sampling
        self._end = end
        self._context = context
        self._line_tokens = line_tokens
        self._adapter = adapter
        self._constraint = constraint
        self._known: deque[int] = deque()
        self._position = 0
        """Tokens that the present call's output has given, over its interruptions."""
        self._paused = 0.0
        """Seconds of the present line that a pause took."""
        self._reading: _Reading | None = None
        self._said: list[int] = []

    def resume(self, known: Sequence[int]) -> None:
        """What had been read before a crash, line after line with what lies between: it is not asked
        for again. Does nothing once a line was read."""
        if not self._said:
            self._known = deque(known)

    async def line(
        self,
        prompt: Sequence[int],
        on_token: Callable[[int], None] | None = None,
        on_passed: Callable[[int], None] | None = None,
        over: Callable[[], bool] | None = None,
        hope: Hope | None = None,
    ) -> Line:
        """The line that follows `prompt`. `on_token` takes its tokens as they come, `on_passed` those
        that were read since the line before on the way to it. `over`: whether a line without an end token is whole
        with the token that `on_token` was given last. `hope`: is told every token; once it fades the call is cancelled,
        unless the line has just come to its end. Raises `EngineError`, `BudgetSpent` or `WouldCall`."""
        started, self._paused = time.perf_counter(), 0.0
        goes_on = await self._follow(prompt, on_passed)
        token = await self._next() if goes_on else None
        begun = 0
        if token is None:
            goes_on = False
            self.close()
            self._said, self._position = list(prompt), 0
            begun = self._calls.usage.calls
            token = await self._next()
        ids: list[int] = []
        logprobs: list[float] = []
        speaking = hopeless = False
        while token is not None:
            ids.append(token[0])
            logprobs.append(token[1])
            if on_token is not None:
                on_token(token[0])
            fades = hope is not None and hope.fades(token[1])
            if token[0] == self._end or len(ids) == self._line_tokens:
                break
            # what has come to its own end costs nothing more
            if hopeless := fades and token[0] not in self._sampling.stop:
                break
            if speaking := over is not None and over():
                break
            token = await self._next()
        cached = 0
        ends = token is None or hopeless or (self._end in self._sampling.stop and not speaking)
        if self._reading is not None and hopeless:
            self._reading.close()
        if self._reading is not None and ends:
            cached = (await self._reading.finish()).cached_tokens
        called = not goes_on and self._calls.usage.calls > begun
        return Line(
            ids=tuple(ids),
            complete=bool(ids) and ids[-1] == self._end,
            logprobs=tuple(logprobs),
            calls=int(called),
            prompt_tokens=len(prompt) if called else 0,
            cached_tokens=cached if called else 0,
            milliseconds=_since(started) - 1000 * self._paused,
            hopeless=hopeless,
        )

    def close(self) -> None:
        """Free the call's slot. Idempotent."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    async def _follow(self, prompt: Sequence[int], on_passed: Callable[[int], None] | None) -> bool:
        """Read on through what `prompt` adds; False when the call says something else, or has
        ended."""
        if not self._said or list(prompt[: len(self._said)]) != self._said:
            return False
        for expected in prompt[len(self._said) :]:
            token = await self._next()
            if token is not None and on_passed is not None:
                on_passed(token[0])
            if token is None or token[0] != expected:
                return False
        return True

    async def _next(self) -> tuple[int, float] | None:
        """The next token of the present call, which begins here, or begins again after a pause."""
        if self._known:
            token: tuple[int, float] | None = (self._known.popleft(), math.nan)
        else:
            token = None
            while token is None:
                if self._reading is None:
                    if self._position >= self._sampling.max_tokens:
                        return None
                    paused = time.perf_counter()
                    await self._calls.going()
                    self._paused += time.perf_counter() - paused
                    self._reading = self._submit()
                token = await self._reading.next()
                if token is None and not self._reading.interrupted:
                    return None
                if token is None:
                    self._reading = None
        assert token is not None
        self._said.append(token[0])
        self._position += 1
        return token

    def _submit(self) -> _Reading:
        left = self._sampling.max_tokens - self._position
        room = max(1, min(left, self._context - len(self._said)))
        sampling = msgspec.structs.replace(self._sampling, max_tokens=room)
        return self._calls.submit(
            Call(
                prompt=tuple(self._said),
                position=self._position,
                sampling=sampling,
                constraint=self._constraint,
                adapter=self._adapter,
                logprobs=True,
            )
        )


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
