"""Scenes about rectangles and squares: perimeter, area and a missing side.

Knows lengths and their units; no circles and no roots.
"""

from __future__ import annotations

from smysl_forge.lexicon import name
from smysl_forge.story import Amount, Scene, Story

PLOTS = (
    "garden",
    "field",
    "yard",
    "room",
    "carpet",
    "playground",
    "park",
    "pool",
    "table",
    "picture",
    "floor",
    "wall",
    "lawn",
    "farm",
    "court",
    "poster",
    "rug",
    "window",
    "mirror",
    "parking lot",
    "vegetable patch",
    "classroom",
    "kitchen",
    "flag",
    "sheet of paper",
    "tablecloth",
    "board",
    "terrace",
)


UNITS = (
    ("m", "square metres"),
    ("meters", "square meters"),
    ("metres", "square metres"),
    ("cm", "square cm"),
    ("feet", "square feet"),
    ("cm", "cm²"),
    ("inches", "square inches"),
    ("m", "m²"),
    ("centimetres", "square centimetres"),
    ("yards", "square yards"),
    ("units", "square units"),
    ("ft", "sq ft"),
    ("km", "square kilometres"),
    ("", ""),
)


class Measure:
    """The length unit of one problem, the same throughout."""

    def __init__(self, s: Story) -> None:
        self.unit, self.square = s.rng.choice(UNITS)

    def of(self, s: Story, amount: Amount) -> str:
        """`12 m`."""
        return f"{s.render(amount)} {self.unit}".rstrip()


def sides(s: Story, high: int = 60) -> tuple[Amount, Amount]:
    """Two different lengths."""
    if s.rng.random() < 0.1:
        a, b = s.price(1, 20, 0.5), s.price(1, 20, 0.5)
    else:
        a, b = s.number(2, s.rng.choice((12, 30, high))), s.number(2, s.rng.choice((12, 30, high)))
    s.require(a.value != b.value)
    return a, b


def rectangle_text(s: Story, a: Amount, b: Amount, m: Measure) -> tuple[str, bool]:
    """A phrase or a sentence about a rectangle of sides a and b; says whether it is a sentence."""
    plot = s.rng.choice(PLOTS)
    words = {"a": m.of(s, a), "b": m.of(s, b), "p": plot}
    roll = s.rng.random()
    if roll < 0.45:
        return s.pick(
            "a rectangle with sides {a} and {b}",
            "a rectangle of length {a} and width {b}",
            "a rectangle with length {a} and width {b}",
            "a rectangle that is {a} long and {b} wide",
            "a {a} by {b} rectangle",
            "a rectangle measuring {a} by {b}",
            "a rectangle with a length of {a} and a width of {b}",
            "a rectangle whose sides are {a} and {b}",
            "a rectangular {p} that is {a} by {b}",
            "a {p} that is {a} long and {b} wide",
            "a {p} of {a} by {b}",
            "a rectangle {a} x {b}",
            "a rectangle of {a} times {b}",
        ).format(**words), False
    return s.pick(
        "A rectangle has sides of {a} and {b}.",
        "A rectangle is {a} long and {b} wide.",
        "The length of a rectangle is {a} and its width is {b}.",
        "A rectangular {p} is {a} long and {b} wide.",
        "A {p} is {a} long and {b} wide.",
        "A {p} measures {a} by {b}.",
        "A {p} is {a} by {b}.",
        "{o} has a rectangular {p}. It is {a} long and {b} wide.",
        "The {p} has a length of {a} and a width of {b}.",
        "The sides of a rectangle are {a} and {b}.",
        "A rectangle has a length of {a} and a width of {b}.",
        "There is a {p} with length {a} and width {b}.",
        "The {p} is {a} long. Its width is {b}.",
        "A rectangular {p} has sides {a} and {b}.",
        "My {p} is {a} long and {b} wide.",
        "The width of a rectangle is {a} and the length is {b}.",
    ).format(**words, o=name(s.rng)), True


PERIMETER = (
    "What is the perimeter of {x}?",
    "Find the perimeter of {x}.",
    "Calculate the perimeter of {x}.",
    "perimeter of {x}",
    "What's the perimeter of {x}?",
    "Compute the perimeter of {x}.",
    "How long is the perimeter of {x}?",
)


PERIMETER_IT = (
    "What is its perimeter?",
    "Find the perimeter.",
    "What is the perimeter?",
    "How long is its perimeter?",
    "Calculate its perimeter.",
    "How far is it around?",
    "How long is the way around it?",
    "What is the distance around it?",
    "How long is its border?",
    "perimeter?",
    "How long is the outline?",
)


AREA = (
    "What is the area of {x}?",
    "Find the area of {x}.",
    "Calculate the area of {x}.",
    "area of {x}",
    "What's the area of {x}?",
    "Compute the area of {x}.",
    "How big is the area of {x}?",
    "How large is {x}?",
)


AREA_IT = (
    "What is its area?",
    "Find the area.",
    "What is the area?",
    "Calculate its area.",
    "How big is its area?",
    "How large is the area?",
    "area?",
    "What area does it cover?",
    "How much surface does it have?",
    "Find its area.",
)


def rectangle(s: Story) -> None:
    """Perimeter or area of a rectangle."""
    a, b = sides(s)
    m = Measure(s)
    text, sentence = rectangle_text(s, a, b, m)
    area = s.rng.random() < 0.55
    answer = s.step(a * b) if area else s.step(s.step(a + b) * 2)
    if sentence:
        s.say(text)
        forms: tuple[str, ...] = AREA_IT if area else PERIMETER_IT
        if area and m.square and s.rng.random() < 0.2:
            forms = (
                f"How many {m.square} is that?",
                f"What is its area in {m.square}?",
                f"How many {m.square} does it cover?",
            )
        s.ask(*forms, answer=answer)
    else:
        s.ask(*(AREA if area else PERIMETER), answer=answer, x=text)


def square(s: Story) -> None:
    """Perimeter, area or side of a square."""
    m = Measure(s)
    kind = s.rng.randrange(4)
    plot = s.rng.choice(PLOTS)
    if kind < 2:
        a = s.number(2, s.rng.choice((12, 30, 90)))
        answer = s.step(a * a if kind else a * 4)
        words = {"a": m.of(s, a), "p": plot}
        if s.rng.random() < 0.5:
            text = s.pick(
                "a square with side {a}",
                "a square of side {a}",
                "a square with sides of {a}",
                "a square whose side is {a}",
                "a square {p} with side {a}",
                "a square with a side length of {a}",
                "a square that is {a} wide",
            ).format(**words)
            s.ask(*(AREA if kind else PERIMETER), answer=answer, x=text)
        else:
            s.say(
                s.pick(
                    "A square has a side of {a}.",
                    "The side of a square is {a}.",
                    "Each side of a square is {a} long.",
                    "A square {p} has sides of {a}.",
                    "A square {p} is {a} long on each side.",
                    "The sides of a square are {a} long.",
                ).format(**words)
            )
            s.ask(*(AREA_IT if kind else PERIMETER_IT), answer=answer)
        return
    a = s.number(4, 200, 4)
    s.say(
        "The perimeter of a square is {a}.",
        "A square has a perimeter of {a}.",
        "A square {p} has a perimeter of {a}.",
        "The fence around a square {p} is {a} long.",
        a=m.of(s, a),
        p=plot,
    )
    side = s.step(a / 4)
    if kind == 2:
        s.ask(
            "How long is each side?",
            "How long is one of its sides?",
            "What is the length of a side?",
            "Find the side.",
            "What is its side?",
            "How long is a side?",
            answer=side,
        )
    else:
        s.ask(*AREA_IT, answer=s.step(side * side))


def missing_side(s: Story) -> None:
    """A side from the area or the perimeter."""
    m = Measure(s)
    plot = s.rng.choice(PLOTS)
    area = s.rng.random() < 0.5
    a, b = s.rng.randint(2, 30), s.rng.randint(2, 30)
    measure = s.quantity(a * b if area else 2 * (a + b))
    side = s.quantity(a)
    answer = s.step(measure / side) if area else s.step(s.step(measure / 2) - side)
    unit = m.square if area else m.unit
    words = {
        "x": f"{s.render(measure)} {unit}".strip(),
        "a": m.of(s, side),
        "p": plot,
        "w": "area" if area else "perimeter",
    }
    long = s.rng.random() < 0.5
    words["k"], words["o"] = ("length", "width") if long else ("width", "length")
    words["l"], words["v"] = ("long", "wide") if long else ("wide", "long")
    s.say(
        s.pick(
            "The {w} of a rectangle is {x} and its {k} is {a}.",
            "A rectangle has {w} {x} and {k} {a}.",
            "A rectangular {p} has a {w} of {x}. It is {a} {l}.",
            "A {p} has a {w} of {x} and a {k} of {a}.",
            "The {w} of a {p} is {x}. Its {k} is {a}.",
            "A rectangle with a {k} of {a} has a {w} of {x}.",
            "A {p} is {a} {l} and has a {w} of {x}.",
        )
        .format(**words)
        .replace(" a area", " an area")
    )
    s.ask(
        "What is its {o}?",
        "How {v} is it?",
        "Find the {o}.",
        "What is the {o}?",
        "Find its {o}.",
        "Calculate the {o}.",
        "How long is the other side?",
        answer=answer,
        o=words["o"],
        v=words["v"],
    )


def related_sides(s: Story) -> None:
    """The length is given by the width: twice, or so much longer."""
    m = Measure(s)
    plot = s.pick("rectangle", "rectangular " + s.rng.choice(PLOTS))
    width = s.number(2, 40)
    s.say(
        "The width of a {p} is {a}.",
        "A {p} has a width of {a}.",
        "A {p} is {a} wide.",
        "A {p} has width {a}.",
        p=plot,
        a=m.of(s, width),
    )
    roll = s.rng.random()
    if roll < 0.4:
        more = s.number(2, 30)
        s.say(
            "Its length is {b} more than its width.",
            "It is {b} longer than it is wide.",
            "The length is {b} greater than the width.",
            "The length is {b} more.",
            b=m.of(s, more),
        )
        length = s.step(width + more)
    elif roll < 0.75:
        s.say(
            "Its length is twice its width.",
            "It is twice as long as it is wide.",
            "The length is double the width.",
            "The length is twice the width.",
        )
        length = s.step(width * 2)
    else:
        times = s.number(3, 6)
        s.say(
            "Its length is {b} times its width.",
            "It is {b} times as long as it is wide.",
            "The length is {b} times the width.",
            b=times,
        )
        length = s.step(width * times)
    roll = s.rng.random()
    if roll < 0.15:
        s.ask("How long is it?", "What is its length?", "Find the length.", answer=length)
    elif roll < 0.6:
        s.ask(*AREA_IT, answer=s.step(width * length))
    else:
        s.ask(*PERIMETER_IT, answer=s.step(s.step(width + length) * 2))


SCENES: dict[str, tuple[float, Scene]] = {
    "shape_rectangle": (2, rectangle),
    "shape_square": (1.2, square),
    "shape_missing_side": (1, missing_side),
    "shape_related_sides": (0.8, related_sides),
}
