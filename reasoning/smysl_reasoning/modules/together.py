"""Runs what a module asks for side by side, so that the engine takes the calls as one batch.

Knows coroutines; nothing of calls or nodes.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from smysl_reasoning.calls import WouldCall

T = TypeVar("T")


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What they give, in their order. Raises what one of them raises first; the others are then cancelled. In a
    preview all go as far as they can, so that it sees what is kept, before `WouldCall` is raised."""
    would_call: list[WouldCall] = []

    async def one(coroutine: Coroutine[Any, Any, T]) -> T | None:
        try:
            return await coroutine
        except WouldCall as error:
            would_call.append(error)
            return None

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(coroutine)) for coroutine in coroutines]
    except BaseExceptionGroup as errors:
        raise first_leaf(errors) from None
    if would_call:
        raise would_call[0]
    return [task.result() for task in tasks]  # type: ignore[misc]


def first_leaf(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first exception inside nested groups."""
    first = errors.exceptions[0]
    return first_leaf(first) if isinstance(first, BaseExceptionGroup) else first
