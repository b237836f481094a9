"""Watching a branch: everybody who looks at a session hears the same, whoever causes it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_daemon.errors import Code, SessionGone, Stopping
from smysl_daemon.protocol import (
    Accepted,
    Answer,
    Answered,
    BranchChosen,
    Cancel,
    Changed,
    Control,
    Controlled,
    DeleteSession,
    Derive,
    ErrorReply,
    Fork,
    Inject,
    NodeDelta,
    NodeFinished,
    NodeStarted,
    Rename,
    Run,
    RunEnded,
    RunEvent,
    SessionChanged,
    SessionPart,
    Show,
    Watch,
    WatchEnded,
    Watching,
)
from smysl_daemon.shapes import NodeView
from smysl_daemon.subscriptions import Happened, Subscriptions


async def asked(running: Any, question: str = "What is 6 * 7?") -> str:
    """The id of a session in which a question was answered."""
    peer = await running.peer()
    peer.send(Run(question=question))
    return str((await peer.receive_all(RunEnded))[-1].session)


async def watcher(running: Any, session: str, branch: str | None = None) -> Any:
    peer = await running.peer()
    peer.send(Watch(session=session, branch=branch))
    begun = await peer.receive()
    assert isinstance(begun, Watching) and begun.session == session
    return peer


async def test_two_watchers_hear_a_derivation_that_a_third_client_asked_for(serve: Any) -> None:
    async with serve() as running:
        session = await asked(running)
        first, second = await watcher(running, session), await watcher(running, session)
        other = await running.peer()
        node = running.service.nodes[session][0].id
        other.send(Inject(node=node, text="think of eight"))
        reply = await other.receive()
        other.send(Derive(session=session))
        seen = await other.receive_all(RunEnded)
        for peer in (first, second):
            assert await peer.receive() == reply
            assert await peer.receive_all(RunEnded) == seen


async def test_what_others_do_to_a_session_is_heard(serve: Any) -> None:
    async with serve() as running:
        session = await asked(running)
        peer = await watcher(running, session)
        other = await running.peer()
        node = running.service.nodes[session][0].id
        requests = (
            (Rename(title="six by seven", session=session), SessionChanged),
            (Fork(node=node, name="other"), BranchChosen),
        )
        for request, kind in requests:
            other.send(request)
            reply = await other.receive()
            assert isinstance(reply, kind) and await peer.receive() == reply


async def test_a_watch_of_one_branch_hears_nothing_of_another(serve: Any) -> None:
    async with serve() as running:
        session = await asked(running)
        other = await running.peer()
        node = running.service.nodes[session][0].id
        other.send(Fork(node=node, name="other"))
        await other.receive()
        peer = await watcher(running, session, "main")
        other.send(Inject(node=node, text="a note", branch="other"))
        await other.receive()
        other.send(Rename(title="told to all", session=session))
        await other.receive()
        assert isinstance(await peer.receive(), SessionChanged)


async def test_who_comes_into_the_middle_of_a_run_hears_what_is_running_with_its_text(
    serve: Any,
) -> None:
    async with serve() as running:
        asker = await running.peer()
        asker.send(Run(question="which one is 6 * 7?"))
        question = (await asker.receive_all(NodeDelta))[-1]
        session = next(iter(running.service.known))
        peer = await watcher(running, session)
        assert isinstance(await peer.receive(), Accepted)
        started = await peer.receive()
        assert isinstance(started, NodeStarted) and started.node.id == question.node
        assert await peer.receive() == question
        replier = await running.peer()
        replier.send(Answer(node=question.node, text="the first"))
        assert isinstance(await replier.receive(), Answered)
        assert await peer.receive_all(RunEnded) == await asker.receive_all(RunEnded)


async def test_pausing_and_stopping_are_heard(serve: Any) -> None:
    async with serve() as running:
        asker = await running.peer()
        asker.send(Run(question="slow"))
        session = (await asker.receive()).session
        peer = await watcher(running, session)
        other = await running.peer()
        other.send(Control(action="cancel", session=session))
        await other.receive()
        heard = await peer.receive_all(RunEnded)
        assert Controlled(session=session, action="cancel") in heard
        assert heard[-1].outcome == "cancelled"


async def test_cancel_ends_a_watch_and_the_connection_goes_on(serve: Any) -> None:
    async with serve() as running:
        session = await asked(running)
        peer = await watcher(running, session)
        peer.send(Show(id=session))
        refused = await peer.receive()
        assert isinstance(refused, ErrorReply) and refused.code is Code.BAD_REQUEST
        peer.send(Cancel())
        assert await peer.receive() == WatchEnded(session=session)
        peer.send(Show(id=session))
        assert isinstance(await peer.receive(), SessionPart)


async def test_a_deleted_session_ends_its_watches_with_the_reason(serve: Any) -> None:
    async with serve() as running:
        session = await asked(running)
        peer, other = await watcher(running, session), await running.peer()
        other.send(DeleteSession(session=session))
        await other.receive()
        end = await peer.receive()
        assert isinstance(end, ErrorReply) and end.code is Code.NOT_FOUND
        assert "was deleted" in end.message


@pytest.mark.parametrize("session", ["zzzzzzzz", "@last"])
async def test_nothing_that_is_not_there_can_be_watched(serve: Any, session: str) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Watch(session=session))
        refused = await peer.receive()
        assert isinstance(refused, ErrorReply) and refused.code is Code.NOT_FOUND


async def test_a_stop_ends_a_watch_at_once_and_says_why(serve: Any) -> None:
    async with serve() as running:
        session = await asked(running)
        peer = await watcher(running, session)
        running.server.stop()
        end = await peer.receive()
        assert isinstance(end, ErrorReply) and end.code is Code.STOPPING


async def test_a_watcher_that_reads_nothing_delays_nobody_and_misses_only_deltas(
    serve: Any,
) -> None:
    async with serve() as running:
        asker = await running.peer()
        asker.send(Run(question="which one floods?"))
        asking = (await asker.receive_all(NodeDelta))[-1].node
        session = next(iter(running.service.known))
        lazy = await watcher(running, session)
        lazy.writer.transport.pause_reading()
        replier = await running.peer()
        replier.send(Answer(node=asking, text="this one"))
        end = (await asker.receive_all(RunEnded))[-1]
        lazy.writer.transport.resume_reading()
        heard = await lazy.receive_all(RunEnded)
        assert heard[-1] == end
        assert sum(isinstance(one, NodeDelta) for one in heard) < 2000
        assert [one.node.kind for one in heard if isinstance(one, NodeFinished)] == [
            "question",
            "computed",
            "answer",
        ]


async def test_a_watcher_that_leaves_is_forgotten(serve: Any) -> None:
    async with serve() as running:
        session = await asked(running)
        peer = await watcher(running, session)
        told = running.server._house.subscriptions
        assert len(told) == 1
        peer.writer.close()
        while len(told):
            await asyncio.sleep(0.001)


# ------------------------------------------------------------ without sockets


class Script:
    """A run whose events are given."""

    id, session, program, branch = "r", "s" * 20, "solve", "main"

    def __init__(self, events: Sequence[RunEvent]) -> None:
        self._events = events

    def cancel(self) -> None:
        raise AssertionError("nobody stops it")

    async def events(self) -> AsyncIterator[RunEvent | RunEnded]:
        for event in self._events:
            yield event
        yield RunEnded(
            session=self.session, outcome="done", answer="", verdict="verified", confidence=None
        )


def drawn(heard: Sequence[object]) -> dict[str, str]:
    """What a listener has on its screen: the text of every node, as far as it knows it."""
    texts: dict[str, str] = {}
    for event in heard:
        match event:
            case NodeStarted(node=node) | NodeFinished(node=node):
                texts[node.id] = node.text
            case NodeDelta(node=id, text=text):
                texts[id] = texts.get(id, "") + text
    return texts


@st.composite
def scripts(draw: st.DrawFn) -> list[RunEvent]:
    """Nodes that start, grow and mostly finish, in any interleaving."""
    events: list[RunEvent] = []
    growing: dict[str, str] = {}
    for number in range(draw(st.integers(1, 5))):
        growing[f"n{number}"] = ""
        events.append(NodeStarted(node=NodeView(id=f"n{number}", kind="step", text="")))
        for _ in range(draw(st.integers(0, 4))):
            if not growing:
                break
            id = draw(st.sampled_from(sorted(growing)))
            if draw(st.booleans()):
                growing[id] += "x"
                events.append(NodeDelta(node=id, text="x"))
            else:
                node = NodeView(id=id, kind="step", text=growing.pop(id))
                events.append(NodeFinished(node=node))
    return events


@given(script=scripts(), late=st.integers(0, 20))
def test_who_comes_late_and_reads_what_is_finished_sees_what_the_others_see(
    script: list[RunEvent], late: int
) -> None:
    async def play() -> tuple[dict[str, str], dict[str, str]]:
        told = Subscriptions()
        run = told.follow(Script(script), "model")
        early: list[Happened] = []
        told.subscribe(run.session, run.branch, early.append)
        heard: list[Happened] = []
        place = 0
        async for _ in run.events():
            if place == late:
                # what is finished by now is read from the store
                heard += [one for one in early if isinstance(one, NodeFinished)]
                told.subscribe(run.session, run.branch, heard.append)
            place += 1
        return drawn(early), drawn(heard)

    early, heard = asyncio.run(play())
    if late < len(script):
        assert heard == early


async def test_a_run_that_breaks_off_leaves_no_watcher_waiting() -> None:
    class Broken(Script):
        async def events(self) -> AsyncIterator[RunEvent | RunEnded]:
            yield NodeStarted(node=NodeView(id="n", kind="step", text=""))
            raise RuntimeError("a mistake in the service")

    told = Subscriptions()
    heard: list[Happened] = []
    told.subscribe(Script.session, "main", heard.append)
    run = told.follow(Broken([]), "model")
    with pytest.raises(RuntimeError, match="a mistake"):
        async for _ in run.events():
            pass
    assert isinstance(heard[-1], RunEnded) and heard[-1].outcome == "failed"
    later: list[Happened] = []
    told.subscribe(Script.session, "main", later.append)
    assert later == []


async def test_ends_are_told_once_and_nothing_is_taken_after_the_last() -> None:
    told = Subscriptions()
    listener = told.subscribe("s", "main", lambda what: None)
    told.gone("s")
    told.close()
    with pytest.raises(SessionGone):
        await listener.ended()
    told.leave(listener)
    told.leave(listener)
    assert len(told) == 0
    with pytest.raises(Stopping):
        told.subscribe("s", "main", lambda what: None)


async def test_a_change_is_told_to_the_watchers_of_its_branch_alone() -> None:
    told = Subscriptions()
    main: list[Happened] = []
    other: list[Happened] = []
    told.subscribe("s", "main", main.append)
    told.subscribe("s", "other", other.append)
    change = Changed(session="s", branch="main", op=1, label="edit", node="n", stale=())
    told.tell("s", change, branch="main")
    assert (main, other) == ([change], [])
