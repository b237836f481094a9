"""What deriving a branch would cost: from a walk without calls and from what the same modules took before.

Knows graphs, places and recorded costs; makes no call and writes nothing.
"""

import math
from collections import defaultdict
from collections.abc import Mapping

from smysl_reasoning.changes import Preview
from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.store import Cost
from smysl_reasoning.workbench import Desk


def estimate(graph: Graph, walked: Desk, costs: Mapping[str, Cost]) -> Preview:
    """`walked` has gone through the program without calls; `costs` are the means of each module's nodes."""
    stale = graph.stale(walked.root)
    reached = {node.id for node in walked.made.values()}
    reused = [id for id in stale if id in reached]
    run = [graph.placed(id) for id in stale if id not in reached]
    made = [placed for placed in run if placed.node.recipe and placed.node.recipe.sampling]
    spent = [_cost(placed, costs) for placed in made]
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for placed, cost in zip(made, spent, strict=True):
        _, step, branch, _ = (placed.place or "/?/0/").split("/", 3)
        seconds[step][branch] += cost.milliseconds / 1000
    return Preview(
        stale=tuple(stale),
        reused=tuple(reused),
        kept=sum(
            placed.node.id not in stale
            for placed in walked.standing.made_under(walked.root, walked.program)
        ),
        calls=math.ceil(sum(cost.calls for cost in spent)),
        expected_tokens=math.ceil(sum(cost.tokens for cost in spent)),
        # branches of a step run side by side
        expected_seconds=round(sum(max(branches.values()) for branches in seconds.values()), 3),
    )


def _cost(placed: Placed, costs: Mapping[str, Cost]) -> Cost:
    """Of the module on this engine; of the node itself where the module has no record."""
    assert placed.node.recipe is not None
    stats = placed.node.stats
    own = Cost(stats.calls, stats.generated_tokens, stats.milliseconds, 1)
    return costs.get(placed.node.recipe.module, own)
