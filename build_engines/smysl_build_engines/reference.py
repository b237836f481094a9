"""The Llama forward pass in float32 numpy: what a built engine is measured against.

Written for reading, not speed: no cache, no batch. RMSNorm (Zhang and Sennrich, 2019), rotary
positions in two halves (Su et al., 2021), grouped-query attention (Ainslie et al., 2023), SwiGLU
(Shazeer, 2020).
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from smysl_build_engines.checkpoint import LlamaConfig, Weights
from smysl_build_engines.quantise import Float32


class Output(msgspec.Struct, frozen=True):
    logits: Float32
    """[tokens, vocabulary]"""
    hidden: Float32
    """[tokens, hidden size], after the last norm."""


class Reference:
    """A model as a function of its tokens. Casts all weights to float32 once."""

    def __init__(self, config: LlamaConfig, weights: Weights) -> None:
        self.config = config
        self._weights = {name: weights[name] for name in config.shapes()}

    def forward(self, tokens: Sequence[int]) -> Output:
        embedding = self._weights["model.embed_tokens.weight"]
        x = embedding[np.asarray(tokens)]
        for layer in range(self.config.num_hidden_layers):
            x = x + self._attention(layer, self._norm(f"model.layers.{layer}.input_layernorm", x))
            x = x + self._mlp(
                layer, self._norm(f"model.layers.{layer}.post_attention_layernorm", x)
            )
        hidden = self._norm("model.norm", x)
        head = self._weights.get("lm_head.weight", embedding)
        return Output(hidden @ head.T, hidden)

    def _linear(self, name: str, x: Float32) -> Float32:
        return x @ self._weights[f"{name}.weight"].T

    def _norm(self, name: str, x: Float32) -> Float32:
        mean_square = np.mean(x * x, axis=-1, keepdims=True)
        weight = self._weights[f"{name}.weight"]
        return np.asarray(x / np.sqrt(mean_square + self.config.rms_norm_eps) * weight, np.float32)

    def _attention(self, layer: int, x: Float32) -> Float32:
        c, name = self.config, f"model.layers.{layer}.self_attn"
        tokens = len(x)
        queries = self._linear(f"{name}.q_proj", x).reshape(tokens, c.num_attention_heads, -1)
        keys = self._linear(f"{name}.k_proj", x).reshape(tokens, c.num_key_value_heads, -1)
        values = self._linear(f"{name}.v_proj", x).reshape(tokens, c.num_key_value_heads, -1)
        queries, keys = rotate(queries, c.rope_theta), rotate(keys, c.rope_theta)
        shared_by = c.num_attention_heads // c.num_key_value_heads
        keys, values = keys.repeat(shared_by, axis=1), values.repeat(shared_by, axis=1)
        scores = np.einsum("qhd,khd->hqk", queries, keys) / np.float32(np.sqrt(c.head_dim))
        future = np.triu(np.ones((tokens, tokens), bool), 1)
        scores = np.where(future, np.float32(-np.inf), scores)
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        attention = odds / odds.sum(axis=-1, keepdims=True)
        mixed = np.einsum("hqk,khd->qhd", attention, values).reshape(tokens, -1)
        return self._linear(f"{name}.o_proj", mixed)

    def _mlp(self, layer: int, x: Float32) -> Float32:
        name = f"model.layers.{layer}.mlp"
        gate = self._linear(f"{name}.gate_proj", x)
        # gate * sigmoid(gate), by tanh because exp(-gate) overflows
        swish = gate * (np.float32(0.5) + np.float32(0.5) * np.tanh(gate / 2))
        return self._linear(f"{name}.down_proj", swish * self._linear(f"{name}.up_proj", x))


def rotary_tables(positions: int, head_dim: int, theta: float) -> tuple[Float32, Float32]:
    """Cosine and sine of every position and pair of features, [positions, head_dim / 2] each."""
    frequencies = theta ** (-np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    angles = np.arange(positions, dtype=np.float64)[:, None] * frequencies
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def rotate(x: Float32, theta: float) -> Float32:
    """Turn feature i with feature i + head_dim/2 by the position's angle;
    x is [tokens, heads, head_dim].
    """
    cos, sin = (table[:, None, :] for table in rotary_tables(len(x), x.shape[-1], theta))
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate((first * cos - second * sin, second * cos + first * sin), axis=-1)
