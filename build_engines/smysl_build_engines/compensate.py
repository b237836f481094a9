"""Rounds a model layer by layer, each fitted to what the rounded layers before it hand on.

Knows the order of the layers and collects their inputs; `gptq` does the rounding. Holds one layer's
weights and the texts' states at a time.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.gptq import Float64, compensate
from smysl_build_engines.quantise import Float32, Format, Quantised, dequantise
from smysl_build_engines.recipe import HEAD, PARTS, split_product
from smysl_build_engines.reference import Block, Half, Reference
from smysl_build_engines.rounding import Nearest
from smysl_build_engines.tensors import Tensors


class Compensated:
    """`Rounder` that fits each product to calibration texts. The head is rounded to nearest: what
    follows it is the answer, there is nothing to make up for its errors.
    """

    def __init__(self, decoder: Decoder, weights: Tensors, texts: Sequence[Sequence[int]]) -> None:
        self._reference = Reference(decoder, weights)
        self._nearest = Nearest(decoder, weights)
        self._states = self._reference.embed(texts)
        self._number = -1
        self._block: Block | None = None

    def product(self, name: str, form: Format) -> Quantised:
        if name == HEAD:
            return self._nearest.product(name, form)
        number, role = split_product(name)
        block = self._enter(number)
        parts = PARTS[role]
        weight = np.concatenate([block.weights[f"{part}.weight"] for part in parts])
        stored = compensate(weight, _moments(self._inputs(block, role), weight.shape[1]), form)
        rounded = dequantise(stored)
        ends = np.cumsum([len(block.weights[f"{part}.weight"]) for part in parts])
        for part, rows in zip(parts, np.split(rounded, ends[:-1]), strict=True):
            block.weights[f"{part}.weight"] = rows
        self._leave(block, role)
        return stored

    def _enter(self, number: int) -> Block:
        if self._block is None or number != self._number:
            assert number == self._number + 1
            self._block = self._reference.block(number)
            self._number = number
        return self._block

    def _inputs(self, block: Block, role: str) -> Iterator[Float32]:
        """What enters a product, text by text, through the parts of the layer rounded so far."""
        half: Half = "attention" if role in ("qkv", "o") else "mlp"
        for state in self._states:
            entered = block.enter(half, state)
            match role:
                case "o":
                    yield block.attend(entered)
                case "down":
                    yield block.activate(entered)
                case _:
                    yield entered

    def _leave(self, block: Block, role: str) -> None:
        """Once a half of the layer is rounded, the states move on through it."""
        if role not in ("o", "down"):
            return
        half: Half = "attention" if role == "o" else "mlp"
        # one after the other: what enters is computed anew, so that only states are held
        for at, inner in enumerate(self._inputs(block, role)):
            self._states[at] = block.add(half, self._states[at], inner)


def _moments(inputs: Iterable[Float32], width: int) -> Float64:
    """Sum of x x^T over all rows."""
    total, waiting, rows = np.zeros((width, width)), list[Float32](), 0
    for x in inputs:
        waiting.append(x)
        rows += len(x)
        # short texts are gathered: the sum is as large as the product of many rows
        if rows >= width:
            gathered = np.concatenate(waiting)
            total += gathered.T @ gathered
            waiting, rows = [], 0
    if waiting:
        gathered = np.concatenate(waiting)
        total += gathered.T @ gathered
    return total
