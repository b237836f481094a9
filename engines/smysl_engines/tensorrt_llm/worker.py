"""The process that TensorRT-LLM lives in: takes requests from a socket, and sends back what comes.

Started by `launch.py`. Knows frames and a `Library`; never a call, a queue or a policy: who runs when,
and what ends an output, is decided on the other side of the socket.
"""

import asyncio
import logging
import os
import select
import socket
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from smysl_engines.base import EngineError, Likeliest
from smysl_engines.sampling import log_probabilities, top
from smysl_engines.tensorrt_llm.frames import (
    Abort,
    Ended,
    Facts,
    Frames,
    FromWorker,
    Generate,
    Load,
    LoadFailed,
    Ready,
    Refused,
    Score,
    Scored,
    Statistics,
    Tokens,
    encode,
    to_worker,
)
from smysl_engines.tensorrt_llm.library import Library
from smysl_engines.tensorrt_llm.machine import machine_facts

_log = logging.getLogger(__name__)

STATISTICS_S = 1.0
"""Between two looks at the library's numbers."""
SCORED_TOGETHER = 16
"""Places of one `Choice` that are computed at once."""
_READ_BYTES = 1 << 18


def main(arguments: Sequence[str]) -> None:
    """`arguments`: the number of the socket's file. Returns when the other side has gone."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    connection = socket.socket(fileno=int(arguments[0]))
    # a process of the library that had it too would hide our end from the other side
    connection.set_inheritable(False)
    frames = Frames()
    connection.sendall(encode(Facts(machine_facts())))
    load = _first(connection, frames)
    if load is None:
        return
    loaded = threading.Event()
    threading.Thread(target=_watch, args=(connection, loaded), daemon=True).start()
    try:
        library = Library(load)
    except Exception as error:
        _log.exception("the model cannot be loaded")
        connection.sendall(encode(LoadFailed(_line(error))))
        return
    loaded.set()
    try:
        asyncio.run(_Service(library, load, frames).run(connection))
    finally:
        library.llm.shutdown()


def _first(connection: socket.socket, frames: Frames) -> Load | None:
    """The message that everything begins with; None if the other side does not want this machine."""
    while data := connection.recv(_READ_BYTES):
        for body in frames.feed(data):
            message = to_worker.decode(body)
            assert isinstance(message, Load)
            return message
    return None


def _watch(connection: socket.socket, loaded: threading.Event) -> None:
    """Until the model is loaded nobody reads; a model that nobody waits for must not go on loading."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP | select.POLLHUP)
    while not loaded.is_set():
        if poll.poll(500) and not loaded.is_set():
            os._exit(1)


class _Service:
    """Requests of one connection."""

    def __init__(self, library: Library, load: Load, frames: Frames) -> None:
        self._library = library
        self._load = load
        self._frames = frames
        self._running: dict[int, list[Any]] = {}
        """What the library computes for each request."""
        self._aborted: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None

    async def run(self, connection: socket.socket) -> None:
        reader, self._writer = await asyncio.open_connection(sock=connection)
        self._send(Ready(end_id=self._library.end_id, context_logits=self._library.context_logits))
        statistics = asyncio.create_task(self._report())
        try:
            while data := await reader.read(_READ_BYTES):
                for body in self._frames.feed(data):
                    self._take(body)
        except ConnectionError:
            pass  # the other side died
        finally:
            statistics.cancel()
            for id in list(self._running):
                self._abort(id)
            # what was aborted is drained, so that the library has nothing left
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._writer.close()

    def _take(self, body: bytes) -> None:
        match to_worker.decode(body):
            case Generate() as request:
                self._begin(request.id, self._generate(request))
            case Score() as request:
                self._begin(request.id, self._score(request))
            case Abort(id):
                self._abort(id)
            case Load():
                _log.warning("a second Load is ignored")

    def _begin(self, id: int, work: Any) -> None:
        self._running[id] = []
        task = asyncio.create_task(self._answer(id, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, id: int, work: Any) -> None:
        """One request from its beginning to the message that ends it."""
        try:
            end = await work
        except (ValueError, TypeError) as error:
            end = Refused(id=id, bad_call=True, message=_line(error))
        except Exception as error:
            if id not in self._aborted:
                _log.exception("request %d failed", id)
            end = Refused(id=id, bad_call=False, message=_line(error))
        del self._running[id]
        self._aborted.discard(id)
        self._send(end)

    def _abort(self, id: int) -> None:
        if id in self._running:
            self._aborted.add(id)
            for result in self._running[id]:
                result.abort()

    async def _generate(self, request: Generate) -> Ended:
        if request.id in self._aborted:
            # given up before its turn on the loop had come: there was nothing to abort yet
            return Ended(id=request.id, reason="cancelled", cached_tokens=0)
        result = self._library.generate(request)
        self._running[request.id].append(result)
        sent = 0
        async for _ in result:  # the same object every time: what is new is counted here
            output = result.outputs[0]
            ids = list(output.token_ids[sent:])
            if ids and request.id not in self._aborted and request.max_tokens:
                rows = _rows_of(output, len(ids)) if request.logprobs is not None else ()
                self._send(
                    Tokens(
                        request.id,
                        tuple(ids),
                        _cached(result),
                        tuple(
                            _chosen(row, token) for row, token in zip(rows, ids, strict=bool(rows))
                        ),
                        tuple(_likeliest(row, request.logprobs or 0) for row in rows)
                        if request.logprobs
                        else (),
                    )
                )
            sent += len(ids)
        output = result.outputs[0]
        given = _Given((), ())
        if request.echo is not None and request.id not in self._aborted:
            given = self._prompt(request, result.context_logits)
        return Ended(
            id=request.id,
            reason=output.finish_reason or "cancelled",
            cached_tokens=_cached(result),
            prompt_logprobs=given.logprobs,
            prompt_top=given.top,
        )

    def _prompt(self, request: Generate, logits: Any) -> "_Given":
        """Of each token of the prompt but the first."""
        rows = len(request.prompt) - 1
        found = 0 if logits is None else len(logits.reshape(-1, logits.shape[-1]))
        if found < rows:
            raise EngineError(
                f"the library gave logits of {found} of the prompt's {rows + 1} tokens, so it cannot "
                "be echoed"
            )
        table = _numbers(logits)[: rows + 1, : self._load.vocabulary]
        scores = [log_probabilities(row) for row in table[:rows]]
        return _Given(
            tuple(float(row[token]) for row, token in zip(scores, request.prompt[1:], strict=True)),
            tuple(top(row, request.echo) for row in scores) if request.echo else (),
        )

    async def _score(self, request: Score) -> Scored:
        turns = asyncio.Semaphore(SCORED_TOGETHER)
        (_, tokens), *others = request.wanted
        # the first leaves the prompt's keys and values to the others
        cached, first = await self._after(request, (), tokens, turns)
        found = await asyncio.gather(
            *(self._after(request, path, wanted, turns) for path, wanted in others),
            return_exceptions=True,
        )
        # all of them have ended, also where one failed
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return Scored(
            id=request.id,
            logprobs=(first, *(each[1] for each in found if not isinstance(each, BaseException))),
            cached_tokens=cached,
        )

    async def _after(
        self,
        request: Score,
        path: tuple[int, ...],
        wanted: tuple[int, ...],
        turns: asyncio.Semaphore,
    ) -> tuple[int, tuple[float, ...]]:
        """Cached tokens, and log-probabilities of the wanted tokens after prompt and path."""
        async with turns:
            if request.id in self._aborted:
                raise EngineError("the choice was given up")
            result = self._library.logits_after(
                [*request.prompt, *path], request.adapter, request.salt, request.shared
            )
            self._running[request.id].append(result)
            await result
        logits = result.outputs[0].generation_logits
        if logits is None:
            raise EngineError(
                "the library gave no logits to score the options with "
                f"({result.outputs[0].finish_reason})"
            )
        scores = log_probabilities(_numbers(logits)[0, : self._load.vocabulary])
        return _cached(result), tuple(float(scores[token]) for token in wanted)

    async def _report(self) -> None:
        """Send the library's numbers now and then, as long as it gives any."""
        count = 0
        try:
            while True:
                found = [
                    each
                    async for each in self._library.llm.get_stats_async(timeout=STATISTICS_S / 2)
                ]
                count += len(found)
                if found:
                    self._send(_statistics(found[-1], count))
                await asyncio.sleep(STATISTICS_S)
        except Exception as error:
            _log.warning("no more statistics of the library: %s", error)

    def _send(self, message: FromWorker) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))


class _Given(msgspec.Struct, frozen=True):
    logprobs: tuple[float, ...]
    top: tuple[Likeliest, ...]


def _rows_of(output: Any, count: int) -> Sequence[Any]:
    """The log-probabilities of the last `count` tokens. Versions differ in whether a step's list holds
    all of the output or what is new: its end is the same."""
    rows: Sequence[Any] = list(output.logprobs or ())[-count:]
    if len(rows) != count:
        raise EngineError(
            f"the library gave log-probabilities of {len(rows)} tokens for {count}; build the engine "
            "again, or ask without logprobs"
        )
    return rows


def _chosen(row: Any, token: int) -> float:
    if isinstance(row, float):
        return row
    return float(row[token].logprob)


def _likeliest(row: Any, count: int) -> Likeliest:
    if isinstance(row, float):
        raise EngineError("the library gave log-probabilities of the chosen tokens only")
    pairs = [(int(token), float(found.logprob)) for token, found in row.items()]
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:count])


def _numbers(logits: Any) -> Any:
    """[rows, vocabulary], float32, of a tensor on any device."""
    table = np.asarray(logits.float().cpu().numpy(), np.float32)
    return table.reshape(-1, table.shape[-1])


def _cached(result: Any) -> int:
    return int(getattr(result, "cached_tokens", 0) or 0)


def _statistics(found: Any, count: int) -> Statistics:
    """`found`: a dictionary, or its JSON text."""
    numbers = msgspec.json.decode(found) if isinstance(found, str | bytes) else found
    kv = numbers.get("kvCacheStats") or {}
    return Statistics(
        max_blocks=kv.get("maxNumBlocks", 0),
        used_blocks=kv.get("usedNumBlocks", 0),
        free_blocks=kv.get("freeNumBlocks", 0),
        tokens_per_block=kv.get("tokensPerBlock", 0),
        gpu_bytes=numbers.get("gpuMemUsage", 0),
        iterations=numbers.get("iter", count),
    )


def _line(error: BaseException) -> str:
    """In a line: a library's message may be pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[0] if lines else ""
    return f"{type(error).__name__}: {said[:500]}" if said else type(error).__name__
