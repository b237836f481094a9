"""Rounds linear weights to 8 or 4 bits in blocks along the input,
in the layout of ONNX Runtime's MatMulNBits.

Knows arrays only. Symmetric: code = round(w / scale) + 2**(bits - 1), one float32 scale a block.
"""

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Precision = Literal["fp32", "int8", "int4"]

BLOCKS = (128, 64, 32, 16)
"""Widest first: fewer scales are faster (measured in the design), more are more exact."""


class Quantised(msgspec.Struct, frozen=True):
    """One linear weight [out, in]."""

    bits: int
    block: int
    codes: npt.NDArray[np.uint8]
    """[out, ceil(in / block), block * bits / 8]; two 4-bit codes a byte, the earlier one low."""
    scales: Float32
    """[out, ceil(in / block)]"""
    width: int
    """Number of inputs."""


def block_for(width: int) -> int:
    """The widest block that divides `width`, else the narrowest block (the last one is padded)."""
    return next((block for block in BLOCKS if width % block == 0), BLOCKS[-1])


def quantise(weight: Float32, bits: int, block: int | None = None) -> Quantised:
    """`weight` is [out, in]. The error of every weight is at most half its block's scale."""
    rows, width = weight.shape
    block = block or block_for(width)
    blocks = -(-width // block)
    padded = np.zeros((rows, blocks * block), np.float32)
    padded[:, :width] = weight
    grouped = padded.reshape(rows, blocks, block)
    top = 2 ** (bits - 1) - 1
    scales = (np.abs(grouped).max(axis=2) / top).astype(np.float32)
    divisor = np.where(scales > 0, scales, 1)[:, :, None]
    codes = (np.clip(np.rint(grouped / divisor), -top, top) + top + 1).astype(np.uint8)
    if bits == 4:
        codes = codes[:, :, 0::2] | (codes[:, :, 1::2] << 4)
    return Quantised(bits, block, np.ascontiguousarray(codes), scales, width)


def dequantise(stored: Quantised) -> Float32:
    """The weight [out, in] the runtime computes with."""
    codes = stored.codes
    if stored.bits == 4:
        codes = np.stack((codes & 15, codes >> 4), axis=-1).reshape(*codes.shape[:2], -1)
    centred = codes.astype(np.float32) - 2 ** (stored.bits - 1)
    weight = centred * stored.scales[:, :, None]
    return np.asarray(weight.reshape(len(weight), -1)[:, : stored.width])
