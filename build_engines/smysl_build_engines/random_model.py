"""Writes a checkpoint of random weights: to learn what a shape costs before anyone trains it,
and for tests.

Knows the checkpoint layout only; what such a model says means nothing.
"""

import json
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from smysl_build_engines.checkpoint import LlamaConfig

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
    folder: Path, config: LlamaConfig = SMALL, *, dtype: str = "F32", seed: int = 0
) -> Path:
    """Write config.json, model.safetensors and an empty tokenizer.json; returns `folder`.

    `dtype`: F32, F16 or BF16. The scale of the weights keeps activations and logits near 1.
    """
    random = np.random.default_rng(seed)
    tensors = {}
    for name, shape in config.shapes().items():
        noise = random.standard_normal(shape)
        if len(shape) == 1:
            tensor = 1 + 0.1 * noise
        else:
            tensor = noise / np.sqrt(shape[1]) * (2 if "_proj" in name else 1)
        tensors[name] = tensor.astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", tensors, dtype)
    fields = msgspec.to_builtins(config) | {"model_type": "llama", "hidden_act": "silu"}
    (folder / "config.json").write_text(json.dumps(fields))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def write_safetensors(
    path: Path, tensors: dict[str, npt.NDArray[np.float32]], dtype: str = "F32"
) -> None:
    """Store all tensors in one type, one after the other; BF16 is rounded towards zero."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        match dtype:
            case "F32":
                raw = tensor.astype("<f4").tobytes()
            case "F16":
                raw = tensor.astype("<f2").tobytes()
            case "BF16":
                raw = (tensor.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
            case _:
                raise ValueError(f"dtype is {dtype!r}; it must be F32, F16 or BF16")
        place = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": place}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
