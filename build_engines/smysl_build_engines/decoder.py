"""A decoder-only transformer as numbers and flags: what the graph and the reference both compute.

Knows no family of models, no file and no weight; the names of its tensors are its own:
`embedding.weight`, `layers.3.q.weight`, `norm.weight`, `head.weight`.
"""

from typing import Literal

import msgspec

from smysl_build_engines.rotary import Rope

Activation = Literal["silu", "gelu_tanh"]


class Layer(msgspec.Struct, frozen=True):
    """What may differ from layer to layer."""

    window: int | None = None
    """A position sees itself and the `window - 1` before it; None sees all before it."""
    rope: int | None = 0
    """Index into `Decoder.ropes`; None is a layer without positions."""


class Decoder(msgspec.Struct, frozen=True, kw_only=True):
    """One residual stream; each layer adds attention, then a gated MLP."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    layers: tuple[Layer, ...]
    ropes: tuple[Rope, ...]
    norm_eps: float
    attention_scale: float
    """Scores are multiplied by it: usually 1 / sqrt(head_dim)."""
    tie_word_embeddings: bool = False
    activation: Activation = "silu"
    attention_softcap: float | None = None
    """c * tanh(score / c) in the place of every attention score."""
    logit_softcap: float | None = None
    logit_scale: float = 1.0
    embedding_scale: float = 1.0
    residual_scale: float = 1.0
    """What a layer adds is multiplied by it."""
    norm_offset: float = 0.0
    """Added to the weights of every norm."""
    sandwich: bool = False
    """Attention and MLP are normalised after as well as before."""
    qk_norm: bool = False
    """Queries and keys are normalised per head before they are rotated."""
    qk_norm_eps: float = 0.0
    embedding_layer: int | None = None
    """Embeddings are made of the states after so many layers; None: of those after the last norm."""
    qkv_bias: bool = False
    output_bias: bool = False
    mlp_bias: bool = False

    @property
    def widths(self) -> dict[str, tuple[int, int]]:
        """[out, in] of the linear weights of a layer."""
        hidden, inner = self.hidden_size, self.intermediate_size
        queries = self.num_attention_heads * self.head_dim
        keys = self.num_key_value_heads * self.head_dim
        return {
            "q": (queries, hidden),
            "k": (keys, hidden),
            "v": (keys, hidden),
            "o": (hidden, queries),
            "gate": (inner, hidden),
            "up": (inner, hidden),
            "down": (hidden, inner),
        }

    @property
    def norms(self) -> dict[str, int]:
        """Width of the norms of a layer."""
        hidden = self.hidden_size
        norms = {"attention_norm": hidden, "mlp_norm": hidden}
        if self.sandwich:
            norms |= {"attention_out_norm": hidden, "mlp_out_norm": hidden}
        if self.qk_norm:
            norms |= {"q_norm": self.head_dim, "k_norm": self.head_dim}
        return norms

    def has_bias(self, role: str) -> bool:
        if role in ("q", "k", "v"):
            return self.qkv_bias
        if role == "o":
            return self.output_bias
        return role in ("gate", "up", "down") and self.mlp_bias

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor, linear weights as [out, in]."""
        shapes: dict[str, tuple[int, ...]] = {
            "embedding.weight": (self.vocab_size, self.hidden_size),
            "norm.weight": (self.hidden_size,),
        }
        for number in range(len(self.layers)):
            for role, width in self.norms.items():
                shapes[f"layers.{number}.{role}.weight"] = (width,)
            for role, shape in self.widths.items():
                shapes[f"layers.{number}.{role}.weight"] = shape
                if self.has_bias(role):
                    shapes[f"layers.{number}.{role}.bias"] = shape[:1]
        if not self.tie_word_embeddings:
            shapes["head.weight"] = (self.vocab_size, self.hidden_size)
        return shapes

    def at(self, context: int) -> "Decoder":
        """The same model for at most `context` positions: rotations that depend on it are fixed."""
        return msgspec.structs.replace(self, ropes=tuple(rope.at(context) for rope in self.ropes))
