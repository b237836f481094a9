"""The real service over a runtime whose engine is scripted: what the verbs do, in wire types."""

import json
import xml.etree.ElementTree as xml
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from module_by_path import thinker_module
from native_dialect import native_dialect

from smysl_daemon.errors import NothingStale
from smysl_daemon.local import LocalService
from smysl_daemon.protocol import (
    Control,
    Delete,
    Derive,
    Diff,
    Edit,
    Export,
    Fork,
    GetGraphStats,
    GetLog,
    Inject,
    Merge,
    NodeFinished,
    NodeShown,
    Pin,
    Preview,
    Redo,
    Rename,
    Replay,
    Retry,
    Run,
    RunEnded,
    Search,
    Show,
    Switch,
    TextDiff,
    Undo,
    Why,
)
from smysl_daemon.service import Differences, SessionShown
from smysl_daemon.shapes import NodeView
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest, NothingToUndo, UnknownId
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 12 apples and gives 5 to Anna. How many has he?"


@pytest.fixture(scope="module")
def dialect() -> NativeDialect:
    return native_dialect()


@pytest.fixture
async def service(dialect: NativeDialect, tmp_path: Path) -> AsyncIterator[LocalService]:
    store = Store.open(tmp_path / "smysl.db")
    engine = ScriptedEngine(thinker_module().Thinker(dialect), context=1024)
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    service = LocalService(runtime, engine, store, tmp_path)
    yield service
    service.check()
    store.check()
    await service.close()


async def end_of(handle: Any) -> tuple[list[NodeView], RunEnded]:
    """The finished nodes of a run and its end."""
    events = [event async for event in handle.events()]
    assert isinstance(events[-1], RunEnded) and events[-1].outcome == "done", events[-1]
    return [one.node for one in events if isinstance(one, NodeFinished)], events[-1]


async def ask(service: LocalService, question: str = QUESTION, **options: Any) -> str:
    handle = await service.start(Run(question=question, **options))
    await end_of(handle)
    return handle.session


async def shown(service: LocalService, id: str = "@last", branch: str | None = None) -> Any:
    found = await service.show(Show(id=id, branch=branch))
    assert isinstance(found, SessionShown)
    return found


async def node_of(service: LocalService, kind: str, **fields: Any) -> NodeView:
    """The first node of this kind in the last session."""
    for node in (await shown(service)).nodes:
        if node.kind == kind:
            assert isinstance(node, NodeView)
            return node
    raise AssertionError(f"no {kind}")


async def test_only_what_rests_on_an_edit_is_derived_again(service: LocalService) -> None:
    session = await ask(service)
    before = {node.id: node for node in (await shown(service)).nodes}
    step = await node_of(service, "step")
    edit = Edit(node=step.id[:8] + step.id[8:14], text="12 - 5")
    planned = await service.preview(Preview(edit=edit))
    assert {node.id: node for node in (await shown(service)).nodes} == before
    changed = await service.change(edit)
    assert (changed.session, changed.branch, changed.node) == (session, "main", step.id)
    assert changed.stale == planned.stale and step.id not in changed.stale
    assert changed.label == f"edit {step.id[:8]}: 12 - 5"
    marked = [node for node in (await shown(service)).nodes if node.stale]
    assert {node.id for node in marked} == set(changed.stale)
    nodes, _ = await end_of(await service.derive(Derive()))
    assert {node.id for node in nodes if node.kept} <= set(before) - set(changed.stale)
    assert any(node.kept for node in nodes) and any(node.kept is False for node in nodes)
    after = (await shown(service)).nodes
    assert not any(node.stale for node in after)
    held = [node for node in after if node.hold]
    assert [(node.id, node.text, node.revision) for node in held] == [(step.id, "12 - 5", 1)]
    with pytest.raises(NothingStale, match="main"):
        await service.derive(Derive())
    assert (await service.preview(Preview())).stale == ()


async def test_undo_and_redo_name_the_operation(service: LocalService) -> None:
    await ask(service)
    step = await node_of(service, "step")
    await service.change(Pin(node=step.id, on=True))
    undone = await service.change(Undo())
    assert undone.label.startswith(f"pin {step.id[:8]}") and undone.node == ""
    assert (await service.change(Redo())).label == undone.label
    await service.change(Undo())
    with pytest.raises(NothingToUndo):
        await service.change(Undo())
    log = await service.log(GetLog())
    assert [op.kind for op in log.operations] == ["run"]


async def test_branches_go_their_own_ways(service: LocalService) -> None:
    session = await ask(service)
    step = await node_of(service, "step")
    forked = await service.fork(Fork(node=step.id, name="alt"))
    assert (forked.name, forked.current, forked.at, forked.stale) == ("alt", True, step.id, 0)
    await service.change(Edit(node=step.id, text="12 - 5"))
    await end_of(await service.derive(Derive()))
    assert (await shown(service)).session.branch == "alt"
    assert (await shown(service, branch="main")).session.branch == "main"
    found = await service.diff(Diff(a="main", b="alt", session=session))
    assert isinstance(found, Differences)
    assert found.differences[0].node == step.id and found.differences[0].what == "changed"
    first, second = found.differences[0].a, found.differences[0].b
    assert first and second and (first.text, second.text) == (step.text, "12 - 5")
    assert (await service.switch(Switch(name="main", session=step.id))).name == "main"
    names = [(one.name, one.current) for one in await service.branches("@last")]
    assert names == [("main", True), ("alt", False)]
    merged = await service.change(Merge(node=step.id, source="alt"))
    assert merged.branch == "main" and merged.stale
    shown_node = await service.show(Show(id=step.id))
    assert isinstance(shown_node, NodeShown) and shown_node.node.hold == "taken"
    assert [(one.text, one.shown) for one in shown_node.versions] == [
        (step.text, False),
        ("12 - 5", True),
    ]


async def test_a_note_is_seen_by_what_is_derived_after_it(service: LocalService) -> None:
    await ask(service)
    question = await node_of(service, "question")
    noted = await service.change(Inject(node=question.id, text="Anna gives 2 back."))
    plan = await node_of(service, "plan")
    assert noted.node != question.id and plan.id in noted.stale
    nodes, _ = await end_of(await service.derive(Derive(node=noted.node)))
    plan = await node_of(service, "plan")
    assert noted.node in [edge.node for edge in plan.inputs]
    gone = await service.change(Delete(node=noted.node))
    assert plan.id in gone.stale


async def test_why_gives_the_text_that_was_used(service: LocalService) -> None:
    await ask(service)
    question = await node_of(service, "question")
    answer = await node_of(service, "answer")
    await service.change(Edit(node=question.id, text=QUESTION.replace("12", "13")))
    found = await service.why(Why(node=answer.id))
    assert found.branch == "main" and found.reasons[-1].node.id == answer.id
    used = {one.node.id: one for one in found.reasons}[question.id]
    assert (used.current, used.used, used.node.hold) == (False, (QUESTION,), None)
    assert found.reasons[-1].roles == () and found.reasons[-1].current
    with pytest.raises(BadRequest, match="name one of its nodes"):
        await service.why(Why(node=found.session))


async def test_a_derivation_finds_the_question_that_has_something_stale(
    service: LocalService,
) -> None:
    session = await ask(service)
    step = await node_of(service, "step")
    await ask(service, "What is 6 * 7?", session=session)
    changed = await service.change(Edit(node=step.id, text="12 - 5"))
    assert changed.stale
    assert (await service.preview(Preview())).stale == changed.stale
    await end_of(await service.derive(Derive()))
    assert not any(node.stale for node in (await shown(service)).nodes)


async def test_a_retry_and_another_program_make_the_question_anew(service: LocalService) -> None:
    await ask(service)
    candidate = await node_of(service, "candidate")
    changed = await service.change(Retry(node=candidate.id, seed=99))
    assert candidate.id in changed.stale
    await end_of(await service.derive(Derive(node=candidate.id)))
    remade = await service.show(Show(id=candidate.id))
    assert isinstance(remade, NodeShown) and isinstance(remade.node.recipe, msgspec.Struct)
    assert remade.node.revision == 1
    handle = await service.derive(Derive(node=candidate.id, program="direct", seed=3))
    assert handle.program == "direct"
    await end_of(handle)


async def test_a_node_stands_for_its_session_but_not_where_it_would_do_harm(
    service: LocalService,
) -> None:
    session = await ask(service)
    step = await node_of(service, "step")
    stats = await service.graph_stats(GetGraphStats(session=step.id))
    assert stats.session == session and stats.nodes == len((await shown(service)).nodes)
    renamed = await service.rename(Rename(session=step.id, title="  Two   words "))
    assert (renamed.session, renamed.title) == (session, "Two words")
    with pytest.raises(BadRequest, match="smysl delete"):
        await service.delete_session(step.id)
    assert (await service.delete_session(session)).title == "Two words"
    assert await service.sessions(5) == ()


async def test_names_that_mean_nothing_are_told_with_what_there_is(service: LocalService) -> None:
    await ask(service)
    step = await node_of(service, "step")
    with pytest.raises(UnknownId, match="has no branch 'nope'; it has main"):
        await service.diff(Diff(a="main", b="nope"))
    with pytest.raises(UnknownId, match="no branch of the session, which has main"):
        await service.diff(Diff(a=step.id, b="nope"))
    with pytest.raises(UnknownId, match="nope"):
        await service.show(Show(branch="nope"))
    with pytest.raises(BadRequest, match="nothing runs"):
        await service.control(Control(action="pause"))


async def test_texts_of_nodes_are_compared_word_by_word(service: LocalService) -> None:
    await ask(service)
    a, b = await node_of(service, "question"), await node_of(service, "plan")
    found = await service.diff(Diff(a=a.id, b=b.id))
    assert isinstance(found, TextDiff)
    assert "".join(text for op, text in found.words if op != "+") == a.text
    assert "".join(text for op, text in found.words if op != "-") == b.text


async def test_every_format_is_exported_and_json_comes_back(service: LocalService) -> None:
    session = await ask(service)
    before = (await shown(service, session)).nodes
    texts = {
        name: await service.export(Export(session=session, format=name))
        for name in ("json", "markdown", "dot", "svg", "html")
    }
    assert json.loads(texts["json"])["format"] == "smysl-session"
    assert texts["markdown"].startswith(b"#") and b"digraph" in texts["dot"]
    assert xml.fromstring(texts["svg"]).tag.endswith("svg")
    assert texts["html"].lower().startswith(b"<!doctype html>")
    copied = await service.import_session(texts["json"])
    assert copied.session != session
    after = (await shown(service, copied.session)).nodes
    assert [(one.kind, one.text) for one in after] == [(one.kind, one.text) for one in before]
    with pytest.raises(Exception, match="no session"):
        await service.import_session(b"{}")


async def test_a_search_finds_the_node_and_a_replay_agrees(service: LocalService) -> None:
    session = await ask(service)
    (hit,) = [one for one in await service.search(Search(text="apples")) if one.kind == "question"]
    assert (hit.session, hit.title) == (session, QUESTION)
    report = await service.replay(Replay())
    assert report.different == () and report.same > 0
    assert report.engines_were == (report.engine_now,)


async def test_a_run_that_goes_on_is_seen_and_steered(service: LocalService) -> None:
    handle = await service.start(Run(question=QUESTION))
    assert (await shown(service)).session.state == "running"
    assert await service.control(Control(action="pause")) == handle.session
    assert (await shown(service)).session.state == "paused"
    with pytest.raises(BadRequest, match="a run goes on"):
        await service.derive(Derive())
    await service.control(Control(action="resume"))
    await service.control(Control(action="cancel"))
    events = [event async for event in handle.events()]
    assert isinstance(events[-1], RunEnded) and events[-1].outcome == "cancelled"
    assert (await shown(service)).session.state == "ended"
