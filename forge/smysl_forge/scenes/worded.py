"""One or more operations said in words: half of, twice the sum, start with this and then that.

Knows phrases and operations; no things and no people.
"""

from __future__ import annotations

from collections.abc import Callable

from smysl_forge.scenes.arithmetic import REDUCE, digits, polite, put, size
from smysl_forge.story import Amount, Scene, Story

SUMS = (
    "the sum of {a} and {b}",
    "the total of {a} and {b}",
    "{a} added to {b}",
    "sum of {a} and {b}",
    "{a} and {b} together",
    "{a} and {b} combined",
    "{a} increased by {b}",
    "{a} and {b} added together",
)


DIFFERENCES = (
    "the difference between {a} and {b}",
    "the difference of {a} and {b}",
    "{a} decreased by {b}",
    "{a} reduced by {b}",
    "difference between {a} and {b}",
    "{a} less {b}",
    "{a} without {b}",
)


PRODUCTS = (
    "the product of {a} and {b}",
    "product of {a} and {b}",
    "{a} multiplied by {b}",
    "{a} times {b}",
    "{a} lots of {b}",
    "{a} groups of {b}",
)


QUOTIENTS = (
    "the quotient of {a} and {b}",
    "{a} divided by {b}",
    "{a} split into {b} equal parts",
    "{a} shared equally by {b}",
    "{a} over {b}",
    "the result of dividing {a} by {b}",
)


ADDING = (
    "Add {a} and {b}.",
    "Add {a} to {b}.",
    "add {a} and {b}",
    "Add up {a} and {b}.",
    "Put {a} and {b} together.",
    "What do you get when you add {a} and {b}?",
    "If you add {a} to {b}, what do you get?",
    "How much do {a} and {b} make?",
    "What's {a} plus {b}?",
    "Sum {a} and {b}.",
    "Increase {a} by {b}.",
    "What number is {b} more than {a}?",
    "What is {b} more than {a}?",
    "What number comes {b} after {a}?",
    "I have {a} and get {b} more. What do I have?",
    "If I add {a} and {b}, what is the result?",
)


TAKING = (
    "What number is {b} less than {a}?",
    "What is {b} less than {a}?",
    "Subtract {b} from {a}.",
    "Take {b} from {a}.",
    "Take {b} away from {a}.",
    "From {a} subtract {b}.",
    "subtract {b} from {a}",
    "What do you get when you subtract {b} from {a}?",
    "If you take {b} from {a}, what is left?",
    "How much more is {a} than {b}?",
    "By how much is {a} greater than {b}?",
    "How much less is {b} than {a}?",
    "How much larger is {a} than {b}?",
    "What must be added to {b} to get {a}?",
    "Decrease {a} by {b}.",
    "How far is it from {b} to {a} on the number line?",
    "What plus {b} makes {a}?",
    "{b} + ? = {a}",
    "{b} plus what is {a}?",
    "What should I add to {b} to make {a}?",
    "How many more than {b} is {a}?",
    "What is left of {a} after taking away {b}?",
    "Reduce {a} by {b}.",
    "{b} and how many more make {a}?",
)


MULTIPLYING = (
    "Multiply {a} by {b}.",
    "multiply {a} and {b}",
    "Multiply {a} and {b}.",
    "If you multiply {a} by {b}, what do you get?",
    "What do you get when you multiply {a} by {b}?",
    "How much is {a} times {b}?",
    "What number is {a} times {b}?",
    "What number is {a} times as large as {b}?",
    "Multiply {a} with {b} please.",
    "What is {a} times as much as {b}?",
)


DIVIDING = (
    "Divide {a} by {b}.",
    "divide {a} by {b}",
    "How many times does {b} go into {a}?",
    "What do you get when you divide {a} by {b}?",
    "How many times does {b} fit into {a}?",
    "How many groups of {b} are in {a}?",
    "If you divide {a} by {b}, what do you get?",
    "What is {a} shared by {b}?",
    "How many times can you subtract {b} from {a} until nothing is left?",
    "What times {b} is {a}?",
    "{b} times what is {a}?",
    "{b} * ? = {a}",
    "How many times as large as {b} is {a}?",
    "Split {a} into {b} equal parts. How big is each part?",
    "By what must {b} be multiplied to get {a}?",
)


def worded(s: Story) -> None:
    """One operation said in words."""
    s.problem = "arithmetic"
    operation = s.rng.choice("+-*/")
    a, b = size(s), size(s)
    if operation == "*":
        a, b = a % 200 + 2, b % 30 + 2
    if operation == "/":
        b = b % 60 + 2
        a = b * s.rng.randint(2, 50)
    if operation == "-" and a < b:
        a, b = b, a
    left, right = s.quantity(a), s.quantity(b)
    answer = s.step(REDUCE[operation](left, right))
    sentences = {"+": ADDING, "-": TAKING, "*": MULTIPLYING, "/": DIVIDING}[operation]
    if s.rng.random() < 0.6:
        s.ask(polite(s, s.rng.choice(sentences)), answer=answer, a=left, b=right)
    else:
        form = s.rng.choice({"+": SUMS, "-": DIFFERENCES, "*": PRODUCTS, "/": QUOTIENTS}[operation])
        put(s, s._fill(form, {"a": left, "b": right}), answer)


UNARY: tuple[tuple[str, Callable[[Amount], Amount], int], ...] = (
    ("half of {a}", lambda a: a / 2, 2),
    ("half {a}", lambda a: a / 2, 2),
    ("one half of {a}", lambda a: a / 2, 2),
    ("a third of {a}", lambda a: a / 3, 3),
    ("one third of {a}", lambda a: a / 3, 3),
    ("a quarter of {a}", lambda a: a / 4, 4),
    ("a fourth of {a}", lambda a: a / 4, 4),
    ("a fifth of {a}", lambda a: a / 5, 5),
    ("a tenth of {a}", lambda a: a / 10, 10),
    ("a sixth of {a}", lambda a: a / 6, 6),
    ("an eighth of {a}", lambda a: a / 8, 8),
    ("double {a}", lambda a: a * 2, 1),
    ("twice {a}", lambda a: a * 2, 1),
    ("the double of {a}", lambda a: a * 2, 1),
    ("triple {a}", lambda a: a * 3, 1),
    ("{a} doubled", lambda a: a * 2, 1),
    ("{a} tripled", lambda a: a * 3, 1),
    ("{a} halved", lambda a: a / 2, 2),
    ("the square of {a}", lambda a: a * a, 1),
    ("{a} squared", lambda a: a * a, 1),
    ("{a}²", lambda a: a * a, 1),
    ("{a} times itself", lambda a: a * a, 1),
    ("thrice {a}", lambda a: a * 3, 1),
    ("the half of {a}", lambda a: a / 2, 2),
    ("quadruple {a}", lambda a: a * 4, 1),
    ("{a} dozen", lambda a: a * 12, 1),
    ("a dozen times {a}", lambda a: 12 * a, 1),
    ("a hundredth of {a}", lambda a: a / 100, 100),
)


def single(s: Story) -> None:
    """Half, double, square and the like of one number."""
    form, apply, divisor = s.rng.choice(UNARY)
    value = s.rng.randint(2, s.rng.choice((12, 30, 100, 500))) * divisor
    if value > 200 and ("squared" in form or "²" in form or "square" in form or "itself" in form):
        value = value % 40 + 2
    given = s.quantity(value)
    answer = s.step(apply(given))
    text = digits(given) if "²" in form else s.render(given)
    put(s, form.replace("{a}", text), answer)


def cubed(s: Story) -> None:
    """The cube of a number in words."""
    given = s.number(2, 20)
    square = s.step(given * given)
    put(s, s._fill(s.pick("{a} cubed", "the cube of {a}"), {"a": given}), s.step(square * given))


THEN = {
    "+": (
        "add {b}",
        "add {b}",
        "plus {b}",
        "increase it by {b}",
        "add {b} to it",
        "add {b} to the result",
    ),
    "-": (
        "subtract {b}",
        "subtract {b}",
        "minus {b}",
        "take away {b}",
        "decrease it by {b}",
        "subtract {b} from it",
    ),
    "*": (
        "multiply by {b}",
        "multiply it by {b}",
        "times {b}",
        "multiply the result by {b}",
        "multiply that by {b}",
    ),
    "/": ("divide by {b}", "divide it by {b}", "divide the result by {b}", "divide that by {b}"),
    "d": ("double it", "double the result", "double that"),
    "h": ("halve it", "halve the result", "take half of it", "take half of that"),
}


def recipe(s: Story) -> None:
    """Start with a number, then do this, then that."""
    s.problem = "arithmetic"
    start = s.number(2, s.rng.choice((10, 20, 50, 100)))
    current = start
    parts: list[str] = []
    for _ in range(s.rng.choice((2, 2, 3, 3, 4))):
        kind = s.rng.choice("+-*/dh++--*")
        if kind in "dh":
            current = s.step(current * 2 if kind == "d" else current / 2)
            parts.append(s.rng.choice(THEN[kind] if parts else THEN[kind][:1]))
        else:
            other = s.number(2, 9 if kind in "*/" else 30)
            current = s.step(REDUCE[kind](current, other))
            parts.append(
                s._fill(s.rng.choice(THEN[kind] if parts else THEN[kind][:2]), {"b": other})
            )
        s.whole(current)
    joined = s.pick(", then ", ", then ", ", and then ", "; ", ", ").join(parts)
    s.say(
        s.pick(
            "Start with {a}, {j}.",
            "Take {a}, {j}.",
            "Begin with {a}, {j}.",
            "Take the number {a}. Then {j}.",
            "Start at {a}. {j}.",
            "I start with {a}, {j}.",
            "Pick {a}, {j}.",
            "My number is {a}. {j}.",
        ),
        a=start,
        j=joined,
    )
    s.ask(
        "What do you get?",
        "What is the result?",
        "What's the result?",
        "What number do you get?",
        "The result?",
        "What is the final number?",
        "What do I end up with?",
        "Which number is it now?",
        "How much is it now?",
        answer=current,
    )


def combined(s: Story) -> None:
    """A sum or a difference inside a larger phrase: twice the sum of a and b."""
    a, b = s.number(2, 60), s.number(2, 60)
    s.require(a > b)
    plus = s.rng.random() < 0.5
    inner = s.step(a + b if plus else a - b)
    name = "the sum of {a} and {b}" if plus else "the difference between {a} and {b}"
    kind = s.rng.randrange(6)
    if kind == 0:
        form, answer = s.pick("twice ", "double ") + name, s.step(inner * 2)
    elif kind == 1:
        form, answer = s.pick("half of ", "half ") + name, s.step(inner / 2)
    elif kind == 2:
        c = s.number(2, 12)
        form, answer = digits(c) + " times " + name, s.step(c * inner)
    elif kind == 3:
        c = s.number(2, 12)
        form, answer = name + ", multiplied by " + digits(c), s.step(inner * c)
    elif kind == 4:
        c = s.number(2, 12)
        form, answer = name + ", divided by " + digits(c), s.step(inner / c)
    else:
        c = s.number(2, 40)
        form, answer = (
            digits(c) + s.pick(" more than ", " plus ", " added to ") + name,
            s.step(c + inner),
        )
    s.whole(answer)
    put(s, s._fill(form, {"a": a, "b": b}), answer)


SCENES: dict[str, tuple[float, Scene]] = {
    "plain_worded": (2.5, worded),
    "plain_single": (1, single),
    "plain_cubed": (0.2, cubed),
    "plain_recipe": (1.2, recipe),
    "plain_combined": (0.7, combined),
}
