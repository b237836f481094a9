"""Puts notes into a question, a person's and what fell from the memory, before the sentence that asks, and says which
number stands where.

Knows text and quantities; never nodes, tokens or models.
"""

from collections.abc import Sequence
from typing import NamedTuple

from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.dialects.native import (
    SLOTS,
    NativeDialect,
    Question,
    asking_first,
    read,
    sentences,
)
from smysl_reasoning.errors import BadRequest
from smysl_reasoning.quantities import find


class Told(NamedTuple):
    """A question with notes in it."""

    question: Question
    order: tuple[int, ...]
    """The slot of each of its quantities: those of the question itself count from 0 up, those of the notes from
    the last slot down, so that a note renumbers nothing."""


def told(dialect: Dialect, question: Question, notes: Sequence[str]) -> Question:
    """The question with notes in it, as a model of the dialect reads it. Raises what `tell` raises."""
    if dialect.name == NativeDialect.name:
        return tell(question, notes).question
    lines = [f"Note: {' '.join(note.split())}" for note in notes]
    return question._replace(text="\n\n".join([question.text, *lines]))


def tell(question: Question, notes: Sequence[str]) -> Told:
    """Raises `BadRequest` when the numbers of question and notes cannot be told apart, and `TooManyQuantities`."""
    own = len(question.quantities)
    if not notes:
        return Told(question, tuple(range(own)))
    parts = sentences(question.text)
    counts = [len(find(part)) for part in parts]
    asking = asking_first(parts)[0] if sum(counts) == own else len(parts)
    if asking == len(parts):
        parts, counts = [question.text], [own]
        asking = 1
    texts = [*parts[:asking], *(_sentence(note) for note in notes), *parts[asking:]]
    before = sum(counts[:asking])
    added = sum(len(find(note)) for note in notes)
    told = read(" ".join(texts))
    if len(told.quantities) != own + added:
        raise BadRequest(
            "the numbers of the note run into those of the question; write the note as a sentence of its own"
        )
    order = [*range(before), *(SLOTS - 1 - i for i in range(added)), *range(before, own)]
    return Told(told, tuple(order))


def _sentence(note: str) -> str:
    text = " ".join(note.split())
    return text if text[-1:] in ".?!" else f"{text}."
