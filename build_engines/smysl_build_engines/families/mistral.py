"""Mistral 7B and its kin: Llama with a window over the last positions in every layer."""

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.families.common import LLAMA_NAMES, Family, decoder, windows
from smysl_build_engines.families.fields import Fields


def _describe(f: Fields) -> Decoder:
    window = f.optional_positive("sliding_window", int, 4096)
    layers = windows(f, lambda number: window is not None, window)
    return decoder(f, layers=layers)


FAMILY = Family(
    model_type="mistral", architecture="MistralForCausalLM", names=LLAMA_NAMES, describe=_describe
)
