"""Whether a model, its keys and values and the library's own buffers fit on a card, and how fast
tokens can come.

The arithmetic of weights, of a token's reads and of keys and values is that of `fit`; here stands
what TensorRT-LLM adds. Figures of speed are upper bounds by bandwidth. Knows shapes and bytes.
"""

import msgspec

from smysl_build_engines.decoder import Decoder
from smysl_build_engines.fit import GPU_RESERVE_BYTES, GpuPrecision, gpu_need
from smysl_build_engines.gpus import Gpu
from smysl_build_engines.tensorrt_llm.models import Model
from smysl_engines.tensorrt_llm.artefact import KvPrecision, Precision

FREE_FRACTION = 0.9
"""Of what is free once weights and buffers are there, the library's default share for keys and
values."""
_PRECISIONS: dict[Precision, GpuPrecision] = {"bf16": "fp16/bf16", "fp8": "fp8", "nvfp4": "nvfp4"}
_ADAPTER_CACHE_SHARE = 0.02
"""Of the free memory, the library's default for adapters chosen call by call."""


class MemoryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on the card, of one artefact as it is served."""

    weights_bytes: int
    kv_bytes_per_token: int
    kv_bytes: int
    """Of `batch` sequences of `context` tokens."""
    adapter_bytes: int
    """Of all adapters chosen call by call, in 16 bits."""
    workspace_bytes: int
    """Activations of the largest pass and a batch's logits; estimated from the shape."""
    reserve_bytes: int
    """Context of the driver and the library's own; an assumption."""
    needed_bytes: int
    """All of these, keys and values at the share of free memory they may take."""
    room_bytes: int | None
    """None is unknown, and so is what follows from it."""
    fits: bool | None
    longest_context: int | None
    """Of `batch` sequences together, at most the model's own."""
    largest_batch: int | None
    """Of sequences of `context` tokens that are full at the same time."""
    tokens_per_second: float | None
    """At most, of one sequence at its beginning."""
    tokens_per_second_full: float | None
    """At most, of one sequence at the end of its context."""
    batch_tokens_per_second_full: float | None
    """At most, of the whole batch with every context full: weights are read once for all. None also
    for a mixture of experts, where that depends on which are chosen."""

    def lines(self) -> list[str]:
        fits = {True: "fits", False: "does NOT fit", None: "unknown whether it fits"}[self.fits]
        room = "unknown" if self.room_bytes is None else _gigabytes(self.room_bytes)
        parts = [
            f"weights {_gigabytes(self.weights_bytes)}",
            f"keys and values {_gigabytes(self.kv_bytes)}",
            *([f"adapters {_gigabytes(self.adapter_bytes)}"] if self.adapter_bytes else []),
            f"workspace about {_gigabytes(self.workspace_bytes)}",
            f"runtime about {_gigabytes(self.reserve_bytes)}",
        ]
        lines = [
            f"memory       {', '.join(parts)}",
            f"             {fits}: {_gigabytes(self.needed_bytes)} of {room}",
        ]
        if self.longest_context is not None and self.largest_batch is not None:
            lines.append(
                f"             at this batch up to {self.longest_context:,} tokens each; at this "
                f"context up to {self.largest_batch:,} full sequences"
            )
        if self.tokens_per_second is not None:
            whole = ""
            if self.batch_tokens_per_second_full is not None:
                whole = f", {self.batch_tokens_per_second_full:,.0f} the whole batch"
            lines.append(
                f"speed        at most {self.tokens_per_second:,.0f} tokens/s alone "
                f"({self.tokens_per_second_full:,.0f} with a full context){whole}; limits by "
                "bandwidth, not measured"
            )
        return lines


def plan_memory(
    model: Model,
    gpu: Gpu,
    *,
    precision: Precision,
    kv: KvPrecision,
    context: int,
    batch: int,
    pass_tokens: int,
    adapter_bytes: int,
) -> MemoryPlan | None:
    """`pass_tokens`: most tokens of one forward pass. None for a model of unknown shape."""
    if model.held is None or model.read is None:
        return None
    weights = gpu_need(model.held, _PRECISIONS[precision]).weights_bytes
    need = gpu_need(model.read, _PRECISIONS[precision])
    kv_token = need.kv_bytes_per_token // (2 if kv == "fp8" else 1)
    workspace = _workspace(model.read, pass_tokens, batch)
    fixed = weights + adapter_bytes + workspace + GPU_RESERVE_BYTES
    share = FREE_FRACTION - (_ADAPTER_CACHE_SHARE if adapter_bytes else 0)
    kv_bytes = kv_token * context * batch
    needed = fixed + round(kv_bytes / share)
    room = gpu.room_bytes
    pool = None if room is None else max(0, int((room - fixed) * share))
    read, bandwidth = need.read_bytes, gpu.bandwidth
    full = kv_token * context
    return MemoryPlan(
        weights_bytes=weights,
        kv_bytes_per_token=kv_token,
        kv_bytes=kv_bytes,
        adapter_bytes=adapter_bytes,
        workspace_bytes=workspace,
        reserve_bytes=GPU_RESERVE_BYTES,
        needed_bytes=needed,
        room_bytes=room,
        fits=None if room is None else needed <= room,
        longest_context=None
        if pool is None
        else min(model.held.max_position_embeddings, pool // (kv_token * batch)),
        largest_batch=None if pool is None else pool // full,
        tokens_per_second=None if bandwidth is None else bandwidth / read,
        tokens_per_second_full=None if bandwidth is None else bandwidth / (read + full),
        batch_tokens_per_second_full=None
        if bandwidth is None or not model.dense
        else batch * bandwidth / (read + batch * full),
    )


def _workspace(decoder: Decoder, pass_tokens: int, batch: int) -> int:
    """Two residual streams, projections and both halves of the MLP in 16 bits for every token of a
    pass; logits in 32 bits twice, as computed and as sampled from."""
    projections = sum(decoder.widths[part][0] for part in ("q", "k", "v"))
    each = 4 * decoder.hidden_size + projections + 3 * decoder.intermediate_size
    return 2 * pass_tokens * each + 2 * 4 * batch * decoder.vocab_size


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.2f} GB"
