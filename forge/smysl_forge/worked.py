"""Turns a worked solution in prose ("20% of 100 is 0.2*100 = 20 students") into a derivation over slots.

Knows how the generators of reasoning-gym's gsm_symbolic write arithmetic; every trace is checked by evaluating it.
A number that could come from two places is resolved by what explains the other instances of its template too.
"""

import ast
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from smysl_forge.problem import BadTrace
from smysl_reasoning.compute import ComputeError, Value, evaluate, number_text
from smysl_reasoning.dialects.native import Thought, pretty
from smysl_reasoning.quantities import find

LITERALS = {Fraction(n) for n in (1, 2, 3, 4, 5, 7, 8, 10, 12, 24, 30, 31, 50, 52, 60, 100, 365, 1000)} | {
    Fraction(1, 2), Fraction(1, 4), Fraction(3, 4), Fraction(1, 3), Fraction(1, 10), Fraction(1, 100),
    Fraction(3, 2),
}  # fmt: skip
COMBINATIONS = 256
"""Most readings of one ambiguous solution that are tried."""
SHARE = 0.08
"""A template's derivation form counts when it explains at least this share of the instances left."""

NUMBER = re.compile(r"\d+/\d+|\d+(?:\.\d+)?|\.\d+")


class Reading(NamedTuple):
    """One way to read a worked solution."""

    steps: tuple[str, ...]
    answer: str

    @property
    def literals(self) -> int:
        """How many plain numbers the steps hold: the fewer, the likelier the reading."""
        return sum(len(re.findall(r"(?<![n\d.])\d+", step)) for step in self.steps)


def readings(question: str, solution: str, answer: Fraction) -> list[Reading]:
    """Different readings of `solution` that evaluate to `answer`. Empty when there is none."""
    slots = [quantity.value for quantity in find(question)]
    choices: list[list[str]] = []
    values = [slot.amount for slot in slots]
    for expression, result in _equations_of(solution):
        options = _options(expression, values, len(slots))
        if not options and (implied := _implied(expression, values, len(slots))):
            choices.append([implied[0]])
            values.append(implied[1])
            options = _options(expression, values, len(slots))
        if not options:
            break
        if len(values) > len(slots) and result == values[-1]:
            continue
        choices.append(options)
        values.append(result)
    found: dict[Reading, None] = {}
    for steps in itertools.islice(itertools.product(*choices), COMBINATIONS):
        reading = _finish(slots, list(steps), answer)
        if reading:
            found[reading] = None
    return list(found)


def forms(instances: Sequence[Sequence[Reading]]) -> list[Reading]:
    """The derivation forms of one template: the few readings that together explain most of its `instances`.

    Greedy set cover; of equally good forms the one with fewest literals, since a number that happens to equal
    a slot does so in few instances only.
    """
    left = [set(found) for found in instances if found]
    chosen: list[Reading] = []
    while left:
        counts = Counter(reading for found in left for reading in found)
        best = max(counts, key=lambda reading: (counts[reading], -reading.literals))
        if counts[best] < max(2, SHARE * len(instances)):
            break
        chosen.append(best)
        left = [found for found in left if best not in found]
    return chosen


def thoughts(found: Sequence[Reading], known: Sequence[Reading]) -> tuple[Thought, ...]:
    """The derivation among `found` whose form is `known`. Raises `BadTrace` when there is none."""
    for reading in known:
        if reading in found:
            return (
                *(Thought("step", step) for step in reading.steps),
                Thought("answer", reading.answer),
            )
    raise BadTrace("no reading of the worked solution has a known form")


def _equations_of(solution: str) -> list[tuple[str, Fraction]]:
    return [pair for line in solution.split("\n") for pair in _equations(line)]


def _equations(line: str) -> Iterable[tuple[str, Fraction]]:
    line = re.sub(r"(?<=\d),(?=\d{3})", "", line.replace("#### ", "= "))
    line = re.sub(r"[$€£¥₹₽]|\bUSD\b", "", line)
    line = (
        line.replace("×", "*")
        .replace("÷", "/")
        .replace("−", "-")
        .replace("–", "-")
        .replace("·", "*")
    )
    line = re.sub(r"(?<=[\d)])\s*[xX]\s*(?=[\d(.])", " * ", line)
    line = re.sub(r"(?<=[\w)])\s+[xX]\s+(?=[\w(.])", " * ", line)
    line = re.sub(r"(\d+(?:\.\d+)?)\s*%", r"(\1/ 100)", line)
    line = re.sub(r"\bhalf\b", "1/2", line)
    line = re.sub(r"/\s*[A-Za-z][A-Za-z-]*", " ", line)
    line = re.sub(r"(?<=\d)\(|\)\(", lambda m: m[0].replace("(", "*("), line)
    sides = line.split("=")
    for left, right in itertools.pairwise(sides):
        result = re.match(
            r"\s*[^\d(.\-+*/]*(\()?\s*(-?\d+(?:\.\d+)?(?:/\d+)?)(?:/ (100)\))?", right
        )
        expression = _trailing(left)
        if not result or not expression:
            continue
        worth = Fraction(result[2])
        expression = re.sub(r" ?\* \( ?1 / 1 ?\)", "", expression)
        if result[3] and expression.endswith("* ( 100 / 100 )"):
            yield expression.removesuffix("( 100 / 100 )") + "100", worth
            continue
        got = _plain(expression)
        if got is None or not re.search(r"[-+*/]", expression):
            continue
        if (
            worth.denominator == 1
            and Fraction(1, 1000) < abs(got - worth) < 1
            and worth * 100 != got
        ):
            expression = f"{'floor' if got > worth else 'ceil'}({expression})"
            got = worth
        for candidate in (worth, worth / 100):
            if abs(got - candidate) <= Fraction(1, 1000):
                yield expression, got
                break
        else:
            if got * 100 == worth:
                yield f"({expression}) * 100", worth


def _trailing(text: str) -> str:
    """The longest suffix that is an arithmetic expression with an operator, words taken out."""
    tokens = re.findall(
        r"\d+/\d+|\d+(?:\.\d+)?|\.\d+|[-+*/()]|[:;,.•]",
        re.sub(r"[A-Za-z'’]+(?:-[A-Za-z]+)*", " ", text),
    )
    while tokens and tokens[-1] in "+-*/,.:":
        tokens.pop()
    best = ""
    for start in range(len(tokens) - 1, -1, -1):
        if tokens[start] in ":;•":
            break
        if tokens[start] in ",.":
            if best:
                break
            tokens[start] = " "
            continue
        candidate = " ".join(token for token in tokens[start:] if token.strip())
        if _plain(candidate) is not None and not candidate.startswith(("-", "+")):
            best = candidate
    return (
        best
        if re.search(r"[-+*/]", re.sub(r"\d+/\d+", "f", best)) or re.fullmatch(r"\d+/\d+", best)
        else ""
    )


def _plain(expression: str) -> Fraction | None:
    try:
        return evaluate(expression, ()).amount
    except ComputeError:
        return None


def _options(expression: str, values: Sequence[Fraction], given: int) -> list[str]:
    """Every way to write `expression` over the slots, the likeliest first; empty when a number has no origin."""
    spans = [
        (match.span(), _sources(match[0], values, given)) for match in NUMBER.finditer(expression)
    ]
    if any(not sources for _, sources in spans):
        return []
    options = []
    for picked in itertools.islice(
        itertools.product(*(sources for _, sources in spans)), COMBINATIONS
    ):
        out, last = "", 0
        for ((start, end), _), source in zip(spans, picked, strict=True):
            out += expression[last:start] + source
            last = end
        out = pretty(_unwrapped(out + expression[last:]))
        if re.search(r"n\d+", out):
            options.append(out)
    return options


def _implied(
    expression: str, values: Sequence[Fraction], given: int
) -> tuple[str, Fraction] | None:
    """A product or percentage of two given quantities that the solution states without showing it."""
    for match in NUMBER.finditer(expression):
        worth = Fraction(match[0])
        if _sources(match[0], values, given):
            continue
        for i, j in itertools.combinations(range(given), 2):
            if values[i] * values[j] == worth:
                return f"n{i} * n{j}", worth
            if values[i] * values[j] == worth * 100:
                return f"n{i} * n{j} / 100", worth
    return None


def _unwrapped(expression: str) -> str:
    tree = ast.unparse(ast.parse(expression.strip(), mode="eval"))
    return tree


def _sources(text: str, values: Sequence[Fraction], given: int) -> list[str]:
    worth = Fraction(text)
    rounded = Fraction(1, 1000) if "." in text else Fraction(0)
    found = [
        f"n{i}" for i in range(len(values) - 1, given - 1, -1) if abs(values[i] - worth) <= rounded
    ]
    found += [f"n{i}" for i in range(given) if values[i] == worth]
    if not found and worth.denominator != 1 or worth == 1:
        for i in range(given):
            if worth == values[i] / 100:
                found.append(f"(n{i} / 100)")
            elif worth == 1 - values[i] / 100:
                found.append(f"(1 - n{i} / 100)")
            elif worth == 1 + values[i] / 100:
                found.append(f"(1 + n{i} / 100)")
            elif worth == 1 - values[i] and values[i]:
                found.append(f"(1 - n{i})")
    if worth in LITERALS:
        found.append(f"({number_text(worth)})" if worth.denominator == 3 else number_text(worth))
    if "/" in text:
        top, bottom = (_sources(part, values, given) for part in text.split("/"))
        found += [f"({a} / {b})" for a in top for b in bottom if "n" in a + b]
    return found


def _finish(slots: Sequence[Value], steps: list[str], answer: Fraction) -> Reading | None:
    values = list(slots)
    try:
        for step in steps:
            values.append(evaluate(step, values))
    except ComputeError:
        return None
    last = len(values) - 1
    while last >= len(slots) and values[last].amount != answer:
        last -= 1
    if last < len(slots):
        return None
    return _pruned(len(slots), steps, last)


def _pruned(given: int, steps: list[str], answer: int) -> Reading:
    """Leave out steps that the answer does not rest on and renumber."""
    needed, stack = set(), [answer]
    while stack:
        slot = stack.pop()
        if slot >= given and slot not in needed:
            needed.add(slot)
            stack += [int(n) for n in re.findall(r"n(\d+)", steps[slot - given])]
    renamed = {slot: given + i for i, slot in enumerate(sorted(needed))}

    def rename(step: str) -> str:
        return re.sub(r"n(\d+)", lambda m: f"n{renamed.get(int(m[1]), int(m[1]))}", step)

    kept = tuple(rename(steps[slot - given]) for slot in sorted(needed))
    return Reading(kept, f"n{renamed[answer]}")
