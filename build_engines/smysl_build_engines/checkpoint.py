"""A Llama-layout checkpoint folder: what it must contain to be compiled, and its tensors by name.

Knows config.json and tensor names and shapes; never ONNX, quantisation or the store.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from smysl_build_engines.errors import BadCheckpoint, UnsupportedModel
from smysl_build_engines.safetensors import SafetensorsFile
from smysl_engines.manifest import DIALECT_FILE, TOKENIZER_FILE

Weights = Mapping[str, npt.NDArray[np.float32]]
"""Tensor name -> float32 array; a mapping may compute an array anew at every look-up."""


class LlamaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of config.json that decide the computation, named as transformers' LlamaConfig."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float
    tie_word_embeddings: bool

    @property
    def qkv_width(self) -> int:
        """Features of query, key and value together."""
        return (self.num_attention_heads + 2 * self.num_key_value_heads) * self.head_dim

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of such a checkpoint, linear weights as [out, in]."""
        hidden, inner = self.hidden_size, self.intermediate_size
        queries = self.num_attention_heads * self.head_dim
        keys = self.num_key_value_heads * self.head_dim
        shapes: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (self.vocab_size, hidden),
            "model.norm.weight": (hidden,),
        }
        for number in range(self.num_hidden_layers):
            layer = f"model.layers.{number}"
            shapes |= {
                f"{layer}.input_layernorm.weight": (hidden,),
                f"{layer}.self_attn.q_proj.weight": (queries, hidden),
                f"{layer}.self_attn.k_proj.weight": (keys, hidden),
                f"{layer}.self_attn.v_proj.weight": (keys, hidden),
                f"{layer}.self_attn.o_proj.weight": (hidden, queries),
                f"{layer}.post_attention_layernorm.weight": (hidden,),
                f"{layer}.mlp.gate_proj.weight": (inner, hidden),
                f"{layer}.mlp.up_proj.weight": (inner, hidden),
                f"{layer}.mlp.down_proj.weight": (hidden, inner),
            }
        if not self.tie_word_embeddings:
            shapes["lm_head.weight"] = (self.vocab_size, hidden)
        return shapes


class Checkpoint(msgspec.Struct, frozen=True):
    """A checked source folder."""

    folder: Path
    config: LlamaConfig
    weights: Weights
    files: tuple[Path, ...]
    """What decides the output: config.json, model.safetensors, tokenizer.json, and dialect.json
    where the model has one."""

    @property
    def passed_on(self) -> tuple[Path, ...]:
        """Files that go into the engine directory as they are."""
        return tuple(f for f in self.files if f.name in (TOKENIZER_FILE, DIALECT_FILE))


def open_checkpoint(folder: Path) -> Checkpoint:
    """Raises `BadCheckpoint` for missing or contradictory files,
    `UnsupportedModel` by the field's name.
    """
    names = ("config.json", "model.safetensors", TOKENIZER_FILE)
    if (folder / "model.safetensors.index.json").exists():
        raise UnsupportedModel(
            f"{folder} is split into several safetensors files; join them into one"
        )
    for name in names:
        if not (folder / name).is_file():
            raise BadCheckpoint(
                f"{folder} has no {name}; a source is a folder with {', '.join(names)}"
            )
    config = read_config(folder / "config.json")
    weights = SafetensorsFile(folder / "model.safetensors")
    _check_tensors(config, weights)
    optional = (DIALECT_FILE,) if (folder / DIALECT_FILE).is_file() else ()
    files = tuple(folder / name for name in (*names, *optional))
    return Checkpoint(folder, config, weights, files)


def read_config(path: Path) -> LlamaConfig:
    try:
        fields = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadCheckpoint(f"{path} cannot be read: {error}") from error
    if not isinstance(fields, dict):
        raise BadCheckpoint(f"{path} is not a JSON object")
    _refuse_unsupported(path, fields)
    heads = fields.get("num_attention_heads")
    # what transformers assumes for an absent field
    defaults: dict[str, Any] = {
        "num_key_value_heads": heads,
        "rms_norm_eps": 1e-6,
        "rope_theta": _rope(fields).get("rope_theta", 10000.0),
        "tie_word_embeddings": False,
    }
    if isinstance(heads, int) and heads > 0 and isinstance(fields.get("hidden_size"), int):
        defaults["head_dim"] = fields["hidden_size"] // heads
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        config = msgspec.convert(defaults | given, LlamaConfig)
    except msgspec.ValidationError as error:
        raise BadCheckpoint(f"{path}: {error}") from error
    _check_numbers(path, config)
    return config


def _rope(fields: dict[str, Any]) -> dict[str, Any]:
    """Rotary settings beyond theta: `rope_parameters` in transformers 5, `rope_scaling` before."""
    rope = fields.get("rope_parameters") or fields.get("rope_scaling") or {}
    return rope if isinstance(rope, dict) else {"rope_type": str(rope)}


def _refuse_unsupported(path: Path, fields: dict[str, Any]) -> None:
    def refuse(name: str, value: object, supported: str) -> UnsupportedModel:
        return UnsupportedModel(
            f"{path}: {name} is {value!r}; the onnx build compiles {supported} only"
        )

    if (kind := fields.get("model_type", "llama")) != "llama":
        raise refuse("model_type", kind, "'llama'")
    for architecture in fields.get("architectures") or ():
        if architecture != "LlamaForCausalLM":
            raise refuse("architectures", architecture, "'LlamaForCausalLM'")
    if (activation := fields.get("hidden_act", "silu")) != "silu":
        raise refuse("hidden_act", activation, "'silu'")
    for name in ("attention_bias", "mlp_bias", "quantization_config", "sliding_window"):
        if fields.get(name):
            raise refuse(name, fields[name], "models without it")
    rope = _rope(fields)
    if (scaling := rope.get("rope_type", rope.get("type", "default"))) != "default":
        raise refuse("rope_type", scaling, "'default'")
    if (share := fields.get("partial_rotary_factor", 1.0)) != 1.0:
        raise refuse("partial_rotary_factor", share, "1.0")


def _check_numbers(path: Path, config: LlamaConfig) -> None:
    for name in config.__struct_fields__:
        value = getattr(config, name)
        if not isinstance(value, bool) and not value > 0:
            raise BadCheckpoint(f"{path}: {name} is {value}; it must be positive")
    if config.num_attention_heads % config.num_key_value_heads:
        raise BadCheckpoint(
            f"{path}: num_attention_heads is {config.num_attention_heads}; it must be a multiple "
            f"of num_key_value_heads, {config.num_key_value_heads}"
        )
    if config.head_dim % 16:
        raise UnsupportedModel(
            f"{path}: head_dim is {config.head_dim}; the runtime's rotary attention takes "
            "multiples of 16"
        )


def _check_tensors(config: LlamaConfig, weights: SafetensorsFile) -> None:
    expected = config.shapes()
    for name, shape in expected.items():
        if name not in weights:
            raise BadCheckpoint(f"{weights.path} has no tensor {name!r}; config.json demands it")
        if weights.shape(name) != shape:
            raise BadCheckpoint(
                f"{weights.path}: {name!r} is {list(weights.shape(name))}; config.json demands "
                f"{list(shape)}"
            )
    # a tied head and the rotary table may be stored although they follow from the rest
    ignorable = {"lm_head.weight"} | {
        f"model.layers.{n}.self_attn.rotary_emb.inv_freq" for n in range(config.num_hidden_layers)
    }
    if extra := sorted(set(weights) - set(expected) - ignorable):
        raise UnsupportedModel(
            f"{weights.path} has the tensor {extra[0]!r}, which a Llama model does not use"
        )
