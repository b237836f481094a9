"""Llama 2, 3, 3.1, 3.2, 3.3 and what shares their layout: SmolLM 1 and 2, TinyLlama, Yi."""

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.families.common import LLAMA_NAMES, Family, decoder
from smysl_build_engines.families.fields import Fields


def _describe(f: Fields) -> Decoder:
    bias = f.take("attention_bias", bool, False)
    return decoder(f, qkv_bias=bias, output_bias=bias, mlp_bias=f.take("mlp_bias", bool, False))


FAMILY = Family(
    model_type="llama", architecture="LlamaForCausalLM", names=LLAMA_NAMES, describe=_describe
)
