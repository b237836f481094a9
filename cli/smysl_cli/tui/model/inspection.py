"""Everything about one node as pairs of a label and a text, for the inspector.

Pure.
"""

from collections.abc import Sequence
from typing import NamedTuple

from smysl_cli.recalled import way
from smysl_cli.text import fit, local_time, one_line
from smysl_cli.tree import SHORT_ID, summary
from smysl_cli.tui.model.marks import remarks
from smysl_cli.tui.model.thoughts import Thoughts
from smysl_daemon.memory_protocol import PullView
from smysl_daemon.shapes import NodeView, RecipeView, VersionView

TEXT = 60
"""Most characters of another node's text."""
LISTED = 12
"""Most nodes of a kind of relation; a question may have thousands of users."""


class Fact(NamedTuple):
    label: str
    text: str


def inspect(node: NodeView, thoughts: Thoughts, versions: Sequence[VersionView] = ()) -> list[Fact]:
    stats = node.stats
    facts = [Fact("kind", node.kind), Fact("id", node.id), Fact("status", _status(node))]
    if (pull := pulled(node)) is not None:
        facts += _fallen(pull)
    elif stats.confidence is not None:
        facts.append(Fact("confidence", f"{stats.confidence:.3f}"))
    facts += [Fact("input", _input(edge.role, edge.node, thoughts)) for edge in node.inputs]
    facts += _made(node)
    if stats.calls:
        facts.append(
            Fact(
                "tokens",
                f"{stats.prompt_tokens} prompt ({stats.cached_tokens} cached), "
                f"{stats.generated_tokens} generated, {stats.calls} calls",
            )
        )
    if stats.milliseconds:
        facts.append(Fact("time", f"{stats.milliseconds:.1f} ms"))
    if isinstance(node.place, str):
        facts.append(Fact("place", node.place))
    facts += _some("used by", thoughts.users(node.id))
    facts += [
        Fact("data", f"{key} = {fit(one_line(str(value)), 200)}")
        for key, value in (node.data or {}).items()
        if key != "type"
    ]
    if len(versions) > 1:
        facts += [Fact("version", _version(one)) for one in versions]
    return facts


def pulled(node: NodeView) -> PullView | None:
    """How a memory fell into the question; None for every other node."""
    return node.pull if isinstance(node.pull, PullView) else None


def _fallen(pull: PullView) -> list[Fact]:
    pinned = " (pinned)" if pull.pinned else ""
    return [
        Fact("strength", f"{pull.strength:.3f}{pinned}"),
        Fact("mass", f"{pull.mass:.3f}"),
        Fact("nearness", f"{pull.nearness:.3f}"),
        *(Fact("way", step) for step in _way(pull)),
    ]


def _way(pull: PullView) -> list[str]:
    if pull.pinned and not pull.nearness and len(pull.path) < 2:
        return ["pinned: the words do not reach it"]
    return way(pull.path)


def _status(node: NodeView) -> str:
    words = remarks(node)
    if node.status == "done":
        words = ["done", *words]
    why = {"stale": " (what it rests on has changed)"}
    if isinstance(node.hold, str):
        why[node.hold] = " (not derived again)"
    return ", ".join(word + why.get(word, "") for word in words)


def _input(role: str, id: str, thoughts: Thoughts) -> str:
    if id not in thoughts:
        return f"{role}: {id[:SHORT_ID]} (not in this branch)"
    source = thoughts.get(id)
    mark = ", stale" if source.stale is True else ""
    used = "" if role == source.kind else f"{role}: "
    return f"{used}{source.kind} {id[:SHORT_ID]}{mark}: {fit(summary(source), TEXT)}"


def _made(node: NodeView) -> list[Fact]:
    if node.recipe is None:
        return [Fact("made", "by a person")]
    if not isinstance(node.recipe, RecipeView):
        return []
    recipe = node.recipe
    facts = [Fact("made", f"by {recipe.module}")]
    sampling = recipe.sampling
    if sampling.get("temperature"):
        seed = sampling.get("seed", 0)
        facts.append(Fact("sampling", f"temperature {sampling['temperature']:g}, seed {seed}"))
    elif sampling:
        facts.append(Fact("sampling", "the likeliest words"))
    if pulled(node) is None:  # what was found was not generated
        facts.append(Fact("adapter", recipe.adapter or "none"))
        facts.append(Fact("engine", recipe.engine[:12]))
    return facts


def _some(label: str, nodes: Sequence[NodeView]) -> list[Fact]:
    facts = [
        Fact(label, f"{node.kind} {node.id[:SHORT_ID]}: {fit(summary(node), TEXT)}")
        for node in nodes[:LISTED]
    ]
    if len(nodes) > LISTED:
        facts.append(Fact(label, f"and {len(nodes) - LISTED} more"))
    return facts


def _version(one: VersionView) -> str:
    when = f"{local_time(one.created)} " if one.created else ""
    return f"{one.revision}{' (shown)' if one.shown else ''} {when}{fit(one_line(one.text), TEXT)}"
