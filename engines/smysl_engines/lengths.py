"""Puts texts of like length together, so that little is computed for padding.

Knows numbers of tokens; never a token, a model or a queue.
"""

from collections.abc import Sequence


def batches(lengths: Sequence[int], *, most_tokens: int, most_waste: float) -> list[list[int]]:
    """Every index of `lengths` once, in batches from the shortest text to the longest.

    A batch of n texts computes n times its longest. That is at most `most_tokens`, unless one text
    alone takes more, and at most the share `most_waste` of it is padding. A batch ends only where
    one text more would break either limit.
    """
    found: list[list[int]] = []
    held = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[index]
        if found:
            # in ascending order the newest text is the longest
            computed = (len(found[-1]) + 1) * length
            padding = computed - held - length
            if computed <= most_tokens and padding <= most_waste * computed:
                found[-1].append(index)
                held += length
                continue
        found.append([index])
        held = length
    return found
