"""Questions that the model must decline: everything that no family of problems covers.

Knows templates and words; the plan is `outside` and nothing follows it.
"""

from __future__ import annotations

import re
from random import Random

from smysl_forge import lexicon
from smysl_forge import outside_words as words
from smysl_forge.outside_stories import spoilt
from smysl_forge.outside_templates import TEMPLATES, UNANSWERABLE
from smysl_forge.problem import Problem, checked

FILLERS: dict[str, tuple[str, ...] | list[str]] = {
    "country": words.COUNTRIES,
    "city": words.CITIES,
    "person": words.PERSONS,
    "topic": words.TOPICS,
    "thing": words.THINGS,
    "adjective": words.ADJECTIVES,
    "verb": words.VERBS,
    "language": words.LANGUAGES,
    "phrase": words.PHRASES,
    "animal": words.ANIMALS,
    "element": words.ELEMENTS,
    "planet": words.PLANETS,
    "work": words.WORKS,
    "invention": words.INVENTIONS,
    "event": words.EVENTS,
    "sport": words.SPORTS,
    "feeling": words.FEELINGS,
    "symptom": words.SYMPTOMS,
    "code": words.CODE,
    "program": words.PROGRAMS,
    "genre": words.GENRES,
    "food": words.FOODS,
    "name": lexicon.NAMES,
}
HEADS = (
    "Please ",
    "Hi, ",
    "Hello! ",
    "Hey, ",
    "Can you tell me: ",
    "Quick question: ",
    "I wonder: ",
    "Tell me, ",
    "So, ",
    "ok ",
)
TAILS = (
    " Thanks.",
    " Please explain.",
    " Answer briefly.",
    " I need this today.",
    " Be honest.",
    " Just curious.",
    " lol",
    " pls",
)


def outside(rng: Random) -> Problem:
    """One question outside the families."""
    roll = rng.random()
    if roll < 0.10:
        text = jumble(rng)
    elif roll < 0.15:
        text = rng.choice(words.FOREIGN)
    elif roll < 0.28:
        text = fill(rng.choice(UNANSWERABLE), rng, same=True)
    elif roll < 0.60:
        text = spoilt(rng, lexicon.name(rng))
    elif roll < 0.64:
        text = f"{fill(rng.choice(TEMPLATES), rng)} {fill(rng.choice(TEMPLATES), rng)}"
    else:
        text = fill(rng.choice(TEMPLATES), rng)
    if rng.random() < 0.06:
        text = rng.choice(HEADS) + text
    if rng.random() < 0.04:
        text += rng.choice(TAILS)
    if rng.random() < 0.1:
        text = text.rstrip("?.!")
    return checked(Problem("outside", "outside", text, (), ""))


def fill(template: str, rng: Random, same: bool = False) -> str:
    """`template` with `{country}`, `{n}` (a number), `{y}` (a year) and the like filled in.

    With `same`, a word that occurs twice is the same word; `{other}`, `{beast}` and
    `{thing3}` are different ones.
    """
    seen: dict[str, str] = {}

    def one(match: re.Match[str]) -> str:
        kind = match[1]
        if kind == "n":
            return str(rng.randint(2, rng.choice((9, 20, 60, 400))))
        if kind == "y":
            return str(rng.randint(1200, 2030))
        if same and kind in seen:
            return seen[kind]
        for _ in range(20):
            word = (
                plural(rng.choice(words.THINGS))
                if kind in ("thing2", "thing3")
                else _word(kind, rng)
            )
            if not same or word not in seen.values():
                break
        seen[kind] = word
        return word

    return re.sub(r"\{(\w+)\}", one, template)


def _word(kind: str, rng: Random) -> str:
    if kind == "nonsense":
        return lexicon.pseudo(rng)
    return rng.choice(FILLERS[{"other": "name", "beast": "animal"}.get(kind, kind)])


def plural(noun: str) -> str:
    """A regular English plural."""
    if noun.endswith(("ch", "sh", "x", "s")):
        return noun + "es"
    return noun + "s"


def jumble(rng: Random) -> str:
    """Ordinary words, numbers or meaningless letters in no order."""
    kind = rng.randrange(4)
    count = rng.randint(1, 14)
    if kind == 0:
        text = " ".join(rng.choice(words.WORDS) for _ in range(count))
    elif kind == 1:
        text = " ".join(lexicon.pseudo(rng) for _ in range(count))
    elif kind == 2:
        text = (
            "".join(
                rng.choice("abcdefghijklmnopqrstuvwxyz    .,!?-") for _ in range(rng.randint(3, 60))
            ).strip()
            or "hm"
        )
    else:
        pool = (*words.WORDS, *words.THINGS, *words.ADJECTIVES, *words.VERBS, *lexicon.NAMES)
        picked = [
            rng.choice(pool) if rng.random() < 0.85 else str(rng.randint(1, 99))
            for _ in range(count + 1)
        ]
        if all(word.isdigit() for word in picked):
            picked.append("the")
        text = " ".join(picked)
    return text + rng.choice(("", "", "?", ".", "!"))
