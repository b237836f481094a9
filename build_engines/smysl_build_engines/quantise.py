"""Rounds linear weights to 8 or 4 bits in blocks along the input,
in the layout of ONNX Runtime's MatMulNBits.

Knows arrays only. weight = (code - zero) * scale, one float32 scale a block; symmetric blocks have
their zero in the middle, 2**(bits - 1), others anywhere.
"""

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Precision = Literal["fp32", "int8", "int4"]

BLOCKS = (128, 64, 32, 16)
"""Widest first: fewer scales are faster (measured in the design), more are more exact."""


class Format(msgspec.Struct, frozen=True):
    """How a linear weight is stored."""

    bits: int
    block: int
    """Inputs that share a scale."""
    symmetric: bool = True

    def bytes_of(self, rows: int, width: int) -> int:
        """Of codes, scales and zeros of a weight [rows, width]."""
        blocks = -(-width // self.block)
        codes, scales = blocks * self.block * self.bits // 8, blocks * 4
        zeros = 0 if self.symmetric else -(-blocks * self.bits // 8)
        return rows * (codes + scales + zeros)


class Quantised(msgspec.Struct, frozen=True):
    """One linear weight [out, in]."""

    format: Format
    codes: npt.NDArray[np.uint8]
    """[out, ceil(in / block), block * bits / 8]; two 4-bit codes a byte, the earlier one low."""
    scales: Float32
    """[out, ceil(in / block)]"""
    zeros: npt.NDArray[np.uint8] | None
    """[out, ceil(blocks * bits / 8)], packed as the codes are; None if symmetric."""
    width: int
    """Number of inputs."""


def block_for(width: int) -> int:
    """The widest block that divides `width`, else the narrowest block (the last one is padded)."""
    return next((block for block in BLOCKS if width % block == 0), BLOCKS[-1])


class Grid(msgspec.Struct, frozen=True):
    """The values one block of each row can take. All arrays are [rows]."""

    lowest: int
    highest: int
    scales: Float32
    zeros: Float32

    def codes(self, weight: Float32) -> Float32:
        """The nearest code of each weight; `weight` is [rows] or [rows, n]."""
        scales, zeros = self._like(weight)
        codes = np.rint(weight / np.where(scales > 0, scales, 1)) + zeros
        return np.asarray(np.clip(codes, self.lowest, self.highest), np.float32)

    def values(self, codes: Float32) -> Float32:
        scales, zeros = self._like(codes)
        return np.asarray((codes - zeros) * scales, np.float32)

    def _like(self, array: Float32) -> tuple[Float32, Float32]:
        if array.ndim == 1:
            return self.scales, self.zeros
        return self.scales[:, None], self.zeros[:, None]


def grid_for(block: Float32, form: Format, shrink: float = 1.0) -> Grid:
    """The grid that just covers a block of each row, [rows, n];
    `shrink` below 1 gives up its ends for finer steps.
    """
    middle = 2 ** (form.bits - 1)
    if form.symmetric:
        scales = np.abs(block).max(axis=1) * shrink / (middle - 1)
        zeros = np.full(len(block), middle, np.float32)
    else:
        low = np.minimum(block.min(axis=1), 0) * shrink
        high = np.maximum(block.max(axis=1), 0) * shrink
        scales = (high - low) / (2**form.bits - 1)
        zeros = np.rint(-low / np.where(scales > 0, scales, 1))
    # a symmetric grid has no use for its lowest code: +x and -x are rounded alike
    lowest = 1 if form.symmetric else 0
    return Grid(lowest, 2**form.bits - 1, scales.astype(np.float32), zeros.astype(np.float32))


def quantise(weight: Float32, form: Format) -> Quantised:
    """To the nearest code. `weight` is [out, in]; the error of every weight is at most half its
    block's scale (one scale in an asymmetric block, whose zero is rounded too).
    """
    rows, width = weight.shape
    blocks = -(-width // form.block)
    padded = np.zeros((rows, blocks * form.block), np.float32)
    padded[:, :width] = weight
    flat = padded.reshape(rows * blocks, form.block)
    grid = grid_for(flat, form)
    codes = grid.codes(flat).reshape(rows, blocks, form.block)
    return pack(codes, grid.scales.reshape(rows, -1), grid.zeros.reshape(rows, -1), form, width)


def pack(codes: Float32, scales: Float32, zeros: Float32, form: Format, width: int) -> Quantised:
    """`codes` is [out, blocks, block], `scales` and `zeros` [out, blocks]."""
    bytes_of_zeros = None if form.symmetric else _packed(zeros.astype(np.uint8), form.bits)
    packed = _packed(codes.astype(np.uint8), form.bits)
    return Quantised(form, packed, np.ascontiguousarray(scales), bytes_of_zeros, width)


def dequantise(stored: Quantised) -> Float32:
    """The weight [out, in] the runtime computes with."""
    bits = stored.format.bits
    codes = _unpacked(stored.codes, bits).astype(np.float32)
    if stored.zeros is None:
        centred = codes - 2 ** (bits - 1)
    else:
        zeros = _unpacked(stored.zeros, bits)[:, : stored.scales.shape[1]]
        centred = codes - zeros[:, :, None].astype(np.float32)
    weight = centred * stored.scales[:, :, None]
    return np.asarray(weight.reshape(len(weight), -1)[:, : stored.width])


def _packed(codes: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    if bits == 8:
        return np.ascontiguousarray(codes)
    if codes.shape[-1] % 2:
        codes = np.concatenate((codes, np.zeros_like(codes[..., :1])), axis=-1)
    return np.ascontiguousarray(codes[..., 0::2] | (codes[..., 1::2] << 4))


def _unpacked(packed: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    if bits == 8:
        return packed
    pairs = np.stack((packed & 15, packed >> 4), axis=-1)
    return pairs.reshape(*packed.shape[:-1], -1)
