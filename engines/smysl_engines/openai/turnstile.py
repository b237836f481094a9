"""Lets so many calls to a server at once; others wait, the most urgent first, then in order of arrival.

Knows priorities; never calls or a server. Belongs to one event loop.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count


class Turnstile:
    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()

    @asynccontextmanager
    async def place(self, priority: int) -> AsyncIterator[None]:
        """Wait for a place and hold it. Lower priority numbers come first."""
        await self._enter(priority)
        try:
            yield
        finally:
            self._leave()

    def resize(self, more: int) -> None:
        """So many more places, or fewer: those that are taken stay until they are left."""
        self._free += more
        self._admit()

    async def _enter(self, priority: int) -> None:
        if self._free > 0 and not self._waiting:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._numbers), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # its turn had come
            turn.cancel()
            raise

    def _leave(self) -> None:
        self._free += 1
        self._admit()

    def _admit(self) -> None:
        while self._free > 0 and self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._free -= 1
                turn.set_result(None)
