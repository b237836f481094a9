"""Writes a checkpoint of random weights: to learn what a shape costs before anyone trains it,
and for tests.

Knows the checkpoint layout only; what such a model says means nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from smysl_build_engines.families.table import describe, places


class LlamaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a Llama's config.json, named as transformers' LlamaConfig."""

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


SMALL = LlamaConfig(
    vocab_size=4096,
    hidden_size=192,
    intermediate_size=512,
    num_hidden_layers=4,
    num_attention_heads=6,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=512,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    tie_word_embeddings=True,
)
"""The bundled model's order of size: 2.4 M parameters."""


def write_random_model(
    folder: Path,
    config: LlamaConfig | Mapping[str, Any] = SMALL,
    *,
    dtype: str = "F32",
    seed: int = 0,
) -> Path:
    """Write config.json, model.safetensors and an empty tokenizer.json; returns `folder`.

    `config`: a Llama, or the fields of any config.json the build step compiles. `dtype`: F32, F16
    or BF16. The scale of the weights keeps activations and logits near 1.
    """
    if isinstance(config, LlamaConfig):
        fields = msgspec.to_builtins(config) | {"model_type": "llama", "hidden_act": "silu"}
    else:
        fields = dict(config)
    random = np.random.default_rng(seed)
    tensors = {
        name: _random_tensor(random, name, shape) for name, shape in stored_shapes(fields).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", tensors, dtype)
    (folder / "config.json").write_text(json.dumps(fields))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def stored_shapes(fields: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors a checkpoint with these fields has in its files."""
    described = describe("config.json", dict(fields))
    shapes = described.decoder.shapes()
    stored: dict[str, tuple[int, ...]] = {}
    for name, place in places(described.family, described.decoder).items():
        stored[place.name] = (place.stop, *shapes[name][1:])
    return stored


def _random_tensor(
    random: np.random.Generator, name: str, shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    noise = random.standard_normal(shape)
    if name.endswith(".bias"):
        tensor = 0.1 * noise
    elif len(shape) == 1:
        tensor = 1 + 0.1 * noise
    else:
        tensor = noise / np.sqrt(shape[1]) * (2 if "_proj" in name else 1)
    return tensor.astype(np.float32)


def write_safetensors(
    path: Path, tensors: Mapping[str, npt.NDArray[np.float32]], dtype: str = "F32"
) -> None:
    """Store all tensors in one type, one after the other; BF16 is rounded towards zero."""
    header, at = {}, 0
    size = 4 if dtype == "F32" else 2
    for name, tensor in tensors.items():
        place = [at, at + tensor.size * size]
        header[name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": place}
        at = place[1]
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(_encoded(tensor, dtype))


def _encoded(tensor: npt.NDArray[np.float32], dtype: str) -> bytes:
    match dtype:
        case "F32":
            return tensor.astype("<f4").tobytes()
        case "F16":
            return tensor.astype("<f2").tobytes()
        case "BF16":
            return (tensor.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        case _:
            raise ValueError(f"dtype is {dtype!r}; it must be F32, F16 or BF16")
