"""Reads tensors from a safetensors file, some rows at a time.

Knows the file format (8 bytes of header length, a JSON header, raw little-endian data) and refuses
files that break it; knows nothing of models.
"""

import math
import os
import weakref
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from smysl_build_engines.errors import BadCheckpoint
from smysl_build_engines.tensors import Float32, Tensors

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""

_STORED: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
}


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class SafetensorsFile(Tensors):
    """A file's tensors by name. The file is read, not mapped: pages of a mapping would count as
    this process's memory.

    Raises `BadCheckpoint` on opening for a file whose header does not describe it exactly.
    """

    def __init__(self, path: Path, buffers: Container[str] = ()) -> None:
        """`buffers`: tensors that may be of any type, because nobody reads them."""
        self.path = path
        self._buffers = buffers
        try:
            self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._handle)
            size = os.fstat(self._handle).st_size
        except OSError as error:
            raise self._bad(f"cannot be read: {error.strerror}") from error
        if size < 8:
            raise self._bad(
                f"has {size} bytes; a header length alone takes 8. Download or export it again"
            )
        header_bytes = int.from_bytes(self._read(0, 8), "little")
        if header_bytes > min(size - 8, MAX_HEADER_BYTES):
            raise self._bad(
                f"announces a header of {header_bytes} bytes; the file has {size - 8} after the "
                f"length and {MAX_HEADER_BYTES} are allowed. Download or export it again"
            )
        self._start = 8 + header_bytes
        self._entries = self._read_header(self._read(8, header_bytes))
        self._check_layout(size - self._start)

    def rows(self, name: str, start: int, stop: int) -> Float32:
        entry = self._entries[name]
        row = math.prod(entry.shape[1:])
        stored = np.empty((stop - start) * row, _STORED[entry.dtype])
        first = self._start + entry.data_offsets[0] + start * row * stored.itemsize
        self._read_into(first, stored)
        if entry.dtype == "BF16":
            # a bfloat16 is the upper half of a float32
            flat = np.left_shift(stored, 16, dtype=np.uint32).view(np.float32)
        else:
            flat = stored.astype(np.float32, copy=False)
        return flat.reshape(-1, *entry.shape[1:])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._entries[name].shape

    def _read(self, start: int, count: int) -> bytes:
        buffer = np.empty(count, np.uint8)
        self._read_into(start, buffer)
        return buffer.tobytes()

    def _read_into(self, start: int, array: npt.NDArray[Any]) -> None:
        if not array.size:
            return
        left = array.view(np.uint8).data
        try:
            while left and (count := os.preadv(self._handle, [left], start)):
                left, start = left[count:], start + count
        except OSError as error:
            raise self._bad(f"cannot be read: {error.strerror}") from error
        if left:
            raise self._bad("became shorter while it was read. Build again")

    def _read_header(self, raw: bytes) -> dict[str, _Entry]:
        try:
            fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
            fields.pop("__metadata__", None)
            return {name: msgspec.json.decode(entry, type=_Entry) for name, entry in fields.items()}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._bad(
                f"has a header that cannot be read: {error}. Download or export it again"
            ) from error

    def _check_layout(self, data_bytes: int) -> None:
        """The tensors must tile the data area: no gap, no overlap, nothing beyond the end."""
        at = 0
        for name, entry in sorted(self._entries.items(), key=lambda item: item[1].data_offsets):
            if entry.dtype not in _STORED and name not in self._buffers:
                known = ", ".join(_STORED)
                raise self._bad(f"stores {name!r} as {entry.dtype}; supported are {known}")
            start, end = entry.data_offsets
            if any(length < 0 for length in entry.shape):
                raise self._bad(f"gives {name!r} the shape {entry.shape}")
            if entry.dtype in _STORED:
                expected = math.prod(entry.shape) * _STORED[entry.dtype].itemsize
            else:
                expected = max(0, end - start)
            if start != at or end - start != expected:
                raise self._bad(
                    f"places {name!r} at bytes {start} to {end}; its shape and place demand "
                    f"{at} to {at + expected}"
                )
            at = end
        if at != data_bytes:
            raise self._bad(
                f"holds {data_bytes} bytes of data; its header describes {at}. "
                "Download or export it again"
            )

    def _bad(self, what: str) -> BadCheckpoint:
        return BadCheckpoint(f"{self.path} {what}.")
