"""At the end of the drain runs are put away, and the next daemon goes on where they were."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from module_by_path import load, thinker_module
from native_dialect import native_dialect

from smysl_daemon.lifecycle import InstanceLock, bind_socket
from smysl_daemon.local import LocalService
from smysl_daemon.protocol import Accepted, NodeFinished, Run, RunEnded
from smysl_daemon.server import Server
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import RuntimeClosed
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 12 apples and gives 5 to Anna. How many has he?"


@pytest.fixture(scope="module")
def dialect() -> NativeDialect:
    return native_dialect()


class Life:
    """One daemon's runtime over the store of a folder."""

    def __init__(self, dialect: NativeDialect, folder: Path, seconds_per_token: float) -> None:
        thinker = thinker_module()
        self.store = Store.open(folder / "smysl.db")
        self.engine = ScriptedEngine(
            thinker.Thinker(dialect), context=1024, seconds_per_token=seconds_per_token
        )
        self.runtime = Runtime(engine=self.engine, dialect=dialect, store=self.store)
        self.service = LocalService(self.runtime, self.engine, self.store, folder)

    def nodes(self, session: str) -> list[tuple[str, str, str]]:
        found = self.store.session_nodes(session)
        return sorted((node.id, node.kind, node.text) for node in found)


async def test_a_run_that_was_put_away_goes_on_in_the_next_life(
    dialect: NativeDialect, tmp_path: Path
) -> None:
    first = Life(dialect, tmp_path, seconds_per_token=0.02)
    run = await first.runtime.start(RunRequest(question=QUESTION, program="solve"))
    while len(first.store.session_nodes(run.session)) < 3:
        await asyncio.sleep(0.01)
    assert await first.service.suspend() == 1
    end = await run.result()
    assert end.outcome == "cancelled" and "goes on when the daemon starts again" in end.message
    assert [one.id for one in first.store.unfinished_runs()] == [run.id]
    with pytest.raises(RuntimeClosed):
        await first.runtime.start(RunRequest(question=QUESTION))
    assert await first.service.suspend() == 0
    kept = first.nodes(run.session)
    assert "cancelled" not in {node.status for node in first.store.session_nodes(run.session)}
    await first.service.close()

    second = Life(dialect, tmp_path, seconds_per_token=0.0)
    (again,) = await second.runtime.resume()
    assert again.id == run.id
    end = await again.result()
    assert (end.outcome, end.answer is not None) == ("done", True)
    assert set(kept) <= set(second.nodes(run.session)), "a finished node was lost or changed"
    assert second.store.unfinished_runs() == []
    second.service.check()
    second.store.check()
    await second.service.close()


async def test_the_server_puts_runs_away_at_the_deadline_and_tells_their_clients(
    dialect: NativeDialect, tmp_path: Path
) -> None:
    life = Life(dialect, tmp_path, seconds_per_token=0.05)
    path = tmp_path / "s.sock"
    helpers: Any = load("smysl_test_daemon_conftest", Path(__file__).with_name("conftest.py"))
    with InstanceLock(tmp_path / "lock") as lock:
        server = Server(life.service, data=tmp_path, path=path, drain_s=0.1)
        ready = asyncio.Event()
        serving = asyncio.create_task(server.serve(bind_socket(path, lock), ready.set))
        await ready.wait()
        running = helpers.Running(server, life.service, path, serving)
        peer = await running.peer()
        peer.send(Run(question=QUESTION))
        accepted = await peer.receive()
        assert isinstance(accepted, Accepted)
        assert isinstance(await peer.receive(), NodeFinished)
        server.stop()
        ended = (await peer.receive_all(RunEnded))[-1]
        assert ended.outcome == "cancelled" and "goes on" in ended.message
        async with asyncio.timeout(60):
            await serving
        await running.stop()
    assert len(life.store.unfinished_runs()) == 1
    await life.service.close()
