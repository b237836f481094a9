"""Drills for what every derivation needs: copying what came before, and finding what stands by a slot.

Random combinations, so nothing can be remembered; knows token ids, not words. After induction heads (Olsson et
al., 2022): a small model finds them late on answers alone, and until it does it answers by template.
"""

from collections.abc import Sequence
from random import Random

from smysl_forge.example import Example
from smysl_reasoning.dialects.native import SLOTS, SPECIALS


def drill(rng: Random, vocabulary: Sequence[int]) -> Example:
    """Slots with things beside them; then a slot asks for its thing, or a thing for its slot.

    vocabulary: word tokens as often as they occur in questions, so that frequent words are drilled most.
    """
    count = rng.choice((2, 2, 3, 3, 4, 5, 6))
    gap = rng.choice((0, 0, 1, 3))
    first = rng.randrange(0, 4)
    slots = [SPECIALS.index(f"<n{(first + i) % SLOTS}>") for i in range(count)]
    words = _different(rng, vocabulary, 2 * count + 4)
    things = [words[2 * i : 2 * i + rng.choice((1, 1, 1, 2))] for i in range(count)]
    fillers = words[2 * count :]
    ids = [SPECIALS.index("<bos>")]
    for slot, thing in zip(slots, things, strict=True):
        ids += [rng.choice(fillers) for _ in range(rng.randint(0, gap))] + [slot, *thing]
    ids += [rng.choice(fillers), SPECIALS.index("<solve>")]
    learnt = [False] * len(ids)
    for i in rng.sample([*range(count), *range(count)], 2 * count):
        if rng.random() < 0.5:
            ids += [slots[i], *things[i]]
            learnt += [False] + [True] * len(things[i])
        else:
            ids += [*things[i], slots[i]]
            learnt += [False] * len(things[i]) + [True]
        ids.append(SPECIALS.index("<end>"))
        learnt.append(False)
    return Example(ids, learnt)


def repeats(ids: Sequence[int]) -> list[bool]:
    """Where a token follows the same token as it did before in `ids`: what an induction head can know."""
    seen: set[tuple[int, int]] = set()
    found = [False] * len(ids)
    for i in range(1, len(ids)):
        pair = (ids[i - 1], ids[i])
        found[i] = pair in seen and ids[i] >= len(SPECIALS)
        seen.add(pair)
    return found


def _different(rng: Random, vocabulary: Sequence[int], count: int) -> list[int]:
    found: dict[int, None] = {}
    while len(found) < count:
        found[rng.choice(vocabulary)] = None
    return list(found)
