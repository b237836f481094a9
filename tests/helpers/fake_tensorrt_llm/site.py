"""Makes the folder in which a Python finds the fake as `tensorrt_llm`, with the packages' metadata and
a graphics card that is not there.

Knows files; the classes are made when they are imported.
"""

from collections import defaultdict
from pathlib import Path

from fake_tensorrt_llm.contract import CONTRACT_VARIABLE, load

HELPERS = Path(__file__).parents[1]
GPU = "NVIDIA RTX PRO 6000 Blackwell Workstation Edition"
CAPABILITY = (12, 0)
_PUBLIC = {
    "tensorrt_llm": ("SamplingParams",),
    "tensorrt_llm.llmapi": (
        "SamplingParams GuidedDecodingParams LoRARequest KvCacheConfig KvCacheRetentionConfig"
    ).split(),
}
"""Also found here."""


def write_site(folder: Path, contract: str, **environment: str) -> dict[str, str]:
    """The variables for a Python that is to find it. `environment`: more of them."""
    known = load(contract)
    modules: dict[str, list[str]] = defaultdict(list)
    places: dict[str, str] = {}
    for name in known.signatures:
        module, _, short = name.rpartition(".")
        if short[0].islower() or short.startswith("__"):
            module, _, short = module.rpartition(".")
        if short in ("LLM", "RequestOutput", "CompletionOutput") or short in places:
            continue
        places[short] = module
        if short == "KvCacheRetentionConfig":
            line = "from fake_tensorrt_llm.classes import KvCacheRetentionConfig"
        else:
            line = f"{short} = made({module + '.' + short!r})"
        modules[module].append(line)
    modules["tensorrt_llm"].append(f"__version__ = {known.contract.version!r}")
    modules["tensorrt_llm"].append("from fake_tensorrt_llm.llm import CheckpointLlm as LLM")
    modules["tensorrt_llm.llmapi"].append("from fake_tensorrt_llm.llm import CheckpointLlm as LLM")
    if known.contract.engine_backend:
        line = "from fake_tensorrt_llm.llm import EngineLlm as LLM"
        modules["tensorrt_llm._tensorrt_engine"].append(line)
    for module, shorts in _PUBLIC.items():
        for short in shorts:
            modules[module].append(f"from {places[short]} import {short}")
    for module, lines in modules.items():
        _write_module(folder, module, lines)
    _write_metadata(folder, "tensorrt_llm", known.contract.version)
    if known.contract.tensorrt is not None:
        _write_metadata(folder, "tensorrt", known.contract.tensorrt)
    (folder / "pynvml.py").write_text(_NVML.format(name=GPU, capability=CAPABILITY))
    path = f"{folder}:{HELPERS}"
    return {"PYTHONPATH": path, CONTRACT_VARIABLE: contract, **environment}


def _write_module(folder: Path, module: str, lines: list[str]) -> None:
    place = folder
    for part in module.split("."):
        place /= part
        place.mkdir(parents=True, exist_ok=True)
        (place / "__init__.py").touch()
    head = "from fake_tensorrt_llm.classes import made\n"
    (place / "__init__.py").write_text(head + "\n".join(lines) + "\n")


def _write_metadata(folder: Path, package: str, version: str) -> None:
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    (info / "METADATA").write_text(text)


_NVML = """
class NVMLError(Exception):
    pass


def nvmlInit():
    pass


def nvmlShutdown():
    pass


def nvmlDeviceGetHandleByIndex(index):
    if index:
        raise NVMLError("no such device")
    return index


def nvmlDeviceGetName(device):
    return {name!r}


def nvmlDeviceGetCudaComputeCapability(device):
    return {capability}
"""
