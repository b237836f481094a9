"""Turns a step round whose value a story cannot have: `35 - 200` of things becomes `200 - 35`.

The model never sees values: which of two numbers is the greater it can tell from the wording alone, and "15,320 in
March and 15,788 in April" does not say it. What a count cannot be, the exact value shows. Knows expressions and values;
nothing of models.
"""

import ast
import re
from collections.abc import Mapping

from smysl_reasoning.compute import ComputeError, Value, evaluate
from smysl_reasoning.dialects.native import pretty

SIGNED = re.compile(
    r"[-\u2212]\s?\d|\b(minus|negative|below|overdrawn|overdraft|owes?|owed|debts?|loss|degrees?|temperatures?)\b|°",
    re.IGNORECASE,
)
"""A question that says one of these may well be about what is less than nothing."""
PARTIAL = re.compile(r"\b(fraction|ratio|probability|share|part|chance)\b", re.IGNORECASE)
"""A question that says one of these may well be about less than one."""
TURNS = {ast.Sub: "-", ast.Div: "/"}


def turned(expression: str, values: Mapping[int, Value], question: str) -> str:
    """`expression` itself, or with its last operation's sides exchanged: a difference that comes out below zero, or a
    quotient without a finite decimal whose inverse is whole. `question`: the text, which may speak of such values."""
    try:
        root = ast.parse(expression, mode="eval").body
        value = evaluate(expression, values)
    except (SyntaxError, ComputeError):
        return expression
    if not isinstance(root, ast.BinOp) or type(root.op) not in TURNS or value.unit != "number":
        return expression
    amount = value.amount
    if isinstance(root.op, ast.Sub):
        wrong = amount < 0 and not SIGNED.search(question)
    else:
        inverse_whole = amount > 0 and (1 / amount).denominator == 1
        wrong = "/" in str(value) and inverse_whole and not PARTIAL.search(question)
    if not wrong:
        return expression
    exchanged = ast.BinOp(root.right, root.op, root.left)
    return pretty(ast.unparse(ast.fix_missing_locations(exchanged)))
