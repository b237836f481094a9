"""Runs many calls on one model, step by step: who joins, what is computed, who leaves.

Knows calls, rows and logits; never threads, event loops or how a model computes.
One owner calls it.
"""

import heapq
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from smysl_engines.base import (
    AllowedTokens,
    Call,
    Choice,
    EngineError,
    Finish,
    Grammar,
    JsonSchema,
    Regex,
)
from smysl_engines.choice import ChoiceScorer, choose
from smysl_engines.grammar import Matcher
from smysl_engines.sampling import Logits, Sampler, log_probabilities
from smysl_engines.slots import Copy, Move, Slots, Swap
from smysl_engines.stream import Channel

_log = logging.getLogger(__name__)

PREFILL_TOKENS = 512
"""Prompt tokens computed between two decoding steps,
so that long prompts do not stall running calls.
"""
DELIVERY_S = 0.004
"""Tokens are handed over at most this often per call: waking a
consumer costs as much as a small step.
"""


class Model(Protocol):
    """KV memory of `rows` rows and the forward pass over it."""

    rows: int
    context: int

    def decode(self, tokens: Sequence[int], lengths: Sequence[int]) -> Logits:
        """Append tokens[i] to row i, which holds lengths[i] positions,
        for rows 0 to len(tokens) - 1.

        Returns [len(tokens), vocabulary], valid until the next `decode`.
        """
        ...

    def extend(self, row: int, tokens: Sequence[int], length: int, asked: Sequence[int]) -> Logits:
        """Append tokens to a row that holds `length` positions.

        Returns [len(asked), vocabulary]: the logits after tokens[i] for each i in `asked`;
        a new array.
        """
        ...

    def swap(self, first: int, second: int, count: int) -> None: ...

    def copy(self, source: int, target: int, count: int) -> None: ...


class Job:
    """A call and how far it is. `matcher` is at the start of the call's grammar, if it has one."""

    def __init__(self, call: Call, channel: Channel, matcher: Matcher | None = None) -> None:
        self.call = call
        self.channel = channel
        self.admitted_at: float | None = None
        self.cached = 0
        self.generated = 0
        self.feed: list[int] = []
        """Tokens of this call the model has not computed yet;
        the last one's logits give the next token.
        """
        allowed = call.constraint.ids if isinstance(call.constraint, AllowedTokens) else None
        self.sampler = Sampler(call.sampling, allowed)
        assert (matcher is not None) == isinstance(call.constraint, Regex | JsonSchema | Grammar)
        self.matcher = matcher
        self.stop = frozenset(call.sampling.stop)
        self.undelivered: list[int] = []
        self.undelivered_logprobs: list[float] = []
        self.delivered_at = -math.inf

    def take(self, token: int) -> None:
        self.generated += 1
        self.feed.append(token)
        self.undelivered.append(token)

    def take_forced(self, matcher: Matcher) -> bool:
        """Take what the grammar leaves no choice in; returns whether the output has ended."""
        room = self.call.sampling.max_tokens - self.generated
        for token in matcher.forced()[:room]:
            if not matcher.consume(token):
                break
            self.take(token)
        return matcher.ended

    def deliver(self, now: float) -> None:
        self.channel.put(self.undelivered, self.undelivered_logprobs)
        self.undelivered, self.undelivered_logprobs = [], []
        self.delivered_at = now


class Batch:
    """Owns the calls, from `add` until each has its one end.

    Running calls are in rows 0, 1, ... of the model in the order of `_running`.
    """

    def __init__(self, model: Model, clock: Callable[[], float] = time.monotonic) -> None:
        self._model = model
        self._clock = clock
        self.slots = Slots(model.rows, model.context)
        self._waiting: list[tuple[int, int, Job]] = []
        self._running: list[Job] = []
        self._added = 0
        self._last_prompt: tuple[str | None, tuple[int, ...]] | None = None
        self._last_logits: Logits | None = None

    @property
    def idle(self) -> bool:
        return not self._running and not self._waiting

    def add(self, job: Job) -> None:
        self._added += 1
        heapq.heappush(self._waiting, (job.call.priority, self._added, job))

    def step(self) -> None:
        """Drop what was cancelled, admit and prefill,
        then compute one token for every running call.

        Never raises for a call's sake: a failure of the model
        ends all running calls with `EngineError`.
        """
        self._drop_cancelled()
        try:
            self._prefill()
            self._decode()
        except Exception as error:
            _log.exception("a step of the engine failed")
            self.fail(EngineError(f"the engine failed while computing this call: {error}"))

    def fail(self, error: EngineError) -> None:
        """End all running calls with the error. What the memory holds is no longer trusted."""
        while self._running:
            self.slots.release(len(self._running) - 1)
            self._running.pop().channel.end(error)
        self.slots.forget()
        self._last_prompt = None

    def abort(self, error: EngineError) -> None:
        """End every call, running or waiting, with the error. The batch must not be used again."""
        for job in [*self._running, *(job for _, _, job in self._waiting)]:
            job.channel.end(error)

    def close(self) -> None:
        """Finish every call, running or waiting, as cancelled."""
        for _, _, job in self._waiting:
            job.channel.cancelled = True
        for job in self._running:
            job.channel.cancelled = True
        self._drop_cancelled()

    def check(self) -> None:
        """Every running call has a row and something to feed;
        a row holds no more than its call's tokens.
        """
        self.slots.check()
        assert self.slots.running == len(self._running) <= self._model.rows
        for row, job in enumerate(self._running):
            assert job.feed
            held = self.slots.length(row) + len(job.feed)
            assert held == len(job.call.prompt) + job.generated

    def _drop_cancelled(self) -> None:
        for row in reversed(range(len(self._running))):
            if self._running[row].channel.cancelled:
                self._leave(row, self._finish(self._running[row], "cancelled"))
        if any(job.channel.cancelled for _, _, job in self._waiting):
            kept = [entry for entry in self._waiting if not entry[2].channel.cancelled]
            for _, _, job in self._waiting:
                if job.channel.cancelled:
                    job.channel.end(self._finish(job, "cancelled"))
            heapq.heapify(kept)
            self._waiting = kept

    def _prefill(self) -> None:
        budget = PREFILL_TOKENS
        # from the last, because a call that leaves is replaced by the last
        for row in reversed(range(len(self._running))):
            if self._worth_a_pass(self._running[row]):
                budget -= self._compute_ahead(row, budget)
        while self._waiting and self.slots.running < self.slots.rows and budget > 0:
            admitted = self._admit(heapq.heappop(self._waiting)[2])
            if admitted is not None:
                budget -= self._compute_ahead(admitted, budget)

    def _worth_a_pass(self, job: Job) -> bool:
        """A prompt is. Tokens that a grammar forces are if the batch saves more steps than
        the pass, which computes nothing for the others, costs.
        """
        return len(job.feed) > (len(self._running) if job.generated else 1)

    def _admit(self, job: Job) -> int | None:
        """Give the call a row; None if it needs no more of the model or has already left."""
        call, row = job.call, len(self._running)
        known = self._last_prompt == (call.adapter, call.prompt)
        # one token must be computed to have logits, unless those of this very prompt are at hand
        if known:
            known = self.slots.longest_match(call.prompt, call.adapter)[1] == len(call.prompt)
        job.admitted_at = self._clock()
        admission = self.slots.admit(call.prompt, call.adapter, len(call.prompt) - (not known))
        self._running.append(job)
        job.cached = admission.cached
        job.feed = list(call.prompt[admission.cached :])
        self._move(admission.moves)
        if not known:
            return row
        assert self._last_logits is not None
        self._advance([row], self._last_logits)
        return None

    def _compute_ahead(self, row: int, budget: int) -> int:
        """Compute up to `budget` tokens of a row with more than one to feed; returns how many."""
        job = self._running[row]
        if len(job.feed) == 1 or budget < 1:
            return 0
        chunk, job.feed = job.feed[:budget], job.feed[budget:]
        asked = [len(chunk) - 1]
        logits = self._model.extend(row, chunk, self.slots.length(row), asked)
        self.slots.append(row, chunk)
        if not job.feed:
            if not job.generated:
                self._last_prompt, self._last_logits = (job.call.adapter, job.call.prompt), logits
            self._advance([row], logits)
        return len(chunk)

    def _decode(self) -> None:
        if not self._running:
            return
        tokens = [job.feed[0] for job in self._running]
        rows = range(len(tokens))
        logits = self._model.decode(tokens, [self.slots.length(row) for row in rows])
        for row, job in enumerate(self._running):
            self.slots.append(row, job.feed[:1])
            del job.feed[:1]
        # a row in the middle of its prompt, or of what its grammar forces, has taken part, but has
        # no next token yet
        ready = [row for row in rows if not self._running[row].feed]
        self._advance(ready, logits if len(ready) == len(tokens) else logits[ready])

    def _advance(self, rows: Sequence[int], logits: Logits) -> None:
        """Choose the next token of each row from its line of `logits`,
        and let finished calls leave.
        """
        now = self._clock()
        likeliest = logits.argmax(axis=1).tolist()
        ended: list[tuple[int, Finish | EngineError]] = []
        for line, row in enumerate(rows):
            job = self._running[row]
            try:
                if isinstance(job.call.constraint, Choice):
                    ended.append((row, self._choose(row, job, job.call.constraint, logits[line])))
                elif reason := self._take_token(job, logits[line], likeliest[line], now):
                    ended.append((row, self._finish(job, reason)))
            except EngineError as error:
                ended.append((row, error))
        for row, end in reversed(ended):
            self._leave(row, end)

    def _take_token(self, job: Job, logits: Logits, likeliest: int, now: float) -> str | None:
        """Choose one token, and take those that must follow; returns why the call is over, or None."""
        position = job.call.position + job.generated
        allowed, matcher = None, job.matcher
        greedy = job.sampler.plain_greedy and bool(logits[likeliest] - logits[likeliest] == 0)
        if matcher is not None:
            mask = matcher.mask()
            if matcher.ended:
                return "stop"
            greedy = greedy and bool(mask[likeliest])
            allowed = None if greedy else np.flatnonzero(mask)
        token = likeliest if greedy else job.sampler.choose(logits, position, allowed)
        if matcher is None:
            ended = token in job.stop
        else:
            if not matcher.consume(token) and token not in job.stop:
                # the caller has not asked for the tokenizer's end token
                return "stop"
            ended = matcher.ended
        job.take(token)
        if job.call.logprobs:
            job.undelivered_logprobs.append(float(log_probabilities(logits)[token]))
        elif matcher is not None:
            # a log-probability needs the logits before each token
            ended = job.take_forced(matcher)
        if now - job.delivered_at >= DELIVERY_S:
            job.deliver(now)
        if ended:
            return "stop"
        return "length" if job.generated == job.call.sampling.max_tokens else None

    def _choose(self, row: int, job: Job, constraint: Choice, logits: Logits) -> Finish:
        """Score all options on the call's row, one after the other."""
        scorer, start = ChoiceScorer(constraint), len(job.call.prompt)
        scorer.note((), logits)
        for feed, path in scorer.feeds():
            length = start + feed.kept
            self.slots.truncate(row, length)
            found = self._model.extend(row, feed.ids, length, range(len(feed.ids)))
            self.slots.append(row, feed.ids)
            for line, after in enumerate(found):
                scorer.note(path[: feed.kept + line + 1], after)
        probabilities = scorer.probabilities()
        option = choose(probabilities, job.call.sampling)
        job.undelivered += constraint.options[option]
        job.generated = len(job.undelivered)
        if job.call.logprobs:
            job.undelivered_logprobs += scorer.logprobs(option)
        return self._finish(job, "stop", option, probabilities)

    def _leave(self, row: int, end: Finish | EngineError) -> None:
        """End a running call and free its row."""
        job = self._running[row]
        job.deliver(self._clock())
        job.channel.end(end)
        release = self.slots.release(row)
        self._running[row] = self._running[release.moved]
        self._running.pop()
        self._move(release.moves)

    def _finish(
        self,
        job: Job,
        reason: str,
        choice: int | None = None,
        probabilities: tuple[float, ...] = (),
    ) -> Finish:
        since = self._clock() if job.admitted_at is None else job.admitted_at
        return Finish(
            reason=reason,
            prompt_tokens=len(job.call.prompt),
            cached_tokens=job.cached,
            generated_tokens=job.generated,
            seconds=self._clock() - since,
            choice=choice,
            probabilities=probabilities,
        )

    def _move(self, moves: Sequence[Move]) -> None:
        for move in moves:
            match move:
                case Swap(first, second, count):
                    self._model.swap(first, second, count)
                case Copy(source, target, count):
                    self._model.copy(source, target, count)
