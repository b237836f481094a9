"""The contract fake with the part that builds: `LLM` of the engine backend over a checkpoint's folder.

The constructor binds and validates as the fake's does; what it saves is the layout that the fake loads.
"""

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import msgspec
from fake_tensorrt_llm.llm import EngineLlm, Tokenizer
from fake_tensorrt_llm.model import FakeModel

from smysl_build_engines.tensorrt_llm.toolkit import Installed, Llm, construct
from smysl_engines.tensorrt_llm.artefact import Kind

CONFIG_FILE = "config.json"
ENGINE_FILE = "rank0.engine"
KEPT_VARIABLE = "SMYSL_FAKE_KEPT"
"""Where the checkpoints go that saved engines refer to; otherwise they go with the build's own files."""


class Toolkit(Installed):
    def make_llm(self, kind: Kind, **keywords: Any) -> Llm:
        if kind == "engine" and not (Path(keywords["model"]) / ENGINE_FILE).is_file():
            building: Llm = Building(**construct(keywords))
            return building
        return super().make_llm(kind, **keywords)


class Building(EngineLlm):
    def _open(self, folder: Path) -> None:
        build = self.args.build_config
        self._folder, self._tokenizer = folder, Tokenizer(folder)
        self._model = FakeModel(folder)
        self._context = build.max_seq_len
        self._collects, self._max_rank = True, 0

    def save(self, *positional: Any, **keywords: Any) -> None:
        super().save(*positional, **keywords)
        target = Path(keywords["engine_dir"])
        build = self.args.build_config
        lora = build.lora_config
        sizes = {
            "max_seq_len": build.max_seq_len,
            "max_batch_size": build.max_batch_size,
            "gather_context_logits": build.gather_context_logits,
            "lora_config": {"max_lora_rank": lora.max_lora_rank},
        }
        config = {
            "version": "1.2.1",
            "pretrained_config": json.loads((self._folder / CONFIG_FILE).read_text()),
            "build_config": sizes,
        }
        (target / CONFIG_FILE).write_bytes(msgspec.json.encode(config))
        kept = Path(os.environ.get(KEPT_VARIABLE, target.parent)) / f"kept-{uuid.uuid4().hex}"
        shutil.copytree(self._folder, kept)
        (target / "model.safetensors").unlink()
        engine = {"checkpoint": str(kept)}
        (target / ENGINE_FILE).write_text(json.dumps(engine))
