"""Work in progress as one response reads it: the daemon owns the work, a client may leave.

Knows the house and items in order; never what they mean.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Generic, TypeVar

from smysl_daemon.connection import House, Work

T = TypeVar("T")


class _End:
    """Nothing follows."""


class Following(Generic[T]):
    """Reads several sources side by side to their ends, whoever listens. The first that fails ends
    the work, and its error is raised to the listener."""

    def __init__(self, house: House, work: Work, sources: Sequence[AsyncIterator[T]]) -> None:
        self._work = work
        self._left = False
        self._items: asyncio.Queue[tuple[int, T] | Exception | _End] = asyncio.Queue()
        house.adopt(work, self._follow(sources))

    async def items(self) -> AsyncIterator[tuple[int, T]]:
        """Each with the number of its source."""
        while True:
            item = await self._items.get()
            if isinstance(item, _End):
                return
            if isinstance(item, Exception):
                raise item
            yield item

    def leave(self) -> None:
        """Nobody listens any more: stop the work. Idempotent."""
        self._left = True
        self._work.cancel()

    async def _follow(self, sources: Sequence[AsyncIterator[T]]) -> None:
        try:
            await asyncio.gather(*(self._read(at, source) for at, source in enumerate(sources)))
        finally:
            self._items.put_nowait(_End())

    async def _read(self, number: int, source: AsyncIterator[T]) -> None:
        try:
            async for item in source:
                # a response that has left must not fill the memory
                if not self._left:
                    self._items.put_nowait((number, item))
        except Exception as error:
            self._items.put_nowait(error)
            self._work.cancel()
