"""Frames: a 4-byte big-endian length, then that many bytes of msgpack.

Knows bytes and message unions; never a socket or an event loop, so both sides share it.
"""

import struct
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from smysl_daemon.errors import BadMessage, FrameTooLarge
from smysl_daemon.protocol import ClientMessage, DaemonMessage, ErrorReply, Welcome

MAX_FRAME = 4 * 1024 * 1024
"""Most bytes of msgpack in one frame."""
HEADER = struct.Struct(">I")

_encoder = msgspec.msgpack.Encoder()
M = TypeVar("M")


def encode(message: ClientMessage | DaemonMessage) -> bytes:
    """One frame. Raises `FrameTooLarge` over the cap."""
    payload = _encoder.encode(message)
    if len(payload) > MAX_FRAME:
        raise FrameTooLarge(
            f"the message takes {len(payload):,} bytes; a frame holds at most {MAX_FRAME:,}. "
            "Shorten the text."
        )
    return HEADER.pack(len(payload)) + payload


class Decoder(Generic[M]):
    """Payload bytes to a message of one direction; built once, typed."""

    def __init__(self, union: object) -> None:
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(union)

    def decode(self, payload: bytes) -> M:
        """Raises `BadMessage` for bytes that are no message of this direction."""
        try:
            return self._decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadMessage(f"not a message of this protocol: {error}") from None


def client_messages() -> Decoder[ClientMessage]:
    return Decoder(ClientMessage)


def daemon_messages() -> Decoder[DaemonMessage]:
    return Decoder(DaemonMessage)


def handshake_messages() -> Decoder[Welcome | ErrorReply]:
    """What a daemon may say before it was asked anything."""
    return Decoder(Welcome | ErrorReply)


def payload_length(header: bytes) -> int:
    """Length announced by a 4-byte header. Raises `FrameTooLarge` over the cap."""
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME:
        raise FrameTooLarge(
            f"a frame of {length:,} bytes is announced; the limit is {MAX_FRAME:,}. "
            "Either the peer does not speak this protocol, or its message must be shorter."
        )
    assert isinstance(length, int)
    return length


class FrameBuffer:
    """Collects bytes as they arrive and gives out whole payloads."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes and yield each payload that is now whole. Raises `FrameTooLarge`."""
        self._bytes += data
        while len(self._bytes) >= HEADER.size:
            end = HEADER.size + payload_length(bytes(self._bytes[: HEADER.size]))
            if len(self._bytes) < end:
                return
            payload = bytes(self._bytes[HEADER.size : end])
            del self._bytes[:end]
            yield payload

    @property
    def partial(self) -> bool:
        """True inside a frame: an end of the stream here is a broken peer."""
        return bool(self._bytes)
