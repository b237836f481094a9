"""What stands in a branch while a program walks over it: nodes by place, and the notes at them.

Knows the graph of one branch; never a store, a model or a program.
"""

from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.nodes import Edge, Node, PulledData, Recipe


class Standing:
    """A branch as it was when the walk began."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._at: dict[tuple[str | None, str], Placed] = {}
        self._unplaced: dict[tuple[str | None, str], list[Placed]] = {}
        for id in graph:
            placed = graph.placed(id)
            if placed.place is not None:
                self._at[placed.root, placed.place] = placed
            elif placed.node.recipe is not None:
                key = placed.root, placed.node.recipe.module
                self._unplaced.setdefault(key, []).append(placed)

    def at(self, root: str, place: str) -> Placed | None:
        """The node that stands at a place."""
        return self._at.get((root, place))

    def removed(self, root: str, place: str) -> bool:
        """A person took out the node that stood there."""
        return (root, place) in self.graph.removed

    def unplaced(
        self, root: str, recipe: Recipe, inputs: tuple[Edge, ...], seen: tuple[str, ...]
    ) -> Placed | None:
        """A node of a database older than places that this recipe has made of these inputs."""
        for placed in self._unplaced.get((root, recipe.module), ()):
            if (placed.node.recipe, placed.node.inputs, placed.seen) == (recipe, inputs, seen):
                return placed
        return None

    def made_under(self, root: str, program: str | None = None) -> list[Placed]:
        """The nodes that a program, or any, has made for a question; no memories that fell into it."""
        prefix = f"{program}/" if program else ""
        placed = [
            p
            for (at, place), p in self._at.items()
            if at == root and place.startswith(prefix) and not isinstance(p.node.data, PulledData)
        ]
        old = [p for (at, _), some in self._unplaced.items() if at == root for p in some]
        return placed + old

    def notes(self, node: str) -> list[Node]:
        """What a person has noted at a node, and the memories that fell there, oldest first."""
        if node not in self.graph:
            return []
        return [placed.node for placed in self.graph.notes(node)]
