"""Runs an artefact on TensorRT-LLM: the `Engine` protocol over a worker process.

Knows what is refused before it reaches the worker; who runs when is `dispatch`'s, the library is
`library`'s.
"""

import os
import tempfile
import weakref
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from smysl_engines.base import (
    BadCall,
    Call,
    EngineError,
    EngineInfo,
    EngineStats,
)
from smysl_engines.checks import check_call
from smysl_engines.grammar import Grammars
from smysl_engines.job import Job
from smysl_engines.manifest import TOKENIZER_FILE, Architecture, load_manifest
from smysl_engines.stops import Stops
from smysl_engines.stream import CallStream
from smysl_engines.tensorrt_llm import artefact as artefacts
from smysl_engines.tensorrt_llm.artefact import BACKEND, MachineFacts, TensorRTArtefact
from smysl_engines.tensorrt_llm.connection import Connection, connect
from smysl_engines.tensorrt_llm.dispatch import CallChannel, Dispatcher
from smysl_engines.tensorrt_llm.frames import Load
from smysl_engines.tensorrt_llm.requests import Requests
from smysl_engines.tensorrt_llm.spelling import Spelling

START_S = 3600.0
"""A large checkpoint is read, captured in CUDA graphs and tuned at every start."""
_KV_ELEMENT_BYTES = {"bf16": 2, "fp8": 1}
_REASONS = ("stop", "length", "deadline", "cancelled", "failed")


class TensorRTEngine:
    """The `Engine` protocol over an artefact's directory. Any thread may call any method."""

    def __init__(
        self,
        directory: Path,
        *,
        max_batch: int = 16,
        kv_bytes: int | None = None,
        domain: str | None = None,
        python: str | None = None,
        start_s: float = START_S,
    ) -> None:
        """Blocks until the worker has loaded the model.

        `max_batch`: calls that the worker has at once, at most what the artefact was built for.
        `kv_bytes`: most memory for keys and values; None is the library's share of what is free. One
        whole context is always possible.
        `domain`: who may share keys and values of prompts; None is this user.
        `python`: the Python that TensorRT-LLM is installed in; None is $SMYSL_TENSORRT_LLM_PYTHON,
        else ours.
        Raises `CorruptEngine` for a damaged directory, `WrongMachine` for an artefact of another
        machine or version, `OutOfMemory`, else `EngineError`.
        """
        if max_batch < 1:
            raise EngineError(f"max_batch is {max_batch}; it must be at least 1")
        manifest = load_manifest(directory)
        if manifest.backend != BACKEND:
            raise EngineError(
                f"{directory} is for the backend {manifest.backend!r}, not {BACKEND!r}"
            )
        found = artefacts.read(directory)
        # adapters lie flat in the directory, and the library wants a folder of each
        self._links = tempfile.TemporaryDirectory(prefix="smysl-adapters-")
        folders = artefacts.lay_out_adapters(directory, found, Path(self._links.name))
        self._info = EngineInfo(
            model=manifest.model,
            fingerprint=manifest.fingerprint,
            backend=BACKEND,
            vocabulary=manifest.architecture.vocabulary,
            context=found.context,
            adapters=tuple(sorted(folders)),
            max_batch=min(max_batch, found.max_batch),
            device="cuda",
            precision=manifest.precision,
        )
        spoken = directory / TOKENIZER_FILE, self._info.vocabulary, self._info.model
        self._grammars = Grammars(*spoken)
        self._stops = Stops(*spoken)
        self._weights_bytes = sum(entry.bytes for entry in manifest.files.values())
        self._token_bytes = _bytes_per_token(manifest.architecture, found)
        self._requests = Requests(found, folders, _salt(domain), Spelling(*spoken))
        load = Load(
            kind=found.kind,
            directory=str(directory),
            options=found.load_options,
            vocabulary=self._info.vocabulary,
            context=found.context,
            max_batch=self._info.max_batch,
            kv_tokens=None if kv_bytes is None else self._tokens(kv_bytes),
            adapters=len(folders),
            max_rank=found.max_rank,
            modules=_modules(found),
            guided=(directory / TOKENIZER_FILE).is_file(),
        )
        judge = partial(artefacts.mismatch, found)
        self._dispatcher = Dispatcher(
            _connecting(load, judge, python, start_s), self._requests.make, self._info.max_batch
        )
        # the thread must not keep the engine alive, and must have ended before the interpreter does
        self._stop = weakref.finalize(self, _stop, self._dispatcher, self._links)
        try:
            self._dispatcher.open()
        except BaseException:
            self._stop()
            raise

    @property
    def info(self) -> EngineInfo:
        return self._info

    @property
    def worker(self) -> int | None:
        """The worker's process id; None while there is none."""
        return self._dispatcher.pid

    def submit(self, call: Call) -> CallStream:
        check_call(call, self._info)
        self._requests.check(call)
        channel = CallChannel(self._dispatcher.cancel)
        job = Job(call, channel, self._grammars.matcher(call), self._stops.texts(call))
        self._dispatcher.send(job)
        return CallStream(channel)

    def embed(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Always raises `BadCall`: the library gives no hidden states that all its versions agree on."""
        raise BadCall(
            f"engine {self._info.model!r} runs on TensorRT-LLM, which embeds no texts. Build an encoder "
            "with --backend onnx for that."
        )

    def stats(self) -> EngineStats:
        dispatcher = self._dispatcher
        counts, found = dict(dispatcher.counts), dispatcher.statistics
        block = found.tokens_per_block * self._token_bytes
        return EngineStats(
            running=dispatcher.running,
            waiting=dispatcher.waiting,
            block_tokens=found.tokens_per_block,
            blocks=found.max_blocks,
            held_blocks=found.used_blocks,
            cached_blocks=max(0, found.max_blocks - found.used_blocks - found.free_blocks),
            weights_bytes=self._weights_bytes,
            kv_bytes=(found.max_blocks - found.free_blocks) * block,
            kv_cap_bytes=found.max_blocks * block,
            prompt_tokens=counts.get("prompt_tokens", 0),
            cached_tokens=counts.get("cached_tokens", 0),
            generated_tokens=counts.get("generated_tokens", 0),
            steps=found.iterations,
            finished={reason: counts[reason] for reason in _REASONS if reason in counts},
        )

    def close(self) -> None:
        self._stop()

    def _tokens(self, kv_bytes: int) -> int:
        return max(self._info.context, kv_bytes // self._token_bytes)


def _stop(dispatcher: Dispatcher, links: "tempfile.TemporaryDirectory[str]") -> None:
    dispatcher.close()
    links.cleanup()


def _connecting(
    load: Load, judge: Callable[[MachineFacts], str | None], python: str | None, start_s: float
) -> Callable[[], Coroutine[Any, Any, Connection]]:
    return lambda: connect(load, judge, python=python, start_s=start_s)


def _bytes_per_token(architecture: Architecture, artefact: TensorRTArtefact) -> int:
    """Of keys and values."""
    numbers = 2 * architecture.layers * architecture.kv_heads * architecture.head_dim
    return numbers * _KV_ELEMENT_BYTES[artefact.kv_precision]


def _modules(artefact: TensorRTArtefact) -> tuple[str, ...]:
    chosen = (adapter for adapter in artefact.adapters if adapter.how == "runtime")
    return tuple(sorted({module for adapter in chosen for module in adapter.modules}))


def _salt(domain: str | None) -> str:
    """A daemon serves one user, so one domain; the salt keeps the promise where several engines share
    a server's cache."""
    return f"smysl user {os.getuid()}" if domain is None else f"smysl {domain}"
