"""Writes the GGUF container: typed metadata, then tensors, each at an aligned place.

Knows the format (version 3, little-endian: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md);
never what a key or a tensor means to a model. Tensors are written piece by piece, so a file larger than
memory can be made.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Literal

import msgspec
import numpy as np

from smysl_build_engines.tensors import Float32

MAGIC = b"GGUF"
VERSION = 3
ALIGNMENT = 32
"""Bytes; the format's default, which need not be said in the metadata."""
Stored = Literal["f32", "f16"]
_TENSOR_TYPES: dict[Stored, int] = {"f32": 0, "f16": 1}
_BYTES: dict[Stored, int] = {"f32": 4, "f16": 2}
_U32, _I32, _F32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9


class U32(int):
    """A count: stored in 32 bits without sign."""


class Names(tuple[str, ...]):
    """An array of texts."""


class Kinds(tuple[int, ...]):
    """An array of 32-bit integers with sign."""


class Scores(tuple[float, ...]):
    """An array of 32-bit floats."""


Value = U32 | bool | float | str | Names | Kinds | Scores


class TensorPlan(msgspec.Struct, frozen=True):
    """A tensor before it is written."""

    name: str
    shape: tuple[int, ...]
    """As numpy has it, outermost first; the file lists the innermost first."""
    stored: Stored

    @property
    def bytes(self) -> int:
        count = 1
        for length in self.shape:
            count *= length
        return count * _BYTES[self.stored]


def write_header(file: BinaryIO, metadata: dict[str, Value], tensors: Sequence[TensorPlan]) -> None:
    """Everything before the tensors' data, which `write_tensor` must follow in the same order."""
    file.write(MAGIC + struct.pack("<IQQ", VERSION, len(tensors), len(metadata)))
    for key, value in metadata.items():
        file.write(_text(key) + _value(value))
    at = 0
    for tensor in tensors:
        dimensions = tuple(reversed(tensor.shape))
        file.write(_text(tensor.name))
        file.write(struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions))
        file.write(struct.pack("<IQ", _TENSOR_TYPES[tensor.stored], at))
        at += _aligned(tensor.bytes)
    file.write(b"\0" * (_aligned(file.tell()) - file.tell()))


def write_tensor(file: BinaryIO, tensor: TensorPlan, pieces: Iterable[Float32]) -> None:
    """`pieces`: its rows in order. Raises `OverflowError` where a number is too large for float16."""
    written = 0
    for piece in _converted(pieces, tensor):
        file.write(piece)
        written += len(piece)
    assert written == tensor.bytes, tensor.name
    file.write(b"\0" * (_aligned(written) - written))


def _converted(pieces: Iterable[Float32], tensor: TensorPlan) -> Iterator[bytes]:
    for piece in pieces:
        if tensor.stored == "f32":
            yield piece.astype("<f4").tobytes()
            continue
        with np.errstate(over="ignore"):
            halves = piece.astype("<f2")
        if not np.isfinite(halves).all():
            largest = float(np.abs(piece).max())
            raise OverflowError(f"tensor {tensor.name} holds {largest:g}; float16 ends at 65504")
        yield halves.tobytes()


def _aligned(count: int) -> int:
    return -(-count // ALIGNMENT) * ALIGNMENT


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", _BOOL, value)
        case U32():
            return struct.pack("<II", _U32, value)
        case float():
            return struct.pack("<If", _F32, value)
        case str():
            return struct.pack("<I", _STRING) + _text(value)
        case Names():
            return _array(_STRING, len(value)) + b"".join(map(_text, value))
        case Kinds():
            return _array(_I32, len(value)) + struct.pack(f"<{len(value)}i", *value)
        case Scores():
            return _array(_F32, len(value)) + struct.pack(f"<{len(value)}f", *value)


def _array(kind: int, count: int) -> bytes:
    return struct.pack("<IIQ", _ARRAY, kind, count)
