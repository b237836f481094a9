"""The one thread that owns the worker and all calls, waiting and running.

Hands calls over when it is their turn, and brings their tokens to the channels. Where the worker dies,
the calls in it fail and the next one starts another. Knows jobs and messages; never the library, a
manifest or a process.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any

from smysl_engines.base import BadCall, Choice, EngineClosed, EngineError, Finish
from smysl_engines.choice import OptionTree, choose
from smysl_engines.job import Job
from smysl_engines.stream import Channel
from smysl_engines.tensorrt_llm.connection import Connection, WorkerDied
from smysl_engines.tensorrt_llm.frames import (
    Abort,
    Ended,
    FromWorker,
    Generate,
    Ready,
    Refused,
    Score,
    Scored,
    Statistics,
    Tokens,
)
from smysl_engines.tensorrt_llm.output import Output
from smysl_engines.waiting import Waiting

_log = logging.getLogger("smysl.tensorrt_llm")

DRAIN_S = 60.0
"""A request that was given up and does not end for so long means that the worker hangs."""
SILENCE_S = 300.0
"""So does a worker that has requests and says nothing for so long, neither a token nor that the library
computes: the library waits for ever where a process of its own has died."""
_CLOSED = "the engine is closed; open it again"
Connect = Callable[[], Coroutine[Any, Any, Connection]]
Make = Callable[[Job, Ready], Generate | Score]
"""A job's request; may raise `EngineError`."""


class CallChannel(Channel):
    """Says at once that its consumer wants no more."""

    def __init__(self, tell: "Callable[[CallChannel], None]") -> None:
        super().__init__()
        self._tell = tell

    def cancel(self) -> None:
        before = self.cancelled
        super().cancel()
        if self.cancelled and not before:
            self._tell(self)


class _Running:
    """A job that the worker has."""

    def __init__(self, job: Job, end_id: int | None, request: Generate | Score) -> None:
        self.job = job
        self.output = Output(job, end_id)
        self.wanted = request.wanted if isinstance(request, Score) else ()
        self.drain: asyncio.TimerHandle | None = None
        """Runs once the channel has its end and only the worker's answer is waited for."""


class Dispatcher:
    """Any thread may call `open`, `send`, `cancel` and `close`, and read the numbers."""

    def __init__(self, connect: Connect, make: Make, max_batch: int) -> None:
        self._connect = connect
        self._make = make
        self._max_batch = max_batch
        self._waiting = Waiting()
        self._jobs: dict[Channel, Job] = {}
        """Accepted and not yet ended."""
        self._deadlines: dict[Channel, asyncio.TimerHandle] = {}
        self._running: dict[int, _Running] = {}
        """By the job's number."""
        self._numbers = 0
        self._heard_at = 0.0
        """By the loop's clock: when the worker last said something, or was given a request while it had none."""
        self._silence: asyncio.TimerHandle | None = None
        """Looks whether it has been too long; there while the worker has requests."""
        self._connection: Connection | None = None
        self._starting: asyncio.Task[Any] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._closed = False
        self._closing = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.statistics = Statistics()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="smysl-tensorrt-llm", daemon=True)
        self._thread.start()

    def open(self) -> Ready:
        """Start the worker; blocks until it has loaded the model. Raises `EngineError`."""
        try:
            return asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        except CancelledError:
            raise EngineClosed(_CLOSED) from None

    def send(self, job: Job) -> None:
        self._tell(self._add, job)

    def cancel(self, channel: Channel) -> None:
        try:
            self._tell(self._end_early, channel, "cancelled")
        except EngineClosed:
            pass  # every call has ended

    @property
    def pid(self) -> int | None:
        """Of the worker; None where there is none."""
        connection = self._connection
        return None if connection is None else connection.pid

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        """End every call as cancelled, then the worker. Idempotent."""
        with self._closing:
            if not self._thread.is_alive() or threading.current_thread() is self._thread:
                return
            try:
                asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()

    def _tell(self, work: Callable[..., None], *values: object) -> None:
        try:
            self._loop.call_soon_threadsafe(work, *values)
        except RuntimeError as error:
            raise EngineClosed(_CLOSED) from error

    # what follows runs on the dispatcher's own thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    async def _open(self) -> Ready:
        # known to `_close`: what interrupts the one who waits must not leave a worker
        self._starting = asyncio.current_task()
        try:
            connection = await self._connect()
        finally:
            self._starting = None
        self._serve(connection)
        return connection.ready

    async def _close(self) -> None:
        self._closed = True
        for channel in list(self._jobs):
            self._end_early(channel, "cancelled")
        tasks = [task for task in (self._starting, self._serving) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connection, self._connection = self._connection, None
        for running in self._running.values():
            if running.drain is not None:
                running.drain.cancel()
        self._running.clear()
        if self._silence is not None:
            self._silence.cancel()
        if connection is not None:
            connection.end()

    def _add(self, job: Job) -> None:
        if self._closed:
            job.channel.end(EngineClosed(_CLOSED))
            return
        self._numbers += 1
        job.number = self._numbers
        self._jobs[job.channel] = job
        self._waiting.begin(job)
        if job.call.timeout_s is not None:
            self._deadlines[job.channel] = self._loop.call_later(
                job.call.timeout_s, self._end_early, job.channel, "deadline"
            )
        if job.channel.cancelled:
            self._end_early(job.channel, "cancelled")
        self._go_on()

    def _go_on(self) -> None:
        """Hand over what there is room for; start a worker where there is none."""
        if self._connection is None and len(self._waiting) and self._starting is None:
            self._starting = asyncio.create_task(self._restart())
        while self._connection is not None and len(self._waiting):
            if len(self._running) >= self._max_batch or self._connection.ended:
                return
            job = self._waiting.peek()
            self._waiting.remove(job)
            self._begin(job, self._connection)

    def _begin(self, job: Job, connection: Connection) -> None:
        job.admitted_at = time.monotonic()
        if job.matcher is not None and job.matcher.ended:
            # an output that goes on, with nothing left to say
            self._end(job, job.finish("stop", job.admitted_at))
            return
        try:
            request = self._make(job, connection.ready)
        except Exception as error:
            self._end(job, _as_engine_error(error))
            return
        if not self._running:
            self._heard()
        self._running[job.number] = _Running(job, connection.ready.end_id, request)
        self.counts["prompt_tokens"] += len(job.call.prompt)
        self._waiting.serve(job, len(job.call.prompt), 0)
        connection.send(request)

    async def _restart(self) -> None:
        """Calls that wait for a worker fail where none can be started."""
        try:
            connection = await self._connect()
        except Exception as error:
            _log.error("no new worker: %s", error)
            for job in self._waiting.jobs():
                self._waiting.remove(job)
                self._end(job, _as_engine_error(error))
        else:
            _log.info("a new worker of TensorRT-LLM has loaded the model")
            self._serve(connection)
        finally:
            self._starting = None
        self._go_on()

    def _serve(self, connection: Connection) -> None:
        self._connection = connection
        self._serving = asyncio.create_task(self._read(connection))

    async def _read(self, connection: Connection) -> None:
        """Until the worker ends."""
        try:
            while True:
                self._take(await connection.receive())
                self._go_on()
        except Exception as error:
            if not isinstance(error, WorkerDied):
                _log.exception("a message of the worker was not understood")
            self._connection = None
            how = connection.end(1.0)
            _log.error("%s (%s)", error, how)
            died = (
                f"{error} while the call ran ({how}). Ask again: the next call starts another; if it "
                "happens again, the daemon's log shows why"
            )
            for number in list(self._running):
                self._leave(number, WorkerDied(died))
            self._go_on()

    def _heard(self) -> None:
        self._heard_at = self._loop.time()
        if self._silence is None:
            self._silence = self._loop.call_later(SILENCE_S, self._look)

    def _look(self) -> None:
        """Whether the worker has been silent for too long."""
        self._silence = None
        if not self._running or self._connection is None:
            return
        left = self._heard_at + SILENCE_S - self._loop.time()
        if left > 0:
            self._silence = self._loop.call_later(left, self._look)
        else:
            self._connection.kill(
                f"the worker of TensorRT-LLM said nothing for {SILENCE_S:g} s and was killed"
            )

    def _take(self, message: FromWorker) -> None:
        self._heard_at = self._loop.time()
        match message:
            case Tokens():
                self._take_tokens(message)
            case Ended(id=id):
                self._finish(id, message)
            case Scored(id=id):
                self._choose(id, message)
            case Refused(id=id, bad_call=bad, message=text):
                said = f"TensorRT-LLM refused the call: {text}"
                self._leave(id, BadCall(said) if bad else EngineError(said))
            case Statistics():
                self.statistics = message
            case _:
                _log.warning("the worker said %s, out of turn", type(message).__name__)

    def _take_tokens(self, tokens: Tokens) -> None:
        running = self._running.get(tokens.id)
        if running is None or running.drain is not None or running.output.reason is not None:
            return
        job, output = running.job, running.output
        before = job.generated
        job.cached = tokens.cached_tokens
        try:
            output.take(tokens.ids, tokens.logprobs, tokens.top)
        except EngineError as error:
            self._end_running(running, error)
            return
        self._waiting.serve(job, 0, job.generated - before)
        job.deliver(time.monotonic())
        # an end that the library sees as well comes with its answer, and so does what is echoed
        if output.reason is not None and output.ours and not job.call.echo:
            self._end_running(running, job.finish(output.reason, time.monotonic()))

    def _finish(self, id: int, ended: Ended) -> None:
        running = self._running.get(id)
        if running is None or running.drain is not None:
            self._forget(id)
            return
        job = running.job
        job.cached = ended.cached_tokens
        job.prompt_logprobs = list(ended.prompt_logprobs)
        job.prompt_top = list(ended.prompt_top)
        try:
            reason = running.output.end(ended.reason)
        except EngineError as error:
            self._leave(id, error)
            return
        job.deliver(time.monotonic())
        self._leave(id, job.finish(reason, time.monotonic()))

    def _choose(self, id: int, scored: Scored) -> None:
        running = self._running.get(id)
        if running is None or running.drain is not None:
            self._forget(id)
            return
        job = running.job
        assert isinstance(job.call.constraint, Choice)
        tree = OptionTree(job.call.constraint)
        for (path, tokens), values in zip(running.wanted, scored.logprobs, strict=True):
            for token, value in zip(tokens, values, strict=True):
                tree.note(path, token, value)
        found = tree.probabilities()
        chosen = choose(found, job.call.sampling)
        job.cached = scored.cached_tokens
        job.undelivered += tree.options[chosen]
        job.generated = len(job.undelivered)
        if job.call.logprobs:
            job.undelivered_logprobs += tree.logprobs(chosen)
        job.deliver(time.monotonic())
        self._leave(id, job.finish("stop", time.monotonic(), chosen, found))

    def _end_early(self, channel: Channel, reason: str) -> None:
        """A call has run out of time, or nobody wants it."""
        job = self._jobs.get(channel)
        if job is None:
            return
        end = job.finish(reason, time.monotonic())
        if running := self._running.get(job.number):
            self._end_running(running, end)
        else:
            self._waiting.remove(job)
            self._end(job, end)

    def _end_running(self, running: _Running, end: Finish | EngineError) -> None:
        """The consumer has its end at once; the place is free when the worker has drained the request."""
        self._end(running.job, end)
        self._abort(running)

    def _abort(self, running: _Running) -> None:
        number = running.job.number
        if self._connection is not None:
            self._connection.send(Abort(number))
        running.drain = self._loop.call_later(DRAIN_S, self._give_up, number)

    def _give_up(self, number: int) -> None:
        """The worker hangs: its reader will find it dead."""
        if number in self._running and self._connection is not None:
            self._connection.kill(
                f"the worker of TensorRT-LLM did not end a request within {DRAIN_S:g} s and was killed"
            )

    def _leave(self, id: int, end: Finish | EngineError) -> None:
        """The worker has nothing of the request any more."""
        running = self._running.get(id)
        self._forget(id)
        if running is not None:
            self._end(running.job, end)

    def _forget(self, id: int) -> None:
        running = self._running.pop(id, None)
        if running is not None and running.drain is not None:
            running.drain.cancel()

    def _end(self, job: Job, end: Finish | EngineError) -> None:
        """Once per job: a second end is ignored."""
        if self._jobs.pop(job.channel, None) is None:
            return
        if deadline := self._deadlines.pop(job.channel, None):
            deadline.cancel()
        self._waiting.end(job)
        self.counts["failed" if isinstance(end, EngineError) else end.reason] += 1
        self.counts["generated_tokens"] += job.generated
        self.counts["cached_tokens"] += job.cached
        job.channel.end(end)


def _as_engine_error(error: Exception) -> EngineError:
    """What is none is a mistake of ours: the call fails all the same, and the log has where."""
    if isinstance(error, EngineError):
        return error
    _log.error("unexpected failure", exc_info=error)
    return EngineError(f"the engine failed: {error!r}; the daemon's log has the details")
