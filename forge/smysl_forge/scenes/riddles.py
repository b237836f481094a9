"""Equations in words: I think of a number, a number plus five is twelve, two numbers with a sum.

Knows one unknown number; no letters.
"""

from __future__ import annotations

from fractions import Fraction

from smysl_forge.scenes.arithmetic import digits
from smysl_forge.scenes.worded import THEN
from smysl_forge.story import Amount, Scene, Story

ASK_NUMBER = (
    "What is the number?",
    "What is the number?",
    "Find the number.",
    "What's the number?",
    "What number is it?",
    "which number?",
    "Which number is it?",
    "What number?",
    "Find that number.",
    "Can you find the number?",
    "What was the number?",
    "number?",
    "Determine the number.",
    "What could the number be?",
    "What is it?",
    "Name the number.",
)


THINKER = (
    "I think of a number",
    "I am thinking of a number",
    "I'm thinking of a number",
    "Think of a number",
    "I have a number in mind",
    "I choose a number",
    "I pick a number",
    "Take some number",
    "Choose a number",
    "I take a number",
    "I start with a number",
    "Imagine a number",
    "Pick any number",
    "I begin with an unknown number",
    "Start with some number",
    "I write down a number",
)


RESULT = (
    "The result is {r}.",
    "The answer is {r}.",
    "I get {r}.",
    "This gives {r}.",
    "You get {r}.",
    "The outcome is {r}.",
    "It equals {r}.",
    "The final result is {r}.",
    "Now it is {r}.",
    "It ends up as {r}.",
    "That makes {r}.",
    "I end with {r}.",
)


def riddle(s: Story) -> None:
    """I think of a number, do this and that to it, and get a result."""
    s.problem = "equation"
    parts: list[str] = []
    undo: list[tuple[str, Amount | None]] = []
    value = s.rng.randint(1, 40)
    for _ in range(s.rng.choice((1, 2, 2, 2, 3, 3))):
        kind = s.rng.choice("++--**/dh")
        if kind in "dh":
            value = value * 2 if kind == "d" else value // 2
            parts.append(s.rng.choice(THEN[kind] if parts else THEN[kind][:1]))
            undo.append((kind, None))
            continue
        other = s.number(2, 9 if kind in "*/" else 30)
        value = {
            "+": value + int(other),
            "-": value - int(other),
            "*": value * int(other),
            "/": value // int(other),
        }[kind]
        parts.append(s._fill(s.rng.choice(THEN[kind] if parts else THEN[kind][:2]), {"b": other}))
        undo.append((kind, other))
    s.require(value > 0)
    result = s.quantity(value)
    current: Amount = result
    for kind, operand in reversed(undo):
        if operand is None:
            current = s.step(current / 2 if kind == "d" else current * 2)
        elif kind in "+-":
            current = s.step(current - operand if kind == "+" else current + operand)
        else:
            current = s.step(current / operand if kind == "*" else current * operand)
        s.whole(current)
    s.require(current > 0)
    joined = (
        parts[0]
        if len(parts) == 1
        else ", ".join(parts[:-1]) + s.pick(" and ", " and then ", ", then ") + parts[-1]
    )
    if s.rng.random() < 0.5:
        s.say(f"{s.rng.choice(THINKER)}, {{j}}. {s.rng.choice(RESULT)}", j=joined, r=result)
    else:
        s.say(
            "{o}. {j} and get {r}.",
            "{o}. {j}, and the result is {r}.",
            "{o}. {j} to get {r}.",
            "{o}. {j}. The answer is {r}.",
            o=s.rng.choice(THINKER),
            j=joined[0].upper() + joined[1:],
            r=result,
        )
    s.ask(
        *ASK_NUMBER,
        "What number did I start with?",
        "What was the starting number?",
        "What number was it at first?",
        answer=current,
    )


SIMPLE_RIDDLES = (
    ("+", "A number plus {a} is {b}."),
    ("+", "A number increased by {a} equals {b}."),
    ("+", "{a} plus a number is {b}."),
    ("+", "{a} more than a number is {b}."),
    ("+", "The sum of a number and {a} is {b}."),
    ("+", "If you add {a} to a number, you get {b}."),
    ("+", "A number added to {a} gives {b}."),
    ("+", "When {a} is added to a number the result is {b}."),
    ("+", "Some number and {a} make {b}."),
    ("+", "I add {a} to my number and get {b}."),
    ("+", "{b} is {a} more than a number."),
    ("-", "A number minus {a} is {b}."),
    ("-", "A number decreased by {a} equals {b}."),
    ("-", "{a} less than a number is {b}."),
    ("-", "If you subtract {a} from a number, you get {b}."),
    ("-", "When {a} is taken from a number, {b} is left."),
    ("-", "When {a} is subtracted from a number, the result is {b}."),
    ("-", "I take {a} away from my number and get {b}."),
    ("-", "{b} is {a} less than a number."),
    ("r", "{a} minus a number is {b}."),
    ("r", "When a number is taken from {a}, {b} is left."),
    ("r", "If you subtract a number from {a}, you get {b}."),
    ("*", "{a} times a number is {b}."),
    ("*", "A number times {a} equals {b}."),
    ("*", "The product of a number and {a} is {b}."),
    ("*", "A number multiplied by {a} gives {b}."),
    ("*", "{b} is {a} times a number."),
    ("*", "If a number is multiplied by {a}, the result is {b}."),
    ("*", "I multiply my number by {a} and get {b}."),
    ("/", "A number divided by {a} is {b}."),
    ("/", "If you divide a number by {a}, you get {b}."),
    ("/", "When a number is divided by {a} the answer is {b}."),
    ("/", "A number split into {a} equal parts gives {b} for each."),
    ("q", "{a} divided by a number is {b}."),
)


def simple_riddle(s: Story) -> None:
    """A number plus five is twelve."""
    s.problem = "equation"
    kind, form = s.rng.choice(SIMPLE_RIDDLES)
    a, b = s.number(2, s.rng.choice((12, 40, 100))), s.number(1, s.rng.choice((20, 60, 150)))
    undone = {"+": b - a, "-": b + a, "r": a - b, "*": b / a, "/": b * a, "q": a / b}[kind]
    answer = s.step(undone)
    s.whole(answer)
    s.require(answer > 0)
    s.say(form, a=a, b=b)
    s.ask(*ASK_NUMBER, answer=answer)


def two_step_riddle(s: Story) -> None:
    """Three times a number plus four is nineteen; half of a number; twice a number less six."""
    s.problem = "equation"
    kind = s.rng.randrange(7)
    b, c = s.number(1, 40), s.number(2, 150)
    if kind in (0, 1):
        a = s.number(2, 12)
        plus = kind == 0
        answer = s.step(s.step(c - b if plus else c + b) / a)
        form = (
            s.pick(
                "{a} times a number plus {b} is {c}.",
                "{b} more than {a} times a number is {c}.",
                "If you multiply a number by {a} and add {b}, you get {c}.",
                "The sum of {b} and {a} times a number is {c}.",
                "{a} times a number, increased by {b}, equals {c}.",
            )
            if plus
            else s.pick(
                "{a} times a number minus {b} is {c}.",
                "{b} less than {a} times a number is {c}.",
                "If you multiply a number by {a} and subtract {b}, you get {c}.",
                "{a} times a number, decreased by {b}, equals {c}.",
            )
        )
        s.say(form, a=a, b=b, c=c)
    elif kind in (2, 3):
        plus = kind == 2
        answer = s.step(s.step(c - b if plus else c + b) / 2)
        s.say(
            *(
                (
                    "Twice a number plus {b} is {c}.",
                    "Double a number plus {b} equals {c}.",
                    "{b} more than twice a number is {c}.",
                    "If you double a number and add {b}, you get {c}.",
                    "The sum of {b} and twice a number is {c}.",
                )
                if plus
                else (
                    "Twice a number minus {b} is {c}.",
                    "{b} less than twice a number is {c}.",
                    "If you double a number and subtract {b}, you get {c}.",
                    "Double a number less {b} equals {c}.",
                )
            ),
            b=b,
            c=c,
        )
    elif kind == 4:
        answer = s.step(s.step(c - b) * 2)
        s.say(
            "Half of a number plus {b} is {c}.",
            "{b} more than half a number is {c}.",
            "If you halve a number and add {b}, you get {c}.",
            b=b,
            c=c,
        )
    else:
        s.given.remove(b)
        c.expression = "g0"
        word, factor, divide = s.rng.choice(
            (
                ("Half of", 2, False),
                ("A third of", 3, False),
                ("A quarter of", 4, False),
                ("Half", 2, False),
                ("A fifth of", 5, False),
                ("Twice", 2, True),
                ("Double", 2, True),
                ("Triple", 3, True),
            )
        )
        answer = s.step(c / factor if divide else c * factor)
        s.say(
            "{w} a number is {c}.",
            "{c} is {lw} a number.",
            "{w} some number equals {c}.",
            "{w} my number is {c}.",
            w=word,
            lw=word.lower(),
            c=c,
        )
    s.whole(answer)
    s.require(answer > 0)
    s.ask(*ASK_NUMBER, answer=answer)


def sum_and_difference(s: Story) -> None:
    """Two numbers by their sum and difference, or their sum and ratio."""
    s.problem = "equation"
    total, apart = s.number(5, 200), s.number(1, 60)
    s.require(total > apart)
    larger = s.rng.random() < 0.5
    answer = s.step(s.step(total + apart if larger else total - apart) / 2)
    s.whole(answer)
    s.require(answer > 0)
    s.say(
        "The sum of two numbers is {t} and their difference is {d}.",
        "Two numbers add up to {t}. Their difference is {d}.",
        "The numbers x and y have the sum {t} and the difference {d}.",
        "Two numbers sum to {t} and differ by {d}.",
        "The sum of two numbers is {t}. One of them is {d} more than the other.",
        "Two numbers total {t}. The larger is {d} more than the smaller.",
        t=total,
        d=apart,
    )
    size = s.pick("larger", "bigger", "greater") if larger else s.pick("smaller", "lesser")
    s.ask(
        f"What is the {size} number?",
        f"Find the {size} number.",
        f"What is the {size} of the two?",
        f"Find the {size} one.",
        answer=answer,
    )


THINGS = (
    ("a bat", "a ball"), ("a pen", "a notebook"), ("a book", "a bookmark"), ("a cup", "a saucer"),
    ("a coat", "a scarf"), ("a burger", "a drink"), ("a phone", "a case"), ("a desk", "a chair"),
    ("a kettle", "a spoon"), ("a cake", "a cookie"), ("a shirt", "a tie"), ("a hat", "a glove"),
    ("a bottle", "a cork"), ("a racket", "a ball"), ("a horse", "a saddle"), ("a ring", "a box"),
)  # fmt: skip


def priced_pair(s: Story) -> None:
    """A bat and a ball: two prices by their sum and difference."""
    dear, cheap = s.rng.choice(THINGS)
    low, apart = s.rng.randint(1, 60), s.rng.randint(1, 80)
    unit = s.rng.choice((1, 1, 1, 4, 20))
    total = s.quantity(Fraction(2 * low + apart, unit))
    more = s.quantity(Fraction(apart, unit))
    larger = s.rng.random() < 0.4
    answer = s.step(s.step(total + more if larger else total - more) / 2)
    money = s.pick("${}", "${}", "{} dollars", "{} euros", "€{}")
    s.say(
        "{d} and {c} cost {t} together.",
        "{d} and {c} cost {t} in total.",
        "Together {d} and {c} cost {t}.",
        "You pay {t} for {d} and {c}.",
        d=dear,
        c=cheap,
        t=money.format(digits(total)),
    )
    words = {"d": "the " + dear[2:], "c": "the " + cheap[2:], "m": money.format(digits(more))}
    s.say(
        "{d} costs {m} more than {c}.",
        "{d} is {m} more expensive than {c}.",
        "{c} costs {m} less than {d}.",
        "{c} is {m} cheaper than {d}.",
        **words,
    )
    s.ask(
        "How much does {k} cost?",
        "What is the price of {k}?",
        "How much is {k}?",
        "What does {k} cost?",
        answer=answer,
        k=words["d" if larger else "c"],
    )


SCENES: dict[str, tuple[float, Scene]] = {
    "equation_priced_pair": (0.5, priced_pair),
    "equation_riddle": (1.3, riddle),
    "equation_simple_riddle": (1.2, simple_riddle),
    "equation_two_step_riddle": (1.2, two_step_riddle),
    "equation_sum_difference": (0.5, sum_and_difference),
}
