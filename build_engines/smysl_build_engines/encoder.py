"""A sentence encoder as numbers and flags: what its graph and its reference both compute.

The BERT architecture (Devlin et al., 2019): attention that sees the whole text, norms after each
half of a layer, learned positions. Knows no file and no weight; the names of its tensors are its
own: `words.weight`, `layers.3.q.bias`, `layers.3.mlp_norm.weight`.
"""

from typing import Literal

import msgspec

from smysl_build_engines.quantise import Format, block_for
from smysl_build_engines.recipe import Recipe

Activation = Literal["gelu", "gelu_tanh", "relu"]

PARTS = {"qkv": ("q", "k", "v"), "o": ("o",), "up": ("up",), "down": ("down",)}
"""The linear layers of one input are one product; their outputs lie side by side."""


class Encoder(msgspec.Struct, frozen=True, kw_only=True):
    """Word, position and type embeddings, then layers of attention and an MLP."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_hidden_layers: int
    table_positions: int
    """Rows of the table of positions."""
    first_position: int = 0
    """Row of a text's first token: RoBERTa's come after its padding token's."""
    token_types: int
    """A single text has type 0."""
    norm_eps: float
    activation: Activation = "gelu"

    @property
    def longest(self) -> int:
        """Most tokens of a text."""
        return self.table_positions - self.first_position

    @property
    def widths(self) -> dict[str, tuple[int, int]]:
        """[out, in] of the linear weights of a layer."""
        hidden, inner = self.hidden_size, self.intermediate_size
        attention = dict.fromkeys(("q", "k", "v", "o"), (hidden, hidden))
        return attention | {"up": (inner, hidden), "down": (hidden, inner)}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor, linear weights as [out, in]."""
        hidden = self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "words.weight": (self.vocab_size, hidden),
            "positions.weight": (self.table_positions, hidden),
            "types.weight": (self.token_types, hidden),
        }
        norms = ["embedding_norm"]
        for number in range(self.num_hidden_layers):
            layer = f"layers.{number}"
            for role, shape in self.widths.items():
                shapes[f"{layer}.{role}.weight"] = shape
                shapes[f"{layer}.{role}.bias"] = shape[:1]
            norms += [f"{layer}.attention_norm", f"{layer}.mlp_norm"]
        for norm in norms:
            shapes |= {f"{norm}.weight": (hidden,), f"{norm}.bias": (hidden,)}
        return shapes

    def products(self) -> list[str]:
        """`layers.3.qkv` and so on, in the order the graph computes them."""
        return [f"layers.{n}.{role}" for n in range(self.num_hidden_layers) for role in PARTS]

    def product_shape(self, product: str) -> tuple[int, int]:
        """[out, in]"""
        shapes = [self.widths[part] for part in PARTS[product.rsplit(".", 1)[1]]]
        return sum(shape[0] for shape in shapes), shapes[0][1]

    def format_of(self, product: str, recipe: Recipe) -> Format | None:
        """None is float32."""
        if not recipe.quantised:
            return None
        block = recipe.block or block_for(self.product_shape(product)[1])
        return (
            Format(8, block) if recipe.precision == "int8" else Format(4, block, recipe.symmetric)
        )


def parts_of(product: str) -> list[str]:
    """`layers.3.qkv` -> `layers.3.q`, `layers.3.k`, `layers.3.v`: whose rows make up the product."""
    layer, role = product.rsplit(".", 1)
    return [f"{layer}.{part}" for part in PARTS[role]]
