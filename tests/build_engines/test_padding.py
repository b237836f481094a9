from typing import Any

import numpy as np
import pytest

from smysl_build_engines.families.table import describe
from smysl_build_engines.padding import pad_heads
from smysl_build_engines.reference import Reference
from smysl_build_engines.tensors import Held

FIELDS = {
    "vocab_size": 23,
    "hidden_size": 24,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}


@pytest.mark.parametrize(
    ("kind", "head_dim", "share", "wide"),
    [
        ("llama", 6, 1.0, 16),
        ("llama", 20, 1.0, 32),
        ("llama", 16, 1.0, 16),
        ("llama", 48, 0.5, 64),
        ("qwen3", 10, 1.0, 16),
        ("gemma3_text", 36, 1.0, 48),
    ],
)
def test_wider_heads_compute_the_same_function(
    kind: str, head_dim: int, share: float, wide: int
) -> None:
    fields: dict[str, Any] = FIELDS | {"model_type": kind, "head_dim": head_dim}
    if share != 1:
        fields["partial_rotary_factor"] = share
    decoder = describe("here", fields).decoder
    random = np.random.default_rng(7)
    weights = Held(
        {
            name: (random.standard_normal(shape) / 4).astype(np.float32)
            for name, shape in decoder.shapes().items()
        }
    )
    padded = pad_heads(decoder, weights)
    assert padded.decoder.head_dim == wide
    for name, shape in padded.decoder.shapes().items():
        assert padded.weights[name].shape == padded.weights.shape(name) == shape
        joined = np.concatenate([padded.weights.rows(name, n, n + 1) for n in range(shape[0])])
        np.testing.assert_array_equal(joined, padded.weights[name])
    tokens = random.integers(0, 23, 20).tolist()
    expected = Reference(decoder, weights).forward(tokens)
    found = Reference(padded.decoder, padded.weights).forward(tokens)
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
