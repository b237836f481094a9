"""Guesses how a text goes on from where its last words stood before (prompt lookup; Saxena, 2023).

Knows token ids; never a model, a call or whether a guess was right.
"""

from collections.abc import Sequence

import numpy as np

GAP = 2**31 - 1
"""Between texts that do not follow each other; no token."""


class Drafts:
    """Guesses for one growing text. `lookup` is another that it may repeat.

    Of the ends of the text, `longest` tokens to `shortest`, the longest that stood somewhere before
    counts, where it stood last; what followed there is the guess. Making it takes some 0.5 ms per
    1,000 tokens.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        lookup: Sequence[int] = (),
        *,
        longest: int = 4,
        shortest: int = 2,
    ) -> None:
        assert 2 <= shortest <= longest
        self._longest = longest
        self._shortest = shortest
        self._tokens = [*lookup, GAP, *prompt] if lookup else list(prompt)
        self._given = [(len(self._tokens) - len(prompt), _Given(prompt, longest))]
        if lookup:
            self._given.append((0, _Given(lookup, longest)))
        self._since: dict[tuple[int, ...], int] = {}
        """Where what follows each n-gram stands, for those that end after the given text."""

    def append(self, token: int) -> None:
        """The text goes on. O(1)."""
        at = len(self._tokens)
        # only now that something follows it may the end of the text be found
        for size in range(self._shortest, min(self._longest, at) + 1):
            self._since[tuple(self._tokens[-size:])] = at
        self._tokens.append(token)

    def propose(self, count: int) -> list[int]:
        """Up to `count` tokens that may follow; none where the end of the text is new."""
        for size in range(min(self._longest, len(self._tokens)), self._shortest - 1, -1):
            if (at := self._find(self._tokens[-size:])) is not None:
                return self._following(at, count)
        return []

    def _find(self, end: list[int]) -> int | None:
        if (at := self._since.get(tuple(end))) is not None:
            return at
        for start, given in self._given:
            if (at := given.find(end)) is not None:
                return start + at
        return None

    def _following(self, at: int, count: int) -> list[int]:
        draft = self._tokens[at : at + count]
        if GAP in draft:
            return draft[: draft.index(GAP)]
        # an end that stood just before repeats itself
        period = len(self._tokens) - at
        while len(draft) < count:
            draft.append(draft[-period])
        return draft


class _Given:
    """Where each n-gram of a fixed text stood last. Sorted arrays: as dictionaries those of a long
    text would take ten times the memory and time."""

    def __init__(self, text: Sequence[int], longest: int) -> None:
        tokens = np.array(text, np.int64)
        ranks = tokens
        self._keys = []
        self._after = []
        for size in range(2, longest + 1):
            # n-grams that something follows, last first: unique tells where it met each first
            count = max(0, len(tokens) - size)
            keys = (ranks[:count] << 32 | tokens[size - 1 : size - 1 + count])[::-1]
            known, met, numbers = np.unique(keys, return_index=True, return_inverse=True)
            self._keys.append(known)
            self._after.append(count - 1 - met + size)
            ranks = numbers[::-1]

    def find(self, gram: Sequence[int]) -> int | None:
        """Where what follows the last one stands, of two or more tokens."""
        rank = gram[0]
        for keys, token in zip(self._keys, gram[1:], strict=False):
            key = np.int64(rank << 32 | token)
            rank = int(keys.searchsorted(key))
            if rank == len(keys) or keys[rank] != key:
                return None
        return int(self._after[len(gram) - 2][rank])
