"""Scenes about wholes: found from a part, partly filled, or cut into different shares.

Knows fractions as `shares` writes them.
"""

from __future__ import annotations

from smysl_forge.lexicon import name
from smysl_forge.scenes.arithmetic import digits
from smysl_forge.scenes.nouns import container, thing
from smysl_forge.scenes.shares import Share, take
from smysl_forge.story import Scene, Story


def backwards(s: Story) -> None:
    """A part is known, the whole is asked."""
    person, noun = name(s.rng), thing(s.rng)[1]
    share = Share(s, simple=s.rng.random() < 0.6)
    part = s.quantity(share.top * s.rng.randint(2, 30))
    kind = s.rng.randrange(4)
    if kind < 3:
        whole = s.step(share.whole(part))
        s.whole(whole)
        if kind == 0:
            s.say(
                "{f} of {p}'s {t} is {n}.",
                "{f} of the {t} that {p} has are {n}.",
                "{p} gave away {f} of the {t}, which was {n} {t}.",
                "{n} {t} are {f} of all the {t} that {p} has.",
                "{p} sold {n} {t}, which is {f} of all.",
                "{n} is {f} of the {t} of {p}.",
                f=share.text,
                p=person,
                t=noun,
                n=part,
            )
            s.ask(
                "How many {t} are there in total?",
                "How many {t} are there altogether?",
                "How many {t} did {p} have at first?",
                "How many {t} did {p} have to begin with?",
                answer=whole,
                t=noun,
                p=person,
            )
        elif kind == 1:
            s.say(
                "{p} spent {f} of the money, which was ${n}.",
                "{p} paid ${n}, which was {f} of all the money.",
                "{f} of the money is ${n}.",
                "${n} is {f} of {p}'s savings.",
                p=person,
                f=share.text,
                n=digits(part),
            )
            s.ask(
                "How much money was there?",
                "How much money was there at first?",
                "How much is the whole sum?",
                answer=whole,
            )
        else:
            s.say(
                "{f} of the way is {n} km.",
                "After {n} km {p} has done {f} of the way.",
                "{p} has walked {n} km, {f} of the trip.",
                f=share.text,
                n=part,
                p=person,
            )
            s.ask(
                "How long is the whole way?",
                "How long is the trip?",
                "How far is it in total?",
                "How many km is the entire way?",
                answer=whole,
            )
        return
    s.require(share.given is None)
    left = s.quantity((share.bottom - 1) * s.rng.randint(1, 20)) if share.bottom > 1 else part
    s.given.remove(part)
    left.expression = "g0"
    opening = s.pick(
        f"{person} had some {{t}}. ",
        f"{person} had a number of {{t}}. ",
        f"{person} had a {container(s.rng)[0]} of {{t}}. ",
    )
    s.say(
        f"{opening}{person} {take(s, True, share.text)} and had {{n}} {{t}} left.",
        f"{opening}After {person} {take(s, True, share.text)}, {{n}} {{t}} were left.",
        n=left,
        t=noun,
    )
    whole = (
        s.step(left * 2) if share.bottom == 2 else s.step(left * share.bottom / (share.bottom - 1))
    )
    s.whole(whole)
    s.ask(
        "How many {t} did {p} have at first?",
        "How many {t} were there in the beginning?",
        "How many {t} did {p} start with?",
        "How many were there originally?",
        answer=whole,
        t=noun,
        p=person,
    )


def filled(s: Story) -> None:
    """Tanks, roads, books and money that are partly full, done, read or spent."""
    share = Share(s)
    total = s.quantity(share.bottom * s.rng.randint(2, 40))
    part = s.step(share.of(total))
    s.whole(part)
    p = name(s.rng)
    kind = s.rng.randrange(5)
    words: dict[str, object] = {"n": total, "f": share.text, "p": p}
    one: tuple[str, ...]
    two: tuple[str, ...]
    if kind == 0:
        box = s.pick("tank", "barrel", "bucket", "pool", "bottle", "jug", "fuel tank", "aquarium")
        s.say(
            "A {b} holds {n} litres and is {f} full.",
            "The {b} holds {n} liters. It is {f} full.",
            "A {n} litre {b} is {f} full.",
            "A {b} with room for {n} litres is {f} full.",
            b=box,
            **words,
        )
        one, two = (
            (
                "How many litres are in the {b}?",
                "How much water is in it?",
                "How many litres does it contain now?",
            ),
            (
                "How many more litres fit in?",
                "How many litres are needed to fill it?",
                "How much is missing to fill the {b}?",
            ),
        )
        words["b"] = box
    elif kind == 1:
        s.say(
            "The trip is {n} km long. {p} has driven {f} of it.",
            "{p} has to walk {n} km and has done {f} of it.",
            "A road is {n} km long and {f} of it is finished.",
            "{p} has run {f} of a {n} km race.",
            **words,
        )
        one, two = (
            ("How many km is that?", "How many kilometres are done?", "How far is that?"),
            (
                "How many km are left?",
                "How much further is it?",
                "How far is left?",
                "How many kilometres remain?",
            ),
        )
    elif kind == 2:
        s.say(
            "A book has {n} pages. {p} has read {f} of it.",
            "{p} has read {f} of a book with {n} pages.",
            "{p} reads a {n} page book and has finished {f} of it.",
            "{p} read {f} of the {n} pages of a book.",
            **words,
        )
        one, two = (
            ("How many pages has {p} read?", "How many pages is that?"),
            (
                "How many pages are left?",
                "How many pages remain?",
                "How many pages does {p} still have to read?",
                "How many pages has {p} not read yet?",
            ),
        )
    elif kind == 3:
        words["n"] = digits(total)
        s.say(
            "{p} had ${n} and spent {f} of it.",
            "{p} has ${n} and spends {f} of it on a gift.",
            "{p} earned {n} dollars and saved the rest after spending {f} of it.",
            "{p} got ${n}. {p} spent {f} of the money.",
            **words,
        )
        one, two = (
            ("How much did {p} spend?", "How much money was spent?", "How many dollars is that?"),
            (
                "How much money is left?",
                "How much money does {p} have now?",
                "How many dollars are left?",
                "What is left?",
            ),
        )
    else:
        item = s.pick("rope", "ribbon", "cable", "board", "wire", "pipe", "string", "plank")
        s.say(
            "A {b} is {n} cm long. {p} cuts off {f} of it.",
            "{p} cuts {f} off a {n} cm {b}.",
            "{p} uses {f} of a {b} that is {n} cm long.",
            b=item,
            **words,
        )
        one, two = (
            ("How many cm is that piece?", "How long is the piece that was taken?"),
            (
                "How long is the rest?",
                "How many cm are left?",
                "How much of the {b} is left?",
                "How long is the remaining part?",
            ),
        )
        words["b"] = item
    if s.rng.random() < 0.45:
        s.ask(*one, answer=part, **words)
    else:
        s.ask(*two, answer=s.step(total - part), **words)


PEOPLE = ("walk home", "take the bus", "ride bikes", "go by car", "take the train", "come by boat")


COLOURS = (
    "are red",
    "are blue",
    "are green",
    "are white",
    "are black",
    "are yellow",
    "are brown",
    "are grey",
)


WHOLES = (
    ("A class has {n} children.", "children", PEOPLE),
    ("{n} people came to the fair.", "people", PEOPLE),
    ("A school has {n} pupils.", "pupils", PEOPLE),
    ("An office has {n} workers.", "workers", PEOPLE),
    ("A bag holds {n} beads.", "beads", COLOURS),
    ("There were {n} cars on the lot.", "cars", COLOURS),
    ("A gardener planted {n} flowers.", "flowers", COLOURS),
    ("A box contains {n} pens.", "pens", COLOURS),
    ("There are {n} balls in the gym.", "balls", COLOURS),
    ("A shop has {n} shirts.", "shirts", COLOURS),
    ("We have {n} balloons.", "balloons", COLOURS),
    ("There are {n} birds in the tree.", "birds", COLOURS),
)


def two_shares(s: Story) -> None:
    """Two different fractions of one whole, and the rest."""
    group, noun, kinds = s.rng.choice(WHOLES)
    total = s.quantity(
        s.rng.choice((12, 20, 24, 30, 36, 40, 48, 60, 72, 80, 90, 100, 120, 180, 240))
    )
    first, second = Share(s, simple=True), Share(s, simple=True)
    s.require(first.bottom != second.bottom)
    one, other, rest = s.rng.sample(kinds, 3)
    s.say(group, n=total)
    s.say(
        "{f} of them {a}, {g} of them {b} and the rest {c}.",
        "{f} {a} and {g} {b}; the others {c}.",
        "{f} of them {a} and {g} {b}. The rest {c}.",
        "{f} of the {t} {a}, {g} {b}, all the others {c}.",
        f=first.text,
        g=second.text,
        a=one,
        b=other,
        c=rest,
        t=noun,
    )
    a, b = s.step(first.of(total)), s.step(second.of(total))
    s.whole(a, b)
    if s.rng.random() < 0.6:
        s.ask(
            "How many {k} {c}?",
            "How many {c}?",
            "How many of the {k} {c}?",
            answer=s.step(s.step(total - a) - b),
            k=noun,
            c=rest,
        )
    else:
        s.ask(
            "How many {k} {a} or {b}?",
            "How many {k} do not belong to the rest?",
            answer=s.step(a + b),
            k=noun,
            a=one,
            b=other,
        )
    s.require(s.steps[-1].value > 0)


SCENES: dict[str, tuple[float, Scene]] = {
    "part_backwards": (1, backwards),
    "part_filled": (1.5, filled),
    "part_two_shares": (0.6, two_shares),
}
