"""Scenes about ages as puzzles and in a few words: half my age then, twice as old some day.

Knows people and years; no other quantity.
"""

from __future__ import annotations

from smysl_forge.lexicon import names
from smysl_forge.scenes.arithmetic import digits
from smysl_forge.scenes.older import people, sensible
from smysl_forge.story import Scene, Story

KIN = "brother|sister|cousin|friend|younger brother|little sister|nephew|niece|neighbour".split("|")
PARENTS = (
    ("A father", "his son"), ("A mother", "her daughter"), ("A father", "his daughter"),
    ("A mother", "her son"), ("A grandfather", "his grandson"), ("A teacher", "her student"),
    ("An uncle", "his nephew"), ("An aunt", "her niece"), ("My dad", "my brother"),
)  # fmt: skip


def half_then(s: Story) -> None:
    """When I was 8, my sister was half my age."""
    then, now = s.number(4, 30, 2), s.number(10, 90)
    s.require(now.value > then.value)
    relative = s.rng.choice(KIN)
    me = s.rng.random() < 0.6
    (name,) = names(s.rng, 1)
    who, am, owner = ("I", "am", "my") if me else (name, "is", f"{name}'s")
    twice = s.rng.random() < 0.25
    size = "twice" if twice else s.pick("half", "half of")
    theirs = owner if me else s.pick(owner, "that")
    age = "that age" if theirs == "that" else f"{theirs} age"
    s.say(
        f"When {who} was {{n}}, {owner} {relative} was {size} {age}.",
        f"When {who} was {{n}} years old, {owner} {relative} was {size} {age}.",
        f"{owner} {relative} was {size} {age} when {who} was {{n}}.",
        n=then,
    )
    s.say(
        f"Now {who} {am} {{n}}.",
        f"{who} {am} {{n}} now.",
        f"Now {who} {am} {{n}} years old.",
        n=now,
    )
    other = s.step(then * 2 if twice else then / 2)
    gap = s.step(other - then if twice else then - other)
    answer = s.step(now + gap if twice else now - gap)
    s.ask(
        f"How old is {owner} {relative}?",
        f"How old is {owner} {relative} now?",
        f"What is the age of {owner} {relative} now?",
        answer=answer,
    )


def until_twice(s: Story) -> None:
    """In how many years will the father be twice as old as his son?"""
    older, younger = s.rng.choice(PARENTS)
    first, second = s.number(20, 90), s.number(2, 40)
    s.require(first.value > 2 * second.value)
    years = s.step(first - s.step(second * 2))
    s.say(
        "{p} is {a} years old and {q} is {b}.",
        "{p} is {a} and {q} is {b} years old.",
        "{p} is {a} years old. {r} is {b}.",
        p=older,
        q=younger,
        r=younger.capitalize(),
        a=first,
        b=second,
    )
    old = older.split(" ", 1)[1]
    the = f"the {old}" if not older.startswith("My") else f"my {old}"
    s.ask(
        "In how many years will {t} be twice as old as {q}?",
        "After how many years will {t} be twice as old as {q}?",
        "How many years from now will {t} be exactly twice as old as {q}?",
        "When will {t} be twice the age of {q}, in years from now?",
        answer=years,
        t=the,
        q=younger,
    )


def brief(s: Story) -> None:
    """Ages in a few words, as one types in a hurry."""
    a, b = people(s, 2)
    s.require(a.who != "I" and b.who != "I")
    age, years = s.number(5, 60), s.number(2, 30)
    words: dict[str, object] = {"a": a.who, "b": b.who, "n": digits(age), "k": digits(years)}
    kind = s.rng.randrange(6)
    forms: tuple[str, ...]
    if kind == 0:
        answer = s.step(age + years)
        forms = (
            "{a} {n}, {b} {k} years older, age of {b}?",
            "{a} is {n}, {b} is {k} years older. Age of {b}?",
            "{a} is {n} and {b} is {k} years older, how old is {b}?",
            "if {a} is {n} and {b} is {k} years older how old is {b}",
            "{a}: {n}. {b}: {k} years older. How old is {b}?",
        )
    elif kind == 1:
        answer = s.step(age - years)
        forms = (
            "{a} {n}, {b} {k} years younger, age of {b}?",
            "{a} is {n} and {b} is {k} years younger, how old is {b}?",
            "if {a} is {n} and {b} is {k} years younger how old is {b}",
            "{a} is {n}, {k} years older than {b}. How old is {b}?",
            "{a}, who is {k} years older than {b}, is {n}. How old is {b}?",
        )
    elif kind == 2:
        answer = s.step(age + years)
        forms = (
            "{a} is {n}, {k} years younger than {b}. How old is {b}?",
            "{a}, who is {k} years younger than {b}, is {n}. How old is {b}?",
            "{a} is {n}. That is {k} years less than {b}. How old is {b}?",
        )
    elif kind == 3:
        answer = s.step(age * 2)
        s.given.remove(years)
        forms = (
            "{a} is {n}, {b} is twice as old. How old is {b}?",
            "{a} {n}, {b} double that, age of {b}?",
            "{b} is twice as old as {a}, who is {n}. How old is {b}?",
            "if {a} is {n} and {b} is twice as old how old is {b}",
        )
    elif kind == 4:
        answer = s.step(age / 2)
        s.given.remove(years)
        forms = (
            "{a} is {n}, twice as old as {b}. How old is {b}?",
            "{a} is {n}, {b} is half as old. How old is {b}?",
            "{a} is twice as old as {b}. {a} is {n}. How old is {b}?",
            "At {n}, {a} is twice as old as {b}. How old is {b}?",
        )
    else:
        times = years
        answer = s.step(age / times)
        forms = (
            "{a} is {n}, {k} times as old as {b}. How old is {b}?",
            "{a} is {k} times as old as {b}. {a} is {n}. How old is {b}?",
            "{a}'s age is {n}, which is {k} times the age of {b}. How old is {b}?",
        )
    sensible(s, answer)
    s.ask(*forms, answer=answer, **words)


def summed_later(s: Story) -> None:
    """The sum of two ages today gives their sum some years on."""
    a, b = people(s, 2)
    s.require(a.who != "I" and b.who != "I")
    total, years = s.number(15, 100), s.number(2, 15)
    gained = s.step(years * 2)
    ahead = s.rng.random() < 0.7
    answer = s.step(total + gained if ahead else total - gained)
    s.require(answer.value > 4)
    s.say(
        "{a} and {b} are {n} years old together.",
        "The sum of the ages of {a} and {b} is {n}.",
        "Together {a} and {b} are {n} years old.",
        a=a.who,
        b=b.who,
        n=total,
    )
    later = (
        "What will the sum of their ages be in {k} years?",
        "How old will they be together in {k} years?",
    )
    before = (
        "What was the sum of their ages {k} years ago?",
        "How old were they together {k} years ago?",
    )
    s.ask(*(later if ahead else before), answer=answer, k=years)


SCENES: dict[str, tuple[float, Scene]] = {
    "age_half_then": (0.5, half_then),
    "age_until_twice": (0.4, until_twice),
    "age_brief": (1.5, brief),
    "age_summed_later": (0.3, summed_later),
}
