"""What an adapter changes of a model: the low-rank part of each tensor, and the tensors with it.

LoRA (Hu et al., 2021), its activated form (aLoRA; Greenewald et al., 2025) and DoRA (Liu et al.,
2024). Knows the decoder's names and shapes; never where an adapter comes from or how an engine
keeps it.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
import numpy as np

from smysl_build_engines.tensors import Float32, Tensors
from smysl_engines.manifest import FileEntry

Kind = Literal["lora", "alora"]


class LowRank(msgspec.Struct, frozen=True):
    """W becomes W + b @ a; with a magnitude, each row of that is brought to its length (DoRA)."""

    module: str
    """In the checkpoint. The parts of one module share `a`."""
    a: Float32
    """[rank, in]"""
    b: Float32
    """[out, rank], times the adapter's scaling."""
    magnitude: Float32 | None = None
    """[out]"""

    @property
    def rank(self) -> int:
        return len(self.a)


Changes = Mapping[str, LowRank]
"""By the decoder's name of the tensor, `layers.3.q.weight`."""


class Adapter(msgspec.Struct, frozen=True):
    """An adapter checked against its base."""

    name: str
    kind: Kind
    invocation: tuple[int, ...]
    """Token ids that an activated adapter sets in at."""
    changes: Changes
    source: dict[str, FileEntry]
    """The files it was read from."""

    @property
    def has_magnitudes(self) -> bool:
        return any(change.magnitude is not None for change in self.changes.values())


def scaled(changes: Changes, weight: float) -> Changes:
    """`weight` times the change. Not for magnitudes, which no sum can express."""
    assert all(change.magnitude is None for change in changes.values())
    return {
        name: msgspec.structs.replace(change, b=np.float32(weight) * change.b)
        for name, change in changes.items()
    }


class Merged(Tensors):
    """A model's tensors with an adapter's change added where it has one."""

    def __init__(self, weights: Tensors, changes: Changes) -> None:
        assert changes.keys() <= set(weights)
        self._weights = weights
        self._changes = changes

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._weights.shape(name)

    def rows(self, name: str, start: int, stop: int) -> Float32:
        rows = self._weights.rows(name, start, stop)
        if (change := self._changes.get(name)) is None:
            return rows
        summed = rows + change.b[start:stop] @ change.a
        if change.magnitude is None:
            return summed
        lengths = np.linalg.norm(summed, axis=1)
        return np.asarray(summed * (change.magnitude[start:stop] / lengths)[:, None], np.float32)
