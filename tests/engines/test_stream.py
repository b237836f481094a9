import asyncio
import gc
import threading

import pytest

from smysl_engines.base import Delta, EngineError, Finish
from smysl_engines.stream import CallStream, Channel

END = Finish(
    reason="stop", prompt_tokens=1, cached_tokens=0, generated_tokens=3, seconds=0.0, choice=None
)


async def test_tokens_put_before_anyone_asks_join_into_one_delta() -> None:
    channel = Channel()
    channel.put([1], [-0.5])
    channel.put([2], [-0.25])
    channel.end(END)
    events = [event async for event in CallStream(channel)]
    assert events == [Delta((1, 2), (-0.5, -0.25)), END]


async def test_a_consumer_is_woken_by_another_thread() -> None:
    channel = Channel()
    stream = CallStream(channel)
    first = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    threading.Thread(target=channel.put, args=([7], [])).start()
    assert await asyncio.wait_for(first, 60) == Delta((7,))
    threading.Thread(target=channel.end, args=(END,)).start()
    assert await asyncio.wait_for(anext(stream), 60) == END
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_only_the_first_end_counts() -> None:
    channel = Channel()
    channel.end(END)
    channel.end(EngineError("late"))
    assert [event async for event in CallStream(channel)] == [END]


async def test_a_failure_is_raised_after_the_tokens_before_it() -> None:
    channel = Channel()
    channel.put([1], [])
    channel.end(EngineError("broken"))
    stream = CallStream(channel)
    assert await anext(stream) == Delta((1,))
    with pytest.raises(EngineError, match="broken"):
        await anext(stream)


async def test_dropping_the_stream_cancels_the_call() -> None:
    channel = Channel()
    channel.put([1], [])
    async for _ in CallStream(channel):
        break
    gc.collect()
    assert channel.cancelled


async def test_cancelling_the_task_that_waits_cancels_the_call() -> None:
    channel = Channel()
    stream = CallStream(channel)
    task = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert channel.cancelled


def test_a_consumer_whose_loop_is_closed_counts_as_gone() -> None:
    channel = Channel()
    stream = CallStream(channel)

    async def wait_a_little() -> None:
        waiting = channel.wait()
        assert waiting is not None

    asyncio.run(wait_a_little())
    channel.put([1], [])
    assert channel.cancelled
    del stream
