"""TensorRT-LLM's place taken by numpy: really builds, saves, loads and continues, in a process that the
build step starts. What it computes is the float32 reference on the weights it was given, so a
self-check through it proves files, adapters and tokens, not itself.

SMYSL_FAKE names what goes wrong: `oom`, `error`, `die`, `hang`, `wrong` (another model's numbers),
`silent` (no log-probabilities), `folder` (an engine with a folder in it), `empty` (no engine saved).
SMYSL_FAKE_PROBE is the probe as JSON.
"""

import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np

from smysl_build_engines.adapters import merge
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.reference import Reference
from smysl_build_engines.report import log_softmax
from smysl_build_engines.tensorrt_llm.toolkit import Llm, Probe
from smysl_engines.tensorrt_llm.artefact import Kind

PROBE = Probe(tensorrt_llm="1.2.1", tensorrt="10.14.1", has_engine=True, has_checkpoint=True)
ENGINE = "rank0.engine"
STARTED = "SMYSL_FAKE_STARTED"
"""Names a file that is written when a build hangs."""


class Toolkit:
    def probe(self) -> Probe:
        if text := os.environ.get("SMYSL_FAKE_PROBE"):
            return msgspec.json.decode(text, type=Probe)
        return PROBE

    def make_llm(self, kind: Kind, **keywords: Any) -> Llm:
        return NumpyLlm(kind, **keywords)

    def sampling(self, **keywords: Any) -> object:
        return SimpleNamespace(**keywords)

    def lora_request(self, **keywords: Any) -> object:
        return SimpleNamespace(**keywords)


class NumpyLlm:
    def __init__(self, kind: Kind, *, model: str, **options: Any) -> None:
        fault = os.environ.get("SMYSL_FAKE")
        is_engine = (Path(model) / ENGINE).is_file()
        # what an engine is made of must not be said again, nor left out
        assert ("build_config" in options) == (kind == "engine" and not is_engine)
        if not is_engine:
            _fail(fault)
        self._folder = Path(tempfile.mkdtemp(prefix="numpy-llm-"))
        self._fault = fault
        if is_engine:
            self._unpack(Path(model))
        else:
            shutil.copytree(model, self._folder, dirs_exist_ok=True)
            # a loader of weights takes every file of this kind
            assert len(list(self._folder.glob("*.safetensors"))) == 1
        self._checkpoint = open_checkpoint(self._folder)
        self._options = options

    def _unpack(self, engine: Path) -> None:
        config = json.loads((engine / "config.json").read_text())
        (self._folder / "config.json").write_text(json.dumps(config["pretrained_config"]))
        shutil.copyfile(engine / ENGINE, self._folder / "model.safetensors")
        shutil.copyfile(engine / "tokenizer.json", self._folder / "tokenizer.json")

    def save(self, engine_dir: str) -> None:
        target = Path(engine_dir)
        target.mkdir()
        if self._fault == "empty":
            return
        if self._fault == "folder":
            (target / "lora").mkdir()
        config = {
            "version": "1.2.1",
            "pretrained_config": json.loads((self._folder / "config.json").read_text()),
            "build_config": self._options["build_config"],
        }
        (target / "config.json").write_text(json.dumps(config))
        shutil.copyfile(self._folder / "model.safetensors", target / ENGINE)
        shutil.copyfile(self._folder / "tokenizer.json", target / "tokenizer.json")

    def generate(
        self, inputs: Any, sampling_params: Any = None, *, use_tqdm: bool, lora_request: Any = None
    ) -> Any:
        assert not use_tqdm and sampling_params.top_k == 1
        checkpoint = self._checkpoint
        if lora_request is not None:
            assert self._options["enable_lora"]
            folder = Path(lora_request.lora_path)
            adapter = open_adapter(lora_request.lora_name, folder, checkpoint)
            assert lora_request.lora_int_id >= 1
            checkpoint = merge(checkpoint, adapter)
        reference = Reference(checkpoint.config, checkpoint.weights)
        tokens: list[int] = []
        logprobs: list[dict[int, Any]] = []
        for _ in range(sampling_params.max_tokens):
            line = log_softmax(reference.forward([*inputs, *tokens]).logits[-1:])[0]
            if self._fault == "wrong":
                line = np.roll(line, 1)
            token = int(line.argmax())
            tokens.append(token)
            logprobs.append({token: SimpleNamespace(logprob=float(line[token]), rank=1)})
        found = None if self._fault == "silent" else logprobs
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=tokens, logprobs=found)])

    def shutdown(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _fail(fault: str | None) -> None:
    if fault == "oom":
        raise RuntimeError("[TensorRT] cudaMalloc: CUDA error 2, out of memory (requested 4 GiB)")
    if fault == "error":
        raise ValueError("quant_algo is not supported for this architecture")
    if fault == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "hang":
        Path(os.environ[STARTED]).write_text(str(os.getpid()))
        time.sleep(600)
