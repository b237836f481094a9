"""What nodes have cost on this machine, by engine and module: the base of every estimate.

Knows the table `costs`, which is added to as nodes are written and keeps what it has learned when
a session is deleted; nothing of single nodes.
"""

import sqlite3
from typing import NamedTuple

from smysl_reasoning.nodes import Node


class Cost(NamedTuple):
    """Means over the nodes that a module has made with one engine; copies are not counted."""

    calls: float
    tokens: float
    """Generated."""
    milliseconds: float
    nodes: int
    """How many there were."""


def add(db: sqlite3.Connection, node: Node) -> None:
    """Count a node, if an engine has made it."""
    stats = node.stats
    if node.recipe is None or node.status != "done":
        return
    if not stats.calls and not stats.generated_tokens:
        return
    db.execute(
        "INSERT INTO costs (engine, module, nodes, calls, tokens, milliseconds) "
        "VALUES (?1, ?2, 1, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET nodes = nodes + 1, "
        "calls = calls + ?3, tokens = tokens + ?4, milliseconds = milliseconds + ?5",
        (
            node.recipe.engine,
            node.recipe.module,
            stats.calls,
            stats.generated_tokens,
            stats.milliseconds,
        ),
    )


def step_key(module: str) -> str:
    """What the steps of a module are counted under, beside its nodes."""
    return f"{module}/step"


class StepCost(NamedTuple):
    """What a step of a program has cost in a run."""

    engine: str
    module: str
    branches: int
    calls: int
    tokens: int
    milliseconds: float
    """Of all branches side by side."""


def add_step(db: sqlite3.Connection, step: StepCost) -> None:
    """Count a step by branch: a branch takes as long as the step."""
    db.execute(
        "INSERT INTO costs (engine, module, nodes, calls, tokens, milliseconds) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET nodes = nodes + ?3, "
        "calls = calls + ?4, tokens = tokens + ?5, milliseconds = milliseconds + ?6",
        (
            step.engine,
            step_key(step.module),
            step.branches,
            step.calls,
            step.tokens,
            step.milliseconds * step.branches,
        ),
    )


def by_module(db: sqlite3.Connection, engine: str) -> dict[str, Cost]:
    """The cost of a node of each module that this engine (a fingerprint) has run."""
    rows = db.execute(
        "SELECT module, nodes, calls, tokens, milliseconds FROM costs WHERE engine = ?", (engine,)
    )
    return {
        module: Cost(calls / nodes, tokens / nodes, milliseconds / nodes, nodes)
        for module, nodes, calls, tokens, milliseconds in rows
    }
