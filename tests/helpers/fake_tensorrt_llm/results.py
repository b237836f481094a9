"""What a request gives: one object that every step writes into.

Knows steps as they arrive; never how they are computed.
"""

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

from fake_tensorrt_llm.tensors import Tensor


class Logprob:
    def __init__(self, logprob: float, rank: int | None = None) -> None:
        self.logprob, self.rank = logprob, rank


class Step:
    """One message of the executor."""

    def __init__(self, ids: list[int], logprobs: list[dict[int, Logprob]]) -> None:
        self.ids, self.logprobs = ids, logprobs
        self.finish_reason: str | None = None
        self.stop_reason: int | str | None = None
        self.drop = 0
        """Tokens at the end that are no output: a stop token that was not to be included."""
        self.context_logits: Tensor | None = None
        self.generation_logits: Tensor | None = None
        self.cached_tokens = 0
        self.error: str | None = None


class CompletionOutput:
    def __init__(self) -> None:
        self.index = 0
        self.text = ""
        self.token_ids: list[int] = []
        self.cumulative_logprob: float | None = None
        self.logprobs: list[dict[int, Logprob]] = []
        self.prompt_logprobs: list[dict[int, Logprob]] = []
        self.finish_reason: str | None = None
        self.stop_reason: int | str | None = None
        self.generation_logits: Tensor | None = None
        self._before = 0
        self._logprobs_before = 0

    @property
    def length(self) -> int:
        return len(self.token_ids)

    @property
    def text_diff(self) -> str:
        return ""  # nothing is detokenised here

    @property
    def token_ids_diff(self) -> list[int]:
        return self.token_ids[self._before :]

    @property
    def logprobs_diff(self) -> list[dict[int, Logprob]]:
        return self.logprobs[self._logprobs_before :]


class RequestError(RuntimeError):
    """The executor failed on a request."""


class RequestOutput:
    """Iterating gives this same object again and again."""

    def __init__(
        self, id: int, prompt: list[int], abort: Callable[[int], None], *, cumulative: bool
    ) -> None:
        """`cumulative`: log-probabilities grow with the output; else a step replaces them."""
        self.request_id = id
        self.prompt: str | None = None
        self.prompt_token_ids = prompt
        self.context_logits: Tensor | None = None
        self.outputs = [CompletionOutput()]
        self.cached_tokens = 0
        self.finished = False
        self._abort = abort
        self._aborted = False
        self._cumulative = cumulative
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
            self._arrived: asyncio.Queue[Step] | None = asyncio.Queue()
        except RuntimeError:
            # as the library: without a loop now, nothing can be awaited later
            self._loop = self._arrived = None
        self._sync: queue.Queue[Step] = queue.Queue()

    def put(self, step: Step) -> None:
        """From the executor's thread."""
        if self._loop is None or self._arrived is None:
            self._sync.put(step)
            return
        try:
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, step)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    def abort(self) -> None:
        self._aborted = True
        self._abort(self.request_id)

    def aborted(self) -> bool:
        return self._aborted

    def result(self, timeout: float | None = None) -> "RequestOutput":
        """`timeout` is taken and not applied, as in the library."""
        while not self.finished:
            self._take(self._sync.get())
        return self

    async def aresult(self) -> "RequestOutput":
        while not self.finished:
            await self._step()
        return self

    def __await__(self) -> Generator[Any, None, "RequestOutput"]:
        return self.aresult().__await__()

    def __aiter__(self) -> AsyncIterator["RequestOutput"]:
        return self

    async def __anext__(self) -> "RequestOutput":
        if self.finished:
            raise StopAsyncIteration
        await self._step()
        return self

    async def _step(self) -> None:
        assert self._arrived is not None, "the request was made where no event loop ran"
        self._take(await self._arrived.get())

    def _take(self, step: Step) -> None:
        output = self.outputs[0]
        if step.error is not None:
            self.finished = True
            raise RequestError(step.error)
        output._before = output.length
        output._logprobs_before = len(output.logprobs) if self._cumulative else 0
        output.token_ids.extend(step.ids)
        if self._cumulative:
            output.logprobs = output.logprobs + step.logprobs
        else:
            output.logprobs = step.logprobs
        if step.drop:
            output.token_ids = output.token_ids[: -step.drop]
        self.cached_tokens = step.cached_tokens
        self.context_logits = step.context_logits or self.context_logits
        output.generation_logits = step.generation_logits or output.generation_logits
        if step.finish_reason is not None:
            output.finish_reason = step.finish_reason
            output.stop_reason = step.stop_reason
            self.finished = True
