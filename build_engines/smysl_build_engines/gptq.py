"""Rounds a weight column by column and lets the columns still to come make up for each error.

GPTQ (Frantar et al., 2023): minimises the error of the layer's outputs on given inputs, not that of
its weights. Knows arrays; where the inputs come from is `compensate`'s business.
"""

import numpy as np
import numpy.typing as npt

from smysl_build_engines.quantise import Float32, Format, Grid, Quantised, grid_for, pack

Float64 = npt.NDArray[np.float64]

DAMPING = 0.01
"""Added to the diagonal, relative to its mean: inputs seen rarely keep some weight."""
SHRINKS = tuple(1 - step / 40 for step in range(0, 17))
"""Widths of a block's grid that are tried: 1 down to 0.6 of its largest weight."""


def compensate(weight: Float32, moments: Float64, form: Format) -> Quantised:
    """`weight` is [out, in]; `moments` is the sum of x x^T over the inputs x seen, [in, in]."""
    rows, width = weight.shape
    left = _padded(weight, form.block)
    moments = _padded_moments(moments, left.shape[1])
    shares = _shares(moments)
    importance = np.diag(moments).astype(np.float32)
    blocks = left.shape[1] // form.block
    codes = np.empty((rows, blocks, form.block), np.float32)
    scales, zeros = np.empty((rows, blocks), np.float32), np.empty((rows, blocks), np.float32)
    for block in range(blocks):
        start, stop = block * form.block, (block + 1) * form.block
        grid = _best_grid(left[:, start:stop], importance[start:stop], form)
        scales[:, block], zeros[:, block] = grid.scales, grid.zeros
        errors = np.empty((rows, form.block), np.float32)
        for at in range(start, stop):
            column = left[:, at]
            code = grid.codes(column)
            codes[:, block, at - start] = code
            error = (column - grid.values(code)) / shares[at, at]
            errors[:, at - start] = error
            left[:, at + 1 : stop] -= error[:, None] * shares[at, at + 1 : stop]
        # the columns beyond the block hear of all its errors at once
        left[:, stop:] -= errors @ shares[start:stop, stop:]
    return pack(codes, scales, zeros, form, width)


def _best_grid(block: Float32, importance: Float32, form: Format) -> Grid:
    """Of each row, the grid with the least squared error, weighted by how strong each input is."""
    best = grid_for(block, form)
    least = _cost(block, importance, best)
    for shrink in SHRINKS[1:]:
        grid = grid_for(block, form, shrink)
        cost = _cost(block, importance, grid)
        better = cost < least
        best = Grid(
            best.lowest,
            best.highest,
            np.where(better, grid.scales, best.scales),
            np.where(better, grid.zeros, best.zeros),
        )
        least = np.where(better, cost, least)
    return best


def _cost(block: Float32, importance: Float32, grid: Grid) -> Float32:
    error = block - grid.values(grid.codes(block))
    return np.asarray(error * error @ importance, np.float32)


def _shares(moments: Float64) -> Float32:
    """Upper Cholesky factor of the inverse of the damped moments: row i tells how the columns
    after i make up for an error in column i.
    """
    damped = moments + np.eye(len(moments)) * max(
        DAMPING * float(np.trace(moments)) / len(moments), 1e-12
    )
    inverse = np.linalg.inv(damped)
    return np.linalg.cholesky((inverse + inverse.T) / 2).T.astype(np.float32)


def _padded(weight: Float32, block: int) -> Float32:
    rows, width = weight.shape
    padded = np.zeros((rows, -(-width // block) * block), np.float32)
    padded[:, :width] = weight
    return padded


def _padded_moments(moments: Float64, width: int) -> Float64:
    padded = np.zeros((width, width))
    padded[: len(moments), : len(moments)] = moments
    return padded
