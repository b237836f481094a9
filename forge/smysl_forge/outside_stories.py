"""Word problems spoilt so that they cannot be answered: a vague number, a lost sentence.

Knows the scene packs by name and how a text is cut into sentences; nothing of training.
"""

from __future__ import annotations

import bisect
import functools
import importlib
import itertools
import re
from random import Random

from smysl_forge.problem import BadTrace, Problem
from smysl_forge.story import Scene, tell
from smysl_reasoning.quantities import Quantity, find

PACKS = (
    "ages",
    "parts",
    "shapes",
    "things",
    "everyday",
    "missing",
    "settings",
    "sharing",
    "comparing",
    "money",
    "rates",
    "percent",
    "daily",
    "forms",
    "sheets",
)
"""Every scene is as likely as another, so most are of the sheets."""
VAGUE = ("some", "some", "several", "a few", "many", "a number of")
STRAY = (
    "What is the favourite colour of {n}?",
    "What is the weather like?",
    "Who is {n}?",
    "Why?",
    "What happened next?",
    "How does {n} feel?",
    "What is the capital of France?",
    "Is that fair?",
    "How tall is {n}?",
    "What is the name of the shop?",
    "What does {n} think about it?",
    "Where does {n} live?",
    "Who is nicer?",
    "What colour are they?",
    "What is the moral of the story?",
    "What did {n} eat for dinner?",
    "Which day is it?",
    "What is the name of the dog?",
    "Can you write a poem about it?",
    "Translate this into French.",
    "Summarize this text.",
    "Is {n} happy?",
    "How many windows does the house have?",
    "How much does {n} weigh?",
    "What is the phone number of {n}?",
    "How many cousins does {n} have?",
    "How many stars are in the sky?",
    "What is the population of the town?",
    "How far is the moon?",
    "What time did {n} get up?",
    "How many words are in this text?",
    "What should {n} do now?",
    "Do you like this story?",
    "Continue the story.",
    "What is the best title for this story?",
    "How long is the river?",
    "How many fish are in the sea?",
    "How old is the captain?",
    "How many teeth does {n} have?",
    "What language does {n} speak?",
    "Who wrote this?",
    "What is the meaning of this?",
    "Explain why.",
    "How many elephants are there?",
    "How many umbrellas does {n} own?",
    "What is the shoe size of {n}?",
    "When is the birthday of {n}?",
    "Which of them is the most beautiful?",
    "How hot was it that day?",
    "What music does {n} like?",
    "What is the temperature outside?",
    "How many trees grow behind the house?",
    "Is this true?",
    "What is the email address of {n}?",
    "Who won?",
)


@functools.cache
def _scenes() -> list[tuple[str, Scene]]:
    return [
        (module, scene)
        for module in PACKS
        for _, scene in importlib.import_module(f"smysl_forge.scenes.{module}").SCENES.values()
    ]


def spoilt(rng: Random, name: str) -> str:
    """A word problem without an answer; `name` is somebody a stray question may ask about."""
    while True:
        module, scene = rng.choice(_scenes())
        try:
            problem = tell(scene, rng, module)
        except BadTrace:
            continue
        change = rng.choices((vague, lost, stray, silent), (0.4, 0.3, 0.2, 0.1))[0]
        text = change(problem, rng, name)
        if text is not None:
            return text


def used(problem: Problem) -> list[Quantity]:
    """The quantities of the question that its derivation needs."""
    needed = {
        int(slot) for thought in problem.thoughts for slot in re.findall(r"\bn(\d+)", thought.text)
    }
    return [quantity for i, quantity in enumerate(find(problem.question)) if i in needed]


def vague(problem: Problem, rng: Random, name: str) -> str | None:
    """`gives 3 apples away` becomes `gives some apples away`."""
    text = problem.question
    plain = [
        q
        for q in used(problem)
        if re.match(r" [a-z]", text[q.end :]) and re.search(r"(^|[a-zA-Z,.] )$", text[: q.start])
    ]
    if not plain:
        return None
    quantity = rng.choice(plain)
    return text[: quantity.start] + rng.choice(VAGUE) + text[quantity.end :]


def sentences(text: str) -> tuple[list[str], int]:
    """The sentences of a text and which of them asks (-1 when that is not clear)."""
    parts = re.split(r"(?<=[.?!])\s+", text.strip())
    asking = [i for i, part in enumerate(parts) if part.endswith("?")]
    return parts, asking[0] if len(asking) == 1 and len(parts) > 1 else -1


def lost(problem: Problem, rng: Random, name: str) -> str | None:
    """A sentence with a needed number is missing."""
    parts, asking = sentences(problem.question)
    ends = list(itertools.accumulate(len(part) + 1 for part in parts))
    bearing = {bisect.bisect_right(ends, quantity.start) for quantity in used(problem)} - {asking}
    if asking < 0 or not bearing:
        return None
    del parts[rng.choice(sorted(bearing))]
    return " ".join(parts)


def stray(problem: Problem, rng: Random, name: str) -> str | None:
    """The numbers do not answer what is asked."""
    parts, asking = sentences(problem.question)
    if asking < 0:
        return None
    parts[asking] = rng.choice(STRAY).replace("{n}", name)
    return " ".join(parts)


def silent(problem: Problem, rng: Random, name: str) -> str | None:
    """Nothing is asked."""
    parts, asking = sentences(problem.question)
    if asking < 0:
        return None
    del parts[asking]
    return " ".join(parts)
