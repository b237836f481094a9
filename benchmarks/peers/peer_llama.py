"""llama.cpp's server, from the package xllamacpp, asked over HTTP by threads."""

import http.client
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlparse

import xllamacpp  # type: ignore[import-not-found,unused-ignore]
from benchmarks.peers.adapter import adapter_folder
from benchmarks.peers.peer import TOP_K, Answer, Ask, Peer
from benchmarks.peers.work import INVOCATION

SLOTS = 16
SLOT_CONTEXT = 2304
_FILE = "q4_0.gguf"
_ADAPTERS = ("alora.gguf", "lora.gguf")
"""The same weights; the server numbers them in this order."""
_LORA = " (LoRA)"
"""Ends the name of a way that runs the adapter as an ordinary one."""
_COMMON = {"cache_prompt": True, "ignore_eos": True, "return_tokens": True, "stream": False}
# one sampler and no other: the default chain walks the vocabulary several times
_GREEDY = {"samplers": ["top_k"], "top_k": 1, "temperature": 0.0}
_SAMPLED = {"samplers": ["top_k", "temperature"], "top_k": TOP_K, "temperature": 1.0}


class Llama(Peer):
    title = "llama.cpp"
    packages: ClassVar[tuple[str, ...]] = ("xllamacpp",)
    ways: ClassVar[dict[str, tuple[str, ...]]] = {
        "warm": ("n completions", "warmed slots"),
        "cold": ("n completions", "requests"),
        "session": ("n completions", "requests", "one slot"),
        "adapted session": ("n completions", "requests", "one slot", f"n completions{_LORA}"),
    }

    @classmethod
    def prepare(cls, checkpoint: Path, folder: Path) -> None:
        from benchmarks.peers.gguf_file import write_adapter_gguf, write_gguf

        if not (folder / _FILE).is_file():
            write_gguf(checkpoint, folder / _FILE)
        for name, activated in zip(_ADAPTERS, (True, False), strict=True):
            if not (folder / name).is_file():
                write_adapter_gguf(adapter_folder(folder), folder / name, activated)

    def open(self, folder: Path, threads: int) -> None:
        self._model = folder / _FILE
        self._adapters = [folder / name for name in _ADAPTERS]
        self._lora = False
        """Whether the adapter runs as an ordinary one."""
        self._threads = threads
        self._saved = tempfile.TemporaryDirectory()
        self._pool = ThreadPoolExecutor(SLOTS)
        self._start()

    def _start(self, adapted: bool = False) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(self._model)
        params.n_parallel = SLOTS
        params.n_ctx = SLOTS * SLOT_CONTEXT
        params.kv_unified = False
        params.n_batch, params.n_ubatch = 2048, 512
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.slot_save_path = self._saved.name + "/"
        params.n_threads_http = SLOTS + 2
        if adapted:
            params.lora_adapters = [
                xllamacpp.CommonAdapterLoraInfo(str(path), 0.0) for path in self._adapters
            ]
        params.verbosity = 0
        params.fit_params = False
        self._server = xllamacpp.Server(params)
        address = urlparse(self._server.listening_address)
        self._address = (str(address.hostname), int(address.port or 80))

    def settings(self) -> dict[str, str]:
        return {
            "weights": "Q4_0 throughout (blocks of 32), the tied head too; repacked at loading",
            "server": f"{SLOTS} slots of {SLOT_CONTEXT} positions, split KV in float16, flash "
            f"attention, batch 2048, micro-batch 512, {self._threads} threads, prompt cache on; "
            "one sampler only",
            "adapter": "the same, in float16, as aLoRA and as LoRA, loaded at scale 0 by a process "
            "of that session alone; `lora` of a request sets the scale. The server keeps a slot's cache "
            "for an aLoRA up to its invocation, and back when a request names no `lora`; a LoRA, "
            "and going back from one, clears it",
            "built for": xllamacpp.get_system_info(),
        }

    def ask(self, asks: Sequence[Ask], way: str = "") -> list[Answer]:
        way = self._without_lora(way)
        if way == "one slot":
            return [self._request(ask, slot=0) for ask in asks]
        if way == "n completions":
            return self._all(asks, [ask.slot for ask in asks])
        return self._all(asks, [None] * len(asks))

    def branch(self, ask: Ask, count: int, way: str = "") -> list[Answer]:
        way = self._without_lora(way)
        if way == "n completions":
            return self._completions(ask, count)
        if way == "warmed slots":
            return self._all([ask] * count, list(range(count)))
        return super().branch(ask, count, way)

    def warm(self, prompt: tuple[int, ...], count: int, way: str = "") -> None:
        if way == "warmed slots":
            # one request computes the prompt and copies it to the other slots; a second of each
            # slot's own makes sure of those that were not chosen
            self._completions(Ask(prompt), SLOTS)
            self._all([Ask(prompt)] * count, list(range(count)))
        else:
            self._request(Ask(prompt))

    @contextmanager
    def adapters(self) -> Iterator[None]:
        del self._server
        self._start(adapted=True)
        self.wake(INVOCATION)
        try:
            yield
        finally:
            del self._server
            self._start()

    def restart(self, prompt: tuple[int, ...]) -> float:
        self._request(Ask(prompt), slot=0)
        self._post("/slots/0?action=save", {"filename": "slot"})
        del self._server
        self._start()
        started = time.perf_counter()
        self._post("/slots/0?action=restore", {"filename": "slot"})
        self._request(Ask(prompt), slot=0)
        return time.perf_counter() - started

    def close(self) -> None:
        self._pool.shutdown()
        del self._server
        self._saved.cleanup()

    def _without_lora(self, way: str) -> str:
        self._lora = way.endswith(_LORA)
        return way.removesuffix(_LORA)

    def _all(self, asks: Sequence[Ask], slots: Sequence[int | None]) -> list[Answer]:
        return list(self._pool.map(self._request, asks, slots))

    def _request(self, ask: Ask, slot: int | None = None) -> Answer:
        body = _body(ask, self._lora)
        if slot is not None:
            body["id_slot"] = slot
        started = time.perf_counter()
        reply = self._post("/completion", body)
        return _answer(reply, time.perf_counter() - started)

    def _completions(self, ask: Ask, count: int) -> list[Answer]:
        started = time.perf_counter()
        replies = self._post("/completion", _body(ask, self._lora) | {"n": count})
        seconds = time.perf_counter() - started
        return [_answer(reply, seconds) for reply in replies]

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        connection = http.client.HTTPConnection(*self._address, timeout=600)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise RuntimeError(f"{path} answered {response.status}: {text[:200]!r}")
        return json.loads(text)


def _body(ask: Ask, lora: bool) -> dict[str, Any]:
    chosen = _GREEDY if ask.seed is None else _SAMPLED | {"seed": ask.seed}
    body = {**_COMMON, **chosen, "prompt": list(ask.prompt), "n_predict": ask.tokens}
    if ask.adapted:
        body["lora"] = [{"id": int(lora), "scale": 1.0}]
    elif lora:
        # named, or the base would go on with what the adapter left in the slot's cache
        body["lora"] = [{"id": 1, "scale": 0.0}]
    return body


def _answer(reply: dict[str, Any], seconds: float) -> Answer:
    timings = reply["timings"]
    return Answer(
        tuple(reply["tokens"]),
        # the server counts generation from the end of the prompt
        first_s=max(seconds - timings["predicted_ms"] / 1000, 0.0),
        slot=reply["id_slot"],
        extra={"cached_tokens": float(timings["cache_n"])},
    )
