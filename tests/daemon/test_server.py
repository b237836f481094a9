import asyncio
import os
import stat
from typing import Any

import msgspec
import pytest

from smysl_daemon import parts
from smysl_daemon.errors import Code
from smysl_daemon.framing import HEADER, MAX_FRAME
from smysl_daemon.peers import Admission, Peer
from smysl_daemon.protocol import (
    PROTOCOL,
    Accepted,
    Cancel,
    Changed,
    DaemonStatus,
    Derive,
    Edit,
    ErrorReply,
    GetStatus,
    Hello,
    Import,
    ImportTaken,
    ListPrograms,
    ListSessions,
    NodeFinished,
    NodeShown,
    ProgramList,
    Run,
    RunEnded,
    SessionChanged,
    SessionList,
    SessionPart,
    Show,
    Stop,
    StopAccepted,
    Welcome,
)


async def test_a_question_gets_accepted_then_nodes_then_exactly_one_end(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Run(question="What is 6 * 7?"))
        got = await peer.receive_all(RunEnded)
        assert isinstance(got[0], Accepted)
        assert [one.node.kind for one in got if isinstance(one, NodeFinished)] == [
            "question",
            "computed",
            "answer",
        ]
        assert isinstance(got[-1], RunEnded) and got[-1].answer == "42"
        peer.send(ListPrograms())
        assert isinstance(await peer.receive(), ProgramList)


async def test_two_clients_are_served_at_once(serve: Any) -> None:
    async with serve() as running:
        slow, quick = await running.peer(), await running.peer()
        slow.send(Run(question="slow"))
        await slow.receive_all(NodeFinished)
        quick.send(Run(question="What is 6 * 7?"))
        assert (await quick.receive_all(RunEnded))[-1].answer == "42"
        slow.send(Cancel())
        assert (await slow.receive_all(RunEnded))[-1].outcome == "cancelled"


async def test_cancel_ends_the_run_and_the_connection_goes_on(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Cancel())
        peer.send(Run(question="slow"))
        await peer.receive_all(NodeFinished)
        peer.send(Cancel())
        assert (await peer.receive_all(RunEnded))[-1].outcome == "cancelled"
        peer.send(Run(question="What is 6 * 7?"))
        assert (await peer.receive_all(RunEnded))[-1].outcome == "done"


async def test_a_run_goes_on_when_its_client_leaves(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Run(question="slow"))
        await peer.receive_all(NodeFinished)
        peer.writer.close()
        watcher = await running.peer()
        seen = []
        for _ in range(2):
            watcher.send(Show(id="@last"))
            part = await watcher.receive()
            assert isinstance(part, SessionPart)
            seen.append(len(part.nodes))
            await asyncio.sleep(0.1)
        assert seen[1] > seen[0]
        assert running.service.cancelled == 0


async def test_a_refused_request_is_answered_and_the_connection_goes_on(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        for request, code in (
            (Run(question=" "), Code.BAD_REQUEST),
            (Run(question="x" * 1_000_000), Code.BAD_REQUEST),
            (Run(question="hi", program="slove"), Code.BAD_REQUEST),
            (Show(id="nothing"), Code.NOT_FOUND),
            (Hello(protocol=PROTOCOL, client="again"), Code.BAD_MESSAGE),
        ):
            peer.send(request)
            reply = await peer.receive()
            assert isinstance(reply, ErrorReply)
            assert reply.code is code
            assert "\n" not in reply.message


async def test_a_mistake_in_the_service_ends_the_run_with_an_internal_error(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Run(question="crash"))
        end = (await peer.receive_all(ErrorReply))[-1]
        assert end.code is Code.INTERNAL
        assert "a mistake in the service" not in end.message
        assert "a mistake in the service" in caplog.text
        peer.send(GetStatus())
        status = await peer.receive()
        assert isinstance(status, DaemonStatus) and status.runs == 0


async def test_a_second_request_during_the_first_is_refused(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Run(question="slow"))
        await peer.receive_all(NodeFinished)
        peer.send(ListSessions())
        refusal = (await peer.receive_all(ErrorReply))[-1]
        assert refusal.code is Code.BAD_REQUEST
        peer.send(Cancel())
        await peer.receive_all(RunEnded)


async def test_a_frame_without_a_message_is_answered_and_the_next_one_is_served(
    serve: Any,
) -> None:
    async with serve() as running:
        peer = await running.peer()
        for rubbish in (b"\xc1", b"", msgspec.msgpack.encode({"type": "dance"}), b"\x91" * 5000):
            peer.send_raw(HEADER.pack(len(rubbish)) + rubbish)
            reply = await peer.receive()
            assert isinstance(reply, ErrorReply) and reply.code is Code.BAD_MESSAGE
        peer.send(ListSessions())
        assert isinstance(await peer.receive(), SessionList)


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 64])
async def test_bytes_that_are_no_frame_get_an_error_and_an_end(serve: Any, start: bytes) -> None:
    async with serve() as running:
        peer = await running.peer(hello=False)
        peer.send_raw(start)
        reply = await peer.receive()
        assert isinstance(reply, ErrorReply) and reply.code is Code.TOO_LARGE
        peer.writer.write_eof()
        with pytest.raises(EOFError):
            await peer.receive()
        other = await running.peer()
        other.send(GetStatus())
        assert isinstance(await other.receive(), DaemonStatus)


async def test_a_frame_over_the_cap_can_be_written_out_and_its_error_read(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send_raw(HEADER.pack(MAX_FRAME + 1) + b"x" * (MAX_FRAME + 1))
        await peer.writer.drain()
        reply = await peer.receive()
        assert isinstance(reply, ErrorReply)
        assert reply.code is Code.TOO_LARGE and f"{MAX_FRAME:,}" in reply.message


async def test_another_protocol_version_is_refused_with_the_remedy(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer(hello=False)
        peer.send(Hello(protocol=PROTOCOL + 1, client="smysl 9"))
        reply = await peer.receive()
        assert isinstance(reply, ErrorReply)
        assert reply.code is Code.PROTOCOL and "daemon restart" in reply.message


async def test_the_first_message_must_be_a_hello(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer(hello=False)
        peer.send(ListSessions())
        reply = await peer.receive()
        assert isinstance(reply, ErrorReply) and reply.code is Code.BAD_MESSAGE


async def test_a_peer_that_drops_inside_a_frame_hurts_nobody(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send_raw(HEADER.pack(1000) + b"half")
        await peer.writer.drain()
        peer.writer.close()
        other = await running.peer()
        other.send(Run(question="What is 6 * 7?"))
        assert (await other.receive_all(RunEnded))[-1].answer == "42"


async def test_a_peer_of_another_user_is_refused(serve: Any) -> None:
    stranger = Admission(peer_of=lambda _: Peer(os.getuid() + 1, os.getgid()))
    async with serve(admission=stranger) as running:
        peer = await running.peer(hello=False)
        reply = await peer.receive()
        assert isinstance(reply, ErrorReply) and "serves user" in reply.message


async def test_the_socket_is_for_its_owner_alone(serve: Any) -> None:
    async with serve() as running:
        assert stat.S_IMODE(running.path.stat().st_mode) == 0o600


async def test_too_many_clients_and_too_many_runs_are_told_to_come_later(serve: Any) -> None:
    async with serve(max_clients=2, max_runs=1) as running:
        first, second = await running.peer(), await running.peer()
        third = await running.peer(hello=False)
        refusal = await third.receive()
        assert isinstance(refusal, ErrorReply) and refusal.code is Code.BUSY
        first.send(Run(question="slow"))
        await first.receive_all(NodeFinished)
        second.send(Run(question="What is 6 * 7?"))
        refusal = await second.receive()
        assert isinstance(refusal, ErrorReply) and refusal.code is Code.BUSY
        first.send(Cancel())
        await first.receive_all(RunEnded)
        second.send(Run(question="What is 6 * 7?"))
        assert (await second.receive_all(RunEnded))[-1].answer == "42"


async def test_a_stop_lets_a_run_finish_within_the_deadline(serve: Any) -> None:
    async with serve(drain_s=5.0) as running:
        peer = await running.peer()
        peer.send(Run(question="What is 6 * 7?"))
        peer.send(Stop())
        got = [await peer.receive() for _ in range(2)]
        assert any(isinstance(one, Accepted) for one in got)
        end = (await peer.receive_all(RunEnded))[-1]
        assert end.outcome == "done"


async def test_a_stop_cancels_what_outlasts_the_deadline_and_tells_its_client(serve: Any) -> None:
    async with serve(drain_s=0.05) as running:
        peer = await running.peer()
        peer.send(Run(question="slow"))
        await peer.receive_all(NodeFinished)
        asker = await running.peer()
        asker.send(Stop())
        assert isinstance(await asker.receive(), StopAccepted)
        assert (await peer.receive_all(RunEnded))[-1].outcome == "cancelled"
        async with asyncio.timeout(60):
            await running.task
        assert not running.path.exists()


async def test_a_second_stop_does_not_wait_for_the_deadline(serve: Any) -> None:
    async with serve(drain_s=60.0) as running:
        peer = await running.peer()
        peer.send(Run(question="slow"))
        await peer.receive_all(NodeFinished)
        running.server.stop()
        running.server.stop()
        assert (await peer.receive_all(RunEnded))[-1].outcome == "cancelled"


async def test_a_stopping_daemon_takes_no_new_question(serve: Any) -> None:
    async with serve(drain_s=5.0) as running:
        busy, late = await running.peer(), await running.peer()
        busy.send(Run(question="slow"))
        await busy.receive_all(NodeFinished)
        running.server.stop()
        late.send(Run(question="What is 6 * 7?"))
        refusal = await late.receive()
        assert isinstance(refusal, ErrorReply) and refusal.code is Code.STOPPING
        busy.send(Cancel())
        await busy.receive_all(RunEnded)


async def test_an_idle_daemon_leaves_by_itself(serve: Any) -> None:
    async with serve(idle_s=0.05) as running:
        async with asyncio.timeout(60):
            await running.task
        assert running.service.checks > 0


async def test_a_client_that_reads_nothing_delays_nobody(serve: Any) -> None:
    async with serve() as running:
        deaf = await running.peer()
        deaf.send(Run(question="flood"))
        await asyncio.sleep(0.05)
        other = await running.peer()
        async with asyncio.timeout(60):
            other.send(Run(question="What is 6 * 7?"))
            assert (await other.receive_all(RunEnded))[-1].answer == "42"
        # what cannot be left out still reaches the slow one, once it reads
        got = await deaf.receive_all(RunEnded)
        assert sum(isinstance(one, NodeFinished) for one in got) == 3


async def test_a_long_session_comes_in_parts_that_add_up(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Run(question="slow " + "word " * 6000))
        await peer.receive_all(NodeFinished)
        peer.send(Cancel())
        await peer.receive_all(RunEnded)
        session = next(iter(running.service.nodes))
        made = running.service.nodes[session]
        made += [msgspec.structs.replace(made[0], id=f"{n:020d}") for n in range(200)]
        peer.send(Show(id=session))
        parts = [await peer.receive()]
        while isinstance(parts[-1], SessionPart) and parts[-1].more:
            parts.append(await peer.receive())
        assert len(parts) > 1
        shown = [node.id for part in parts if isinstance(part, SessionPart) for node in part.nodes]
        assert shown == [node.id for node in made]


async def test_one_node_is_shown_whole(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Run(question="What is 6 * 7?"))
        nodes = [
            one.node for one in await peer.receive_all(RunEnded) if isinstance(one, NodeFinished)
        ]
        peer.send(Show(id=nodes[1].id))
        shown = await peer.receive()
        assert isinstance(shown, NodeShown) and shown.node == nodes[1]


async def test_the_welcome_names_version_and_pid(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer(hello=False)
        peer.send(Hello(protocol=PROTOCOL, client="test"))
        welcome = await peer.receive()
        assert isinstance(welcome, Welcome)
        assert (welcome.protocol, welcome.pid) == (PROTOCOL, os.getpid())


async def test_a_change_and_its_derivation_each_get_their_one_end(serve: Any) -> None:
    async with serve() as running:
        peer = await running.peer()
        peer.send(Run(question="What is 6 * 7?"))
        nodes = [
            one.node for one in await peer.receive_all(RunEnded) if isinstance(one, NodeFinished)
        ]
        peer.send(Edit(node=nodes[0].id, text="What is 6 * 8?"))
        changed = await peer.receive()
        assert isinstance(changed, Changed)
        assert changed.stale == tuple(node.id for node in nodes[1:])
        peer.send(Derive(session=changed.session))
        got = await peer.receive_all(RunEnded)
        assert isinstance(got[0], Accepted) and got[0].program == "solve"
        peer.send(Derive(session=changed.session))
        refusal = await peer.receive()
        assert isinstance(refusal, ErrorReply) and refusal.code is Code.NOTHING_TO_DO


async def test_no_derivation_begins_over_the_limit_of_runs(serve: Any) -> None:
    async with serve(max_runs=1) as running:
        slow, other = await running.peer(), await running.peer()
        slow.send(Run(question="slow"))
        await slow.receive_all(NodeFinished)
        other.send(Derive())
        refusal = await other.receive()
        assert isinstance(refusal, ErrorReply) and refusal.code is Code.BUSY


async def test_an_import_over_its_limit_is_refused_and_the_next_one_taken(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "IMPORT_LIMIT", 100)
    async with serve() as running:
        peer = await running.peer()
        peer.send(Import(data=b"x" * 60, more=True))
        assert await peer.receive() == ImportTaken(size=60)
        peer.send(Import(data=b"x" * 60, more=True))
        refusal = await peer.receive()
        assert isinstance(refusal, ErrorReply) and refusal.code is Code.BAD_REQUEST
        assert "100 bytes, the limit" in refusal.message
        peer.send(Import(data=b'{"title": ', more=True))
        assert isinstance(await peer.receive(), ImportTaken)
        peer.send(Import(data=b'"short"}', more=False))
        taken = await peer.receive()
        assert isinstance(taken, SessionChanged) and taken.title == "short"
