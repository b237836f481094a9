"""What a real daemon answers to whatever should not have been sent: a status, a message that helps, and
it lives on."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from smysl_daemon.client import Client
from smysl_daemon.protocol import GetStatus

pytestmark = pytest.mark.slow
CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {
    "model": "smysl/solve",
    "messages": [{"role": "user", "content": "What is 6 * 7?"}],
}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(daemon: Any) -> Iterator[httpx.Client]:
    with daemon.client() as made:
        yield made


def runs(daemon: Any) -> int:
    with Client(daemon.dirs.socket) as connection:
        status: Any = connection.ask(GetStatus())
    return int(status.runs)


def resident(daemon: Any) -> int:
    pages = int(Path(f"/proc/{daemon.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(daemon: Any) -> int:
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (CHAT, b"{", 400, "byte 1, line 1, column 2"),
        (CHAT, b"[]", 400, "JSON object"),
        (CHAT, b'{"model": "smysl/solve"}', 400, "missing required field `messages`"),
        (CHAT, {**ASK, "model": "gpt-4o"}, 404, "GET /v1/models"),
        (CHAT, {**ASK, "model": "solve"}, 404, "did you mean 'smysl/solve'?"),
        (CHAT, {**ASK, "model": "zerno"}, 400, "smysl/solve"),
        (CHAT, {**ASK, "model": "zerno+verify"}, 404, "did you mean 'zerno'?"),
        (CHAT, {**ASK, "model": "smysl/solve+verify"}, 404, "has these adapters: none"),
        (CHAT, {**ASK, "model": "smysl/slove+verify"}, 404, "did you mean 'smysl/solve'?"),
        (CHAT, {**ASK, "smysl": {"adapter": "verify"}}, 400, "no adapter 'verify'; it has: none"),
        (CHAT, {**ASK, "model": "smysl/debate"}, 400, "needs a chat model"),
        (CHAT, {**ASK, "mesages": []}, 400, "did you mean 'messages'?"),
        (CHAT, {**ASK, "n": 2}, 400, "one answer"),
        (CHAT, {**ASK, "logprobs": True}, 400, "smysl.confidence"),
        (CHAT, {**ASK, "response_format": {"type": "json_object"}}, 400, "plain text"),
        (CHAT, {**ASK, "seed": -1}, 400, "seed is -1"),
        (CHAT, {**ASK, "messages": []}, 400, "last message"),
        (CHAT, {**ASK, "messages": [{"role": "user", "content": "x" * 40_000}]}, 400, "32768"),
        (CHAT, {**ASK, "messages": [{"role": "user", "content": "apples " * 1000}]}, 400, "tokens"),
        (CHAT, {**ASK, "messages": [{"role": "assistant", "content": "x"}]}, 400, "user's"),
        (CHAT, {**ASK, "smysl": {"fresh": "yes"}}, 400, "smysl.fresh"),
        (CHAT, {**ASK, "smysl": {"recall": 21}}, 400, "smysl.recall"),
        ("/v1/completions", {"model": "zerno", "prompt": [[]]}, 400, "prompt[0]"),
        ("/v1/completions", {"model": "zerno", "prompt": []}, 400, "empty list"),
        ("/v1/completions", {"model": "zerno", "prompt": ""}, 400, "at least one token"),
        ("/v1/completions", {"model": "zerno", "prompt": [99999]}, 400, "99999"),
        ("/v1/completions", {"model": "zerno", "prompt": [2**70]}, 400, ""),
        ("/v1/completions", {"model": "zerno", "prompt": "x " * 600}, 400, "takes 512 together"),
        (
            "/v1/completions",
            {"model": "zerno", "prompt": "x", "max_tokens": 0},
            400,
            "max_tokens is 0",
        ),
        ("/v1/completions", {"model": "zerno", "prompt": ["x"] * 100, "n": 2}, 400, "limit is 128"),
        ("/v1/completions", {"model": "zerno", "prompt": "x", "top_p": 0}, 400, "top_p"),
        (
            "/v1/completions",
            {"model": "zerno", "prompt": ["x " * 250] * 120, "echo": True, "logprobs": 20},
            400,
            "the limit is 500,000",
        ),
        ("/v1/embeddings", {"model": "smysl/solve", "input": "x"}, 400, "zerno"),
        ("/v1/embeddings", {"model": "zerno", "input": ""}, 400, "empty"),
        ("/v1/embeddings", {"model": "zerno", "input": [1.5]}, 400, "input[0]"),
        ("/v1/embeddings", {"model": "zerno", "input": "x " * 600}, 400, "512"),
        ("/v1/responses", {"model": "smysl/solve", "input": [{"type": "x"}]}, 400, "'x'"),
        (
            "/v1/responses",
            {"model": "smysl/solve", "input": "x", "background": True},
            400,
            "background",
        ),
        ("/v1/nothing", {}, 404, "/v1/chat/completions"),
    ],
)
def test_a_bad_request_is_answered_in_openais_shape(
    client: httpx.Client, path: str, body: Any, status: int, said: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = client.post(path, content=content, headers=JSON)
    error = reply.json()["error"]
    assert reply.status_code == status and said in error["message"], reply.text
    assert set(error) == {"message", "type", "param", "code"}
    assert "\n" not in error["message"] and "Traceback" not in reply.text


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "invalid_request_error"),
        ({"model": "smysl/solve", "messages": []}, 400, "max_tokens"),
        ({"model": "nope", "messages": [], "max_tokens": 5}, 404, "not_found_error"),
        ({"model": "smysl/solve", "messages": [], "max_tokens": 5, "topp": 1}, 400, "'top_p'"),
    ],
)
def test_a_bad_message_is_answered_in_anthropics_shape(
    client: httpx.Client, body: Any, status: int, said: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = client.post("/v1/messages", content=content, headers=JSON)
    assert reply.status_code == status and said in reply.text
    assert reply.json()["type"] == "error" and set(reply.json()["error"]) == {"type", "message"}


def test_wrong_methods_and_types_are_told_the_right_ones(client: httpx.Client) -> None:
    wrong = client.get(CHAT)
    assert wrong.status_code == 405 and wrong.headers["allow"] == "POST"
    assert client.post("/v1/models").status_code == 405
    assert client.post(CHAT, data={"model": "x"}).status_code == 415
    assert client.post(CHAT, content=b"{}").status_code == 415
    assert (
        client.post(CHAT, content=b"{}", headers=JSON | {"Content-Encoding": "br"}).status_code
        == 415
    )
    assert client.get("/v1/models/").status_code == 404
    assert client.head("/health").status_code == 200


def test_a_body_of_100_mb_is_refused_and_takes_no_memory(daemon: Any, client: httpx.Client) -> None:
    def flood() -> Iterator[bytes]:
        yield b'{"model": "'
        for _ in range(100):
            yield b"x" * 1_000_000

    client.get("/health")
    before = resident(daemon)
    length = {"Content-Length": "100000011"}
    for headers in (JSON, JSON | length):
        reply = client.post(CHAT, content=flood(), headers=headers)
        assert reply.status_code == 413 and "8,388,608" in reply.json()["error"]["message"]
    assert resident(daemon) - before < 30e6
    assert client.post(CHAT, json=ASK).json()["choices"][0]["message"]["content"] == "42"


def test_a_client_that_waits_for_leave_does_not_send_what_is_too_large(daemon: Any) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(120)
        raw.connect(daemon.socket)
        raw.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100000000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 413 ")


def test_headers_without_end_are_refused(daemon: Any) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(120)
        raw.connect(daemon.socket)
        raw.sendall(b"GET /health HTTP/1.1\r\nX: " + b"x" * 200_000)
        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")


def test_nothing_leaks_over_clients_that_break_off_anywhere(
    daemon: Any, client: httpx.Client
) -> None:
    content = json.dumps(ASK | {"stream": True}).encode()
    whole = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(content), content)
    )
    client.get("/health")
    before = descriptors(daemon)
    for cut in [*range(0, len(whole), 11), len(whole)]:
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(daemon.socket)
            raw.sendall(whole[:cut])
    deadline = time.monotonic() + 120
    alone = "\nsmysl_http_requests_in_progress 1\n"
    while descriptors(daemon) > before or runs(daemon) or alone not in client.get("/metrics").text:
        assert time.monotonic() < deadline, (descriptors(daemon), before, runs(daemon))
        time.sleep(0.05)


# ---------------------------------------------------------------- a daemon's life


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[http]\ntcp = "nowhere"\n', "http.tcp is 'nowhere'"),
        ('[http]\ntcp = "0.0.0.0:0"\ntoken = false\n', "http.token is false"),
        ("[http]\nsockets = true\n", "sockets"),
    ],
)
def test_settings_that_cannot_be_are_named_at_the_start(
    make_daemon: Any, settings: str, said: str
) -> None:
    daemon = make_daemon()
    with pytest.raises(AssertionError) as error:
        daemon.start(settings)
    assert said in str(error.value) and not Path(daemon.socket).exists()
    assert not daemon.dirs.socket.exists()


def test_a_token_that_others_can_read_stops_the_start(make_daemon: Any) -> None:
    daemon = make_daemon()
    daemon.dirs.http_token.write_text("a-token-that-is-long-enough")
    daemon.dirs.http_token.chmod(0o644)
    with pytest.raises(AssertionError, match="mode 0644"):
        daemon.start('[http]\ntcp = "127.0.0.1:0"\n')


def test_a_stale_socket_is_replaced_and_sighup_opens_tcp(make_daemon: Any) -> None:
    daemon = make_daemon()
    Path(daemon.socket).parent.mkdir(mode=0o700, parents=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(daemon.socket)
    daemon.start()
    with daemon.client() as client:
        assert client.get("/health").status_code == 200
        daemon.dirs.config_file.write_text('[http]\ntcp = "127.0.0.1:0"\n')
        daemon.signal(signal.SIGHUP)
        deadline = time.monotonic() + 120
        while "HTTP on " not in (log := daemon.dirs.log.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        address = log.partition("HTTP on ")[2].split()[0]
        token = daemon.dirs.http_token.read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"http://{address}/v1/models", headers=headers).status_code == 200
        assert client.get("/health").status_code == 200
    assert daemon.end() == 0 and not Path(daemon.socket).exists()


def test_sockets_of_a_supervisor_are_served_and_stay(make_daemon: Any) -> None:
    daemon = make_daemon()
    runtime = Path(daemon.socket).parent
    runtime.mkdir(mode=0o700, parents=True)
    own, http = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    with own, http:
        for listener, path in ((own, daemon.dirs.socket), (http, daemon.dirs.http_socket)):
            listener.bind(str(path))
            listener.listen()
        # as one unit passes them: two sockets of one name
        start = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4);"
            "os.environ |= {'LISTEN_FDS': '2', 'LISTEN_PID': str(os.getpid()),"
            "'LISTEN_FDNAMES': 'smysld:smysld'};"
            "sys.argv[1:] = []; from smysl_daemon.app import main; main()"
        )
        # above 4, so that neither is overwritten
        high = [os.dup2(one.fileno(), 50 + at) for at, one in enumerate((own, http))]
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", start, *map(str, high)],
            env=daemon.env,
            pass_fds=high,
            stderr=subprocess.PIPE,
        )
        for number in high:
            os.close(number)
        try:
            with daemon.client() as client:  # waits in the backlog until the daemon serves
                assert client.post(CHAT, json=ASK).json()["smysl"]["answer"] == "42"
            process.terminate()
            assert process.wait(120) == 0
        finally:
            process.kill()
            process.communicate()
        assert daemon.dirs.socket.exists() and daemon.dirs.http_socket.exists()


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="Debian: systemd")
def test_systemd_starts_the_daemon_for_its_first_http_client(make_daemon: Any) -> None:
    daemon = make_daemon()
    Path(daemon.socket).parent.mkdir(mode=0o700, parents=True)
    names = [name for name in daemon.env if name.startswith("SMYSL_")]
    words = ["systemd-socket-activate", *(word for name in names for word in ("-E", name))]
    for path in (daemon.dirs.socket, daemon.dirs.http_socket):
        words += ["-l", str(path)]
    process = subprocess.Popen(
        [*words, sys.executable, "-P", "-m", "smysl_daemon.app"],
        env=daemon.env,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 120
        while not Path(daemon.socket).exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        with daemon.client() as client:
            assert client.post(CHAT, json=ASK).json()["smysl"]["answer"] == "42"
        process.terminate()
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.communicate()
    assert Path(daemon.socket).exists()
