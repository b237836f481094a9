"""The NVIDIA GPUs of this machine, asked of the driver's own library (NVML) through ctypes.

Knows NVML's C interface; never CUDA, which would take memory on the card. No driver, no library or
no card is an ordinary answer; a library that is there and fails is a problem with a remedy.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import msgspec

from smysl_build_engines.gpus import Gpu, sheet_bandwidth

LIBRARY = "libnvidia-ml.so.1"
_SUCCESS = 0
_NO_PERMISSION = 4
_DRIVER_NOT_LOADED = 9
_VERSION_MISMATCH = 18
_CLOCK_MEM = 2
_NAME_BYTES = 96
_VERSION_BYTES = 80
_REMEDIES = {
    _NO_PERMISSION: "let this user open /dev/nvidia*",
    _VERSION_MISMATCH: "the driver was updated while it ran: reboot",
}


class Gpus(msgspec.Struct, frozen=True, kw_only=True):
    found: tuple[Gpu, ...] = ()
    driver: str | None = None
    problem: str | None = None
    """Why an installed driver gave no answer, with the remedy."""


class _Memory(ctypes.Structure):
    """nvmlMemory_t"""

    _fields_ = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


class _Failed(Exception):
    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what} failed with NVML error {code}")
        self.code = code


def find_gpus(load: Callable[[str], Any] = ctypes.CDLL) -> Gpus:
    """All of them. Never raises. `load`: opens a shared library by name, `OSError` if there is none."""
    try:
        library = load(LIBRARY)
    except OSError:
        return Gpus()
    try:
        _call(library, "nvmlInit_v2")
    except _Failed as error:
        # containers have the library without the driver
        return Gpus() if error.code == _DRIVER_NOT_LOADED else Gpus(problem=_problem(error))
    try:
        driver = _text(library, "nvmlSystemGetDriverVersion", _VERSION_BYTES)
        count = ctypes.c_uint()
        _call(library, "nvmlDeviceGetCount_v2", ctypes.byref(count))
        found = tuple(_gpu(library, index) for index in range(count.value))
        return Gpus(found=found, driver=driver)
    except _Failed as error:
        return Gpus(problem=_problem(error))
    finally:
        library.nvmlShutdown()


def _gpu(library: Any, index: int) -> Gpu:
    device = ctypes.c_void_p()
    _call(library, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(device))
    name = _text(library, "nvmlDeviceGetName", _NAME_BYTES, device) or "unknown"
    memory = _Memory()
    has_memory = _try(library, "nvmlDeviceGetMemoryInfo", device, ctypes.byref(memory))
    major, minor = ctypes.c_int(), ctypes.c_int()
    has_capability = _try(
        library,
        "nvmlDeviceGetCudaComputeCapability",
        device,
        ctypes.byref(major),
        ctypes.byref(minor),
    )
    return Gpu(
        name=name,
        compute_capability=f"{major.value}.{minor.value}" if has_capability else None,
        memory_bytes=memory.total if has_memory else None,
        free_bytes=memory.free if has_memory else None,
        bandwidth=_bandwidth(library, device) or sheet_bandwidth(name),
    )


def _bandwidth(library: Any, device: ctypes.c_void_p) -> float | None:
    """Two transfers a clock over the whole bus: NVML reports the clock of all kinds of memory so."""
    width, clock = ctypes.c_uint(), ctypes.c_uint()
    if not _try(library, "nvmlDeviceGetMemoryBusWidth", device, ctypes.byref(width)):
        return None
    kind = ctypes.c_uint(_CLOCK_MEM)
    if not _try(library, "nvmlDeviceGetMaxClockInfo", device, kind, ctypes.byref(clock)):
        return None
    return 2 * clock.value * 1e6 * width.value / 8 or None


def _text(library: Any, function: str, size: int, *device: ctypes.c_void_p) -> str | None:
    buffer = ctypes.create_string_buffer(size)
    if not _try(library, function, *device, buffer, ctypes.c_uint(size)):
        return None
    return buffer.value.decode(errors="replace")


def _try(library: Any, function: str, *arguments: Any) -> bool:
    """False for what this card or this version of the library does not tell."""
    try:
        _call(library, function, *arguments)
    except _Failed:
        return False
    return True


def _call(library: Any, function: str, *arguments: Any) -> None:
    try:
        code = getattr(library, function)(*arguments)
    except AttributeError as error:
        raise _Failed(function, -1) from error
    if code != _SUCCESS:
        raise _Failed(function, code)


def _problem(error: _Failed) -> str:
    remedy = _REMEDIES.get(error.code, "look at `nvidia-smi`, and install the driver again")
    return f"{error}; {remedy}"
