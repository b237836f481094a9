"""Qwen 2 and 2.5: Llama with biases on query, key and value."""

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.families.common import LLAMA_NAMES, Family, decoder, upper_windows
from smysl_build_engines.families.fields import Fields


def _describe(f: Fields) -> Decoder:
    # multimodal positions of Qwen2-VL; absent or off in the text models
    f.only("use_mrope", False)
    return decoder(f, layers=upper_windows(f), qkv_bias=True)


FAMILY = Family(
    model_type="qwen2", architecture="Qwen2ForCausalLM", names=LLAMA_NAMES, describe=_describe
)
