"""Granite 3 (dense): Llama with factors on embedding, attention, residual stream and logits."""

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.families.common import LLAMA_NAMES, Family, decoder
from smysl_build_engines.families.fields import Fields


def _describe(f: Fields) -> Decoder:
    bias = f.take("attention_bias", bool, False)
    return decoder(
        f,
        embedding_scale=f.positive("embedding_multiplier", float, 1.0),
        attention_scale=f.positive("attention_multiplier", float, 1.0),
        residual_scale=f.positive("residual_multiplier", float, 1.0),
        logit_scale=1 / f.positive("logits_scaling", float, 1.0),
        qkv_bias=bias,
        output_bias=bias,
        mlp_bias=f.take("mlp_bias", bool, False),
    )


FAMILY = Family(
    model_type="granite", architecture="GraniteForCausalLM", names=LLAMA_NAMES, describe=_describe
)
