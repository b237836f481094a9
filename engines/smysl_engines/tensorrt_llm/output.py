"""Holds a call's tokens, as they come from the library, to what the call asked for.

The library ends an output by its own rules; what ends one here is decided from the tokens: stop tokens
and stop texts, a grammar that is whole, the length. Knows a job; never a worker or a queue.
"""

import math
from collections.abc import Sequence

from smysl_engines.base import EngineError, Likeliest
from smysl_engines.job import Job


class Output:
    """Of one job. Once it has a `reason`, what comes later is not looked at."""

    def __init__(self, job: Job, end_id: int | None) -> None:
        """`end_id`: the token that ends a text under a grammar."""
        self._job = job
        self._end_id = end_id
        self.reason: str | None = None
        """Why the call is over."""
        self.ours = False
        """The library does not know that it is, and would go on."""

    def take(self, ids: Sequence[int], logprobs: Sequence[float], top: Sequence[Likeliest]) -> None:
        """Add tokens. Raises `EngineError` for one that the grammar does not allow."""
        job = self._job
        for place, token in enumerate(ids):
            matcher = job.matcher
            if matcher is not None and not matcher.consume(token) and token not in job.stop:
                # the caller has not asked for the model's end token
                self.reason = "stop"
                return
            job.take(token)
            job.undelivered_logprobs += logprobs[place : place + 1]
            job.undelivered_top += top[place : place + 1]
            if job.stopped(token) or (matcher is not None and matcher.ended):
                self.reason, self.ours = "stop", True
            elif matcher is None and token in job.stop:
                self.reason = "stop"
            elif job.generated == job.call.sampling.max_tokens:
                self.reason, self.ours = "length", matcher is not None
            if self.reason is not None:
                return

    def end(self, reason: str) -> str:
        """Why the call is over, where the library has ended it. Raises `EngineError` for an output
        that must not end so."""
        job = self._job
        if self.reason is not None:
            return self.reason
        if job.call.sampling.max_tokens == 0:
            return "length"  # only the prompt's log-probabilities were asked
        match reason:
            case "timeout":
                return "deadline"
            case "stop" if job.matcher is None or job.matcher.complete:
                self._add_end()
                return "stop"
            case "length" if job.matcher is None:
                return "length"
        raise EngineError(
            f"TensorRT-LLM ended the call ({reason}) after {job.generated} tokens, where it had no "
            "reason to; ask again"
        )

    def _add_end(self) -> None:
        """One kind of executor keeps the end token to itself; a caller who has asked for it gets it, with
        a log-probability that nobody knows."""
        job = self._job
        if job.matcher is None or self._end_id is None or self._end_id not in job.stop:
            return
        job.take(self._end_id)
        if job.call.logprobs:
            job.undelivered_logprobs.append(math.nan)
        if job.call.top_logprobs:
            job.undelivered_top.append(())
