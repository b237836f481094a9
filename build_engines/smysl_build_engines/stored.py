"""The weights an engine really holds, read back from its files: what its output must follow.

Knows the graph's names of rounded tensors; never how they were rounded.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import onnx

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import VerificationFailed
from smysl_build_engines.quantise import Float32, Format, Quantised, dequantise
from smysl_build_engines.recipe import HEAD, products, weights_of
from smysl_build_engines.tensors import Tensors
from smysl_build_engines.weights_file import read_stored

MAX_ROUNDING_ERROR = 0.5
"""Relative, of a whole tensor. 4 bits cost about 0.1; another tensor in its place costs 1.4."""
MAX_GAIN_ERROR = 0.1
"""How much larger or smaller than the checkpoint's a tensor may be as a whole, by least squares: rounding, fitted or
not, costs 0.02."""


class Stored(msgspec.Struct, frozen=True):
    decoder: Decoder
    """Untied: a tied head is rounded otherwise than the embedding."""
    weights: Tensors


def as_stored(graph: Path, decoder: Decoder, weights: Tensors) -> Stored:
    """What is rounded is read from the engine, everything else comes from the checkpoint.

    Raises `VerificationFailed` for a rounded tensor that is not near the checkpoint's, and for a
    graph whose products have other names.
    """
    model = onnx.load(graph, load_external_data=False)
    rounded = Rounded(graph.parent, model)
    if not rounded.names:
        return Stored(decoder, weights)
    stored = _StoredWeights(decoder, weights, rounded)
    return Stored(msgspec.structs.replace(decoder, tie_word_embeddings=False), stored)


class Rounded:
    """The products of a graph that are held in codes."""

    def __init__(self, folder: Path, model: onnx.ModelProto) -> None:
        self._folder = folder
        # the tensors of a product are asked for one after the other
        self._last: tuple[str, Float32] | None = None
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self._nodes = {
            node.input[1].removesuffix(".codes"): node
            for node in model.graph.node
            if node.op_type == "MatMulNBits"
        }

    @property
    def names(self) -> set[str]:
        return set(self._nodes)

    def weight(self, product: str) -> Float32:
        if self._last is None or self._last[0] != product:
            self._last = None
            self._last = product, self._read(product)
        return self._last[1]

    def _read(self, product: str) -> Float32:
        node = self._nodes[product]
        settings = {attribute.name: attribute.i for attribute in node.attribute}
        codes, scales, *zeros = (
            read_stored(self._folder, self._tensors[name]) for name in node.input[1:]
        )
        form = Format(settings["bits"], settings["block_size"], symmetric=not zeros)
        return dequantise(
            Quantised(form, codes, scales, zeros[0] if zeros else None, settings["K"])
        )


class _StoredWeights(Tensors):
    def __init__(self, decoder: Decoder, weights: Tensors, rounded: Rounded) -> None:
        self._weights = weights
        self._rounded = rounded
        self._homes: dict[str, tuple[str, int]] = {}
        """Tensor -> its product and its first row there."""
        for product in products(decoder):
            if product not in rounded.names:
                raise VerificationFailed(
                    f"the engine has no rounded product {product!r}: another version of smysl "
                    "built it. Build it again with --force."
                )
            at = 0
            for name in weights_of(product, decoder):
                self._homes["head.weight" if product == HEAD else name] = product, at
                at += weights.shape(name)[0]
        self._shapes = decoder.shapes()
        self._shapes["head.weight"] = decoder.vocab_size, decoder.hidden_size
        self._tied = decoder.tie_word_embeddings

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def rows(self, name: str, start: int, stop: int) -> Float32:
        if name == "embedding.weight":
            return self._weights.rows(name, start, stop).astype(np.float16).astype(np.float32)
        if name not in self._homes:
            return self._weights.rows(name, start, stop)
        product, first = self._homes[name]
        found = self._rounded.weight(product)[first + start : first + stop]
        source = "embedding.weight" if name == "head.weight" and self._tied else name
        check_rounding(name, found, self._weights.rows(source, start, stop))
        return found


def check_rounding(name: str, found: Float32, original: Float32) -> None:
    """Raises `VerificationFailed` for rows of a rounded tensor that are not near the checkpoint's."""
    error = float(np.linalg.norm(found - original) / (np.linalg.norm(original) or 1.0))
    # not "error > limit": what is not a number fails too
    if not error <= MAX_ROUNDING_ERROR:
        raise VerificationFailed(
            f"the engine's {name} is {error:.2g} off the checkpoint's (relative); at most "
            f"{MAX_ROUNDING_ERROR} is rounding. Nothing was published. Check the checkpoint "
            "for values that are not finite; otherwise please report this."
        )
    size = float(np.vdot(original, original))
    gain = float(np.vdot(found, original)) / size if size else 1.0
    if not abs(gain - 1) <= MAX_GAIN_ERROR:
        raise VerificationFailed(
            f"the engine's {name} is {gain:.2f} times the checkpoint's; between {1 - MAX_GAIN_ERROR} "
            f"and {1 + MAX_GAIN_ERROR} is rounding. Nothing was published. Please report this."
        )
