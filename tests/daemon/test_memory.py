"""Memory in wire types: over the real service with a scripted engine, and over a socket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from module_by_path import thinker_module
from native_dialect import native_dialect

from smysl_daemon.config import Config, MemoryConfig
from smysl_daemon.errors import Code
from smysl_daemon.framing import MAX_FRAME, encode
from smysl_daemon.local import LocalService
from smysl_daemon.memory_protocol import (
    LINKS_LIMIT,
    LISTED_CHARACTERS,
    AddMemories,
    CutMemories,
    EditMemory,
    ForgetMemory,
    LinkMemories,
    LinkView,
    ListMemories,
    MapMemory,
    MemoriesAdded,
    MemoryChanged,
    MemoryList,
    MemoryMap,
    MemoryPulls,
    MemoryReply,
    MemoryRequest,
    MemoryShown,
    MemoryView,
    MuteMemory,
    PinMemory,
    PullView,
    SearchMemory,
    ShowMemory,
    StaleSession,
    UseView,
)
from smysl_daemon.protocol import (
    Changed,
    Derive,
    Edit,
    ErrorReply,
    Explain,
    NodeFinished,
    NodeShown,
    Run,
    RunEnded,
    Show,
    Watch,
    Watching,
    Why,
)
from smysl_daemon.service import SessionShown
from smysl_daemon.shapes import NodeView
from smysl_engines.scripted import ScriptedEngine
from smysl_reasoning.dialects.native import NativeDialect
from smysl_reasoning.errors import BadRequest, StoreError, UnknownId
from smysl_reasoning.ids import MEMORY
from smysl_reasoning.memory.memory import BEGINNING, TEXT_LIMIT_BYTES
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store

QUESTION = "Tom has 12 apples and gives 5 to Anna. How many has he?"
NEAR = "Anna likes apples more than pears."
FAR = "Pears grow on high trees in Kazakhstan."
WHEN = "2026-11-23T12:00:00+00:00"


@pytest.fixture(scope="module")
def dialect() -> NativeDialect:
    return native_dialect()


def opened(dialect: NativeDialect, path: Path, **options: Any) -> tuple[LocalService, Store]:
    store = Store.open(path, **options)
    engine = ScriptedEngine(thinker_module().Thinker(dialect), context=1024)
    runtime = Runtime(engine=engine, dialect=dialect, store=store)
    return LocalService(runtime, engine, store, path.parent), store


@pytest.fixture
async def service(dialect: NativeDialect, tmp_path: Path) -> AsyncIterator[LocalService]:
    service, store = opened(dialect, tmp_path / "smysl.db")
    yield service
    service.check()
    store.check()
    await service.close()


async def told(service: LocalService, request: MemoryRequest, kind: type[Any]) -> Any:
    reply: MemoryReply = await service.memory(request)
    assert isinstance(reply, kind), reply
    return reply


async def added(service: LocalService, *texts: str) -> list[str]:
    reply = await told(service, AddMemories(texts=texts), MemoriesAdded)
    return [one.id for one in reply.added]


async def asked(
    service: LocalService, question: str = QUESTION, **options: Any
) -> tuple[str, list[NodeView]]:
    """The session of a run that has ended, and its nodes."""
    handle = await service.start(Run(question=question, **options))
    return handle.session, await nodes_of(handle)


async def nodes_of(handle: Any) -> list[NodeView]:
    events = [event async for event in handle.events()]
    assert isinstance(events[-1], RunEnded) and events[-1].outcome == "done", events[-1]
    return [event.node for event in events if isinstance(event, NodeFinished)]


async def shown(service: LocalService, session: str) -> dict[str, NodeView]:
    found = await service.show(Show(id=session))
    assert isinstance(found, SessionShown)
    return {node.id: node for node in found.nodes}


def memories(nodes: Any) -> list[NodeView]:
    return [node for node in nodes if node.kind == "memory"]


def pull_of(node: NodeView) -> PullView:
    assert isinstance(node.pull, PullView)
    return node.pull


# ------------------------------------------------------------ what is kept


async def test_what_was_added_is_listed_shown_found_and_on_the_map(service: LocalService) -> None:
    reply = await told(
        service, AddMemories(texts=(NEAR, FAR, NEAR), source="import notes.md"), MemoriesAdded
    )
    near, far = reply.added
    assert (near.text, near.source, near.uses, near.pinned) == (NEAR, "import notes.md", 0, False)
    again = await told(service, AddMemories(texts=(NEAR,)), MemoriesAdded)
    assert (again.added, again.known) == ((), (near.id,))
    listed = await told(service, ListMemories(limit=1, order="new"), MemoryList)
    assert ([one.id for one in listed.memories], listed.total) == ([far.id], 2)
    whole = await told(service, ShowMemory(memory=near.id), MemoryShown)
    assert whole.memory.text == NEAR and whole.texts[far.id].startswith("Pears grow")
    assert {link.origin for link in whole.links} <= {"near", "source"} and whole.links
    pulls = (await told(service, SearchMemory(text="Who likes apples?"), MemoryPulls)).pulls
    assert pulls[0].memory == near.id and pulls[0].path[-1].memory == near.id
    assert 0 < pulls[0].strength <= pulls[0].mass <= 1
    drawn = await told(service, MapMemory(text="apples"), MemoryMap)
    assert {point.memory for point in drawn.points} == {near.id, far.id} and drawn.total == 2
    assert all(-1 <= value <= 1 for point in drawn.points for value in (point.x, point.y))
    assert [pull.memory for pull in drawn.pulls][0] == near.id
    assert (await told(service, ShowMemory(memory=near.id), MemoryShown)).uses == ()


async def test_long_texts_are_cut_where_many_are_listed(service: LocalService) -> None:
    text = "apple " * (TEXT_LIMIT_BYTES // 6)
    reply = await told(service, AddMemories(texts=(text,)), MemoriesAdded)
    listed = await told(service, ListMemories(), MemoryList)
    assert listed.memories == reply.added
    assert listed.memories[0].text == text[:LISTED_CHARACTERS]
    whole = await told(service, ShowMemory(memory=reply.added[0].id), MemoryShown)
    assert whole.memory.text == text.strip()


def test_the_most_that_is_shown_of_a_memory_and_its_links_fits_a_frame() -> None:
    wide = "\U0001f95a"
    ids = [f"{number:020d}" for number in range(LINKS_LIMIT + 1)]
    memory = MemoryView(
        id=ids[0],
        text=wide * (TEXT_LIMIT_BYTES // 4),
        source="person",
        created=WHEN,
        mass=1,
        uses=0,
    )
    links = tuple(
        LinkView(a=ids[0], b=other, weight=0.1234, origin="together", cut=True) for other in ids[1:]
    )
    uses = (UseView(session=ids[0], node=ids[0], title=wide * 200, at=WHEN),) * 100
    shown = MemoryShown(
        memory=memory,
        links=links,
        texts=dict.fromkeys(ids[1:], wide * BEGINNING),
        uses=uses,
    )
    assert len(encode(shown)) < MAX_FRAME


async def test_what_two_add_at_once_is_kept_once(service: LocalService) -> None:
    texts = tuple(f"Hen number {number} lays eggs." for number in range(40))
    requests = [AddMemories(texts=texts), AddMemories(texts=texts[::-1]), AddMemories(texts=texts)]
    replies = await asyncio.gather(*map(service.memory, requests))
    ids = [one.id for reply in replies if isinstance(reply, MemoriesAdded) for one in reply.added]
    listed = await told(service, ListMemories(limit=1000), MemoryList)
    assert sorted(ids) == sorted(one.id for one in listed.memories)
    assert sorted(one.text for one in listed.memories) == sorted(texts)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (AddMemories(texts=("",)), "empty"),
        (AddMemories(texts=("a", " \n")), "empty"),
        (AddMemories(texts=("x" * 1_000_000,)), str(TEXT_LIMIT_BYTES)),
        (AddMemories(texts=("a\0b",)), "code 0"),
        (AddMemories(texts=("a",), source="nowhere"), "nowhere"),
        (SearchMemory(text="x" * 100_000), "32768"),
    ],
)
async def test_what_cannot_be_kept_or_found_is_refused_and_nothing_is_kept(
    service: LocalService, request_: MemoryRequest, said: str
) -> None:
    with pytest.raises(BadRequest, match=said):
        await service.memory(request_)
    assert (await told(service, ListMemories(), MemoryList)).total == 0


@pytest.mark.parametrize("text", ["", "?", "6 * 7", '"apples" OR NEAR(', "\0", "the of and"])
async def test_words_that_say_nothing_find_nothing_and_break_nothing(
    service: LocalService, text: str
) -> None:
    await added(service, FAR)
    assert (await told(service, SearchMemory(text=text), MemoryPulls)).pulls == ()


async def test_changes_name_what_they_did_and_what_they_could_not(service: LocalService) -> None:
    a, b = await added(service, NEAR, "Dogs bark.")
    for request in (
        PinMemory(memory=a, on=True),
        MuteMemory(memory=b, on=True),
        LinkMemories(a=a, b=b, weight=0.5),
        CutMemories(a=b, b=a),
        EditMemory(memory=a, text="Anna likes pears."),
    ):
        done = await told(service, request, MemoryChanged)
        assert done.label and "\n" not in done.label and done.stale == ()
    whole = await told(service, ShowMemory(memory=a), MemoryShown)
    assert (whole.memory.pinned, whole.memory.mass, whole.memory.revision) == (True, 1.0, 1)
    (cut,) = [link for link in whole.links if b in (link.a, link.b)]
    assert cut.cut and cut.origin == "person" and whole.memory.links == 0
    refusals: list[tuple[MemoryRequest, type[Exception]]] = [
        (CutMemories(a=a, b=b), BadRequest),
        (LinkMemories(a=a, b=a), BadRequest),
        (EditMemory(memory=a, text=" "), BadRequest),
        (ForgetMemory(memory="zzzz"), UnknownId),
        (ShowMemory(memory=""), UnknownId),
    ]
    for refused, kind in refusals:
        with pytest.raises(kind):
            await service.memory(refused)
    assert (await told(service, ForgetMemory(memory=a), MemoryChanged)).memory == a
    with pytest.raises(UnknownId):
        await service.memory(ForgetMemory(memory=a))


async def test_nobody_asks_in_the_memory_or_takes_it_for_a_session(service: LocalService) -> None:
    (id,) = await added(service, NEAR)
    assert await service.sessions(10) == ()
    with pytest.raises(BadRequest, match="smysl memory"):
        await service.start(Run(question=QUESTION, session=MEMORY))
    with pytest.raises(BadRequest, match="smysl memory"):
        await service.delete_session(MEMORY)
    with pytest.raises(BadRequest, match="smysl memory"):
        await service.derive(Derive(session=MEMORY))
    assert (await told(service, ShowMemory(memory=id), MemoryShown)).memory.text == NEAR


# ------------------------------------------------------------ what falls


async def test_a_run_that_recalls_holds_its_memories_with_their_way(service: LocalService) -> None:
    near, far = await added(service, NEAR, "Dogs bark at night.")
    session, nodes = await asked(service, recall=3)
    (pulled,) = memories(nodes)
    pull = pull_of(pulled)
    assert (pulled.text, pull.memory, pull.path[-1].memory) == (NEAR, near, near)
    assert pulled.stats.confidence == pull.strength
    question = next(node for node in nodes if node.kind == "question")
    assert [(edge.role, edge.node) for edge in pulled.inputs] == [("at", question.id)]
    kept = (await shown(service, session))[pulled.id]
    assert (kept.pull, kept.place) == (pull, f"recall/{near}")
    reasons = (await service.why(Why(node=nodes[-1].id))).reasons
    assert pulled.id in {one.node.id for one in reasons}
    assert next(one.node.pull for one in reasons if one.node.id == pulled.id) == pull
    (use,) = (await told(service, ShowMemory(memory=near), MemoryShown)).uses
    assert (use.session, use.node, use.title) == (session, pulled.id, QUESTION)
    assert (await told(service, ShowMemory(memory=far), MemoryShown)).uses == ()


async def test_the_settings_say_how_much_is_recalled_where_a_run_does_not(
    service: LocalService,
) -> None:
    await added(service, NEAR)
    assert memories((await asked(service))[1]) == []
    service.reconfigure(Config(memory=MemoryConfig(recall=3)))
    assert len(memories((await asked(service))[1])) == 1
    assert memories((await asked(service, recall=0))[1]) == []
    service.reconfigure(Config())
    assert memories((await asked(service))[1]) == []


async def test_an_explanation_recalls_and_counts_as_no_use(service: LocalService) -> None:
    (near,) = await added(service, NEAR)
    plain = await service.explain(Explain(question=QUESTION))
    fuller = await service.explain(Explain(question=QUESTION, recall=3))
    assert fuller.most.prompt_tokens > plain.most.prompt_tokens
    assert (await told(service, ShowMemory(memory=near), MemoryShown)).uses == ()


@pytest.mark.parametrize("how", ["edit", "mute", "forget"])
async def test_what_rests_on_a_changed_memory_is_stale_until_it_is_derived(
    service: LocalService, how: str
) -> None:
    (near,) = await added(service, NEAR)
    session, nodes = await asked(service, recall=3)
    (pulled,) = memories(nodes)
    changes: dict[str, MemoryRequest] = {
        "edit": EditMemory(memory=near, text="Anna likes apples less than pears."),
        "mute": MuteMemory(memory=near, on=True),
        "forget": ForgetMemory(memory=near),
    }
    done = await told(service, changes[how], MemoryChanged)
    (stale,) = done.stale
    marked = {id for id, node in (await shown(service, session)).items() if node.stale}
    assert (stale.session, stale.title, stale.stale) == (session, QUESTION, len(marked))
    assert pulled.id in marked and nodes[-1].id in marked
    await nodes_of(await service.derive(Derive(session=session)))
    after = await shown(service, session)
    assert not any(node.stale for node in after.values())
    now = memories(after.values())
    if how == "edit":
        assert [(node.id, node.text) for node in now] == [
            (pulled.id, "Anna likes apples less than pears.")
        ]
    else:
        assert now == []


async def test_an_edit_like_that_of_any_node_names_the_sessions_that_rest_on_the_memory(
    service: LocalService,
) -> None:
    (near,) = await added(service, NEAR)
    session, _ = await asked(service, recall=3)
    done = await service.change(Edit(node=near[:14], text="Anna likes plums."))
    assert (done.session, done.node, done.stale) == (MEMORY, near, ())
    assert done.elsewhere is not None
    assert [(one.session, one.title) for one in done.elsewhere] == [(session, QUESTION)]
    found = await service.show(Show(id=near))
    assert isinstance(found, NodeShown)
    assert [one.text for one in found.versions] == [NEAR, "Anna likes plums."]
    with pytest.raises(BadRequest, match="says that already"):
        await service.change(Edit(node=near, text="Anna likes plums."))


async def test_a_cut_link_makes_stale_what_fell_along_it(service: LocalService) -> None:
    near, far = await added(service, NEAR, "Dogs bark at night.")
    await service.memory(LinkMemories(a=near, b=far))
    session, nodes = await asked(service, recall=3)
    over = {pull_of(node).memory: node for node in memories(nodes)}
    assert [hop.memory for hop in pull_of(over[far]).path] == [near, far]
    done = await told(service, CutMemories(a=near, b=far), MemoryChanged)
    assert [one.session for one in done.stale] == [session]
    found = await shown(service, session)
    assert found[over[far].id].stale and not found[over[near].id].stale


# ------------------------------------------------------------ a database that is only read


async def test_memory_can_be_read_and_not_written_where_the_database_is_only_read(
    dialect: NativeDialect, tmp_path: Path
) -> None:
    path = tmp_path / "smysl.db"
    service, _ = opened(dialect, path)
    (near,) = await added(service, NEAR)
    await asked(service, recall=3)
    await service.close()
    reading, _ = opened(dialect, path, read_only=True)
    assert (await told(reading, ListMemories(), MemoryList)).total == 1
    assert (await told(reading, ShowMemory(memory=near), MemoryShown)).memory.uses == 1
    assert len((await told(reading, SearchMemory(text="apples"), MemoryPulls)).pulls) == 1
    assert len((await told(reading, MapMemory(), MemoryMap)).points) == 1
    writes: tuple[MemoryRequest, ...] = (
        AddMemories(texts=("Dogs bark.",)),
        PinMemory(memory=near, on=True),
        ForgetMemory(memory=near),
    )
    for request in writes:
        with pytest.raises(StoreError, match="read"):
            await reading.memory(request)
    await reading.close()


# ------------------------------------------------------------ over the socket


async def test_a_change_is_told_to_whoever_watches_a_session_that_rests_on_it(serve: Any) -> None:
    async with serve() as running:
        peer, other = await running.peer(), await running.peer()
        peer.send(AddMemories(texts=("Pelicans carry fish.",)))
        (memory,) = (await peer.receive()).added
        peer.send(Run(question="Which fish do pelicans carry?", recall=1))
        session = (await peer.receive_all(RunEnded))[-1].session
        other.send(Watch(session=session))
        assert isinstance(await other.receive(), Watching)
        peer.send(MuteMemory(memory=memory.id, on=True))
        changed = await peer.receive()
        assert isinstance(changed, MemoryChanged)
        assert [one.session for one in changed.stale] == [session]
        assert await other.receive() == changed


async def test_an_edit_of_a_memorys_node_is_told_to_whoever_watches_what_rests_on_it(
    serve: Any,
) -> None:
    async with serve() as running:
        peer, other = await running.peer(), await running.peer()
        peer.send(Run(question="What is 6 * 7?"))
        session = (await peer.receive_all(RunEnded))[-1].session
        other.send(Watch(session=session))
        assert isinstance(await other.receive(), Watching)
        stale = StaleSession(session=session, title="What is 6 * 7?", stale=3)

        async def change(request: Edit) -> Changed:
            return Changed(
                session=MEMORY,
                branch="main",
                op=2,
                label="changed it",
                node=request.node,
                stale=(),
                elsewhere=(stale,),
            )

        running.service.change = change
        peer.send(Edit(node="m", text="x"))
        assert isinstance(await peer.receive(), Changed)
        assert await other.receive() == MemoryChanged(
            memory="m", label="changed it", stale=(stale,)
        )


async def test_two_clients_see_the_same_memory(serve: Any) -> None:
    async with serve() as running:
        peer, other = await running.peer(), await running.peer()
        peer.send(AddMemories(texts=("Pelicans carry fish.",)))
        (memory,) = (await peer.receive()).added
        other.send(PinMemory(memory=memory.id[:8], on=True))
        assert isinstance(await other.receive(), MemoryChanged)
        peer.send(ShowMemory(memory=memory.id))
        assert (await peer.receive()).memory.pinned


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "add_memories", "texts": []}, Code.BAD_MESSAGE),
        ({"type": "add_memories", "texts": ["a"] * 1001}, Code.BAD_MESSAGE),
        ({"type": "add_memories", "texts": [b"\xff"]}, Code.BAD_MESSAGE),
        ({"type": "link_memories", "a": "1", "b": "2", "weight": 0}, Code.BAD_MESSAGE),
        ({"type": "link_memories", "a": "1", "b": "2", "weight": 2}, Code.BAD_MESSAGE),
        ({"type": "link_memories", "a": "1", "b": "2", "weight": float("nan")}, Code.BAD_MESSAGE),
        ({"type": "list_memories", "order": "late"}, Code.BAD_MESSAGE),
        ({"type": "map_memory", "limit": 2001}, Code.BAD_MESSAGE),
        ({"type": "run", "question": "x", "recall": 21}, Code.BAD_MESSAGE),
        ({"type": "show_memory", "memory": "zzz"}, Code.NOT_FOUND),
        ({"type": "cut_memories", "a": "zzz", "b": "zzz"}, Code.NOT_FOUND),
        ({"type": "forget_memory", "memory": ""}, Code.NOT_FOUND),
    ],
)
async def test_bad_messages_are_answered_and_the_connection_goes_on(
    serve: Any, message: dict[str, Any], code: Code
) -> None:
    async with serve() as running:
        peer = await running.peer()
        payload = msgspec.msgpack.encode(message)
        peer.send_raw(len(payload).to_bytes(4, "big") + payload)
        reply = await peer.receive()
        assert isinstance(reply, ErrorReply) and reply.code is code, reply
        peer.send(ListMemories())
        assert (await peer.receive()).total == 0
