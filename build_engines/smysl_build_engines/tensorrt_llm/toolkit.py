"""The one place that touches TensorRT-LLM: what is installed, and an `LLM` made of plain data.

Knows import paths and which configuration class belongs to which keyword; never a plan. What moved
between versions is looked for at its newest place first. Everything is passed by keyword.
"""

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

import msgspec

from smysl_engines.tensorrt_llm.artefact import Kind

PACKAGE = "tensorrt_llm"
ENGINE_MODULE = "tensorrt_llm._tensorrt_engine"
MODEL_OPTIMIZER = "nvidia-modelopt"


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What the installation can do, found by trying and not by its version."""

    tensorrt_llm: str | None = None
    """Version; None is not installed."""
    tensorrt: str | None = None
    has_engine: bool = False
    """`tensorrt_llm._tensorrt_engine` can be imported and `tensorrt` is installed."""
    has_checkpoint: bool = False
    """`tensorrt_llm.LLM` can be imported."""
    model_optimizer: str | None = None
    """Version; None is not installed."""
    problem: str | None = None
    """Why an installed library cannot be imported."""


class Llm(Protocol):
    """As much of the library's `LLM` as a build uses."""

    def save(self, engine_dir: str) -> None: ...

    def generate(
        self, inputs: Any, sampling_params: Any = None, *, use_tqdm: bool, lora_request: Any = None
    ) -> Any: ...

    def shutdown(self) -> None: ...


class Toolkit(Protocol):
    def probe(self) -> Probe:
        """Never raises."""

    def make_llm(self, kind: Kind, **keywords: Any) -> Llm:
        """`keywords`: of `LLM`, as plain data. Raises whatever the library raises."""

    def sampling(self, **keywords: Any) -> object:
        """A fresh `SamplingParams`: a request changes the one it is given."""

    def lora_request(self, **keywords: Any) -> object: ...


_CLASSES: dict[str, tuple[str, ...]] = {
    "build_config": ("tensorrt_llm.builder:BuildConfig", "tensorrt_llm:BuildConfig"),
    "quant_config": (
        "tensorrt_llm.models.modeling_utils:QuantConfig",
        "tensorrt_llm.llmapi:QuantConfig",
    ),
    "calib_config": ("tensorrt_llm.llmapi.llm_args:CalibConfig", "tensorrt_llm.llmapi:CalibConfig"),
    "kv_cache_config": (
        "tensorrt_llm.llmapi.llm_args:KvCacheConfig",
        "tensorrt_llm.llmapi:KvCacheConfig",
    ),
    "cuda_graph_config": (
        "tensorrt_llm.llmapi.llm_args:DecodeCudaGraphConfig",
        "tensorrt_llm.llmapi.llm_args:CudaGraphConfig",
        "tensorrt_llm.llmapi:CudaGraphConfig",
    ),
    "lora_config": (
        "tensorrt_llm._torch.peft.lora.config:LoraConfig",
        "tensorrt_llm.lora_helper:LoraConfig",
        "tensorrt_llm.lora_manager:LoraConfig",
    ),
}
"""Keyword -> where its class has been, first found first."""
_ENUMS: dict[str, tuple[str, ...]] = {
    "quant_algo": (
        "tensorrt_llm.quantization.mode:QuantAlgo",
        "tensorrt_llm.llmapi:QuantAlgo",
    ),
}
_ENUMS["kv_cache_quant_algo"] = _ENUMS["quant_algo"]
_SAMPLING = ("tensorrt_llm.sampling_params:SamplingParams", "tensorrt_llm:SamplingParams")
_LORA_REQUEST = (
    "tensorrt_llm.executor.request:LoRARequest",
    "tensorrt_llm.llmapi:LoRARequest",
)
_LLM: dict[Kind, tuple[str, ...]] = {
    "engine": (f"{ENGINE_MODULE}:LLM",),
    "checkpoint": ("tensorrt_llm:LLM",),
}


class Installed:
    """The library of this Python. To be used in a process of its own: importing it takes memory on
    the card, and what it starts outlives an error."""

    def probe(self) -> Probe:
        if importlib.util.find_spec(PACKAGE) is None:
            return Probe(model_optimizer=_version(MODEL_OPTIMIZER))
        problem = None
        try:
            importlib.import_module(PACKAGE)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        tensorrt = _version("tensorrt")
        return Probe(
            # as the daemon asks for it, which compares
            tensorrt_llm=_version(PACKAGE) or "unknown",
            tensorrt=tensorrt,
            has_engine=problem is None and tensorrt is not None and _has(_LLM["engine"]),
            has_checkpoint=problem is None and _has(_LLM["checkpoint"]),
            model_optimizer=_version(MODEL_OPTIMIZER),
            problem=problem,
        )

    def make_llm(self, kind: Kind, **keywords: Any) -> Llm:
        made: Llm = _find(_LLM[kind])(**construct(keywords))
        return made

    def sampling(self, **keywords: Any) -> object:
        made: object = _find(_SAMPLING)(**keywords)
        return made

    def lora_request(self, **keywords: Any) -> object:
        made: object = _find(_LORA_REQUEST)(**keywords)
        return made


def construct(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data -> the library's configuration objects, whatever they hold first."""
    return {name: _value(name, value) for name, value in keywords.items()}


def _value(name: str, value: Any) -> Any:
    if name in _CLASSES and isinstance(value, Mapping):
        return _find(_CLASSES[name])(**construct(value))
    if name in _ENUMS and isinstance(value, str):
        return _find(_ENUMS[name])[value]
    return value


def _find(places: Sequence[str]) -> Any:
    """Raises `ImportError` if none of them is there."""
    for place in places:
        module, _, name = place.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"this TensorRT-LLM has none of {', '.join(places)}")


def _has(places: Sequence[str]) -> bool:
    try:
        _find(places)
    except Exception:
        # an import that fails in whatever way is a backend that cannot be used
        return False
    return True


def _version(package: str) -> str | None:
    for name in (package, package.replace("_", "-")):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return None
