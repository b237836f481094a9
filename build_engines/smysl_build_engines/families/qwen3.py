"""Qwen 3 (dense): heads of their own size, queries and keys normalised per head."""

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.families.common import (
    LLAMA_NAMES,
    QK_NORM_NAMES,
    Family,
    decoder,
    head_size,
    upper_windows,
)
from smysl_build_engines.families.fields import Fields


def _describe(f: Fields) -> Decoder:
    bias = f.take("attention_bias", bool, False)
    return decoder(
        f,
        head_dim=head_size(f, 128),
        layers=upper_windows(f),
        qk_norm=True,
        qkv_bias=bias,
        output_bias=bias,
    )


FAMILY = Family(
    model_type="qwen3",
    architecture="Qwen3ForCausalLM",
    names=LLAMA_NAMES | QK_NORM_NAMES,
    describe=_describe,
)
