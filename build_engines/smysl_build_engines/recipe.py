"""Which products of a model are stored in which format.

A product is one matrix product of the graph: `layers.3.qkv`, `layers.3.o`, `layers.3.gate_up`,
`layers.3.down`, `head`. Knows names and widths; never a weight.
"""

from typing import Literal

import msgspec

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import BadRequest
from smysl_build_engines.quantise import BLOCKS, Format, Precision, block_for
from smysl_engines.manifest import Attention

Method = Literal["nearest", "gptq"]

PARTS = {
    "qkv": ("q", "k", "v"),
    "o": ("o",),
    "gate_up": ("gate", "up"),
    "down": ("down",),
}
"""The linear layers of one input are one product; their outputs lie side by side."""
HEAD = "head"
_SENSITIVE_SHARE = 8
"""A mixed recipe keeps the first and the last eighth of the layers at 8 bits."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How the linear weights become smaller. The default rounds every weight to the nearest code
    of the widest block that divides its inputs.
    """

    precision: Precision = "fp32"
    method: Method = "nearest"
    block: int | None = None
    """Inputs that share a scale; None is the widest of 128, 64, 32, 16 that divides the width."""
    symmetric: bool = True
    mixed: bool = False
    """Of an int4 engine: keep the tensors that suffer most at 8 bits."""
    head_bits: Literal[4, 8] = 8
    """Of an int4 engine. The head is the largest product of a small model, and its rounding errors
    reach the logits directly."""
    wide: bool = False
    """A second graph for passes of many tokens, with a copy of the weights in int8 (`wide_graph`)."""
    attention: Attention | None = None
    """None: open for large engines (`attention`)."""

    def __post_init__(self) -> None:
        if self.block is not None and self.block not in BLOCKS:
            raise BadRequest(f"a block of {self.block} was asked; it must be one of {BLOCKS}")
        if self.precision != "int4":
            for name, value in (
                ("gptq", self.method == "gptq"),
                ("mixed", self.mixed),
                ("a head of 4 bits", self.head_bits == 4),
            ):
                if value:
                    raise BadRequest(f"{name} is for int4 engines; {self.precision} was asked")
        if self.precision == "fp32" and self.wide:
            raise BadRequest("a wide graph is for int8 and int4 engines; fp32 was asked")
        if self.precision == "fp32" and (self.block is not None or not self.symmetric):
            raise BadRequest("fp32 engines have no blocks; ask for int8 or int4")

    @property
    def quantised(self) -> bool:
        return self.precision != "fp32"

    def format_of(self, product: str, decoder: Decoder) -> Format | None:
        """None is float32."""
        if not self.quantised:
            return None
        width = product_shape(product, decoder)[1]
        block = self.block or block_for(width)
        bits = self.head_bits if product == HEAD else 8 if self._kept(product, decoder) else 4
        if self.precision == "int8" or bits == 8:
            return Format(8, block)
        return Format(4, block, self.symmetric)

    def _kept(self, product: str, decoder: Decoder) -> bool:
        if not self.mixed:
            return False
        number, role = split_product(product)
        count = len(decoder.layers)
        edge = -(-count // _SENSITIVE_SHARE)
        outer = number < edge or number >= count - edge
        return outer and role in ("qkv", "down")


def products(decoder: Decoder) -> list[str]:
    """All of a model, in the order the graph computes them."""
    numbers = range(len(decoder.layers))
    return [f"layers.{number}.{role}" for number in numbers for role in PARTS] + [HEAD]


def split_product(product: str) -> tuple[int, str]:
    """`layers.3.qkv` -> 3, `qkv`. Not for the head."""
    _, number, role = product.split(".")
    return int(number), role


def weights_of(product: str, decoder: Decoder) -> list[str]:
    """Names of the tensors whose rows make up the product's weight."""
    if product == HEAD:
        return ["embedding.weight" if decoder.tie_word_embeddings else "head.weight"]
    number, role = split_product(product)
    return [f"layers.{number}.{part}.weight" for part in PARTS[role]]


def product_shape(product: str, decoder: Decoder) -> tuple[int, int]:
    """[out, in]"""
    if product == HEAD:
        return decoder.vocab_size, decoder.hidden_size
    _, role = split_product(product)
    shapes = [decoder.widths[part] for part in PARTS[role]]
    return sum(shape[0] for shape in shapes), shapes[0][1]
