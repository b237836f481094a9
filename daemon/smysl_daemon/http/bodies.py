"""Reads a request's body: its type, its size while it arrives, its JSON.

Knows bytes and headers; never fields or what they mean.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from smysl_daemon.http.failures import ApiError, refused

BODY_LIMIT = 8 * 1024 * 1024
"""Most bytes of a body."""
BODY_SECONDS = 30.0
"""Longest time for a body to arrive."""
DISCARD_SECONDS = 5.0
"""How long the rest of an oversized body is read and thrown away, so that its sender finishes
writing and reads the refusal."""
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.ASCII)
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.IGNORECASE | re.ASCII)


async def json_body(headers: Mapping[str, str], chunks: AsyncIterator[bytes]) -> dict[str, Any]:
    """The object that a body holds. Raises `ApiError`: 415 for another content type, 413 for more
    than `BODY_LIMIT` bytes (of which no more are kept), 408 for one that does not arrive, 400 for
    what is no JSON object."""
    _check_type(headers)
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > BODY_LIMIT and "expect" in headers:
        raise _too_large(f"{int(length):,}")  # it has not been sent yet
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return parsed(await _whole(chunks))
    except TimeoutError:
        raise ApiError(
            408,
            f"the body did not arrive within {BODY_SECONDS:g} s; send it again",
            headers={"Connection": "close"},
        ) from None


def parsed(body: bytes) -> dict[str, Any]:
    """Raises `ApiError` 400 naming the place of a mistake."""
    try:
        found = msgspec.json.decode(body)
    except RecursionError:
        raise refused("the body is nested too deeply; send a flatter one") from None
    except UnicodeDecodeError as error:
        raise refused(f"the body is not UTF-8 at byte {error.start}; encode it as UTF-8") from None
    except msgspec.DecodeError as error:
        raise refused(f"the body is not JSON: {_placed(str(error), body)}") from None
    if not isinstance(found, dict):
        kind = "null" if found is None else type(found).__name__
        raise refused(f"the body must be a JSON object, not {kind}")
    return found


async def _whole(chunks: AsyncIterator[bytes]) -> bytes:
    kept = bytearray()
    async for chunk in chunks:
        if len(kept) + len(chunk) > BODY_LIMIT:
            size = len(kept) + len(chunk)
            kept.clear()
            await _discarded(chunks)
            raise _too_large(f"{size:,} or more")
        kept += chunk
    return bytes(kept)


async def _discarded(chunks: AsyncIterator[bytes]) -> None:
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            async for _ in chunks:
                pass
    except TimeoutError:
        pass


def _check_type(headers: Mapping[str, str]) -> None:
    found = headers.get("content-type", "")
    if not _JSON.fullmatch(found.strip()):
        shown = repr(found[:80]) if found else "missing"
        raise ApiError(
            415, f"the content type is {shown}; send JSON with 'Content-Type: application/json'"
        )
    charset = _CHARSET.search(found)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise ApiError(415, f"the charset is {charset[1]!r}; send the body as UTF-8")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise ApiError(415, f"the content encoding is {encoding[:40]!r}; send the body as it is")


def _too_large(size: str) -> ApiError:
    return ApiError(
        413,
        f"the body has {size} bytes; the limit is {BODY_LIMIT:,}. Send less at once.",
        headers={"Connection": "close"},
    )


def _placed(message: str, body: bytes) -> str:
    """With line and column beside the byte; what was cut off ends at its end."""
    found = re.search(r" \(byte (\d+)\)", message)
    at = int(found[1]) if found else len(body)
    before = body[:at]
    line = before.count(b"\n") + 1
    column = len(before) - (before.rfind(b"\n") + 1) + 1
    said = message[: found.start()] if found else message
    return f"{said} (byte {at}, line {line}, column {column})"
