"""The keywords that TensorRT-LLM's `LLM` is given, as plain data.

Knows which keyword belongs to which kind of artefact and which must not be given together; never the
library. Sizes are always said: the library's own are 2,048 sequences and prompts of 1,024 tokens.
"""

from typing import Any

import msgspec

from smysl_build_engines.tensorrt_llm.adapters import modules_of
from smysl_engines.tensorrt_llm.artefact import BoundAdapter, Kind, KvPrecision, Precision

PASS_TOKENS = 8192
"""Most tokens of one forward pass; longer prompts are read in pieces."""
_LEAST_PASS = 2048
_OPTIMISED_BATCH = 8
_ALGORITHMS: dict[Precision, str] = {"fp8": "FP8", "nvfp4": "NVFP4"}
MAX_LOADED = 8
"""Adapters on the card at the same time; the others wait in the machine's memory."""


class Sizes(msgspec.Struct, frozen=True):
    context: int
    """Most tokens of prompt and output together."""
    batch: int

    @property
    def pass_tokens(self) -> int:
        return min(PASS_TOKENS, max(_LEAST_PASS, self.context))


def options(
    kind: Kind,
    sizes: Sizes,
    precision: Precision,
    kv: KvPrecision,
    adapters: tuple[BoundAdapter, ...],
    *,
    calibrate: bool,
) -> dict[str, Any]:
    """`adapters`: chosen call by call. `calibrate`: the build itself fits the scales."""
    limits = {
        "max_batch_size": sizes.batch,
        "max_input_len": sizes.context,
        "max_seq_len": sizes.context,
        "max_num_tokens": sizes.pass_tokens,
    }
    found: dict[str, Any] = {**limits, "enable_chunked_prefill": True}
    lora = _lora(adapters)
    if lora:
        found |= {"enable_lora": True, "lora_config": lora}
    if kind == "checkpoint":
        found["kv_cache_config"] = {"dtype": "fp8" if kv == "fp8" else "auto"}
        found["cuda_graph_config"] = {"max_batch_size": sizes.batch, "enable_padding": True}
        return found
    built: dict[str, Any] = {
        **limits,
        "opt_batch_size": min(_OPTIMISED_BATCH, sizes.batch),
        # log-probabilities of what is generated need them
        "gather_generation_logits": True,
    }
    if lora:
        # the library copies only the rank of its own accord
        built["lora_config"] = {
            name: lora[name] for name in ("max_lora_rank", "lora_target_modules")
        }
    found |= {"dtype": "bfloat16", "build_config": built, "gather_generation_logits": True}
    if precision in _ALGORITHMS:
        found["quant_config"] = {"quant_algo": _ALGORITHMS[precision]}
        if kv == "fp8":
            # kv_cache_config.dtype must stay "auto" here
            found["quant_config"]["kv_cache_quant_algo"] = "FP8"
    if calibrate:
        found["calib_config"] = {"calib_batches": 512, "calib_max_seq_length": 512}
    return found


def _lora(adapters: tuple[BoundAdapter, ...]) -> dict[str, Any]:
    if not adapters:
        return {}
    return {
        "max_lora_rank": max(adapter.rank for adapter in adapters),
        "lora_target_modules": modules_of(adapters),
        "max_loras": min(MAX_LOADED, len(adapters)),
        "max_cpu_loras": len(adapters),
    }
