"""Our own graph driven by ONNX Runtime alone: a loop of `run_with_iobinding` over KV memory.

What an engine around it costs is the difference to this. Knows the graph as docs/engines.md
describes it; no calls, no cache, no sampling but argmax.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from benchmarks.peers.peer import Answer, Ask, Peer, Unsupported

from smysl_engines.manifest import load_manifest
from smysl_engines.rows import arena_lengths
from smysl_engines.shelf import find_engine

Kv = npt.NDArray[np.float32]

NAME = "qwen2-random"
_ROWS = 16
_CHUNK = 512
_PASSED = frozenset({"input_ids", "positions", "seqlens_k", "total_sequence_length"})


class BareOnnxRuntime(Peer):
    title = "our graph, bare ONNX Runtime"
    packages: ClassVar[tuple[str, ...]] = ("onnxruntime",)

    @classmethod
    def prepare(cls, checkpoint: Path, folder: Path) -> None:
        """Runs what smysl has built."""

    def open(self, folder: Path, threads: int) -> None:
        directory = find_engine(folder / "smysl", NAME).directory
        self._shape = load_manifest(directory).architecture
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        graph = directory / "model.onnx"
        self._read_bytes = read_bytes(graph)
        self._threads = threads
        self._session = ort.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        unknown = {
            one.name for one in self._session.get_inputs() if not one.name.startswith("past_")
        } - _PASSED
        if unknown:
            raise Unsupported(f"the graph has inputs this loop does not feed: {sorted(unknown)}")
        self._held: tuple[int, ...] = ()
        self._memories: dict[int, Kv] = {}

    def settings(self) -> dict[str, str]:
        return {
            "weights": "smysl's",
            "session": f"{self._threads} threads, chunks of {_CHUNK}",
            "read_bytes_per_token": str(self._read_bytes),
        }

    def ask(self, asks: Sequence[Ask], way: str = "") -> list[Answer]:
        if len({ask.prompt for ask in asks}) != 1 or any(ask.options for ask in asks):
            raise Unsupported("it runs branches of one prompt only")
        if asks[0].seed is not None:
            raise Unsupported("it is greedy")
        return self.branch(asks[0], len(asks), way)

    def branch(self, ask: Ask, count: int, way: str = "") -> list[Answer]:
        started = time.perf_counter()
        if self._held != ask.prompt:
            self.warm(ask.prompt, count, way)
        self._held = ()
        first_s = time.perf_counter() - started
        length = len(ask.prompt)
        memory = self._memory(length + ask.tokens)
        for row in range(count):
            memory[:, :, row, :, :length] = self._prompt_kv[:, :, 0, :, :length]
        tokens = np.full((count, 1), self._first, np.int64)
        made = [tokens[:, 0].copy()]
        ends, total = np.zeros(count, np.int32), np.zeros((), np.int32)
        logits = np.empty((count, 1, self._shape.vocabulary), np.float32)
        asked = np.zeros((count, 1, 1), np.int64)
        binding = self._bind(memory, tokens, ends, total, asked, logits)
        for place in range(length, length + ask.tokens - 1):
            ends[:], total[...] = place, place + 1
            self._session.run_with_iobinding(binding)
            tokens[:, 0] = logits[:, 0].argmax(axis=1)
            made.append(tokens[:, 0].copy())
        each = np.stack(made, axis=1)
        return [Answer(tuple(int(token) for token in row), first_s) for row in each]

    def warm(self, prompt: tuple[int, ...], count: int, way: str = "") -> None:
        logits = np.empty((1, 1, self._shape.vocabulary), np.float32)
        self._prompt_kv = self._memory(len(prompt))
        for start in range(0, len(prompt), _CHUNK):
            tokens = np.array([prompt[start : start + _CHUNK]], np.int64)
            end = start + tokens.shape[1]
            binding = self._bind(
                self._prompt_kv,
                tokens,
                np.array([end - 1], np.int32),
                np.array(end, np.int32),
                np.array([[[tokens.shape[1] - 1]]], np.int64),
                logits,
            )
            self._session.run_with_iobinding(binding)
        self._held, self._first = prompt, int(logits[0, 0].argmax())

    def _memory(self, positions: int) -> Kv:
        """Not much longer than needed: attention in the open is computed over all of it."""
        shape = self._shape
        length = next(one for one in arena_lengths(shape.context) if one >= positions)
        if length not in self._memories:
            dimensions = (shape.layers, 2, _ROWS, shape.kv_heads, length, shape.head_dim)
            self._memories[length] = np.zeros(dimensions, np.float32)
        return self._memories[length]

    def _bind(
        self,
        memory: Kv,
        tokens: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int32],
        total: npt.NDArray[np.int32],
        positions: npt.NDArray[np.int64],
        logits: npt.NDArray[np.float32],
    ) -> Any:
        """The arrays by address, and KV of the first rows in place."""
        binding = self._session.io_binding()
        inputs: dict[str, npt.NDArray[Any]] = {
            "input_ids": tokens,
            "seqlens_k": ends,
            "total_sequence_length": total,
        }
        # ONNX Runtime keeps addresses only
        self._kept = [*inputs.values(), positions, logits]
        for name, array in [*inputs.items(), ("positions", positions)]:
            binding.bind_input(*_place(name, array))
        binding.bind_output(*_place("logits", logits))
        for layer, keys_and_values in enumerate(memory):
            for what, held in zip(("key", "value"), keys_and_values, strict=True):
                rows = held[: len(tokens)]
                binding.bind_input(*_place(f"past_{what}_{layer}", rows))
                binding.bind_output(*_place(f"present_{what}_{layer}", rows))
        return binding


def _place(name: str, array: npt.NDArray[Any]) -> tuple[str, str, int, Any, tuple[int, ...], int]:
    return name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data


def read_bytes(graph: Path) -> int:
    """Bytes of weights that one decoding pass reads: those of the products and norms, not the rows
    of a table that only a few are taken from."""
    model = onnx.load(str(graph), load_external_data=False)
    looked_up = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    total = 0
    for tensor in model.graph.initializer:
        sizes = {entry.key: entry.value for entry in tensor.external_data}
        if tensor.name not in looked_up and not tensor.name.startswith("rotary."):
            total += int(sizes.get("length", 0))
    return total
