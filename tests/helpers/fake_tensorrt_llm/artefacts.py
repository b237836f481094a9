"""Artefacts for the fake, as the build step leaves them: an engine directory of either kind, made of a
checkpoint's folder.

The engine's file names the checkpoint that the fake then runs. Knows files.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fake_tensorrt_llm.contract import load
from fake_tensorrt_llm.site import CAPABILITY, GPU
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_engines.manifest import (
    FORMAT,
    Architecture,
    FileEntry,
    Manifest,
    Verification,
    describe_file,
    fingerprint,
    write_manifest,
)
from smysl_engines.tensorrt_llm.artefact import (
    BACKEND,
    BoundAdapter,
    Kind,
    TensorRTArtefact,
    write,
)

CONFIG_FILE = "config.json"
ENGINE_FILE = "rank0.engine"
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def write_artefact(
    folder: Path,
    source: Path,
    contract: str,
    kind: Kind,
    *,
    adapters: Mapping[str, Path] | None = None,
    name: str | None = None,
    context: int | None = None,
    max_batch: int = 8,
    max_rank: int = 16,
    context_logits: bool = True,
    options: Mapping[str, Any] | None = None,
    **changed: Any,
) -> Path:
    """`source`: a checkpoint. `adapters`: folders by name. `changed`: fields of the artefact."""
    checkpoint = open_checkpoint(source)
    decoder = checkpoint.config
    longest = context or decoder.max_position_embeddings
    folder.mkdir(parents=True)
    for passed in checkpoint.passed_on:
        shutil.copy(passed, folder)
    if kind == "engine":
        _write_engine(folder, source, contract, longest, max_batch, max_rank, context_logits)
    else:
        for each in checkpoint.files:
            shutil.copy(each, folder)
    bound = []
    for number, (adapter, path) in enumerate(sorted((adapters or {}).items()), 1):
        laid = {file: f"adapter.{adapter}.{file}" for file in _ADAPTER_FILES}
        for file, target in laid.items():
            shutil.copy(path / file, folder / target)
        config = json.loads((path / "adapter_config.json").read_text())
        bound.append(
            BoundAdapter(
                name=adapter,
                int_id=number,
                rank=config["r"],
                how="runtime",
                modules=("attn_dense", "attn_k", "attn_q", "attn_v"),
                source={file: describe_file(path / file) for file in _ADAPTER_FILES},
                files=laid,
            )
        )
    fields: dict[str, Any] = {
        "kind": kind,
        "model": name or source.name,
        "base": checkpoint.source,
        "adapters": tuple(bound),
        "precision": "bf16",
        "kv_precision": "bf16",
        "options": dict(options or {}),
        "tensorrt_llm": load(contract).contract.version,
        "tensorrt": load(contract).contract.tensorrt,
        "gpu": GPU,
        "compute_capability": "{}.{}".format(*CAPABILITY),
        "context": longest,
        "max_batch": max_batch,
        "max_rank": max_rank if bound else None,
        "self_check": None,
    }
    write(folder, TensorRTArtefact(**(fields | changed)))
    files = {path.name: describe_file(path) for path in sorted(folder.iterdir())}
    _write_manifest(folder, name or source.name, files, checkpoint.source, decoder, longest)
    return folder


def _write_engine(
    folder: Path,
    source: Path,
    contract: str,
    context: int,
    max_batch: int,
    max_rank: int,
    context_logits: bool,
) -> None:
    build = {
        "max_batch_size": max_batch,
        "max_input_len": context,
        "max_seq_len": context,
        "gather_context_logits": context_logits,
        "lora_config": {"max_lora_rank": max_rank},
    }
    config = {
        "version": load(contract).contract.version,
        "pretrained_config": json.loads((source / "config.json").read_text()),
        "build_config": build,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    (folder / ENGINE_FILE).write_text(json.dumps({"checkpoint": str(source.resolve())}))


def _write_manifest(
    folder: Path,
    name: str,
    files: dict[str, FileEntry],
    source: dict[str, FileEntry],
    decoder: Any,
    context: int,
) -> None:
    architecture = Architecture(
        vocabulary=decoder.vocab_size,
        hidden_size=decoder.hidden_size,
        layers=len(decoder.layers),
        kv_heads=decoder.num_key_value_heads,
        head_dim=decoder.head_dim,
        context=context,
    )
    unmeasured = Verification(
        positions=0,
        max_difference=0.0,
        relative_difference=0.0,
        greedy_agreement=1.0,
        drift_divergence=0.0,
        drift_greedy_agreement=1.0,
    )
    write_manifest(
        folder,
        Manifest(
            format=FORMAT,
            model=name,
            backend=BACKEND,
            precision="bf16",
            architecture=architecture,
            files=files,
            source=source,
            tools={},
            hardware=GPU,
            verification=unmeasured,
            fingerprint=fingerprint(BACKEND, "bf16", architecture, files),
        ),
    )
