"""GPUs as numbers: those that are here and well-known cards that are not.

Knows a card's memory, its bandwidth and which number formats it multiplies; never a driver or a
model. Figures of cards are their makers' data sheets (dense, largest configuration); memory is in
GiB there, whatever the sheet calls it.
"""

import re

import msgspec

from smysl_build_engines.errors import BadRequest

GIB = 1 << 30


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    compute_capability: str | None
    """`12.0` is what compilers call sm_120; None is unknown."""
    memory_bytes: int | None
    free_bytes: int | None = None
    """None for a card that is not here."""
    bandwidth: float | None
    """Peak of its memory in bytes per second, by its clock and bus width or its data sheet."""
    present: bool = True

    @property
    def room_bytes(self) -> int | None:
        return self.memory_bytes if self.free_bytes is None else self.free_bytes

    def line(self) -> str:
        parts = [
            "compute capability unknown"
            if self.compute_capability is None
            else f"compute capability {self.compute_capability} (sm_{self._sm})",
            f"memory {_or_unknown(self.memory_bytes, GIB, 'GiB', 0)}",
        ]
        if self.free_bytes is not None:
            parts[-1] += f", {self.free_bytes / GIB:.1f} GiB free"
        parts.append(f"{_or_unknown(self.bandwidth, 1e9, 'GB/s', 0)} at its peak")
        where = "" if self.present else " (not here)"
        return f"{self.name}{where}: {', '.join(parts)}"

    @property
    def _sm(self) -> str:
        return (self.compute_capability or "").replace(".", "")

    def multiplies(self, precision: str) -> bool | None:
        """Whether its tensor cores multiply this format as it is stored; None is unknown."""
        needed = NATIVE_FROM.get(precision)
        if needed is None or self.compute_capability is None:
            return None
        return _version(self.compute_capability) >= needed


NATIVE_FROM = {"fp16/bf16": (8, 0), "int8": (7, 5), "fp8": (8, 9), "nvfp4": (10, 0)}
"""Least compute capability that multiplies a format (NVIDIA, CUDA programming guide and Blackwell
architecture papers). int4 weights are widened to 16 bits before they are multiplied on every card.
"""


def _card(name: str, capability: str, gib: int, gigabytes_a_second: float) -> Gpu:
    return Gpu(
        name=name,
        compute_capability=capability,
        memory_bytes=gib * GIB,
        bandwidth=gigabytes_a_second * 1e9,
        present=False,
    )


CARDS = {
    "rtx-pro-6000": _card("NVIDIA RTX PRO 6000 Blackwell", "12.0", 96, 1792),
    "rtx-5090": _card("NVIDIA GeForce RTX 5090", "12.0", 32, 1792),
    "rtx-4090": _card("NVIDIA GeForce RTX 4090", "8.9", 24, 1008),
    "rtx-3090": _card("NVIDIA GeForce RTX 3090", "8.6", 24, 936),
    "rtx-6000-ada": _card("NVIDIA RTX 6000 Ada Generation", "8.9", 48, 960),
    "l4": _card("NVIDIA L4", "8.9", 24, 300),
    "l40s": _card("NVIDIA L40S", "8.9", 48, 864),
    "a100": _card("NVIDIA A100 SXM 80 GB", "8.0", 80, 2039),
    "h100": _card("NVIDIA H100 SXM", "9.0", 80, 3350),
    "h200": _card("NVIDIA H200 SXM", "9.0", 141, 4800),
    "b200": _card("NVIDIA B200", "10.0", 180, 8000),
    "gb10": _card("NVIDIA GB10 (DGX Spark)", "12.1", 128, 273),
    "jetson-agx-orin": _card("NVIDIA Jetson AGX Orin 64 GB", "8.7", 64, 204.8),
}


def find_card(name: str) -> Gpu:
    """Raises `BadRequest` with the names that are known."""
    wanted = name.strip().lower().replace(" ", "-").replace("_", "-")
    if (card := CARDS.get(wanted)) is None:
        raise BadRequest(f"no GPU {name!r} is known; use one of {', '.join(CARDS)}")
    return card


def sheet_bandwidth(name: str) -> float | None:
    """Of the card a driver calls so, where its own answer is missing."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    cards = (card for key, card in CARDS.items() if words.issuperset(key.split("-")))
    return next((card.bandwidth for card in cards), None)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _or_unknown(value: float | None, unit: float, name: str, digits: int) -> str:
    return "unknown" if value is None else f"{value / unit:,.{digits}f} {name}"
