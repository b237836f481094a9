"""What an engine and its worker process say to each other, and how that lies on a socket.

msgpack in frames with a length before them; nothing is ever unpickled. Knows plain numbers and texts;
never a call, a library or a process.
"""

import struct
from collections.abc import Iterator

import msgspec

from smysl_engines.base import Likeliest
from smysl_engines.tensorrt_llm.artefact import Kind, MachineFacts

FRAME_BYTES = 256 << 20
"""Most of one frame: an echo may carry 500,000 pairs."""
_HEAD = struct.Struct(">I")


class BadFrame(Exception):
    """What arrived is no message of this version: the two sides are of different installations."""


class Load(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the worker: open the model. Answered with `Ready` or `LoadFailed`."""

    kind: Kind
    directory: str
    options: dict[str, object]
    """The keywords that the artefact was built with, as plain data."""
    vocabulary: int
    context: int
    max_batch: int
    kv_tokens: int | None
    """Most tokens whose keys and values are held; None is the library's share of what is free."""
    adapters: int
    """How many calls may choose from."""
    max_rank: int | None
    modules: tuple[str, ...]
    """That adapters change, by TensorRT-LLM's names."""
    guided: bool
    """Calls may come with a grammar."""


class Generate(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the worker: answered with `Tokens`, then one `Ended` or `Refused`."""

    id: int
    prompt: tuple[int, ...]
    max_tokens: int
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0
    bias: tuple[tuple[int, float], ...] = ()
    allowed: tuple[int, ...] | None = None
    stop: tuple[int, ...] = ()
    grammar: str | None = None
    """EBNF; the model's own end token ends the output then."""
    logprobs: int | None = None
    """So many of the likeliest beside each token; None gives no log-probabilities."""
    echo: int | None = None
    """As `logprobs`, for the prompt."""
    adapter: "Adapter | None" = None
    salt: str | None = None
    shared: int = 0
    """Tokens at the prompt's beginning whose keys and values are to stay longer than others."""


class Score(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """To the worker: log-probabilities of tokens after the prompt and each path. Answered with one
    `Scored` or `Refused`."""

    id: int
    prompt: tuple[int, ...]
    wanted: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    """(path, tokens), the empty path first."""
    adapter: "Adapter | None" = None
    salt: str | None = None
    shared: int = 0


class Adapter(msgspec.Struct, frozen=True):
    name: str
    int_id: int
    path: str


class Abort(msgspec.Struct, frozen=True, tag=True):
    """To the worker: end a request; its answer is not waited for."""

    id: int


class Facts(msgspec.Struct, frozen=True, tag=True):
    """From the worker, first of all."""

    machine: MachineFacts


class Ready(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    end_id: int | None
    """The token that ends a text under a grammar; None without a tokenizer."""
    context_logits: bool
    """A prompt's logits may be asked for."""


class LoadFailed(msgspec.Struct, frozen=True, tag=True):
    message: str


class Tokens(msgspec.Struct, frozen=True, tag=True):
    id: int
    ids: tuple[int, ...]
    cached_tokens: int
    logprobs: tuple[float, ...] = ()
    top: tuple[Likeliest, ...] = ()


class Ended(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    id: int
    reason: str
    """As the library says it: stop, length, timeout, cancelled."""
    cached_tokens: int
    prompt_logprobs: tuple[float, ...] = ()
    prompt_top: tuple[Likeliest, ...] = ()


class Scored(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    id: int
    logprobs: tuple[tuple[float, ...], ...]
    """As `Score.wanted`."""
    cached_tokens: int


class Refused(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A request that cannot run, or whose computation failed."""

    id: int
    bad_call: bool
    """It can never run."""
    message: str


class Statistics(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The library's last iteration."""

    max_blocks: int = 0
    used_blocks: int = 0
    free_blocks: int = 0
    tokens_per_block: int = 0
    gpu_bytes: int = 0
    iterations: int = 0


ToWorker = Load | Generate | Score | Abort
FromWorker = Facts | Ready | LoadFailed | Tokens | Ended | Scored | Refused | Statistics

_encoder = msgspec.msgpack.Encoder()
to_worker = msgspec.msgpack.Decoder(ToWorker)
from_worker = msgspec.msgpack.Decoder(FromWorker)


def encode(message: ToWorker | FromWorker) -> bytes:
    body = _encoder.encode(message)
    return _HEAD.pack(len(body)) + body


class Frames:
    """Bytes as they arrive, to whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Frames that are complete now. Raises `BadFrame` for one over the cap."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (size,) = _HEAD.unpack_from(self._buffer)
            if size > FRAME_BYTES:
                raise BadFrame(f"a frame says that it has {size} bytes; the most is {FRAME_BYTES}")
            if len(self._buffer) < _HEAD.size + size:
                return
            body = bytes(self._buffer[_HEAD.size : _HEAD.size + size])
            del self._buffer[: _HEAD.size + size]
            yield body
