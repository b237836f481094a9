"""A call and how far it is.

Knows tokens, a sampler and a channel; never a model, a row or a queue.
"""

import math
from collections.abc import Sequence

from smysl_engines.base import (
    AllowedTokens,
    Call,
    Choice,
    Finish,
    Grammar,
    JsonSchema,
    Likeliest,
    Regex,
    State,
)
from smysl_engines.grammar import Matcher
from smysl_engines.lookup import Drafts
from smysl_engines.pace import Pace
from smysl_engines.sampling import Sampler
from smysl_engines.stops import StopTexts
from smysl_engines.stream import Channel


class Job:
    """`matcher` and `stops` are at the start of the call's output, if it has a grammar or stop texts.

    `state` holds from token `since` on; `offset` tells its symbols from those of other states.
    `stepwise`, if given, tells the symbols of tokens that must be computed one by one, so that no bit
    hangs on the company: the output, and of a prompt of odd length the last token.
    """

    def __init__(
        self,
        call: Call,
        channel: Channel,
        matcher: Matcher | None = None,
        stops: StopTexts | None = None,
        state: State = (),
        since: int = 0,
        offset: int = 0,
        stepwise: int | None = None,
    ) -> None:
        self.call = call
        self.channel = channel
        self.number = 0
        """In order of arrival."""
        self.submitted_at: float | None = None
        """By the batch's clock, where the call was submitted before the batch was given it."""
        self.admitted_at: float | None = None
        self.cached = 0
        self.generated = 0
        self.tokens = list(call.prompt)
        """Prompt and output so far."""
        self.symbols = self.tokens
        """What the tokens' KV is known by: one that another state made is another."""
        self.computed = 0
        """Tokens whose KV the call's row holds; the rest is fed to the model, and the last one's
        logits give the next token."""
        self.state = state
        self.since = since if state else len(call.prompt)
        self.pieces = None if stepwise is None else len(call.prompt) // 2 * 2
        """Tokens that may be computed several at a time; None: all."""
        self._offset = offset if stepwise is None else stepwise
        if self._offset:
            first = min(since, len(call.prompt)) if offset else len(call.prompt)
            last = len(call.prompt) if self.pieces is None else self.pieces
            self.symbols = [
                token + (self._offset if at >= last else offset if at >= first else 0)
                for at, token in enumerate(self.tokens)
            ]
        constraint = call.constraint
        self.at_once = 0
        """Tokens after the prompt that its row must have room for together: of the longest option."""
        if isinstance(constraint, Choice):
            self.at_once = max(map(len, constraint.options)) - 1
        allowed = constraint.ids if isinstance(constraint, AllowedTokens) else None
        self.sampler = Sampler(call.sampling, allowed, call.prompt)
        assert (matcher is not None) == isinstance(constraint, Regex | JsonSchema | Grammar)
        self.matcher = matcher
        self.stops = stops
        self.stop = frozenset(call.sampling.stop)
        self.stop_text: str | None = None
        self.pace: Pace | None = None
        self._drafts: Drafts | None = None
        self.drafted = 0
        self.accepted = 0
        self.prompt_logprobs: list[float] = []
        self.prompt_top: list[Likeliest] = []
        self.undelivered: list[int] = []
        self.undelivered_logprobs: list[float] = []
        self.undelivered_top: list[Likeliest] = []
        self.delivered_at = -math.inf

    @property
    def left(self) -> int:
        """Tokens to feed."""
        return len(self.tokens) - self.computed

    @property
    def ahead(self) -> int:
        """Tokens to feed that may be computed in one pass."""
        return self.left if self.pieces is None else max(0, self.pieces - self.computed)

    @property
    def prefilling(self) -> bool:
        """Several tokens of the prompt are still to be computed, the last one apart."""
        return self.ahead > 1 and self.computed < len(self.call.prompt)

    @property
    def in_pieces(self) -> bool:
        """The next token must be computed with others: a step would lose the prompt's
        log-probabilities, or bits."""
        if self.pieces is None:
            return self.call.echo and self.computed < len(self.call.prompt) - 1
        return self.computed < self.pieces

    @property
    def rank(self) -> tuple[int, int]:
        """The larger, the sooner it gives way."""
        return self.call.priority, self.number

    def take(self, token: int) -> None:
        self.generated += 1
        self.tokens.append(token)
        if self.symbols is not self.tokens:
            self.symbols.append(token + self._offset)
        self.undelivered.append(token)
        self.sampler.took(token)
        if self._drafts is not None:
            self._drafts.append(token)

    def draft(self, count: int) -> list[int]:
        """Up to `count` tokens that may come next."""
        if self._drafts is None:
            self._drafts = Drafts(self.tokens, self.call.lookup)
        return self._drafts.propose(count)

    def take_forced(self, matcher: Matcher) -> bool:
        """Take what the grammar leaves no choice in; returns whether the output has ended."""
        room = self.call.sampling.max_tokens - self.generated
        for token in matcher.forced()[:room]:
            if not matcher.consume(token):
                break
            self.take(token)
            if self.stopped(token):
                return True
        return matcher.ended

    def stopped(self, token: int) -> bool:
        """Whether a token just taken completes a stop text."""
        if self.stops is None:
            return False
        self.stop_text = self.stops.push(token)
        return self.stop_text is not None

    def states(self) -> tuple[State, int]:
        """The state of the tokens to feed next, and how many of them come before it sets in."""
        return self.state, max(0, self.since - self.computed)

    def symbols_of(self, tokens: Sequence[int]) -> list[int]:
        """Of tokens that may follow."""
        return [token + self._offset for token in tokens]

    def back(self) -> None:
        """The call has lost its row, and will have to compute everything again."""
        self.computed = 0
        self.prompt_logprobs, self.prompt_top = [], []

    def deliver(self, now: float) -> None:
        self.channel.put(self.undelivered, self.undelivered_logprobs, self.undelivered_top)
        self.undelivered, self.undelivered_logprobs, self.undelivered_top = [], [], []
        self.delivered_at = now

    def finish(
        self,
        reason: str,
        now: float,
        choice: int | None = None,
        probabilities: Sequence[float] = (),
    ) -> Finish:
        return Finish(
            reason=reason,
            prompt_tokens=len(self.call.prompt),
            cached_tokens=self.cached,
            generated_tokens=self.generated,
            seconds=0.0 if self.admitted_at is None else now - self.admitted_at,
            choice=choice,
            probabilities=tuple(probabilities),
            stop_text=self.stop_text,
            drafted_tokens=self.drafted,
            accepted_tokens=self.accepted,
            prompt_logprobs=tuple(self.prompt_logprobs),
            prompt_top=tuple(self.prompt_top),
        )
