"""One call at a server, and how far it is.

Knows tokens, a constraint and a channel; never a request.
"""

import math
import time
from collections.abc import Sequence

from smysl_engines.base import (
    AllowedTokens,
    Call,
    EngineError,
    Finish,
    Likeliest,
)
from smysl_engines.grammar import Mask, Matcher
from smysl_engines.stops import StopTexts
from smysl_engines.stream import Channel

UNKNOWN = math.nan
"""Log-probability of a token of which the server told only the id or the text."""


class Wrong(EngineError):
    """A token that the constraint does not allow at its place: what came before it stands."""

    def __init__(self, mask: Mask) -> None:
        super().__init__("the constraint does not allow this token")
        self.mask = mask
        """What it does allow."""


class RemoteCall:
    """`matcher` and `stops` are at the start of the call's output; None where it has none, or where the server
    keeps to the form itself."""

    def __init__(self, call: Call, channel: Channel) -> None:
        self.call = call
        self.channel = channel
        self.matcher: Matcher | None = None
        self.stops: StopTexts | None = None
        self.ids: list[int] = []
        self.begun_at: float | None = None
        self.cached = 0
        self.stop_text: str | None = None
        self.prompt_logprobs: tuple[float, ...] = ()
        self.prompt_top: tuple[Likeliest, ...] = ()
        self._stop = frozenset(call.sampling.stop)
        constraint = call.constraint
        self._allowed = constraint.ids if isinstance(constraint, AllowedTokens) else None

    @property
    def text(self) -> tuple[int, ...]:
        """Prompt and output so far."""
        return (*self.call.prompt, *self.ids)

    @property
    def left(self) -> int:
        return self.call.sampling.max_tokens - len(self.ids)

    def take(self, token: int, logprob: float = UNKNOWN, top: Likeliest = ()) -> str | None:
        """The output goes on with a token; why it ends, if it does. Raises `Wrong` for a token that a grammar does
        not allow; `EngineError` for one that `AllowedTokens` does not, or where the grammar cannot go on."""
        if self._allowed is not None and token not in self._allowed:
            raise EngineError(
                f"the server gave token {token}, which AllowedTokens does not allow: it ignores the limit. Serve "
                "the model with llama.cpp or vLLM"
            )
        if self.matcher is not None:
            mask = self.matcher.mask()
            if self.matcher.ended:
                return "stop"
            if not mask[token]:
                raise Wrong(mask)
            if not self.matcher.consume(token):
                if token in self._stop:
                    self._deliver(token, logprob, top)
                return "stop"
        self._deliver(token, logprob, top)
        if self.stops is not None:
            self.stop_text = self.stops.push(token)
        if self.stop_text is not None or self._ended_by(token):
            return "stop"
        return None if self.left else "length"

    def deliver_all(self, ids: Sequence[int], logprobs: Sequence[float]) -> None:
        """An output that is whole, whatever its length."""
        self.ids += ids
        self.channel.put(list(ids), list(logprobs) if self.call.logprobs else [])

    def finish(
        self, reason: str, choice: int | None = None, probabilities: Sequence[float] = ()
    ) -> Finish:
        now = time.monotonic()
        return Finish(
            reason=reason,
            prompt_tokens=len(self.call.prompt),
            cached_tokens=self.cached,
            generated_tokens=len(self.ids),
            seconds=0.0 if self.begun_at is None else now - self.begun_at,
            choice=choice,
            probabilities=tuple(probabilities),
            stop_text=self.stop_text,
            prompt_logprobs=self.prompt_logprobs,
            prompt_top=self.prompt_top,
        )

    def _ended_by(self, token: int) -> bool:
        if self.matcher is not None:
            # under a grammar a stop token that it allows is text
            return self.matcher.ended
        return token in self._stop

    def _deliver(self, token: int, logprob: float, top: Likeliest) -> None:
        self.ids.append(token)
        call = self.call
        self.channel.put(
            [token], [logprob] if call.logprobs else [], [top] if call.top_logprobs else []
        )
