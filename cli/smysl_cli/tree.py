"""Draws a thought graph as text: chains stay flat, only real branches are indented.

Pure: nodes in, lines out. Knows no streams and no events.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET

from smysl_cli.text import cells, fit, local_time, one_line, printable
from smysl_daemon.shapes import NodeView, RecipeView, VersionView

SHORT_ID = 8
"""Letters of an id that tell nodes of one machine apart."""
KIND_WIDTH = 9
WHOLE_WIDTH = 80
"""Columns of what explains a whole node."""


class Style(msgspec.Struct, frozen=True, kw_only=True):
    """How lines look."""

    width: int = 80
    ids: bool = False
    """Show each node's short id at the right edge."""
    unicode: bool = True
    colour: bool = False


_MARKS = {True: ("├─ ", "└─ ", "│  ", "   "), False: ("|- ", "`- ", "|  ", "   ")}
_COLOURS = {
    "question": "1",
    "answer": "1;32",
    "check": "36",
    "choice": "36",
    "computed": "33",
    "plan": "35",
}


def draw(nodes: Sequence[NodeView], style: Style) -> list[str]:
    """One line per node, in an order where every node comes after what it rests on: that in which
    they are given, as far as that allows it."""
    nodes = inputs_first(nodes)
    tee, elbow, bar, blank = _MARKS[style.unicode]
    children = _children(nodes)
    by_id = {node.id: node for node in nodes}
    lines: list[str] = []
    # (node, gutter of its own line, gutter of the lines below it); a stack, since chains are long
    stack = [(root, "", "") for root in reversed(children[None])]
    while stack:
        id, first, rest = stack.pop()
        lines.append(_line(by_id[id], first, style))
        below = children.get(id, [])
        if len(below) == 1:
            stack.append((below[0], rest, rest))
            continue
        for position, child in reversed(list(enumerate(below))):
            last = position == len(below) - 1
            stack.append((child, rest + (elbow if last else tee), rest + (blank if last else bar)))
    return lines


def inputs_first(nodes: Sequence[NodeView]) -> list[NodeView]:
    """A node made anew may rest on one that was written later than its first version."""
    left = {node.id: node for node in nodes}
    ordered: dict[str, NodeView] = {}
    for first in nodes:
        # depth first without recursion, since chains are long
        below = [first]
        open_: set[str] = set()
        while below:
            node = below[-1]
            open_.add(node.id)
            waits = [
                left[edge.node]
                for edge in node.inputs
                if edge.node in left and edge.node not in ordered and edge.node not in open_
            ]
            if waits and node.id not in ordered:
                below.append(waits[0])
            else:
                ordered.setdefault(node.id, node)
                below.pop()
    return list(ordered.values())


def _children(nodes: Iterable[NodeView]) -> dict[str | None, list[str]]:
    """The tree that is drawn: a node hangs under the one input that rests on all its others, or,
    where branches join, under the node where they parted."""
    graph = Placement()
    children: dict[str | None, list[str]] = {None: []}
    for node in nodes:
        above = graph.add(node.id, [edge.node for edge in node.inputs])
        children.setdefault(above, []).append(node.id)
    return children


class Placement:
    """Nodes in order of creation, each with its inputs and its place in the drawn tree."""

    def __init__(self) -> None:
        self._inputs: dict[str, list[str]] = {}
        self._order: dict[str, int] = {}
        self._parent: dict[str, str | None] = {}
        self._depth: dict[str, int] = {}

    def add(self, id: str, inputs: Sequence[str]) -> str | None:
        """The node under which `id` is drawn; None for a root. Unknown inputs are passed over."""
        known = [one for one in dict.fromkeys(inputs) if one in self._order]
        nearest = [
            one
            for one in known
            if not any(self._rests_on(other, one) for other in known if other != one)
        ]
        above: str | None = nearest[0] if nearest else None
        for other in nearest[1:]:
            above = self._meeting_point(above, other)
        self._inputs[id] = known
        self._order[id] = len(self._order)
        self._parent[id] = above
        self._depth[id] = 0 if above is None else self._depth[above] + 1
        return above

    def _rests_on(self, id: str, wanted: str) -> bool:
        """Whether `wanted` is among what `id` was made from, directly or not."""
        oldest = self._order[wanted]
        seen = {id}
        left = [id]
        while left:
            for one in self._inputs[left.pop()]:
                if one == wanted:
                    return True
                # nothing older than `wanted` can rest on it
                if one not in seen and self._order[one] > oldest:
                    seen.add(one)
                    left.append(one)
        return False

    def _meeting_point(self, a: str | None, b: str | None) -> str | None:
        """The lowest node that both hang under."""
        while a != b:
            if a is None or b is None:
                return None
            if self._depth[a] >= self._depth[b]:
                a = self._parent[a]
            else:
                b = self._parent[b]
        return a


def _line(node: NodeView, gutter: str, style: Style) -> str:
    right = _remark(node)
    if style.ids:
        right = f"{right}  {node.id[:SHORT_ID]}".strip() if right else node.id[:SHORT_ID]
    label = f"{node.kind:<{KIND_WIDTH}} "
    space = style.width - cells(gutter) - len(label) - (len(right) + 2 if right else 0)
    text = fit(summary(node), max(space, 8))
    padding = " " * max(space - cells(text), 0)
    if style.colour:
        label = f"\x1b[{_COLOURS.get(node.kind, '2')}m{label}\x1b[0m"
        if right:
            right = f"\x1b[2m{right}\x1b[0m"
    return (
        f"{gutter}{label}{text}{padding}  {right}".rstrip() if right else f"{gutter}{label}{text}"
    )


def summary(node: NodeView) -> str:
    """A node's content in one line; its lines are thoughts of their own, so they stay apart."""
    return "; ".join(one_line(line) for line in node.text.splitlines() if line.strip())


def listed(nodes: Iterable[NodeView], style: Style) -> list[str]:
    """A line per node, in the order given, without a tree."""
    return [_line(node, "", style) for node in nodes]


def _remark(node: NodeView) -> str:
    parts = []
    if node.stale is True:
        parts.append("stale")
    if isinstance(node.hold, str):
        parts.append(node.hold)
    if node.kept is True:
        parts.append("kept")
    if node.status != "done":
        parts.append(node.status)
    if node.kind == "check" and node.data and node.data.get("passed") is not None:
        parts.append("passed" if node.data["passed"] else "not passed")
    if node.stats.confidence is not None:
        parts.append(f"{node.stats.confidence:.2f}")
    return " ".join(parts)


def whole(
    node: NodeView,
    session: str,
    others: Sequence[NodeView],
    *,
    branch: str | None = None,
    versions: Sequence[VersionView] = (),
) -> list[str]:
    """Everything about one node. `others` are the nodes of its branch, where known."""
    known = {one.id: one for one in others}
    stats = node.stats
    state = node.status
    if node.stale is True:
        state += ", stale: something it rests on has changed"
    if isinstance(node.hold, str):
        state += f", {node.hold}: not derived again"
    lines = [f"{node.kind} {node.id}", f"session   {session}{f', branch {branch}' * bool(branch)}"]
    lines.append(f"status    {state}")
    if stats.confidence is not None:
        lines.append(f"sure      {stats.confidence:.3f}")
    if stats.calls:
        lines.append(
            f"cost      {stats.calls} calls, {stats.prompt_tokens} prompt tokens "
            f"({stats.cached_tokens} cached), {stats.generated_tokens} generated, "
            f"{stats.milliseconds:.1f} ms"
        )
    if isinstance(node.recipe, RecipeView):
        lines.append(f"made      {_made(node.recipe)}")
    elif node.recipe is None:
        lines.append("made      by a person")
    if isinstance(node.place, str):
        lines.append(f"place     {node.place}")
    if node.pull is not UNSET:
        from smysl_cli import recalled  # most nodes are no memories

        lines.append(f"memory    {node.pull.memory}, with strength {node.pull.strength:.2f}")
        lines += [f"          {one}" for one in recalled.reasons(node.pull, WHOLE_WIDTH - 10)]
    for edge in node.inputs:
        source = known.get(edge.node)
        said = f" {source.kind}: {fit(one_line(source.text), 50)}" if source else ""
        lines.append(f"from      {edge.role} {edge.node}{said}")
    for one in others:
        if one.id == node.id:
            continue
        named = f"{one.id[:SHORT_ID]} {one.kind}: {fit(one_line(one.text), 50)}"
        if any(edge.node == node.id for edge in one.inputs):
            lines.append(f"used by   {named}")
        elif one.kind == node.kind and one.inputs == node.inputs != ():
            lines.append(f"beside    {named}")
    for key, value in (node.data or {}).items():
        if key != "type" and node.pull is UNSET:
            lines.append(f"data      {key} = {one_line(str(value))}")
    if len(versions) > 1:
        lines += [_version(one) for one in versions]
    return [*lines, "", *printable(node.text).splitlines()]


def _made(recipe: RecipeView) -> str:
    parts = [f"by {recipe.module}"]
    sampling = recipe.sampling
    if sampling.get("temperature"):
        parts.append(f"temperature {sampling['temperature']:g}, seed {sampling.get('seed', 0)}")
    elif sampling:
        parts.append("the likeliest words")
    if recipe.adapter:
        parts.append(f"adapter {recipe.adapter}")
    # what no model made has none
    parts += [f"engine {recipe.engine[:12]}"] if recipe.engine else []
    return ", ".join(parts)


def _version(one: VersionView) -> str:
    shown = "shown  " if one.shown else "       "
    when = local_time(one.created) if one.created else " " * 16
    return f"version   {one.revision}  {when}  {shown}{fit(one_line(one.text), 40)}"
