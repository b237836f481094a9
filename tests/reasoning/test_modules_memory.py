"""remember and recall: what one session found out, another may read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.library import Library
from smysl_reasoning.modules.recall import recalled, words
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.nodes import MemoryData, Node, RecalledData
from smysl_reasoning.requests import DeriveRequest, Edit, RunRequest
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 48 apples. He shares them among 2 friends. How many does each get?"
HALF = ["story 1", "step n0 / n1", "answer n2"]
TWICE = ["story 1", "step n0 * n1", "answer n2"]

Speaking = Callable[..., ScriptedEngine]
Thinking = Callable[..., ScriptedEngine]
Running = Callable[..., Runtime]

PROGRAM = """
name = "learning"
summary = "recall, solve, remember"
[[step]]
name = "recall"
module = "recall"
inputs = { question = "question" }
[[step]]
name = "solve"
program = "solve"
inputs = { question = "question" }
[[step]]
name = "remember"
module = "remember"
inputs = { question = "question", outcome = "solve" }
[[step]]
name = "pick"
module = "pick"
inputs = { outcomes = "solve" }
"""
# what is recalled and used by nothing is unreachable: here a condition looks at it
USED = PROGRAM.replace(
    '[[step]]\nname = "solve"\n',
    '[[step]]\nname = "again"\nmodule = "plan"\n'
    'inputs = { question = "question" }\nwhen = "recall.text != \'\'"\n'
    '[[step]]\nname = "derived"\nmodule = "derive"\n'
    'inputs = { question = "question", plan = "again" }\n'
    '[[step]]\nname = "vote"\nmodule = "vote"\ninputs = { others = "derived" }\n'
    '[[step]]\nname = "judge"\nmodule = "verify"\ninputs = { choice = "vote" }\n'
    '[[step]]\nname = "early"\nmodule = "answer"\ninputs = { choice = "vote", verdict = "judge" }\n'
    '[[step]]\nname = "solve"\n',
).replace('outcomes = "solve"', 'outcomes = ["early", "solve"]')


def library(tmp_path: Path) -> Library:
    (tmp_path / "learning.toml").write_text(USED)
    return Library(MODULES, [tmp_path])


async def ask(runtime: Runtime, question: str = QUESTION, **rest: Any) -> tuple[str, Any]:
    run = await runtime.start(RunRequest(question=question, program="learning", **rest))
    return run.session, await run.result()


def memories(store: Store, session: str) -> list[Node]:
    graph = store.view(session).graph
    return [graph.node(id) for id in graph if graph.node(id).kind == "memory"]


async def test_a_verified_answer_is_remembered_and_found_in_other_sessions(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), library(tmp_path))
    first, finished = await ask(runtime)
    assert finished.verdict == "verified"
    (kept,) = memories(store, first)
    assert kept.data == MemoryData(QUESTION, "24") and kept.text.endswith("Answer: 24")
    second, _ = await ask(runtime)
    found = next(n for n in memories(store, second) if isinstance(n.data, RecalledData))
    assert isinstance(found.data, RecalledData)
    assert [(one.session, one.node) for one in found.data.found] == [(first, kept.id)]
    assert found.text == kept.text


async def test_what_is_not_verified_is_not_remembered(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF, check=0.5), library(tmp_path))
    session, finished = await ask(runtime)
    assert finished.verdict == "unverified" and memories(store, session) == []


async def test_what_was_recalled_stands_and_a_replay_reads_it_again(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), library(tmp_path))
    first, _ = await ask(runtime)
    second, _ = await ask(runtime)
    before = memories(store, second)
    await ask(runtime)
    assert (await runtime.preview(second)).stale == ()
    assert (await runtime.replay(second)).different == ()
    # nothing was there to be found then, and a replay finds nothing either
    assert (await runtime.replay(first)).different == ()
    assert memories(store, second) == before


async def test_a_memory_that_was_taken_out_or_changed_is_found_so(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), library(tmp_path))
    first, _ = await ask(runtime)
    (kept,) = memories(store, first)
    await runtime.edit(Edit(node=kept.id, text="Sharing 48 apples among 2: each gets 24 apples."))
    assert [one.text for one in recalled(store, QUESTION, "other", 3)] == [
        "Sharing 48 apples among 2: each gets 24 apples."
    ]
    await runtime.delete(kept.id)
    assert recalled(store, QUESTION, "other", 3) == []
    await runtime.undo(first)
    assert len(recalled(store, QUESTION, "other", 3)) == 1
    assert recalled(store, QUESTION, first, 3) == [], "of other sessions only"
    await runtime.undo(first)
    store.delete(first).result()
    assert recalled(store, QUESTION, "other", 3) == []


async def test_rarer_words_come_first(
    thinking: Thinking, running: Running, store: Store, tmp_path: Path
) -> None:
    texts = {
        "a": "Tom buys 3 apples and 4 pears. How many?",
        "b": "Anna buys 5 apples and 6 zucchini. How many?",
        "c": "Ben buys 7 apples and 8 pears. How many?",
    }
    for id, text in texts.items():
        node = Node(id=id * 20, session=id * 8, kind="question", text=text, status="done")
        memory = Node(
            id="m" + id * 19, session=id * 8, kind="memory", text=text, data=MemoryData(text, "1"),
            status="done",
        )  # fmt: skip
        store.begin_run(_record(id, node), [node, memory], "title").result()
        store.end_run(id, _ended(id)).result()
    found = recalled(store, "Who eats 2 apples and a zucchini?", "other", 2)
    assert found[0].session == "b" * 8 and len(found) == 2
    assert recalled(store, "Of an ox", "other", 2) == []


def test_the_words_that_are_searched_for_are_the_long_ones() -> None:
    assert words("Has Tom 48 apples, or more Apples than ANNA?") == [
        "apples",
        "more",
        "than",
        "anna",
    ]
    assert words("1 + 2 = ?") == []


async def test_an_edited_question_is_remembered_anew(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), library(tmp_path))
    session, _ = await ask(runtime)
    question = next(id for id in store.view(session).graph)
    await runtime.edit(Edit(node=question, text=QUESTION.replace("48", "60")))
    finished = await (await runtime.derive(DeriveRequest(session=session))).result()
    (kept,) = memories(store, session)
    assert finished.answer == "30" and kept.data == MemoryData(QUESTION.replace("48", "60"), "30")


def _record(id: str, question: Node) -> Any:
    from smysl_reasoning.store import RunRecord

    return RunRecord(
        id=id, session=question.session, question=question.id, program="solve", request=b"{}"
    )


def _ended(id: str) -> Any:
    from smysl_reasoning.walk import ended

    return ended(id * 8, "cancelled", "over")


@pytest.mark.parametrize(
    "text", ['"quoted" words', "MATCH OR NEAR(", "\ud800 apples", "naïve cafés"]
)
def test_whatever_a_question_holds_can_be_searched_for(text: str, store: Store) -> None:
    assert recalled(store, text, "other", 3) == []
