"""ONNX Runtime GenAI: one generator whose sequence is rewound to what the next prompt shares with
it, or a generator with a batch of rows."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime_genai as genai  # type: ignore[import-not-found,unused-ignore]
from benchmarks.peers.peer import TOP_K, Answer, Ask, Peer, Unsupported

_FOLDER = "genai"
_OPTIONS = ("int4_block_size=32", "int4_accuracy_level=4")
_LENGTH = 2304


class OnnxGenai(Peer):
    title = "ONNX Runtime GenAI"
    packages: ClassVar[tuple[str, ...]] = ("onnxruntime-genai", "onnxruntime")
    ways: ClassVar[dict[str, tuple[str, ...]]] = {
        "warm": ("batch", "one after another"),
        "cold": ("one after another",),
    }

    @classmethod
    def prepare(cls, checkpoint: Path, folder: Path) -> None:
        target = folder / _FOLDER
        if (target / "genai_config.json").is_file():
            return
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", "random"]
        command += ["-i", str(checkpoint), "-o", str(target), "-p", "int4", "-e", "cpu"]
        subprocess.run([*command, "--extra_options", *_OPTIONS], check=True, stdout=sys.stderr)

    def open(self, folder: Path, threads: int) -> None:
        config = genai.Config(str(folder / _FOLDER))
        options = {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
        self._threads = threads
        self._model = genai.Model(config)
        self._batch: tuple[tuple[int, ...], int, Any] | None = None
        self._single: dict[bool, Any] = {}
        """Generators by whether they are greedy: a search option cannot change."""

    def settings(self) -> dict[str, str]:
        return {
            "weights": f"int4 by its model builder ({', '.join(_OPTIONS)}): blocks of 32",
            "generator": f"{self._threads} threads, past and present share a buffer of {_LENGTH}; "
            "a prompt reuses what the generator's sequence shares with it (rewind_to)",
        }

    def ask(self, asks: Sequence[Ask], way: str = "") -> list[Answer]:
        return [self._answer(ask) for ask in asks]

    def branch(self, ask: Ask, count: int, way: str = "") -> list[Answer]:
        if way != "batch":
            return super().branch(ask, count, way)
        if self._batch is None or self._batch[:2] != (ask.prompt, count):
            raise Unsupported("its batch holds another prompt")
        generator = self._batch[2]
        self._batch = None
        for _ in range(ask.tokens):
            generator.generate_next_token()
        ends = [generator.get_sequence(row)[-ask.tokens :] for row in range(count)]
        return [Answer(tuple(int(token) for token in end)) for end in ends]

    def warm(self, prompt: tuple[int, ...], count: int, way: str = "") -> None:
        if way != "batch":
            super().warm(prompt, count, way)
            return
        self._batch = None  # its memory first
        generator = self._generator(len(prompt) + 128, rows=count)
        generator.append_tokens(np.array([prompt] * count, np.int32))
        self._batch = (prompt, count, generator)

    def _answer(self, ask: Ask) -> Answer:
        started = time.perf_counter()
        generator = self._single.get(ask.seed is None)
        if generator is None:
            # of several seeds the first one starts the stream that all draw from
            generator = self._single[ask.seed is None] = self._generator(_LENGTH, **_search(ask))
            known = 0
        else:
            known = _shared(generator.get_sequence(0), ask.prompt)
            generator.rewind_to(known)
        generator.append_tokens(np.array(ask.prompt[known:], np.int32))
        generator.generate_next_token()
        first_s = time.perf_counter() - started
        for _ in range(ask.tokens - 1):
            generator.generate_next_token()
        tokens = generator.get_sequence(0)[len(ask.prompt) :]
        return Answer(
            tuple(int(token) for token in tokens), first_s, extra={"cached_tokens": float(known)}
        )

    def _generator(self, length: int, rows: int = 1, **search: Any) -> Any:
        parameters = genai.GeneratorParams(self._model)
        # the end token is not generated before min_length
        parameters.set_search_options(
            batch_size=rows, max_length=length, min_length=length, **search
        )
        return genai.Generator(self._model, parameters)


def _search(ask: Ask) -> dict[str, Any]:
    if ask.seed is None:
        return {"do_sample": False}
    return {"do_sample": True, "top_k": TOP_K, "temperature": 1.0, "random_seed": ask.seed}


def _shared(held: Any, prompt: tuple[int, ...]) -> int:
    """How many tokens both begin with, short of the whole prompt: its last one must be computed."""
    length = min(len(held), len(prompt) - 1)
    differing = np.flatnonzero(np.asarray(held[:length]) != np.array(prompt[:length]))
    return int(differing[0]) if len(differing) else length
