"""How near a memory's words are to those of a question: BM25 over informative words, as a share of what could be.

Pure: words are stems, what they occur in is given. Never a store, a tokenizer or a model.
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

SATURATION = 1.2
"""k1 of BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009)."""
LENGTH_WEIGHT = 0.75
"""b of BM25."""
USUAL_WORDS = 10
"""Informative words of a memory that counts as neither long nor short. A constant instead of the mean, so that a memory
says the same whatever else is kept."""
PRIOR = 100
"""So many memories are taken to be there in which no word occurs: with few, a word that all of them have still tells
something."""
QUESTION_WORDS = 64
"""Most words of a question that are looked for: the rarest."""
SHORTEST_NUMBER = 4
"""Digits of a number that is looked for: 1945 names a year, 12 is a quantity like any other."""

_WORD = re.compile(r"[^\W_]+")
STOP = frozenset(
    """a about above after again all also am an and another any are aren as at be because been before being below
    between both but by can cannot could couldn d did didn do does doesn doing don down during each either else ever
    every few for from further get gets give given gives got had hadn has hasn have haven having he her here hers
    herself him himself his how however i if in into is isn it its itself just ll m many may me might more most much
    must my myself neither no nor not now of off on once one only or other our ours out over own please re s same
    say says she should shouldn so some such t tell than that the their theirs them themselves then there these they
    this those through to together too under until up us ve very was wasn we were weren what when where which while
    who whom whose why will with won would wouldn yes yet you your yours yourself""".split()
)
"""English words that say nothing of what a question is about. Those of other languages weigh little by themselves once
most memories have them."""


def informative(text: str) -> list[str]:
    """The words of a text that are worth looking for, each once, in order, as they are written."""
    folded = unicodedata.normalize("NFC", text).casefold()
    return [word for word in dict.fromkeys(_WORD.findall(folded)) if _tells(word)]


def _tells(word: str) -> bool:
    if word.isdecimal():
        return len(word) >= SHORTEST_NUMBER
    return word not in STOP


def same_words(text: str) -> str:
    """BLAKE2b-128 (hex) of a text without its capitals and line breaks: two of the same say the same."""
    folded = " ".join(unicodedata.normalize("NFC", text).casefold().split())
    return hashlib.blake2b(folded.encode(), digest_size=16).hexdigest()


def rarity(having: int, memories: int) -> float:
    """What a word tells that `having` of `memories` have: Robertson and Spärck Jones's weight, never below 0; 0 for one
    that more than half have."""
    total = memories + PRIOR
    return max(0.0, math.log((total - having + 0.5) / (having + 0.5)))


def coverage(shared: float, possible: float, words: int) -> float:
    """0..1. `shared`: the rarity of the question's words that a memory has; `possible`: of all its words; `words`: how
    many informative words the memory has.

    1 is what a memory of usual length has that holds each of the question's words once.
    """
    if shared <= 0 or possible <= 0:
        return 0.0
    long = 1 - LENGTH_WEIGHT + LENGTH_WEIGHT * words / USUAL_WORDS
    return min(1.0, shared / possible * (SATURATION + 1) / (1 + SATURATION * long))


def nearness(shared: float, possible: float, words: int) -> float:
    """0..1: the coverage squared. One word of three in common is weak evidence and three are strong; otherwise the many
    memories that share a word by chance would outweigh what hangs on the one that shares all."""
    return coverage(shared, possible, words) ** 2


def near(
    weights: Mapping[str, float], postings: Iterable[tuple[str, Sequence[int]]]
) -> dict[int, float]:
    """Memory -> the rarity of what it shares. `weights`: by word; `postings`: which memories have it."""
    shared: dict[int, float] = {}
    for word, memories in postings:
        weight = weights[word]
        for memory in memories:
            shared[memory] = shared.get(memory, 0.0) + weight
    return shared
