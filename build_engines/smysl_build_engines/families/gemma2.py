"""Gemma 2: norms before and after, soft caps, scaled embeddings, a window in every other layer."""

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.families.common import (
    LLAMA_NAMES,
    SANDWICH_NAMES,
    Family,
    activation,
    decoder,
    head_size,
    windows,
)
from smysl_build_engines.families.fields import Fields


def _describe(f: Fields) -> Decoder:
    f.only("use_bidirectional_attention", False)
    # the older name of the same field, which the model does not read
    f.only("hidden_act", "gelu_pytorch_tanh")
    bias = f.take("attention_bias", bool, False)
    window = f.optional_positive("sliding_window", int, 4096)
    return decoder(
        f,
        head_dim=head_size(f, 256),
        default_tie=True,
        layers=windows(f, lambda number: number % 2 == 0, window),
        activation=activation(f, "hidden_activation", "gelu_pytorch_tanh"),
        attention_scale=f.positive("query_pre_attn_scalar", float, 256.0) ** -0.5,
        attention_softcap=f.optional_positive("attn_logit_softcapping", float, 50.0),
        logit_softcap=f.optional_positive("final_logit_softcapping", float, 30.0),
        embedding_scale=f.positive("hidden_size", int) ** 0.5,
        norm_offset=1.0,
        sandwich=True,
        qkv_bias=bias,
        output_bias=bias,
    )


FAMILY = Family(
    model_type="gemma2",
    architecture="Gemma2ForCausalLM",
    names=LLAMA_NAMES | SANDWICH_NAMES,
    describe=_describe,
)
