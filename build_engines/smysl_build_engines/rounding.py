"""Where a product's rounded weight comes from: rounding to the nearest code, piece by piece.

`gptq` is the other source. Knows tensors and formats; never a graph.
"""

from typing import Protocol

import numpy as np

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.quantise import Float32, Format, Quantised, quantise
from smysl_build_engines.recipe import weights_of
from smysl_build_engines.tensors import Tensors


class Rounder(Protocol):
    def product(self, name: str, form: Format) -> Quantised:
        """The rounded weight of a product. Asked once for each, in the graph's order."""
        ...


class Nearest:
    """Every weight to its nearest code, whatever the model's inputs are."""

    def __init__(self, decoder: Decoder, weights: Tensors) -> None:
        self._decoder = decoder
        self._weights = weights

    def product(self, name: str, form: Format) -> Quantised:
        pieces = [
            quantise(piece, form)
            for tensor in weights_of(name, self._decoder)
            for piece in self._weights.chunks(tensor)
        ]
        return join(pieces)


def join(pieces: list[Quantised]) -> Quantised:
    """Rows of one weight, put together."""
    if len(pieces) == 1:
        return pieces[0]
    zeros = [piece.zeros for piece in pieces if piece.zeros is not None]
    return Quantised(
        pieces[0].format,
        np.concatenate([piece.codes for piece in pieces]),
        np.concatenate([piece.scales for piece in pieces]),
        np.concatenate(zeros) if zeros else None,
        pieces[0].width,
    )


def whole(name: str, decoder: Decoder, weights: Tensors) -> Float32:
    """A product's weight [out, in] in float32."""
    tensors = [weights[tensor] for tensor in weights_of(name, decoder)]
    return tensors[0] if len(tensors) == 1 else np.concatenate(tensors)
