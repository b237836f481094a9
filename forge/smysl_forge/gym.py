"""Families drawn from reasoning-gym's generators, each with a derivation of our own that is checked.

Knows how those generators phrase and label their items; nothing of training. A seed names one item for ever.
"""

import ast
import functools
import re
from collections import deque
from fractions import Fraction
from importlib import resources
from random import Random
from typing import Any

import msgspec
import reasoning_gym
from reasoning_gym.arithmetic.gsm_symbolic.gsm_symbolic import tasks_ok
from reasoning_gym.arithmetic.leg_counting import ANIMALS
from reasoning_gym.cognition import number_sequences

from smysl_forge.problem import BadTrace, Problem, checked
from smysl_forge.worked import Reading, forms, readings, thoughts
from smysl_reasoning.compute import number_text
from smysl_reasoning.dialects.native import Thought, pretty, read

ENDLESS = 2**40
"""Virtual size of a data set: an index is a seed."""
SUFFIX = " Give the result as your final answer. Do not include units."
LEARNING_INSTANCES = 80
RELATION_WORDS = {"child": "is a child of", "parent": "is a parent of", "spouse": "is married to"}


LARGEST_TERM = 10**30
"""Of a number sequence; the generator itself keeps only sequences below 1,000."""


class BoundedRule(number_sequences.PatternRule):  # type: ignore[misc]  # reasoning-gym has no types
    """A rule that gives up on astronomical terms.

    A rule of several squarings otherwise computes for hours before the generator rejects the sequence; the generator
    takes the `OverflowError` for the same rejection, so every seed still names the same item.
    """

    def apply(self, sequence: list[int], position: int) -> int:
        """The next term. Raises `OverflowError` beyond `LARGEST_TERM`."""
        term: int = super().apply(sequence, position)
        if abs(term) > LARGEST_TERM:
            raise OverflowError(f"a term has more than {len(str(LARGEST_TERM)) - 1} digits")
        return term


number_sequences.PatternRule = BoundedRule


@functools.cache
def _dataset(name: str, **config: Any) -> Any:
    return reasoning_gym.create_dataset(name, seed=0, size=ENDLESS, **config)


def item(name: str, seed: int) -> dict[str, Any]:
    """The item `seed` of data set `name`: question, answer, metadata."""
    found: dict[str, Any] = _dataset(name)[seed]
    return found


# -- gsm_symbolic ---------------------------------------------------------------------------------------------


@functools.cache
def _templates() -> dict[int, Any]:
    generators: dict[int, Any] = reasoning_gym.create_dataset(
        "gsm_symbolic", seed=0, size=1
    ).generators
    return generators


def gsm_item(seed: int) -> tuple[int, str, str, Fraction]:
    """Template, question, worked solution and answer of instance `seed`."""
    rng = Random(seed)
    template = rng.choice(tasks_ok)
    example = _templates()[template](rng, 1.0)
    metadata = example.get("metadata", example)
    return (
        template,
        example["question"],
        metadata["answer_cot"],
        Fraction(example["answer"].replace(",", "")),
    )


@functools.cache
def gsm_forms() -> dict[int, list[Reading]]:
    """Derivation forms by template, as learnt by `learn_gsm_forms` and kept beside this file."""
    raw = resources.files("smysl_forge").joinpath("gsm_forms.json").read_bytes()
    return {
        int(template): [Reading(tuple(steps), answer) for steps, answer in found]
        for template, found in msgspec.json.decode(raw).items()
    }


def learn_gsm_forms() -> bytes:
    """The JSON that `gsm_forms` reads, made from training seeds."""
    learnt = {}
    for template in tasks_ok:
        found = []
        for i in range(LEARNING_INSTANCES):
            example = _templates()[template](Random(1000 * template + i), 1.0)
            metadata = example.get("metadata", example)
            answer = Fraction(example["answer"].replace(",", ""))
            found.append(readings(example["question"], metadata["answer_cot"], answer))
        learnt[str(template)] = [[list(form.steps), form.answer] for form in forms(found)]
    learnt["83"] = [[["n0 - n1", "n2 / 2"], "n3"]]  # its solution is algebra in prose
    return msgspec.json.format(msgspec.json.encode(learnt), indent=1)


def gsm_symbolic(seed: int) -> Problem:
    """A grade-school word problem of one of 85 templates (Mirzadeh et al., GSM-Symbolic, 2024)."""
    template, question, solution, answer = gsm_item(seed)
    known = gsm_forms()[template]
    if template == 83:
        derivation = (
            *(Thought("step", step) for step in known[0].steps),
            Thought("answer", known[0].answer),
        )
    else:
        derivation = thoughts(readings(question, solution, answer), known)
    # the sentence about units is the benchmark's, not the person's: half of the items go without it
    text = question + (SUFFIX if seed % 2 == 0 else "")
    return checked(Problem("gsm_symbolic", "story", text, derivation, number_text(answer)))


# -- plain arithmetic -----------------------------------------------------------------------------------------


def derive_expression(expression: str, given: int) -> tuple[Thought, ...]:
    """One step per binary operation, innermost and leftmost first; numbers are slots in reading order."""
    counter = iter(range(given))
    steps: list[Thought] = []

    def visit(node: ast.expr) -> str:
        match node:
            case ast.Constant():
                return f"n{next(counter)}"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = visit(operand)
                return inner[1:] if inner.startswith("-") else f"-{inner}"
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return visit(operand)
            case ast.BinOp(left=left, op=op, right=right):
                symbol = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}[type(op)]
                a, b = visit(left), visit(right)
                steps.append(Thought("step", pretty(f"{a} {symbol} {b}")))
                return f"n{given + len(steps) - 1}"
        raise BadTrace(f"unexpected {ast.unparse(node)!r} in an expression")

    result = visit(ast.parse(expression.strip(), mode="eval").body)
    if result.startswith("-") or not steps:
        steps.append(Thought("step", result))
        result = f"n{given + len(steps) - 1}"
    return (*steps, Thought("answer", result))


def expression_family(name: str, seed: int) -> Problem:
    """chain_sum, basic_arithmetic, products: the value of a written expression."""
    found = item(name, seed)
    question = read(found["question"])
    derivation = derive_expression(found["metadata"]["expression"], len(question.quantities))
    answer = number_text(Fraction(found["answer"]))
    return checked(Problem(name, "arithmetic", question.text, derivation, answer))


def numbers_family(name: str, function: str, seed: int) -> Problem:
    """gcd, lcm: one function of all numbers in the question."""
    found = item(name, seed)
    count = len(read(found["question"]).quantities)
    call = f"{function}({', '.join(f'n{i}' for i in range(count))})"
    derivation = (Thought("step", call), Thought("answer", f"n{count}"))
    return checked(Problem(name, "factors", found["question"], derivation, found["answer"]))


def number_sequence(seed: int) -> Problem:
    """The next term; negative terms carry their sign in the text, so the step says `-n0`."""
    found = item("number_sequence", seed)
    terms = found["metadata"]["sequence"][:-1]
    signed = [f"-n{i}" if term < 0 else f"n{i}" for i, term in enumerate(terms)]
    derivation = (
        Thought("step", f"extrapolate({', '.join(signed)})"),
        Thought("answer", f"n{len(terms)}"),
    )
    return checked(
        Problem("number_sequence", "sequence", found["question"], derivation, found["answer"])
    )


def leg_counting(seed: int) -> Problem:
    """Legs of a list of animals: one product each, then their sum."""
    found = item("leg_counting", seed)
    animals = list(found["metadata"]["animals"])
    steps = [Thought("step", f"n{i} * {ANIMALS[animal]}") for i, animal in enumerate(animals)]
    total = " + ".join(f"n{len(animals) + i}" for i in range(len(animals)))
    derivation = (*steps, Thought("step", total), Thought("answer", f"n{2 * len(animals)}"))
    return checked(Problem("leg_counting", "legs", found["question"], derivation, found["answer"]))


EQUATION = re.compile(
    r"^(?:(?P<first>\d+) (?P<minus>[-+]) )?(?P<neg>-)?(?:(?P<a>\d+)\*)?[a-z](?: (?P<sign>[-+]) (?P<c>\d+))? "
    r"= (?P<rneg>-)?(?P<r>\d+)$"
)


def simple_equations(seed: int) -> Problem:
    """A linear equation: take the constant to the other side, divide by the coefficient."""
    found = item("simple_equations", seed)
    equation = found["metadata"]["equation"]
    match = EQUATION.match(equation)
    if not match:
        raise BadTrace(f"not a linear equation in the usual form: {equation}")
    names = iter(range(3))
    first = f"n{next(names)}" if match["first"] else ""
    a = f"n{next(names)}" if match["a"] else ""
    c = f"n{next(names)}" if match["c"] else ""
    r = ("-" if match["rneg"] else "") + f"n{next(names)}"
    negative = bool(match["neg"]) != (match["minus"] == "-")
    steps = []
    if first:
        steps.append(f"{first} - {r}" if negative else f"{r} - {first}")
    elif c:
        flipped = "+" if match["sign"] == "-" else "-"
        steps.append(f"{r} {flipped} {c}")
    given = 1 + bool(first) + bool(a) + bool(c)
    last = f"n{given}" if steps else r
    if a:
        steps.append(f"{'-' if negative and not first else ''}{last} / {a}")
    elif negative and not first:
        steps.append(f"-{last}")
    if not steps:
        steps.append(r)
    derivation = (
        *(Thought("step", pretty(step)) for step in steps),
        Thought("answer", f"n{given + len(steps) - 1}"),
    )
    return checked(
        Problem("simple_equations", "equation", found["question"], derivation, found["answer"])
    )


# -- logic ----------------------------------------------------------------------------------------------------

STATEMENT = re.compile(r"(All|No|Some) (.+?) are (not )?(.+)")


def syllogism(seed: int) -> Problem:
    """Name subject, predicate and middle term, rewrite the statements in letters, decide."""
    found = item("syllogism", seed)
    meta = found["metadata"]
    parsed = []
    for text in (meta["premise1"], meta["premise2"], meta["conclusion"]):
        match = STATEMENT.fullmatch(text)
        if not match:
            raise BadTrace(f"not a categorical statement: {text}")
        parsed.append(match.groups())
    _, subject, _, predicate = parsed[2]
    letters = {subject: "s", predicate: "p"}
    facts = [f"s {subject} p {predicate}"]
    labels = ["1", "2", "asked"]
    for label, (quantifier, left, negated, right) in zip(labels, parsed, strict=True):
        a, b = letters.get(left, "m"), letters.get(right, "m")
        facts.append(f"{label} {quantifier} {a} are {negated or ''}{b}".lower())
    derivation = (
        *(Thought("fact", fact.lower()) for fact in facts),
        Thought("answer", found["answer"].lower()),
    )
    return checked(
        Problem("syllogism", "logic", found["question"], derivation, found["answer"].lower())
    )


def family_relationships(seed: int) -> Problem:
    """A search from the first person, one look-up a fact, until the second is met; then the shortest path between
    them over parent, child and spouse."""
    found = item("family_relationships", seed)
    meta = found["metadata"]
    looked, path = _kinship(found["question"], meta["person1"], meta["person2"])
    facts = tuple(
        Thought("fact", f"{a} {RELATION_WORDS[relation]} {b}".lower()) for a, relation, b in path
    )
    derivation = (*looked, *facts, Thought("answer", found["answer"].lower()))
    return checked(
        Problem(
            "family_relationships", "family", found["question"], derivation, found["answer"].lower()
        )
    )


def _kinship(story: str, start: str, goal: str) -> tuple[list[Thought], list[tuple[str, str, str]]]:
    """What is looked up, breadth first, and the path that it finds."""
    edges: dict[str, dict[str, list[str]]] = {}

    def link(a: str, relation: str, b: str) -> None:
        edges.setdefault(a, {"spouse": [], "child": [], "parent": []})[relation].append(b)

    couple = r"(\w+) is married to (\w+)\.(?: They have (?:a child|children) called ([^.]+)\.)?"
    for one, other, children in re.findall(couple, story):
        link(one, "spouse", other)
        link(other, "spouse", one)
        for child in re.split(r", | and ", children) if children else ():
            for parent in (one, other):
                link(parent, "parent", child)
                link(child, "child", parent)
    came: dict[str, tuple[str, str] | None] = {start: None}
    looked: list[Thought] = []
    queue = deque([start])
    while queue and goal not in came:
        person = queue.popleft()
        for relation, others in edges.get(person, {}).items():
            new = [other for other in others if other not in came]
            if not new or goal in came:
                continue
            words = f"{person} {RELATION_WORDS[relation]} {' and '.join(others)}"
            looked.append(Thought("fact", words.lower()))
            for other in new:
                came[other] = (person, relation)
                queue.append(other)
    if goal not in came:
        raise BadTrace(f"{start} and {goal} are not connected")
    path: list[tuple[str, str, str]] = []
    at = goal
    while (step := came[at]) is not None:
        path.append((step[0], step[1], at))
        at = step[0]
    return looked, path[::-1]


# -- time -----------------------------------------------------------------------------------------------------


def time_intervals(seed: int) -> Problem:
    """How long between two clock times of one day (hours and minutes, with or without seconds)."""
    found = _dataset("time_intervals", task_types=("time", "time_seconds"))[seed]
    derivation = (Thought("step", "duration(n1 - n0)"), Thought("answer", "n2"))
    answer = re.sub(r"^(\d\d:\d\d):00$", r"\1", found["answer"])
    return checked(Problem("time_intervals", "time", found["question"], derivation, answer))


def raw(name: str, seed: int) -> tuple[str, str] | None:
    """Question and answer of instance `seed` of a reasoning-gym family, derivable or not; None for other families."""
    if name == "gsm_symbolic":
        _, question, _, answer = gsm_item(seed)
        return question + (SUFFIX if seed % 2 == 0 else ""), number_text(answer)
    if name == "time_intervals":
        found = _dataset("time_intervals", task_types=("time", "time_seconds"))[seed]
        return found["question"], re.sub(r"^(\d\d:\d\d):00$", r"\1", found["answer"])
    if name not in RAW:
        return None
    found = item(name, seed)
    return found["question"], found["answer"].lower()


RAW = frozenset({
    "chain_sum", "basic_arithmetic", "products", "leg_counting", "simple_equations", "gcd", "lcm",
    "number_sequence", "syllogism", "family_relationships",
})  # fmt: skip
