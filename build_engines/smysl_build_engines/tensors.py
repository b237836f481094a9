"""Tensors by name that are computed or read anew at every look-up, whole or some rows of them.

Knows names and rows; what a tensor is for, and where it lies, is its owner's business.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

CHUNK_BYTES = 16_000_000
"""Of float32 rows handled at a time."""


class Tensors(Mapping[str, Float32]):
    """`tensors[name]` is a float32 array of the caller's own.
    Nothing is kept, so that a model larger than memory can be read.
    """

    @abstractmethod
    def shape(self, name: str) -> tuple[int, ...]:
        """Raises `KeyError`, as everything here does for a name that is not there."""

    @abstractmethod
    def rows(self, name: str, start: int, stop: int) -> Float32:
        """[stop - start, ...] of the tensor's first axis; a scalar has one row."""

    def __getitem__(self, name: str) -> Float32:
        shape = self.shape(name)
        return self.rows(name, 0, shape[0] if shape else 1).reshape(shape)

    def chunks(self, name: str) -> Iterator[Float32]:
        """The whole tensor in pieces of rows, each of about `CHUNK_BYTES` or one row."""
        shape = self.shape(name)
        row_bytes = 4 * int(np.prod(shape[1:], dtype=np.int64))
        step = max(1, CHUNK_BYTES // max(1, row_bytes))
        for start in range(0, shape[0], step):
            yield self.rows(name, start, min(start + step, shape[0]))


class Held(Tensors):
    """Tensors in memory."""

    def __init__(self, arrays: Mapping[str, Float32]) -> None:
        self._arrays = dict(arrays)

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._arrays[name].shape

    def rows(self, name: str, start: int, stop: int) -> Float32:
        return self._arrays[name][start:stop]
