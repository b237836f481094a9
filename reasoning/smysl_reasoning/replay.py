"""Compares a branch with the same derived anew, node by node.

Knows value hashes; makes no call.
"""

from collections.abc import Sequence

from smysl_reasoning.changes import ReplayDifference, ReplayReport
from smysl_reasoning.nodes import value_hash
from smysl_reasoning.store import View
from smysl_reasoning.workbench import EXACT, Desk


def compared(view: View, walked: Desk) -> ReplayReport:
    """One question's walk (`Purpose` replay) beside what the branch holds of it."""
    stored = {
        placed.node.id: placed for placed in walked.standing.made_under(walked.root, walked.program)
    }
    same, held = 0, 0
    different = []
    for place, node in walked.made.items():
        placed = stored.pop(node.id, None)
        if placed is None:
            different.append(ReplayDifference(node=node.id, place=place, was=None, now=node.text))
        elif placed.hold is not None:
            held += 1
        elif placed.hash == value_hash(node.kind, node.text, node.data):
            same += 1
        else:
            was = placed.node.text
            different.append(ReplayDifference(node=node.id, place=place, was=was, now=node.text))
    for id, placed in stored.items():
        if placed.hold is not None:
            held += 1
            continue
        different.append(
            ReplayDifference(node=id, place=placed.place, was=placed.node.text, now=None)
        )
    return ReplayReport(
        session=view.session,
        branch=view.branch.name,
        same=same,
        held=held,
        different=tuple(different),
        engines_were=(),
        engine_now="",
    )


def merged(view: View, reports: Sequence[ReplayReport], engine: str) -> ReplayReport:
    """The questions of a branch together."""
    nodes = [view.graph.node(id) for id in view.graph]
    engines = {node.recipe.engine for node in nodes if node.recipe is not None}
    return ReplayReport(
        session=view.session,
        branch=view.branch.name,
        same=sum(report.same for report in reports),
        held=sum(report.held for report in reports),
        different=tuple(one for report in reports for one in report.different),
        engines_were=tuple(sorted(engines - {EXACT})),
        engine_now=engine,
    )
