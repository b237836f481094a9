"""Adapters as PEFT saves them, of random numbers, and checkpoints with one merged by hand: file space
only, so that nothing of the build step vouches for itself."""

import json
import math
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from smysl_build_engines.random_model import write_safetensors
from smysl_build_engines.safetensors import SafetensorsFile

Arrays = dict[str, npt.NDArray[np.float32]]

WEIGHTS = "model.safetensors"
ADAPTER = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")


def write_adapter(
    folder: Path,
    base: Path,
    modules: Iterable[str],
    *,
    rank: int = 3,
    ranks: dict[str, int] | None = None,
    seed: int = 0,
    dora: bool = False,
    **fields: Any,
) -> Path:
    """An adapter of the base's linear layers whose names end in one of `modules`.

    `ranks`: of single layers, by whole name. `fields` add to adapter_config.json or override it.
    """
    random = np.random.default_rng(seed)
    tensors: Arrays = {}
    for name, weight in SafetensorsFile(base / WEIGHTS).items():
        module = name.removesuffix(".weight")
        if not any(module.endswith(each) for each in modules):
            continue
        r = (ranks or {}).get(module, rank)
        outputs, inputs = weight.shape
        key = f"base_model.model.{module}"
        tensors[f"{key}.lora_A.weight"] = random.standard_normal((r, inputs)) / np.sqrt(inputs)
        tensors[f"{key}.lora_B.weight"] = random.standard_normal((outputs, r)) / np.sqrt(r)
        if dora:
            lengths = np.linalg.norm(weight, axis=1)
            tensors[f"{key}.lora_magnitude_vector"] = lengths * random.uniform(0.5, 1.5, outputs)
    config = {
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": 2 * rank,
        "target_modules": list(modules),
        "bias": "none",
        "use_dora": dora,
        "task_type": "CAUSAL_LM",
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / ADAPTER, {n: t.astype(np.float32) for n, t in tensors.items()})
    (folder / CONFIG).write_text(json.dumps(config | fields))
    return folder


def read_adapter(folder: Path) -> Arrays:
    return dict(SafetensorsFile(folder / ADAPTER))


def change_config(folder: Path, **fields: Any) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def merge_by_hand(
    target: Path, base: Path, *adapters: tuple[Path, dict[str, float] | float]
) -> Path:
    """A checkpoint whose weights hold the adapters: W + scale * B A, then DoRA's row lengths.

    The scale of each adapter is given: one number, or one by module.
    """
    shutil.copytree(base, target)
    weights = dict(SafetensorsFile(base / WEIGHTS))
    for folder, scales in adapters:
        tensors = read_adapter(folder)
        for key in [key for key in tensors if key.endswith(".lora_A.weight")]:
            stem = key.removesuffix(".lora_A.weight")
            module = stem.removeprefix("base_model.model.")
            scale = scales if isinstance(scales, float) else scales[module]
            name = f"{module}.weight"
            weights[name] = weights[name] + scale * (
                tensors[f"{stem}.lora_B.weight"] @ tensors[key]
            )
            if (magnitude := tensors.get(f"{stem}.lora_magnitude_vector")) is not None:
                lengths = np.linalg.norm(weights[name], axis=1)
                weights[name] = weights[name] * (magnitude / lengths)[:, None]
    write_safetensors(target / WEIGHTS, weights)
    return target


def plain_scale(alpha: float, rank: int) -> float:
    return alpha / rank


def stable_scale(alpha: float, rank: int) -> float:
    """Rank-stabilised (rsLoRA; Kalajdzievski, 2023)."""
    return alpha / math.sqrt(rank)
