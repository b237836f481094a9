"""Scores the options of a `Choice`: which tokens to feed, and what the options' probabilities are.

Knows token ids and rows of logits; never a model or a row of the batch.
"""

import math
import os
from collections import defaultdict

import msgspec

from smysl_engines.base import Choice, Sampling
from smysl_engines.sampling import Logits, log_probabilities, require_numbers, uniforms

Ids = tuple[int, ...]


class Feed(msgspec.Struct, frozen=True):
    """Keep `kept` tokens after the prompt, then feed `ids` and report the logits after each."""

    kept: int
    ids: Ids


class OptionTree:
    """The options' common tree, and what is known of it: each place is asked for once, however many options
    go through it, and every option gets its whole log-likelihood."""

    def __init__(self, constraint: Choice) -> None:
        self.options = constraint.options
        self.wanted: dict[Ids, set[int]] = defaultdict(set)
        """After each beginning of an option the tokens that an option goes on with; shorter beginnings first."""
        for length in range(max(map(len, self.options))):
            for option in self.options:
                if length < len(option):
                    self.wanted[option[:length]].add(option[length])
        self._found: dict[Ids, float] = {}

    def note(self, beginning: Ids, token: int, logprob: float) -> None:
        self._found[(*beginning, token)] = logprob

    def missing(self, beginning: Ids) -> set[int]:
        return {token for token in self.wanted[beginning] if (*beginning, token) not in self._found}

    def logprobs(self, option: int) -> tuple[float, ...]:
        """Log-probability of each token of an option under the model. All must be known."""
        ids = self.options[option]
        return tuple(self._found[ids[: at + 1]] for at in range(len(ids)))

    def probabilities(self) -> tuple[float, ...]:
        """Softmax over the options' summed log-probabilities; sums to 1. Equal where all are impossible."""
        return _softmax([sum(self.logprobs(option)) for option in range(len(self.options))])


class ChoiceScorer:
    """Walks the options' common tree once.

    Call `note((), logits after the prompt)`, then for every feed in order `note(prefix, logits)`
    for each
    prefix of the path it reaches; then the results are known.
    """

    def __init__(self, constraint: Choice) -> None:
        self.options = constraint.options
        self._tree = OptionTree(constraint)

    def feeds(self) -> list[tuple[Feed, Ids]]:
        """What to run after the prompt, each with the path it completes;
        none if all options are one token.
        """
        paths = sorted({option[:-1] for option in self.options})
        # in sorted order a path that goes on comes right after its own prefix
        longest = [
            path
            for path, following in zip(paths, [*paths[1:], ()], strict=True)
            if following[: len(path)] != path
        ]
        feeds: list[tuple[Feed, Ids]] = []
        before: Ids = ()
        for path in longest:
            kept = len(os.path.commonprefix([before, path]))
            feeds.append((Feed(kept, path[kept:]), path))
            before = path
        return feeds

    def note(self, prefix: Ids, logits: Logits) -> None:
        """`logits` follow the prompt and `prefix`. Raises `EngineError` for logits of NaN."""
        require_numbers(logits)
        scores = log_probabilities(logits)
        for token in self._tree.wanted.get(prefix, ()):
            self._tree.note(prefix, token, float(scores[token]))

    def logprobs(self, option: int) -> tuple[float, ...]:
        """As `OptionTree.logprobs`."""
        return self._tree.logprobs(option)

    def probabilities(self) -> tuple[float, ...]:
        """As `OptionTree.probabilities`."""
        return self._tree.probabilities()


def choose(probabilities: tuple[float, ...], sampling: Sampling) -> int:
    """The likeliest option at temperature 0, else one drawn by probability ** (1 / temperature)."""
    if sampling.temperature == 0:
        return probabilities.index(max(probabilities))
    tempered = _softmax(
        [math.log(p) / sampling.temperature if p > 0 else -math.inf for p in probabilities]
    )
    at = uniforms(sampling.seed, 0)[0]
    for option, probability in enumerate(tempered):
        at -= probability
        if at < 0:
            return option
    return tempered.index(max(tempered))


def _softmax(scores: list[float]) -> tuple[float, ...]:
    top = max(scores)
    if top == -math.inf:
        return (1 / len(scores),) * len(scores)
    odds = [math.exp(score - top) for score in scores]
    total = sum(odds)
    return tuple(odd / total for odd in odds)
