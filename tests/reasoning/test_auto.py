"""`auto` thinks no longer than it must: each way is gone only while the one before was not sure."""

from collections.abc import Callable

import pytest

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.requests import RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "There are 48 apples for 2 people. How many does each get?"
HALF = ["story 1", "step n0 / n1", "answer n2"]


async def ways(runtime: Runtime, store: Store, enough: float) -> tuple[set[str], str | None]:
    """The programs that made something, and the answer."""
    run = await runtime.start(
        RunRequest(question=QUESTION, program="auto", options={"enough": enough})
    )
    finished = await run.result()
    graph = store.view(run.session).graph
    places = [graph.placed(id).place for id in graph]
    steps = {place.split("/")[1].split(".")[0] for place in places if place}
    return steps & {"direct", "chain", "vote", "tree"}, finished.answer


@pytest.mark.parametrize(
    ("enough", "check", "direct", "gone"),
    [
        (0.0, 0.6, "24", {"direct"}),
        (0.5, 0.6, "24", {"direct"}),
        (1.0, 1.0, "unknown", {"direct", "chain"}),
        (1.0, 0.6, "unknown", {"direct", "chain", "vote", "tree"}),
    ],
)
async def test_a_way_is_gone_only_while_the_one_before_is_not_sure(
    enough: float,
    check: float,
    direct: str,
    gone: set[str],
    speaking: Callable[..., ScriptedEngine],
    running: Callable[..., Runtime],
    store: Store,
) -> None:
    engine = speaking(QUESTION, HALF, check=check, direct=direct)
    found, answer = await ways(running(engine), store, enough)
    assert answer == "24"
    assert found == gone
