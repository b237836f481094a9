"""Rotary positions (Su et al., 2021) and the ways models stretch them to longer contexts.

Knows angles only; which features are turned is the attention's business.
"""

import math

import msgspec
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Frequencies = npt.NDArray[np.float64]


class Rope(msgspec.Struct, frozen=True):
    """Pair i of the first `2 * len(frequencies)` features turns by position * frequencies[i]."""

    frequencies: tuple[float, ...]
    """Radians per position."""
    amplitude: float = 1.0
    """Cosine and sine are multiplied by it."""
    long_frequencies: tuple[float, ...] | None = None
    """Used instead when the context is longer than `short_context`."""
    short_context: int = 0

    @property
    def features(self) -> int:
        return 2 * len(self.frequencies)

    def at(self, context: int) -> "Rope":
        """Choose between short and long frequencies for good.

        A model cannot change in the middle of a text without invalidating its keys, so the
        engine's context decides.
        """
        if self.long_frequencies is None:
            return self
        chosen = self.frequencies if context <= self.short_context else self.long_frequencies
        return Rope(chosen, self.amplitude)


def plain(features: int, theta: float) -> Frequencies:
    return np.asarray(theta ** (-np.arange(0, features, 2, dtype=np.float64) / features))


def linear(frequencies: Frequencies, factor: float) -> Frequencies:
    """Position interpolation (Chen et al., 2023)."""
    return frequencies / factor


def llama3(
    frequencies: Frequencies, factor: float, low: float, high: float, original: int
) -> Frequencies:
    """Llama 3.1: slow turns are stretched by `factor`, fast ones kept, those between blended.

    `low`, `high`: turns within the `original` context that bound the blend.
    """
    turns = original * frequencies / (2 * math.pi)
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return np.asarray(frequencies * (kept + (1 - kept) / factor))


def yarn(
    frequencies: Frequencies,
    theta: float,
    factor: float,
    original: int,
    fast: float,
    slow: float,
    truncate: bool,
) -> Frequencies:
    """YaRN's "NTK by parts" (Peng et al., 2023): the blend runs linearly over the pairs' numbers.

    `fast`, `slow`: turns within the `original` context at which the blend begins and ends.
    """
    features = 2 * len(frequencies)

    def pair_of(turns: float) -> float:
        return features * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

    first, last = pair_of(fast), pair_of(slow)
    if truncate:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, features - 1)
    # equal bounds are a step, not a division by zero
    width = last - first or 0.001
    stretched = np.clip((np.arange(len(frequencies)) - first) / width, 0, 1)
    return np.asarray(frequencies * (1 - stretched + stretched / factor))


def yarn_amplitude(factor: float, weight: float = 1.0) -> float:
    """YaRN's attention temperature, as a factor of cosine and sine."""
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1


def longrope_amplitude(factor: float, original: int) -> float:
    """LongRoPE's (Ding et al., 2024) correction of the attention's entropy."""
    return 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))


def tables(rope: Rope, positions: int) -> tuple[Float32, Float32]:
    """Cosine and sine, [positions, pairs] each."""
    angles = np.arange(positions, dtype=np.float64)[:, None] * np.array(rope.frequencies)
    cos, sin = np.cos(angles) * rope.amplitude, np.sin(angles) * rope.amplitude
    return cos.astype(np.float32), sin.astype(np.float32)
