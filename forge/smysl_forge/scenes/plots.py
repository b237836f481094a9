"""Scenes about fences, tiles and rooms, and about consecutive numbers.

Knows rectangles and what goes around or over them.
"""

from __future__ import annotations

from smysl_forge.lexicon import name
from smysl_forge.scenes.arithmetic import digits
from smysl_forge.scenes.rectangles import Measure
from smysl_forge.story import Scene, Story


def fence(s: Story) -> None:
    """A fence or frame around, or paint, tiles and seed over, a rectangle, at a price."""
    m = Measure(s)
    s.require(bool(m.unit))
    a, b = s.number(2, 60), s.number(2, 60)
    s.require(a.value != b.value)
    plot = s.pick(
        "garden",
        "field",
        "yard",
        "farm",
        "lawn",
        "playground",
        "park",
        "vegetable patch",
        "pasture",
        "schoolyard",
    )
    who = s.pick(
        "A farmer", "A gardener", name(s.rng), name(s.rng), "My uncle", "The school", "A family"
    )
    s.say(
        "{w} has a rectangular {p} that is {a} long and {b} wide.",
        "A {p} is {a} long and {b} wide.",
        "{w} has a {a} by {b} {p}.",
        "A rectangular {p} measures {a} by {b}.",
        "{w} owns a rectangular {p} with sides of {a} and {b}.",
        w=who,
        p=plot,
        a=m.of(s, a),
        b=m.of(s, b),
    )
    around = s.rng.random() < 0.6
    unit = m.unit if around else m.square
    cost = s.price(2, 20, 1) if s.rng.random() < 0.7 else s.price(1, 10, 0.25)
    stuff = (
        s.pick("A fence", "Fencing", "Wire fence", "A hedge")
        if around
        else s.pick("Grass seed", "New grass", "Paving", "Fertilizer", "Turf", "Covering it")
    )
    size = s.step(s.step(a + b) * 2) if around else s.step(a * b)
    if s.rng.random() < 0.35:
        if around:
            s.ask(
                "How much fence is needed to go around it?",
                "How long must a fence around it be?",
                "How many {u} of fence are needed?",
                "How much fencing is needed to enclose it?",
                answer=size,
                u=unit,
            )
        else:
            s.ask(
                "How many {u} of grass are needed to cover it?",
                "How many {u} is it?",
                answer=size,
                u=unit,
            )
        return
    single = {
        "meters": "meter",
        "metres": "metre",
        "feet": "foot",
        "inches": "inch",
        "yards": "yard",
        "units": "unit",
        "centimetres": "centimetre",
    }.get(m.unit, m.unit)
    per = (
        single
        if around
        else m.square.replace("metres", "metre")
        .replace("meters", "meter")
        .replace("feet", "foot")
        .replace("inches", "inch")
        .replace("yards", "yard")
        .replace("units", "unit")
    )
    s.say(
        "{f} costs ${c} per {u}.",
        "{f} costs {c} dollars per {u}.",
        "{f} costs ${c} for each {u}.",
        f=stuff,
        c=digits(cost),
        u=per,
    )
    s.ask(
        *(
            (
                "How much does the fence cost?",
                "How much does it cost to put it all around?",
                "What does it cost to enclose the {p}?",
                "What is the total cost for going all around?",
            )
            if around
            else (
                "How much does it cost to cover the whole {p}?",
                "What is the total cost for the whole {p}?",
                "How much is it for the entire {p}?",
            )
        ),
        answer=s.step(size * cost),
        p=plot,
    )


def tiles(s: Story) -> None:
    """How many tiles or small squares cover a rectangle."""
    small = s.rng.randint(2, 9)
    across, down = s.rng.randint(2, 30), s.rng.randint(2, 30)
    a, b = s.quantity(small * across), s.quantity(small * down)
    unit = s.pick("cm", "feet", "inches", "dm", "m")
    s.say(
        "A floor is {a} {u} long and {b} {u} wide.",
        "A wall measures {a} {u} by {b} {u}.",
        "A rectangular floor is {a} {u} by {b} {u}.",
        "A sheet of paper is {a} {u} by {b} {u}.",
        a=a,
        b=b,
        u=unit,
    )
    edge = s.quantity(small)
    s.say(
        "It is covered with square tiles with a side of {t} {u}.",
        "Square tiles have sides of {t} {u}.",
        "It is divided into squares with sides of {t} {u}.",
        t=edge,
        u=unit,
    )
    area = s.step(a * b)
    piece = s.step(edge * edge)
    s.ask(
        "How many tiles are needed?",
        "How many squares cover it?",
        "How many of these fit?",
        "How many of them are needed to cover it?",
        answer=s.step(area / piece),
    )


def consecutive(s: Story) -> None:
    """Consecutive numbers with a given sum, by formulas that hold for any count of them."""
    s.problem = "equation"
    count, gap = s.rng.choice((2, 2, 3, 3, 3, 4, 5)), s.rng.choice((1, 1, 1, 2))
    first = s.rng.randint(1, 60)
    total, many = s.quantity(sum(first + gap * i for i in range(count))), s.quantity(count)
    kind = (
        s.pick("numbers", "integers", "whole numbers", "natural numbers")
        if gap == 1
        else ("even " if first % 2 == 0 else "odd ") + s.pick("numbers", "integers")
    )
    s.say(
        "The sum of {k} consecutive {n} is {t}.",
        "{k} consecutive {n} add up to {t}.",
        "{k} consecutive {n} have a sum of {t}.",
        "If you add {k} consecutive {n} you get {t}.",
        "{t} is the sum of {k} consecutive {n}.",
        k=many,
        n=kind,
        t=total,
    )
    middle = s.step(total / many)
    where = s.rng.choice(("smallest", "smallest", "largest", "middle" if count % 2 else "smallest"))
    if where == "middle":
        s.ask(
            "What is the middle number?",
            "Which number is in the middle?",
            "Find the middle one.",
            "What is the middle one of them?",
            answer=middle,
        )
        return
    half = s.step((many - 1) / 2) if gap == 1 else s.step(many - 1)
    if where == "smallest":
        s.ask(
            "What is the smallest number?",
            "What is the first number?",
            "Find the smallest of them.",
            "What is the smallest of these numbers?",
            "Which is the smallest?",
            "Find the least number.",
            answer=s.step(middle - half),
        )
    else:
        s.ask(
            "What is the largest number?",
            "What is the last number?",
            "Find the largest of them.",
            "What is the greatest of these numbers?",
            "Which is the biggest?",
            "Find the greatest number.",
            answer=s.step(middle + half),
        )


def next_number(s: Story) -> None:
    """A number and the next one, without saying how many there are."""
    s.problem = "equation"
    start, kind = s.rng.randint(1, 60), s.rng.randrange(3)
    gap = 1 if kind == 0 else 2
    low = 2 * start + kind - 1 if kind else start
    total = s.quantity(2 * low + gap)
    word = ("whole", "even", "odd")[kind]
    article = "An" if word in ("even", "odd") else "A"
    s.say(
        f"{article} {word} number and the next {word} number add up to {{t}}.",
        f"The sum of {article.lower()} {word} number and the following {word} number is {{t}}.",
        t=total,
    )
    s.ask(
        "What is the smaller number?",
        "What is the first number?",
        "Find the smaller of them.",
        answer=s.step(s.step(total - gap) / 2),
    )


def compare_areas(s: Story) -> None:
    """Two rectangles: total area or difference."""
    m = Measure(s)
    a, b, c, d = (s.number(2, 30) for _ in range(4))
    first, second = s.step(a * b), s.step(c * d)
    p, q = s.rng.sample(
        ("kitchen", "bedroom", "hall", "garden", "office", "carpet", "field", "yard", "room"), 2
    )
    s.say(
        "The {p} is {a} by {b} and the {q} is {c} by {d}.",
        "The {p} is {a} long and {b} wide, the {q} is {c} long and {d} wide.",
        "The {p} measures {a} by {b}. The {q} measures {c} by {d}.",
        p=p,
        q=q,
        a=m.of(s, a),
        b=m.of(s, b),
        c=m.of(s, c),
        d=m.of(s, d),
    )
    if s.rng.random() < 0.5:
        s.ask(
            "What is the total area?",
            "What is their area together?",
            "How large are both together?",
            "Find the total area of both.",
            answer=s.step(first + second),
        )
    else:
        s.require(first > second)
        s.ask(
            "How much larger is the {p} than the {q}?",
            "By how much is the area of the {p} greater?",
            "What is the difference of their areas?",
            answer=s.step(first - second),
            p=p,
            q=q,
        )


SCENES: dict[str, tuple[float, Scene]] = {
    "shape_fence": (1, fence),
    "shape_tiles": (0.5, tiles),
    "shape_consecutive": (0.6, consecutive),
    "shape_next_number": (0.2, next_number),
    "shape_compare_areas": (0.5, compare_areas),
}
