"""Who a story is about: names, pronouns and verbs that agree.

Templates carry `{S}` (the subject), `{him}`, `{his}`, `{owner}` (Tom's), `{do}` (do, does, did),
`{have}` (has, have), `{F}` (someone else) and verbs as `[buy|buys|bought]` (agrees with the subject) or `[gives|gave]` (third person). Knows grammar only.
"""



import re
from collections.abc import Sequence
from random import Random
from typing import Literal, NamedTuple

from smysl_forge.lexicon import name, names
from smysl_forge.scenes.nouns import KIN, ROLES, article

Tense = Literal["present", "past"]
VERB = re.compile(r"\[([^|\[\]]+)\|([^|\[\]]+)(?:\|([^|\[\]]+))?\]")
FEMALE = frozenset(
    "Anna Carla Elena Grace Ines Laura Nadia Priya Rosa Tara Vera Xenia Zoe Alice Diana Fatima Hannah Julia Lily "
    "Nina Paula Rachel Uma Wendy Bella Emma Gina Irene Karen Mary Olivia Sara Ursula Yuki Maria Lucy Sofia Mia Jane "
    "Kate Sasha Olga Natasha Aisha Marta Ana Mei Ling Aiko Sunita Ama Zara Lena Greta Claire Giulia Ingrid".split()
)
MALE = frozenset(
    "Ben David Farid Hugo Jack Kenji Mateo Omar Quentin Umar Will Yusuf Bob Charlie Ethan George Ivan Kevin Mike "
    "Oscar Steve Tom Victor Amir Dmitri Felix Henry James Liam Noah Peter Ravi Tim Vikram Zack John Leo Max Nick "
    "Pavel Igor Ahmed Carlos Juan Pedro Luis Wei Hiro Raj Anil Kofi Tunde Hans Pierre Luca Erik".split()
)
SHE = frozenset(
    "girl woman sister mother mom aunt grandmother grandma daughter queen waitress nurse".split()
)
HE = frozenset(
    "boy man brother father dad uncle grandfather grandpa son king fisherman postman waiter".split()
)


class Who(NamedTuple):
    """Someone in a story: how they are called first and later, and their pronouns."""

    first: str
    later: str
    he: str
    him: str
    his: str

    @property
    def plural(self) -> bool:
        """Whether verbs after the name take the base form."""
        return self.first in ("I", "you", "we")

    @property
    def owner(self) -> str:
        """`Tom's`, `my`, `your`, `our`."""
        return self.his if self.plural else self.later + "'s"


def _someone(rng: Random, first: str, later: str, word: str) -> Who:
    if word in FEMALE or word in SHE:
        he = "she"
    elif word in MALE or word in HE:
        he = "he"
    else:
        he = rng.choice(("he", "she", "they"))
    him, his = {"she": ("her", "her"), "he": ("him", "his"), "they": ("them", "their")}[he]
    return Who(first, later, he, him, his)


def named(rng: Random, word: str | None = None) -> Who:
    """Someone with a first name."""
    word = word or name(rng)
    return _someone(rng, word, word, word)


def who(rng: Random) -> Who:
    """Anyone: a name mostly, a role, a relative, or I, you and we."""
    roll = rng.random()
    if roll < 0.62:
        return named(rng)
    if roll < 0.72:
        role = rng.choice(ROLES)
        return _someone(rng, article(role), "the " + role, role)
    if roll < 0.80:
        kin = rng.choice(KIN)
        owner = rng.choice(("my", "my", "your", f"{name(rng)}'s"))
        later = f"{owner} {kin}" if owner in ("my", "your") else f"the {kin}"
        return _someone(rng, f"{owner} {kin}", later, kin)
    if roll < 0.92:
        return Who("I", "I", "I", "me", "my")
    if roll < 0.96:
        return Who("you", "you", "you", "you", "your")
    return Who("we", "we", "we", "us", "our")


def cast(rng: Random, count: int) -> list[Who]:
    """Different named people; now and then the first is I, or the second a relative of the first."""
    people = [named(rng, word) for word in names(rng, count)]
    roll = rng.random()
    if roll < 0.1:
        people[0] = Who("I", "I", "I", "me", "my")
        if count > 1 and rng.random() < 0.5:
            kin = rng.choice(KIN)
            people[1] = _someone(rng, f"my {kin}", f"my {kin}", kin)
    elif roll < 0.2 and count > 1:
        kin = rng.choice(KIN)
        people[1] = _someone(rng, f"{people[0].his} {kin}", f"{people[0].later}'s {kin}", kin)
    return people


def everyone(people: Sequence[Who]) -> str:
    """`Tom, Ann and I`."""
    names = [person.later for person in people if person.first != "I"]
    names += ["I"] * (len(people) - len(names))
    return ", ".join(names[:-1]) + " and " + names[-1]


def other(rng: Random, person: Who) -> str:
    """Someone who gives to or takes from `person`."""
    kin = rng.choice(KIN)
    stranger = rng.choice(("a friend", "a neighbor", "a classmate", "someone", "another child"))
    return rng.choice((f"{person.his} {kin}", f"{person.his} {kin}", name(rng), stranger))


def tense(rng: Random) -> Tense:
    """Present or past."""
    return rng.choice(("present", "past"))


def inflect(form: str, plural: bool, when: Tense, first_person: bool = False) -> str:
    """`form` with its verbs in person and tense."""

    def verb(match: re.Match[str]) -> str:
        if match[3] is None:
            return match[1] if when == "present" else match[2]
        if when == "past":
            return "were" if match[3] == "was" and plural and not first_person else match[3]
        if plural:
            return "am" if match[1] == "are" and first_person else match[1]
        return match[2]

    return VERB.sub(verb, form)


def line(rng: Random, person: Who, form: str, when: Tense = "present", intro: bool = False) -> str:
    """`form` about `person`: at first mention by name, later by name or pronoun."""
    subject = person.first if intro else rng.choice((person.later, person.he))
    opening, *clauses = form.split("{S}")
    opening = _agreed(opening, subject, when)
    told = opening
    for clause in clauses:
        told += subject + _agreed(clause, subject, when)
        subject = rng.choice((person.later, person.he))
    told = told.replace("{owner}", person.his if person.plural else f"{person.first}'s")
    if "{F}" in told:
        told = told.replace("{F}", other(rng, person))
    return told.replace("{him}", person.him).replace("{his}", person.his)


def _agreed(clause: str, subject: str, when: Tense) -> str:
    plural = subject in ("I", "you", "we", "they")
    does = "did" if when == "past" else "do" if plural else "does"
    clause = clause.replace("{do}", does).replace("{have}", "have" if plural else "has")
    return inflect(clause, plural, when, subject == "I")
