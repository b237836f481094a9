"""Chooses the next token from one row of logits.

Knows arrays and the numbers of a call; never a model, a batch or a clock. Randomness is a function
of (seed, position) alone: Philox, a counter-based generator (Salmon et al., 2011), so a row's
neighbours in the batch cannot change what it draws.
"""

import numpy as np
import numpy.typing as npt

from smysl_engines.base import EngineError, Sampling

Logits = npt.NDArray[np.float32]
"""[vocabulary], float32."""
TokenIds = npt.NDArray[np.int64]
"""In rising order, each once."""
Probabilities = npt.NDArray[np.float64]

BLOCK = 64
"""Random numbers made at once: making a generator costs more than using it."""


class Sampler:
    """One call's way to choose. `allowed` restricts all its tokens to these ids."""

    def __init__(self, sampling: Sampling, allowed: tuple[int, ...] | None = None) -> None:
        self._sampling = sampling
        self._allowed = None if allowed is None else np.unique(np.array(allowed, np.int64))
        self.plain_greedy = sampling.temperature == 0 and allowed is None
        """The choice is the row's argmax, which a batch can take for all rows at once."""
        self._block = -1
        self._uniforms: list[float] = []

    def choose(self, logits: Logits, position: int, allowed: TokenIds | None = None) -> int:
        """The token at `position` of the output (0 is the first), which must be one of `allowed`.
        Raises `EngineError` for logits of NaN.
        """
        if allowed is None:
            allowed = self._allowed
        candidates = logits if allowed is None else logits[allowed]
        require_numbers(candidates)
        if self._sampling.temperature == 0:
            index = int(candidates.argmax())
        else:
            chances = distribution(candidates, self._sampling)
            index = draw(chances, self._uniform(position))
        return index if allowed is None else int(allowed[index])

    def _uniform(self, position: int) -> float:
        block, offset = divmod(position, BLOCK)
        if block != self._block:
            self._block, self._uniforms = block, uniforms(self._sampling.seed, block)
        return self._uniforms[offset]


def require_numbers(logits: Logits) -> None:
    """Raise `EngineError` for a row with a NaN, or without a largest finite value."""
    # one NaN makes the maximum NaN
    if not np.isfinite(logits.max()):
        raise EngineError("the model's output is not a number; rebuild the engine: smysl build")


def distribution(logits: Logits, sampling: Sampling) -> Probabilities:
    """Probability of every token after temperature, then top-k, top-p, min-p; sums to 1.

    Top-p counts within what top-k kept. Tokens as likely as the k-th are all kept.
    """
    chances = logits.astype(np.float64)
    chances -= chances.max()
    with np.errstate(over="ignore"):
        chances /= sampling.temperature
    np.exp(chances, out=chances)
    if 0 < sampling.top_k < len(chances):
        chances[chances < np.partition(chances, -sampling.top_k)[-sampling.top_k]] = 0
    chances /= chances.sum()
    if sampling.top_p < 1:
        _cut_nucleus(chances, sampling.top_p)
        chances /= chances.sum()
    if sampling.min_p > 0:
        chances[chances < sampling.min_p * chances.max()] = 0
        chances /= chances.sum()
    return chances


def _cut_nucleus(chances: Probabilities, top_p: float) -> None:
    """Zero all but the smallest set of likeliest tokens whose probability reaches `top_p`;
    ties by id.
    """
    # all tokens below this together hold less than 1 - top_p, so none of them is in the set
    likely = np.flatnonzero(chances >= (1 - top_p) / len(chances))
    order = likely[np.argsort(-chances[likely], kind="stable")]
    kept = order[: int(np.searchsorted(np.cumsum(chances[order]), top_p)) + 1]
    nucleus = chances[kept]
    chances[:] = 0
    chances[kept] = nucleus


def draw(chances: Probabilities, at: float) -> int:
    """The token whose interval of the cumulated distribution holds `at`, a number in [0, 1)."""
    cumulated = np.cumsum(chances)
    index = int(cumulated.searchsorted(at * cumulated[-1], side="right"))
    if index == len(chances) or chances[index] == 0:
        # rounding carried `at` to the very end, past the last token with any chance
        return int(np.flatnonzero(chances)[-1])
    return index


def uniforms(seed: int, block: int) -> list[float]:
    """`BLOCK` numbers in [0, 1) with 53 random bits each, for positions from block * BLOCK on."""
    # a step of the counter gives four numbers
    counted = np.random.Philox(key=seed, counter=block * BLOCK // 4)
    numbers: list[float] = ((counted.random_raw(BLOCK) >> 11) * 2.0**-53).tolist()
    return numbers


def log_probabilities(logits: Logits) -> Probabilities:
    """Natural logarithm of softmax."""
    shifted = logits.astype(np.float64) - float(logits.max())
    return np.asarray(shifted - np.log(np.exp(shifted).sum()), np.float64)
