"""How a branch came to be what it is: operations in order, each a set of changes; nothing is ever overwritten.

A branch is a head among operations; what it shows is what the operations from the first to the head have said last
of each node. Undo and redo move the head, a fork copies it. Knows ids and revisions; no SQL, no texts.
"""

from typing import Literal, NamedTuple

import msgspec

MAIN = "main"
"""Name of the branch that every session begins with."""

OpKind = Literal[
    "run", "derive", "edit", "inject", "delete", "pin", "unpin", "retry", "merge", "import"
]
Hold = Literal["edited", "pinned", "taken", "removed"]
"""Why a node is not derived again: a person wrote it, pinned it, took it from another branch, or took it out of this
one (only where no revision is shown)."""


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """How a node is to be made, otherwise than its program says; what is None stays as the program has it."""

    done: bool = False
    """It has been made so; until then it is stale."""

    seed: int | None = None
    temperature: float | None = None
    adapter: str | None = None


class Change(NamedTuple):
    """What an operation says of one node. Later changes of the same node win."""

    node: str
    revision: int | None
    """The revision shown from now on; None takes the node out of the branch."""
    hold: Hold | None = None
    again: Again | None = None
    """How the node is to be made from now on."""


class Op(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a branch's history."""

    id: int
    parent: int | None
    kind: OpKind
    label: str
    """For people: `edit 0cyxs48k: 48 / 2`, or the question of a run."""
    run: str | None
    created: str
    """ISO 8601 with offset (UTC)."""


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A named head."""

    session: str
    name: str
    head: int | None
    """None before the first operation."""
    at: str | None
    """The node it was forked at."""
    created: str
    current: bool
    """Commands that name no branch mean this one."""
