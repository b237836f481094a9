"""Runs an engine directory on ONNX Runtime: the model's forward pass, and the thread that owns it.

Knows the graph's inputs and outputs and the KV memory; who is computed when is `batch`'s decision.
"""

import logging
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from smysl_engines.base import Call, EngineClosed, EngineError, EngineInfo, PromptTooLong
from smysl_engines.batch import Batch, Job
from smysl_engines.checks import check_call, check_tokens
from smysl_engines.grammar import Grammars
from smysl_engines.manifest import TOKENIZER_FILE, Architecture, load_manifest
from smysl_engines.sampling import Logits
from smysl_engines.stream import CallStream, Channel

_log = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]

GRAPH_FILE = "model.onnx"
WEIGHTS_FILE = "weights.bin"
ONE_THREAD_BYTES = 64_000_000
"""Up to this size of weights one thread is faster: a product is over before a second one has woken.
"""


class OnnxModel:
    """`batch.Model` over one session.
    Row `rows` of the memory, beyond the batch, is for embeddings.
    """

    def __init__(
        self, graph: Path, architecture: Architecture, *, rows: int, threads: int | None = None
    ) -> None:
        """Raises `EngineError` if ONNX Runtime refuses the graph."""
        self.rows = rows
        self.context = architecture.context
        self._architecture = a = architecture
        self._session = _open_session(graph, threads)
        # zeros are mapped on first use, so rows never run cost no memory
        self._kv: npt.NDArray[np.float32] = np.zeros(
            (a.layers, 2, rows + 1, a.kv_heads, a.context, a.head_dim), np.float32
        )
        self._ids = np.zeros((rows, 1), np.int64)
        self._last = np.zeros(rows, np.int32)
        self._total = np.zeros((), np.int32)
        self._first_position = np.zeros((rows, 1, 1), np.int64)
        self._logits = np.zeros((rows, 1, a.vocabulary), np.float32)
        self._bindings = [self._bind_decode(count) for count in range(1, rows + 1)]

    def decode(self, tokens: Sequence[int], lengths: Sequence[int]) -> Logits:
        count = len(tokens)
        self._ids[:count, 0] = tokens
        self._last[:count] = lengths
        self._total[...] = max(lengths) + 1
        self._session.run_with_iobinding(self._bindings[count - 1])
        return np.asarray(self._logits[:count, 0])

    def extend(self, row: int, tokens: Sequence[int], length: int, asked: Sequence[int]) -> Logits:
        logits = np.empty((1, len(asked), self._architecture.vocabulary), np.float32)
        self._run_row(row, tokens, length, asked, {"logits": logits})
        return np.asarray(logits[0])

    def hidden(self, tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        """[len(tokens), hidden size]: the states after the last norm, of tokens on their own."""
        hidden = np.empty((1, len(tokens), self._architecture.hidden_size), np.float32)
        self._run_row(self.rows, tokens, 0, [0], {"hidden": hidden})
        return np.asarray(hidden[0])

    def swap(self, first: int, second: int, count: int) -> None:
        kept = self._kv[:, :, first, :, :count].copy()
        self.copy(second, first, count)
        self._kv[:, :, second, :, :count] = kept

    def copy(self, source: int, target: int, count: int) -> None:
        self._kv[:, :, target, :, :count] = self._kv[:, :, source, :, :count]

    def _run_row(
        self,
        row: int,
        tokens: Sequence[int],
        length: int,
        asked: Sequence[int],
        outputs: Arrays,
    ) -> None:
        total = length + len(tokens)
        inputs: Arrays = {
            "input_ids": np.array([tokens], np.int64),
            "positions": np.array(asked, np.int64).reshape(1, -1, 1),
            "seqlens_k": np.array([total - 1], np.int32),
            "total_sequence_length": np.array(total, np.int32),
        }
        self._session.run_with_iobinding(self._bind(inputs, outputs, row, row + 1))

    def _bind_decode(self, count: int) -> ort.IOBinding:
        inputs: Arrays = {
            "input_ids": self._ids[:count],
            "positions": self._first_position[:count],
            "seqlens_k": self._last[:count],
            "total_sequence_length": self._total,
        }
        return self._bind(inputs, {"logits": self._logits[:count]}, 0, count)

    def _bind(
        self,
        inputs: Arrays,
        outputs: Arrays,
        first: int,
        end: int,
    ) -> ort.IOBinding:
        """Bind arrays by address, KV of rows [first, end) in place.
        The caller keeps the arrays alive.
        """
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_input(*_place(name, array))
        for name, array in outputs.items():
            binding.bind_output(*_place(name, array))
        for layer, keys_and_values in enumerate(self._kv):
            for what, memory in zip(("key", "value"), keys_and_values, strict=True):
                binding.bind_input(*_place(f"past_{what}_{layer}", memory[first:end]))
                binding.bind_output(*_place(f"present_{what}_{layer}", memory[first:end]))
        return binding


class OnnxEngine:
    """The `Engine` protocol over an engine directory. Any thread may call any method."""

    def __init__(self, directory: Path, *, threads: int | None = None, max_batch: int = 16) -> None:
        """Raises `CorruptEngine` for a damaged directory, `EngineError` if the runtime refuses it.

        `threads`: of one forward pass; None chooses by the model's size.
        `max_batch`: calls that run together.
        """
        if max_batch < 1:
            raise EngineError(f"max_batch is {max_batch}; it must be at least 1")
        manifest = load_manifest(directory)
        if manifest.backend != "onnx":
            raise EngineError(f"{directory} is for the backend {manifest.backend!r}, not 'onnx'")
        self._info = EngineInfo(
            model=manifest.model,
            fingerprint=manifest.fingerprint,
            backend=manifest.backend,
            vocabulary=manifest.architecture.vocabulary,
            context=manifest.architecture.context,
            max_batch=max_batch,
            precision=manifest.precision,
        )
        self._grammars = Grammars(
            directory / TOKENIZER_FILE, self._info.vocabulary, self._info.model
        )
        graph = directory / GRAPH_FILE
        model = OnnxModel(graph, manifest.architecture, rows=max_batch, threads=threads)
        self._owner = _Owner(model)
        # the thread must not keep the engine alive, and must have ended before the interpreter does
        self._stop = weakref.finalize(self, self._owner.close)

    @property
    def info(self) -> EngineInfo:
        return self._info

    def submit(self, call: Call) -> CallStream:
        check_call(call, self._info)
        channel = Channel()
        self._owner.send(Job(call, channel, self._grammars.matcher(call)))
        return CallStream(channel)

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Blocks until the engine's thread has computed them,
        between two steps of the running calls.
        """
        for prompt in prompts:
            check_tokens("prompt", prompt, self._info.vocabulary)
            if not 0 < len(prompt) <= self._info.context:
                raise PromptTooLong(
                    f"a text to embed has {len(prompt)} tokens; engine {self._info.model!r} takes "
                    f"1 to {self._info.context}. Embed it in parts."
                )
        requests = [_Embedding(list(prompt)) for prompt in prompts]
        for request in requests:
            self._owner.send(request)
        return [request.result.result() for request in requests]

    def close(self) -> None:
        self._stop()


class _Embedding:
    def __init__(self, tokens: list[int]) -> None:
        self.tokens = tokens
        self.result: Future[list[float]] = Future()


class _Owner:
    """The one thread that touches the model and the batch. Others leave requests in its inbox."""

    def __init__(self, model: OnnxModel) -> None:
        self._model = model
        self._batch = Batch(model)
        self._changed = threading.Condition()
        self._inbox: list[Job | _Embedding] = []
        self._closed: str | None = None
        self._thread = threading.Thread(target=self._run, name="smysl-engine", daemon=True)
        self._thread.start()

    def send(self, request: Job | _Embedding) -> None:
        with self._changed:
            if self._closed is not None:
                raise EngineClosed(f"the engine {self._closed}; open it again")
            self._inbox.append(request)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = self._closed or "is closed"
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        death: EngineClosed | None = None
        try:
            while self._serve(self._fetch()):
                pass
        except BaseException as error:
            _log.exception("the engine's thread died")
            death = EngineClosed(f"the engine's thread died ({error!r}); open the engine again")
        with self._changed:
            self._closed = self._closed or "died"
            left, self._inbox = self._inbox, []
        for request in left:
            self._refuse(request)
        if death is None:
            self._batch.close()
        else:
            self._batch.abort(death)

    def _fetch(self) -> list[Job | _Embedding] | None:
        """Sleep until there is something to do; None when closed."""
        with self._changed:
            while self._closed is None and not self._inbox and self._batch.idle:
                self._changed.wait()
            if self._closed is not None:
                return None
            requests, self._inbox = self._inbox, []
            return requests

    def _serve(self, requests: list[Job | _Embedding] | None) -> bool:
        if requests is None:
            return False
        for request in requests:
            if isinstance(request, Job):
                self._batch.add(request)
            else:
                self._embed(request)
        self._batch.step()
        return True

    def _embed(self, request: _Embedding) -> None:
        try:
            mean = self._model.hidden(request.tokens).mean(axis=0, dtype=np.float64)
            norm = float(np.sqrt((mean * mean).sum()))
            request.result.set_result((mean / (norm or 1.0)).tolist())
        except Exception as error:
            request.result.set_exception(EngineError(f"the engine failed while embedding: {error}"))

    def _refuse(self, request: Job | _Embedding) -> None:
        if isinstance(request, Job):
            self._batch.add(request)
        else:
            request.result.set_exception(EngineClosed(f"the engine {self._closed}; open it again"))


def _open_session(graph: Path, threads: int | None) -> ort.InferenceSession:
    weights = graph.with_name(WEIGHTS_FILE)
    options = ort.SessionOptions()
    if threads is None:
        # 0 lets ONNX Runtime take one thread a physical core
        threads = 1 if weights.stat().st_size <= ONE_THREAD_BYTES else 0
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # waiting threads may spin within a pass, where work comes at once, but not between passes
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EngineError(f"ONNX Runtime {ort.__version__} refuses {graph}: {error}") from error


def _place(name: str, array: npt.NDArray[Any]) -> tuple[str, str, int, Any, tuple[int, ...], int]:
    """An array as ONNX Runtime's binding wants it: its memory, not a copy."""
    assert array.flags.c_contiguous
    return name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data
