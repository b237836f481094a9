"""A branch's thoughts as a graph: what rests on what, what is stale, what differs. Pure and in memory.

Knows nodes, edges and value hashes; never SQL, engines or programs.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from typing import Literal, NamedTuple

import msgspec

from smysl_reasoning.errors import Inconsistent
from smysl_reasoning.history import Again, Hold
from smysl_reasoning.nodes import Edge, Kind, Node, Status

ATTACHED = "at"
"""Role of the edge from a note, or a memory that fell there, to the node it is put at. It does not rest on that node: a
person wrote it, or the memory says so."""
ATTACHABLE = frozenset({"note", "memory"})
COMPARED_BY_WORDS = 20_000
"""Characters of the longest text that is compared word by word; a longer one is compared line by line."""


class Placed(NamedTuple):
    """A node as one branch shows it."""

    node: Node
    revision: int
    hash: str
    """Its value hash."""
    seen: tuple[str, ...]
    """The value hash that each of `node.inputs` had when this revision was made; empty where none was recorded."""
    root: str | None = None
    """The question whose run made it; None for what a person added."""
    place: str | None = None
    """Its position in the program that made it, `solve/samples/2/candidate`: a later run over the same root and
    place makes the next revision of it."""
    hold: Hold | None = None
    again: Again | None = None


class Reason(NamedTuple):
    """One node that another rests on."""

    placed: Placed
    roles: tuple[str, ...]
    """How the others in the list use it, in the order of their use; none for the node asked about."""
    current: bool
    """False where one of them was made from another value of it than the one shown now."""


class GraphStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a branch holds and what its nodes cost."""

    nodes: int
    kinds: dict[Kind, int]
    statuses: dict[Status, int]
    stale: int
    held: int
    """Nodes that are not derived again: edited, pinned or taken."""
    edges: int
    """Inputs whose node is shown too."""
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt tokens, those that did not have to be computed."""
    generated_tokens: int
    calls: int
    milliseconds: float


class Graph:
    """The nodes that one branch shows. Never changes; whatever it lists twice it lists in the same order."""

    def __init__(
        self,
        placed: Iterable[Placed],
        removed: Iterable[tuple[str | None, str]] = (),
        outdated: Iterable[str] = (),
    ) -> None:
        """`placed` in order of writing. Inputs may name nodes that are not among them. `removed` are the
        places (root, place) of nodes that a person took out, `outdated` the nodes that hold of the memory what is
        not so any more."""
        self.removed = frozenset(removed)
        self.outdated = frozenset(outdated)
        nodes = list(placed)
        self._placed = {one.node.id: one for one in nodes}
        self._given = len(nodes)

    def __len__(self) -> int:
        return len(self._placed)

    def __contains__(self, id: object) -> bool:
        return id in self._placed

    def __iter__(self) -> Iterator[str]:
        """Ids in order of writing."""
        return iter(self._placed)

    def placed(self, id: str) -> Placed:
        """Raises `KeyError`, as everything here that takes an id does."""
        return self._placed[id]

    def node(self, id: str) -> Node:
        return self._placed[id].node

    def inputs(self, id: str) -> tuple[Edge, ...]:
        """Edges to nodes that are shown, a note's edge to where it is put among them."""
        return tuple(edge for edge in self.node(id).inputs if edge.node in self._placed)

    def missing(self, id: str) -> tuple[Edge, ...]:
        """Edges to nodes that are not shown: deleted ones, mostly."""
        return tuple(edge for edge in self.node(id).inputs if edge.node not in self._placed)

    def users(self, id: str) -> list[str]:
        """Nodes that rest on `id` directly."""
        self._placed[id]
        return list(self._users.get(id, ()))

    def notes(self, id: str) -> list[Placed]:
        """Notes put at `id`, and memories that fell there, oldest first."""
        self._placed[id]
        return list(self._notes.get(id, ()))

    def ancestors(self, id: str) -> list[str]:
        """Everything that `id` rests on, inputs first."""
        found: set[str] = set()
        left = [id]
        while left:
            for edge in _rests_on(self.node(left.pop())):
                if edge.node not in found and edge.node in self._placed:
                    found.add(edge.node)
                    left.append(edge.node)
        return self._ordered(found - {id})

    def dependents(self, ids: Iterable[str]) -> list[str]:
        """Everything that rests on any of `ids`, inputs first, without `ids` themselves."""
        given = set(ids)
        left = sorted(given, key=self._places.__getitem__)
        found: set[str] = set()
        while left:
            for user in self._users.get(left.pop(), ()):
                if user not in found:
                    found.add(user)
                    left.append(user)
        return self._ordered(found - given)

    def siblings(self, id: str) -> list[str]:
        """Other nodes of the same kind made from the same inputs in the same roles: samples of one question."""
        node = self.node(id)
        return [
            other
            for other, (it, *_) in self._placed.items()
            if other != id and it.kind == node.kind and it.inputs == node.inputs
        ]

    def main_input(self, id: str) -> str | None:
        """Of the inputs that are no context and no note (or memory told like one) the one with the longest way down,
        the last of equals: where `id` goes on from. For what is put at a node, that node. None where there is none."""
        edges = [
            edge.node
            for edge in self.inputs(id)
            if edge.role == ATTACHED or not _told(self.node(edge.node))
        ]
        return max(reversed(edges), key=self._depths.__getitem__, default=None)

    def path(self, id: str) -> list[str]:
        """From a question to `id`, each node the main input of the next."""
        found = [id]
        while (below := self.main_input(found[-1])) is not None:
            found.append(below)
            if len(found) > len(self._placed):
                raise Inconsistent(f"the inputs of node {id} lead round in a circle")
        return found[::-1]

    def topological(self) -> list[str]:
        """All ids, each after what it rests on; in order of writing where that allows it. Raises
        `Inconsistent` naming a cycle."""
        return list(self._topological)

    def stale(self, root: str | None = None) -> list[str]:
        """Ids that `derive` would make anew, inputs first; with `root`, of that question's runs only.

        Stale is what a program made, no person holds, and that is asked for again and not made so yet, was
        cancelled, lacks an input, rests on a stale node or on another value than is shown now, or has not seen a
        note that is put at an input, or is `disturbed`. What a person wrote or holds stops the wave.
        """
        return [id for id in self._stale if root is None or self._placed[id].root == root]

    def why(self, id: str) -> list[Reason]:
        """Everything `id` rests on, inputs first, `id` last."""
        listed = [*self.ancestors(id), id]
        roles: dict[str, dict[str, None]] = {one: {} for one in listed}
        outdated: set[str] = set()
        for user in listed:
            one = self._placed[user]
            attached = one.node.kind in ATTACHABLE
            for number, edge in enumerate(one.node.inputs):
                if edge.node in roles and not (attached and edge.role == ATTACHED):
                    roles[edge.node][edge.role] = None
                    if _saw_another(one.seen, number, self._placed[edge.node]):
                        outdated.add(edge.node)
        return [Reason(self._placed[one], tuple(roles[one]), one not in outdated) for one in listed]

    def stats(self) -> GraphStats:
        nodes = [one.node for one in self._placed.values()]
        return GraphStats(
            nodes=len(nodes),
            kinds=dict(Counter(node.kind for node in nodes)),
            statuses=dict(Counter(node.status for node in nodes)),
            stale=len(self.stale()),
            held=sum(one.hold is not None for one in self._placed.values()),
            edges=sum(edge.node in self._placed for node in nodes for edge in node.inputs),
            prompt_tokens=sum(node.stats.prompt_tokens for node in nodes),
            cached_tokens=sum(node.stats.cached_tokens for node in nodes),
            generated_tokens=sum(node.stats.generated_tokens for node in nodes),
            calls=sum(node.stats.calls for node in nodes),
            milliseconds=round(sum(node.stats.milliseconds for node in nodes), 3),
        )

    @cached_property
    def disturbed(self) -> frozenset[str]:
        """What holds of the memory what is not so any more, or fell into a question that says something else now;
        without what a person holds."""
        fell = (id for id, one in self._placed.items() if one.hold is None and self._fell(one))
        return self.outdated.union(fell)

    def _fell(self, one: Placed) -> bool:
        """Whether it is a memory that fell into other words than stand there now."""
        return (one.node.kind == "memory" and one.node.recipe is not None) and any(
            edge.role == ATTACHED
            and edge.node in self._placed
            and _saw_another(one.seen, number, self._placed[edge.node])
            for number, edge in enumerate(one.node.inputs)
        )

    def check(self) -> None:
        """Each node is shown once and none rests on itself. Raises `Inconsistent`."""
        if self._given != len(self._placed):
            raise Inconsistent(
                f"{self._given} nodes were given with only {len(self._placed)} different ids"
            )
        self.topological()

    @cached_property
    def _stale(self) -> dict[str, None]:
        found: dict[str, None] = {}
        for id in self._topological:
            one = self._placed[id]
            if one.node.recipe is None or one.hold is not None:
                continue
            asked = one.again is not None and not one.again.done
            changed = asked or id in self.disturbed or one.node.status == "cancelled"
            if changed or self._moved(one, found):
                found[id] = None
        return found

    @cached_property
    def _users(self) -> dict[str, list[str]]:
        users: dict[str, dict[str, None]] = {}
        for id, one in self._placed.items():
            for edge in _rests_on(one.node):
                if edge.node in self._placed:
                    users.setdefault(edge.node, {})[id] = None
        return {id: list(ids) for id, ids in users.items()}

    @cached_property
    def _notes(self) -> dict[str, list[Placed]]:
        notes: dict[str, list[Placed]] = {}
        for one in self._placed.values():
            if one.node.kind in ATTACHABLE:
                for target in {edge.node for edge in one.node.inputs if edge.role == ATTACHED}:
                    notes.setdefault(target, []).append(one)
        return notes

    @cached_property
    def _topological(self) -> list[str]:
        placed = self._placed
        ordered: dict[str, None] = {}
        for first, one in placed.items():
            if first in ordered:
                continue
            for edge in _rests_on(one.node):
                if edge.node not in ordered and edge.node in placed:
                    self._descend(first, ordered)
                    break
            else:
                ordered[first] = None
        return list(ordered)

    def _descend(self, first: str, ordered: dict[str, None]) -> None:
        """Add `first` to `ordered`, after whatever it rests on that is not there yet."""
        # depth first without recursion, since chains are long: `below` holds nodes and the inputs each waits for
        below: dict[str, Iterator[Edge]] = {first: iter(_rests_on(self.node(first)))}
        while below:
            id, edges = next(reversed(below.items()))
            for edge in edges:
                if edge.node in below:
                    raise Inconsistent(f"nodes rest on each other: {_cycle(below, edge.node)}")
                if edge.node not in ordered and edge.node in self._placed:
                    below[edge.node] = iter(_rests_on(self.node(edge.node)))
                    break
            else:
                del below[id]
                ordered[id] = None

    @cached_property
    def _places(self) -> dict[str, int]:
        return {id: place for place, id in enumerate(self._topological)}

    @cached_property
    def _depths(self) -> dict[str, int]:
        """Id -> edges of the longest way down to a node that rests on nothing."""
        depths: dict[str, int] = {}
        for id in self._topological:
            below = [depths[e.node] for e in _rests_on(self.node(id)) if e.node in self._placed]
            depths[id] = max(below, default=-1) + 1
        return depths

    def _ordered(self, ids: set[str]) -> list[str]:
        return sorted(ids, key=self._places.__getitem__)

    def _moved(self, one: Placed, stale: dict[str, None]) -> bool:
        """Whether anything that `one` was made from is not as it was."""
        placed, notes = self._placed, self._notes
        attached = one.node.kind in ATTACHABLE
        for number, edge in enumerate(one.node.inputs):
            if attached and edge.role == ATTACHED:
                continue
            id = edge.node
            source = placed.get(id)
            if source is None or id in stale or _saw_another(one.seen, number, source):
                return True
            if id in notes:
                known = {edge.node for edge in one.node.inputs}
                if not all(note.node.id in known for note in notes[id]):
                    return True
        return False


def _rests_on(node: Node) -> Sequence[Edge]:
    """The inputs that decide what the node says."""
    if node.kind not in ATTACHABLE:
        return node.inputs
    return [edge for edge in node.inputs if edge.role != ATTACHED]


def _told(node: Node) -> bool:
    """It is told beside what a node goes on from."""
    return node.kind in ("context", "note") or any(
        edge.role == ATTACHED for edge in node.inputs if node.kind in ATTACHABLE
    )


def _saw_another(seen: Sequence[str], number: int, source: Placed) -> bool:
    """Whether input `number` is recorded to have had another value than `source` has."""
    return number < len(seen) and seen[number] not in ("", source.hash)


def _cycle(below: Iterable[str], again: str) -> str:
    ids = list(below)
    return " -> ".join([*ids[ids.index(again) :], again])


class Difference(NamedTuple):
    """A node that two branches do not show alike."""

    node: str
    kind: Kind
    what: Literal["only a", "only b", "changed", "hold"]
    """"changed": its value or status; "hold": only whether it is held or asked for again."""
    a: Placed | None
    b: Placed | None


def diff(a: Graph, b: Graph) -> list[Difference]:
    """The nodes that differ, inputs first. Another revision that says the same is no difference."""
    found: list[Difference] = []
    for id in _merged(a.topological(), b.topological()):
        left = a.placed(id) if id in a else None
        right = b.placed(id) if id in b else None
        what: Literal["only a", "only b", "changed", "hold"]
        if left is None or right is None:
            what = "only b" if left is None else "only a"
        elif (left.hash, left.node.status) != (right.hash, right.node.status):
            what = "changed"
        elif (left.hold, left.again) != (right.hold, right.again):
            what = "hold"
        else:
            continue
        shown = right or left
        assert shown is not None
        found.append(Difference(id, shown.node.kind, what, left, right))
    return found


def _merged(a: Sequence[str], b: Sequence[str]) -> list[str]:
    """All ids of both once, the order of `a`; what only `b` has comes before the next one they share."""
    shared = set(a)
    left = iter(a)
    merged: dict[str, None] = {}
    waiting: dict[str, None] = {}
    for id in b:
        if id not in shared:
            waiting[id] = None
        elif id not in merged:
            merged |= dict.fromkeys(takewhile(id.__ne__, left)) | waiting | {id: None}
            waiting = {}
    return list(merged | dict.fromkeys(left) | waiting)


Sign = Literal["=", "-", "+"]
_WORD = re.compile(r"\s+|\w+|[^\w\s]")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def diff_text(a: str, b: str) -> list[tuple[Sign, str]]:
    """How `b` differs from `a`, word by word: ("=", both), ("-", only a), ("+", only b). What is not "+" is
    `a` whole, what is not "-" is `b` whole."""
    unit = _WORD if max(len(a), len(b)) <= COMPARED_BY_WORDS else _LINE
    left, right = unit.findall(a), unit.findall(b)
    found: list[tuple[Sign, str]] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, left, right).get_opcodes():
        if tag == "equal":
            found.append(("=", "".join(left[i:j])))
            continue
        if i < j:
            found.append(("-", "".join(left[i:j])))
        if k < m:
            found.append(("+", "".join(right[k:m])))
    return found
