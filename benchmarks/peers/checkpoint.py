"""Writes the checkpoint that every peer is measured on: random weights in the shape of Qwen2 0.5B,
as a Hugging Face folder.

Knows the shape and a tokenizer that every peer can load; what the model says means nothing, and all
measurements go by token ids.
"""

import json
from pathlib import Path

from smysl_build_engines.random_model import write_random_model

CONTEXT = 4096
VOCABULARY = 151_936
END = 151_645
"""The end token's id, where Qwen2 has it; no measurement stops at it."""

CONFIG = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "vocab_size": VOCABULARY,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1_000_000.0,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
    "use_sliding_window": False,
    "bos_token_id": END,
    "eos_token_id": END,
    "torch_dtype": "bfloat16",
}


def write_checkpoint(folder: Path) -> Path:
    """Write the folder unless it is there; returns it."""
    done = folder / "tokenizer_config.json"
    if done.is_file():
        return folder
    write_random_model(folder, CONFIG, dtype="BF16")
    (folder / "generation_config.json").write_text(
        json.dumps({"bos_token_id": END, "eos_token_id": END, "pad_token_id": END})
    )
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer()))
    done.write_text(
        json.dumps(
            {
                "tokenizer_class": "Qwen2Tokenizer",
                "eos_token": words()[END],
                "pad_token": words()[END],
                "model_max_length": CONTEXT,
            }
        )
    )
    return folder


def words() -> list[str]:
    """The tokens' texts by id: the bytes, one merged pair, and invented words."""
    texts = [*_byte_letters(), "ab"]
    texts += [f"w{number}" for number in range(len(texts), VOCABULARY)]
    texts[END] = "<|im_end|>"
    return texts


def _byte_letters() -> list[str]:
    """One letter for each byte, as byte-level BPE writes them (Radford et al., 2019): printable
    bytes are themselves, the others letters from 256 on."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in plain else next(others)) for byte in range(256)]


def _tokenizer() -> dict[str, object]:
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": True,
    }
    end = {
        "id": END,
        "content": words()[END],
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "vocab": {text: number for number, text in enumerate(words())},
        "merges": ["a b"],
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [end],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": byte_level,
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": model,
    }


if __name__ == "__main__":
    import sys

    print(write_checkpoint(Path(sys.argv[1])))
