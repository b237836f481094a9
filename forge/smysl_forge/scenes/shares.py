"""Scenes about fractions of a group: how many, how many others, what remains.

Knows how people name fractions; percentages are another pack's.
"""

from __future__ import annotations

from fractions import Fraction

from smysl_forge.lexicon import name, names
from smysl_forge.scenes.arithmetic import digits
from smysl_forge.scenes.nouns import COLORS, container, thing
from smysl_forge.story import Amount, Scene, Story

UNIT = {
    2: ("half", "half", "one half", "1/2"),
    3: ("a third", "one third", "one-third", "1/3"),
    4: ("a quarter", "one quarter", "a fourth", "1/4", "one-fourth"),
    5: ("a fifth", "one fifth", "1/5", "one-fifth"),
    6: ("a sixth", "one sixth", "1/6"),
    8: ("an eighth", "one eighth", "1/8"),
    10: ("a tenth", "one tenth", "1/10"),
}


PARTS = {
    3: ("thirds",),
    4: ("quarters", "fourths"),
    5: ("fifths",),
    6: ("sixths",),
    7: ("sevenths",),
    8: ("eighths",),
    10: ("tenths",),
}


NUMERATORS = "zero one two three four five six seven eight nine".split()


class Share:
    """A fraction as the text says it, and how to take it of an amount."""

    def __init__(self, s: Story, simple: bool = False) -> None:
        self.given: Amount | None = None
        roll = s.rng.random()
        if simple or roll < 0.5:
            self.bottom = s.rng.choice((2, 2, 2, 2, 3, 3, 4, 4, 5, 6, 8, 10))
            self.top = 1
            word = s.rng.choice(UNIT[self.bottom])
            if "/" in word:
                self.given = s.quantity(Fraction(1, self.bottom))
                self.text, self.slash = digits(self.given, word), True
            else:
                self.text, self.slash = word, False
            return
        self.bottom = s.rng.choice((3, 3, 4, 4, 5, 5, 6, 8, 10))
        self.top = s.rng.choice(
            [
                n
                for n in range(2, self.bottom)
                if Fraction(n, self.bottom).denominator == self.bottom
            ]
        )
        self.slash = roll < 0.75
        if self.slash:
            self.given = s.quantity(Fraction(self.top, self.bottom))
            self.text = digits(self.given, f"{self.top}/{self.bottom}")
        else:
            self.given = s.quantity(self.top)
            self.text = (
                digits(self.given, NUMERATORS[self.top])
                + s.pick(" ", " ", "-")
                + s.rng.choice(PARTS[self.bottom])
            )

    def of(self, whole: Amount) -> Amount:
        """The fraction of `whole`, as an unrecorded step."""
        if self.slash and self.given is not None:
            return whole * self.given
        return whole * self.given / self.bottom if self.given is not None else whole / self.bottom

    def whole(self, part: Amount) -> Amount:
        """What `part` is this fraction of."""
        if self.slash and self.given is not None:
            return part / self.given
        return part * self.bottom / self.given if self.given is not None else part * self.bottom


GROUPS = (
    ("students in a class", "girls", "boys"),
    ("students", "girls", "boys"),
    ("children in the park", "boys", "girls"),
    ("people on a bus", "women", "men"),
    ("guests at a party", "adults", "children"),
    ("members of a club", "men", "women"),
    ("workers in a factory", "women", "men"),
    ("pupils in a school", "boys", "girls"),
    ("passengers on a train", "tourists", "locals"),
    ("visitors of a museum", "children", "adults"),
    ("players in a tournament", "beginners", "experts"),
    ("cars in a car park", "red cars", "cars of other colours"),
    ("flowers in a garden", "roses", "tulips"),
    ("animals on a farm", "cows", "sheep"),
    ("birds in a tree", "sparrows", "crows"),
    ("marbles in a bag", "blue marbles", "green marbles"),
    ("books on a shelf", "novels", "comics"),
    ("eggs in a basket", "white eggs", "brown eggs"),
    ("balloons in the room", "red balloons", "yellow balloons"),
    ("trees in a park", "oaks", "pines"),
    ("fish in a tank", "goldfish", "guppies"),
    ("cookies on a plate", "chocolate cookies", "vanilla cookies"),
    ("pens in a box", "black pens", "blue pens"),
    ("seats in a theatre", "taken seats", "free seats"),
    ("houses in a village", "old houses", "new houses"),
    ("pages in a magazine", "pages with pictures", "pages without pictures"),
)


def of_group(s: Story) -> None:
    """Some fraction of a group are of one kind; how many of it, or of the others."""
    group, kind, rest = s.rng.choice(GROUPS)
    share = Share(s)
    total = s.quantity(share.bottom * s.rng.randint(2, s.rng.choice((8, 20, 60))))
    are = s.pick("are", "are", "were")
    order = s.rng.random() < 0.7
    if order:
        s.say(
            "There {a} {n} {g}.",
            "There {a} {n} {g} in total.",
            "We counted {n} {g}.",
            "Imagine {n} {g}.",
            a=are,
            n=total,
            g=group,
        )
        s.say(
            "{f} of them {a} {k}.",
            "{f} {a} {k}.",
            "{f} of them {a} {k} and the rest {a} {r}.",
            "{f} of them {a} {k}, the others {r}.",
            "Of these, {f} {a} {k}.",
            "{f} {a} {k} and the rest {a} {r}.",
            f=share.text,
            a=are,
            k=kind,
            r=rest,
        )
    else:
        s.say(
            "{f} of the {n} {g} {a} {k}.",
            "{f} of {n} {g} {a} {k}.",
            "Of {n} {g}, {f} {a} {k}.",
            "{f} of the {n} {g} {a} {k} and the others {a} {r}.",
            "If {f} of {n} {g} {a} {k}, the others are {r}.",
            f=share.text,
            n=total,
            g=group,
            a=are,
            k=kind,
            r=rest,
        )
    part = s.step(share.of(total))
    s.whole(part)
    if s.rng.random() < 0.55:
        s.ask(
            "How many {k} {a} there?",
            "How many {k} {a} there?",
            "How many are {k}?",
            "How many of them {a} {k}?",
            "Find the number of {k}.",
            "What is the number of {k}?",
            "how many {k}?",
            answer=part,
            k=kind,
            a=are,
        )
    else:
        s.ask(
            "How many {a} not {k}?",
            "How many of them {a} not {k}?",
            "How many {r} {a} there if the rest {a} {r}?",
            "How many others {a} there?",
            "How many {a} the rest?",
            answer=s.step(total - part),
            a=are,
            k=kind,
            r=rest,
        )


USES = (
    ("gives {f} of them to {q}", "gave {f} of them to {q}"),
    ("gives away {f} of them", "gave away {f} of them"),
    ("sells {f} of them", "sold {f} of them"),
    ("loses {f} of them", "lost {f} of them"),
    ("uses {f} of them", "used {f} of them"),
    ("puts {f} of them in a box", "put {f} of them in a box"),
    ("throws {f} of them away", "threw {f} of them away"),
    ("shares {f} of them with {q}", "shared {f} of them with {q}"),
    ("donates {f} of them", "donated {f} of them"),
    ("breaks {f} of them", "broke {f} of them"),
    ("lends {f} of them to {q}", "lent {f} of them to {q}"),
    ("hands out {f} of them", "handed out {f} of them"),
    ("gives {q} {f} of them", "gave {q} {f} of them"),
    ("gives {f} to {q}", "gave {f} to {q}"),
    ("packs {f} of them", "packed {f} of them"),
    ("returns {f} of them", "returned {f} of them"),
)


def take(s: Story, past: bool, amount: str, first: bool = True) -> str:
    """`gave half of them to Ben`."""
    form = s.rng.choice(USES)[past].replace("{q}", name(s.rng))
    if not first:
        form = form.replace(
            "of them",
            s.rng.choice(
                (
                    "of the rest",
                    "of what was left" if past else "of what is left",
                    "of the remaining ones",
                )
            ),
        )
        if "rest" not in form and "left" not in form and "remaining" not in form:
            form = form.replace("{f}", "{f} of the rest")
    return form.replace("{f}", amount)


def remaining(s: Story) -> None:
    """A fraction is given away, then perhaps a fraction of the rest or a number."""
    person, past = name(s.rng), s.rng.random() < 0.6
    noun = thing(s.rng)[1]
    count = s.rng.choice((1, 1, 2, 2))
    share = Share(s)
    total = s.quantity(share.bottom * s.rng.randint(2, s.rng.choice((6, 20, 50))))
    me = s.rng.random() < 0.15
    who = "I" if me else person
    had = "had" if past else "have" if me else "has"
    s.say(
        "{p} {had} {n} {t}.",
        "{p} {had} {n} {t}.",
        "{p} bought {n} {t}." if past else "{p} {had} {n} {t}.",
        "{p} {had} {n} {t} in a {c}.",
        p=who,
        had=had,
        n=total,
        t=noun,
        c=container(s.rng)[0],
    )
    if me:
        past = True
    subject = who if me else person
    first = s.step(share.of(total))
    current = s.step(total - first)
    s.whole(first, current)
    parts = [take(s, past, share.text)]
    if count == 2:
        if s.rng.random() < 0.5:
            second = Share(s)
            gone = s.step(second.of(current))
            s.whole(gone)
            parts.append(take(s, past, second.text, first=False))
        else:
            gone = s.number(1, 30)
            words = take(s, past, "{b}").replace(
                " of them", s.pick(" more", " of them", " more of them")
            )
            parts.append(s._fill(words, {"b": gone}))
        current = s.step(current - gone)
        s.require(current.value > 0)
    s.say(f"{subject} {s.pick(' and then ', ', then ', ' and ').join(parts)}.")
    have = "do I" if me else f"does {person}"
    s.ask(
        "How many {t} are left?",
        "How many {t} {h} have left?",
        "How many {t} {h} have now?",
        "How many are left?",
        "How many {t} remain?",
        "What is left?",
        "How many {t} are remaining?",
        "How many {h} still have?",
        "Find how many {t} are left.",
        "how many are left",
        answer=current,
        t=noun,
        h=have,
    )


def taken(s: Story) -> None:
    """How large the fraction itself is: half of his marbles."""
    person, noun = name(s.rng), thing(s.rng)[1]
    share = Share(s)
    total = s.quantity(share.bottom * s.rng.randint(2, s.rng.choice((8, 30, 80))))
    part = s.step(share.of(total))
    s.whole(part)
    form = s.rng.randrange(5)
    if form == 0:
        s.say(
            "{p} has {n} {t}.", "{p} had {n} {t}.", "{p} owns {n} {t}.", p=person, n=total, t=noun
        )
        s.say(f"{person} {take(s, True, share.text)}.")
        s.ask(
            "How many {t} was that?",
            "How many {t} is that?",
            "How many was that?",
            "How many {t} were those?",
            answer=part,
            t=noun,
        )
    elif form == 1:
        s.say(
            "{p} has {n} {t} and {q} has {f} as many.",
            "{p} has {n} {t}. {q} has {f} as many.",
            "{p} has {n} {t}, and {q} has {f} as many {t} as {p}.",
            p=person,
            n=total,
            t=noun,
            q=name(s.rng) + "'s brother",
            f=share.text,
        )
        s.ask(
            "How many {t} does the brother have?",
            "How many does the brother have?",
            answer=part,
            t=noun,
        )
    elif form == 2:
        color = s.rng.choice(COLORS)
        s.say(
            "{p} has {n} {t}, and {f} of them are {c}.",
            "{f} of {p}'s {n} {t} are {c}.",
            "There are {n} {t}. {f} of them are {c}.",
            p=person,
            n=total,
            t=noun,
            f=share.text,
            c=color,
        )
        s.ask(
            "How many {c} {t} are there?",
            "How many {t} are {c}?",
            "How many are {c}?",
            "How many of the {t} are {c}?",
            answer=part,
            c=color,
            t=noun,
        )
    elif form == 3:
        s.ask(
            "How many {t} are {f} of {n} {t}?",
            "What is {f} of {n} {t}?",
            "How much is {f} of {n} {t}?",
            answer=part,
            t=noun,
            f=share.text,
            n=total,
        )
    else:
        one, other = names(s.rng, 2)
        s.say(
            "{a} and {b} have {n} {t} in total, and {f} of them belong to {a}.",
            "{a} and {b} have {n} {t}. {f} of them are {a}'s.",
            a=one,
            b=other,
            n=total,
            t=noun,
            f=share.text,
        )
        if s.rng.random() < 0.5:
            s.ask(
                "How many {t} does {a} have?", "How many belong to {a}?", answer=part, t=noun, a=one
            )
        else:
            s.ask(
                "How many {t} does {b} have?",
                "How many belong to {b}?",
                answer=s.step(total - part),
                t=noun,
                b=other,
            )


def plain_share(s: Story) -> None:
    """What is two thirds of 90, as a bare question."""
    s.problem = "arithmetic"
    share = Share(s)
    total = s.quantity(share.bottom * s.rng.randint(2, s.rng.choice((10, 30, 100))))
    part = s.step(share.of(total))
    s.ask(
        "What is {f} of {n}?",
        "what's {f} of {n}",
        "How much is {f} of {n}?",
        "Find {f} of {n}.",
        "Calculate {f} of {n}.",
        "{f} of {n}",
        "{f} of {n}?",
        "What number is {f} of {n}?",
        "Work out {f} of {n}.",
        "Tell me {f} of {n}.",
        answer=part,
        f=share.text,
        n=total,
    )


SCENES: dict[str, tuple[float, Scene]] = {
    "part_plain": (0.7, plain_share),
    "part_of_group": (2, of_group),
    "part_remaining": (2, remaining),
    "part_taken": (1.5, taken),
}
