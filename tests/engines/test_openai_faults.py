"""Servers that are down, busy, wrong or broken: a named error with what to do, nothing half-said as whole, and later
calls work."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from byte_tokenizer import byte_tokenizer
from openai_server import FakeServer, Fault, greedy

from smysl_engines.base import Call, Delta, EngineError, Finish, PromptTooLong, Sampling
from smysl_engines.openai.engine import OpenAIEngine
from smysl_engines.openai.errors import (
    ServerBroke,
    ServerBusy,
    ServerFailed,
    ServerSilent,
    ServerUnfit,
    ServerUnreachable,
)
from smysl_engines.openai.settings import Patience, ServerSettings

PROMPT = tuple(byte_tokenizer().encode("the name of Anna").ids)
KEY = "sk-nobody-may-read-this"
PATIENCE_S = 60.0
CALL = Call(prompt=PROMPT, sampling=Sampling(max_tokens=12), logprobs=True)
SAMPLED = Call(prompt=PROMPT, sampling=Sampling(max_tokens=12, temperature=1.0))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    byte_tokenizer().save(str(path))
    return path


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    yield made
    made.close()


Open = Callable[..., OpenAIEngine]


@pytest.fixture
def opened(tokenizer: Path) -> Iterator[Open]:
    engines: list[OpenAIEngine] = []

    def make(url: str, **settings: object) -> OpenAIEngine:
        patience = settings.pop("patience", Patience(backoff_s=0.01, retries=2))
        remember = settings.pop("remember", None)
        file = settings.pop("tokenizer", tokenizer)
        made = ServerSettings(url=url, patience=patience, **settings)  # type: ignore[arg-type]
        engine = OpenAIEngine(made, file, remember=remember)  # type: ignore[arg-type]
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


async def said(engine: OpenAIEngine, call: Call = CALL) -> list[int]:
    ids: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        async for item in engine.submit(call):
            if isinstance(item, Delta):
                ids += item.ids
            else:
                assert isinstance(item, Finish) and item.generated_tokens == len(ids)
                return ids
    raise AssertionError("no finish")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, headers={"Retry-After": "0"}),
        Fault(status=500),
        Fault(status=503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        Fault(cut=0),
        Fault(stops=0),
    ],
)
@pytest.mark.parametrize("call", [CALL, SAMPLED])
async def test_a_request_is_repeated_until_its_first_token(
    server: FakeServer, opened: Open, fault: Fault, call: Call
) -> None:
    engine = opened(server.url)
    wanted = await said(engine, call)
    server.requests.clear()
    server.faults += [fault, fault]
    assert await said(engine, call) == wanted
    assert len(server.requests) == 3 and server.requests[0] == server.requests[2]


async def test_a_server_that_stays_busy_is_named_with_its_own_words(
    server: FakeServer, opened: Open
) -> None:
    engine = opened(server.url)
    assert engine.connect() is None
    server.faults += [Fault(status=429)] * 3
    with pytest.raises(ServerBusy) as caught:
        await said(engine)
    text = str(caught.value)
    assert server.url in text and "429" in text and "out of order" in text and "3 times" in text
    assert engine.stats().finished == {"failed": 1}
    assert await said(engine) == greedy(PROMPT, 12)


async def test_a_greedy_answer_goes_on_after_a_break(server: FakeServer, opened: Open) -> None:
    engine = opened(server.url)
    assert engine.connect() is None
    server.requests.clear()
    server.faults += [Fault(cut=3), Fault(stops=2), Fault(garbled=1)]
    assert await said(engine) == greedy(PROMPT, 12)
    begun = [len(body["prompt"]) - len(PROMPT) for _, body in server.requests]
    assert begun == [0, 3, 5, 6]


@pytest.mark.parametrize("fault", [Fault(cut=3), Fault(stops=3), Fault(garbled=3)])
async def test_a_sampled_answer_that_breaks_fails_for_it_would_be_drawn_otherwise(
    server: FakeServer, opened: Open, fault: Fault
) -> None:
    engine = opened(server.url)
    assert engine.connect() is None
    server.faults.append(fault)
    ids: list[int] = []
    with pytest.raises(ServerBroke, match=server.url):
        async for item in engine.submit(SAMPLED):
            assert isinstance(item, Delta)
            ids += item.ids
    assert len(ids) == 3
    assert ids == (await said(engine, SAMPLED))[:3]


@pytest.mark.parametrize("raw", [b"<html>hello</html>", b"{}", b'{"tokens": "no"}', b"\xff\xfe"])
async def test_a_reply_that_makes_no_sense_is_no_answer(
    server: FakeServer, opened: Open, raw: bytes
) -> None:
    engine = opened(server.url)
    assert engine.connect() is None
    server.faults += [Fault(raw=raw)] * 3
    with pytest.raises(ServerBroke, match=server.url):
        await said(engine)
    assert await said(engine) == greedy(PROMPT, 12)


async def test_a_server_that_says_nothing_is_given_up_in_time(
    server: FakeServer, opened: Open
) -> None:
    for silent, patience, words in (
        (0, Patience(first_token_s=0.2, next_token_s=PATIENCE_S), "first_token_seconds"),
        (4, Patience(first_token_s=PATIENCE_S, next_token_s=0.2), "next_token_seconds"),
    ):
        engine = opened(server.url, patience=patience)
        assert engine.connect() is None
        server.faults.append(Fault(silent=silent))
        with pytest.raises(ServerSilent, match=words):
            await said(engine)
    assert await asyncio.to_thread(server.dropped.acquire, timeout=PATIENCE_S)


async def test_a_server_may_be_down_at_the_start_and_come_back(
    server: FakeServer, opened: Open
) -> None:
    server.stop()
    engine = opened(server.url)
    problem = engine.connect()
    assert problem is not None and server.url in problem and "refused" in problem
    assert engine.info.backend == "openai" and engine.info.device == server.url
    with pytest.raises(ServerUnreachable, match="Start it again"):
        await said(engine)
    server.start()
    assert await said(engine) == greedy(PROMPT, 12)
    assert engine.info.model == "tiny" and engine.info.context == 256
    with pytest.raises(PromptTooLong):
        engine.submit(Call(prompt=PROMPT, sampling=Sampling(max_tokens=1000)))


async def test_what_a_call_asks_too_much_of_is_found_out_once_the_server_is_seen(
    server: FakeServer, opened: Open
) -> None:
    engine = opened(server.url)
    with pytest.raises(PromptTooLong, match="256"):
        await said(engine, Call(prompt=PROMPT, sampling=Sampling(max_tokens=1000)))


async def test_a_server_that_dies_fails_what_runs_and_serves_again_when_it_is_back(
    server: FakeServer, opened: Open
) -> None:
    server.seconds_per_token = 0.02
    engine = opened(server.url)
    long = Call(prompt=PROMPT, sampling=Sampling(max_tokens=100))
    streams = [engine.submit(long) for _ in range(3)]
    for stream in streams:
        await anext(stream)
    await asyncio.to_thread(server.stop)
    for stream in streams:
        with pytest.raises(ServerFailed, match=server.url):
            async for _ in stream:
                pass
    server.seconds_per_token = 0.0
    await asyncio.to_thread(server.start)
    assert await said(engine) == greedy(PROMPT, 12)
    assert engine.stats().running == engine.stats().waiting == 0


def test_an_engine_is_the_same_while_its_server_is_away(
    server: FakeServer, opened: Open, tmp_path: Path
) -> None:
    first = opened(server.url, remember=tmp_path / "seen" / "server.json")
    assert first.connect() is None
    server.stop()
    again = opened(server.url, remember=tmp_path / "seen" / "server.json")
    assert again.connect() is not None
    assert again.info == first.info
    forgetful = opened(server.url)
    assert forgetful.info.fingerprint != first.info.fingerprint


def test_another_model_behind_the_same_address_is_another_engine(
    server: FakeServer, opened: Open
) -> None:
    first = opened(server.url)
    assert first.connect() is None
    server.models[0]["id"] = "larger"
    second = opened(server.url)
    assert second.connect() is None
    assert second.info.fingerprint != first.info.fingerprint


@pytest.mark.parametrize("proxy", ["ftp://proxy:21", "http://proxy:none:3128"])
def test_a_proxy_that_cannot_be_used_is_named_and_left_alone_by_servers_of_this_machine(
    server: FakeServer, opened: Open, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    assert opened(server.url).connect() is None
    with pytest.raises(EngineError, match="http://192.0.2.1:8080.*ALL_PROXY"):
        opened("http://192.0.2.1:8080")


def test_a_wrong_key_is_refused_and_never_shown(opened: Open) -> None:
    server = FakeServer(key=KEY)
    try:
        assert opened(server.url, key=KEY).connect() is None
        problem = opened(server.url, key="sk-wrong").connect()
        assert problem is not None and "refuses the key" in problem
        assert KEY not in problem and "sk-wrong" not in problem
    finally:
        server.close()


@pytest.mark.parametrize(
    ("traits", "settings", "words"),
    [
        ({"models": [{"id": "a"}, {"id": "b"}]}, {}, "2 models: a, b"),
        ({}, {"model": "b"}, "no model 'b'; it has: tiny"),
        ({"models": []}, {}, "serves 0 models"),
        ({"vocabulary": 20}, {}, "with 20 tokens"),
        ({"flavour": "chat"}, {}, "only chats.*no|only chats.*neither"),
    ],
)
async def test_a_server_that_does_not_fit_says_why(
    server: FakeServer,
    opened: Open,
    traits: dict[str, object],
    settings: dict[str, object],
    words: str,
) -> None:
    for name, value in traits.items():
        setattr(server, name, value)
    engine = opened(server.url, **settings)
    with pytest.raises(ServerUnfit, match=words):
        await said(engine)


def test_a_page_that_is_no_such_server_is_told(opened: Open) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        engine = opened(url, patience=Patience(first_token_s=0.2, retries=0))
        problem = engine.connect()
    assert problem is not None and "has not begun to answer" in problem


@pytest.mark.parametrize("url", ["http://", "127.0.0.1:8080", "http://127.0.0.1:99999", "http://["])
def test_what_is_no_address_is_refused_at_once(opened: Open, url: str) -> None:
    with pytest.raises(EngineError, match="no address of a server"):
        opened(url)


def test_a_certificate_that_nobody_vouches_for_is_refused(opened: Open, tmp_path: Path) -> None:
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        + ["-subj", "/CN=127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=tmp_path,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("needs openssl to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def serve() -> str | None:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=context)
        async with server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            engine = opened(url, patience=Patience(retries=0))
            return await asyncio.to_thread(engine.connect)

    problem = asyncio.run(serve())
    assert problem is not None and "cannot be trusted" in problem


def test_a_tokenizer_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineError, match="tokenizer.json"):
        OpenAIEngine(ServerSettings(url="http://127.0.0.1:1"), tmp_path / "tokenizer.json")
    with pytest.raises(EngineError, match="missing"):
        OpenAIEngine(ServerSettings(url="http://127.0.0.1:1"), tmp_path / "missing.json")


async def test_embeddings_that_a_server_has_not_are_refused(
    server: FakeServer, opened: Open
) -> None:
    engine = opened(server.url)
    with pytest.raises(EngineError, match="embeddings"):
        await asyncio.to_thread(engine.embed, [PROMPT])
    server.embeds = True
    found = await asyncio.to_thread(engine.embed, [PROMPT, PROMPT])
    assert found == [[1.0, 0.0], [0.6, 0.8]]
