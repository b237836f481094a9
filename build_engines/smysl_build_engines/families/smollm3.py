"""SmolLM 3: Llama in which every fourth layer knows no positions."""

from smysl_build_engines.decoder import Decoder, Layer
from smysl_build_engines.families.common import (
    LLAMA_NAMES,
    Family,
    decoder,
    head_size,
    rope,
    windows,
)
from smysl_build_engines.families.fields import Fields


def _describe(f: Fields) -> Decoder:
    count = f.positive("num_hidden_layers", int)
    period = f.positive("no_rope_layer_interval", int, 4)
    turned = f.take("no_rope_layers", list[int], [int((n + 1) % period != 0) for n in range(count)])
    if len(turned) < count:
        raise f.bad("no_rope_layers", turned, f"num_hidden_layers demands {count} of them")
    used = f.take("use_sliding_window", bool, False)
    window = f.optional_positive("sliding_window", int)
    window = window if used else None
    # stands in the published file; the model does not read it
    f.optional("max_window_layers", int)
    seen = windows(f, lambda number: window is not None and not turned[number], window)
    bias = f.take("attention_bias", bool, False)
    return decoder(
        f,
        default_tie=True,
        layers=tuple(
            Layer(layer.window, 0 if turned[number] else None) for number, layer in enumerate(seen)
        ),
        ropes=(rope(f, head_size(f), 2_000_000.0),),
        qkv_bias=bias,
        output_bias=bias,
        mlp_bias=f.take("mlp_bias", bool, False),
    )


FAMILY = Family(
    model_type="smollm3",
    architecture="SmolLM3ForCausalLM",
    names=LLAMA_NAMES,
    describe=_describe,
)
