"""Decides how many tokens to draft, so that drafting gains much where guesses are right and costs
little where they are not.

Knows counts and measured seconds; never tokens, a model or where drafts come from.
"""

import math
from collections import deque

MOST = 8
"""Tokens drafted at once."""
SHARE = 0.03
"""Of the cost of plain steps that drafts in vain may add."""
BANK = 8
"""Drafts in vain of the dearest size that may be paid from what drafting has saved."""
DECAY = 0.8
"""Weight of all earlier drafts together when one more is counted."""
HOPE = 0.9
"""Rate of right guesses that a trial is made for: texts repeat each other word for word, or not."""
LONGEST_PAUSE = 64
"""Steps between two trials, at most."""
GUESSED_SLOPE = 0.25
"""Cost of a further token in a pass, until it is measured."""
KEPT = 5
"""Measurements of passes of a size: their median counts."""
OLD = 512
"""Passes after which measurements of a size count no more: they may have met a busy machine."""
REFRESH = 16
"""Passes of one token after which they count: looking at each would cost more than it tells."""


class Costs:
    """What a pass of a few tokens over one row takes, as measured."""

    def __init__(self, most: int = MOST) -> None:
        self._sizes = most + 1
        self._seconds: dict[int, deque[float]] = {}
        """By number of tokens."""
        self._seen: dict[int, int] = {}
        self._prepared: set[int] = set()
        self._passes = 0
        self._ratios: list[float] = []

    def observe(self, tokens: int, seconds: float) -> None:
        """A pass of so many tokens took so long. Longer ones than are ever drafted tell nothing, nor
        does the first of a size, which also prepares the next ones."""
        assert tokens >= 1
        if tokens > self._sizes:
            return
        self._passes += 1
        if tokens not in self._prepared:
            self._prepared.add(tokens)
            return
        self._seconds.setdefault(tokens, deque(maxlen=KEPT)).append(seconds)
        self._seen[tokens] = self._passes
        if tokens > 1 or self._passes % REFRESH == 0:
            self._ratios = []

    def ratios(self) -> list[float]:
        """Cost of a pass of 1, 2, 3 ... tokens, in passes of one: sizes not measured lately lie on
        a straight line between, or beyond, those that are."""
        if not self._ratios:
            self._forget()
            one = self._median(1) if 1 in self._seconds else 0.0
            known = [(1, 1.0)]
            if one > 0:
                known += [(n, self._median(n) / one) for n in sorted(self._seconds) if n > 1]
            self._ratios = [_on_a_line(known, size) for size in range(1, self._sizes + 1)]
        return self._ratios

    def best(self) -> float:
        """Most tokens that a pass with a draft can give for its cost, if all of it is right."""
        return max((1 + drafted) / cost for drafted, cost in enumerate(self.ratios()) if drafted)

    def _forget(self) -> None:
        for size in [size for size, seen in self._seen.items() if self._passes - seen > OLD]:
            del self._seconds[size], self._seen[size]

    def _median(self, size: int) -> float:
        return sorted(self._seconds[size])[len(self._seconds[size]) // 2]


def _on_a_line(known: list[tuple[int, float]], size: int) -> float:
    """`known` are sizes in order, 1 first, and their costs."""
    (start, cost) = [pair for pair in known if pair[0] <= size][-1]
    beyond = [pair for pair in known if pair[0] > size]
    if beyond:
        slope = (beyond[0][1] - cost) / (beyond[0][0] - start)
    else:
        slope = (cost - 1) / (start - 1) if start > 1 else GUESSED_SLOPE
    return cost + slope * (size - start)


class Budget:
    """How much an engine's drafts may still lose.

    Costs are in passes of one token. `plain` is what a token costs the call without drafts: 1 where
    it runs alone, less in a batch. Whatever comes, drafts that fail add to the cost of the plain
    tokens at most `share` of it, one draft in vain, and a part of what drafts saved before.
    """

    def __init__(self, costs: Costs, share: float = SHARE) -> None:
        self.costs = costs
        self._share = share
        self._debt = 0.0
        """Lost and not yet made up for; negative: saved."""

    def room(self, plain: float) -> float:
        """What the next draft may lose."""
        return self._dearest(plain) - self._debt

    def note(self, drafted: int, accepted: int, plain: float) -> None:
        """A call got `accepted` + 1 tokens."""
        if drafted:
            self._debt += self.costs.ratios()[drafted] - (1 + accepted) * plain
            self._debt = max(self._debt, -BANK * self._dearest(plain))
        if self._debt > 0:
            self._debt = max(0.0, self._debt - self._share * (1 + accepted) * plain)

    def _dearest(self, plain: float) -> float:
        """Loss by a draft of the dearest size, if nothing of it is right."""
        return max(0.0, max(self.costs.ratios()) - plain)


class Pace:
    """How many tokens to draft for one call: as many as its luck so far makes worth while. After bad
    luck it pauses, longer each time, and tries again."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._right = HOPE
        self._compared = 1.0
        """Guesses that were compared, and how many were right; older ones weigh less."""
        self._trying = False
        """What is known speaks against drafts."""
        self._left = 0
        """Steps until the next trial."""
        self._pause = 1

    @property
    def rate(self) -> float:
        """Of guesses that are right, lately."""
        return self._right / self._compared

    def draft(self, plain: float = 1.0) -> int:
        """How many tokens to draft now, at most; 0 for a plain step. `plain`: see `Budget`."""
        if self._left:
            return 0
        return self._best(HOPE if self._trying else self.rate, plain, self._budget.room(plain))

    def note(self, drafted: int, accepted: int, plain: float = 1.0) -> None:
        """The call got its next tokens: `accepted` that were drafted, and the one after them."""
        assert 0 <= accepted <= drafted
        self._budget.note(drafted, accepted, plain)
        if not drafted:
            self._left = max(0, self._left - 1)
            return
        self._right = DECAY * self._right + accepted
        self._compared = DECAY * self._compared + accepted + (accepted < drafted)
        self._trying = not self._best(self.rate, plain, math.inf)
        if not self._trying:
            self._pause = 1
        else:
            self._left = self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _best(self, rate: float, plain: float, room: float) -> int:
        """The number of guesses that gains most per cost (Leviathan et al., 2023) and cannot lose
        more than there is room for; 0 where none gains."""
        best, most = 0, 1.0
        tokens = chance = 1.0
        for drafted, cost in enumerate(self._budget.costs.ratios()):
            if drafted:
                chance *= rate
                tokens += chance
                gain = tokens * plain / cost
                if gain > most and cost - plain <= room + 1e-9:
                    best, most = drafted, gain
        return best
