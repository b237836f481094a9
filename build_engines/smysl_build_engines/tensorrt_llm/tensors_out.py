"""Writes tensors as a Hugging Face checkpoint does: bfloat16 safetensors, in shards with an index.

Knows the file format and sizes; never what a tensor is for. Some rows are in memory at a time.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from smysl_build_engines.checkpoint import INDEX_FILE, WEIGHTS_FILE
from smysl_build_engines.tensors import Float32

SHARD_BYTES = 5_000_000_000
_ALIGNMENT = 8
"""Of the header, so that readers may map the data."""

Pieces = Callable[[], Iterable[Float32]]
"""A tensor's rows in order, cut anywhere between rows."""


class Out(msgspec.Struct, frozen=True):
    shape: tuple[int, ...]
    pieces: Pieces

    @property
    def bytes(self) -> int:
        return 2 * int(np.prod(self.shape, dtype=np.int64))


def write_tensors(
    folder: Path, tensors: Mapping[str, Out], shard_bytes: int = SHARD_BYTES
) -> tuple[str, ...]:
    """Names of the files, each on disk before this returns. One shard alone has no index."""
    shards = _shards(tensors, shard_bytes)
    names = (
        [WEIGHTS_FILE]
        if len(shards) == 1
        else [f"model-{n + 1:05d}-of-{len(shards):05d}.safetensors" for n in range(len(shards))]
    )
    for name, shard in zip(names, shards, strict=True):
        _write_shard(folder / name, {tensor: tensors[tensor] for tensor in shard})
    if len(shards) > 1:
        places = {
            tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard
        }
        index = {
            "metadata": {"total_size": sum(tensor.bytes for tensor in tensors.values())},
            "weight_map": places,
        }
        (folder / INDEX_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(index)))
        names.append(INDEX_FILE)
    return tuple(names)


def to_bfloat16(values: Float32) -> npt.NDArray[np.uint16]:
    """The upper halves, to the nearest and at a tie to the even one; what is not a number stays so."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) >> 16
    # adding could carry the payload of a NaN into infinity
    quiet = (bits >> 16) | np.uint32(0x40)
    return np.where(np.isnan(values), quiet, rounded).astype(np.uint16)


def _shards(tensors: Mapping[str, Out], most: int) -> list[Sequence[str]]:
    shards: list[list[str]] = [[]]
    filled = 0
    for name, tensor in tensors.items():
        if shards[-1] and filled + tensor.bytes > most:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += tensor.bytes
    return list(shards)


def _write_shard(path: Path, tensors: Mapping[str, Out]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": "BF16",
            "shape": tensor.shape,
            "data_offsets": (at, at + tensor.bytes),
        }
        at += tensor.bytes
    raw = msgspec.json.encode(header)
    raw += b" " * (-len(raw) % _ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little"))
        file.write(raw)
        for tensor in tensors.values():
            start = file.tell()
            for piece in tensor.pieces():
                file.write(to_bfloat16(piece).tobytes())
            assert file.tell() - start == tensor.bytes
        file.flush()
        os.fsync(file.fileno())
