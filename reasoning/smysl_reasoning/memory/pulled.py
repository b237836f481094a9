"""What a pull leaves in a session: a node that says what the memory said, with the way on which it was reached.

Knows nodes and pulls; never a store or what a memory says now.
"""

import msgspec

from smysl_reasoning.graph import ATTACHED, Placed
from smysl_reasoning.memory.values import Hop, Pull
from smysl_reasoning.nodes import Edge, Node, PulledData, Recipe, Stats, value_hash
from smysl_reasoning.rows import Written

PLACE = "recall/"
"""Begins the place of a pulled node; then comes the memory's id. A program's places have more parts."""
MODULE = "recall@2"
EXACT = "exact"


class _Hop(msgspec.Struct, frozen=True):
    memory: str
    text: str
    weight: float


class _Told(msgspec.Struct, frozen=True):
    """The prompt of such a node's recipe."""

    strength: float
    mass: float
    nearness: float
    pinned: bool
    path: tuple[_Hop, ...]


_decode = msgspec.json.Decoder(_Told).decode


def place_of(memory: str) -> str:
    return PLACE + memory


def node_of(pull: Pull, id: str, session: str, question: str) -> Node:
    """The node that holds a pull at a question."""
    path = tuple(_Hop(hop.memory, hop.text, hop.weight) for hop in pull.path)
    told = _Told(pull.strength, pull.mass, pull.nearness, pull.pinned, path)
    return Node(
        id=id,
        session=session,
        kind="memory",
        text=pull.text,
        data=PulledData(pull.memory),
        inputs=(Edge(ATTACHED, question),),
        recipe=Recipe(
            module=MODULE, prompt=msgspec.json.encode(told).decode(), sampling="", engine=EXACT
        ),
        status="done",
        stats=Stats(confidence=pull.strength),
    )


def pull_of(node: Node) -> Pull | None:
    """The pull that made a node; None where none did, or where it cannot be told any more."""
    if not isinstance(node.data, PulledData) or node.recipe is None:
        return None
    try:
        told = _decode(node.recipe.prompt)
    except msgspec.MsgspecError:
        return None
    return Pull(
        memory=node.data.memory,
        text=node.text,
        strength=told.strength,
        mass=told.mass,
        nearness=told.nearness,
        path=tuple(Hop(hop.memory, hop.text, hop.weight) for hop in told.path),
        pinned=told.pinned,
    )


def written(node: Node, seen: str) -> Written:
    """How such a node is written. `seen`: the value hash of the question."""
    assert isinstance(node.data, PulledData)
    place = place_of(node.data.memory)
    return Written(node, root=node.inputs[0].node, place=place, seen=(seen,))


def placed(written: Written, revision: int = 0) -> Placed:
    """Such a node as a branch shows it once it is written."""
    node = written.node
    return Placed(
        node=node,
        revision=revision,
        hash=value_hash(node.kind, node.text, node.data),
        seen=tuple(written.seen),
        root=written.root,
        place=written.place,
    )
