"""What this Python installation and this machine have of TensorRT-LLM.

Knows package metadata and NVML; imports neither the library nor CUDA, which take seconds and memory.
"""

import os
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from smysl_engines.tensorrt_llm.artefact import MachineFacts


def machine_facts() -> MachineFacts:
    """Of the first GPU that CUDA_VISIBLE_DEVICES leaves."""
    gpu, capability = _gpu()
    tensorrt = _version("tensorrt")
    return MachineFacts(
        tensorrt_llm=_version("tensorrt_llm"),
        tensorrt=tensorrt,
        has_engine_backend=tensorrt is not None and _has_engine_backend(),
        gpu=gpu,
        compute_capability=capability,
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _has_engine_backend() -> bool:
    """Looked for beside the package, because asking for a submodule would import it."""
    found = find_spec("tensorrt_llm")
    places = [] if found is None else found.submodule_search_locations or []
    return any(os.path.exists(os.path.join(place, "_tensorrt_engine")) for place in places)


def _gpu() -> tuple[str | None, str | None]:
    """Name and compute capability, as NVML says them."""
    try:
        nvml = import_module("pynvml")  # comes with TensorRT-LLM
    except ImportError:
        return None, None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None, None
    try:
        device = _visible(nvml, os.environ.get("CUDA_VISIBLE_DEVICES", ""))
        name = nvml.nvmlDeviceGetName(device)
        major, minor = nvml.nvmlDeviceGetCudaComputeCapability(device)
    except nvml.NVMLError:
        return None, None
    finally:
        nvml.nvmlShutdown()
    return name.decode() if isinstance(name, bytes) else str(name), f"{major}.{minor}"


def _visible(nvml: Any, visible: str) -> Any:
    """NVML's handle of the first GPU that CUDA sees; NVML itself sees all."""
    first = visible.split(",")[0].strip()
    if first.startswith("GPU-"):
        return nvml.nvmlDeviceGetHandleByUUID(first)
    return nvml.nvmlDeviceGetHandleByIndex(int(first) if first.isdigit() else 0)
