"""Carries one call's output from the engine's thread to whoever awaits it, on any event loop.

Knows deltas, a finish and an error; never how they are made.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Sequence

from smysl_engines.base import Delta, EngineError, Finish, Likeliest


class Channel:
    """The engine's end. It outlives a consumer that goes away, and then only notes that it did."""

    def __init__(self, cancelled: "deque[Channel] | None" = None) -> None:
        """`cancelled`: where the channel puts itself when its consumer wants no more."""
        self.cancelled = False
        """The consumer wants no more."""
        self._cancellations = cancelled
        self._lock = threading.Lock()
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._top: list[Likeliest] = []
        self._end: Finish | EngineError | None = None
        self._ended = False
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None

    def put(self, ids: list[int], logprobs: list[float], top: Sequence[Likeliest] = ()) -> None:
        """Deliver tokens; those not yet fetched join into one delta. Any thread."""
        with self._lock:
            self._ids += ids
            self._logprobs += logprobs
            self._top += top
            self._wake()

    def cancel(self) -> None:
        """The consumer wants no more. Any thread."""
        if not (self.cancelled or self._ended):
            self.cancelled = True
            if self._cancellations is not None:
                self._cancellations.append(self)

    def end(self, end: Finish | EngineError) -> None:
        """Deliver the finish or the failure, once; a second end is ignored. Any thread."""
        with self._lock:
            if not self._ended:
                self._ended = True
                self._end = end
                self._wake()

    def take(self) -> Delta | Finish | EngineError | None:
        """What has arrived; None if nothing has."""
        with self._lock:
            if self._ids:
                delta = Delta(tuple(self._ids), tuple(self._logprobs), tuple(self._top))
                self._ids, self._logprobs, self._top = [], [], []
                return delta
            end, self._end = self._end, None
            return end

    def wait(self) -> asyncio.Future[None] | None:
        """A future of the running loop, done when something arrives; None if something has."""
        with self._lock:
            if self._ids or self._end is not None:
                return None
            loop = asyncio.get_running_loop()
            arrived = loop.create_future()
            self._waiter = (loop, arrived)
            return arrived

    def _wake(self) -> None:
        if self._waiter is None:
            return
        (loop, arrived), self._waiter = self._waiter, None
        try:
            loop.call_soon_threadsafe(_resolve, arrived)
        except RuntimeError:
            # the consumer's loop is closed, so nobody will ever fetch the rest
            self.cancel()


def _resolve(arrived: asyncio.Future[None]) -> None:
    if not arrived.done():
        arrived.set_result(None)


class CallStream:
    """The consumer's end: an iterator used once, by one task at a time.

    Dropping it, or cancelling the task that awaits it, cancels the call.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._done = False

    def __aiter__(self) -> AsyncIterator[Delta | Finish]:
        return self

    async def __anext__(self) -> Delta | Finish:
        if self._done:
            raise StopAsyncIteration
        while (event := self._channel.take()) is None:
            arrived = self._channel.wait()
            if arrived is not None:
                try:
                    await arrived
                except asyncio.CancelledError:
                    self.cancel()
                    raise
        if isinstance(event, Delta):
            return event
        self._done = True
        if isinstance(event, EngineError):
            raise event
        return event

    def cancel(self) -> None:
        self._channel.cancel()

    def __del__(self) -> None:
        self._channel.cancel()
