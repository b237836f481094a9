"""Writes and reads the bundled model: a Llama-layout folder that transformers and our build step both load.

Knows file layouts; nothing of training.
"""

import json
from pathlib import Path

import msgspec
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from smysl_forge.model import Llama, Shape


def publish(
    folder: Path, model: Llama, tokenizer: Tokenizer, dtype: torch.dtype = torch.float16
) -> None:
    """config.json, model.safetensors (weights in `dtype`), tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **msgspec.to_builtins(model.shape),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": str(dtype).removeprefix("torch."),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {
        name: value.detach().to(dtype).contiguous() for name, value in model.state_dict().items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # save_file leaves it to its owner alone
    tokenizer.save(str(folder / "tokenizer.json"))


def load(folder: Path) -> tuple[Llama, Tokenizer]:
    """Inverse of `publish`, in float32."""
    config = json.loads((folder / "config.json").read_text())
    model = Llama(Shape(**{name: config[name] for name in Shape.__struct_fields__}))
    model.load_state_dict(
        {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
    )
    return model, Tokenizer.from_file(str(folder / "tokenizer.json"))
