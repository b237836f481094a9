"""A decoder's numbers and tensors as llama.cpp's architecture `llama` has them.

Knows the names, shapes and the order of rotated features on both sides; never the container, a tokenizer or
where a checkpoint lies.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from smysl_build_engines.decoder import Decoder, Layer
from smysl_build_engines.errors import UnsupportedModel
from smysl_build_engines.gguf_file import U32, Stored, TensorPlan, Value
from smysl_build_engines.rotary import plain
from smysl_build_engines.tensors import Float32, Tensors

ARCHITECTURE = "llama"
_ROLES = {
    "embedding": "token_embd",
    "norm": "output_norm",
    "head": "output",
    "attention_norm": "attn_norm",
    "mlp_norm": "ffn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
_ROPE_FACTORS = "rope_freqs.weight"


class GgufModel:
    """One decoder, written as GGUF. Raises `UnsupportedModel` for what architecture `llama` is not."""

    def __init__(self, where: str, decoder: Decoder, weights: Tensors, stored: Stored) -> None:
        """`where` names the model in errors; `stored`: of matrices, all else is float32."""
        if unlike := _unlike(decoder):
            raise UnsupportedModel(
                f"{where} has {unlike}, which GGUF's architecture {ARCHITECTURE!r} has not. Models of the "
                "Llama layout can be exported; convert others with llama.cpp's own converter"
            )
        self._decoder = decoder
        self._weights = weights
        self._stored: Stored = stored
        self._base, self._factors = _rotation(decoder)

    def metadata(self) -> dict[str, Value]:
        decoder = self._decoder
        numbers = {
            "vocab_size": decoder.vocab_size,
            "context_length": decoder.max_position_embeddings,
            "embedding_length": decoder.hidden_size,
            "block_count": len(decoder.layers),
            "feed_forward_length": decoder.intermediate_size,
            "rope.dimension_count": decoder.ropes[0].features,
            "attention.head_count": decoder.num_attention_heads,
            "attention.head_count_kv": decoder.num_key_value_heads,
            "attention.key_length": decoder.head_dim,
            "attention.value_length": decoder.head_dim,
        }
        return {
            **{f"{ARCHITECTURE}.{name}": U32(number) for name, number in numbers.items()},
            f"{ARCHITECTURE}.rope.freq_base": self._base,
            f"{ARCHITECTURE}.attention.layer_norm_rms_epsilon": decoder.norm_eps,
        }

    def tensors(self) -> list[TensorPlan]:
        """In the order in which `data` gives them."""
        found = []
        for name, shape in self._decoder.shapes().items():
            found.append(
                TensorPlan(_renamed(name), shape, self._stored if len(shape) > 1 else "f32")
            )
        if self._factors is not None:
            found.append(TensorPlan(_ROPE_FACTORS, self._factors.shape, "f32"))
        return found

    def data(self) -> Iterator[Iterator[Float32]]:
        """Of each tensor its rows, in pieces."""
        for name in self._decoder.shapes():
            role = name.split(".")[-2]
            heads = {"q": self._decoder.num_attention_heads, "k": self._decoder.num_key_value_heads}
            if role in heads:
                yield iter([_interleaved(self._weights[name], heads[role])])
            else:
                yield self._weights.chunks(name)
        if self._factors is not None:
            yield iter([self._factors])


def _unlike(decoder: Decoder) -> str | None:
    """What of the model the architecture cannot say."""
    usual_scale = math.isclose(decoder.attention_scale, decoder.head_dim**-0.5, rel_tol=1e-6)
    facts = {
        "more than one sort of rotary positions": len(decoder.ropes) != 1,
        "layers with a window or without positions": any(
            layer != Layer() for layer in decoder.layers
        ),
        f"activation {decoder.activation}": decoder.activation != "silu",
        "a cap on attention scores": decoder.attention_softcap is not None,
        "a cap on logits": decoder.logit_softcap is not None,
        f"attention scale {decoder.attention_scale:g}": not usual_scale,
        "scaled embeddings, layers or logits": (
            decoder.embedding_scale,
            decoder.residual_scale,
            decoder.logit_scale,
        )
        != (1.0, 1.0, 1.0),
        "an offset in its norms": decoder.norm_offset != 0,
        "norms after attention and MLP": decoder.sandwich,
        "norms of queries and keys": decoder.qk_norm,
        "biases in its MLP": decoder.mlp_bias,
    }
    if not any(facts.values()):
        rope = decoder.ropes[0].at(decoder.max_position_embeddings)
        facts["partly rotated heads"] = rope.features != decoder.head_dim
        facts["an amplitude of its rotation"] = rope.amplitude != 1.0
        facts["rotations that do not slow down"] = any(
            later >= before for before, later in pairwise(rope.frequencies)
        )
    return next((fact for fact, true in facts.items() if true), None)


def _rotation(decoder: Decoder) -> tuple[float, Float32 | None]:
    """The base of a plain rotation whose first two pairs turn alike, and by how much each pair is slower; None where
    none is."""
    rope = decoder.ropes[0].at(decoder.max_position_embeddings)
    turns = np.array(rope.frequencies)
    base = float((turns[0] / turns[1]) ** (len(turns)))
    # a base is a round number; its frequencies are not
    base = float(f"{base:.6g}")
    factors = plain(rope.features, base) / turns
    if np.allclose(factors, 1, rtol=1e-6, atol=0):
        return base, None
    return base, factors.astype(np.float32)


def _interleaved(weight: Float32, heads: int) -> Float32:
    """Feature i of a head turns with feature i + half in a checkpoint, with its neighbour in this architecture."""
    rows = weight.shape[0] // heads
    halves = weight.reshape(heads, 2, rows // 2, *weight.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(weight.shape)


def _renamed(name: str) -> str:
    """`layers.3.q.weight` -> `blk.3.attn_q.weight`"""
    *where, role, kind = name.split(".")
    layer = f"blk.{where[1]}." if where else ""
    return f"{layer}{_ROLES[role]}.{kind}"
