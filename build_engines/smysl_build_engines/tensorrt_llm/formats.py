"""How a checkpoint's weights are stored already, and which such formats can become an artefact.

Knows the names that Model Optimizer and others write into a checkpoint; never a weight.
"""

from pathlib import Path
from typing import Any

import msgspec

from smysl_build_engines.errors import BadCheckpoint, BadRequest, UnsupportedModel
from smysl_build_engines.families.fields import read_object
from smysl_build_engines.gpus import Gpu
from smysl_engines.tensorrt_llm.artefact import KvPrecision, Precision

QUANTISED_FILE = "hf_quant_config.json"
"""Where Model Optimizer says what it did."""
_ALGORITHMS: dict[str, Precision] = {"FP8": "fp8", "NVFP4": "nvfp4"}
"""Model Optimizer's names of what this build step takes."""
_REMEDIES = {
    "FP8_BLOCK_SCALES": "FP8 with a scale per block",
    "FP8_PB_WO": "FP8 with a scale per block",
    "FP8_PER_CHANNEL_PER_TOKEN": "FP8 with a scale per row",
    "FP8_PC_PT": "FP8 with a scale per row",
    "W4A16_AWQ": "AWQ",
    "W4A8_AWQ": "AWQ",
    "W4A16_GPTQ": "GPTQ",
    "W8A16_GPTQ": "GPTQ",
}
_BARRED_FROM = "12."
"""Consumer and workstation Blackwell, for which TensorRT-LLM's table of formats says no."""
_ALTERNATIVE = (
    "Give the 16-bit checkpoint: --precision nvfp4 (smallest; adapters merged) or --precision fp8 (one "
    "scale per tensor; adapters at run time)"
)


class Quantised(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint that somebody made smaller before."""

    algorithm: str
    """Model Optimizer's name, `NVFP4`; of other makers their own."""
    kv: str | None = None
    """Of keys and values, likewise; None is 16 bits."""


def read_quantised(folder: Path, config: dict[str, Any]) -> Quantised | None:
    """`config`: the fields of config.json. None for 16-bit weights. Raises `BadCheckpoint`."""
    path = folder / QUANTISED_FILE
    if folder.is_dir() and path.is_file():
        found = read_object(path).get("quantization")
        if not isinstance(found, dict):
            raise BadCheckpoint(f"{path} has no object quantization; export the checkpoint again")
        return _of_optimizer(str(path), found)
    found = config.get("quantization_config")
    if found is None:
        return None
    if not isinstance(found, dict):
        raise BadCheckpoint(f"{folder}: quantization_config is {found!r}; it must be an object")
    method = str(found.get("quant_method", "unknown"))
    if method == "modelopt":
        return _of_optimizer(f"{folder}: quantization_config", found)
    if method == "fp8":
        blocks = bool(found.get("weight_block_size"))
        return Quantised(algorithm="FP8_BLOCK_SCALES" if blocks else "FP8 of another maker")
    return Quantised(algorithm={"awq": "W4A16_AWQ", "gptq": "W4A16_GPTQ"}.get(method, method))


def check_format(source: str, quantised: Quantised, gpu: Gpu) -> Precision:
    """What it becomes. Raises `UnsupportedModel` by the format's name, with the alternative."""
    if quantised.kv not in (None, "FP8"):
        raise UnsupportedModel(
            f"{source} has keys and values in {quantised.kv}, {_why(gpu)}. Quantise it again with keys "
            "and values in FP8 (--kv fp8)."
        )
    if (precision := _ALGORITHMS.get(quantised.algorithm)) is not None:
        return precision
    known = _REMEDIES.get(quantised.algorithm)
    name = quantised.algorithm if known is None else f"{known} ({quantised.algorithm})"
    raise UnsupportedModel(f"{source} is stored as {name}, {_why(gpu)}. {_ALTERNATIVE}.")


def check_card(precision: Precision, gpu: Gpu) -> None:
    """Raises `BadRequest` where the card does not multiply the format."""
    if gpu.multiplies(_CARD_NAMES[precision]) is False:
        other = "bf16" if gpu.multiplies("fp8") is False or precision == "fp8" else "fp8 or bf16"
        raise BadRequest(
            f"{gpu.name} (compute capability {gpu.compute_capability}) does not multiply {precision}; "
            f"ask for --precision {other}"
        )


_CARD_NAMES: dict[Precision, str] = {"bf16": "fp16/bf16", "fp8": "fp8", "nvfp4": "nvfp4"}


def kv_precision(quantised: Quantised | None, precision: Precision) -> KvPrecision:
    """A quantised checkpoint says what its keys and values were fitted to; what is quantised by this
    build gets 8 bits."""
    if quantised is not None:
        return "fp8" if quantised.kv == "FP8" else "bf16"
    return "bf16" if precision == "bf16" else "fp8"


def _of_optimizer(where: str, found: dict[str, Any]) -> Quantised:
    algorithm = found.get("quant_algo")
    if not isinstance(algorithm, str):
        raise BadCheckpoint(f"{where}: quant_algo is {algorithm!r}; it must name a format")
    kv = found.get("kv_cache_quant_algo")
    if kv is None and found.get("kv_cache_scheme"):
        # a newer spelling; Model Optimizer's own exports have eight-bit floats there
        scheme = found["kv_cache_scheme"]
        eight = isinstance(scheme, dict) and scheme.get("num_bits") == 8
        kv = "FP8" if eight and scheme.get("type") == "float" else str(scheme)
    return Quantised(algorithm=algorithm, kv=None if kv is None else str(kv))


def _why(gpu: Gpu) -> str:
    if (gpu.compute_capability or "").startswith(_BARRED_FROM):
        return (
            f"which TensorRT-LLM does not support on {gpu.name} (compute capability "
            f"{gpu.compute_capability})"
        )
    return "which this build step does not compile"
