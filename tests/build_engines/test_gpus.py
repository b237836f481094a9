"""GPUs through NVML's C interface, answered by functions of this test, and cards by name."""

import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from smysl_build_engines.errors import BadRequest
from smysl_build_engines.gpus import CARDS, GIB, find_card, sheet_bandwidth
from smysl_build_engines.nvml import LIBRARY, find_gpus

Int, UInt, Pointer = ctypes.c_int, ctypes.c_uint, ctypes.c_void_p
ADDRESS = 0x1234_5678_9ABC
NOT_SUPPORTED = 3


class FakeLibrary:
    """One card behind real C function pointers, so that arguments cross as they would."""

    def __init__(self, **codes: int) -> None:
        """`codes`: what functions return instead of success, by name."""
        self._codes = codes
        self.shut_down = 0
        self._add("nvmlInit_v2", [], lambda: None)
        self._add("nvmlShutdown", [], self._shutdown)
        text = [ctypes.POINTER(ctypes.c_char), UInt]
        self._add("nvmlSystemGetDriverVersion", text, lambda to, size: _write(to, b"580.65.06"))
        self._add("nvmlDeviceGetCount_v2", [ctypes.POINTER(UInt)], lambda to: _set(to, 1))
        self._add(
            "nvmlDeviceGetHandleByIndex_v2",
            [UInt, ctypes.POINTER(Pointer)],
            lambda index, to: _set(to, ADDRESS + index),
        )
        name = b"NVIDIA RTX PRO 6000 Blackwell Workstation Edition"
        self._add(
            "nvmlDeviceGetName", [Pointer, *text], self._of_card(lambda to, n: _write(to, name))
        )
        self._add("nvmlDeviceGetMemoryInfo", [Pointer, Pointer], self._of_card(_memory))
        self._add(
            "nvmlDeviceGetCudaComputeCapability",
            [Pointer, ctypes.POINTER(Int), ctypes.POINTER(Int)],
            self._of_card(_capability),
        )
        self._add(
            "nvmlDeviceGetMemoryBusWidth",
            [Pointer, ctypes.POINTER(UInt)],
            self._of_card(lambda to: _set(to, 512)),
        )
        self._add(
            "nvmlDeviceGetMaxClockInfo",
            [Pointer, UInt, ctypes.POINTER(UInt)],
            self._of_card(lambda kind, to: _set(to, {2: 14001}[kind])),
        )

    def _add(self, name: str, arguments: list[Any], do: Callable[..., Any]) -> None:
        def function(*given: Any) -> int:
            if (code := self._codes.get(name, 0)) == 0:
                do(*given)
            return code

        setattr(self, name, ctypes.CFUNCTYPE(Int, *arguments)(function))

    def _of_card(self, do: Callable[..., Any]) -> Callable[..., Any]:
        def checked(device: int, *given: Any) -> None:
            assert device == ADDRESS
            do(*given)

        return checked

    def _shutdown(self) -> None:
        self.shut_down += 1


def _set(pointer: Any, value: int) -> None:
    pointer[0] = value


def _write(pointer: Any, text: bytes) -> None:
    for i, byte in enumerate(text + b"\0"):
        pointer[i] = byte


def _memory(address: int) -> None:
    sizes = (ctypes.c_ulonglong * 3).from_address(address)
    sizes[:] = [97887 << 20, 90000 << 20, 7887 << 20]


def _capability(major: Any, minor: Any) -> None:
    _set(major, 12)
    _set(minor, 0)


def loader(library: object) -> Callable[[str], Any]:
    def load(name: str) -> Any:
        assert name == LIBRARY
        return library

    return load


def test_a_card_is_described() -> None:
    library = FakeLibrary()
    gpus = find_gpus(loader(library))
    assert (gpus.driver, gpus.problem) == ("580.65.06", None)
    (gpu,) = gpus.found
    assert gpu.name == "NVIDIA RTX PRO 6000 Blackwell Workstation Edition"
    assert (gpu.compute_capability, gpu.present) == ("12.0", True)
    assert (gpu.memory_bytes, gpu.free_bytes) == (97887 << 20, 90000 << 20)
    assert gpu.bandwidth == pytest.approx(1.792e12, rel=1e-3)
    assert "sm_120" in gpu.line() and "1,792 GB/s" in gpu.line()
    assert library.shut_down == 1


def test_what_a_card_does_not_tell_is_unknown_or_from_its_sheet() -> None:
    library = FakeLibrary(
        nvmlDeviceGetMemoryInfo=NOT_SUPPORTED,
        nvmlDeviceGetCudaComputeCapability=NOT_SUPPORTED,
        nvmlDeviceGetMemoryBusWidth=NOT_SUPPORTED,
        nvmlSystemGetDriverVersion=NOT_SUPPORTED,
    )
    gpus = find_gpus(loader(library))
    (gpu,) = gpus.found
    assert (gpu.memory_bytes, gpu.compute_capability, gpus.driver) == (None, None, None)
    assert gpu.bandwidth == CARDS["rtx-pro-6000"].bandwidth
    assert gpu.multiplies("fp8") is None
    assert "unknown" in gpu.line()


def test_no_library_and_no_driver_are_no_problem() -> None:
    def absent(name: str) -> Any:
        raise OSError(f"{name}: cannot open shared object file")

    assert find_gpus(absent) == find_gpus(loader(FakeLibrary(nvmlInit_v2=9)))
    assert find_gpus(absent).problem is None


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ({"nvmlInit_v2": 18}, "reboot"),
        ({"nvmlInit_v2": 4}, "/dev/nvidia"),
        ({"nvmlInit_v2": 999}, "install the driver again"),
        ({"nvmlDeviceGetCount_v2": 999}, "nvmlDeviceGetCount_v2"),
        ({"nvmlDeviceGetHandleByIndex_v2": 15}, "nvidia-smi"),
    ],
)
def test_a_driver_that_fails_is_a_problem_with_a_remedy(codes: dict[str, int], said: str) -> None:
    library = FakeLibrary(**codes)
    gpus = find_gpus(loader(library))
    assert gpus.found == () and gpus.problem is not None and said in gpus.problem
    assert library.shut_down == (0 if "nvmlInit_v2" in codes else 1)


def test_a_library_without_a_function_is_a_problem_not_a_crash() -> None:
    problem = find_gpus(loader(object())).problem
    assert problem is not None and "nvmlInit_v2" in problem


def test_a_card_is_found_by_its_name_however_it_is_written() -> None:
    card = find_card("RTX Pro 6000")
    assert card == CARDS["rtx-pro-6000"] and not card.present
    assert card.memory_bytes == 96 * GIB and card.bandwidth == pytest.approx(1.79e12, rel=2e-3)
    assert "(not here)" in card.line() and "sm_120" in card.line()
    with pytest.raises(BadRequest, match="'rtx-9999'.*rtx-pro-6000"):
        find_card("rtx-9999")


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA GH200 480GB", None),
        ("Quadro P400", None),
    ],
)
def test_a_drivers_name_means_the_right_sheet(name: str, card: str | None) -> None:
    expected = None if card is None else CARDS[card].bandwidth
    assert sheet_bandwidth(name) == expected


@pytest.mark.parametrize(
    ("card", "precision", "native"),
    [
        ("rtx-pro-6000", "nvfp4", True),
        ("rtx-4090", "nvfp4", False),
        ("rtx-4090", "fp8", True),
        ("a100", "fp8", False),
        ("gb10", "nvfp4", True),
        ("a100", "fp16/bf16", True),
        ("h100", "int4", None),
    ],
)
def test_a_card_multiplies_what_its_generation_can(
    card: str, precision: str, native: bool | None
) -> None:
    assert CARDS[card].multiplies(precision) is native
