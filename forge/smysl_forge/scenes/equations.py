"""Equations with one unknown letter, solved by undoing one operation per step.

Knows no systems, squares or inequalities.
"""

from __future__ import annotations

from smysl_forge.scenes.arithmetic import digits, finite, polite
from smysl_forge.story import Amount, Scene, Story

LETTERS = "xxxxxxyyzzabcdkmnprstuvw"


FRAMES = (
    "Solve {e}",
    "Solve {e}.",
    "Solve for {x}: {e}",
    "Solve {e} for {x}.",
    "{e}, find {x}",
    "Find {x} if {e}.",
    "If {e}, what is {x}?",
    "If {e}, then what is {x}?",
    "What is {x} if {e}?",
    "{e}. What is {x}?",
    "{e}, {x} = ?",
    "Find the value of {x} if {e}.",
    "Find the value of {x} in the equation: {e}",
    "What is {x} in {e}?",
    "{e}, what is {x}?",
    "Determine the value of {x} that satisfies: {e}",
    "Solve the equation {e}.",
    "Solve the equation {e} for {x}.",
    "Given {e}, find {x}.",
    "Find {x}: {e}",
    "{e}. Find {x}.",
    "{e} solve for {x}",
    "What value of {x} makes {e} true?",
    "For which {x} is {e}?",
    "Let {e}. What is the value of {x}?",
    "Calculate {x}: {e}",
    "{e}",
    "what is {x} when {e}",
    "Can you solve {e}?",
    "How much is {x} if {e}?",
    "{x} = ? if {e}",
    "Suppose {e}. Determine {x}.",
    "solve for {x} {e}",
    "Work out {x} when {e}.",
    "Please solve {e}.",
    "Help me solve {e}",
    "In the equation {e}, what is {x}?",
    "equation: {e}",
    "Find the unknown {x} in {e}.",
    "Find the solution of {e}.",
    "Find the number {x} for which {e}.",
    "{e}; {x}?",
    "Compute {x} given that {e}.",
    "I have the equation {e}. What is {x}?",
    "What must {x} be so that {e}?",
)


BLANKS = (
    "Fill in the blank: {e}",
    "What number goes in the blank? {e}",
    "{e}. What number is missing?",
    "{e}",
    "Find the missing number: {e}",
    "Which number makes this true: {e}?",
    "What is the missing number in {e}?",
)


def ask(s: Story, expression: str, letter: str, answer: Amount) -> None:
    """One of many ways to ask for the unknown."""
    s.problem = "equation"
    frames = BLANKS if not letter.isalpha() else FRAMES
    frame = s.rng.choice(frames).replace("{e}", expression).replace("{x}", letter)
    s.ask(polite(s, frame), answer=answer)


class Formula:
    """The typist's habits: spaces, signs and the letter, the same throughout one equation."""

    def __init__(self, s: Story, blank: bool = False) -> None:
        self.letter = (
            s.rng.choice(("?", "__", "_", "[]", "...", "□")) if blank else s.rng.choice(LETTERS)
        )
        space = s.rng.choice((" ", " ", " ", ""))
        self.plus, self.minus, self.equals = (f"{space}{sign}{space}" for sign in "+-=")
        self.over = s.rng.choice(("/", " / ", " ÷ ", " divided by ") if space else ("/",))
        self.star = s.rng.choice(
            ("*", " * ", " x ", " × ", " · ") if space and self.letter != "x" else ("*",)
        )
        if blank:
            self.plus, self.minus, self.equals, self.over = " + ", " - ", " = ", " / "
            self.star = s.rng.choice((" * ", " x ", " × "))
        self.joined = not blank and s.rng.random() < 0.6

    def times(self, a: Amount) -> str:
        """`3x`, `3*x` or `3 x x`."""
        return digits(a) + ("" if self.joined else self.star) + self.letter


def whole_answer(s: Story, answer: Amount) -> None:
    """Mostly natural numbers; now and then a negative or a decimal."""
    roll = s.rng.random()
    if roll < 0.9:
        s.whole(answer)
    elif roll < 0.96:
        s.require(answer.value.denominator == 1)
    else:
        s.require(finite(answer, 2))


def linear(s: Story) -> None:
    """a x + b = c and a x - b = c, terms in any order."""
    f = Formula(s, blank=s.rng.random() < 0.05)
    root, a, b = (
        s.rng.randint(1, 30),
        s.rng.randint(2, s.rng.choice((9, 12, 25))),
        s.rng.randint(1, s.rng.choice((20, 60))),
    )
    form = s.rng.choice(("ax+b", "ax+b", "ax-b", "ax-b", "b+ax", "b-ax", "c=ax+b", "c=ax-b"))
    if form in ("b+ax", "b-ax"):
        second = s.quantity(b if form == "b+ax" else a * root + b)
        first = s.quantity(a)
        result = s.quantity(b + a * root if form == "b+ax" else b)
        left = digits(second) + (f.plus if form == "b+ax" else f.minus) + f.times(first)
        text = left + f.equals + digits(result)
        moved = s.step(result - second if form == "b+ax" else second - result)
    else:
        first, second = s.quantity(a), s.quantity(b)
        plus = "+" in form
        result = s.quantity(a * root + b if plus else a * root - b)
        s.require(result > -1)
        left = f.times(first) + (f.plus if plus else f.minus) + digits(second)
        text = (
            digits(result) + f.equals + left
            if form.startswith("c")
            else left + f.equals + digits(result)
        )
        moved = s.step(result - second if plus else result + second)
    answer = s.step(moved / first)
    whole_answer(s, answer)
    ask(s, text, f.letter, answer)


def one_step(s: Story) -> None:
    """x + b = c, x - b = c, b - x = c, a x = c, x / a = c, a / x = c."""
    f = Formula(s, blank=s.rng.random() < 0.25)
    a, b = s.number(1, s.rng.choice((12, 50, 500))), s.number(1, s.rng.choice((12, 50, 500)))
    x, eq = f.letter, f.equals
    form = s.rng.choice(("x+a", "a+x", "x-a", "a-x", "ax", "ax", "x*a", "x/a", "a/x"))
    left, answer = {
        "x+a": lambda: (x + f.plus + digits(a), b - a),
        "a+x": lambda: (digits(a) + f.plus + x, b - a),
        "x-a": lambda: (x + f.minus + digits(a), b + a),
        "a-x": lambda: (digits(a) + f.minus + x, a - b),
        "ax": lambda: (f.times(a), b / a),
        "x*a": lambda: (x + f.star + digits(a), b / a),
        "x/a": lambda: (x + f.over + digits(a), b * a),
        "a/x": lambda: (digits(a) + f.over + x, a / b),
    }[form]()
    result = s.step(answer)
    whole_answer(s, result)
    s.require(form != "ax" or a.value > 1)
    turned = s.rng.random() < 0.15
    ask(s, digits(b) + eq + left if turned else left + eq + digits(b), x, result)


def quotient(s: Story) -> None:
    """x / a + b = c and x / a - b = c."""
    f = Formula(s)
    a, b, c = s.number(2, 12), s.number(1, 30), s.number(1, 40)
    plus = s.rng.random() < 0.5
    answer = s.step(s.step(c - b if plus else c + b) * a)
    s.whole(answer)
    ask(
        s,
        f.letter
        + f.over
        + digits(a)
        + (f.plus if plus else f.minus)
        + digits(b)
        + f.equals
        + digits(c),
        f.letter,
        answer,
    )


def bracketed(s: Story) -> None:
    """a (x + b) = c and (x + b) / a = c."""
    f = Formula(s)
    a, b, c = s.number(2, 12), s.number(1, 20), s.number(1, 150)
    plus = s.rng.random() < 0.5
    inner = f"({f.letter}{f.plus if plus else f.minus}{digits(b)})"
    over = s.rng.random() < 0.3
    outer = s.step(c * a if over else c / a)
    answer = s.step(outer - b if plus else outer + b)
    s.whole(outer, answer)
    left = inner + f.over + digits(a) if over else digits(a) + ("" if f.joined else f.star) + inner
    ask(s, left + f.equals + digits(c), f.letter, answer)


def two_sides(s: Story) -> None:
    """a x + b = c x + d."""
    f = Formula(s)
    a, b, c, d = s.number(3, 15), s.number(1, 40), s.number(2, 10), s.number(1, 90)
    s.require(a > c)
    plus = s.rng.random() < 0.7
    moved = s.step(d - b if plus else d + b)
    answer = s.step(moved / s.step(a - c))
    s.whole(answer)
    left = f.times(a) + (f.plus if plus else f.minus) + digits(b)
    ask(s, left + f.equals + f.times(c) + f.plus + digits(d), f.letter, answer)


def like_terms(s: Story) -> None:
    """a x + b x = c."""
    f = Formula(s)
    a, b, c = s.number(2, 12), s.number(2, 12), s.number(4, 200)
    answer = s.step(c / s.step(a + b))
    s.whole(answer)
    ask(s, f.times(a) + f.plus + f.times(b) + f.equals + digits(c), f.letter, answer)


def substitution(s: Story) -> None:
    """If x = 3, what is 2x + 5?"""
    s.problem = "equation"
    f = Formula(s)
    x, a, b = s.number(1, 20), s.number(2, 12), s.number(1, 40)
    plus = s.rng.random() < 0.6
    product = s.step(a * x)
    answer = s.step(product + b if plus else product - b)
    s.require(answer > -1)
    given = f.letter + f.equals + digits(x)
    wanted = f.times(a) + (f.plus if plus else f.minus) + digits(b)
    s.ask(
        "If {g}, what is {w}?",
        "If {g}, find {w}.",
        "What is {w} if {g}?",
        "Evaluate {w} when {g}.",
        "{g}. What is {w}?",
        "Let {g}. Find {w}.",
        "Find {w} for {g}.",
        "Given that {g}, calculate {w}.",
        "What is the value of {w} when {g}?",
        "{g}, {w} = ?",
        "How much is {w} if {g}?",
        "Suppose {g}. What is {w}?",
        answer=answer,
        g=given,
        w=wanted,
    )


def two_letters(s: Story) -> None:
    """Both letters are given, or the sum or product and one of them."""
    s.problem = "equation"
    x, y = s.rng.choice((("x", "y"), ("a", "b"), ("m", "n"), ("p", "q"), ("A", "B"), ("u", "v")))
    first, second = s.number(1, 40), s.number(1, 40)
    sign = s.rng.choice("+-*+")
    shown = f"{x} {sign} {y}"
    if s.rng.random() < 0.6:
        value = {"+": first + second, "-": first - second, "*": first * second}[sign]
        answer = s.step(value)
        s.require(answer.value >= 0)
        s.ask(
            "If {x} = {a} and {y} = {b}, what is {e}?",
            "{x} = {a}, {y} = {b}. What is {e}?",
            "Let {x} = {a} and {y} = {b}. Find {e}.",
            "If {x} is {a} and {y} is {b}, what is {e}?",
            "{x} is {a}. {y} is {b}. Calculate {e}.",
            "Given {x}={a} and {y}={b}, compute {e}.",
            "Evaluate {e} for {x} = {a} and {y} = {b}.",
            answer=answer,
            x=x,
            y=y,
            a=digits(first),
            b=digits(second),
            e=shown,
        )
        return
    undone = {"+": first - second, "-": second - first, "*": first / second}[sign]
    answer = s.step(undone)
    s.whole(answer)
    s.ask(
        "If {e} = {r} and {x} = {b}, what is {y}?",
        "{e} = {r} and {x} = {b}. Find {y}.",
        "{e} = {r}, {x} = {b}, {y} = ?",
        "Given {e} = {r} with {x} = {b}, find {y}.",
        "Let {e} = {r}. If {x} is {b}, what is {y}?",
        answer=answer,
        e=shown,
        r=digits(first),
        b=digits(second),
        x=x,
        y=y,
    )


SCENES: dict[str, tuple[float, Scene]] = {
    "equation_two_letters": (0.7, two_letters),
    "equation_linear": (2, linear),
    "equation_one_step": (2, one_step),
    "equation_quotient": (0.5, quotient),
    "equation_bracketed": (0.5, bracketed),
    "equation_two_sides": (0.5, two_sides),
    "equation_like_terms": (0.3, like_terms),
    "equation_substitution": (0.6, substitution),
}
