"""Phi 3, 3.5 and 4 (mini, medium): fused projections, LongRoPE, partly turned heads."""

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.families.common import LLAMA_NAMES, Family, decoder, windows
from smysl_build_engines.families.fields import Fields

_QKV = "model.layers.{}.self_attn.qkv_proj"
_GATE_UP = "model.layers.{}.mlp.gate_up_proj"


def _describe(f: Fields) -> Decoder:
    for name in ("attention_bias", "mlp_bias", "lm_head_bias"):
        f.only(name, False)
    # blocksparse attention and stretched positions of relatives; 1 is off
    for name in ("full_attn_mod", "interpolate_factor"):
        f.only(name, 1)
    window = f.optional_positive("sliding_window", int)
    layers = windows(f, lambda number: window is not None, window)
    return decoder(f, layers=layers, default_eps=1e-5)


FAMILY = Family(
    model_type="phi3",
    architecture="Phi3ForCausalLM",
    names=LLAMA_NAMES | {"q": _QKV, "k": _QKV, "v": _QKV, "gate": _GATE_UP, "up": _GATE_UP},
    describe=_describe,
)
