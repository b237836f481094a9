"""Chooses the next token from one row of logits.

Knows arrays and the numbers of a call; never a model, a batch or a clock. Randomness is a function
of (seed, position) alone: Philox, a counter-based generator (Salmon et al., 2011), so a row's
neighbours in the batch cannot change what it draws.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from smysl_engines.base import EngineError, Likeliest, Sampling

Logits = npt.NDArray[np.float32]
"""[vocabulary], float32."""
TokenIds = npt.NDArray[np.int64]
"""In rising order, each once."""
Probabilities = npt.NDArray[np.float64]

BLOCK = 64
"""Random numbers made at once: making a generator costs more than using it."""
GROUPS = 64
"""Values of one group when looking for the largest: see `kth_largest`."""
LARGE = 2048
"""Tokens from which on a vocabulary's full distribution costs more than the choice."""
_SMALLEST = float(np.finfo(np.float32).tiny)
_LARGEST = float(np.finfo(np.float32).max)


class Sampler:
    """One call's way to choose. `allowed` restricts all its tokens to these ids.

    `prompt` is what the call begins with; `took` must be told every token that follows it.
    """

    def __init__(
        self,
        sampling: Sampling,
        allowed: tuple[int, ...] | None = None,
        prompt: Iterable[int] = (),
    ) -> None:
        self._sampling = sampling
        self._allowed = None if allowed is None else np.unique(np.array(allowed, np.int64))
        self._held = None if sampling.repetition_penalty == 1 else _Held(prompt)
        self._biased = np.array([token for token, _ in sampling.logit_bias], np.int64)
        self._biases = np.array([bias for _, bias in sampling.logit_bias], np.float64)
        self._adjusts = self._held is not None or len(self._biased) > 0
        self.plain_greedy = sampling.temperature == 0 and allowed is None and not self._adjusts
        """The choice is the row's argmax, which a batch can take for all rows at once."""
        self._block = -1
        self._uniforms: list[float] = []

    def took(self, token: int) -> None:
        """The output goes on with a token, chosen here or not. O(1)."""
        if self._held is not None:
            self._held.add(token)

    def choose(self, logits: Logits, position: int, allowed: TokenIds | None = None) -> int:
        """The token at `position` of the output (0 is the first), which must be one of `allowed`.
        Leaves the logits as they are. Raises `EngineError` for logits of NaN, and where no token is
        possible.
        """
        if allowed is None:
            allowed = self._allowed
        candidates = logits if allowed is None else logits[allowed]
        if not len(candidates):
            raise EngineError("no token is possible: the constraint allows none here")
        require_numbers(candidates)
        if self._adjusts:
            row = self._adjusted(logits)
            candidates = row if allowed is None else row[allowed]
            if candidates.max() == -math.inf:
                raise EngineError(
                    f"no token is possible: logit_bias forbids all {len(candidates)} that the "
                    "vocabulary and the constraint leave. Forbid fewer."
                )
        if self._sampling.temperature == 0:
            index = int(candidates.argmax())
        else:
            index = pick(candidates, self._sampling, self._uniform(position))
        return index if allowed is None else int(allowed[index])

    def _adjusted(self, logits: Logits) -> Logits:
        """A copy with the penalty of CTRL (Keskar et al., 2019), each token once however often it
        occurs, and then the biases."""
        row = logits.copy()
        # what goes beyond float32 below is as good as forbidden, above it is the largest there is
        with np.errstate(over="ignore"):
            if self._held is not None:
                ids, penalty = self._held.ids(), self._sampling.repetition_penalty
                found = row[ids].astype(np.float64)
                row[ids] = np.minimum(
                    np.where(found > 0, found / penalty, found * penalty), _LARGEST
                )
            if len(self._biased):
                row[self._biased] = np.minimum(row[self._biased] + self._biases, _LARGEST)
        return row

    def _uniform(self, position: int) -> float:
        block, offset = divmod(position, BLOCK)
        if block != self._block:
            self._block, self._uniforms = block, uniforms(self._sampling.seed, block)
        return self._uniforms[offset]


class _Held:
    """The tokens of a growing text, each once. Counts the text it begins with when first asked: a
    call may wait for long."""

    def __init__(self, text: Iterable[int]) -> None:
        self._text = text
        self._known: set[int] | None = None
        self._ids = np.empty(0, np.int64)

    def add(self, token: int) -> None:
        known = self._count()
        if token not in known:
            if len(known) == len(self._ids):
                self._ids = np.concatenate([self._ids, np.empty(max(64, len(known)), np.int64)])
            self._ids[len(known)] = token
            known.add(token)

    def ids(self) -> TokenIds:
        """In no order; until the next `add`."""
        count = len(self._count())
        return self._ids[:count]

    def _count(self) -> set[int]:
        if self._known is None:
            self._known = set(self._text)
            self._text = ()
            self._ids = np.fromiter(self._known, np.int64, len(self._known))
        return self._known


def require_numbers(logits: Logits) -> None:
    """Raise `EngineError` for a row with a NaN, or without a largest finite value."""
    # one NaN makes the maximum NaN
    if not np.isfinite(logits.max()):
        raise EngineError("the model's output is not a number; rebuild the engine: smysl build")


def pick(logits: Logits, sampling: Sampling, at: float) -> int:
    """`draw` from `distribution`: of a large vocabulary without making all of it."""
    if len(logits) < LARGE:
        return draw(distribution(logits, sampling), at)
    if 0 < sampling.top_k < len(logits):
        ids = np.flatnonzero(logits >= kth_largest(logits, sampling.top_k))
        return int(ids[draw(distribution(logits[ids], sampling), at)])
    # in place and in float32: a new array costs more than what is computed in it
    with np.errstate(over="ignore"):
        odds = logits - logits.max()
        odds /= np.float32(max(sampling.temperature, _SMALLEST))
    np.exp(odds, out=odds)
    if sampling.top_p == 1 and sampling.min_p == 0:
        return _draw_from_many(odds, at)
    total = float(odds.sum())
    least = (1 - sampling.top_p) / len(odds) * total if sampling.top_p < 1 else sampling.min_p
    # a little more than promised: the cut itself is made in float64
    ids = np.flatnonzero(odds >= np.float32(0.999 * least))
    chances = odds[ids].astype(np.float64) / total
    return int(ids[draw(_cut(chances, sampling, len(odds)), at)])


def _draw_from_many(odds: Logits, at: float) -> int:
    """`draw`, summing groups first."""
    width = len(odds) // GROUPS
    edges = np.arange(0, len(odds), width)
    cumulated = np.cumsum(np.add.reduceat(odds, edges), dtype=np.float64)
    wanted = at * cumulated[-1]
    group = min(int(cumulated.searchsorted(wanted, side="right")), len(edges) - 1)
    before = float(cumulated[group - 1]) if group else 0.0
    inner = odds[edges[group] : edges[group] + width].astype(np.float64)
    # the group's own sum may differ from the one above in the last digits
    share = (wanted - before) / (float(cumulated[group]) - before)
    return int(edges[group]) + draw(inner, min(max(share, 0.0), 1.0))


def distribution(logits: Logits, sampling: Sampling) -> Probabilities:
    """Probability of every token after temperature, then top-k, top-p, min-p; sums to 1.

    Top-p counts within what top-k kept. Tokens as likely as the k-th are all kept.
    """
    # in place: a new array of a large vocabulary costs more than what is computed in it
    chances = logits.astype(np.float64)
    chances -= chances.max()
    with np.errstate(over="ignore"):
        chances /= sampling.temperature
    if 0 < sampling.top_k < len(chances):
        chances[chances < kth_largest(chances, sampling.top_k)] = -math.inf
    np.exp(chances, out=chances)
    chances /= chances.sum()
    return _cut(chances, sampling, len(chances))


def _cut(chances: Probabilities, sampling: Sampling, count: int) -> Probabilities:
    """Top-p, then min-p, in place; `count` tokens share the probability of 1, those not given are
    too unlikely to be kept.
    """
    if sampling.top_p < 1:
        _cut_nucleus(chances, sampling.top_p, count)
        chances /= chances.sum()
    if sampling.min_p > 0:
        chances[chances < sampling.min_p * chances.max()] = 0
        chances /= chances.sum()
    return chances


def _cut_nucleus(chances: Probabilities, top_p: float, count: int) -> None:
    """Zero all but the smallest set of likeliest tokens whose probability reaches `top_p`;
    ties by id. `count`: see `_cut`.
    """
    # all tokens below this together hold less than 1 - top_p, so none of them is in the set
    likely = np.flatnonzero(chances >= (1 - top_p) / count)
    found = chances[likely]
    falling = np.sort(found)[::-1]
    kept = min(int(np.searchsorted(np.cumsum(falling), top_p)) + 1, len(falling))
    last = falling[kept - 1]
    above, equal = likely[found > last], likely[found == last]
    nucleus = np.concatenate([above, equal[: kept - len(above)]])
    values = chances[nucleus]
    chances[:] = 0
    chances[nucleus] = values


def draw(chances: Probabilities, at: float) -> int:
    """The token whose interval of the cumulated distribution holds `at`, a number in [0, 1)."""
    possible = chances > 0
    if 2 * np.count_nonzero(possible) < len(chances):
        ids = np.flatnonzero(possible)
        return int(ids[draw(chances[ids], at)])
    cumulated = np.cumsum(chances)
    index = int(cumulated.searchsorted(at * cumulated[-1], side="right"))
    if index == len(chances) or chances[index] == 0:
        # rounding carried `at` to the very end, past the last token with any chance
        return int(np.flatnonzero(possible)[-1])
    return index


def uniforms(seed: int, block: int) -> list[float]:
    """`BLOCK` numbers in [0, 1) with 53 random bits each, for positions from block * BLOCK on."""
    # a step of the counter gives four numbers
    counted = np.random.Philox(key=seed, counter=block * BLOCK // 4)
    numbers: list[float] = ((counted.random_raw(BLOCK) >> 11) * 2.0**-53).tolist()
    return numbers


def log_probabilities(logits: Logits) -> Probabilities:
    """Natural logarithm of softmax. Raises `EngineError` for logits of NaN."""
    require_numbers(logits)
    largest = logits.max()
    with np.errstate(over="ignore"):
        odds = logits - largest
    total = np.exp(odds, out=odds).sum(dtype=np.float64)
    return np.asarray(logits.astype(np.float64) - (float(largest) + math.log(total)), np.float64)


def top(scores: Probabilities, count: int) -> Likeliest:
    """The `count` likeliest tokens with their scores (`log_probabilities`, as a rule), likeliest
    first; ties by lower id. All of them where there are fewer."""
    count = min(count, len(scores))
    if count < 1:
        return ()
    likely = np.flatnonzero(scores >= kth_largest(scores, count))
    likely = likely[np.argsort(-scores[likely], kind="stable")][:count]
    return tuple(zip(likely.tolist(), scores[likely].tolist(), strict=True))


def kth_largest(values: npt.NDArray[Any], k: int) -> float:
    """The k-th of them from above, 1 <= k <= len(values), none NaN. One pass over many values and a
    partition of few: numpy's partition of 150,000 takes 10 ms."""
    width = len(values) // GROUPS
    if k < width:
        # k groups have a maximum of at least this, so k values are
        maxima = values[: width * GROUPS].reshape(GROUPS, width).max(axis=0)
        values = values[values >= np.partition(maxima, width - k)[width - k]]
    return float(np.partition(values, len(values) - k)[len(values) - k])
