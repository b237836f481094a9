"""An encoder's forward pass in float32 numpy: what a built encoder is measured against.

Written for reading, not speed: one text at a time, no padding; a layer's weights are read when it is
their turn and dropped after it. BERT (Devlin et al., 2019) with LayerNorm after each half of a layer
(Ba et al., 2016) and GELU by the error function or by tanh (Hendrycks and Gimpel, 2016).
"""

import math
from collections.abc import Sequence

import numpy as np

from smysl_build_engines.encoder import Encoder
from smysl_build_engines.tensors import Float32, Tensors

_erf = np.frompyfunc(math.erf, 1, 1)


class EncoderReference:
    """An encoder as a function of its tokens."""

    def __init__(self, encoder: Encoder, weights: Tensors) -> None:
        self.encoder = encoder
        self._weights = weights

    def states(self, texts: Sequence[Sequence[int]]) -> list[Float32]:
        """[tokens, hidden size] of each text after the last layer."""
        states = self.embed(texts)
        for number in range(self.encoder.num_hidden_layers):
            block = self.block(number)
            states = [block.forward(state) for state in states]
        return states

    def embed(self, texts: Sequence[Sequence[int]]) -> list[Float32]:
        """[tokens, hidden size] of each text before the first layer."""
        w, first = self._weights, self.encoder.first_position
        words, positions = w["words.weight"], w["positions.weight"][first:]
        kind = w["types.weight"][0]
        scale, shift = w["embedding_norm.weight"], w["embedding_norm.bias"]
        sums = (words[np.asarray(text)] + kind + positions[: len(text)] for text in texts)
        return [_layer_norm(total, scale, shift, self.encoder.norm_eps) for total in sums]

    def block(self, number: int) -> "EncoderBlock":
        """A layer with its weights in memory."""
        prefix = f"layers.{number}."
        names = [name for name in self.encoder.shapes() if name.startswith(prefix)]
        held = {name.removeprefix(prefix): self._weights[name] for name in names}
        return EncoderBlock(self.encoder, held)


class EncoderBlock:
    """One layer. `weights`: `q.weight`, `q.bias`, `mlp_norm.weight` ..., float32."""

    def __init__(self, encoder: Encoder, weights: dict[str, Float32]) -> None:
        self.encoder = encoder
        self.weights = weights

    def forward(self, x: Float32) -> Float32:
        """[tokens, hidden size] to the same."""
        x = self._norm("attention_norm", x + self._linear("o", self._attend(x)))
        return self._norm("mlp_norm", x + self._linear("down", self._activate(x)))

    def _attend(self, x: Float32) -> Float32:
        e, tokens = self.encoder, len(x)
        # [heads, tokens, features]
        queries, keys, values = (
            self._linear(role, x).reshape(tokens, e.num_attention_heads, -1).transpose(1, 0, 2)
            for role in "qkv"
        )
        scale = np.float32(queries.shape[-1] ** -0.5)
        scores = queries @ keys.transpose(0, 2, 1) * scale
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = odds / odds.sum(axis=-1, keepdims=True) @ values
        return np.ascontiguousarray(mixed.transpose(1, 0, 2)).reshape(tokens, -1)

    def _activate(self, x: Float32) -> Float32:
        y = self._linear("up", x)
        match self.encoder.activation:
            case "relu":
                return np.maximum(y, 0)
            case "gelu_tanh":
                inner = np.float32(np.sqrt(2 / np.pi)) * (y + np.float32(0.044715) * y**3)
                return y * (np.float32(0.5) + np.float32(0.5) * np.tanh(inner))
            case "gelu":
                share = (1 + _erf(y * np.float32(2**-0.5))).astype(np.float32) / 2
                return np.asarray(y * share, np.float32)

    def _linear(self, role: str, x: Float32) -> Float32:
        return x @ self.weights[f"{role}.weight"].T + self.weights[f"{role}.bias"]

    def _norm(self, role: str, x: Float32) -> Float32:
        scale, shift = self.weights[f"{role}.weight"], self.weights[f"{role}.bias"]
        return _layer_norm(x, scale, shift, self.encoder.norm_eps)


def _layer_norm(x: Float32, scale: Float32, shift: Float32, eps: float) -> Float32:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + eps) * scale + shift, np.float32)
