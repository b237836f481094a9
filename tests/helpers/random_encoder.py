"""Writes the folder of a tiny sentence encoder of random weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from smysl_build_engines.encoder_folder import stored_name
from smysl_build_engines.families.encoders import describe_encoder
from smysl_build_engines.random_model import write_safetensors

CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "vocab_size": 60,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
}
WORDS = "the cat dog sat on a mat and ran far away from it".split()
CLS, SEP = 1, 2


def write_encoder(
    folder: Path,
    *,
    pooling: str | None = None,
    normalise: bool = False,
    seed: int = 0,
    **fields: Any,
) -> Path:
    """`pooling`: mean or cls, with the files of sentence-transformers; None writes none of them."""
    config = CONFIG | fields
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    write_safetensors(folder / "model.safetensors", random_tensors(config, seed))
    make_tokenizer().save(str(folder / "tokenizer.json"))
    if pooling is not None:
        write_modules(folder, pooling, normalise)
    return folder


def random_tensors(config: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    tensors = {}
    for name, shape in describe_encoder("config.json", dict(config)).shapes().items():
        noise = random.standard_normal(shape)
        if len(shape) == 1:
            tensor = 0.1 * noise + (1.0 if name.endswith("norm.weight") else 0.0)
        else:
            tensor = 1.5 * noise / np.sqrt(shape[1])
        tensors[stored_name(name)] = tensor.astype(np.float32)
    return tensors


def write_modules(folder: Path, pooling: str, normalise: bool) -> None:
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(kinds[: 3 if normalise else 2])
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    mode = {
        "word_embedding_dimension": json.loads((folder / "config.json").read_text())["hidden_size"],
        "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean",
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    }
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(mode))
    (folder / "sentence_bert_config.json").write_text(
        json.dumps({"max_seq_length": 32, "do_lower_case": False})
    )


def make_tokenizer() -> Tokenizer:
    """Lower-cased words between [CLS] and [SEP]; it cuts and pads as published files do."""
    vocabulary = {"[PAD]": 0, "[CLS]": CLS, "[SEP]": SEP, "[UNK]": 3}
    vocabulary |= {word: 4 + n for n, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    tokenizer.enable_truncation(6)
    tokenizer.enable_padding(length=6)
    return tokenizer
