"""OpenVINO GenAI: its continuous batching with paged attention, or its stateful pipeline."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import openvino as ov  # type: ignore[import-not-found,unused-ignore]
import openvino_genai as genai  # type: ignore[import-not-found,unused-ignore]
from benchmarks.peers.peer import TOP_K, Answer, Ask, Peer

_FOLDER = "openvino"
_CACHE_GB = 2
_BATCHED_TOKENS = 4096
_ACTIVATION_GROUP = 128
"""Activations that share a scale within a product: as wide as the weights' groups is a third faster
at prefill than the default."""


class OpenVino(Peer):
    title = "OpenVINO GenAI"
    packages: ClassVar[tuple[str, ...]] = ("openvino", "openvino-genai")
    ways: ClassVar[dict[str, tuple[str, ...]]] = {
        "prefill": ("paged", "stateful"),
        "decode": ("paged", "stateful"),
        "warm": ("requests", "return sequences"),
        "cold": ("requests", "return sequences"),
    }

    @classmethod
    def prepare(cls, checkpoint: Path, folder: Path) -> None:
        target = folder / _FOLDER
        if (target / "openvino_model.bin").is_file():
            return
        exporter = os.environ.get("OPTIMUM_CLI", str(Path(sys.executable).with_name("optimum-cli")))
        if not Path(exporter).is_file():
            raise RuntimeError(
                f"{exporter} is not there; install optimum-intel and nncf, in another environment if "
                "need be, and name its optimum-cli in OPTIMUM_CLI"
            )
        command = [exporter, "export", "openvino", "-m", str(checkpoint), str(target)]
        command += ["--task", "text-generation-with-past", "--weight-format", "int4"]
        command += ["--group-size", "128", "--ratio", "1.0", "--sym"]
        subprocess.run(command, check=True, stdout=sys.stderr)

    def open(self, folder: Path, threads: int) -> None:
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = _CACHE_GB
        scheduler.enable_prefix_caching = True
        scheduler.dynamic_split_fuse = True
        scheduler.max_num_batched_tokens = _BATCHED_TOKENS
        scheduler.max_num_seqs = 64
        self._folder = str(folder / _FOLDER)
        self._properties = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": _ACTIVATION_GROUP,
        }
        self._paged = genai.ContinuousBatchingPipeline(
            self._folder, scheduler, "CPU", self._properties
        )
        self._stateful: Any = None

    def settings(self) -> dict[str, str]:
        return {
            "weights": "4 bits, symmetric, groups of 128, all layers; embedding and head 8 bits "
            "(optimum-intel: --weight-format int4 --group-size 128 --ratio 1.0 --sym)",
            "pipeline": f"continuous batching, prefix cache, up to {_BATCHED_TOKENS} tokens a step, "
            f"KV {_CACHE_GB} GB at most; 'stateful' is LLMPipeline with ATTENTION_BACKEND=SDPA, "
            "loaded at its first use",
            "properties": ", ".join(f"{k}={v}" for k, v in self._properties.items())
            + "; KV precision as by default",
        }

    def ask(self, asks: Sequence[Ask], way: str = "") -> list[Answer]:
        if way == "stateful":
            return [self._ask_stateful(ask) for ask in asks]
        return self._generate(asks, [_config(ask) for ask in asks])

    def branch(self, ask: Ask, count: int, way: str = "") -> list[Answer]:
        if way != "return sequences":
            return super().branch(ask, count, way)
        config = _config(ask)
        # several sequences of one request are for sampling; of one candidate it is greedy
        config.do_sample = True
        config.top_k = 1 if ask.seed is None else TOP_K
        config.num_return_sequences = count
        return self._generate([ask], [config])

    def _generate(self, asks: Sequence[Ask], configs: list[Any]) -> list[Answer]:
        results = self._paged.generate([_ids(ask.prompt) for ask in asks], configs)
        return [
            Answer(tuple(ids), result.perf_metrics.get_ttft().mean / 1000)
            for result in results
            for ids in result.m_generation_ids
        ]

    def _ask_stateful(self, ask: Ask) -> Answer:
        if self._stateful is None:
            self._stateful = genai.LLMPipeline(
                self._folder, "CPU", ATTENTION_BACKEND="SDPA", **self._properties
            )
            # the first call compiles
            self._ask_stateful(Ask((1, 2, 3), 2))
        ids = _ids(ask.prompt)
        mask = ov.Tensor(np.ones(ids.shape, np.int64))
        result = self._stateful.generate(genai.TokenizedInputs(ids, mask), _config(ask))
        return Answer(tuple(result.tokens[0]), result.perf_metrics.get_ttft().mean / 1000)


def _config(ask: Ask) -> Any:
    config = genai.GenerationConfig()
    config.max_new_tokens = config.min_new_tokens = ask.tokens
    config.ignore_eos = True
    config.do_sample = ask.seed is not None
    if ask.seed is not None:
        config.temperature, config.top_k, config.rng_seed = 1.0, TOP_K, ask.seed
    return config


def _ids(prompt: tuple[int, ...]) -> Any:
    return ov.Tensor(np.array([prompt], np.int64))
