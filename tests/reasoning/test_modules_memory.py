"""remember and recall as modules of a program: what one session found out, another may read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.ids import MEMORY
from smysl_reasoning.library import Library
from smysl_reasoning.modules.registry import MODULES
from smysl_reasoning.nodes import MemoryData, Node, Recalled, RecalledData, value_hash
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


def recalled(store: Store, session: str) -> Node:
    (node,) = [n for n in memories(store, session) if isinstance(n.data, RecalledData)]
    return node


async def test_a_verified_answer_is_remembered_and_found_in_other_sessions(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), library(tmp_path))
    first, finished = await ask(runtime)
    assert finished.verdict == "verified"
    (kept,) = memories(store, first)
    assert kept.data == MemoryData(QUESTION, "24") and kept.text.endswith("Answer: 24")
    (memory,) = runtime.memory.list(10)
    assert (memory.text, memory.source, memory.uses) == (kept.text, f"run {first}", 0)
    assert store.node(memory.id).data == kept.data and store.node(memory.id).session == MEMORY
    second, _ = await ask(runtime)
    found = recalled(store, second)
    assert found.data == RecalledData((Recalled(MEMORY, memory.id, kept.text),))
    assert found.text == kept.text
    (use,) = runtime.memory.show(memory.id).uses
    assert (use.session, use.node) == (second, found.id)
    assert runtime.memory.total() == 1, "the same answer is not kept twice"


async def test_what_is_not_verified_is_not_remembered(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF, check=0.5), library(tmp_path))
    session, finished = await ask(runtime)
    assert finished.verdict == "unverified" and memories(store, session) == []
    assert runtime.memory.total() == 0


async def test_what_was_recalled_stands_and_a_replay_reads_it_again(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), library(tmp_path))
    first, _ = await ask(runtime)
    second, _ = await ask(runtime)
    before = memories(store, second)
    await ask(runtime)
    runtime.memory.add(["Tom shares apples with his friends every Monday."])
    assert (await runtime.preview(second)).stale == ()
    assert (await runtime.replay(second)).different == ()
    # nothing was there to be found then, and a replay finds nothing either
    assert (await runtime.replay(first)).different == ()
    assert memories(store, second) == before


async def test_a_memory_that_changes_or_goes_makes_what_recalled_it_stale(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), library(tmp_path))
    await ask(runtime)
    second, _ = await ask(runtime)
    node = recalled(store, second)
    (memory,) = runtime.memory.list(10)
    words = "Sharing 48 apples among 2 friends: each gets 24 apples."
    done = runtime.memory.edit(memory.id, words)
    assert [(one.session, one.stale > 0) for one in done.stale] == [(second, True)]
    assert node.id in store.view(second).graph.stale()
    await (await runtime.derive(DeriveRequest(session=second))).result()
    again = recalled(store, second)
    assert (again.id, again.text) == (node.id, words)
    assert store.view(second).graph.stale() == []
    runtime.memory.forget(memory.id)
    assert node.id in store.view(second).graph.stale()
    await (await runtime.derive(DeriveRequest(session=second))).result()
    graph = store.view(second).graph
    assert graph.stale() == [] and node.id not in graph
    assert runtime.memory.total() == 0, "what was forgotten is not remembered again by walking anew"


async def test_a_session_does_not_recall_what_it_has_found_out_itself(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), library(tmp_path))
    first, _ = await ask(runtime)
    await ask(runtime, session=first)
    assert all(isinstance(node.data, MemoryData) for node in memories(store, first))


async def test_an_edited_question_is_remembered_anew_in_the_same_memory(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    runtime = running(speaking(QUESTION, HALF), library(tmp_path))
    session, _ = await ask(runtime)
    (memory,) = runtime.memory.list(10)
    question = next(id for id in store.view(session).graph)
    await runtime.edit(Edit(node=question, text=QUESTION.replace("48", "60")))
    finished = await (await runtime.derive(DeriveRequest(session=session))).result()
    (kept,) = memories(store, session)
    assert finished.answer == "30" and kept.data == MemoryData(QUESTION.replace("48", "60"), "30")
    (again,) = runtime.memory.list(10)
    assert (again.id, again.revision, again.text) == (memory.id, 1, kept.text)


async def test_an_answer_is_linked_to_the_memories_that_it_was_found_with(
    speaking: Speaking, running: Running, store: Store, tmp_path: Path
) -> None:
    words = "It is Monday."
    told = QUESTION.replace("How many", f"{words} How many")
    runtime = running(speaking(told, HALF), library(tmp_path))
    (fact,) = runtime.memory.add([words]).added
    runtime.memory.pin(fact, True)
    await ask(runtime, recall=2)
    (kept,) = [one for one in runtime.memory.list(10) if one.source.startswith("run")]
    (link,) = runtime.memory.show(kept.id).links
    assert {link.a, link.b} == {kept.id, fact} and link.origin == "derived"
    assert words not in kept.text, "it is linked, not copied"


def test_what_an_older_version_recalled_reads_and_hashes_as_it_did() -> None:
    data = RecalledData((Recalled("s" * 20, "n" * 20, "a text"),))
    assert value_hash("memory", "a text", data) == "deb8c2bc40400eade48bc789f4f0c318"
