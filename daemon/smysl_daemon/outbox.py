"""Frames waiting for one client, so that a client which reads slowly delays nobody.

Knows bytes and a stream writer; never messages.
"""

import asyncio
from collections import deque

SOFT_LIMIT_BYTES = 256 * 1024
"""Above this, droppable frames are dropped and `put` waits."""
HARD_LIMIT_BYTES = 16 * 1024 * 1024
"""Above this the client is given up."""
STALL_LIMIT_S = 30.0
"""A client that takes nothing for this long is given up."""


class Outbox:
    """A bounded queue and the task that empties it into the socket."""

    def __init__(
        self, writer: asyncio.StreamWriter, *, stall_limit_s: float = STALL_LIMIT_S
    ) -> None:
        self._writer = writer
        self._stall_limit_s = stall_limit_s
        self._frames: deque[bytes] = deque()
        self._size = 0
        self._work = asyncio.Event()
        """Set while there are frames, or nothing will ever come."""
        self._room = asyncio.Event()
        """Set while the queue is at most at its soft limit, or the client is gone."""
        self._room.set()
        self._closing = False
        self.gone = False
        """True once nothing more can be delivered."""
        self._pump = asyncio.create_task(self._deliver(), name="outbox")

    def offer(self, frame: bytes, *, droppable: bool = False) -> None:
        """Queue without waiting. A droppable frame is left out for a slow client; any other frame
        over the hard limit gives the client up."""
        if self.gone or (droppable and not self._room.is_set()):
            return
        if self._size + len(frame) > HARD_LIMIT_BYTES:
            self.abort()
            return
        self._frames.append(frame)
        self._resize(len(frame))
        self._work.set()

    async def put(self, frame: bytes) -> None:
        """Queue when there is room; for replies whose size the client chose."""
        await self._room.wait()
        self.offer(frame)

    async def close(self) -> None:
        """Deliver what is queued, within the stall limit, then close the socket. Idempotent."""
        self._closing = True
        self._work.set()
        await asyncio.wait([self._pump])
        self.gone = True
        self._room.set()
        self._writer.close()

    def abort(self) -> None:
        """Drop the client at once. Idempotent."""
        self.gone = True
        self._frames.clear()
        self._resize(-self._size)
        self._work.set()
        self._writer.transport.abort()

    def _resize(self, change: int) -> None:
        self._size += change
        if self._size <= SOFT_LIMIT_BYTES:
            self._room.set()
        else:
            self._room.clear()

    async def _deliver(self) -> None:
        while not self.gone:
            await self._work.wait()
            if not self._frames:
                if self._closing or self.gone:
                    return
                self._work.clear()
                continue
            frame = self._frames.popleft()
            self._writer.write(frame)
            try:
                async with asyncio.timeout(self._stall_limit_s):
                    await self._writer.drain()
            except (OSError, TimeoutError):
                self.abort()
                return
            if not self.gone:
                self._resize(-len(frame))
