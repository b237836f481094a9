"""The forward pass in float32 numpy: what a built engine is measured against.

Written for reading, not speed: no cache, no batch; a layer's weights are read when it is their turn
and dropped after it. RMSNorm (Zhang and Sennrich, 2019), rotary positions in two halves (Su et al.,
2021), grouped-query attention (Ainslie et al., 2023), gated MLP (Shazeer, 2020), windows
(Beltagy et al., 2020), soft caps (Gemma 2, 2024), norms of queries and keys (Dehghani et al., 2023).
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.recipe import PARTS
from smysl_build_engines.rotary import Rope, tables
from smysl_build_engines.tensors import Float32, Tensors

Half = Literal["attention", "mlp"]
_LINEAR = {f"{part}.weight" for parts in PARTS.values() for part in parts}


class Output(msgspec.Struct, frozen=True):
    logits: Float32
    """[tokens, vocabulary]"""
    hidden: Float32
    """[tokens, hidden size], after the last norm or the layer that embeddings are made of."""


class Reference:
    """A model as a function of its tokens."""

    def __init__(
        self,
        decoder: Decoder,
        weights: Tensors,
        adapted: Tensors | None = None,
        since: int = 0,
    ) -> None:
        """`adapted`: linear weights that hold in the layers from token `since` on (aLoRA;
        Greenewald et al., 2025); all of them, for a merged adapter."""
        self.decoder = decoder
        self._weights = weights
        self._adapted = adapted
        self._since = since

    def forward(self, tokens: Sequence[int]) -> Output:
        return self.forward_all([tokens])[0]

    def forward_all(self, texts: Sequence[Sequence[int]]) -> list[Output]:
        """Every text on its own; each layer's weights are read once for all of them."""
        at = self.decoder.embedding_layer
        if at is None:
            return self.finish(self.states(texts))
        asked = self._through(self.embed(texts), 0, at)
        outputs = self.finish(self._through(asked, at, len(self.decoder.layers)))
        return [Output(output.logits, each) for output, each in zip(outputs, asked, strict=True)]

    def states(self, texts: Sequence[Sequence[int]]) -> list[Float32]:
        """[tokens, hidden size] of each text after the last layer."""
        return self._through(self.embed(texts), 0, len(self.decoder.layers))

    def _through(self, states: list[Float32], first: int, end: int) -> list[Float32]:
        for number in range(first, end):
            block = self.block(number)
            states = [block.forward(state) for state in states]
        return states

    def embed(self, texts: Sequence[Sequence[int]]) -> list[Float32]:
        scale = np.float32(self.decoder.embedding_scale)
        table = self._weights["embedding.weight"]
        return [table[np.asarray(text)] * scale for text in texts]

    def block(self, number: int) -> "Block":
        """A layer with its weights in memory."""
        prefix = f"layers.{number}."
        names = [name for name in self.decoder.shapes() if name.startswith(prefix)]
        held = {name.removeprefix(prefix): self._weights[name] for name in names}
        if self._adapted is None:
            return Block(self.decoder, number, held)
        linear = [name for name in names if name.removeprefix(prefix) in _LINEAR]
        adapted = {name.removeprefix(prefix): self._adapted[name] for name in linear}
        return Block(self.decoder, number, held, adapted, self._since)

    def finish(self, states: Sequence[Float32]) -> list[Output]:
        """The last norm and the head."""
        return list(self.finished(states))

    def finished(self, states: Sequence[Float32]) -> Iterator[Output]:
        """`finish`, one text after the other: the head is read once, and no more logits are held than
        the caller holds."""
        d = self.decoder
        norm = self._weights["norm.weight"]
        head = self._weights["embedding.weight" if d.tie_word_embeddings else "head.weight"]
        for state in states:
            hidden = _rms_norm(state, norm + np.float32(d.norm_offset), d.norm_eps)
            logits = hidden @ head.T * np.float32(d.logit_scale)
            yield Output(_softcap(logits, d.logit_softcap), hidden)


class Block:
    """One layer, in the steps that calibration looks between.
    `weights`: `q.weight`, `q.bias`, `mlp_norm.weight` ..., float32.
    `adapted`: linear weights in their place from token `since` on.
    """

    def __init__(
        self,
        decoder: Decoder,
        number: int,
        weights: dict[str, Float32],
        adapted: dict[str, Float32] | None = None,
        since: int = 0,
    ) -> None:
        self.decoder = decoder
        self.weights = weights
        self._adapted = adapted
        self._since = since
        self._layer = decoder.layers[number]

    def forward(self, x: Float32) -> Float32:
        """[tokens, hidden size] to the same."""
        x = self.add("attention", x, self.attend(self.enter("attention", x)))
        return self.add("mlp", x, self.activate(self.enter("mlp", x)))

    def enter(self, half: Half, x: Float32) -> Float32:
        """The residual stream as a half sees it."""
        return self._norm(f"{half}_norm", x)

    def add(self, half: Half, x: Float32, inner: Float32) -> Float32:
        """The residual stream after a half: its last linear layer on `inner`, and the sum."""
        change = self._linear("o" if half == "attention" else "down", inner)
        if self.decoder.sandwich:
            change = self._norm(f"{half}_out_norm", change)
        return x + change * np.float32(self.decoder.residual_scale)

    def _linear(self, role: str, x: Float32) -> Float32:
        y = x @ self.weights[f"{role}.weight"].T
        if self._adapted is not None:
            y[self._since :] = x[self._since :] @ self._adapted[f"{role}.weight"].T
        return y + self.weights[f"{role}.bias"] if self.decoder.has_bias(role) else y

    def _norm(self, role: str, x: Float32) -> Float32:
        """Over the last axis."""
        d = self.decoder
        eps = d.qk_norm_eps if role in ("q_norm", "k_norm") else d.norm_eps
        return _rms_norm(x, self.weights[f"{role}.weight"] + np.float32(d.norm_offset), eps)

    def attend(self, x: Float32) -> Float32:
        """What enters `o`: [tokens, heads * head_dim]."""
        d, tokens = self.decoder, len(x)
        queries = self._linear("q", x).reshape(tokens, d.num_attention_heads, -1)
        keys = self._linear("k", x).reshape(tokens, d.num_key_value_heads, -1)
        values = self._linear("v", x).reshape(tokens, d.num_key_value_heads, -1)
        if d.qk_norm:
            queries, keys = self._norm("q_norm", queries), self._norm("k_norm", keys)
        if self._layer.rope is not None:
            rope = d.ropes[self._layer.rope]
            queries, keys = rotate(queries, rope), rotate(keys, rope)
        shared_by = d.num_attention_heads // d.num_key_value_heads
        keys, values = keys.repeat(shared_by, axis=1), values.repeat(shared_by, axis=1)
        # from here on [heads, queries, keys or features]
        scores = queries.transpose(1, 0, 2) @ keys.transpose(1, 2, 0)
        scores = _softcap(scores * np.float32(d.attention_scale), d.attention_softcap)
        back = np.arange(tokens)[:, None] - np.arange(tokens)
        seen = (back >= 0) & (back < (self._layer.window or tokens))
        scores = np.where(seen, scores, np.float32(-np.inf))
        odds = np.exp(scores - scores.max(axis=-1, keepdims=True))
        attention = odds / odds.sum(axis=-1, keepdims=True)
        mixed = attention @ values.transpose(1, 0, 2)
        return np.ascontiguousarray(mixed.transpose(1, 0, 2)).reshape(tokens, -1)

    def activate(self, x: Float32) -> Float32:
        """What enters `down`: [tokens, intermediate size]."""
        gate = self._linear("gate", x)
        if self.decoder.activation == "silu":
            # gate * sigmoid(gate), by tanh because exp(-gate) overflows
            inner = gate / 2
        else:
            # Hendrycks and Gimpel (2016), the approximation by tanh
            inner = np.float32(np.sqrt(2 / np.pi)) * (gate + np.float32(0.044715) * gate**3)
        active = gate * (np.float32(0.5) + np.float32(0.5) * np.tanh(inner))
        return active * self._linear("up", x)


def rotate(x: Float32, rope: Rope) -> Float32:
    """Turn feature i of the first n with feature i + n/2 by the position's angle;
    x is [tokens, heads, head_dim], n the features the rope turns.
    """
    cos, sin = (table[:, None, :] for table in tables(rope, len(x)))
    turned, rest = x[..., : rope.features], x[..., rope.features :]
    first, second = np.split(turned, 2, axis=-1)
    return np.concatenate((first * cos - second * sin, second * cos + first * sin, rest), axis=-1)


def _rms_norm(x: Float32, weight: Float32, eps: float) -> Float32:
    mean_square = np.mean(x * x, axis=-1, keepdims=True)
    return np.asarray(x / np.sqrt(mean_square + eps) * weight, np.float32)


def _softcap(x: Float32, cap: float | None) -> Float32:
    return x if cap is None else np.float32(cap) * np.tanh(x / np.float32(cap))
