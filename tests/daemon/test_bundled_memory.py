"""The bundled model with a memory, end to end: what it is told it uses, and what rests on it follows it.

Builds the engine from the checkpoint in `models/`.
"""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from smysl_build_engines.build import ensure
from smysl_build_engines.bundled import bundled_model
from smysl_build_engines.store import EngineStore
from smysl_engines.load import open_engine
from smysl_reasoning.opening import open_runtime
from smysl_reasoning.requests import DeriveRequest, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

MIA = "Mia has 3 boxes. How many pencils does Mia have?"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure(bundled_model(), EngineStore(tmp_path_factory.mktemp("engines"))).directory


@pytest.fixture
async def runtime(built: Path, tmp_path: Path) -> AsyncIterator[Runtime]:
    engine = open_engine(built)
    with closing(engine), closing(Store.open(tmp_path / "smysl.db")) as store:
        runtime = open_runtime(engine, built, store)
        yield runtime
        await runtime.close()
        runtime.check()
        store.check()


@pytest.mark.slow
async def test_the_bundled_model_reasons_with_a_memory_and_anew_when_it_changes(
    runtime: Runtime,
) -> None:
    (box, *_) = runtime.memory.add(
        ["A box holds 12 pencils.", "Riga is the capital of Latvia.", "Tom has 5 brothers."]
    ).added
    run = await runtime.start(RunRequest(question=MIA, recall=3))
    assert (await run.result()).answer == "36"
    graph = runtime.store.view(run.session).graph
    (memory,) = [id for id in graph if graph.node(id).kind == "memory"]
    assert graph.node(memory).text == "A box holds 12 pencils."
    assert graph.stale() == []

    done = runtime.memory.edit(box, "A box holds 10 pencils.")
    assert [one.session for one in done.stale] == [run.session]
    graph = runtime.store.view(run.session).graph
    assert set(graph.stale()) == {id for id in graph if graph.node(id).recipe is not None}
    again = await runtime.derive(DeriveRequest(session=run.session))
    assert (await again.result()).answer == "30"
    assert runtime.store.view(run.session).graph.stale() == []
    assert (await runtime.replay(run.session)).different == ()

    runtime.memory.forget(box)
    last = await runtime.derive(DeriveRequest(session=run.session))
    assert (await last.result()).answer not in ("36", "30"), "nobody has told it"
