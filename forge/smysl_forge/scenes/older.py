"""Scenes about how old people are compared with one another, in chains of comparisons.

Knows people and years; no other quantity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from smysl_forge.lexicon import name
from smysl_forge.story import Amount, Scene, Story

KIN = (
    "sister|mother|aunt|daughter|grandmother|niece|older sister|younger sister|mum|mom|girlfriend|"
    "wife|brother|father|uncle|son|grandfather|nephew|big brother|little brother|dad|cousin|friend|"
    "neighbour|teacher|husband"
).split("|")


class Person(NamedTuple):
    """Someone with an age: how the text calls them, and the verbs that agree."""

    who: str
    am: str = "is"
    do: str = "does"
    was: str = "was"

    @property
    def own(self) -> str:
        """`Tom's`, `my`."""
        return "my" if self.who == "I" else self.who + ("'" if self.who.endswith("s") else "'s")


ME = Person("I", "am", "do", "was")


def people(s: Story, count: int) -> list[Person]:
    """Different people: names mostly; I and relatives, whose names never say who is older."""
    found: list[Person] = []
    if s.rng.random() < 0.15:
        found.append(ME)
    while len(found) < count:
        roll = s.rng.random()
        if roll < 0.75 or not found:
            who = name(s.rng)
        else:
            first = found[0]
            owner = (
                "my"
                if first.who in ("I",) or first.who.startswith("my ") or s.rng.random() < 0.3
                else first.own
            )
            who = f"{owner} {s.rng.choice(KIN)}"
        if len(who) < 40 and who not in [person.who for person in found]:
            found.append(Person(who))
    return found


def old(s: Story, person: Person, age: Amount, **_: object) -> None:
    """So old is somebody now."""
    s.say(
        "{p} {am} {n} years old.",
        "{p} {am} {n} years old.",
        "{p} {am} {n}.",
        "{p} {am} {n} years old now.",
        "{p} {am} now {n}.",
        "Now {p} {am} {n} years old.",
        "{o} age is {n}.",
        "{p} {am} {n} years of age.",
        "{o} age is {n} years.",
        "{p} just turned {n}.",
        "Today {p} {am} {n} years old.",
        "{p} {am} currently {n} years old.",
        p=person.who,
        am=person.am,
        o=person.own,
        n=age,
    )


OLDER = (
    "{p} {am} {n} years older than {q}.",
    "{p} {am} {n} years older than {q}.",
    "{p} {am} older than {q} by {n} years.",
    "{q} was born {n} years after {p}.",
    "{p} has {n} more years than {q}.",
    "{p} {am} {n} years ahead of {q} in age.",
)


YOUNGER = (
    "{p} {am} {n} years younger than {q}.",
    "{p} {am} {n} years younger than {q}.",
    "{p} {am} younger than {q} by {n} years.",
    "{p} was born {n} years after {q}.",
    "{p} {am} {n} years less than {q} in age.",
)


def compare(s: Story, person: Person, base: Person, years: Amount, older: bool) -> None:
    """A difference between two ages."""
    them = "me" if base is ME else base.who
    forms: tuple[str, ...] = OLDER if older else YOUNGER
    if person is ME or base is ME:
        forms = forms[:3]
    s.say(*forms, p=person.who, am=person.am, q=them, n=years)


def ask_age(s: Story, person: Person, answer: Amount, when: str = "now") -> None:
    """How old is somebody now, will be, or was."""
    if when == "now":
        s.ask(
            "How old {am} {p}?",
            "How old {am} {p}?",
            "How old {am} {p} now?",
            "What is {o} age?",
            "Find {o} age.",
            "What is {o} age now?",
            "How many years old {am} {p}?",
            "what's {o} age?",
            "Calculate {o} age.",
            "How old {am} {p} today?",
            "Work out how old {p} {am}.",
            "Can you tell how old {p} {am}?",
            "Then how old {am} {p}?",
            "Determine {o} age.",
            "Tell me {o} age.",
            "{o} age?",
            "What is the age of {them}?",
            answer=answer,
            p=person.who,
            am=person.am,
            o=person.own,
            them=person.who if person is not ME else "me",
        )
        return
    s.ask(when, answer=answer)


def relation(s: Story, person: Person, base: Person, age: Amount) -> Amount:
    """Says how old `person` is compared with `base`, whose age is `age`; the new age as a step."""
    roll = s.rng.random()
    them = "I am" if base is ME else f"{base.who} is"
    if roll < 0.33:
        years = s.number(2, 30)
        compare(s, person, base, years, True)
        return s.step(age + years)
    if roll < 0.6:
        years = s.number(2, 20)
        s.require(age.value - years.value > 0)
        compare(s, person, base, years, False)
        return s.step(age - years)
    if roll < 0.72:
        s.say(
            "{p} {am} twice as old as {q}.",
            "{p} {am} twice the age of {q}.",
            "{o} age is twice {qo} age.",
            "{p} {am} double the age of {q}.",
            p=person.who,
            am=person.am,
            q="me" if base is ME else base.who,
            o=person.own,
            qo=base.own,
        )
        return s.step(age * 2)
    if roll < 0.82:
        s.say(
            "{p} {am} half as old as {q}.",
            "{p} {am} half the age of {q}.",
            "{o} age is half of {qo} age.",
            "{p} {am} half {qo} age.",
            p=person.who,
            am=person.am,
            q="me" if base is ME else base.who,
            o=person.own,
            qo=base.own,
        )
        half = s.step(age / 2)
        s.whole(half)
        return half
    times = s.number(2, 5)
    s.say(
        "{p} {am} {n} times as old as {q}.",
        "{p} {am} {n} times the age of {q}.",
        "{o} age is {n} times {qo} age.",
        f"{{p}} {{am}} {{n}} times as old as {them}.",
        p=person.who,
        am=person.am,
        q="me" if base is ME else base.who,
        o=person.own,
        qo=base.own,
        n=times,
    )
    return s.step(age * times)


def sensible(s: Story, *ages: Amount) -> None:
    """Nobody is unborn or older than 100."""
    s.whole(*ages)
    s.require(all(0 < age.value <= 100 for age in ages))


def chain(s: Story) -> None:
    """One age, then one to three comparisons; asks for the last, a sum or a later age."""
    count = s.rng.choice((2, 2, 2, 3, 3, 4))
    group = people(s, count)
    ages = [s.number(3, s.rng.choice((20, 50)))]
    first_at_end = s.rng.random() < 0.35
    if not first_at_end:
        old(s, group[0], ages[0])
    elif s.rng.random() < 0.2:
        s.distract(
            "They live in the same house.",
            "They are good friends.",
            "All of them like music.",
            "They go to the same school.",
        )
    for i in range(1, count):
        ages.append(relation(s, group[i], group[i - 1], ages[-1]))
    if first_at_end:
        old(s, group[0], ages[0])
    sensible(s, *ages)
    finish(s, group, ages)


def finish(s: Story, group: Sequence[Person], ages: Sequence[Amount]) -> None:
    """Ask something about known ages."""
    last, roll = group[-1], s.rng.random()
    if roll < 0.55:
        ask_age(s, last, ages[-1])
    elif roll < 0.72:
        total = ages[0]
        for age in ages[1:]:
            total = s.step(total + age)
        both = "both of them" if len(ages) == 2 else "all of them"
        together = "we" if ME in group else "they"
        s.ask(
            "What is the sum of their ages?"
            if together == "they"
            else "What is the sum of our ages?",
            f"How old are {together} together?",
            f"How old are {together} altogether?",
            f"What is the total age of {both}?"
            if together == "they"
            else "How old are we in total?",
            f"How many years old are {together} in total?",
            "Find the sum of the ages.",
            "What do the ages add up to?",
            answer=total,
        )
    elif roll < 0.86:
        years = s.number(2, 20)
        later = s.step(ages[-1] + years)
        s.ask(
            "How old will {p} be in {k} years?",
            "How old will {p} be {k} years from now?",
            "In {k} years, how old will {p} be?",
            "What will {o} age be in {k} years?",
            "How old will {p} be after {k} years?",
            "Find {o} age {k} years from now.",
            answer=later,
            p=last.who,
            o=last.own,
            k=years,
        )
    else:
        years = s.number(2, 12)
        earlier = s.step(ages[-1] - years)
        sensible(s, earlier)
        s.ask(
            "How old {was} {p} {k} years ago?",
            "What was {o} age {k} years ago?",
            "{k} years ago, how old {was} {p}?",
            "How old {was} {p} {k} years before now?",
            answer=earlier,
            p=last.who,
            was=last.was,
            o=last.own,
            k=years,
        )


SCENES: dict[str, tuple[float, Scene]] = {
    "age_chain": (3, chain),
}
