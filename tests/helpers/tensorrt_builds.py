"""What tests of builds for TensorRT-LLM begin with: a checkpoint with a real tokenizer, a card that is
not there, and a process whose TensorRT-LLM is numpy."""

import json
import shutil
from pathlib import Path
from typing import Any

from byte_tokenizer import byte_tokenizer

from smysl_build_engines.gpus import CARDS, Gpu
from smysl_build_engines.nvml import Gpus
from smysl_build_engines.random_model import write_random_model
from smysl_build_engines.tensorrt_llm.spawn import Spawner

HELPERS = Path(__file__).parent
PLANS = Path(__file__).parents[1] / "data" / "tensorrt_llm_plans"
FIELDS: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "hidden_act": "silu",
}
CARD = Gpu(
    name="NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
    compute_capability="12.0",
    memory_bytes=CARDS["rtx-pro-6000"].memory_bytes,
    free_bytes=90_000_000_000,
    bandwidth=1.792e12,
)


def write_model(folder: Path, **fields: Any) -> Path:
    write_random_model(folder, FIELDS | fields, dtype="BF16", seed=3)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def spawner_with(fault: str = "", **environment: str) -> Spawner:
    return Spawner(
        "numpy_tensorrt_llm:Toolkit",
        {
            "PYTHONPATH": str(HELPERS),
            # its products are tiny
            "OPENBLAS_NUM_THREADS": "1",
            "SMYSL_FAKE": fault,
            **environment,
        },
    )


def with_card() -> Gpus:
    return Gpus(found=(CARD,), driver="580.95.05")


def quantised_copy(model: Path, target: Path, algorithm: str, kv: str | None = "FP8") -> Path:
    """A checkpoint that says it is quantised; its weights are still what they were."""
    shutil.copytree(model, target)
    settings = {"quant_algo": algorithm, "kv_cache_quant_algo": kv, "group_size": 16}
    text = {"producer": {"name": "modelopt", "version": "0.37.0"}, "quantization": settings}
    (target / "hf_quant_config.json").write_text(json.dumps(text))
    return target
