"""The engine goes when nobody uses it and comes back unnoticed; runs are put away and go on."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from smysl_daemon import unloading
from smysl_daemon.config import Config
from smysl_daemon.local import LocalService
from smysl_daemon.managed import Managed
from smysl_daemon.unloading import UnloadingEngine
from smysl_engines.base import BadCall, Call, Delta, EngineClosed, EngineError, Finish, Sampling
from smysl_engines.scripted import ScriptedEngine

IDLE_S = 0.05
LONG_S = 3600.0


class Shelf:
    """Opens scripted engines and counts them."""

    def __init__(self, seconds_per_token: float = 0.0) -> None:
        self.opened: list[ScriptedEngine] = []
        self.closed = 0
        self.said: list[str] = []
        self.fingerprint = "aa"
        self.error: Exception | None = None
        self._seconds_per_token = seconds_per_token

    def open(self) -> ScriptedEngine:
        if self.error is not None:
            raise self.error
        engine = ScriptedEngine(
            lambda call: [n + 1 for n in call.prompt],
            fingerprint=self.fingerprint,
            seconds_per_token=self._seconds_per_token,
        )
        self.opened.append(engine)
        return engine

    def told(self, words: str) -> bool:
        return any(words in said for said in self.said)

    def lend(self, idle_s: float = IDLE_S) -> UnloadingEngine:
        return UnloadingEngine(self.open(), self.open, idle_s=idle_s, tell=self.said.append)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    # whatever other tests have left in this process would be gone through at each unloading
    monkeypatch.setattr(unloading, "_give_memory_back", lambda: None)
    return Shelf()


@pytest.fixture
def lent(shelf: Shelf) -> Iterator[UnloadingEngine]:
    engine = shelf.lend()
    yield engine
    engine.close()


async def said(engine: UnloadingEngine, *prompt: int) -> tuple[list[int], Finish]:
    ids: list[int] = []
    async for item in engine.submit(Call(prompt=prompt)):
        if isinstance(item, Delta):
            ids += item.ids
        else:
            return ids, item
    raise AssertionError("no finish")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


async def test_an_idle_engine_is_closed_and_the_next_call_opens_it_again(
    shelf: Shelf, lent: UnloadingEngine
) -> None:
    lent.keep_for(LONG_S)
    before = await said(lent, 1, 2)
    count = len(shelf.opened)
    lent.keep_for(IDLE_S)
    await until(lambda: not lent.loaded)
    lent.keep_for(LONG_S)
    with pytest.raises(EngineClosed):
        shelf.opened[0].submit(Call(prompt=(1,)))
    after = await said(lent, 1, 2)
    assert after[0] == before[0] == [2, 3]
    assert len(shelf.opened) == count + 1
    # the thread that unloads may tell of it a little later
    for words in ("unloaded after", "loaded again"):
        await until(partial(shelf.told, words))


async def test_many_calls_to_an_unloaded_engine_open_one(
    shelf: Shelf, lent: UnloadingEngine
) -> None:
    await until(lambda: not lent.loaded)
    lent.keep_for(LONG_S)
    answers = await asyncio.gather(*[said(lent, n) for n in range(20)])
    assert [ids for ids, _ in answers] == [[n + 1] for n in range(20)]
    assert len(shelf.opened) == 2


async def test_a_call_that_takes_longer_than_the_limit_is_not_hurt() -> None:
    shelf = Shelf(seconds_per_token=0.04)
    lent = shelf.lend()
    ids: list[int] = []
    async for item in lent.submit(Call(prompt=tuple(range(10)))):
        assert lent.loaded
        if isinstance(item, Delta):
            ids += item.ids
    assert ids == list(range(1, 11))
    lent.close()


async def test_calls_at_every_moment_of_unloading_and_loading_are_answered(shelf: Shelf) -> None:
    lent = shelf.lend(idle_s=0.002)
    for number in range(60):
        ids, _ = await said(lent, number)
        assert ids == [number + 1]
        await asyncio.sleep(0.0005 * (number % 9))
    lent.close()
    assert len(shelf.opened) > 2, "it was never unloaded"
    for engine in shelf.opened:
        with pytest.raises(EngineClosed):
            engine.submit(Call(prompt=(1,)))


async def test_a_call_nobody_reads_does_not_hold_the_engine(shelf: Shelf) -> None:
    lent = shelf.lend(idle_s=LONG_S)
    stream = lent.submit(Call(prompt=(1,)))
    lent.keep_for(IDLE_S)
    await asyncio.sleep(3 * IDLE_S)
    assert lent.loaded
    del stream
    await until(lambda: not lent.loaded)
    lent.close()


async def test_the_counters_go_on_over_unloading(shelf: Shelf, lent: UnloadingEngine) -> None:
    for number in range(1, 5):
        await said(lent, *range(number))
        await until(lambda: not lent.loaded)
        stats = lent.stats()
        assert stats.finished == {"stop": number}
        assert stats.prompt_tokens == stats.generated_tokens == sum(range(number + 1))
        assert (stats.running, stats.waiting, stats.held_blocks) == (0, 0, 0)
    assert len(shelf.opened) >= 4
    lent.close()
    assert lent.stats() == stats


async def test_the_counters_never_go_back_whenever_one_looks(shelf: Shelf) -> None:
    lent = shelf.lend(idle_s=0.002)
    seen: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.0005):
            seen.append(lent.stats().prompt_tokens)

    looker = threading.Thread(target=look)
    looker.start()
    for number in range(60):
        await said(lent, number, number)
        await asyncio.sleep(0.0005 * (number % 9))
    done.set()
    looker.join()
    lent.close()
    assert seen == sorted(seen)
    assert lent.stats().prompt_tokens == 120
    assert len(shelf.opened) > 2, "it was never unloaded"


async def test_calls_that_reach_no_engine_are_seen_waiting_and_counted_at_their_end(
    shelf: Shelf, lent: UnloadingEngine
) -> None:
    await until(lambda: not lent.loaded)
    shelf.error = FileNotFoundError("no such folder")
    cancelled, lost = lent.submit(Call(prompt=(1,))), lent.submit(Call(prompt=(2,)))
    assert lent.stats().waiting == 2
    cancelled.cancel()
    assert [type(item) async for item in cancelled] == [Finish]
    with pytest.raises(EngineError, match="no such folder"):
        async for _ in lost:
            pass
    stats = lent.stats()
    assert (stats.waiting, stats.finished) == (0, {"cancelled": 1, "failed": 1})
    assert stats.prompt_tokens == 0
    shelf.error = None
    await said(lent, 1)
    assert lent.stats().finished == {"cancelled": 1, "failed": 1, "stop": 1}


def test_a_status_does_not_wait_for_an_engine_that_is_being_opened(tmp_path: Path) -> None:
    opening, go_on = threading.Event(), threading.Event()

    def slowly() -> ScriptedEngine:
        opening.set()
        assert go_on.wait(60)
        return ScriptedEngine(lambda call: call.prompt)

    lent = UnloadingEngine(ScriptedEngine(lambda call: call.prompt), slowly, idle_s=IDLE_S)
    deadline = time.monotonic() + 60
    while lent.loaded:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    embedding = threading.Thread(target=lambda: lent.embed([[1]]))
    embedding.start()
    assert opening.wait(60)
    nothing: Any = None
    assert not LocalService(nothing, lent, nothing, tmp_path).stats().loaded
    go_on.set()
    embedding.join()
    lent.close()


async def test_a_cancelled_call_does_not_open_the_engine(
    shelf: Shelf, lent: UnloadingEngine
) -> None:
    await until(lambda: not lent.loaded)
    stream = lent.submit(Call(prompt=(1, 2)))
    stream.cancel()
    (finish,) = [item async for item in stream]
    assert isinstance(finish, Finish) and (finish.reason, finish.prompt_tokens) == ("cancelled", 2)
    assert len(shelf.opened) == 1


async def test_a_call_that_can_never_run_is_refused_at_once_either_way(
    lent: UnloadingEngine,
) -> None:
    await until(lambda: not lent.loaded)
    with pytest.raises(BadCall):
        lent.submit(Call(prompt=(1,), sampling=Sampling(max_tokens=100_000)))


def test_embedding_opens_the_engine_from_any_thread(shelf: Shelf, lent: UnloadingEngine) -> None:
    deadline = time.monotonic() + 60
    while lent.loaded:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    lent.keep_for(LONG_S)
    found: list[list[list[float]]] = []
    threads = [threading.Thread(target=lambda: found.append(lent.embed([[1]]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and found[0] == found[3] and len(shelf.opened) == 2


async def test_an_engine_that_cannot_come_back_fails_the_call_with_the_remedy(
    shelf: Shelf, lent: UnloadingEngine
) -> None:
    await until(lambda: not lent.loaded)
    shelf.error = FileNotFoundError("no such folder")
    with pytest.raises(EngineError, match="no such folder.*daemon restart"):
        await said(lent, 1)
    shelf.error = None
    shelf.fingerprint = "bb"
    with pytest.raises(EngineError, match="replaced by another"):
        await said(lent, 1)
    shelf.fingerprint = "aa"
    assert (await said(lent, 1))[0] == [2]


async def test_nothing_is_unloaded_where_the_limit_is_none(shelf: Shelf) -> None:
    lent = shelf.lend(idle_s=0)
    await asyncio.sleep(3 * IDLE_S)
    assert lent.loaded
    lent.keep_for(IDLE_S)
    await until(lambda: not lent.loaded)
    lent.close()


async def test_a_closed_engine_stays_closed(shelf: Shelf) -> None:
    lent = shelf.lend()
    await until(lambda: not lent.loaded)
    lent.close()
    lent.close()
    with pytest.raises(EngineClosed):
        lent.submit(Call(prompt=(1,)))
    with pytest.raises(EngineClosed):
        lent.embed([[1]])
    assert len(shelf.opened) == 1


def test_the_real_service_can_be_put_away_and_retuned(shelf: Shelf, tmp_path: Path) -> None:
    lent = shelf.lend(idle_s=LONG_S)
    nothing: Any = None
    service = LocalService(nothing, lent, nothing, tmp_path)
    assert isinstance(service, Managed)
    service.reconfigure(Config(unload_minutes=IDLE_S / 60))
    deadline = time.monotonic() + 60
    while lent.loaded:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    lent.close()
