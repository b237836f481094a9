"""Which models TensorRT-LLM can compile, and what one is that a config.json alone describes.

Knows architectures by name and their sizes; never a weight. A mixture of experts is two dense models
to the arithmetic: all of its experts lie in memory, the chosen ones are read for a token.
"""

from pathlib import Path
from typing import Any

import msgspec

from smysl_build_engines.checkpoint import CONFIG_FILE
from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel
from smysl_build_engines.families.fields import Fields, read_object
from smysl_build_engines.families.table import FAMILIES, describe
from smysl_build_engines.tensorrt_llm.formats import Quantised, read_quantised

ENGINE_ARCHITECTURES = frozenset(
    "LlamaForCausalLM MistralForCausalLM MixtralForCausalLM Qwen2ForCausalLM Qwen3ForCausalLM"
    " Qwen3MoeForCausalLM".split()
)
"""Compiled by TensorRT-LLM 1.2's engine backend: the Llama family and its kin throughout, Qwen 3 since
1.0. What is not listed may work there and is not promised."""


class Experts(msgspec.Struct, frozen=True):
    """Field names of a mixture whose dense relative is a known family."""

    family: str
    count: str
    inner: str
    extra: tuple[str, ...] = ()
    """Fields that change no size."""


_MIXTURES = {
    "qwen3_moe": Experts(
        "qwen3",
        "num_experts",
        "moe_intermediate_size",
        ("decoder_sparse_step", "mlp_only_layers", "norm_topk_prob", "intermediate_size"),
    ),
    "mixtral": Experts(
        "mistral", "num_local_experts", "intermediate_size", ("router_jitter_noise",)
    ),
}
_MIXTURE_FIELDS = ("num_experts_per_tok", "router_aux_loss_coef", "output_router_logits")


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A config.json as this build step understands it."""

    architecture: str
    family: str
    """`model_type`"""
    held: Decoder | None
    """What lies in memory. None: a model that only TensorRT-LLM knows."""
    read: Decoder | None
    """What a token reads; of a dense model the same."""
    quantised: Quantised | None
    longest: int
    """Its own limit of positions."""
    vocabulary: int
    hidden_size: int
    layers: int
    kv_heads: int
    head_dim: int

    @property
    def dense(self) -> bool:
        return self.held is not None and self.held == self.read

    @property
    def has_engine(self) -> bool:
        return self.architecture in ENGINE_ARCHITECTURES


def read_model(source: Path) -> Model:
    """From a folder or a config.json. Raises `BadCheckpoint`, `UnsupportedModel`."""
    path = source / CONFIG_FILE if source.is_dir() else source
    if not path.is_file():
        raise BadCheckpoint(
            f"{source} is neither a folder with a {CONFIG_FILE} nor such a file; give a checkpoint"
        )
    values = read_object(path)
    quantised = read_quantised(path.parent, values)
    values.pop("quantization_config", None)
    family = Fields(str(path), values).take("model_type", str, "llama")
    architecture = _architecture(path, values, family)
    held: Decoder | None = None
    read: Decoder | None = None
    if family in FAMILIES:
        held = read = describe(str(path), values).decoder
    elif family in _MIXTURES:
        held, read = _mixture(path, values, _MIXTURES[family])
    f = Fields(str(path), values)
    heads = f.positive("num_attention_heads", int)
    hidden = f.positive("hidden_size", int)
    share = hidden // heads if held is None else held.head_dim
    return Model(
        architecture=architecture,
        family=family,
        held=held,
        read=read,
        quantised=quantised,
        longest=f.positive("max_position_embeddings", int),
        vocabulary=f.positive("vocab_size", int),
        hidden_size=hidden,
        layers=f.positive("num_hidden_layers", int),
        kv_heads=f.positive("num_key_value_heads", int, heads),
        head_dim=f.positive("head_dim", int, share),
    )


def check_engine(model: Model, name: str) -> None:
    """Raises `UnsupportedModel` for an architecture that no engine is promised of."""
    if not model.has_engine:
        known = ", ".join(sorted(ENGINE_ARCHITECTURES))
        raise UnsupportedModel(
            f"{name} is a {model.architecture}; TensorRT-LLM 1.2 compiles engines of {known}, and runs "
            "newer architectures through PyTorch only. Ask for --artefact checkpoint"
        )


def _architecture(path: Path, values: dict[str, Any], family: str) -> str:
    named = Fields(str(path), values).take("architectures", list[str], [])
    if named:
        return named[0]
    if (known := FAMILIES.get(family)) is not None:
        architecture: str = known.architecture
        return architecture
    raise BadCheckpoint(f"{path} has no architectures; TensorRT-LLM chooses the model by it")


def _mixture(path: Path, values: dict[str, Any], experts: Experts) -> tuple[Decoder, Decoder]:
    f = Fields(str(path), values)
    count, chosen = f.positive(experts.count, int), f.positive("num_experts_per_tok", int)
    inner = f.positive(experts.inner, int)
    if f.take("mlp_only_layers", list[int], []) or f.take("decoder_sparse_step", int, 1) != 1:
        raise UnsupportedModel(f"{path}: some layers have no experts; that is not planned for")
    gone = {experts.count, experts.inner, *experts.extra, *_MIXTURE_FIELDS}
    plain = {name: value for name, value in values.items() if name not in gone}
    plain |= {"model_type": experts.family, "architectures": []}
    held, read = (
        describe(str(path), plain | {"intermediate_size": width * inner}).decoder
        for width in (count, chosen)
    )
    return held, read
