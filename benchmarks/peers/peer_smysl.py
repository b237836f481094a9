"""smysl's own engine, through the `Engine` protocol alone."""

import asyncio
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from benchmarks.peers.adapter import NAME as ADAPTER
from benchmarks.peers.adapter import adapter_folder
from benchmarks.peers.peer import TOP_K, Answer, Ask, Peer
from benchmarks.peers.work import INVOCATION

from smysl_build_engines.adapters import with_bank
from smysl_build_engines.build import build, plan
from smysl_build_engines.checkpoint import open_checkpoint
from smysl_build_engines.peft_folder import open_adapter
from smysl_build_engines.recipe import Recipe
from smysl_build_engines.store import EngineStore
from smysl_engines.base import Call, Choice, Delta, Engine, Sampling
from smysl_engines.load import open_engine
from smysl_engines.shelf import find_engine

NAME = "qwen2-random"
ROWS = 16
_T = TypeVar("_T")


class Smysl(Peer):
    title = "smysl"
    packages: ClassVar[tuple[str, ...]] = ("smysl", "onnxruntime")

    @classmethod
    def prepare(cls, checkpoint: Path, folder: Path) -> None:
        base = open_checkpoint(checkpoint)
        opened = with_bank(base, [open_adapter(ADAPTER, adapter_folder(folder), base)])
        recipe = Recipe(precision="int4", head_bits=4, wide=True)
        wanted = plan(opened, name=NAME, recipe=recipe)
        build(opened, wanted, EngineStore(folder / "smysl"), lambda line: None)

    def open(self, folder: Path, threads: int) -> None:
        self._directory = find_engine(folder / "smysl", NAME).directory
        self._threads = threads
        self._snapshots = folder / "smysl-snapshots"
        self._loop = asyncio.new_event_loop()
        self._engine: Engine = self._opened()

    def _opened(self, snapshots: Path | None = None) -> Engine:
        return open_engine(
            self._directory, threads=self._threads, max_batch=ROWS, snapshots=snapshots
        )

    def settings(self) -> dict[str, str]:
        info = self._engine.info
        return {
            "weights": f"{info.precision}: linear layers 4 bits in blocks of 128 inputs, symmetric; "
            "head 4 bits too; embedding float16; for passes of 16 tokens or 12 rows and more a copy in "
            "int8, one scale a column",
            "engine": f"{ROWS} rows, {self._threads} threads, context {info.context}; "
            "snapshots for the restart",
            "adapter": "activated (aLoRA), rank 16, float32, from the engine's bank; in a process "
            "of that session alone, since a large model stays in the graph with adapters "
            "once one was used",
        }

    def ask(self, asks: Sequence[Ask], way: str = "") -> list[Answer]:
        return self._run(self._answers(asks))

    async def _answers(self, asks: Sequence[Ask]) -> list[Answer]:
        return list(await asyncio.gather(*(self._answer(ask) for ask in asks)))

    async def _answer(self, ask: Ask) -> Answer:
        started = time.perf_counter()
        first: float | None = None
        tokens: list[int] = []
        async for event in self._engine.submit(_call(ask)):
            if isinstance(event, Delta):
                # the engine hands tokens over every few milliseconds: the first may not come alone
                first = first or time.perf_counter() - started
                tokens += event.ids
            else:
                extra = {
                    "cached_tokens": float(event.cached_tokens),
                    "drafted_tokens": float(event.drafted_tokens),
                    "accepted_tokens": float(event.accepted_tokens),
                }
        return Answer(tuple(tokens), first or 0.0, extra=extra)

    @contextmanager
    def adapters(self) -> Iterator[None]:
        # opened anew after it: once a large model has run an adapter, its base runs in the slower
        # graph too
        self.wake(INVOCATION)
        try:
            yield
        finally:
            self._reopen(None)

    def restart(self, prompt: tuple[int, ...]) -> float:
        # without snapshots otherwise: they are written while the next peer is measured
        self._reopen(self._snapshots)
        self.ask([Ask(prompt)])
        self._reopen(self._snapshots)
        started = time.perf_counter()
        self.ask([Ask(prompt)])
        seconds = time.perf_counter() - started
        self._reopen(None)
        return seconds

    def _reopen(self, snapshots: Path | None) -> None:
        self._engine.close()
        del self._engine  # its memory, before the new one's is taken
        self._engine = self._opened(snapshots)

    def close(self) -> None:
        self._engine.close()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self._loop.run_until_complete(work)


def _call(ask: Ask) -> Call:
    adapter = ADAPTER if ask.adapted else None
    if ask.options:
        options = tuple((option,) for option in ask.options)
        return Call(prompt=ask.prompt, constraint=Choice(options), adapter=adapter)
    sampling = Sampling(max_tokens=ask.tokens)
    if ask.seed is not None:
        sampling = Sampling(max_tokens=ask.tokens, temperature=1.0, top_k=TOP_K, seed=ask.seed)
    return Call(prompt=ask.prompt, sampling=sampling, adapter=adapter)
