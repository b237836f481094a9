"""Speaks HTTP with one server: JSON there and back, and streams of events.

Knows requests, time limits and repetitions; never what a request means. A request is repeated only before
anything of its reply has been used. All methods belong to one event loop.
"""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar, cast
from urllib.parse import urlsplit

import httpx2
import msgspec

from smysl_engines.base import EngineError
from smysl_engines.openai.backoff import delay, retry_after
from smysl_engines.openai.errors import (
    BACK_AGAIN,
    ServerBroke,
    ServerBusy,
    ServerFailed,
    ServerRefused,
    ServerSilent,
    ServerUnreachable,
)
from smysl_engines.openai.settings import ServerSettings

log = logging.getLogger(__name__)

REPLY_BYTES = 256 << 20
"""Of one JSON reply: log-probabilities of a large vocabulary take tens of megabytes."""
EVENT_BYTES = 64 << 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")
KEPT = 32
"""Connections that rest."""
SAID = 300
"""Characters of a server's own message that are passed on."""
T = TypeVar("T")


class Connection:
    """Connections over TLS are kept open between requests. Plain ones are cheap to open, and some servers
    (llama.cpp's) hold a thread for each that rests."""

    def __init__(self, settings: ServerSettings) -> None:
        # it would write a line for every request
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        self._settings = settings
        self._patience = settings.patience
        headers = {"User-Agent": "smysl"}
        kept = KEPT if settings.root.startswith("https:") else 0
        near = urlsplit(settings.root).hostname in LOOPBACK
        if not kept:
            headers["Connection"] = "close"
        if settings.key and not kept and not near:
            log.warning("the key is sent to %s without encryption; use https", settings.root)
        if settings.key:
            headers["Authorization"] = f"Bearer {settings.key}"
        try:
            self._client = httpx2.AsyncClient(
                headers=headers,
                # the whole wait for a reply is measured here, not by socket
                timeout=httpx2.Timeout(None, connect=self._patience.connect_s),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=kept),
                # a proxy for the world cannot reach this machine's own servers; of the environment they need
                # certificates at most
                trust_env=bool(kept) or not near,
                mounts={f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")},
            )
        except (ImportError, ValueError, httpx2.InvalidURL) as error:
            raise EngineError(
                f"the environment names a proxy that cannot be used for {settings.root}: {str(error).rstrip('.')}. "
                "Correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or name the server in NO_PROXY"
            ) from error

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, path: str) -> bytes:
        """The body of a reply that says 200. Raises `ServerFailed`."""
        return await self._repeated(lambda: self._whole("GET", path, None))

    async def post(self, path: str, body: dict[str, Any]) -> bytes:
        """As `get`."""
        return await self._repeated(lambda: self._whole("POST", path, body))

    @asynccontextmanager
    async def events(self, path: str, body: dict[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The data of each event of a stream, up to and without `[DONE]`. Leaving the context closes the
        stream, by which the server learns that nobody wants the rest. Raises `ServerFailed`: once the first
        event has come nothing is repeated."""
        stream = await self._repeated(lambda: self._begun(path, body))
        try:
            yield stream.rest()
        finally:
            await stream.close()

    async def _whole(self, method: str, path: str, body: dict[str, Any] | None) -> bytes:
        with _translated(self._settings.root):
            async with asyncio.timeout(self._patience.first_token_s):
                async with self._client.stream(method, self._url(path), **_content(body)) as reply:
                    data = await self._read(reply)
                    self._require_ok(reply, path, data)
                    return data

    async def _begun(self, path: str, body: dict[str, Any]) -> "_Events":
        """A stream with its first event."""
        request = self._client.build_request("POST", self._url(path), **_content(body))
        with _translated(self._settings.root):
            async with asyncio.timeout(self._patience.first_token_s):
                reply = await self._client.send(request, stream=True)
                try:
                    if reply.status_code != 200:
                        self._require_ok(reply, path, await self._read(reply))
                    events = _Events(self._settings, reply)
                    await events.fetch()
                except BaseException:
                    await reply.aclose()
                    raise
                return events

    async def _repeated(self, attempt: Callable[[], Awaitable[T]]) -> T:
        began, repetition = time.monotonic(), 0
        while True:
            try:
                return await attempt()
            except (ServerUnreachable, ServerBusy, ServerBroke) as error:
                if repetition >= self._patience.retries:
                    if not repetition:
                        raise
                    took = time.monotonic() - began
                    error.args = (f"{error} (tried {repetition + 1} times in {took:.1f} s)",)
                    raise
                asked = error.retry_after_s if isinstance(error, ServerBusy) else None
                await asyncio.sleep(delay(self._patience, repetition, asked))
                repetition += 1

    async def _read(self, reply: httpx2.Response) -> bytes:
        data = bytearray()
        async for chunk in reply.aiter_bytes():
            data += chunk
            if len(data) > REPLY_BYTES:
                raise ServerBroke(
                    f"{self._settings.root} sent a reply of over {REPLY_BYTES} bytes. Check that it is "
                    "an OpenAI-compatible server"
                )
        return bytes(data)

    def _require_ok(self, reply: httpx2.Response, path: str, data: bytes) -> None:
        status = reply.status_code
        if status == 200:
            return
        root, said = self._settings.root, _said(data)
        if status in (401, 403):
            raise ServerRefused(
                f"{root} refuses the key ({status}{said}). Set the right one: `key_file` or `key_env`",
                status,
            )
        if status == 429 or status >= 500 or status == 408:
            waiting = retry_after(reply.headers.get("retry-after"), time.time())
            raise ServerBusy(
                f"{root} is busy or failing ({status}{said}). Ask again later, lower `concurrency`, or look at "
                "the server's log",
                waiting,
            )
        raise ServerRefused(
            f"{root} refuses {path} ({status}{said}). Check its address, the model's name there and what it "
            "supports",
            status,
        )

    def _url(self, path: str) -> str:
        return f"{self._settings.root}{path}"


class _Events:
    """One stream of events."""

    def __init__(self, settings: ServerSettings, reply: httpx2.Response) -> None:
        self._settings = settings
        self._reply = reply
        source = aiter(httpx2.EventSource(reply, EVENT_BYTES))
        self._source = cast(AsyncGenerator[httpx2.ServerSentEvent], source)
        self._first: bytes | None = None

    async def fetch(self) -> None:
        """Wait for the first event. A stream without any is a broken one."""
        if (found := await anext(self._source, None)) is None:
            raise self._cut()
        self._first = found.data.encode()

    async def rest(self) -> AsyncIterator[bytes]:
        """Every event, the first one too."""
        data = self._first
        while data != b"[DONE]":
            assert data is not None
            yield data
            try:
                with _translated(self._settings.root):
                    async with asyncio.timeout(self._settings.patience.next_token_s):
                        found = await anext(self._source, None)
            except ServerSilent as error:
                raise ServerSilent(
                    f"{self._settings.root} has said nothing for {self._settings.patience.next_token_s:g} s in "
                    "the middle of an answer. Look at the server's log, or raise `next_token_seconds`"
                ) from error
            if found is None:
                return
            data = found.data.encode()

    async def close(self) -> None:
        await self._source.aclose()
        await self._reply.aclose()

    def _cut(self) -> ServerBroke:
        return ServerBroke(
            f"{self._settings.root} ended an answer before its first token. {BACK_AGAIN}"
        )


class _translated:
    """Errors of the HTTP library and of time limits become `ServerFailed`."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and not isinstance(error, ServerFailed):
            self._raise(error)

    def _raise(self, error: BaseException) -> None:
        match error:
            case httpx2.ConnectTimeout():
                raise ServerUnreachable(
                    f"{self._root} does not answer: no connection in time. {BACK_AGAIN}"
                ) from error
            case httpx2.ConnectError():
                if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error):
                    raise ServerUnreachable(
                        f"{self._root} cannot be trusted: {error}. Give it a certificate this machine "
                        "accepts, or name it by the host it was issued for"
                    ) from error
                raise ServerUnreachable(
                    f"{self._root} does not answer: {_plain(error)}. {BACK_AGAIN}"
                ) from error
            case TimeoutError() | httpx2.TimeoutException():
                raise ServerSilent(
                    f"{self._root} has not begun to answer in time. Look at the server's log, lower "
                    "`concurrency`, or raise `first_token_seconds`"
                ) from error
            case httpx2.InvalidURL() | httpx2.UnsupportedProtocol():
                raise ServerUnreachable(
                    f"{self._root} is no address of a server: {error}. Correct it"
                ) from error
            case httpx2.SSEError() | httpx2.DecodingError():
                raise ServerBroke(
                    f"{self._root} sent something that is no stream of events: {error}. Check that it is "
                    "an OpenAI-compatible server"
                ) from error
            case httpx2.HTTPError():
                raise ServerBroke(
                    f"{self._root} broke the connection: {_plain(error)}. {BACK_AGAIN}"
                ) from error


def decoded(root: str, data: bytes, type: type[T]) -> T:
    """JSON of one shape. Raises `ServerBroke`."""
    try:
        return msgspec.json.decode(data, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        garbled(root, data, str(error), error)


def garbled(root: str, data: bytes, what: str, cause: Exception | None = None) -> NoReturn:
    shown = data[:80].decode(errors="replace")
    raise ServerBroke(
        f"{root} sent {shown!r}, which is no reply of an OpenAI-compatible server: {what}. Check its address, or look "
        "at the server's log"
    ) from cause


def _content(body: dict[str, Any] | None) -> dict[str, Any]:
    if body is None:
        return {}
    return {
        "content": msgspec.json.encode(body),
        "headers": {"Content-Type": "application/json"},
    }


class _Message(msgspec.Struct):
    message: str = ""


class _Complaint(msgspec.Struct):
    error: _Message | str | None = None
    message: str = ""
    detail: Any = None


def _said(data: bytes) -> str:
    """A server's own words about a refusal, led in by a colon."""
    try:
        found = msgspec.json.decode(data, type=_Complaint)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        text = data.decode(errors="replace")
    else:
        error = found.error
        text = error.message if isinstance(error, _Message) else error or ""
        text = text or found.message or (found.detail if isinstance(found.detail, str) else "")
    text = " ".join(text.split())
    return f": {text[:SAID]}" if text else ""


def _plain(error: BaseException) -> str:
    """The system's own words, where they are the cause."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return str(error).rstrip(".") or type(error).__name__
