"""Scenes of bare relations: number riddles, sums and differences, averages, rectangles, ages.

Knows relations between a few numbers and the people who state them.
"""

from __future__ import annotations

from fractions import Fraction

from smysl_forge.scenes.forms_voice import Voice
from smysl_forge.story import Amount, Scene, Story

THINKING = (
    "{A} [think] of a number", "{A} [have] a number in mind", "{A} [pick] a (secret|mystery) number", "somebody thinks of a number", "there is a secret number", "{A} [choose] a number", "take some number", "a number is hidden in a box", "{A} [write] a number on a card",
    "guess {his} number", "there is a number on the blackboard, but it is covered",
)  # fmt: skip


def riddle(s: Story) -> None:
    """What was done to a number and what came out: undo it."""
    s.problem = "equation"
    v = Voice(s, tense="present")
    x = s.rng.randint(2, 40)
    value = Fraction(x)
    clauses: list[str] = []
    undo: list[tuple[str, Amount | None]] = []
    for i in range(s.rng.choice((1, 2, 2, 2, 3))):
        op = s.rng.choice("+-*/dh+-*")
        key = f"k{i}"
        it = "(it|the number|that number)" if not i else "(it|the result|that)"
        if op in "dh":
            s.require(not undo or undo[-1][0] not in "dh")
            clauses.append(f"[double] {it}" if op == "d" else f"[halve] {it}")
            value = value * 2 if op == "d" else value / 2
            undo.append((op, None))
        else:
            n = s.rng.randint(2, 9 if op in "*/" else 30)
            amount = s.quantity(n)
            v.w[key] = amount
            value = {"+": value + n, "-": value - n, "*": value * n, "/": value / n}[op]
            words = {
                "+": f"([add] {{{key}}}|[add] {{{key}}} to {it}|[increase] {it} by {{{key}}})", "-": f"([subtract] {{{key}}}|[take] away {{{key}}}|[take] {{{key}}} away from {it}|[subtract] {{{key}}} from {it})",
                "*": f"([multiply] {it} by {{{key}}}|[multiply] by {{{key}}})", "/": f"([divide] {it} by {{{key}}}|[divide] by {{{key}}})",
            }  # fmt: skip
            clauses.append(words[op])
            undo.append((op, amount))
        s.require(value.denominator == 1 and 0 < value < 1000)
    result = s.quantity(value)
    v.put(r=result)
    current = result
    for op, known in reversed(undo):
        if known is None:
            current = s.step(current / 2 if op == "d" else current * 2)
        else:
            current = s.step(current - known if op == "+" else current + known if op == "-" else current / known if op == "*" else current * known)
    v.simple = False
    chain = ", ".join(clauses[:-1]) + (" and then " if len(clauses) > 1 else "") + clauses[-1]
    style = s.rng.randrange(3)
    if style == 0:
        v.tell(*(f for f in THINKING if "{A}" in f))
        v.tell(f"{{he}} {chain}")
        v.tell("the result is {r}", "{he} [get] {r}", "now it is {r}", "that gives {r}", "in the end {he} [have] {r}", "out comes {r}")
    elif style == 1:
        plain = chain.replace("[", "").replace("]", "")
        v.tell(*(f for f in THINKING if "{A}" not in f and "guess" not in f))
        v.tell(f"if you {plain}, you get {{r}}", f"{plain} and you get {{r}}", f"when you {plain}, the result is {{r}}", f"{plain}; the answer is {{r}}")
    else:
        v.tell(f"{{A}} [take] a number. {{he}} {chain} and [get] {{r}}", f"{{A}} [start] with a number, {chain} and [end] up with {{r}}")
    v.ask("what (is|was) the number?", "what number is it?", "which number was it?", "what is {his} number?" if style != 1 else "what number is that?", "find the number.", "what was the number at the start?", "can you find the number?", "with which number did {A} start?" if style != 1 else "which number is hidden?", answer=current)


def described(s: Story) -> None:
    """A number told by another: 7 more than twice 15, half of what is 4 less than 30."""
    v = Voice(s, tense="present")
    a, b = s.number(3, 60), s.number(2, 30)
    v.put(a=a, b=b)
    kind = s.rng.randrange(6)
    if kind == 0:
        text, answer = "{b} more than (twice|double) {a}", s.step(s.step(a * 2) + b)
    elif kind == 1:
        text, answer = "{b} less than (twice|double) {a}", s.step(s.step(a * 2) - b)
    elif kind == 2:
        text, answer = "half of {a}, plus {b}", s.step(s.step(a / 2) + b)
    elif kind == 3:
        c = s.number(2, 9)
        v.put(c=c)
        text, answer = "{c} times as big as the sum of {a} and {b}", s.step(c * s.step(a + b))
    elif kind == 4:
        text, answer = "{b} more than {a}", s.step(a + b)
    else:
        c = s.number(2, 9)
        v.put(c=c)
        text, answer = "{b} more than {c} times {a}", s.step(s.step(c * a) + b)
    s.whole(answer)
    v.put(text=v.expand(text), o=s.pick("house", "room", "page", "ticket", "bus", "locker", "platform", "seat"))
    v.tell("{As} number is {text}", "the number on {As} card is {text}", "the number of {As} {o} is {text}", "{A} [think] of a number that is {text}", "the secret code is {text}", "a number is {text}", "{A} [say]: my number is {text}")
    v.simple = False
    v.ask("what (number|) is it?", "which number is that?", "what is the number?", "what number is that?", "find it.", "find the number.", answer=answer)


def sum_and_difference(s: Story) -> None:
    """Two numbers with a known sum and difference, or sum and ratio."""
    s.problem = "equation"
    v = Voice(s, tense="present")
    small = s.rng.randint(2, 90)
    if s.rng.random() < 0.65:
        apart = s.quantity(s.rng.randint(1, 40))
        total = s.quantity(2 * small + apart.value)
        v.put(s=total, d=apart)
        v.tell("two numbers (add up to|sum to|have a sum of|make) {s}", "the sum of two numbers is {s}", "{A} [write] down two numbers. Their sum is {s}", "{A} [think] of two numbers that make {s} together", "together two numbers are {s}")
        v.tell("their difference is {d}", "one of them is {d} (more|larger|bigger|greater) than the other", "the larger one is {d} more than the smaller one", "the difference between them is {d}", "they differ by {d}", "one is {d} less than the other")
        large = s.rng.random() < 0.5
        word = "(larger|bigger|greater)" if large else "(smaller|lesser)"
        v.ask(f"what is the {word} number?", f"find the {word} number.", f"what is the {word} one?", f"which number is the {word} one?", answer=s.step(s.step(total + apart if large else total - apart) / 2))
        return
    k = s.quantity(s.rng.randint(3, 9))
    total = s.quantity(small * (k.value + 1))
    v.put(s=total, k=k)
    v.tell("the sum of two numbers is {s}", "two numbers (add up to|make) {s}", "{A} [think] of two numbers with the sum {s}")
    v.tell("one is {k} times the other", "one of them is {k} times as big as the other", "the larger is {k} times the smaller")
    part = s.step(total / s.step(k + 1))
    if s.rng.random() < 0.6:
        v.ask("what is the smaller number?", "find the smaller one.", "what is the smaller one?", answer=part)
    else:
        v.ask("what is the larger number?", "find the bigger one.", "what is the larger one?", answer=s.step(total - part))


SCORES: tuple[tuple[str, str, str, int, int], ...] = (
    ("{A} [get] {list} points in {n} tests", "points", "test", 40, 100), ("{A} [run] {list} km on {n} days", "km", "day", 3, 15), ("the temperatures on {n} days were {list} degrees", "degrees", "day", 8, 30), ("{A} [sell] {list} cakes in {n} weeks", "cakes", "week", 10, 60), ("{n} friends weigh {list} kg", "kg", "friend", 30, 80),
    ("{A} [read] {list} pages on {n} evenings", "pages", "evening", 10, 60), ("{n} boxes weigh {list} pounds", "pounds", "box", 5, 40), ("in {n} games {A} [score] {list} points", "points", "game", 5, 40), ("{n} plants are {list} cm tall", "cm", "plant", 10, 60), ("{A} [sleep] {list} hours in {n} nights", "hours", "night", 5, 10),
    ("{n} children are {list} years old", "years", "child", 4, 14), ("{A} [catch] {list} fish on {n} trips", "fish", "trip", 2, 20), ("{n} buses carried {list} people", "people", "bus", 10, 60), ("{n} phone calls took {list} minutes", "minutes", "call", 3, 40),
)  # fmt: skip


def average(s: Story) -> None:
    """The average of a few values; the missing one; the total from the average."""
    v = Voice(s)
    fact, unit, one, low, high = s.rng.choice(SCORES)
    count = s.rng.choice((2, 3, 3, 4, 4, 5))
    kind = s.rng.randrange(4)
    values = [s.rng.randint(low, high) for _ in range(count)]
    s.require(sum(values) % count == 0)
    v.put(one=one, u=unit, ones={"box": "boxes", "child": "children", "bus": "buses"}.get(one, one + "s"))
    mean = sum(values) // count
    v.simple = False
    if kind < 2:
        pieces = [s.quantity(value) for value in values]
        total = pieces[0]
        for piece in pieces[1:]:
            total = s.step(total + piece)
        listed = [s.render(piece) for piece in pieces]
        n = s.quantity(count)
        v.put(n=n, list=", ".join(listed[:-1]) + " and " + listed[-1])
        v.tell(fact)
        v.ask("what is the average?", "what is the (average|mean) per {one}?", "how many {u} is that on average?", "what is the mean?", "find the average.", "on average, how many {u} per {one}?", answer=s.step(total / n))
    elif kind == 2:
        m, n = s.quantity(mean), s.quantity(count)
        v.put(m=m, n=n)
        v.tell("the average of {n} {ones} is {m} {u}", "{n} {ones} have an average of {m} {u}", "on average it is {m} {u} per {one}, and there are {n} {ones}")
        v.ask("what is the total?", "how many {u} is that (in total|altogether|in all)?", "what do all of them add up to?", answer=s.step(m * n))
    else:
        last = s.rng.randrange(count)
        known_values = [value for i, value in enumerate(values) if i != last]
        s.require(count > 2)
        m, n = s.quantity(mean), s.quantity(count)
        pieces = [s.quantity(value) for value in known_values]
        listed = [s.render(piece) for piece in pieces]
        v.put(m=m, n=n, list=", ".join(listed[:-1]) + " and " + listed[-1])
        v.tell("the average of {n} {ones} is {m} {u}", "{n} {ones} have an average of {m} {u}", "the mean of {n} {ones} is {m} {u}")
        v.tell("the others are {list}", "all but one are known: {list}", "we know these: {list}", "the first ones are {list}")
        full = s.step(m * n)
        total = pieces[0]
        for piece in pieces[1:]:
            total = s.step(total + piece)
        v.ask("what is the (last|missing|unknown) (one|value|number)?", "how many {u} is the missing {one}?", "find the missing number.", "what must the last {one} be?", answer=s.step(full - total))


PLOTS = ("garden", "field", "room", "pool", "carpet", "poster", "yard", "playground", "table top", "wall", "sports ground", "meadow", "kitchen floor", "window", "blanket", "parking lot", "stage", "terrace", "flower bed", "picture", "sheet of paper", "vegetable patch", "barn", "classroom")


def rectangle(s: Story) -> None:
    """Perimeter, area, a missing side, fences, tiles and paint."""
    v = Voice(s, tense="present")
    what = s.rng.choice(PLOTS)
    tiny = what in ("poster", "window", "picture", "sheet of paper", "blanket", "table top")
    u = s.pick("cm", "centimetres", "inches") if tiny else s.pick("m", "metres", "meters", "feet", "yards")
    a, b = s.number(3, 40), s.number(2, 30)
    s.require(a > b)
    v.put(x=what, u=u, a=a, b=b)
    sides = ("{A} [have] a (rectangular |){x} that is {a} {u} long and {b} {u} wide", "a {x} is {a} {u} long and {b} {u} wide", "a rectangular {x} measures {a} by {b} {u}", "the sides of a {x} are {a} {u} and {b} {u}", "the length of a {x} is {a} {u} and its width is {b} {u}", "{As} {x} is {a} {u} by {b} {u}")
    kind = s.rng.randrange(7)
    if kind < 2:
        v.tell(*sides)
        v.ask("what is the area?", "how many square {u} is it?", "what is its area in square {u}?", "how big is the area?", "how many square {u} does it cover?", "find the area of the {x}.", answer=s.step(a * b))
    elif kind < 4:
        v.tell(*sides)
        around = s.step(s.step(a + b) * 2)
        if s.rng.random() < 0.4:
            p = s.number(2, 20)
            v.cash("p", p)
            v.tell("a border around it costs {p} for each unit of length" if tiny else "a fence around it costs {p} for each {one_u}")
            v.put(one_u={"m": "metre", "metres": "metre", "meters": "meter", "feet": "foot", "yards": "yard"}.get(u, u))
            v.ask("{how_much} does the (whole|entire) (fence|edge) cost?".replace("(fence|edge)", "edge" if tiny else "fence"), "what does it cost in total?", "{how_much} is that altogether?", answer=s.step(around * p))
            return
        v.ask("what is the perimeter?", "how long is the way around it?", "how many {u} of (edge|border) does it have?", "how many {u} is it all the way around?", "find the perimeter.", "how many {u} of tape go around it once?" if tiny else "how many {u} of fence go around it?", answer=around)
    elif kind == 4:
        area = s.quantity(a.value * b.value)
        s.given.remove(b)
        area.expression = "g1"
        s.given[0].expression = "g0"
        v.put(a=a, r=area)
        v.tell("a {x} has an area of {r} square {u}. It is {a} {u} long", "the area of a {x} is {r} square {u} and its length is {a} {u}", "{As} {x} covers {r} square {u} and is {a} {u} long")
        v.ask("how wide is it?", "what is the width?", "find its width.", "how many {u} wide is it?", answer=s.step(area / a))
    elif kind == 5:
        around = s.quantity(2 * (a.value + b.value))
        s.given.remove(b)
        around.expression = "g1"
        v.put(a=a, r=around)
        v.tell("the perimeter of a (rectangular |){x} is {r} {u}. One side is {a} {u}", "around a (rectangular |){x} it is {r} {u}. It is {a} {u} long")
        v.ask("how long is the other side?" if "One side" in v.facts[0] else "how wide is it?", "what is the other side?" if "One side" in v.facts[0] else "what is the width?", answer=s.step(s.step(around / 2) - a))
    else:
        square = s.number(2, 25)
        v.put(a=square)
        v.tell("a square {x} has sides of {a} {u}", "each side of a square {x} is {a} {u} long", "{A} [have] a square {x}, {a} {u} on each side")
        if s.rng.random() < 0.5:
            v.ask("what is the area?", "what is its area in square {u}?", answer=s.step(square * square))
        else:
            v.ask("what is the perimeter?", "how many {u} is it around?", "how far is it once around?", answer=s.step(square * 4))


def ages(s: Story) -> None:
    """How old people are, were and will be, told by each other."""
    v = Voice(s, 1, tense="present")
    s.require(v.hero.who != "I" or s.rng.random() < 0.8)
    kind = s.rng.randrange(7)
    a = s.number(4, 50)
    if kind == 0:
        k = s.number(2, 30)
        v.put(a=a, k=k)
        later = s.rng.random() < 0.5
        if later:
            v.tell("{A} [be] {a} (years old|) (now|today)", "{A} [be] {a} years old")
            v.ask("how old will {A} be in {k} years?", "what age will {A} be in {k} years?", "in {k} years, how old will {he} be?", answer=s.step(a + k))
        else:
            s.require(a > k + 1)
            v.tell("{A} [be] {a} (years old|) (now|today)", "{A} [be] {a} years old")
            v.ask("how old was {A} {k} years ago?", "what was {As} age {k} years ago?", "{k} years ago, how old was {he}?", answer=s.step(a - k))
            s.require(v.hero.who != "you")
    elif kind == 1:
        k = s.number(2, 20)
        older = s.rng.random() < 0.5
        v.put(a=a, k=k)
        s.require(older or a > k + 1)
        v.tell("{A} [be] {a} years old", "{A} [be] {a}", "{As} age is {a}")
        v.tell("{B} is {k} years (older|older than {Ao})" if older else "{B} is {k} years (younger|younger than {Ao})")
        other = s.step(a + k if older else a - k)
        if s.rng.random() < 0.5:
            v.ask("how old is {B}?", "what is {B}'s age?", "find {B}'s age.", answer=other)
        else:
            v.ask("how old are they together?", "what is the sum of their ages?", "together they are how old?", answer=s.step(a + other))
    elif kind == 2:
        f = s.number(3, 6)
        v.put(a=a, k=f)
        s.require(a.value * f.value < 99)
        v.tell("{A} [be] {a} years old", "{A} [be] {a}")
        v.tell("{B} is {k} times as old", "{B} is {k} times as old as {A}", "{B}'s age is {k} times that")
        other = s.step(a * f)
        m = s.number(2, 15)
        v.put(m=m)
        if s.rng.random() < 0.5:
            v.ask("how old will {B} be in {m} years?", "what will {B}'s age be in {m} years?", answer=s.step(other + m))
        else:
            s.require(other > m + 1)
            v.ask("how old was {B} {m} years ago?", "what was {B}'s age {m} years ago?", answer=s.step(other - m))
    elif kind == 3:
        k, m = s.number(2, 20), s.number(2, 15)
        v.put(k=k, m=m, a=a)
        s.require(a > m + 1)
        s.require(v.hero.who != "I")
        v.tell("in {m} years {A} will be {a}", "{m} years from now {A} will be {a} years old")
        now = s.step(a - m)
        if s.rng.random() < 0.4:
            v.ask("how old {is} {A} (now|today)?", "what is {As} age now?", answer=now)
            return
        v.tell("{B} is {k} years older", "{B} is {k} years older than {Ao}")
        v.ask("how old is {B} (now|today)?", "what is {B}'s age now?", answer=s.step(now + k))
    elif kind == 4:
        s.given.clear()
        old = s.rng.randint(6, 40)
        apart = s.quantity(s.rng.randint(2, 25))
        total = s.quantity(2 * old + apart.value)
        v.put(s=total, d=apart)
        v.tell("{A} and {B} are {s} years old together", "the ages of {A} and {B} add up to {s}", "together {A} and {B} are {s}")
        v.tell("{A} [be] {d} years older", "{B} is {d} years younger", "{B} is {d} years younger than {Ao}")
        elder = s.rng.random() < 0.5
        answer = s.step(s.step(total + apart if elder else total - apart) / 2)
        if elder:
            v.ask("how old {is} {A}?", "what is {As} age?", answer=answer)
        else:
            v.ask("how old is {B}?", "what is {B}'s age?", answer=answer)
    elif kind == 5:
        half = s.rng.random() < 0.5
        s.require(a.value % 2 == 0 or not half)
        m = s.number(2, 12)
        v.put(a=a, m=m)
        v.tell("{A} [be] {a} years old", "{A} [be] {a}")
        v.tell("{B} is half as old" if half else "{B} is twice as old", "{B} is half {As} age" if half else "{B} is twice {As} age", "{B} is half as old as {A}" if half else "{B} is twice as old as {A}")
        other = s.step(a / 2 if half else a * 2)
        v.ask("how old will {B} be in {m} years?", "in {m} years, how old will {B} be?", answer=s.step(other + m))
    else:
        child = s.number(2, 14)
        v.put(a=a, c=child)
        s.require(a > child + 4)
        v.tell("{A} [be] {a} and {B} is {c}", "{A} [be] {a} years old. {B} is {c}")
        v.ask("how old was {A} when {B} was born?", "how many years older {is} {A} than {B}?", "what is the difference between their ages?", "how much older {is} {A}?", answer=s.step(a - child))
        s.require(v.hero.who != "you")


SCENES: dict[str, tuple[float, Scene]] = {
    "forms_riddle": (1.2, riddle),
    "forms_described": (0.7, described),
    "forms_sum_and_difference": (0.8, sum_and_difference),
    "forms_average": (1.0, average),
    "forms_rectangle": (1.1, rectangle),
    "forms_ages": (1.3, ages),
}
