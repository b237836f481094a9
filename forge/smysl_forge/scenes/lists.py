"""Sums, means and extremes of lists, percentages of numbers and remainders.

Knows numbers only.
"""

from __future__ import annotations

from smysl_forge.scenes.arithmetic import digits, finite, polite, put
from smysl_forge.story import Amount, Retry, Scene, Story


def listed(s: Story, amounts: list[Amount]) -> str:
    """`3, 4 and 5` in one of the ways people write lists."""
    texts = [digits(a) if s.rng.random() < 0.8 else s.render(a) for a in amounts]
    end = s.pick(" and ", " and ", ", and ", ", ", " & ")
    return ", ".join(texts[:-1]) + end + texts[-1]


def several(s: Story) -> None:
    """Sum, product, mean, greatest and smallest of a list."""
    kind = s.rng.choice(("sum", "sum", "product", "mean", "mean", "max", "min", "range"))
    count = s.rng.randint(2, 4) if kind == "product" else s.rng.randint(3, 6)
    top = 12 if kind == "product" else s.rng.choice((10, 30, 100, 500))
    amounts = [s.number(2, top) for _ in range(count)]
    s.require(len({a.value for a in amounts}) == count)
    text = listed(s, amounts)
    if kind in ("max", "min", "range"):
        greatest = s.pick("largest", "greatest", "biggest", "highest", "maximum")
        least = s.pick("smallest", "least", "lowest", "minimum")
        if kind == "range":
            answer = s.step(
                s.step(s.function("max", *amounts)) - s.step(s.function("min", *amounts))
            )
            form = s.pick(
                "the range of {t}",
                "the difference between the " + greatest + " and the " + least + " of {t}",
            )
        else:
            answer = s.step(s.function(kind, *amounts))
            which = greatest if kind == "max" else least
            form = s.pick(
                f"the {which} of {{t}}",
                f"the {which} of the numbers {{t}}",
                f"the {which} number among {{t}}",
            )
        put(s, form.replace("{t}", text), answer)
        return
    total = amounts[0]
    for amount in amounts[1:]:
        total = s.step(total * amount if kind == "product" else total + amount)
    if kind == "mean":
        total = s.step(total / count)
        s.require(finite(total, 2))
        form = s.pick(
            "the average of {t}",
            "the mean of {t}",
            "the arithmetic mean of {t}",
            "average of {t}",
            "the average of these numbers: {t}",
            "the mean of the numbers {t}",
        )
    elif kind == "product":
        form = s.pick(
            "the product of {t}",
            "{t} multiplied together",
            "the product of the numbers {t}",
            "product of {t}",
        )
    else:
        form = s.pick(
            "the sum of {t}",
            "the total of {t}",
            "{t} added together",
            "sum of {t}",
            "{t} in total",
            "the sum of the numbers {t}",
            "{t} all together",
        )
    put(s, form.replace("{t}", text), total)


def percent(s: Story) -> None:
    """Percentages asked in every direction."""
    s.problem = "arithmetic"
    rate = s.number(5, 95, 5) if s.rng.random() < 0.7 else s.number(1, 99)
    base = s.quantity(
        s.rng.choice(
            (s.rng.randint(1, 50) * 20, s.rng.randint(10, 400), s.rng.randint(1, 30) * 100)
        )
    )
    mark = s.pick("%", "%", "%", " percent", " per cent", " %")
    part = s.step(base * rate / 100)
    s.require(finite(part, 2))
    words: dict[str, object] = {"p": digits(rate) + mark, "b": s.render(base)}
    kind = s.rng.random()
    if kind < 0.55:
        put(s, s._fill(s.pick("{p} of {b}", "{p} of {b}", "{p} from {b}"), words), part)
    elif kind < 0.8:
        up = s.rng.random() < 0.5
        answer = s.step(base + part if up else base - part)
        more = (
            "Increase {b} by {p}.",
            "What is {b} plus {p}?",
            "What is {b} increased by {p}?",
            "Add {p} to {b}.",
            "{b} + {p}",
            "What is {p} more than {b}?",
            "{b} goes up by {p}. What is the new value?",
        )
        less = (
            "Decrease {b} by {p}.",
            "What is {b} minus {p}?",
            "What is {b} reduced by {p}?",
            "Take {p} off {b}.",
            "What is {p} off {b}?",
            "{b} with {p} off?",
            "{b} - {p}",
            "What is {p} less than {b}?",
            "{b} falls by {p}. What is the new value?",
        )
        s.ask(polite(s, s.rng.choice(more if up else less)), answer=answer, **words)
    else:
        raise Retry


def percent_back(s: Story) -> None:
    """What percent, and percent of what."""
    s.problem = "arithmetic"
    if s.rng.random() < 0.6:
        base = s.rng.choice(
            (20, 25, 40, 50, 80, 100, 120, 160, 200, 250, 400, 500, s.rng.randint(4, 90))
        )
        a, b = s.number(1, base - 1), s.quantity(base)
        answer = s.step(a * 100 / b)
        s.require(finite(answer, 1))
        s.ask(
            "What percent of {b} is {a}?",
            "{a} is what percent of {b}?",
            "What percentage of {b} is {a}?",
            "{a} out of {b} is what percent?",
            "Express {a} out of {b} as a percentage.",
            "How many percent of {b} is {a}?",
            "{a} of {b} in percent?",
            "What is {a} as a percentage of {b}?",
            answer=answer,
            a=a,
            b=b,
        )
        return
    rate = s.rng.choice((5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 80, 90, s.rng.randint(2, 98)))
    whole = s.rng.choice((20, 40, 60, 80, 100, 120, 200, 300, 400, 500, s.rng.randint(2, 60) * 10))
    s.require(rate * whole % 100 == 0)
    a, b = s.quantity(rate * whole // 100), s.quantity(rate)
    s.ask(
        "{a} is {b}% of what number?",
        "{b}% of what number is {a}?",
        "If {b}% of a number is {a}, what is the number?",
        "{b} percent of which number is {a}?",
        "{a} is {b} percent of a number. Find the number.",
        answer=s.step(a * 100 / b),
        a=a,
        b=b,
    )


def remainder(s: Story) -> None:
    """Remainders and whole quotients."""
    a, b = s.number(7, 500), s.number(2, 30)
    s.require(a > b)
    if s.rng.random() < 0.7:
        form = s.pick(
            "the remainder of {a} divided by {b}",
            "the remainder when {a} is divided by {b}",
            "{a} mod {b}",
            "{a} modulo {b}",
            "the remainder when dividing {a} by {b}",
        )
        put(s, s._fill(form, {"a": a, "b": b}), s.step(a % b))
    else:
        s.problem = "arithmetic"
        s.ask(
            "How many whole times does {b} go into {a}?",
            "What is {a} divided by {b}, rounded down?",
            "What is the whole part of {a} divided by {b}?",
            answer=s.step(a // b),
            a=a,
            b=b,
        )


def mean_back(s: Story) -> None:
    """A mean is given: the sum, or the number that is missing."""
    s.problem = "arithmetic"
    count, mean = s.number(2, 9), s.number(3, 90)
    numbers = s.pick("numbers", "numbers", "tests", "values", "scores", "games")
    s.say(
        "The average of {k} {n} is {m}.",
        "The mean of {k} {n} is {m}.",
        "{k} {n} have an average of {m}.",
        "{k} {n} have a mean of {m}.",
        k=count,
        m=mean,
        n=numbers,
    )
    total = s.step(mean * count)
    if s.rng.random() < 0.5:
        s.ask(
            "What is their sum?",
            "What is the sum of the {n}?",
            "What do they add up to?",
            "Find their total.",
            "What is the total?",
            answer=total,
            n=numbers,
        )
        return
    known = [s.number(2, 99) for _ in range(int(count) - 1)]
    s.require(len(known) < 5)
    current = known[0]
    for number in known[1:]:
        current = s.step(current + number)
    last = s.step(total - current)
    s.require(last.value > 0)
    text = digits(known[0]) if len(known) == 1 else listed(s, known)
    form = s.pick("The others are {t}.", "All but the last are {t}.", "The known ones are {t}.")
    s.say(form if len(known) > 1 else "The first is {t}.", t=text)
    s.ask(
        "What is the last one?",
        "What is the missing number?",
        "Find the missing number.",
        "What must the remaining one be?",
        answer=last,
    )


def series(s: Story) -> None:
    """The sum of a run of whole numbers, or how many there are."""
    s.problem = "arithmetic"
    last = s.number(3, s.rng.choice((10, 20, 50, 100, 1000)))
    if s.rng.random() < 0.4:
        product = s.step(last * s.step(last + 1))
        put(
            s,
            s._fill(
                s.pick(
                    "the sum of the first {n} natural numbers",
                    "the sum of the first {n} positive integers",
                    "the total of the first {n} counting numbers",
                ),
                {"n": last},
            ),
            s.step(product / 2),
        )
        return
    first = s.number(1, 30)
    s.require(first.value < last.value)
    words: dict[str, object] = {"a": digits(first), "b": digits(last)}
    if s.rng.random() < 0.6:
        ends = s.step(first + last)
        count = s.step(s.step(last - first) + 1)
        form = s.pick(
            "the sum of all numbers from {a} to {b}",
            "the sum of the numbers from {a} to {b}",
            "the sum of the integers from {a} to {b}",
            "the sum of all whole numbers from {a} to {b}",
            "{a} + ... + {b}",
        )
        put(s, s._fill(form, words), s.step(s.step(ends * count) / 2))
        return
    s.ask(
        "How many whole numbers are there from {a} to {b}?",
        "How many numbers are there from {a} to {b} inclusive?",
        "I count from {a} to {b}. How many numbers do I say?",
        "If you write all numbers from {a} to {b}, how many numbers do you write?",
        answer=s.step(s.step(last - first) + 1),
        **words,
    )


def which(s: Story) -> None:
    """The larger or smaller of a few numbers; what lies halfway."""
    a, b = s.number(1, s.rng.choice((20, 100, 5000))), s.number(1, s.rng.choice((20, 100, 5000)))
    s.require(a.value != b.value)
    s.problem = "arithmetic"
    words: dict[str, object] = {"a": a, "b": b}
    if s.rng.random() < 0.25:
        s.ask(
            "What number is halfway between {a} and {b}?",
            "What is the number in the middle between {a} and {b}?",
            "Which number lies exactly between {a} and {b}?",
            "Find the midpoint of {a} and {b}.",
            answer=s.step(s.step(a + b) / 2),
            **words,
        )
        return
    large = s.rng.random() < 0.6
    size = s.pick("larger", "bigger", "greater", "more") if large else s.pick("smaller", "less")
    s.ask(
        "Which is {z}, {a} or {b}?",
        "Which is {z}: {a} or {b}?",
        "Which number is {z}, {a} or {b}?",
        "What is {z}, {a} or {b}?",
        "{a} or {b}, which is {z}?",
        "which one is {z} {a} or {b}",
        "Is {a} or {b} {z}?",
        answer=s.step(s.function("max" if large else "min", a, b)),
        z=size,
        **words,
    )


SCENES: dict[str, tuple[float, Scene]] = {
    "plain_mean_back": (0.4, mean_back),
    "plain_series": (0.3, series),
    "plain_which": (0.3, which),
    "plain_several": (1.2, several),
    "plain_percent": (1, percent),
    "plain_percent_back": (0.5, percent_back),
    "plain_remainder": (0.4, remainder),
}
