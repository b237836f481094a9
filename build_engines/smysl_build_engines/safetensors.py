"""Reads tensors from a safetensors file by mapping it into memory.

Knows the file format (8 bytes of header length, a JSON header, raw little-endian data) and refuses
files that
break it; knows nothing of models.
"""

import math
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from smysl_build_engines.errors import BadCheckpoint

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""

_BYTES = {"F32": 4, "F16": 2, "BF16": 2}


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class SafetensorsFile(Mapping[str, npt.NDArray[np.float32]]):
    """A file's tensors by name.
    `file[name]` is a new float32 array; nothing is kept but the mapping.

    Raises `BadCheckpoint` on opening for a file whose header does not describe it exactly.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                if size < 8:
                    raise self._bad(f"has {size} bytes; a header length alone takes 8")
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise self._bad(f"cannot be read: {error.strerror}") from error
        header_bytes = int.from_bytes(self._data[:8], "little")
        if header_bytes > min(size - 8, MAX_HEADER_BYTES):
            raise self._bad(
                f"announces a header of {header_bytes} bytes; the file has {size - 8} after the "
                f"length and {MAX_HEADER_BYTES} are allowed. Download or export it again"
            )
        self._start = 8 + header_bytes
        self._entries = self._read_header(self._data[8 : self._start])
        self._check_layout(size - self._start)

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        entry = self._entries[name]
        start, end = entry.data_offsets
        raw = self._data[self._start + start : self._start + end]
        match entry.dtype:
            case "F32":
                flat = np.frombuffer(raw, "<f4").astype(np.float32)
            case "F16":
                flat = np.frombuffer(raw, "<f2").astype(np.float32)
            case _:
                # a bfloat16 is the upper half of a float32
                flat = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        return flat.reshape(entry.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._entries[name].shape

    def _read_header(self, raw: bytes) -> dict[str, _Entry]:
        try:
            fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
            fields.pop("__metadata__", None)
            return {name: msgspec.json.decode(entry, type=_Entry) for name, entry in fields.items()}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._bad(f"has a header that cannot be read: {error}") from error

    def _check_layout(self, data_bytes: int) -> None:
        """The tensors must tile the data area: no gap, no overlap, nothing beyond the end."""
        at = 0
        for name, entry in sorted(self._entries.items(), key=lambda item: item[1].data_offsets):
            if entry.dtype not in _BYTES:
                known = ", ".join(_BYTES)
                raise self._bad(f"stores {name!r} as {entry.dtype}; supported are {known}")
            start, end = entry.data_offsets
            if any(length < 0 for length in entry.shape):
                raise self._bad(f"gives {name!r} the shape {entry.shape}")
            expected = math.prod(entry.shape) * _BYTES[entry.dtype]
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
