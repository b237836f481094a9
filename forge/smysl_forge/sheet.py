"""Problem sheets: word problems written one by one as text, each a template with its arithmetic.

A sheet is a text file of paragraphs. The last line of a paragraph starts with `=` and is the arithmetic:

    {A} had {n:5..40} {T:stickers|marbles} and gave {k:2..20} of {his} {T} to {B}. How many does {he} have (left|now)?
    = n - k

    A box of tiles covers {a:2..6} square metres and costs ${p:10..60}. {A}'s hall is {m:12..48} square metres. What
    will the tiles cost {him}?
    = boxes = m / a; boxes * p if m > a

`{n:5..40}` draws a number (`{p:0.5..9/0.25}` in steps, `{n:2|3|10}` one of these), `{T:words|others}` chooses words
(now and then a plural that no list has), a capital letter alone is a person's name, `{he} {his} {him}` are A's pronouns
(`{B.he}` those of B), and `(this|that|)` is a choice that is not repeated. Arithmetic is steps between `;`, over drawn
numbers, earlier steps and plain numbers. A problem is drawn again unless every step is >= 0, its answer is above 0,
`if` holds, and steps are whole where all drawn numbers are (else have two decimals at most); `=~` lets steps have up
to two decimals all the same.

Knows this grammar; the builder of `story` knows slots and derivations.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from random import Random

from smysl_forge.lexicon import names, pseudo
from smysl_forge.scenes.forms_voice import GREETINGS, THANKS
from smysl_forge.scenes.teller import Hero, finite, named
from smysl_forge.story import Amount, Story

HOLE = re.compile(r"\{([^{}]+)\}")
CHOICE = re.compile(r"\(([^(){}]*\|[^(){}]*)\)")
NUMBER = re.compile(r"(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)(?:/(\d+(?:\.\d+)?))?")
PERSON = re.compile(r"[A-Z]")
PRONOUN = re.compile(r"(?:([A-Z])\.)?(he|his|him)")
INVENTED = 0.08
"""Share of plural things that get a name nobody knows: the model must not lean on knowing the noun."""
HE, SHE = Hero("", "he", "his", "him"), Hero("", "she", "her", "her")
COMPARE: dict[type[ast.cmpop], Callable[[Fraction, Fraction], bool]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}


class BadSheet(ValueError):
    """A paragraph that does not follow the grammar; names sheet, line and what is wrong."""


@dataclass(frozen=True)
class Task:
    """One paragraph of a sheet."""

    place: str
    """Sheet and line, for errors."""
    text: str
    steps: tuple[tuple[str, ast.expr], ...]
    """(name, expression); the last is the answer."""
    condition: ast.expr | None
    decimals: bool
    """Steps may have decimals even where every drawn number is whole."""

    def __call__(self, s: Story) -> None:
        """Tell it: the scene of `story.tell`."""
        _Telling(self, s).tell()

    @property
    def __name__(self) -> str:
        return self.place


def read_sheet(name: str, text: str) -> Iterator[Task]:
    """The tasks of a sheet. Raises `BadSheet`."""
    line = 1
    for paragraph in re.split(r"(\n\s*\n)", text):
        lines = [part.strip() for part in paragraph.splitlines()]
        wanted = [part for part in lines if part and not part.startswith("#")]
        if wanted:
            first = next(i for i, part in enumerate(lines) if part == wanted[0])
            yield _task(f"{name}:{line + first}", wanted)
        line += paragraph.count("\n")


def sheets() -> dict[str, list[Task]]:
    """Every sheet that comes with the forge, by name."""
    folder = resources.files("smysl_forge") / "sheets"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".txt")), key=lambda f: f.name)
    return {
        file.name.removesuffix(".txt"): list(
            read_sheet(file.name, file.read_text(encoding="utf-8"))
        )
        for file in found
    }


def _task(place: str, lines: list[str]) -> Task:
    at = next((i for i, line in enumerate(lines) if line.startswith("=")), None)
    if at is None or at == 0:
        raise BadSheet(f"{place}: a paragraph is text and then a line that starts with =")
    text, arithmetic = " ".join(lines[:at]), " ".join(lines[at:])[1:]
    decimals = arithmetic.startswith("~")
    arithmetic, _, condition = arithmetic.lstrip("~").partition(" if ")
    steps = []
    for i, part in enumerate(arithmetic.split(";")):
        match = re.fullmatch(r"\s*(?:([a-z]\w*)\s*=(?!=))?(.+)", part)
        if not match:
            raise BadSheet(f"{place}: step {i + 1} is empty")
        steps.append((match[1] or f"step{i}", _parsed(place, match[2])))
    task = Task(
        place,
        text,
        tuple(steps),
        _parsed(place, condition) if condition else None,
        decimals,
    )
    _check(task)
    return task


def _parsed(place: str, text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise BadSheet(f"{place}: {text.strip()!r} is no expression") from None


def _check(task: Task) -> None:
    """Every name is drawn before it is used, and no hole is left open."""
    known: set[str] = set()
    for hole in HOLE.findall(task.text):
        name, _, drawn = hole.partition(":")
        if drawn:
            if name in known:
                raise BadSheet(f"{task.place}: {{{name}}} is drawn twice")
            if name[0].islower() and not re.fullmatch(
                rf"{NUMBER.pattern}|\d+(\.\d+)?(\|\d+(\.\d+)?)*", drawn
            ):
                raise BadSheet(f"{task.place}: {{{hole}}} is no range of numbers")
            known.add(name)
        elif name not in known and not PERSON.fullmatch(name) and not PRONOUN.fullmatch(name):
            raise BadSheet(f"{task.place}: {{{name}}} stands before it is drawn")
    for name, expression in task.steps:
        _check_names(task, expression, known)
        known.add(name)
    if task.condition is not None:
        _check_names(task, task.condition, known)


def _check_names(task: Task, expression: ast.expr, known: set[str]) -> None:
    for node in ast.walk(expression):
        if isinstance(node, ast.Name) and node.id not in known:
            raise BadSheet(f"{task.place}: the arithmetic uses {node.id!r}, which is not drawn")


class _Telling:
    """One drawing of a task."""

    def __init__(self, task: Task, s: Story) -> None:
        self.task, self.s = task, s
        self.amounts: dict[str, Amount] = {}
        self.words: dict[str, str] = {}
        self.cast = names(s.rng, 6)
        self.either: dict[str, Hero] = {}

    def tell(self) -> None:
        s, task = self.s, self.task
        text = CHOICE.sub(lambda m: s.rng.choice(m[1].split("|")), task.text)
        text = HOLE.sub(self._hole, text)
        whole = not task.decimals and all(a.value.denominator == 1 for a in s.given)
        for name, expression in task.steps:
            self.amounts[name] = s.step(self._amount(expression))
            (s.whole if whole else lambda *a: finite(s, *a))(self.amounts[name])
        answer = self.amounts[task.steps[-1][0]]
        s.require(answer.value > 0)
        if task.condition is not None:
            s.require(self._holds(task.condition))
        s.question, s.answer = typed(text, s.rng), answer

    def _hole(self, match: re.Match[str]) -> str:
        name, _, drawn = match[1].partition(":")
        if drawn and name[0].islower():
            self.amounts[name] = self.s.quantity(self._draw(drawn))
        elif drawn:
            self.words[name] = self._word(drawn.split("|"))
        if name in self.amounts:
            return self.s.render(self.amounts[name])
        if name in self.words:
            return self.words[name]
        if pronoun := PRONOUN.fullmatch(name):
            return self._pronoun(pronoun[1] or "A", pronoun[2])
        return self._person(name)

    def _word(self, words: list[str]) -> str:
        plural = all(re.fullmatch(r"[a-z]+s", word) for word in words) and len(words) > 1
        if plural and self.s.rng.random() < INVENTED:
            return pseudo(self.s.rng) + "s"
        return self.s.rng.choice(words)

    def _person(self, letter: str) -> str:
        if letter not in self.words:
            self.words[letter] = self.cast.pop()
        return self.words[letter]

    def _pronoun(self, letter: str, case: str) -> str:
        hero = named(self._person(letter))
        if hero.he == hero.who:  # a name of either: one of both, the same all through
            hero = self.either.setdefault(letter, self.s.rng.choice((HE, SHE)))
        return str(getattr(hero, case))

    def _draw(self, drawn: str) -> Fraction:
        if match := NUMBER.fullmatch(drawn):
            low, high, step = (Fraction(part or 1) for part in match.groups())
            return low + step * self.s.rng.randint(0, int((high - low) / step))
        return Fraction(self.s.rng.choice(drawn.split("|")))

    def _amount(self, node: ast.expr) -> Amount:
        value = self._value(node)
        assert isinstance(value, Amount), f"{self.task.place}: a step without a drawn number"
        return value

    def _value(self, node: ast.expr) -> Amount | int | Fraction:
        match node:
            case ast.Name(id=name):
                return self.amounts[name]
            case ast.Constant(value=int() | float() as number):
                return number if isinstance(number, int) else Fraction(str(number))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in SYMBOLS:
                a, b = self._value(left), self._value(right)
                if isinstance(a, Amount):
                    return a.combine(SYMBOLS[type(op)], b)
                if isinstance(b, Amount):
                    return b.combine(SYMBOLS[type(op)], a, swapped=True)
                raise BadSheet(f"{self.task.place}: work out {ast.unparse(node)} yourself")
            case _:
                raise BadSheet(f"{self.task.place}: {ast.unparse(node)!r} is no arithmetic")

    def _holds(self, node: ast.expr) -> bool:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self._holds(value) for value in values)
            case ast.BoolOp(op=ast.Or(), values=values):
                return any(self._holds(value) for value in values)
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [self._fraction(side) for side in (left, *others)]
                pairs = zip(ops, sides, sides[1:], strict=False)
                return all(COMPARE[type(op)](a, b) for op, a, b in pairs)
            case _:
                raise BadSheet(f"{self.task.place}: {ast.unparse(node)!r} is no condition")

    def _fraction(self, node: ast.expr) -> Fraction:
        value = self._value(node)
        return value.value if isinstance(value, Amount) else Fraction(value)


def typed(text: str, rng: Random) -> str:
    """`text` as hurried or polite people type it: mostly as it is."""
    roll = rng.random()
    if roll < 0.05:
        text = rng.choice(GREETINGS) + text
    elif roll < 0.08:
        text += " " + rng.choice(THANKS)
    if rng.random() < 0.1:
        text = text.rstrip("?.")
    if rng.random() < 0.05:
        text = text.replace(",", "")
    return text
