"""Runs an encoder's directory on ONNX Runtime: texts to vectors, nothing is generated.

Knows the graph of docs/engines.md and how callers take turns; which texts are computed together is
`lengths`' to say.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from smysl_engines.base import (
    BadCall,
    Call,
    EngineClosed,
    EngineError,
    EngineInfo,
    EngineStats,
    PromptTooLong,
    Stream,
)
from smysl_engines.checks import check_tokens
from smysl_engines.lengths import batches
from smysl_engines.manifest import TOKENIZER_FILE, Pooling, load_manifest
from smysl_engines.onnx_model import GRAPH_FILE, WEIGHTS_FILE, open_session
from smysl_engines.texts import Texts

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

BATCH_TOKENS = 512
"""Of one pass, padding included. Measured: speed per token rises up to 100 or so, and falls beyond
some hundreds, where what a layer hands on leaves the processor's cache."""
PADDING = 1 / 16
"""Most of a pass that may be computed for nothing."""
_PADDED_WITH = 0
"""Any token will do: what lies beyond a text's length is not attended to."""
_LATELY = 0.8
"""Weight of the passes so far beside a new one, in the measured speed."""


class EncoderModel:
    """The forward pass. One thread uses it at a time."""

    def __init__(self, graph: Path, threads: int | None = None) -> None:
        """`threads`: of one pass; None takes one a physical core, because a pass of many tokens pays
        for several. Raises `EngineError` if ONNX Runtime refuses the graph."""
        self._session = open_session(graph, 0 if threads is None else threads)

    def states(self, texts: Sequence[Sequence[int]]) -> Float32:
        """Hidden states after the last layer, [texts, longest, hidden size]; those beyond a text's
        own length mean nothing."""
        lengths = np.array([len(text) for text in texts], np.int32)
        ids = np.full((len(texts), lengths.max()), _PADDED_WITH, np.int64)
        for row, text in zip(ids, texts, strict=True):
            row[: len(text)] = text
        found: list[Any] = self._session.run(["hidden"], {"input_ids": ids, "lengths": lengths})
        return np.asarray(found[0], np.float32)


def pooled(states: Float32, lengths: Sequence[int], pooling: Pooling) -> Float64:
    """One vector of length 1 for each text, [texts, hidden size], of [texts, longest, hidden size].
    A vector of zeros stays one."""
    if pooling == "cls":
        vectors = states[:, 0].astype(np.float64)
    else:
        pairs = zip(states, lengths, strict=True)
        vectors = np.stack([text[:n].mean(axis=0, dtype=np.float64) for text, n in pairs])
    norms = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    return np.asarray(vectors / np.where(norms > 0, norms, 1.0), np.float64)


class EncoderEngine:
    """The `Engine` protocol over an encoder's directory, except that it generates nothing. Any
    thread may call any method; callers who embed at once take turns, a pass each."""

    def __init__(
        self, directory: Path, *, threads: int | None = None, deterministic: bool = False
    ) -> None:
        """Raises `CorruptEngine` for a damaged directory, `EngineError` if the runtime refuses it or
        it is no encoder's.

        `threads`: of one forward pass; None is one a physical core.
        `deterministic`: every text in a pass of its own, so that its vector does not depend on its
        company in the last bits; slower.
        """
        manifest = load_manifest(directory)
        if manifest.backend != "onnx":
            raise EngineError(f"{directory} is for the backend {manifest.backend!r}, not 'onnx'")
        if manifest.encoder is None:
            raise EngineError(f"{directory} is a {manifest.kind}, not an encoder; use open_engine")
        self._pooling = manifest.encoder.pooling
        self._info = EngineInfo(
            model=manifest.model,
            fingerprint=manifest.fingerprint,
            backend=manifest.backend,
            vocabulary=manifest.architecture.vocabulary,
            context=manifest.architecture.context,
            precision=manifest.precision,
        )
        self._batch_tokens = 1 if deterministic else BATCH_TOKENS
        self._weights_bytes = manifest.files[WEIGHTS_FILE].bytes
        self._texts = Texts(directory / TOKENIZER_FILE, manifest.model)
        self._model: EncoderModel | None = EncoderModel(directory / GRAPH_FILE, threads)
        # its queue lets every caller's next pass wait for the others' one
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="smysl-encoder")
        self._counting = threading.Lock()
        """Guards everything below."""
        self._asked = 0
        """Texts of callers who wait for them, computed or not."""
        self._running = 0
        self._tokens = 0
        self._computed = 0
        self._passes = 0
        self._recent_tokens = 0.0
        self._recent_s = 0.0

    @property
    def info(self) -> EngineInfo:
        return self._info

    def submit(self, call: Call) -> Stream:
        """Raises `BadCall`, always."""
        raise BadCall(
            f"engine {self._info.model!r} is an encoder: it embeds texts and generates nothing. Use "
            "embed, or open the engine of a decoder for calls."
        )

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Pooled as the checkpoint says and L2-normalised: [len(prompts)][hidden size]. `prompts`
        hold the special tokens that the tokenizer puts around a text. Blocks.

        Raises `PromptTooLong` or `BadCall` before anything is computed.
        """
        for number, prompt in enumerate(prompts):
            self._check(number, prompt)
        lengths = [len(prompt) for prompt in prompts]
        parts = batches(lengths, most_tokens=self._batch_tokens, most_waste=PADDING)
        vectors: list[list[float]] = [[] for _ in prompts]
        left = len(prompts)
        self._count(asked=left)
        try:
            for part in parts:
                found = self._take_turn([prompts[index] for index in part])
                for index, vector in zip(part, found.tolist(), strict=True):
                    vectors[index] = vector
                left -= len(part)
                self._count(asked=-len(part), tokens=sum(lengths[index] for index in part))
        finally:
            self._count(asked=-left)
        return vectors

    def embed_texts(self, texts: Sequence[str]) -> list[list[float]]:
        """`embed` of texts. The first call also reads the tokenizer. Raises what `embed` raises, and
        `BadCall` for what is not Unicode text or an engine without a usable tokenizer."""
        return self.embed(self._texts.ids(texts))

    def stats(self) -> EngineStats:
        """Texts that are computed and that wait, tokens with (`computed_tokens`) and without
        (`prompt_tokens`) padding, and passes (`steps`)."""
        with self._counting:
            return EngineStats(
                running=self._running,
                waiting=self._asked - self._running,
                weights_bytes=self._weights_bytes,
                prompt_tokens=self._tokens,
                computed_tokens=self._computed,
                steps=self._passes,
                prefill_tokens_per_s=self._recent_tokens / self._recent_s
                if self._recent_s
                else 0.0,
            )

    def close(self) -> None:
        """Callers who wait get `EngineClosed`; a pass that runs ends first. Idempotent."""
        self._worker.shutdown(cancel_futures=True)
        self._model = None

    def _check(self, number: int, prompt: Sequence[int]) -> None:
        check_tokens(f"text {number}", prompt, self._info.vocabulary)
        if not prompt:
            raise BadCall(f"text {number} has no tokens; give at least one")
        if len(prompt) > self._info.context:
            raise PromptTooLong(
                f"text {number} has {len(prompt)} tokens; engine {self._info.model!r} takes "
                f"{self._info.context}. Embed it in parts."
            )

    def _take_turn(self, texts: Sequence[Sequence[int]]) -> Float64:
        try:
            return self._worker.submit(self._pass, texts).result()
        except (CancelledError, RuntimeError) as error:
            # RuntimeError is how a queue that was shut down refuses
            raise EngineClosed("the engine is closed; open it again") from error

    def _pass(self, texts: Sequence[Sequence[int]]) -> Float64:
        assert self._model is not None
        lengths = [len(text) for text in texts]
        self._count(running=len(texts))
        began = time.perf_counter()
        try:
            return pooled(self._model.states(texts), lengths, self._pooling)
        except Exception as error:
            raise EngineError(f"the engine failed while embedding: {error}") from error
        finally:
            self._measured(len(texts) * max(lengths), time.perf_counter() - began)
            self._count(running=-len(texts))

    def _count(self, *, asked: int = 0, running: int = 0, tokens: int = 0) -> None:
        with self._counting:
            self._asked += asked
            self._running += running
            self._tokens += tokens

    def _measured(self, computed: int, seconds: float) -> None:
        with self._counting:
            self._passes += 1
            self._computed += computed
            self._recent_tokens = _LATELY * self._recent_tokens + computed
            self._recent_s = _LATELY * self._recent_s + seconds
