"""Scenes about triangles, boxes and regular polygons.

Knows no circles and no roots.
"""

from __future__ import annotations

from smysl_forge.scenes.arithmetic import digits
from smysl_forge.scenes.rectangles import AREA, AREA_IT, PERIMETER, PERIMETER_IT, Measure
from smysl_forge.story import Scene, Story


def triangle(s: Story) -> None:
    """Perimeter, area, missing side or missing angle of a triangle."""
    m = Measure(s)
    kind = s.rng.randrange(6)
    if kind == 0:
        a, b, c = s.number(3, 60), s.number(3, 60), s.number(3, 60)
        s.require(2 * max(a.value, b.value, c.value) < a.value + b.value + c.value)
        words = {"a": m.of(s, a), "b": m.of(s, b), "c": m.of(s, c)}
        answer = s.step(s.step(a + b) + c)
        if s.rng.random() < 0.5:
            s.ask(
                *PERIMETER,
                answer=answer,
                x=s.pick(
                    "a triangle with sides {a}, {b} and {c}",
                    "a triangle whose sides are {a}, {b} and {c}",
                    "a triangle with side lengths {a}, {b}, {c}",
                ).format(**words),
            )
        else:
            s.say(
                s.pick(
                    "A triangle has sides {a}, {b} and {c}.",
                    "The sides of a triangle are {a}, {b} and {c}.",
                    "The sides of a triangle measure {a}, {b}, and {c}.",
                    "A triangular garden has sides of {a}, {b} and {c}.",
                ).format(**words)
            )
            s.ask(*PERIMETER_IT, answer=answer)
    elif kind == 1:
        base, height = s.number(2, 50), s.number(2, 50)
        answer = s.step(base * height / 2)
        words = {"a": m.of(s, base), "b": m.of(s, height)}
        if s.rng.random() < 0.5:
            s.ask(
                *AREA,
                answer=answer,
                x=s.pick(
                    "a triangle with base {a} and height {b}",
                    "a triangle of base {a} and height {b}",
                    "a triangle with a base of {a} and a height of {b}",
                    "a right triangle with legs {a} and {b}",
                ).format(**words),
            )
        else:
            s.say(
                s.pick(
                    "The base of a triangle is {a} and its height is {b}.",
                    "A triangle has a base of {a} and a height of {b}.",
                    "A triangle is {a} wide at the base and {b} high.",
                ).format(**words)
            )
            s.ask(*AREA_IT, answer=answer)
    elif kind == 2:
        a, b = s.number(20, 100), s.number(20, 100)
        s.require(a.value + b.value < 170)
        deg = s.pick(" degrees", " degrees", "°", " deg")
        s.say(
            "Two angles of a triangle are {a} and {b}.",
            "A triangle has angles of {a} and {b}.",
            "In a triangle, two angles measure {a} and {b}.",
            "The angles of a triangle are {a}, {b} and x.",
            a=digits(a) + deg,
            b=digits(b) + deg,
        )
        s.ask(
            "What is the third angle?",
            "Find the third angle.",
            "How big is the third angle?",
            "What is the missing angle?",
            "Find the missing angle.",
            "How many degrees is the remaining angle?",
            answer=s.step(180 - s.step(a + b)),
        )
    elif kind == 3:
        a, b, p = s.number(3, 40), s.number(3, 40), s.number(20, 120)
        third = s.step(p - s.step(a + b))
        s.require(third > 0 and 2 * max(a.value, b.value, third.value) < p.value)
        s.say(
            "The perimeter of a triangle is {p}.",
            "A triangle has a perimeter of {p}.",
            p=m.of(s, p),
        )
        s.say(
            "Two of its sides are {a} and {b}.",
            "Two sides measure {a} and {b}.",
            "Two sides are {a} and {b} long.",
            a=m.of(s, a),
            b=m.of(s, b),
        )
        s.ask(
            "How long is the third side?",
            "What is the third side?",
            "Find the third side.",
            "What is the length of the other side?",
            answer=third,
        )
    elif kind == 4:
        a = s.number(2, 60)
        s.say(
            "An equilateral triangle has a side of {a}.",
            "The side of an equilateral triangle is {a}.",
            "Each side of a triangle is {a} long.",
            "All sides of a triangle are {a}.",
            a=m.of(s, a),
        )
        s.ask(*PERIMETER_IT, answer=s.step(a * 3))
    else:
        a = s.number(10, 80)
        deg = s.pick(" degrees", "°")
        if s.rng.random() < 0.5:
            s.say(
                "One acute angle of a right triangle is {a}.",
                "A right triangle has an angle of {a} besides the right angle.",
                a=digits(a) + deg,
            )
            s.ask(
                "What is the other acute angle?",
                "Find the remaining acute angle.",
                "How big is the third angle?",
                answer=s.step(90 - a),
            )
        else:
            s.say(
                "Two angles lie on a straight line. One is {a}.",
                "An angle on a straight line is {a}.",
                "Two supplementary angles: the first is {a}.",
                a=digits(a) + deg,
            )
            s.ask(
                "What is the other angle?",
                "Find the other angle.",
                "How big is the other angle?",
                answer=s.step(180 - a),
            )


def box(s: Story) -> None:
    """Volume of a box or a cube, and its missing edge."""
    m = Measure(s)
    thing = s.pick(
        "box",
        "box",
        "cuboid",
        "rectangular box",
        "tank",
        "pool",
        "glass case",
        "crate",
        "room",
        "rectangular prism",
        "container",
        "drawer",
        "brick",
        "fish tank",
    )
    kind = s.rng.randrange(5)
    if kind == 4:
        a = s.number(2, 20)
        s.ask(
            "What is the volume of a cube with side {a}?",
            "A cube has an edge of {a}. What is its volume?",
            "Find the volume of a cube with edges of {a}.",
            "The side of a cube is {a}. Find its volume.",
            "volume of a cube with side {a}",
            a=m.of(s, a),
            answer=s.step(s.step(a * a) * a),
        )
        return
    a, b, c = s.number(2, 20), s.number(2, 20), s.number(2, 20)
    if kind == 3:
        base = s.step(a * b)
        volume = s.quantity(base.value * c.value)
        s.given.remove(c)
        volume.expression = "g2"
        s.say(
            "A {t} is {a} long and {b} wide.",
            "The base of a {t} measures {a} by {b}.",
            t=thing,
            a=m.of(s, a),
            b=m.of(s, b),
        )
        s.say("Its volume is {v}.", "It has a volume of {v}.", "The volume is {v}.", v=volume)
        s.ask(
            "How high is it?",
            "What is its height?",
            "Find the height.",
            answer=s.step(volume / base),
        )
        return
    words = {"a": m.of(s, a), "b": m.of(s, b), "c": m.of(s, c), "t": thing}
    answer = s.step(s.step(a * b) * c)
    if s.rng.random() < 0.5:
        s.ask(
            "What is the volume of {x}?",
            "Find the volume of {x}.",
            "Calculate the volume of {x}.",
            "volume of {x}",
            "Compute the volume of {x}.",
            answer=answer,
            x=s.pick(
                "a {t} with sides {a}, {b} and {c}",
                "a {t} that is {a} long, {b} wide and {c} high",
                "a {t} measuring {a} by {b} by {c}",
                "a {a} by {b} by {c} {t}",
                "a {t} of length {a}, width {b} and height {c}",
            ).format(**words),
        )
    else:
        s.say(
            s.pick(
                "A {t} is {a} long, {b} wide and {c} high.",
                "A {t} measures {a} by {b} by {c}.",
                "A {t} has a length of {a}, a width of {b} and a height of {c}.",
                "The edges of a {t} are {a}, {b} and {c}.",
                "The {t} is {a} long, {b} wide and {c} deep.",
            ).format(**words)
        )
        s.ask(
            "What is its volume?",
            "Find the volume.",
            "What is the volume?",
            "How big is its volume?",
            "Calculate its volume.",
            "How much space is inside?",
            "volume?",
            answer=answer,
        )


NAMED = (
    ("pentagon", 5),
    ("hexagon", 6),
    ("octagon", 8),
    ("rhombus", 4),
    ("decagon", 10),
    ("heptagon", 7),
    ("equilateral triangle", 3),
)


def polygon(s: Story) -> None:
    """Perimeter of a regular polygon, and its side."""
    m = Measure(s)
    kind, corners = s.rng.choice(NAMED)
    regular = kind if kind in ("rhombus", "equilateral triangle") else "regular " + kind
    article = "an" if regular[0] == "e" else "a"
    if s.rng.random() < 0.6:
        a = s.number(2, 50)
        s.ask(
            f"What is the perimeter of {article} {regular} with side {{a}}?",
            f"The side of {article} {regular} is {{a}}. What is its perimeter?",
            f"Each side of {article} {regular} is {{a}} long. Find the perimeter.",
            f"Find the perimeter of {article} {regular} with sides of {{a}}.",
            answer=s.step(a * corners),
            a=m.of(s, a),
        )
    else:
        a = s.quantity(corners * s.rng.randint(2, 40))
        s.ask(
            f"The perimeter of {article} {regular} is {{a}}. How long is each side?",
            f"{article} {regular} has a perimeter of {{a}}. What is the length of a side?",
            f"If the perimeter of {article} {regular} is {{a}}, how long is a side?",
            answer=s.step(a / corners),
            a=m.of(s, a),
        )


SCENES: dict[str, tuple[float, Scene]] = {
    "shape_triangle": (1.5, triangle),
    "shape_box": (1, box),
    "shape_polygon": (0.6, polygon),
}
