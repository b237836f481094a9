"""Drills for two circuits that every derivation needs: copying what came before, and finding what stands by a slot.

Random tokens only, so nothing can be remembered; knows token ids, not words. After induction heads (Olsson et al.,
2022): a small model finds them late on text alone, and until it does it answers by template.
"""

from random import Random

from smysl_forge.examples import Example
from smysl_reasoning.dialects.native import SLOTS, SPECIALS


def drill(rng: Random, vocabulary: int) -> Example:
    """Either of the two."""
    return echo(rng, vocabulary) if rng.random() < 0.35 else lookup(rng, vocabulary)


def echo(rng: Random, vocabulary: int) -> Example:
    """Random tokens, then pieces of them again; each piece is learnt from its second token on."""
    said = _tokens(rng, vocabulary, rng.randint(8, 50))
    ids, learnt = [1, *said], [False] * (1 + len(said))
    for _ in range(rng.randint(2, 4)):
        start = rng.randrange(len(said) - 3)
        piece = said[start : start + rng.randint(3, 8)]
        ids += piece
        learnt += [False] + [True] * (len(piece) - 1)
    return Example(ids, learnt)


def lookup(rng: Random, vocabulary: int) -> Example:
    """Slots with things beside them; then a slot asks for its thing, or a thing for its slot."""
    count = rng.randint(2, 9)
    first = rng.randrange(0, 4)
    slots = [SPECIALS.index(f"<n{(first + i) % SLOTS}>") for i in range(count)]
    things = [_tokens(rng, vocabulary, rng.choice((1, 1, 2, 2, 3))) for _ in range(count)]
    fillers = _tokens(rng, vocabulary, 6)
    ids = [1]
    for slot, thing in zip(slots, things, strict=True):
        ids += [rng.choice(fillers) for _ in range(rng.randint(0, 3))] + [slot, *thing]
    ids += [rng.choice(fillers), SPECIALS.index("<solve>")]
    learnt = [False] * len(ids)
    for i in rng.sample(range(count), rng.randint(1, count)):
        if rng.random() < 0.5:
            ids += [slots[i], *things[i]]
            learnt += [False] + [True] * len(things[i])
        else:
            ids += [*things[i], slots[i]]
            learnt += [False] * len(things[i]) + [True]
        ids.append(SPECIALS.index("<end>"))
        learnt.append(False)
    return Example(ids, learnt)


def _tokens(rng: Random, vocabulary: int, count: int) -> list[int]:
    return [rng.randrange(len(SPECIALS), vocabulary) for _ in range(count)]
