"""Runs an engine directory on ONNX Runtime: the `Engine` protocol, and the thread that owns the model.

Knows how requests reach that thread; the forward pass is `onnx_model`'s, who is computed when is
`batch`'s.
"""

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import numpy.typing as npt

from smysl_engines.bank import Bank
from smysl_engines.base import (
    Call,
    EngineClosed,
    EngineError,
    EngineInfo,
    EngineStats,
    PromptTooLong,
)
from smysl_engines.batch import PREFILL_TOKENS, Batch
from smysl_engines.checks import check_call, check_tokens
from smysl_engines.grammar import Grammars
from smysl_engines.job import Job
from smysl_engines.manifest import TOKENIZER_FILE, load_manifest
from smysl_engines.onnx_model import (
    GRAPH_FILE,
    KV_BYTES,
    WEIGHTS_FILE,
    OnnxModel,
    blocks_for,
    kv_bytes_per_token,
)
from smysl_engines.prefix_tree import BLOCK
from smysl_engines.snapshots import DEFAULT_CAP_BYTES, Snapshots
from smysl_engines.stops import Stops
from smysl_engines.stream import CallStream, Channel
from smysl_engines.symbols import Symbols

__all__ = ["GRAPH_FILE", "WEIGHTS_FILE", "OnnxEngine", "OnnxModel"]

_log = logging.getLogger(__name__)

_STEPWISE = ("\0 computed one by one", 1.0)
"""No adapter, but what tells two ways to compute the same token."""
REST_S = 0.5
"""Without work for so long, the engine's thread puts its house in order."""


class OnnxEngine:
    """The `Engine` protocol over an engine directory. Any thread may call any method."""

    def __init__(
        self,
        directory: Path,
        *,
        threads: int | None = None,
        max_batch: int = 16,
        kv_bytes: int | None = None,
        snapshots: Path | None = None,
        snapshot_bytes: int | None = None,
        deterministic: bool = False,
    ) -> None:
        """Raises `CorruptEngine` for a damaged directory, `EngineError` if the runtime refuses it.

        `threads`: of one forward pass; None chooses by the model's size.
        `max_batch`: calls that run together.
        `kv_bytes`: most memory for keys and values; None is `KV_BYTES`. One whole context is always
        possible.
        `snapshots`: folder where prefixes are kept over a restart; None keeps none.
        `snapshot_bytes`: most bytes of that folder; None is `DEFAULT_CAP_BYTES`.
        `deterministic`: a call's output depends to the last bit on nothing but the call; slower.
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
            adapters=tuple(sorted(manifest.adapters)),
            max_batch=max_batch,
            precision=manifest.precision,
        )
        spoken = directory / TOKENIZER_FILE, self._info.vocabulary, self._info.model
        self._grammars = Grammars(*spoken)
        self._stops = Stops(*spoken)
        self._bank = Bank(directory, manifest)
        architecture = manifest.architecture
        model = OnnxModel(
            directory / GRAPH_FILE,
            architecture,
            rows=max_batch,
            threads=threads,
            blocks=blocks_for(architecture, max_batch, KV_BYTES if kv_bytes is None else kv_bytes),
            bank=self._bank if self._bank.names else None,
            even=deterministic,
        )
        self._deterministic = deterministic
        self._symbols = Symbols(architecture.vocabulary)
        self._block_bytes = BLOCK * kv_bytes_per_token(architecture)
        self._weights_bytes = manifest.files[WEIGHTS_FILE].bytes
        kept = None
        if snapshots is not None:
            cap = DEFAULT_CAP_BYTES if snapshot_bytes is None else snapshot_bytes
            # bits of another mode must not decide what a deterministic engine says
            name = manifest.fingerprint + ("-deterministic" if deterministic else "")
            kept = Snapshots(snapshots, name, self._block_bytes, cap)
        self._owner = _Owner(model, self._symbols, kept, deterministic)
        # the thread must not keep the engine alive, and must have ended before the interpreter does
        self._stop = weakref.finalize(self, self._owner.close)

    @property
    def info(self) -> EngineInfo:
        return self._info

    def submit(self, call: Call) -> CallStream:
        submitted_at = time.monotonic()
        check_call(call, self._info)
        state = self._bank.state(call.adapter)
        self._bank.read(state)
        channel = Channel(self._owner.batch.cancellations)
        job = Job(
            call,
            channel,
            self._grammars.matcher(call),
            self._stops.texts(call),
            state,
            self._bank.since(call.prompt, state, call.activation),
            self._symbols.offset(state),
            self._symbols.offset((*state, _STEPWISE)) if self._deterministic else None,
        )
        # the engine's thread takes it after the step it is at, and a grammar may have been compiled
        job.submitted_at = submitted_at
        self._owner.send(job)
        return CallStream(channel)

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Blocks until the engine's thread has computed them, a piece at a time between two steps of
        the running calls.
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

    def stats(self) -> EngineStats:
        batch = self._owner.batch
        kv, counts = batch.kv, dict(batch.counts)
        reasons = ("stop", "length", "deadline", "cancelled", "failed")
        return EngineStats(
            running=batch.running,
            waiting=batch.waiting,
            block_tokens=BLOCK,
            blocks=kv.blocks,
            held_blocks=kv.held,
            cached_blocks=kv.cached,
            weights_bytes=self._weights_bytes,
            kv_bytes=(kv.held + kv.cached) * self._block_bytes,
            kv_cap_bytes=kv.blocks * self._block_bytes,
            evicted_blocks=kv.evicted,
            saved_blocks=self._owner.snapshots.saved if self._owner.snapshots else 0,
            finished={reason: counts[reason] for reason in reasons if reason in counts},
            prefill_tokens_per_s=batch.prefill_rate,
            **{name: counts.get(name, 0) for name in _COUNTED},
        )

    def close(self) -> None:
        self._stop()


_COUNTED = (
    "prompt_tokens",
    "cached_tokens",
    "restored_tokens",
    "computed_tokens",
    "generated_tokens",
    "drafted_tokens",
    "accepted_tokens",
    "steps",
    "preempted",
)


class _Embedding:
    def __init__(self, tokens: list[int]) -> None:
        self.tokens = tokens
        self.computed = 0
        self.total: npt.NDArray[np.float64] | float = 0.0
        """Of the hidden states computed so far."""
        self.result: Future[list[float]] = Future()


class _Owner:
    """The one thread that touches the model and the batch. Others leave requests in its inbox."""

    def __init__(
        self,
        model: OnnxModel,
        symbols: Symbols,
        snapshots: Snapshots | None,
        deterministic: bool,
    ) -> None:
        self._model = model
        self.snapshots = snapshots
        self.batch = Batch(model, symbols=symbols, snapshots=snapshots, deterministic=deterministic)
        self._changed = threading.Condition()
        self._inbox: list[Job | _Embedding] = []
        self._embeddings: deque[_Embedding] = deque()
        """Taken from the inbox and not yet finished; the first may have begun."""
        self._step_s = 0.0
        self._closed: str | None = None
        self._rested = True
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
            left = [*self._embeddings, *self._inbox]
        for request in left:
            self._refuse(request)
        if death is None:
            self.batch.close()
            self.batch.save(wait=True)
        else:
            self.batch.abort(death)
        if self.snapshots is not None:
            self.snapshots.close()

    def _fetch(self) -> list[Job | _Embedding] | None:
        """Sleep until there is something to do, or until it is time to rest; None when closed."""
        with self._changed:
            while self._closed is None and not self._inbox and self._idle:
                if not self._changed.wait(None if self._rested else REST_S):
                    return []
            if self._closed is not None:
                return None
            requests, self._inbox = self._inbox, []
            return requests

    @property
    def _idle(self) -> bool:
        return self.batch.idle and not self._embeddings

    def _serve(self, requests: list[Job | _Embedding] | None) -> bool:
        if requests is None:
            return False
        for request in requests:
            if isinstance(request, Job):
                self.batch.add(request)
            else:
                self._embeddings.append(request)
        if not requests and self._idle:
            self._rested = self.batch.rest()
            return True
        self._rested = False
        self._embed()
        if not self.batch.idle:
            began = time.monotonic()
            self.batch.step()
            self._step_s = time.monotonic() - began
        return True

    def _embed(self) -> None:
        """Compute pieces of texts for as long as the last step of the running calls took; one at
        least."""
        end = time.monotonic() + self._step_s
        while self._embeddings:
            request = self._embeddings[0]
            try:
                done = self._embed_piece(request)
            except Exception as error:
                failure = EngineError(f"the engine failed while embedding: {error}")
                request.result.set_exception(failure)
                done = True
            if done:
                self._embeddings.popleft()
            if time.monotonic() >= end:
                return

    def _embed_piece(self, request: _Embedding) -> bool:
        """Returns whether it was the last one."""
        start = request.computed
        piece = request.tokens[start : start + PREFILL_TOKENS]
        request.total += self._model.hidden(piece, start).sum(axis=0, dtype=np.float64)
        request.computed += len(piece)
        if request.computed < len(request.tokens):
            return False
        mean = np.asarray(request.total) / len(request.tokens)
        norm = float(np.sqrt((mean * mean).sum()))
        request.result.set_result((mean / (norm or 1.0)).tolist())
        return True

    def _refuse(self, request: Job | _Embedding) -> None:
        if isinstance(request, Job):
            self.batch.add(request)
        else:
            request.result.set_exception(EngineClosed(f"the engine {self._closed}; open it again"))
