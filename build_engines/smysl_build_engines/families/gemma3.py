"""Gemma 3 (text): five layers with a window and positions of their own for each one without."""

from typing import Any

from smysl_build_engines.decoder import Decoder, Layer
from smysl_build_engines.families.common import (
    LLAMA_NAMES,
    QK_NORM_NAMES,
    SANDWICH_NAMES,
    Family,
    activation,
    decoder,
    head_size,
    layer_types,
    scaled,
)
from smysl_build_engines.families.fields import Fields
from smysl_build_engines.rotary import Rope


def _describe(f: Fields) -> Decoder:
    f.only("use_bidirectional_attention", False)
    f.only("attn_logit_softcapping")
    head_dim = head_size(f, 256)
    window = f.positive("sliding_window", int, 4096)
    period = f.positive(
        "sliding_window_pattern", int, f.positive("_sliding_window_pattern", int, 6)
    )
    local = layer_types(f, lambda number: (number + 1) % period != 0)
    bias = f.take("attention_bias", bool, False)
    return decoder(
        f,
        head_dim=head_dim,
        default_tie=True,
        layers=tuple(Layer(window, 1) if each else Layer(None, 0) for each in local),
        ropes=_ropes(f, head_dim),
        activation=activation(f, "hidden_activation", "gelu_pytorch_tanh"),
        attention_scale=f.positive("query_pre_attn_scalar", float, 256.0) ** -0.5,
        logit_softcap=f.optional_positive("final_logit_softcapping", float),
        embedding_scale=f.positive("hidden_size", int) ** 0.5,
        norm_offset=1.0,
        sandwich=True,
        qk_norm=True,
        qkv_bias=bias,
        output_bias=bias,
    )


def _ropes(f: Fields, head_dim: int) -> tuple[Rope, Rope]:
    """Of the layers without and with a window. Before transformers 5 only the former scale."""
    longest = f.positive("max_position_embeddings", int)
    far = {"rope_theta": f.positive("rope_theta", float, 1_000_000.0)}
    near = {"rope_theta": f.positive("rope_local_base_freq", float, 10_000.0)}
    far |= f.optional("rope_scaling", dict[str, Any]) or {}
    new = f.optional("rope_parameters", dict[str, dict[str, Any]]) or {}
    if extra := set(new) - {"full_attention", "sliding_attention"}:
        raise f.refusal("rope_parameters", sorted(extra)[0], "full and sliding attention")
    far |= new.get("full_attention", {})
    near |= new.get("sliding_attention", {})
    return (
        scaled(Fields(f"{f.where}: rope of full attention", far), head_dim, longest),
        scaled(Fields(f"{f.where}: rope of sliding attention", near), head_dim, longest),
    )


FAMILY = Family(
    model_type="gemma3_text",
    architecture="Gemma3ForCausalLM",
    names=LLAMA_NAMES | QK_NORM_NAMES | SANDWICH_NAMES,
    describe=_describe,
)
