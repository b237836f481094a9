"""Widens heads to a size the runtime's attention takes, without changing what is computed.

The runtime rotates heads whose size is a multiple of 16 and whose turned halves are multiples of 8.
Features of zero weight are put after each half and at the end: zeros add nothing to a score and
nothing to a value. Knows a head's layout; never a graph or a file.
"""

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.families.table import role_of
from smysl_build_engines.low_rank import LowRank
from smysl_build_engines.rotary import Rope
from smysl_build_engines.tensors import Float32, Tensors

_HEAD_MULTIPLE = 16
_HALF_MULTIPLE = 8


class Padded(msgspec.Struct, frozen=True):
    """The same function in a shape the runtime takes."""

    decoder: Decoder
    weights: Tensors


def pad_heads(decoder: Decoder, weights: Tensors) -> Padded:
    """The model as it is if its heads fit already."""
    places = _places(decoder)
    if np.array_equal(places, np.arange(decoder.head_dim)):
        return Padded(decoder, weights)
    wider = _width(decoder)
    # a norm divides by the number of features: the zeros must not count
    share = decoder.head_dim / wider
    padded = msgspec.structs.replace(
        decoder,
        head_dim=wider,
        ropes=tuple(_pad_rope(rope) for rope in decoder.ropes),
        qk_norm_eps=decoder.qk_norm_eps * share,
    )
    return Padded(padded, _PaddedWeights(decoder, padded, weights, places))


def pad_change(narrow: Decoder, wide: Decoder, name: str, change: LowRank) -> LowRank:
    """An adapter's change of the tensor `name`, in the shape that `pad_heads` gave it."""
    if narrow.head_dim == wide.head_dim:
        return change
    places = _places(narrow)
    match role_of(name):
        case "q" | "k" | "v":
            assert change.magnitude is None
            heads = change.b.reshape(-1, narrow.head_dim, change.rank)
            wider = np.zeros((len(heads), wide.head_dim, change.rank), np.float32)
            wider[:, places] = heads
            return msgspec.structs.replace(change, b=wider.reshape(-1, change.rank))
        case "o":
            heads = change.a.reshape(change.rank, -1, narrow.head_dim)
            wider = np.zeros((*heads.shape[:2], wide.head_dim), np.float32)
            wider[:, :, places] = heads
            return msgspec.structs.replace(change, a=wider.reshape(change.rank, -1))
        case _:
            return change


def _width(decoder: Decoder) -> int:
    half = _half(decoder)
    rest = decoder.head_dim - 2 * half
    widened = 2 * _round_up(half, _HALF_MULTIPLE) + rest
    return _round_up(widened, _HEAD_MULTIPLE)


def _half(decoder: Decoder) -> int:
    """Pairs of turned features; equal in all of a model's ropes."""
    halves = {len(rope.frequencies) for rope in decoder.ropes}
    assert len(halves) == 1
    return halves.pop()


def _places(decoder: Decoder) -> npt.NDArray[np.int64]:
    """Where each feature of a head goes."""
    half = _half(decoder)
    wide = _round_up(half, _HALF_MULTIPLE)
    rest = np.arange(decoder.head_dim - 2 * half)
    return np.concatenate((np.arange(half), wide + np.arange(half), 2 * wide + rest))


def _pad_rope(rope: Rope) -> Rope:
    count = len(rope.frequencies)
    extra = (0.0,) * (_round_up(count, _HALF_MULTIPLE) - count)
    longer = None if rope.long_frequencies is None else rope.long_frequencies + extra
    return msgspec.structs.replace(
        rope, frequencies=rope.frequencies + extra, long_frequencies=longer
    )


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


class _PaddedWeights(Tensors):
    def __init__(
        self,
        narrow: Decoder,
        wide: Decoder,
        weights: Tensors,
        places: npt.NDArray[np.int64],
    ) -> None:
        self._narrow = narrow
        self._wide = wide
        self._weights = weights
        self._places = places
        self._shapes = wide.shapes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def rows(self, name: str, start: int, stop: int) -> Float32:
        match role_of(name):
            case "q" | "k" | "v":
                return self._wide_rows(name, start, stop)
            case "o" if name.endswith(".weight"):
                narrow = self._weights.rows(name, start, stop)
                heads = narrow.reshape(len(narrow), -1, self._narrow.head_dim)
                wide = np.zeros((*heads.shape[:2], self._wide.head_dim), np.float32)
                wide[:, :, self._places] = heads
                return wide.reshape(len(narrow), -1)
            case "q_norm" | "k_norm":
                share = np.float32(np.sqrt(self._narrow.head_dim / self._wide.head_dim))
                # the offset is added where the norm is computed: it is scaled with the weight
                offset = self._narrow.norm_offset
                weight = np.zeros(self._wide.head_dim, np.float32)
                weight[self._places] = (self._weights[name] + offset) * share - offset
                return weight[start:stop]
            case _:
                return self._weights.rows(name, start, stop)

    def _wide_rows(self, name: str, start: int, stop: int) -> Float32:
        """Rows [start, stop) of the widened tensor, from those of the stored one they need."""
        wide, narrow = self._wide.head_dim, self._narrow.head_dim
        sources = np.full(self._shapes[name][0], -1, np.int64)
        heads = np.arange(self._shapes[name][0] // wide)[:, None]
        sources[(heads * wide + self._places).ravel()] = (
            heads * narrow + np.arange(narrow)
        ).ravel()
        wanted = sources[start:stop]
        there = wanted >= 0
        found = np.zeros((stop - start, *self._shapes[name][1:]), np.float32)
        if there.any():
            first, last = int(wanted[there].min()), int(wanted[there].max()) + 1
            found[there] = self._weights.rows(name, first, last)[wanted[there] - first]
        return found
