"""What the families of models share: the usual fields, the usual names, scaled positions.

Each family's file says only where it differs. Knows config.json; never a weight's value.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from smysl_build_engines import rotary
from smysl_build_engines.decoder import Activation, Decoder, Layer
from smysl_build_engines.families.fields import Fields
from smysl_build_engines.rotary import Rope

_ACTIVATIONS: dict[str, Activation] = {
    "silu": "silu",
    "swish": "silu",
    "gelu_pytorch_tanh": "gelu_tanh",
}


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One architecture: its names in config.json, its tensors' names, and how to read its fields."""

    model_type: str
    architecture: str
    names: Mapping[str, str]
    """Role -> name in the checkpoint without `.weight`; `{}` is the layer's number.

    Roles of one name lie in one tensor, stacked by rows in the order given here.
    """
    describe: Callable[[Fields], Decoder]


LLAMA_NAMES = {
    "embedding": "model.embed_tokens",
    "norm": "model.norm",
    "head": "lm_head",
    "attention_norm": "model.layers.{}.input_layernorm",
    "q": "model.layers.{}.self_attn.q_proj",
    "k": "model.layers.{}.self_attn.k_proj",
    "v": "model.layers.{}.self_attn.v_proj",
    "o": "model.layers.{}.self_attn.o_proj",
    "mlp_norm": "model.layers.{}.post_attention_layernorm",
    "gate": "model.layers.{}.mlp.gate_proj",
    "up": "model.layers.{}.mlp.up_proj",
    "down": "model.layers.{}.mlp.down_proj",
}
QK_NORM_NAMES = {
    "q_norm": "model.layers.{}.self_attn.q_norm",
    "k_norm": "model.layers.{}.self_attn.k_norm",
}
SANDWICH_NAMES = {
    "attention_out_norm": "model.layers.{}.post_attention_layernorm",
    "mlp_norm": "model.layers.{}.pre_feedforward_layernorm",
    "mlp_out_norm": "model.layers.{}.post_feedforward_layernorm",
}


def decoder(f: Fields, **flags: Any) -> Decoder:
    """The fields all families have; `flags` add to a `Decoder`'s fields or override them."""
    f.only("quantization_config")
    hidden = f.positive("hidden_size", int)
    heads = f.positive("num_attention_heads", int)
    kv_heads = f.positive("num_key_value_heads", int, heads)
    if heads % kv_heads:
        raise f.bad(
            "num_attention_heads",
            heads,
            f"it must be a multiple of num_key_value_heads, {kv_heads}",
        )
    head_dim = flags.pop("head_dim", None) or f.positive("head_dim", int, hidden // heads)
    eps = f.positive("rms_norm_eps", float, flags.pop("default_eps", 1e-6))
    if "layers" not in flags:
        flags["layers"] = (Layer(),) * f.positive("num_hidden_layers", int)
    if "ropes" not in flags:
        flags["ropes"] = (rope(f, head_dim),)
    if "activation" not in flags:
        flags["activation"] = activation(f, "hidden_act", "silu")
    flags.setdefault("attention_scale", head_dim**-0.5)
    flags.setdefault("qk_norm_eps", eps)
    return Decoder(
        vocab_size=f.positive("vocab_size", int),
        hidden_size=hidden,
        intermediate_size=f.positive("intermediate_size", int),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=head_dim,
        max_position_embeddings=f.positive("max_position_embeddings", int),
        norm_eps=eps,
        tie_word_embeddings=f.take("tie_word_embeddings", bool, flags.pop("default_tie", False)),
        **flags,
    )


def head_size(f: Fields, default: int | None = None) -> int:
    """`head_dim`, else `default`, else what the heads share."""
    share = default or f.positive("hidden_size", int) // f.positive("num_attention_heads", int)
    return f.positive("head_dim", int, share)


def activation(f: Fields, name: str, default: str) -> Activation:
    value = f.take(name, str, default)
    if value not in _ACTIVATIONS:
        raise f.refusal(name, value, " or ".join(map(repr, _ACTIVATIONS)))
    return _ACTIVATIONS[value]


def layer_types(f: Fields, default: Callable[[int], bool]) -> list[bool]:
    """Of each layer, whether it sees a window only: `layer_types`, else `default(number)`."""
    count = f.positive("num_hidden_layers", int)
    types = f.optional("layer_types", list[str])
    if types is None:
        return [default(number) for number in range(count)]
    if len(types) != count:
        raise f.bad("layer_types", types, f"num_hidden_layers demands {count} of them")
    for kind in types:
        if kind not in ("full_attention", "sliding_attention"):
            raise f.refusal("layer_types", kind, "'full_attention' or 'sliding_attention'")
    return [kind == "sliding_attention" for kind in types]


def windows(f: Fields, default: Callable[[int], bool], window: int | None) -> tuple[Layer, ...]:
    """Layers that differ in their window only."""
    sliding = layer_types(f, default)
    if any(sliding) and window is None:
        raise f.bad("sliding_window", None, "layer_types names layers that need one")
    return tuple(Layer(window if local else None) for local in sliding)


def upper_windows(f: Fields) -> tuple[Layer, ...]:
    """Qwen: layers from `max_window_layers` on, and only if `use_sliding_window`."""
    used = f.take("use_sliding_window", bool, False)
    window = f.optional_positive("sliding_window", int, 4096)
    start = f.take("max_window_layers", int, 28)
    window = window if used else None
    return windows(f, lambda number: window is not None and number >= start, window)


def rope(f: Fields, head_dim: int, default_theta: float = 10000.0) -> Rope:
    """Positions as `rope_parameters` (transformers 5) or `rope_theta`, `rope_scaling` (before).

    Raises `UnsupportedModel` for a scaling or a setting of it that is not known.
    """
    old = f.optional("rope_scaling", dict[str, Any]) or {}
    new = f.optional("rope_parameters", dict[str, Any]) or {}
    theta = f.positive("rope_theta", float, default_theta)
    share = f.positive("partial_rotary_factor", float, 1.0)
    original = f.optional_positive("original_max_position_embeddings", int)
    values = {"rope_theta": theta, "partial_rotary_factor": share} | old | new
    longest = f.positive("max_position_embeddings", int)
    return scaled(Fields(f"{f.where}: rope", values), head_dim, longest, original)


def scaled(f: Fields, head_dim: int, longest: int, original: int | None = None) -> Rope:
    """One object of rotary settings. `longest`, `original`: contexts after and before scaling."""
    theta = f.positive("rope_theta", float, 10000.0)
    features = int(head_dim * f.positive("partial_rotary_factor", float, 1.0))
    if features % 2 or not 0 < features <= head_dim:
        raise f.bad("partial_rotary_factor", features / head_dim, "it must turn pairs of features")
    # "type" is the older name of "rope_type"
    older = f.take("type", str, "default")
    kind = f.take("rope_type", str, older)
    original = original or f.optional_positive("original_max_position_embeddings", int) or longest
    f.optional("original_max_position_embeddings", int)
    # recorded by those who stretched the model; it changes nothing
    f.optional("finetuned", bool)
    frequencies = rotary.plain(features, theta)
    match kind:
        case "default":
            made = Rope(tuple(frequencies.tolist()))
        case "linear":
            stretched = rotary.linear(frequencies, f.positive("factor", float))
            made = Rope(tuple(stretched.tolist()))
        case "llama3":
            stretched = rotary.llama3(
                frequencies,
                f.positive("factor", float),
                f.positive("low_freq_factor", float),
                f.positive("high_freq_factor", float),
                original,
            )
            made = Rope(tuple(stretched.tolist()))
        case "yarn":
            made = _yarn(f, frequencies, theta, longest, original)
        case "longrope" | "su":
            made = _longrope(f, frequencies, longest, original)
        case _:
            raise f.refusal(
                "rope_type", kind, "'default', 'linear', 'llama3', 'yarn' or 'longrope'"
            )
    f.finish()
    return made


def _yarn(
    f: Fields, frequencies: rotary.Frequencies, theta: float, longest: int, original: int
) -> Rope:
    factor = f.positive("factor", float, longest / original)
    stretched = rotary.yarn(
        frequencies,
        theta,
        factor,
        original,
        f.positive("beta_fast", float, 32.0),
        f.positive("beta_slow", float, 1.0),
        f.take("truncate", bool, True),
    )
    weight = f.optional("mscale", float)
    weight_all = f.optional("mscale_all_dim", float)
    amplitude = rotary.yarn_amplitude(factor)
    if weight and weight_all:
        amplitude = rotary.yarn_amplitude(factor, weight) / rotary.yarn_amplitude(
            factor, weight_all
        )
    amplitude = f.positive("attention_factor", float, amplitude)
    return Rope(tuple(stretched.tolist()), amplitude)


def _longrope(f: Fields, frequencies: rotary.Frequencies, longest: int, original: int) -> Rope:
    factor = f.positive("factor", float, longest / original)
    sets = []
    for name in ("short_factor", "long_factor"):
        factors = f.take(name, list[float])
        if len(factors) != len(frequencies) or not all(value > 0 for value in factors):
            raise f.bad(name, factors, f"it must have {len(frequencies)} positive numbers")
        sets.append(tuple((frequencies / factors).tolist()))
    amplitude = f.positive("attention_factor", float, rotary.longrope_amplitude(factor, original))
    return Rope(sets[0], amplitude, sets[1], original)
