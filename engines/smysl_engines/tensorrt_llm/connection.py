"""A worker that has loaded the model, and the messages to and from it.

Knows the order in which the two sides begin, and how the process ends; never a call.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from smysl_engines.base import EngineError
from smysl_engines.tensorrt_llm.artefact import MachineFacts
from smysl_engines.tensorrt_llm.frames import (
    BadFrame,
    Facts,
    Frames,
    FromWorker,
    Load,
    LoadFailed,
    Ready,
    ToWorker,
    encode,
    from_worker,
)
from smysl_engines.tensorrt_llm.process import WorkerProcess

CLOSE_S = 20.0
"""The library's own end may take so long; then the process is killed."""
_READ_BYTES = 1 << 18
Judge = Callable[[MachineFacts], str | None]
"""Why a machine must not load the artefact; None where it may."""


# EngineError
# ├── WorkerDied        the process ended, or hung
# ├── WrongMachine      the artefact is for another machine or version
# └── OutOfMemory       the card has not enough free
class WorkerDied(EngineError):
    """The worker process ended, or hung, while the call ran. The next call starts another."""


class WrongMachine(EngineError):
    """The artefact is for another machine or version; the message says how to rebuild it."""


class OutOfMemory(EngineError):
    """The card has not enough free memory for the model or for keys and values."""


class Connection:
    """Made by `connect`; used on one event loop."""

    def __init__(
        self,
        process: WorkerProcess,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._frames = Frames()
        self._arrived: deque[FromWorker] = deque()
        self._over = "the worker of TensorRT-LLM ended"
        """What `receive` says at the end."""
        self.ready = Ready(end_id=None, context_logits=False)
        """What the worker said when it had loaded the model."""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        """The worker is dead; `receive` says so next, at the latest."""
        if ended := self._process.ended:
            self._reader.feed_eof()
        return ended

    def send(self, message: ToWorker) -> None:
        """To a worker that has ended it goes nowhere: `receive` says so."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def receive(self) -> FromWorker:
        """Raises `WorkerDied` at the end, and for what is no message."""
        while not self._arrived:
            try:
                data = await self._reader.read(_READ_BYTES)
                self._arrived += [from_worker.decode(body) for body in self._frames.feed(data)]
            except ConnectionError:
                data = b""
            except (BadFrame, msgspec.DecodeError) as error:
                raise WorkerDied(
                    f"the worker of TensorRT-LLM said what is no message: {error}"
                ) from None
            if not data:
                raise WorkerDied(self._over)
        return self._arrived.popleft()

    def kill(self, why: str) -> None:
        """The worker hangs; `receive` will find it dead, and say `why`."""
        self._over = why
        self._process.kill()

    def end(self, patience_s: float = CLOSE_S) -> str:
        """Blocks, and uses no thread: at the interpreter's end none can be started. Returns how the
        process ended, for people."""
        # at once: the loop must not look at a file whose number is somebody else's soon
        self._writer.transport.abort()
        return self._process.end(patience_s)

    async def begin(self, load: Load, judge: Judge) -> None:
        """Raises `EngineError`."""
        facts = await self.receive()
        if not isinstance(facts, Facts):
            raise WorkerDied(f"the worker of TensorRT-LLM began with {type(facts).__name__}")
        if reason := judge(facts.machine):
            raise WrongMachine(reason)
        self.send(load)
        match await self.receive():
            case Ready() as ready:
                self.ready = ready
            case LoadFailed(message):
                raise _load_failure(load, message)
            case other:
                raise WorkerDied(
                    f"the worker of TensorRT-LLM said {type(other).__name__} too early"
                )


async def connect(load: Load, judge: Judge, *, python: str | None, start_s: float) -> Connection:
    """Start a worker and have it load the model: minutes for a large one, `start_s` at most.

    Raises `WrongMachine` without loading anything, `OutOfMemory`, else `EngineError`; nothing is left
    running then.
    """
    process = WorkerProcess(python)
    process.socket.setblocking(False)
    connection = Connection(process, *await asyncio.open_connection(sock=process.socket))
    try:
        async with asyncio.timeout(start_s):
            await connection.begin(load, judge)
    except TimeoutError:
        connection.end(0.0)
        raise EngineError(
            f"TensorRT-LLM did not load {load.directory} within {start_s:g} s; the daemon's log shows "
            "how far it came"
        ) from None
    except WorkerDied as error:
        how = connection.end(1.0)
        raise WorkerDied(f"{error} before it had loaded {load.directory} ({how})") from None
    except BaseException:
        connection.end(0.0)
        raise
    return connection


def _load_failure(load: Load, message: str) -> EngineError:
    said = f"TensorRT-LLM cannot load {load.directory}: {message}"
    small = message.lower()
    if "out of memory" in small or "outofmemory" in small or "insufficient" in small:
        return OutOfMemory(
            f"{said}. Free memory on the card (`nvidia-smi` shows who has it), or build with a smaller "
            "--context or --batch"
        )
    return EngineError(said)
