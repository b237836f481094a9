"""Doors, clients and ends, over a scripted service: who gets in, what happens to whoever leaves, stalls,
or comes when there is no room."""

import asyncio
import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2 as httpx
import msgspec
import pytest

from smysl_daemon.config import HttpConfig
from smysl_daemon.errors import BadConfig, FolderUnusable
from smysl_daemon.http import front, responding, serving
from smysl_daemon.memory_protocol import AddMemories
from smysl_daemon.peers import Admission, Peer

CHAT = "/v1/chat/completions"


def question(text: str = "What is 6 * 7?", **fields: Any) -> dict[str, Any]:
    return {"model": "smysl/solve", "messages": [{"role": "user", "content": text}]} | fields


def raw(path: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def test_nothing_that_speaks_http_is_loaded_before_the_first_client(tmp_path: Path) -> None:
    code = (
        "import sys; import smysl_daemon.app, smysl_daemon.local;"
        "print([m for m in ('uvicorn', 'starlette', 'h11', 'anyio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_the_socket_is_its_owners_alone_and_goes_with_the_daemon(facade: Any) -> None:
    async with facade() as running:
        assert stat.S_IMODE(running.path.stat().st_mode) == 0o600
        assert running.serving is None
        async with running.client() as client:
            assert (await client.get("/health")).json() == {"status": "ok"}
        assert running.serving is not None
    assert not running.path.exists()


async def test_a_peer_of_another_user_is_refused(facade: Any) -> None:
    stranger = Admission(peer_of=lambda _: Peer(os.getuid() + 1, os.getgid()))
    async with facade(admission=stranger) as running, running.client() as client:
        with pytest.raises(httpx.TransportError):
            await client.get("/health")
        await running.until(lambda: running.serving.connections == 0)


async def test_root_is_served(facade: Any) -> None:
    root = Admission(uid=12345, peer_of=lambda _: Peer(0, 0))
    async with facade(admission=root) as running, running.client() as client:
        assert (await client.get("/health")).status_code == 200


async def test_a_facade_that_cannot_be_loaded_turns_clients_away(
    facade: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing() -> Any:
        raise ImportError("no module named uvicorn")

    monkeypatch.setattr(front, "_loaded", missing)
    async with facade() as running, running.client() as client:
        with pytest.raises(httpx.TransportError):
            await client.get("/health")
        assert "no module named uvicorn" in caplog.text and not running.path.exists()


# ---------------------------------------------------------------- TCP and its token


def tcp(running: Any, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://{running.front.tcp}", timeout=60, **options)


async def test_over_tcp_every_request_shows_the_token(facade: Any) -> None:
    async with facade(http=HttpConfig(tcp="127.0.0.1:0")) as running:
        token = running.token_file.read_text().strip()
        async with tcp(running) as client:
            assert (await client.get("/health")).status_code == 200
            without = await client.get("/v1/models")
            assert without.status_code == 401
            assert without.headers["www-authenticate"] == "Bearer"
            assert "Authorization: Bearer" in without.json()["error"]["message"]
            tried: Any
            for tried in (
                {"Authorization": "Bearer wrong"},
                {"Authorization": f"Bearer {token}x"},
                {"Authorization": f"Basic {token}"},
                {b"x-api-key": "é".encode()},
            ):
                wrong = await client.get("/metrics", headers=tried)
                assert wrong.status_code == 401, tried
                assert wrong.json()["error"]["code"] == "invalid_api_key"
            for headers in ({"Authorization": f"Bearer {token}"}, {"X-Api-Key": token}):
                assert (await client.get("/v1/models", headers=headers)).status_code == 200
            anthropic = await client.post("/v1/messages", json={})
            assert anthropic.json() == {
                "type": "error",
                "error": {
                    "type": "authentication_error",
                    "message": without.json()["error"]["message"],
                },
            }


async def test_over_the_unix_socket_nobody_needs_the_token(facade: Any) -> None:
    async with facade(http=HttpConfig(tcp="127.0.0.1:0")) as running, running.client() as client:
        assert (await client.get("/v1/models")).status_code == 200


async def test_without_a_token_only_this_machines_names_are_answered(facade: Any) -> None:
    async with facade(http=HttpConfig(tcp="127.0.0.1:0", token=False)) as running:
        assert not running.token_file.exists()
        port = running.front.tcp.rpartition(":")[2]
        async with tcp(running) as client:
            assert (await client.get("/v1/models")).status_code == 200
            for host in ("localhost", f"localhost:{port}", f"[::1]:{port}"):
                assert (await client.get("/v1/models", headers={"Host": host})).status_code == 200
            for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", ""):
                refused = await client.get("/v1/models", headers={"Host": host})
                assert refused.status_code == 403, host


async def test_other_machines_never_come_in_without_a_token(facade: Any) -> None:
    with pytest.raises(BadConfig, match=r"http.token is false and http.tcp is 0.0.0.0:0"):
        async with facade(http=HttpConfig(tcp="0.0.0.0:0", token=False)):
            pass


async def test_a_token_that_others_can_read_keeps_tcp_shut(facade: Any, tmp_path: Path) -> None:
    (tmp_path / "http-token").write_text("a-token-that-is-long-enough")
    (tmp_path / "http-token").chmod(0o644)
    with pytest.raises(FolderUnusable, match="mode 0644"):
        async with facade(http=HttpConfig(tcp="127.0.0.1:0")):
            pass


# ---------------------------------------------------------------- changed settings


async def test_a_reload_opens_and_shuts_doors(facade: Any) -> None:
    async with facade() as running, running.client() as client:
        assert (await client.get("/health")).status_code == 200
        running.front.reconfigure(HttpConfig(tcp="127.0.0.1:0"), 64)
        async with tcp(running) as other:
            assert (await other.get("/health")).status_code == 200
        running.front.reconfigure(HttpConfig(socket=False), 64)
        assert running.front.tcp is None and not running.path.exists()
        running.front.reconfigure(HttpConfig(), 64)
        async with running.client() as again:
            assert (await again.get("/health")).status_code == 200


async def test_a_reload_before_the_first_client_counts_too(facade: Any) -> None:
    async with facade(http=HttpConfig(socket=False)) as running:
        assert not running.path.exists()
        running.front.reconfigure(HttpConfig(tcp="127.0.0.1:0"), 64)
        async with tcp(running) as client, running.client() as other:
            assert (await client.get("/health")).status_code == 200
            assert (await other.get("/health")).status_code == 200


async def test_a_reload_takes_another_token(facade: Any) -> None:
    http = HttpConfig(tcp="127.0.0.1:0")
    async with facade(http=http) as running:
        where = running.front.tcp
        running.token_file.write_text("another-token-of-some-length")
        fixed = HttpConfig(tcp=where)
        running.front.reconfigure(fixed, 64)
        headers = {"Authorization": "Bearer another-token-of-some-length"}
        async with tcp(running) as client:
            assert (await client.get("/v1/models", headers=headers)).status_code == 200
        running.token_file.write_text("a-third-token-of-some-length")
        async with tcp(running) as client, tcp(running) as waiting:
            assert (await waiting.get("/v1/models", headers=headers)).status_code == 200
            running.front.reconfigure(fixed, 64)
            assert running.front.tcp == where
            for one in (client, waiting):
                assert (await one.get("/v1/models", headers=headers)).status_code == 401


async def test_a_reload_with_a_mistake_changes_nothing(
    facade: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with facade(http=HttpConfig(tcp="127.0.0.1:0")) as running:
        where = running.front.tcp
        with caplog.at_level(logging.ERROR):
            running.front.reconfigure(HttpConfig(tcp="nowhere"), 64)
        assert "http.tcp is 'nowhere'" in caplog.text
        assert running.front.tcp == where
        async with tcp(running) as client:
            assert (await client.get("/health")).status_code == 200


# ---------------------------------------------------------------- room


async def test_a_run_over_the_limit_is_answered_429_and_when_to_come_again(facade: Any) -> None:
    async with facade(max_runs=1) as running, running.client() as client:
        async with client.stream("POST", CHAT, json=question("slow", stream=True)) as slow:
            assert slow.status_code == 200
            busy = await client.post(CHAT, json=question())
            assert busy.status_code == 429 and int(busy.headers["retry-after"]) >= 1
            assert busy.json()["error"]["type"] == "rate_limit_error"
            assert "limit is 1" in busy.json()["error"]["message"]
            other = await client.post("/v1/messages", json=question(max_tokens=5))
            assert other.json()["error"]["type"] == "rate_limit_error"
        await running.until(lambda: running.house.runs == 0)
        assert (await client.post(CHAT, json=question())).status_code == 200


async def test_a_client_over_the_limit_is_told_to_come_again(facade: Any) -> None:
    async with (
        facade(max_clients=1) as running,
        running.client() as first,
        running.client() as other,
    ):
        assert (await first.get("/health")).status_code == 200
        crowded = await other.get("/v1/models")
        assert crowded.status_code == 503 and "max_clients" in crowded.json()["error"]["message"]
        assert int(crowded.headers["retry-after"]) >= 1
        await running.until(lambda: running.serving.connections == 1)
        assert (await first.get("/v1/models")).status_code == 200


# ---------------------------------------------------------------- whoever leaves or stalls


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_stops_its_run(facade: Any, stream: bool) -> None:
    async with facade() as running:
        reader, writer = await asyncio.open_unix_connection(str(running.path))
        writer.write(raw(CHAT, question("slow", stream=stream)))
        await running.until(lambda: running.house.runs == 1)
        writer.close()
        await running.until(lambda: running.house.runs == 0)
        assert running.service.cancelled == 1
        await running.until(lambda: running.serving.connections == 0)


@pytest.mark.slow
async def test_a_client_that_stops_reading_is_dropped_and_its_run_stopped(
    facade: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(responding, "STALL_LIMIT_S", 0.3)
    async with facade() as running:
        reader, writer = await asyncio.open_unix_connection(str(running.path), limit=1)
        with caplog.at_level(logging.INFO, "smysl.http"):
            # 8 MB of one node's text, and then steps for 40 s
            writer.write(raw(CHAT, question("flood, then slow", stream=True)))
            await running.until(lambda: "took nothing for" in caplog.text)
        await running.until(lambda: running.serving.connections == 0)
        await running.until(lambda: running.house.runs == 0)
        writer.close()


@pytest.mark.slow
async def test_a_client_that_reads_slowly_gets_everything(facade: Any) -> None:
    async with facade() as running, running.client() as client:
        size = 0
        async with client.stream("POST", CHAT, json=question("flood", stream=True)) as reply:
            async for line in reply.aiter_lines():
                size += len(line)
                if size % 7 == 0:
                    await asyncio.sleep(0)
        assert size > 2000 * 4096 and line == ""


@pytest.mark.parametrize("after_one", [False, True])
async def test_a_connection_without_a_request_is_dropped(
    facade: Any, monkeypatch: pytest.MonkeyPatch, after_one: bool
) -> None:
    monkeypatch.setattr(serving, "HEADERS_SECONDS", 0.2)
    async with facade() as running:
        reader, writer = await asyncio.open_unix_connection(str(running.path))
        if after_one:
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b'{"status":"ok"}')
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: loc")
        async with asyncio.timeout(60):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await reader.readexactly(1)
        writer.close()
        async with running.client() as client:
            assert (await client.get("/health")).status_code == 200


async def test_a_long_silence_is_filled_with_comments(
    facade: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responding, "KEEP_ALIVE_S", 0.05)
    async with facade() as running, running.client() as client:
        async with client.stream("POST", CHAT, json=question("which one", stream=True)) as reply:
            async for line in reply.aiter_lines():
                if line == ": still at work":
                    break
            else:
                raise AssertionError("no comment came")


async def test_rubbish_is_answered_400(facade: Any) -> None:
    async with facade() as running:
        reader, writer = await asyncio.open_unix_connection(str(running.path))
        writer.write(b"\x00\x01\x02 rubbish\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()


async def test_a_mistake_of_ours_is_answered_500_and_not_shown(
    facade: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with facade() as running, running.client() as client:
        reply = await client.post(CHAT, json=question("crash"))
        assert reply.status_code == 500
        assert reply.json()["error"]["type"] == "server_error"
        assert "a mistake in the service" not in reply.text
        assert "a mistake in the service" in caplog.text
        streamed = await client.post(CHAT, json=question("crash", stream=True))
        assert streamed.status_code == 200
        last, done = [line for line in streamed.text.split("\n\n") if line][-2:]
        assert "error" in json.loads(last.removeprefix("data: ")) and done == "data: [DONE]"


# ---------------------------------------------------------------- the end


async def test_a_stop_lets_a_response_end_and_takes_no_new_question(facade: Any) -> None:
    async with facade(drain_s=60.0) as running, running.client() as client:
        async with client.stream("POST", CHAT, json=question("which one", stream=True)) as reply:
            lines = reply.aiter_lines()
            async for line in lines:
                if "Which one do you mean?" in line:
                    break
            running.server.stop()
            await running.until(lambda: not running.path.exists())
            (waiting,) = running.service.waiting.values()
            waiting.set_result("the first")
            rest = [line async for line in lines]
        assert any('"content":"42"' in line for line in rest)
        assert "data: [DONE]" in rest


async def test_a_second_stop_cancels_a_response_that_goes_on(facade: Any) -> None:
    async with facade(drain_s=600.0) as running, running.client() as client:
        async with client.stream("POST", CHAT, json=question("slow", stream=True)) as reply:
            lines = reply.aiter_lines()
            await anext(lines)
            running.server.stop()
            running.server.stop()
            rest = "".join([line async for line in lines])
        assert "the run was cancelled" in rest and "[DONE]" in rest


async def test_an_idle_daemon_notices_http_clients(facade: Any) -> None:
    async with facade() as running, running.client() as client:
        before = running.house.last_use
        await client.get("/health")
        assert running.house.last_use > before


async def test_memories_fall_into_a_question_where_the_request_says_so(facade: Any) -> None:
    async with facade() as running, running.client() as client:
        await running.service.memory(AddMemories(texts=("Pelicans carry fish home.",)))
        body = question("Which fish do pelicans carry?")
        plain = await client.post(CHAT, json=body)
        reply = await client.post(CHAT, json={**body, "smysl": {"recall": 2}})
        thoughts = [
            one.json()["choices"][0]["message"]["reasoning_content"] for one in (plain, reply)
        ]
        assert "memory" not in thoughts[0]
        assert "- memory: Pelicans carry fish home." in thoughts[1]


async def test_metrics_count_requests_runs_and_nodes(facade: Any) -> None:
    async with facade() as running, running.client() as client:
        await client.post(CHAT, json=question())
        await client.get("/nowhere/at/all")
        await client.request("TRACE" + "X" * 50, "/v1/models")
        found = await client.get("/metrics")
        assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = dict(line.rsplit(" ", 1) for line in found.text.splitlines() if line[0] != "#")
        assert lines['smysl_runs_total{program="solve",outcome="done",verdict="verified"}'] == "1"
        assert lines['smysl_nodes_total{kind="answer"}'] == "1"
        assert (
            lines[f'smysl_http_requests_total{{route="{CHAT}",method="POST",status="200"}}'] == "1"
        )
        assert lines['smysl_http_requests_total{route="other",method="GET",status="404"}'] == "1"
        assert 'method="other",status="405"' in found.text
        assert lines['smysl_run_seconds_bucket{program="solve",le="+Inf"}'] == "1"
        assert lines['smysl_run_seconds_count{program="solve"}'] == "1"
        assert lines["smysl_http_requests_in_progress"] == "1"
        assert lines["smysl_engine_prompt_tokens_total"] == "40000"
        assert lines['smysl_engine_calls_total{reason="stop"}'] == "700"
        names = [line.split()[2] for line in found.text.splitlines() if line.startswith("# TYPE")]
        assert len(names) == len(set(names))


async def test_a_service_whose_model_never_speaks_alone_lists_programs(facade: Any) -> None:
    async with facade() as running, running.client() as client:
        listed = (await client.get("/v1/models")).json()["data"]
        assert [one["id"] for one in listed] == ["smysl/direct", "smysl/solve"]
        embedded = await client.post("/v1/embeddings", json={"model": "smysl/solve", "input": "x"})
        assert embedded.status_code == 400
        assert msgspec.json.decode(embedded.content)["error"]["code"] == "model_no_embeddings"
