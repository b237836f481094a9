"""Sends a reply to a client that may be slow or leave, and stops the work when it does.

Knows ASGI and bytes; never an API's words. A client that leaves is noticed at once, one that takes
nothing for `STALL_LIMIT_S` is dropped; either way the work behind its response stops.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from starlette.types import Message, Receive, Scope, Send

from smysl_daemon.http.asking import Reply

log = logging.getLogger("smysl.http")
T = TypeVar("T")

STALL_LIMIT_S = 30.0
"""A client that takes nothing for this long is given up."""
KEEP_ALIVE_S = 15.0
"""After this long without news a comment is sent, so that nobody in between hangs up."""
KEEP_ALIVE = b": still at work\n\n"


class ClientGone(Exception):
    """Nobody is left to answer."""


class JsonResponse:
    """A JSON value as a whole response."""

    def __init__(
        self, value: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self._body = msgspec.json.encode(value)
        self._headers = {"Content-Type": "application/json"} | dict(headers or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self._headers | {"Content-Length": str(len(self._body))}
        await _bounded(scope, send, _start(self.status, headers))
        await _bounded(scope, send, {"type": "http.response.body", "body": self._body})


class EventsResponse:
    """Server-sent events, each as it comes."""

    def __init__(
        self, events: AsyncGenerator[bytes, None], reply: Reply, headers: Mapping[str, str]
    ) -> None:
        self._events = events
        self._reply = reply
        self._headers = {
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-cache",
            "X-Accel-Buffering": "no",
        } | dict(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await unless_gone(receive, self._tell(scope, send))
        except ClientGone:
            log.info("a client left in the middle of a stream")
        finally:
            self._reply.leave()

    async def _tell(self, scope: Scope, send: Send) -> None:
        await _bounded(scope, send, _start(200, self._headers))
        following = asyncio.ensure_future(anext(self._events, None))
        try:
            while True:
                done, _ = await asyncio.wait({following}, timeout=KEEP_ALIVE_S)
                chunk = following.result() if done else KEEP_ALIVE
                if chunk is None:
                    break
                if done:
                    following = asyncio.ensure_future(anext(self._events, None))
                await _bounded(
                    scope, send, {"type": "http.response.body", "body": chunk, "more_body": True}
                )
        finally:
            following.cancel()
            await asyncio.wait({following})
            await self._events.aclose()
        await _bounded(scope, send, {"type": "http.response.body", "body": b""})


async def unless_gone(receive: Receive, work: Awaitable[T]) -> T:
    """The work's result. Raises `ClientGone`, with the work cancelled, when the client leaves
    before. The request's body must have been read."""
    doing = asyncio.ensure_future(work)
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientGone
        return doing.result()
    finally:
        leaving.cancel()
        doing.cancel()
        await asyncio.wait({doing, leaving})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _bounded(scope: Scope, send: Send, message: Message) -> None:
    """Send, or drop a client that takes nothing."""
    try:
        async with asyncio.timeout(STALL_LIMIT_S):
            await send(message)
    except TimeoutError:
        log.info("a client took nothing for %g s: dropped", STALL_LIMIT_S)
        abort: Callable[[], Any] = scope["state"]["abort"]
        abort()
        raise ClientGone from None


def _start(status: int, headers: Mapping[str, str]) -> Message:
    pairs = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    ]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def event(value: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + msgspec.json.encode(value) + b"\n\n"
