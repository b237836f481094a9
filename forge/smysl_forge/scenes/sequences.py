"""Number sequences: what comes next. The rule is left to `compute.extrapolate`: one step.

Knows only sequences whose next term that function finds.
"""

from __future__ import annotations

from collections.abc import Callable

from smysl_forge.scenes.arithmetic import digits, negative, polite
from smysl_forge.story import Retry, Scene, Story
from smysl_reasoning.compute import ComputeError

FRAMES = (
    "What comes next: {t}, ?",
    "What comes next in the sequence {t}?",
    "What comes next: {t}?",
    "what comes next {t}",
    "{t}, ?",
    "{t}, ...",
    "{t}, ... What is next?",
    "{t}, what comes next?",
    "What is the next number: {t}?",
    "next number? {t}",
    "What is the next number in the sequence {t}?",
    "What is the next number in this sequence: {t}, ...?",
    "Find the next number in {t}.",
    "Find the next term: {t}",
    "Find the next term of the sequence {t}.",
    "{t}, __",
    "Next number in {t}?",
    "Continue the sequence: {t}",
    "Continue: {t}, ...",
    "Complete the pattern: {t}, __",
    "Complete the sequence: {t}, ?",
    "Which number comes next in the series {t}?",
    "Which number follows {t}?",
    "What number should come next? {t}",
    "What number comes after {t}?",
    "The sequence goes {t}. What is the next term?",
    "A sequence begins {t}. What comes next?",
    "Look at the pattern {t}. What number is next?",
    "{t} ... next?",
    "Here is a list of numbers: {t}. What is the following number?",
    "{t}. Find the next number.",
    "Fill in: {t}, ___",
    "Given the sequence {t}, find the next term.",
    "Predict the next number: {t}",
    "Guess the next number: {t}",
    "In the sequence {t}, what is the next number?",
    "What would be the next number in {t}?",
    "{t}, then what?",
    "Fill in the blank: {t}, __",
    "Complete: {t}, ?",
    "Extend the pattern {t}.",
    "What's next in {t}?",
    "whats next: {t}",
    "Can you find the next number in the series {t}?",
    "What number continues the pattern {t}?",
    "Series: {t}, ?",
    "Following the pattern, what comes after {t}?",
    "Numbers: {t}. Next one?",
    "sequence {t} next term",
    "Find the missing number: {t}, ?",
    "What is the next term of {t}?",
    "The pattern is {t}. Which number follows?",
)


def ask(s: Story, terms: list[int]) -> None:
    """Ask for the term after `terms[:-1]`; the last one is what must come out."""
    s.problem = "sequence"
    s.require(all(abs(term) < 10**6 for term in terms))
    amounts, texts = [], []
    for term in terms[:-1]:
        given = s.quantity(abs(term))
        amounts.append(given if term >= 0 else negative(given))
        texts.append(digits(given) if term >= 0 else "-" + digits(given))
    try:
        answer = s.step(s.function("extrapolate", *amounts))
    except ComputeError:
        raise Retry from None
    s.require(answer.value == terms[-1])
    separator = s.pick(
        ", ",
        ", ",
        ", ",
        ", ",
        " ",
        " - " if min(terms) >= 0 else " ",
        "; ",
        " , ",
        " -> " if min(terms) >= 0 else ", ",
    )
    if separator == ", " and s.rng.random() < 0.1 and max(terms) < 100:
        separator = ","
    text = separator.join(texts)
    if separator == ", " and s.rng.random() < 0.12:
        text = ", ".join(texts[:-1]) + " and " + texts[-1]
    s.ask(polite(s, s.rng.choice(FRAMES)), answer=answer, t=text)


def grown(start: list[int], length: int, rule: Callable[[list[int]], int]) -> list[int]:
    """`start` continued by `rule` to `length + 1` terms."""
    terms = list(start)
    while len(terms) <= length:
        terms.append(rule(terms))
    return terms


def arithmetic(s: Story) -> None:
    """A constant difference, up or down."""
    difference = s.rng.randint(1, s.rng.choice((5, 10, 25, 100)))
    first = s.rng.randint(0, s.rng.choice((10, 30, 100)))
    length = s.rng.randint(3, 7)
    if s.rng.random() < 0.3:
        first += difference * (length + (0 if s.rng.random() < 0.8 else -2))
        difference = -difference
    ask(s, grown([first], length, lambda t: t[-1] + difference))


def geometric(s: Story) -> None:
    """A constant factor, or halving."""
    length = s.rng.randint(3, 6)
    if s.rng.random() < 0.2:
        base = s.rng.choice((2, 2, 3, 5, 10))
        ask(
            s,
            [
                s_term
                for s_term in reversed(grown([s.rng.randint(1, 9)], length, lambda t: t[-1] * base))
            ],
        )
        return
    factor = s.rng.choice((2, 2, 2, 3, 3, 4, 5, 10))
    sign = -1 if s.rng.random() < 0.06 else 1
    ask(s, grown([s.rng.randint(1, 9)], length, lambda t: sign * t[-1] * factor))


def fibonacci(s: Story) -> None:
    """Each term is the sum of the two before it, perhaps with a constant."""
    a, b = s.rng.randint(0, 8), s.rng.randint(1, 9)
    if s.rng.random() < 0.35:
        a, b = s.rng.choice(((1, 1), (1, 2), (2, 3), (0, 1), (2, 1)))
    plus = 0 if s.rng.random() < 0.8 else s.rng.randint(1, 4)
    ask(s, grown([a, b], s.rng.randint(4, 8), lambda t: t[-1] + t[-2] + plus))


def affine(s: Story) -> None:
    """Times a, plus c."""
    a, c = s.rng.randint(2, 4), s.rng.choice((-3, -2, -1, 1, 2, 3, 4, 5))
    ask(s, grown([s.rng.randint(1, 9)], s.rng.randint(3, 6), lambda t: a * t[-1] + c))


def second_order(s: Story) -> None:
    """Squares, triangular numbers and other growing differences."""
    first, difference, growth = s.rng.randint(0, 12), s.rng.randint(1, 6), s.rng.randint(1, 4)
    ask(
        s,
        grown(
            [first, first + difference], s.rng.randint(4, 7), lambda t: 2 * t[-1] - t[-2] + growth
        ),
    )


def squares(s: Story) -> None:
    """Square, cube and triangular numbers from the beginning."""
    kind: Callable[[int], int] = s.rng.choice(
        (lambda i: i * i, lambda i: i * (i + 1) // 2, lambda i: i * i + 1, lambda i: i * (i + 1))
    )
    start = s.rng.choice((0, 1, 1, 2))
    ask(s, [kind(i) for i in range(start, start + s.rng.randint(5, 8))])


def below_zero(s: Story) -> None:
    """A constant difference across zero."""
    difference = s.rng.randint(1, 12)
    first = -s.rng.randint(1, 40)
    if s.rng.random() < 0.5:
        first, difference = s.rng.randint(0, 20), -difference
    ask(s, grown([first], s.rng.randint(3, 6), lambda t: t[-1] + difference))


def recurrence(s: Story) -> None:
    """x' = a x + b p + c with small coefficients."""
    a, b, c = (
        s.rng.choice((-1, 1, 1, 2)),
        s.rng.choice((-2, -1, 1, 2)),
        s.rng.choice((0, 0, 1, 2, -1)),
    )
    ask(
        s,
        grown(
            [s.rng.randint(0, 6), s.rng.randint(1, 9)],
            s.rng.randint(5, 8),
            lambda t: a * t[-1] + b * t[-2] + c,
        ),
    )


def nth(s: Story) -> None:
    """A far term of a sequence with a constant difference, by its place."""
    s.problem = "sequence"
    difference, first = s.rng.randint(1, 12), s.rng.randint(0, 30)
    terms = [s.quantity(first + difference * i) for i in range(s.rng.randint(2, 4))]
    place = s.number(6, 100)
    s.require(place.value not in (11, 12, 13))
    ending = {1: "st", 2: "nd", 3: "rd"}.get(int(place) % 10, "th")
    apart = s.step(terms[1] - terms[0])
    answer = s.step(terms[0] + s.step(s.step(place - 1) * apart))
    s.ask(
        "What is the {k}{e} term of the arithmetic sequence {t}?",
        "Find the {k}{e} term of the arithmetic sequence {t}.",
        "An arithmetic sequence starts {t}. What is its {k}{e} term?",
        "The numbers {t} grow by the same amount each time. What is the {k}{e} number?",
        "In the arithmetic progression {t}, what is the {k}{e} term?",
        "{t}: what is the {k}{e} term of this arithmetic sequence?",
        "The sequence {t} goes up by the same step. Find its {k}{e} term.",
        answer=answer,
        k=digits(place),
        e=ending,
        t=", ".join(digits(term) for term in terms) + s.pick("", ", ..."),
    )


SCENES: dict[str, tuple[float, Scene]] = {
    "sequence_arithmetic": (2, arithmetic),
    "sequence_geometric": (1.2, geometric),
    "sequence_fibonacci": (0.8, fibonacci),
    "sequence_affine": (0.6, affine),
    "sequence_second_order": (0.5, second_order),
    "sequence_squares": (0.3, squares),
    "sequence_below_zero": (0.3, below_zero),
    "sequence_nth": (0.3, nth),
    "sequence_recurrence": (0.4, recurrence),
}
