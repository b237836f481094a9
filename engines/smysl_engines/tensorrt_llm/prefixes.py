"""Finds out which beginnings of prompts several calls have in common.

Knows token ids; never a call's purpose or a cache.
"""

from collections import deque

Ids = tuple[int, ...]

REMEMBERED = 64
"""Prompts that a new one is compared with."""
LEAST_TOKENS = 32
"""A shorter beginning is less than one block of keys and values."""


class SharedPrefixes:
    """Prompts of late, with the adapter that they were computed under."""

    def __init__(self) -> None:
        self._recent: deque[tuple[str | None, Ids]] = deque(maxlen=REMEMBERED)

    def note(self, prompt: Ids, adapter: str | None) -> int:
        """Length of the longest beginning that the prompt shares with an earlier one under the same
        adapter; 0 if it is not worth keeping. Remembers the prompt."""
        longest = max(
            (common(prompt, other) for known, other in self._recent if known == adapter), default=0
        )
        if (adapter, prompt) not in self._recent:
            self._recent.append((adapter, prompt))
        return longest if longest >= LEAST_TOKENS else 0


def common(a: Ids, b: Ids) -> int:
    """Length of the common beginning, by halving: slices compare much faster than a loop."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
