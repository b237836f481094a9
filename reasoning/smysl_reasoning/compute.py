"""Exact arithmetic for thought steps: an expression over slots in, an exact `Value` out.

Our own evaluator over `ast` (no `eval`): rationals, clock times and durations. Knows nothing of text or models.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Literal

import msgspec

DIGITS_LIMIT = 40
"""Largest number of decimal digits of a numerator or denominator that a step may produce."""
EXPRESSION_LIMIT = 400
"""Most characters of an expression."""

Unit = Literal["number", "clock", "duration"]


class ComputeError(ValueError):
    """An expression that has no exact value: bad syntax, unknown slot, division by zero, too large."""


class Value(msgspec.Struct, frozen=True):
    """An exact quantity. Clock times count seconds since midnight, durations count seconds."""

    amount: Fraction
    unit: Unit = "number"

    def __str__(self) -> str:
        """Normal form: `12`, `-3.5`, `2/3`, `09:05`, `09:05:30`; a duration reads like a clock without wrapping."""
        if self.unit == "number":
            return number_text(self.amount)
        seconds = self.amount
        if seconds < 0 or seconds.denominator != 1:
            return number_text(seconds) + " s"
        whole, rest = divmod(int(seconds), 60)
        hours, minutes = divmod(whole, 60)
        return f"{hours:02}:{minutes:02}" + (f":{rest:02}" if rest else "")


Slots = Sequence[Value] | Mapping[int, Value]
"""Values by slot number."""


def number_text(amount: Fraction) -> str:
    """Shortest exact decimal, or `numerator/denominator` where no finite decimal exists."""
    if amount.denominator == 1:
        return str(amount.numerator)
    twos_fives = amount.denominator
    for prime in (2, 5):
        while twos_fives % prime == 0:
            twos_fives //= prime
    if twos_fives != 1:
        return f"{amount.numerator}/{amount.denominator}"
    places = 0
    scaled = amount
    while scaled.denominator != 1:
        scaled *= 10
        places += 1
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    return ("-" if amount < 0 else "") + digits[:-places] + "." + digits[-places:]


def parse_value(text: str, unit: Unit = "number") -> Value:
    """Inverse of `str(value)`. A text like `09:05` is of `unit`, or a clock time when that is a plain number.
    Raises `ComputeError` for what is no value."""
    plain = text.strip()
    try:
        if ":" not in plain:
            return Value(Fraction(plain.removesuffix(" s").replace(",", "")), unit)
        hours, minutes, seconds = (int(part) for part in f"{plain}:0".split(":")[:3])
    except (ValueError, ZeroDivisionError):
        raise ComputeError(
            f"{text!r} is no value; write a number, a fraction like 2/3 or a time like 09:05"
        ) from None
    total = Fraction(hours * 3600 + minutes * 60 + seconds)
    return Value(total, "clock" if unit == "number" else unit)


def number(amount: int | Fraction) -> Value:
    """A plain number."""
    return Value(Fraction(amount))


BINARY: dict[type[ast.operator], tuple[str, Callable[[Fraction, Fraction], Fraction]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", lambda a, b: Fraction(a // b)),
    ast.Mod: ("%", operator.mod),
}


def evaluate(expression: str, slots: Slots) -> Value:
    """The exact value of `expression`, in which `n0`, `n1` ... name `slots` and decimal literals are allowed.

    Operators + - * / // %, parentheses, and the functions in `FUNCTIONS`.
    Raises `ComputeError` naming what is wrong.
    """
    if len(expression) > EXPRESSION_LIMIT:
        raise ComputeError(
            f"expression has {len(expression)} characters; the limit is {EXPRESSION_LIMIT}"
        )
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        value = _value(tree.body, slots)
    except ComputeError:
        raise
    except ZeroDivisionError:
        raise ComputeError(f"{expression!r} divides by zero") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ComputeError(f"{expression!r} is not an arithmetic expression") from None
    return _bounded(value)


def _bounded(value: Value) -> Value:
    limit = 10**DIGITS_LIMIT
    if abs(value.amount.numerator) >= limit or value.amount.denominator >= limit:
        raise ComputeError(f"result has more than {DIGITS_LIMIT} digits")
    return value


def _value(node: ast.expr, slots: Slots) -> Value:
    match node:
        case ast.Constant(value=bool()):
            raise ComputeError("a step works on numbers, not on truth values")
        case ast.Constant(value=int() | float() as literal):
            return _bounded(number(Fraction(str(literal))))
        case ast.Name(id=name):
            return _slot(name, slots)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _value(operand, slots)
            return Value(-inner.amount, inner.unit)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, slots)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            return _bounded(_binary(type(op), _value(left, slots), _value(right, slots)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            return _bounded(FUNCTIONS[name]([_value(arg, slots) for arg in args]))
    raise ComputeError(f"{ast.unparse(node)!r} is not allowed in a step")


def _slot(name: str, slots: Slots) -> Value:
    try:
        if name[:1] == "n" and name[1:].isdigit():
            return slots[int(name[1:])]
    except LookupError:
        pass
    raise ComputeError(f"{name!r} is no known quantity; there are {len(slots)} (n0, n1, ...)")


def _binary(op: type[ast.operator], left: Value, right: Value) -> Value:
    symbol, apply = BINARY[op]
    return Value(apply(left.amount, right.amount), _unit(symbol, left.unit, right.unit))


def _unit(symbol: str, left: Unit, right: Unit) -> Unit:
    """Units of a result: clock - clock = duration, clock +- anything = clock, duration * number = duration."""
    if left == right == "number":
        return "number"
    if symbol in "+-":
        if left == right == "clock":
            return "duration"
        return "clock" if "clock" in (left, right) else "duration"
    if symbol == "/" and left == right:
        return "number"
    return "duration" if "duration" in (left, right) else "number"


def _integers(name: str, values: Sequence[Value]) -> list[int]:
    if not values or any(value.amount.denominator != 1 for value in values):
        raise ComputeError(f"{name} works on whole numbers")
    return [int(value.amount) for value in values]


def _one(name: str, values: Sequence[Value]) -> Fraction:
    if len(values) != 1:
        raise ComputeError(f"{name} takes one quantity, not {len(values)}")
    return values[0].amount


def _some(name: str, values: Sequence[Value]) -> Sequence[Value]:
    if not values:
        raise ComputeError(f"{name} takes at least one quantity")
    return values


def extrapolate(values: Sequence[Value]) -> Value:
    """The next term of an integer sequence under the simplest recurrence that explains every given term.

    Tried in order: x' = x + c; x' = a x + c; x' = x + p + c (p the term before); x' = a x + b p + c;
    floor(x / 2) with additions; x' = a x^2 + c; then x' = a x + b p + c from the third term on.
    Raises `ComputeError` when none fits.
    """
    terms = _integers("extrapolate", values)
    if len(terms) < 3:
        raise ComputeError(f"extrapolate needs at least 3 terms, not {len(terms)}")
    for rule in _recurrences(terms):
        if all(rule(terms, i) == terms[i + 1] for i in range(len(terms) - 1)):
            return number(rule(terms, len(terms) - 1))
    for a, b in _LATER if len(terms) > 3 else ():
        c = terms[2] - a * terms[1] - b * terms[0]
        following = [a * x + b * p + c for p, x in zip(terms, terms[1:], strict=False)]
        if following[:-1] == terms[2:] and (len(terms) > 4 or (a, b) in _USUAL):
            return number(following[-1])
    raise ComputeError("no simple recurrence explains these terms")


_USUAL = ((1, 1), (2, -1))
"""Fibonacci-like sequences and constant second differences: four terms are evidence enough."""
_LATER = _USUAL + tuple((a, b) for a in (0, 1, 2, -1, -2, 3) for b in (1, -1, 2, -2, 3))
"""(a, b) of x' = a x + b p + c that need hold from the third term on only."""


Rule = Callable[[Sequence[int], int], int]


def _recurrences(terms: Sequence[int]) -> Iterator[Rule]:
    def linear(a: int, b: int, c: int) -> Rule:
        return lambda x, i: a * x[i] + (b * x[i - 1] if i else 0) + c

    def halved(add: int, after: int, with_previous: bool) -> Rule:
        def rule(x: Sequence[int], i: int) -> int:
            previous = x[i - 1] if i and with_previous else 0
            return (x[i] + previous + add) // 2 + after

        return rule

    def squared(a: int, c: int) -> Rule:
        return lambda x, i: a * x[i] * x[i] + c

    first, second = terms[:2]
    yield linear(1, 0, second - first)
    # x' = a x + b p + c where the first term has no p: c is fixed by the first transition
    for a in sorted(range(-11, 12), key=abs):
        for b in sorted(range(-12, 13), key=abs):
            yield linear(a, b, second - a * first)
    for after in range(-20, 21):
        for with_previous in (False, True):
            for add in (2 * (second - after) - first, 2 * (second - after) - first + 1):
                yield halved(add, after, with_previous)
    for a in (1, -1, 2, -2):
        yield squared(a, second - a * first * first)


def _clock(values: Sequence[Value]) -> Value:
    return Value(_one("clock", values) % 86400, "clock")


FUNCTIONS: dict[str, Callable[[Sequence[Value]], Value]] = {
    "gcd": lambda v: number(math.gcd(*_integers("gcd", v))),
    "lcm": lambda v: number(math.lcm(*_integers("lcm", v))),
    "max": lambda v: max(_some("max", v), key=lambda value: value.amount),
    "min": lambda v: min(_some("min", v), key=lambda value: value.amount),
    "floor": lambda v: number(math.floor(_one("floor", v))),
    "ceil": lambda v: number(math.ceil(_one("ceil", v))),
    "extrapolate": extrapolate,
    "clock": _clock,
    "duration": lambda v: Value(_one("duration", v) % 86400, "duration"),
    "minutes": lambda v: number(_one("minutes", v) / 60),
    "hours": lambda v: number(_one("hours", v) / 3600),
}
"""`clock` and `duration` take seconds modulo a day; `minutes` and `hours` turn a duration into a plain number."""
