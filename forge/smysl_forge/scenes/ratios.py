"""Scenes about ratios: for every two of these three of those, recipes, and things that double.

Knows whole-number ratios only.
"""

from __future__ import annotations

from smysl_forge.lexicon import name, names
from smysl_forge.scenes.arithmetic import digits
from smysl_forge.scenes.nouns import thing
from smysl_forge.story import Scene, Story

PAIRS = (
    ("boys", "girls"),
    ("cats", "dogs"),
    ("red beads", "blue beads"),
    ("apples", "oranges"),
    ("cups of flour", "eggs"),
    ("teachers", "students"),
    ("adults", "children"),
    ("cups of rice", "cups of water"),
    ("red roses", "white roses"),
    ("cars", "trucks"),
    ("cows", "horses"),
    ("pens", "pencils"),
    ("men", "women"),
    ("forks", "spoons"),
    ("lemons", "limes"),
    ("ducks", "geese"),
    ("comics", "novels"),
    ("black keys", "white keys"),
    ("spoons of sugar", "cups of coffee"),
    ("wins", "losses"),
    ("green marbles", "yellow marbles"),
    ("nails", "screws"),
    ("shirts", "ties"),
    ("buses", "vans"),
)


def for_every(s: Story) -> None:
    """For every two boys there are three girls."""
    one, other = s.rng.choice(PAIRS)
    if s.rng.random() < 0.5:
        one, other = other, one
    a, b = s.number(2, 9), s.number(2, 9)
    s.require(a.value != b.value)
    count = s.quantity(a.value * s.rng.randint(2, 15))
    s.say(
        "For every {a} {x} there are {b} {y}.",
        "There are {b} {y} for every {a} {x}.",
        "For every {a} {x} we need {b} {y}.",
        "For each {a} {x} there are {b} {y}.",
        "The ratio of {x} to {y} is {a} to {b}.",
        f"The ratio of {{x}} to {{y}} is {digits(a)}:{digits(b)}.",
        "{x} and {y} are in the ratio {a} to {b}.",
        a=a,
        b=b,
        x=one,
        y=other,
    )
    s.say(
        "There are {n} {x}.",
        "There are {n} {x} in total.",
        "We have {n} {x}.",
        "Someone counts {n} {x}.",
        n=count,
        x=one,
    )
    times = s.step(count / a)
    s.whole(times)
    s.ask(
        "How many {y} are there?",
        "How many {y}?",
        "How many {y} are there then?",
        "Find the number of {y}.",
        "What is the number of {y}?",
        answer=s.step(times * b),
        y=other,
    )


def ratio(s: Story) -> None:
    """A ratio and a total."""
    one, other = s.rng.choice(PAIRS)
    a, b = s.number(2, 9), s.number(2, 9)
    s.require(a.value != b.value)
    total = s.quantity((a.value + b.value) * s.rng.randint(2, 20))
    people = s.rng.random() < 0.4
    colon = (
        f"{digits(a)}{s.pick(':', ':', ' : ')}{digits(b)}"
        if s.rng.random() < 0.5
        else s._fill("{a} to {b}", {"a": a, "b": b})
    )
    if people:
        one, other = names(s.rng, 2)
        noun = s.pick(
            "dollars", "euros", "marbles", "sweets", "cookies", "stickers", "cards", thing(s.rng)[1]
        )
        s.say(
            "{x} and {y} share {n} {t} in the ratio {r}.",
            "{n} {t} are divided between {x} and {y} in the ratio {r}.",
            "{x} and {y} split {n} {t} in a ratio of {r}.",
            x=one,
            y=other,
            n=total,
            t=noun,
            r=colon,
        )
        ask = (
            f"How many {noun} does {{k}} get?",
            "How many does {k} get?",
            f"How many {noun} does {{k}} receive?",
        )
    else:
        s.say(
            "The ratio of {x} to {y} is {r}.",
            "{x} and {y} are in the ratio {r}.",
            x=one,
            y=other,
            r=colon,
        )
        s.say(
            "There are {n} in total.",
            "There are {n} in all.",
            "Together there are {n}.",
            "The total is {n}.",
            n=total,
        )
        ask = ("How many {k} are there?", "How many {k}?", "Find the number of {k}.")
    parts = s.step(a + b)
    unit = s.step(total / parts)
    first = s.rng.random() < 0.5
    s.ask(*ask, answer=s.step(unit * a if first else unit * b), k=one if first else other)


def scaled(s: Story) -> None:
    """A recipe or a mixture for more servings."""
    stuff, unit = s.rng.choice(
        (
            ("flour", "cups"),
            ("sugar", "spoons"),
            ("milk", "cups"),
            ("rice", "grams"),
            ("butter", "grams"),
            ("water", "litres"),
            ("eggs", ""),
            ("tomatoes", ""),
            ("paint", "litres"),
            ("honey", "spoons"),
        )
    )
    dish = s.pick(
        "cookies",
        "pancakes",
        "people",
        "servings",
        "muffins",
        "cakes",
        "portions",
        "guests",
        "waffles",
        "pizzas",
    )
    a, b = s.number(2, 12), s.number(2, 12)
    more = s.number(4, 60)
    amount = f"{{a}} {unit} of {stuff}" if unit else f"{{a}} {stuff}"
    s.say(
        f"A recipe for {{b}} {dish} needs {amount}.",
        f"To make food for {{b}} {dish} you need {amount}."
        if dish in ("people", "guests")
        else f"To make {{b}} {dish} you need {amount}.",
        f"{{b}} {dish} take {amount}.",
        f"{name(s.rng)} uses {amount} for {{b}} {dish}.",
        a=a,
        b=b,
    )
    wanted = f"many {unit} of {stuff}" if unit else f"many {stuff}"
    scale = s.step(more / b)
    s.whole(scale)
    s.require(scale > 1)
    s.ask(
        f"How {wanted} are needed for {{m}} {dish}?",
        f"How {wanted} do you need for {{m}} {dish}?",
        f"How {wanted} for {{m}} {dish}?",
        f"For {{m}} {dish}, how {wanted} are needed?",
        answer=s.step(scale * a),
        m=more,
    )


DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


GROWING = (
    "number of bacteria",
    "number of rabbits",
    "number of members",
    "amount of algae",
    "number of ants",
    "price of a stamp",
    "number of fans",
    "height of the plant",
    "number of players",
    "weight of the ball of wool",
    "number of visitors",
    "length of the queue",
)


def doubling(s: Story) -> None:
    """Doubles, triples or halves on named days: how often is in words, for a slot would hide it."""
    factor, verb = s.rng.choice(((2, "doubles"), (2, "doubles"), (3, "triples"), (2, "halves")))
    periods = s.rng.choice((1, 2, 2, 3))
    what = s.rng.choice(GROWING)
    start = s.quantity(s.rng.randint(2, 60) * (factor**periods if verb == "halves" else 1))
    first = s.rng.randrange(3)
    again = " and ".join(
        (f"on {DAYS[first + 1]}", f"again on {DAYS[first + 2]}", f"again on {DAYS[first + 3]}")[
            :periods
        ]
    )
    s.say(
        f"On {DAYS[first]} the {what} is {{n}}.", f"The {what} is {{n}} on {DAYS[first]}.", n=start
    )
    s.say(f"It {verb} {again}.", f"The {what} {verb} {again}.", f"Then it {verb} {again}.")
    current = start
    for _ in range(periods):
        current = s.step(current / factor if verb == "halves" else current * factor)
    day = DAYS[first + periods]
    s.ask(
        f"What is it on {day}?",
        f"What is the {what} on {day}?",
        "What is it then?",
        f"How large is it on {day}?",
        "What is it in the end?",
        answer=current,
    )


SCENES: dict[str, tuple[float, Scene]] = {
    "part_for_every": (1, for_every),
    "part_ratio": (1, ratio),
    "part_scaled": (0.8, scaled),
    "part_doubling": (0.5, doubling),
}
