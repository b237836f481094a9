"""A run that the last daemon left unfinished goes on where everybody can watch it, and is put away again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from module_by_path import load, thinker_module
from native_dialect import native_dialect

from smysl_daemon.lifecycle import InstanceLock, bind_socket
from smysl_daemon.local import LocalService
from smysl_daemon.protocol import Accepted, NodeFinished, RunEnded, Watch, Watching
from smysl_daemon.server import Server
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 12 apples and gives 5 to Anna. How many has he?"


@pytest.fixture(scope="module")
def dialect() -> NativeDialect:
    return native_dialect()


@asynccontextmanager
async def daemon(dialect: NativeDialect, folder: Path, pace_s: float) -> AsyncIterator[Any]:
    """Serves the folder's store, going on with what it left unfinished."""
    thinker = thinker_module()
    helpers: Any = load("smysl_test_daemon_conftest", Path(__file__).with_name("conftest.py"))
    store = Store.open(folder / "smysl.db")
    engine = ScriptedEngine(thinker.Thinker(dialect), context=1024, seconds_per_token=pace_s)
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    service = LocalService(runtime, engine, store, folder)
    service.take_up(await runtime.resume())
    path = folder / "s.sock"
    with InstanceLock(folder / "lock") as lock:
        server = Server(service, data=folder, path=path, drain_s=0.05)
        ready = asyncio.Event()
        serving = asyncio.create_task(server.serve(bind_socket(path, lock), ready.set))
        await ready.wait()
        running = helpers.Running(server, service, path, serving)
        yield running
        server.stop()  # once: what runs is put away at the deadline
        async with asyncio.timeout(60):
            await serving
        await running.stop()
    await service.close()


async def test_a_resumed_run_is_watched_counted_and_put_away_again(
    dialect: NativeDialect, tmp_path: Path
) -> None:
    async with daemon(dialect, tmp_path, 0.05) as first:
        run = await first.service._runtime.start(RunRequest(question=QUESTION))
        while len(first.service._store.session_nodes(run.session)) < 3:
            await asyncio.sleep(0.01)
        assert await first.service.suspend() == 1
    async with daemon(dialect, tmp_path, 0.05) as second:
        assert second.server.status().runs == 1
        peer = await second.peer()
        peer.send(Watch(session=run.session))
        assert isinstance(await peer.receive(), Watching)
        assert isinstance(await peer.receive(), Accepted)
        await peer.receive_all(NodeFinished)
    # the deadline of the drain came before the end
    async with daemon(dialect, tmp_path, 0.0) as third:
        if third.server.status().runs:
            peer = await third.peer()
            peer.send(Watch(session=run.session))
            end = (await peer.receive_all(RunEnded))[-1]
            assert end.outcome == "done" and end.answer is not None
        store = third.service._store
        assert store.latest_run(run.session, "main").finished.outcome == "done"
        assert store.unfinished_runs() == []
