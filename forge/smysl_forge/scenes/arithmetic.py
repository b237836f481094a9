"""Arithmetic in signs: two numbers, chains, fractions; and what plain number questions share.

Knows numbers and ways to ask for a value; no story.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from smysl_forge.story import Amount, Scene, Story
from smysl_reasoning.compute import number_text

LARGEST = 10**9


FRAMES = (
    "What is {e}?",
    "What is {e}?",
    "What is {e}?",
    "what's {e}?",
    "whats {e}",
    "what is {e}",
    "How much is {e}?",
    "how much is {e}",
    "Calculate {e}.",
    "Calculate {e}",
    "Compute {e}.",
    "Compute {e}",
    "Find {e}.",
    "Find the value of {e}.",
    "Evaluate {e}.",
    "Evaluate {e}",
    "Work out {e}.",
    "Solve {e}.",
    "{e}",
    "{e}?",
    "Can you tell me what {e} is?",
    "Tell me {e}.",
    "What does {e} equal?",
    "What is the value of {e}?",
    "What's the result of {e}?",
    "What is the answer to {e}?",
    "Give me {e}.",
    "{e} is how much?",
    "{e} equals what?",
    "Determine {e}.",
    "I need to know {e}.",
    "I want to know what {e} is.",
    "Do you know what {e} is?",
    "What number is {e}?",
    "Could you compute {e}?",
    "Could you work out {e} for me?",
    "{e} - what is it?",
    "What do I get for {e}?",
    "My homework asks for {e}. What is it?",
    "Quick: {e}?",
    "Question: what is {e}?",
)


SIGNED = (
    "{e} = ?",
    "{e} = ",
    "{e}=",
    "{e}=?",
    "{e} =",
    "Solve: {e}",
    "Calculate: {e}",
    "Compute: {e}",
    "Evaluate: {e}",
    "Simplify {e}.",
    "{e} = what?",
    "What is the result of {e}?",
    "What is {e} = ?",
    "Work this out: {e}",
    "Calculate the following expression: {e}",
    "Evaluate the expression {e}.",
    "calc {e}",
    "math: {e}",
    "Find the result: {e}",
    "What do you get for {e}?",
    "How much does {e} make?",
    "solve {e} please",
    "The expression is {e}. What is its value?",
    "State the final answer to the following problem: {e} =",
    "Put your final answer after equals sign only: {e} =",
    "Do the sum {e}.",
    "Simplify: {e}",
)


OPENINGS = (
    "Hi, ",
    "Hello, ",
    "Hey, ",
    "Please tell me: ",
    "Please: ",
    "Ok, ",
    "A question: ",
    "Quick question: ",
    "Help me: ",
    "I have a question, ",
    "So, ",
    "And ",
    "Now ",
    "Well, ",
)


CLOSINGS = (
    " Thanks!",
    " Please.",
    " Thank you.",
    " Show your steps.",
    " Explain.",
    " Just the number.",
)


TIMES = (" * ", " * ", "*", " x ", "x", " × ", "×", " times ", " multiplied by ", " X ", " · ")


OVER = (" / ", " / ", " / ", " ÷ ", "÷", " divided by ", " over ", " : ")


PLUS = (" + ", " + ", " + ", "+", "+", " plus ", " and ")


MINUS = (" - ", " - ", " - ", "-", "-", " minus ", " − ", " take away ")


REDUCE: dict[str, Callable[[Amount, Amount], Amount]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def digits(amount: Amount, text: str = "") -> str:
    """A given amount written in digits (or as `text`), for use inside formulas."""
    return f"\ue000{amount.expression[1:]}\ue001{text or number_text(amount.value)}\ue002"


def negative(amount: Amount) -> Amount:
    """The amount that the text writes with a minus sign before it."""
    return Amount(amount.story, -amount.value, f"-{amount.expression}")


def polite(s: Story, text: str) -> str:
    """Sometimes an opening before a question or a word after it."""
    roll = s.rng.random()
    if roll < 0.05:
        return s.rng.choice(OPENINGS) + text
    if roll < 0.08:
        return text + s.rng.choice(CLOSINGS)
    return text


def size(s: Story, low: int = 2) -> int:
    """A number as people pick them: mostly small, sometimes large."""
    top = s.rng.choice((10, 10, 20, 50, 100, 100, 1000, 1000, 10_000, 100_000))
    return s.rng.randint(low, top)


def finite(amount: Amount, places: int = 4) -> bool:
    """Whether an amount has at most `places` decimals and is no giant."""
    return abs(amount.value) < LARGEST and (amount.value * 10**places).denominator == 1


def put(s: Story, expression: str, answer: Amount, signed: bool = False) -> None:
    """Ask for the value of `expression`."""
    s.problem = "arithmetic"
    frame = s.rng.choice(SIGNED if signed and s.rng.random() < 0.4 else FRAMES)
    s.ask(polite(s, frame), answer=answer, e=expression)


def binary(s: Story) -> None:
    """Two numbers and a sign."""
    operation = s.rng.choice("++--**//")
    a, b = size(s), size(s)
    if operation == "*" and max(a, b) > 1000:
        a = a % 90 + 2
    if operation == "/":
        b = min(b, 99)
        a = b * s.rng.randint(2, 60) if s.rng.random() < 0.85 else a
    if operation == "-" and a < b and s.rng.random() < 0.9:
        a, b = b, a
    first: int | Fraction = a
    second: int | Fraction = b
    if s.rng.random() < 0.12:
        first, second = Fraction(a, 10), Fraction(b, s.rng.choice((1, 10)))
    left, right = s.quantity(first), s.quantity(second)
    answer = s.step(REDUCE[operation](left, right))
    s.require(finite(answer))
    sign = s.rng.choice({"+": PLUS, "-": MINUS, "*": TIMES, "/": OVER}[operation])
    if sign.strip().isalpha() and len(sign) > 3 and s.rng.random() < 0.6:
        put(s, s._fill("{a}" + sign + "{b}", {"a": left, "b": right}), answer)
    else:
        put(s, digits(left) + sign + digits(right), answer, signed=True)


def ratio_sign(s: Story) -> None:
    """`84/7` typed without spaces is read as a single quantity, so nothing is left to do."""
    bottom = s.rng.randint(2, 40)
    top = bottom * s.rng.randint(2, 60) if s.rng.random() < 0.8 else s.rng.randint(1, 99)
    given = s.quantity(Fraction(top, bottom))
    put(s, digits(given, f"{top}/{bottom}"), given, signed=True)


def fractions(s: Story) -> None:
    """Two fractions, or a fraction of a number."""

    def fraction() -> tuple[Amount, str]:
        bottom = s.rng.choice((2, 3, 4, 5, 6, 8, 10, 12))
        top = s.rng.randint(1, bottom - 1)
        given = s.quantity(Fraction(top, bottom))
        return given, digits(given, f"{top}/{bottom}")

    first, left = fraction()
    if s.rng.random() < 0.5:
        whole = s.number(2, 240)
        answer = s.step(whole * first)
        s.require(finite(answer, 2))
        put(
            s,
            s.pick(
                f"{left} of {digits(whole)}",
                f"{left} x {digits(whole)}",
                f"{left} times {digits(whole)}",
                f"{left} * {digits(whole)}",
            ),
            answer,
        )
        return
    operation = s.rng.choice("+-*")
    second, right = fraction()
    answer = s.step(REDUCE[operation](first, second))
    s.require(answer > 0)
    sign = s.rng.choice(
        {"+": (" + ", "+", " plus "), "-": (" - ", " minus "), "*": (" * ", " x ", " times ")}[
            operation
        ]
    )
    put(s, left + sign + right, answer, signed=True)


def chain(s: Story) -> None:
    """Two to five operations in signs, parentheses included; the steps follow precedence."""
    count = s.rng.choice((2, 2, 2, 3, 3, 4, 5))
    operations = [s.rng.choice("++--*" if s.rng.random() < 0.8 else "+-*/") for _ in range(count)]
    top = s.rng.choice((10, 10, 20, 100))
    values = [s.rng.randint(1, top) for _ in range(count + 1)]
    for i, operation in enumerate(operations):
        if operation == "/":
            values[i + 1] = s.rng.randint(2, 9)
            values[i] = values[i + 1] * s.rng.randint(1, 12)
    tokens: list[str | Amount] = []
    given = [s.quantity(value) for value in values]
    opened = -1
    if s.rng.random() < 0.35:
        opened = s.rng.randrange(count)
    closed = opened + s.rng.choice((1, 1, 1, 2)) if opened >= 0 else -1
    s.require(closed <= count and not (opened == 0 and closed == count))
    tight = s.rng.random() < 0.25 and "/" not in operations
    words = not tight and opened < 0 and s.rng.random() < 0.15
    times = s.rng.choice((" * ", " * ", " x ", " × ")) if not tight else s.rng.choice("**x×")
    signs = {"+": " + ", "-": " - ", "*": times, "/": s.rng.choice((" / ", " / ", " ÷ "))}
    if tight:
        signs |= {"+": "+", "-": "-"}
    if words:
        signs = {"+": " plus ", "-": " minus ", "*": " times ", "/": " divided by "}
    text = ""
    for i, amount in enumerate(given):
        if i == opened:
            tokens.append("(")
            text += "("
        tokens.append(amount)
        text += s.render(amount) if words else digits(amount)
        if i == closed:
            tokens.append(")")
            text += ")"
        if i < count:
            tokens.append(operations[i])
            text += signs[operations[i]]
    answer = reduced(s, tokens)
    s.require(finite(answer, 2) and (answer.value >= 0 or s.rng.random() < 0.25))
    put(s, text, answer, signed=not words)


def reduced(s: Story, tokens: list[str | Amount]) -> Amount:
    """Records the steps of an expression, consuming `tokens`: innermost and leftmost first."""

    def operand() -> Amount:
        token = tokens.pop(0)
        if token == "(":
            inner = reduced(s, tokens)
            tokens.pop(0)
            return inner
        assert isinstance(token, Amount)
        return token

    def run(signs: str, part: Callable[[], Amount]) -> Amount:
        left = part()
        while tokens and isinstance(tokens[0], str) and tokens[0] in signs:
            operation = REDUCE[str(tokens.pop(0))]
            left = s.step(operation(left, part()))
        return left

    return run("+-", lambda: run("*/", operand))


def signed_terms(s: Story) -> None:
    """A negative number in front: the sign stays in the text."""
    a, b = s.number(1, 50), s.number(1, 50)
    if s.rng.random() < 0.5:
        text, answer = f"-{digits(a)} + {digits(b)}", s.step(negative(a) + b)
    elif s.rng.random() < 0.5:
        text, answer = f"-{digits(a)} - {digits(b)}", s.step(negative(a) - b)
    else:
        text, answer = f"-{digits(a)} * {digits(b)}", s.step(negative(a) * b)
    put(s, text, answer, signed=True)


SCENES: dict[str, tuple[float, Scene]] = {
    "plain_binary": (3, binary),
    "plain_ratio_sign": (0.4, ratio_sign),
    "plain_fractions": (0.6, fractions),
    "plain_chain": (2.5, chain),
    "plain_signed": (0.3, signed_terms),
}
