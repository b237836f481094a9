"""An endless stream of training batches, made in a process of its own and never repeated.

Knows families, shares and lengths; nothing of models. The trainer sends shares and graded derivations back.
"""

import contextlib
import multiprocessing as mp
import os
import queue
import sys
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from smysl_forge.drills import drill
from smysl_forge.example import Example
from smysl_forge.examples import Forms, examples
from smysl_forge.families import HELD_OUT, families
from smysl_forge.problem import BadTrace
from smysl_reasoning.dialects.native import SPECIALS, NativeDialect

POOL = 1536
"""Examples gathered before they are sorted by length and cut into batches."""
DRILL_SHARE = 0.08
"""Of what is drawn, this many are drills instead of problems."""
MULTIPLE = 16
"""Lengths are padded to this, so that few different shapes occur."""


class Batch(NamedTuple):
    """Right-padded rows."""

    ids: NDArray[np.int64]
    """[rows, time]"""
    learnt: NDArray[np.bool_]
    """[rows, time]; True where the token is to be predicted."""


class Feedback(NamedTuple):
    """What the trainer learnt about the model."""

    shares: dict[str, float]
    graded: list[Example]


def batches(pool: Sequence[Example], tokens: int, rng: Random) -> Iterator[Batch]:
    """Cut examples into batches of at most `tokens` padded tokens, similar lengths together, in random order."""
    ordered = sorted(pool, key=lambda example: len(example.ids))
    cut: list[list[Example]] = [[]]
    for example in ordered:
        length = -(-len(example.ids) // MULTIPLE) * MULTIPLE
        if cut[-1] and length * (len(cut[-1]) + 1) > tokens:
            cut.append([])
        cut[-1].append(example)
    rng.shuffle(cut)
    return (padded(rows) for rows in cut if rows)


def padded(rows: Sequence[Example]) -> Batch:
    """One batch of rows."""
    length = -(-max(len(row.ids) for row in rows) // MULTIPLE) * MULTIPLE
    ids = np.zeros((len(rows), length), np.int64)
    learnt = np.zeros((len(rows), length), np.bool_)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = row.ids
        learnt[i, : len(row.ids)] = row.learnt
    return Batch(ids, learnt)


class Stream:
    """The maker process and its two queues."""

    def __init__(
        self, tokenizer: Tokenizer, seed: int, tokens: int, longest: int, forms: Forms = "both"
    ) -> None:
        """tokens: per batch; longest: examples beyond it are left out."""
        context = mp.get_context("spawn")
        self.out: Any = context.Queue(maxsize=200)
        self.back: Any = context.Queue()
        arguments = (tokenizer.to_str(), seed, tokens, longest, forms, self.out, self.back)
        self.process = context.Process(target=_make, args=arguments, daemon=True)
        self.process.start()

    def __next__(self) -> Batch:
        batch: Batch = self.out.get(timeout=300)
        return batch

    def __iter__(self) -> Iterator[Batch]:
        return self

    def feed(self, feedback: Feedback) -> None:
        """Change the mix and add graded derivations from the next pool on."""
        self.back.put(feedback)

    def close(self) -> None:
        """End the maker process."""
        self.process.terminate()
        self.process.join(10)


def _make(
    tokenizer: str, seed: int, tokens: int, longest: int, forms: Forms, out: Any, back: Any
) -> None:
    os.nice(2)
    rng = Random(seed)
    dialect = NativeDialect(Tokenizer.from_str(tokenizer))
    words: list[int] = []
    known = families()
    shares = {name: family.share for name, family in known.items()}
    while True:
        pool: list[Example] = []
        with contextlib.suppress(queue.Empty):
            while True:
                feedback = back.get_nowait()
                shares = feedback.shares
                pool += feedback.graded
        names, weights = list(shares), list(shares.values())
        while len(pool) < POOL:
            if len(words) > POOL and rng.random() < DRILL_SHARE:
                pool.append(drill(rng, words))
                continue
            family = known[rng.choices(names, weights)[0]]
            try:
                problem = family.draw(rng.randrange(HELD_OUT))
            except BadTrace:
                continue
            except Exception as error:  # one scene's slip must not end hours of training
                print(f"{family.name}: {error!r}", file=sys.stderr, flush=True)
                continue
            pool += [e for e in examples(dialect, problem, rng, forms) if len(e.ids) <= longest]
        words = [i for e in pool for i in e.ids if i >= len(SPECIALS)]
        for batch in batches(pool, tokens, rng):
            out.put(batch)
