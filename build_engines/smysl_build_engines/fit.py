"""Which precisions and contexts of a model fit into which memory, and how fast tokens can come.

Arithmetic over a model's shape: every generated token reads every weight once and the keys and
values of all positions before it, so memory bandwidth bounds tokens per second. Knows shapes and
bytes; never a weight, a file or a runtime. Figures of speed are upper bounds, not measurements.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.errors import UnsupportedModel
from smysl_build_engines.gpus import NATIVE_FROM, Gpu
from smysl_build_engines.hardware import Hardware
from smysl_build_engines.padding import pad_heads
from smysl_build_engines.quantise import Precision
from smysl_build_engines.recipe import HEAD, Recipe, product_shape, products
from smysl_build_engines.tensors import Held

CPU_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8", "int4")
GpuPrecision = Literal["fp32", "fp16/bf16", "fp8", "int8", "int4", "nvfp4"]
GPU_BYTES: dict[GpuPrecision, float] = {
    "fp32": 4,
    "fp16/bf16": 2,
    "fp8": 1,
    "int8": 1 + 2 / 128,
    "int4": 0.5 + 2 / 128,
    "nvfp4": 0.5 + 1 / 16,
}
"""Per weight. int8 and int4 have a 16-bit scale for 128 weights; nvfp4 has one of 8 bits for 16
(NVIDIA, "Introducing NVFP4"). Below 16 bits the embedding and the head keep 16."""
CPU_RESERVE_BYTES = 300_000_000
"""Python, the runtime and activations, beside weights and keys and values; measured with a model of
0.5 B parameters."""
GPU_RESERVE_BYTES = 1_500_000_000
"""Context of the driver, the runtime and activations; an assumption."""
DEFAULT_CONTEXT = 4096


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What one precision of a model takes on one kind of device."""

    weights_bytes: int
    read_bytes: int
    """Of the weights, for each token: a row of the embedding and all of the rest."""
    kv_bytes_per_token: int
    """Keys and values of one position, and its row of the rotary tables where there are some."""


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """One precision on one device."""

    device: str
    precision: str
    weights_bytes: int
    context: int
    kv_bytes: int
    """Of one sequence of `context` tokens."""
    needed_bytes: int
    """Both, and what the runtime itself takes."""
    room_bytes: int | None
    """Memory that is free; None is unknown, and so is what follows from it."""
    fits: bool | None
    longest_context: int | None
    """Of one sequence, at most the model's own; 0 when not even the weights fit."""
    tokens_per_second: float | None
    """At most, of one sequence at its beginning. None where the bandwidth is unknown or bounds
    nothing."""
    tokens_per_second_full: float | None
    """At most, at the end of `context`."""
    note: str = ""


class FitTable(msgspec.Struct, frozen=True, kw_only=True):
    """A model on every device there is or was asked about."""

    model: str
    parameters: int
    context: int
    rows: tuple[Fit, ...]

    def lines(self) -> list[str]:
        """For people."""
        title = (
            f"fit          {self.model}: {_count_words(self.parameters)} parameters, one sequence of "
            f"{self.context} tokens; tokens/s are limits by bandwidth"
        )
        head = ("device", "precision", "weights", "kv", "needed", "room", "fits", "longest context")
        table = [(*head, "tokens/s, start", "full", ""), *(_cells(row) for row in self.rows)]
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        left = (0, 1, len(widths) - 1)
        lines = [
            "  ".join(
                cell.ljust(width) if i in left else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in table
        ]
        return [title, *(f"  {line}".rstrip() for line in lines)]


def fit(
    name: str,
    decoder: Decoder,
    hardware: Hardware,
    cards: Sequence[Gpu] = (),
    context: int | None = None,
) -> FitTable:
    """`cards`: GPUs to answer for beside those of `hardware`. `context`: None is the model's own, at
    most `DEFAULT_CONTEXT`. Raises `UnsupportedModel` for a context the model does not take.
    """
    longest = decoder.max_position_embeddings
    if context is not None and not 0 < context <= longest:
        raise UnsupportedModel(f"the model takes contexts of 1 to {longest}; {context} was asked")
    context = context or min(longest, DEFAULT_CONTEXT)
    rows = [_on_cpu(decoder, hardware, precision, context) for precision in CPU_PRECISIONS]
    for gpu in (*hardware.gpus, *cards):
        rows += [_on_gpu(decoder, gpu, precision, context) for precision in GPU_BYTES]
    parameters = sum(_count(shape) for shape in decoder.shapes().values())
    return FitTable(model=name, parameters=parameters, context=context, rows=tuple(rows))


def cpu_need(decoder: Decoder, precision: Precision) -> Need:
    """As the onnx build stores it: keys and values in float32, a tied head stored twice."""
    recipe = Recipe(precision=precision)
    padded = pad_heads(decoder, Held({})).decoder
    read = 4 * _small(padded)
    for product in products(padded):
        rows, columns = product_shape(product, padded)
        form = recipe.format_of(product, padded)
        read += 4 * rows * columns if form is None else form.bytes_of(rows, columns)
    embedding = (2 if recipe.quantised else 4) * padded.vocab_size * padded.hidden_size
    turns = 4 * sum(2 * len(rope.frequencies) for rope in padded.ropes)
    return Need(
        weights_bytes=read + embedding,
        read_bytes=read,
        kv_bytes_per_token=4 * _kv(padded) + turns,
    )


def gpu_need(decoder: Decoder, precision: GpuPrecision) -> Need:
    """As engines of GPUs store it: keys and values in 16 bits (32 of an fp32 engine), a tied head
    once."""
    each = GPU_BYTES[precision]
    wide = max(2.0, each)
    linear = sum(
        _count(product_shape(product, decoder)) for product in products(decoder) if product != HEAD
    )
    table = wide * decoder.vocab_size * decoder.hidden_size
    read = each * linear + wide * _small(decoder) + table
    return Need(
        weights_bytes=round(read + (0 if decoder.tie_word_embeddings else table)),
        read_bytes=round(read),
        kv_bytes_per_token=round(wide * _kv(decoder)),
    )


def _on_cpu(decoder: Decoder, hardware: Hardware, precision: Precision, context: int) -> Fit:
    need = cpu_need(decoder, precision)
    # what lies in the cache is not read from memory at all
    cached = need.read_bytes <= (hardware.cpu.cache_bytes or 0)
    return _fit(
        "CPU",
        precision,
        need,
        decoder.max_position_embeddings,
        context,
        reserve=CPU_RESERVE_BYTES,
        room=hardware.memory.available_bytes,
        bandwidth=None if cached else hardware.memory.bandwidth,
        note="all weights fit into the cache: memory bounds nothing" if cached else "",
    )


def _on_gpu(decoder: Decoder, gpu: Gpu, precision: GpuPrecision, context: int) -> Fit:
    note = ""
    if gpu.multiplies(precision) is False:
        major, minor = NATIVE_FROM[precision]
        note = f"widened: {precision} is multiplied from sm_{major}{minor} on"
    return _fit(
        gpu.name,
        precision,
        gpu_need(decoder, precision),
        decoder.max_position_embeddings,
        context,
        reserve=GPU_RESERVE_BYTES,
        room=gpu.room_bytes,
        bandwidth=gpu.bandwidth,
        note=note,
    )


def _fit(
    device: str,
    precision: str,
    need: Need,
    most: int,
    context: int,
    *,
    reserve: int,
    room: int | None,
    bandwidth: float | None,
    note: str = "",
) -> Fit:
    kv = need.kv_bytes_per_token * context
    needed = need.weights_bytes + kv + reserve
    longest = None
    if room is not None:
        left = room - need.weights_bytes - reserve
        longest = min(most, max(0, left // need.kv_bytes_per_token))
    return Fit(
        device=device,
        precision=precision,
        weights_bytes=need.weights_bytes,
        context=context,
        kv_bytes=kv,
        needed_bytes=needed,
        room_bytes=room,
        fits=None if room is None else needed <= room,
        longest_context=longest,
        tokens_per_second=None if bandwidth is None else bandwidth / need.read_bytes,
        tokens_per_second_full=None if bandwidth is None else bandwidth / (need.read_bytes + kv),
        note=note,
    )


def _kv(decoder: Decoder) -> int:
    """Numbers kept of one position."""
    return 2 * len(decoder.layers) * decoder.num_key_value_heads * decoder.head_dim


def _small(decoder: Decoder) -> int:
    """Parameters of norms and biases."""
    return sum(shape[0] for shape in decoder.shapes().values() if len(shape) == 1)


def _count(shape: tuple[int, ...]) -> int:
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def _cells(row: Fit) -> tuple[str, ...]:
    return (
        row.device,
        row.precision,
        _size(row.weights_bytes),
        _size(row.kv_bytes),
        _size(row.needed_bytes),
        _size(row.room_bytes),
        {True: "yes", False: "no", None: "unknown"}[row.fits],
        "unknown" if row.longest_context is None else f"{row.longest_context:,}",
        _rate(row.tokens_per_second),
        _rate(row.tokens_per_second_full),
        row.note,
    )


def _size(size: int | None) -> str:
    if size is None:
        return "unknown"
    return f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _count_words(count: int) -> str:
    return f"{count / 1e9:.2f} B" if count >= 1e9 else f"{count / 1e6:.2f} M"


def _rate(rate: float | None) -> str:
    if rate is None:
        return "unknown"
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"
