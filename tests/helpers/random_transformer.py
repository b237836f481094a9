"""Tiny random models of transformers. Needs the extra `parity`."""

from pathlib import Path
from typing import Any

SHAPE = {
    "vocab_size": 131,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def write_model(folder: Path, kind: str, settings: dict[str, Any], shard: str = "1GB") -> Any:
    """A random model of transformers in float32, saved to `folder`."""
    import torch
    import transformers

    text = "Text" if kind == "Gemma3" else ""
    config = getattr(transformers, f"{kind}{text}Config")(**SHAPE | settings)
    config._attn_implementation = "eager"
    torch.manual_seed(11)
    model = getattr(transformers, f"{kind}ForCausalLM")(config).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 1.5 * parameter.shape[1] ** -0.5)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder, max_shard_size=shard)
    (folder / "tokenizer.json").write_text("{}")
    return model


def logits_of(model: Any, tokens: list[int]) -> Any:
    """[tokens, vocabulary]"""
    import torch

    with torch.no_grad():
        return model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()
