"""The numpy reference against an independent float32 implementation in torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.random_model import LlamaConfig, write_random_model
from smysl_build_engines.reference import Reference
from smysl_build_engines.safetensors import SafetensorsFile
from smysl_build_engines.tensors import Float32, Held

torch = pytest.importorskip("torch")
functional = torch.nn.functional

CONFIG = LlamaConfig(
    vocab_size=61,
    hidden_size=48,
    intermediate_size=100,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    rope_theta=500.0,
    tie_word_embeddings=False,
)


def torch_llama(config: LlamaConfig, weights: Mapping[str, Float32], tokens: list[int]) -> Any:
    """Logits [tokens, vocabulary]; rotation by complex numbers, attention by torch's kernel."""
    w = {name: torch.from_numpy(np.array(weights[name])) for name in weights}
    count = len(tokens)
    inverse = config.rope_theta ** (-torch.arange(0, config.head_dim, 2).double() / config.head_dim)
    turn = torch.polar(
        torch.ones(count, config.head_dim // 2).double(),
        torch.arange(count).double()[:, None] * inverse,
    )

    def linear(name: str, x: Any) -> Any:
        return functional.linear(x, w[f"{name}.weight"])

    def norm(name: str, x: Any) -> Any:
        return functional.rms_norm(x, x.shape[-1:], w[f"{name}.weight"], config.rms_norm_eps)

    def heads(name: str, x: Any, rotated: bool) -> Any:
        split = linear(name, x).view(count, -1, config.head_dim).transpose(0, 1)
        if not rotated:
            return split
        first, second = split.double().chunk(2, dim=-1)
        turned = torch.complex(first, second) * turn
        return torch.cat((turned.real, turned.imag), dim=-1).float()

    x = w["model.embed_tokens.weight"][torch.tensor(tokens)]
    for number in range(config.num_hidden_layers):
        layer = f"model.layers.{number}"
        normed = norm(f"{layer}.input_layernorm", x)
        mixed = functional.scaled_dot_product_attention(
            heads(f"{layer}.self_attn.q_proj", normed, True)[None],
            heads(f"{layer}.self_attn.k_proj", normed, True)[None],
            heads(f"{layer}.self_attn.v_proj", normed, False)[None],
            is_causal=True,
            enable_gqa=True,
        )[0]
        x = x + linear(f"{layer}.self_attn.o_proj", mixed.transpose(0, 1).reshape(count, -1))
        normed = norm(f"{layer}.post_attention_layernorm", x)
        gate = functional.silu(linear(f"{layer}.mlp.gate_proj", normed))
        x = x + linear(f"{layer}.mlp.down_proj", gate * linear(f"{layer}.mlp.up_proj", normed))
    hidden = norm("model.norm", x)
    return (
        linear("lm_head", hidden)
        if "lm_head.weight" in w
        else hidden @ w["model.embed_tokens.weight"].T
    ).numpy()


@pytest.mark.parametrize("tied", [False, True])
def test_the_reference_computes_what_torch_computes(tmp_path: Path, tied: bool) -> None:
    config = msgspec.structs.replace(CONFIG, tie_word_embeddings=tied)
    checkpoint = open_checkpoint(write_random_model(tmp_path / "model", config))
    tokens = np.random.default_rng(3).integers(0, config.vocab_size, 40).tolist()
    stored = SafetensorsFile(checkpoint.folder / "model.safetensors")
    expected = torch_llama(config, stored, tokens)
    found = Reference(checkpoint.config, checkpoint.weights).forward(tokens)
    np.testing.assert_allclose(found.logits, expected, atol=2e-5)
    assert found.hidden.shape == (40, config.hidden_size)


def test_very_negative_gates_do_not_overflow(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write_random_model(tmp_path / "model", CONFIG))
    weights = {name: checkpoint.weights[name] * 100 for name in checkpoint.weights}
    assert np.isfinite(Reference(checkpoint.config, Held(weights)).forward([1, 2, 3]).logits).all()
