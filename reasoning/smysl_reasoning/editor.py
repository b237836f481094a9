"""A person's operations on a branch: edit, inject, delete, pin, retry, merge. Each is one entry of its history.

Knows graphs, the store and what words mean as nodes; never an engine, a run or a socket.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from smysl_reasoning.changes import Changed
from smysl_reasoning.compute import Value, parse_value
from smysl_reasoning.dialects.base import Dialect
from smysl_reasoning.dialects.native import TooManyQuantities
from smysl_reasoning.edits import reworked
from smysl_reasoning.errors import BadRequest, UnknownId
from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.history import Again, Change, Hold, OpKind
from smysl_reasoning.ids import MEMORY
from smysl_reasoning.nodes import (
    ComputedData,
    Edge,
    Node,
    PulledData,
    Stats,
    opens,
    value_hash,
)
from smysl_reasoning.notes import told
from smysl_reasoning.requests import Edit, check_text
from smysl_reasoning.store import Store, View
from smysl_reasoning.workbench import chosen

SHORT = 8
REMOVABLE = frozenset({"note", "context", "candidate", "memory", "critique"})
"""Kinds that what rests on them can do without."""
Written = tuple[Node, Hold | None, tuple[str, ...]]


class Found:
    """A node that a person means, in the branch they mean."""

    def __init__(self, view: View, placed: Placed) -> None:
        self.view = view
        self.graph: Graph = view.graph
        self.placed = placed
        self.node = placed.node
        self.branch = view.branch.name


class Editor:
    """Writes operations. Whether a run is in the way is for the caller to say."""

    def __init__(self, store: Store, dialect: Dialect, new_id: Callable[[], str]) -> None:
        self._store = store
        self._dialect = dialect
        self._new_id = new_id

    def find(self, reference: str, branch: str | None) -> Found:
        """The node that `reference` names, in a branch of its session (None: the current one).
        Raises `UnknownId`, `AmbiguousId` or `BadRequest`."""
        id = self._store.resolve(reference)
        try:
            session = self._store.node(id).session
        except UnknownId:
            raise BadRequest(f"{reference!r} is a session; name one of its nodes") from None
        if session == MEMORY:
            raise BadRequest(
                f"{id[:SHORT]} is a memory, not a node of a session; `smysl memory` edits, pins, mutes, links and "
                "forgets it"
            )
        view = self._store.view(session, branch)
        if id not in view.graph:
            raise BadRequest(
                f"node {id[:SHORT]} is not in branch {view.branch.name!r}; `smysl branches` lists the others"
            )
        return Found(view, view.graph.placed(id))

    def edited(self, found: Found, text: str) -> Node:
        """The node as a person's words make it. Raises `BadRequest`."""
        node = found.node
        new, data = reworked(node, text, self._values(found))
        if (new, data) == (node.text, node.data):
            raise BadRequest(f"node {node.id[:SHORT]} says that already; nothing was changed")
        if opens(node) or node.kind in ("context", "note") or isinstance(data, PulledData):
            self._check_question(found, node.id, new)
        return msgspec.structs.replace(
            node, text=new, data=data, recipe=None, status="done", stats=Stats()
        )

    async def edit(self, edit: Edit) -> Changed:
        """Put a person's words in a node's place."""
        found = self.find(edit.node, edit.branch)
        node = self.edited(found, edit.text)
        return await self._commit(found, "edit", node.text, [self._held(found, node)])

    async def inject(self, reference: str, text: str, branch: str | None) -> Changed:
        """Attach a note to a node: everything that is derived after it reads the note."""
        found = self.find(reference, branch)
        written = check_text(text, "the note")
        if found.node.kind == "note" or isinstance(found.node.data, PulledData):
            what = "note" if found.node.kind == "note" else "memory told like a note"
            raise BadRequest(
                f"node {found.node.id[:SHORT]} is a {what} itself; edit it, or attach a note to what it is at"
            )
        note = Node(
            id=self._new_id(),
            session=found.node.session,
            kind="note",
            text=written,
            inputs=(Edge("at", found.node.id),),
            status="done",
        )
        self._check_question(found, None, written)
        new = (note, None, (found.placed.hash,))
        return await self._commit(found, "inject", written, [new], node=note.id)

    async def delete(self, reference: str, branch: str | None) -> Changed:
        """Take a node out of the branch."""
        found = self.find(reference, branch)
        node = found.node
        if node.kind not in REMOVABLE:
            raise BadRequest(
                f"a {node.kind} node cannot be taken out: what rests on it cannot do without. Edit it, or"
                f" `smysl retry {node.id[:SHORT]} --seed 1` it"
            )
        attached = [placed.node.id for placed in found.graph.notes(node.id)]
        gone = [Change(id, None, "removed") for id in (node.id, *attached)]
        return await self._commit(found, "delete", node.text, gone)

    async def pin(self, reference: str, on: bool, branch: str | None) -> Changed:
        """Hold a node as it is, whatever becomes of what it rests on; or let go of it."""
        found = self.find(reference, branch)
        placed = found.placed
        if on and placed.hold == "pinned":
            raise BadRequest(f"node {placed.node.id[:SHORT]} is pinned already")
        if on and placed.node.recipe is None and placed.hold is None:
            raise BadRequest(
                f"node {placed.node.id[:SHORT]} was written by a person and is never derived; there is"
                " nothing to pin"
            )
        if not on and placed.hold is None:
            raise BadRequest(f"node {placed.node.id[:SHORT]} is not held; nothing was changed")
        if on:
            change = Change(placed.node.id, placed.revision, "pinned", placed.again)
            return await self._commit(found, "pin", placed.node.text, [change])
        # what a person wrote has no recipe: it goes back to the last revision that was derived
        revision = self._store.derived_revision(placed.node.id, placed.revision)
        if revision is None:
            raise BadRequest(f"node {placed.node.id[:SHORT]} was never derived; it stays held")
        change = Change(placed.node.id, revision, None, placed.again)
        return await self._commit(found, "unpin", placed.node.text, [change])

    async def retry(self, reference: str, again: Again, branch: str | None) -> Changed:
        """Have a node made anew, otherwise than its program says."""
        found = self.find(reference, branch)
        placed = found.placed
        if placed.node.recipe is None or not placed.node.recipe.sampling:
            made = "a person" if placed.node.recipe is None else "exact rules"
            raise BadRequest(
                f"node {placed.node.id[:SHORT]} was made by {made}, not by the model; there is nothing to retry"
            )
        if chosen(placed.node.recipe):
            raise BadRequest(
                f"a {placed.node.kind} like this follows from probabilities, which are the same whatever the seed; "
                "retry what it rests on (`smysl why`)"
            )
        change = Change(placed.node.id, placed.revision, None, again)
        return await self._commit(found, "retry", placed.node.text, [change])

    async def merge(self, reference: str, source: str, branch: str | None) -> Changed:
        """Take a node as it stands in another branch."""
        id = self._store.resolve(reference)
        session = self._store.node(id).session
        there = self._store.view(session, source)
        if id not in there.graph:
            raise BadRequest(f"node {id[:SHORT]} is not in branch {source!r}")
        view = self._store.view(session, branch)
        theirs = there.graph.placed(id)
        if id in view.graph and view.graph.placed(id).hash == theirs.hash:
            raise BadRequest(
                f"node {id[:SHORT]} says the same in both branches; nothing was changed"
            )
        missing = [edge.node for edge in theirs.node.inputs if edge.node not in view.graph]
        if missing:
            raise BadRequest(
                f"node {id[:SHORT]} rests on {missing[0][:SHORT]}, which is not in branch"
                f" {view.branch.name!r}; merge that first"
            )
        hold: Hold | None = "taken" if theirs.node.recipe or theirs.hold else None
        found = Found(view, theirs)
        # a place holds one node: what stands there, of another kind, makes room
        gone = [
            Change(other, None)
            for other in view.graph
            if other != id and theirs.place and _stands(view.graph.placed(other), theirs)
        ]
        changes = [*gone, Change(id, theirs.revision, hold, theirs.again)]
        return await self._commit(found, "merge", f"{source}: {theirs.node.text}", changes)

    def applied(self, found: Found, text: str) -> Graph:
        """The branch's graph as it would be after an edit. Raises `BadRequest`."""
        node = self.edited(found, text)
        _, hold, seen = self._held(found, node)
        new = found.placed._replace(
            node=node,
            revision=found.placed.revision + 1,
            hash=value_hash(node.kind, node.text, node.data),
            seen=seen,
            hold=hold,
        )
        placed = (new if id == node.id else found.graph.placed(id) for id in found.graph)
        return Graph(placed, found.graph.removed, found.graph.outdated - {node.id})

    def _held(self, found: Found, node: Node) -> Written:
        seen = tuple(
            found.graph.placed(edge.node).hash if edge.node in found.graph else ""
            for edge in node.inputs
        )
        derived = found.node.recipe is not None or found.placed.hold is not None
        return node, "edited" if derived else None, seen

    async def _commit(
        self,
        found: Found,
        kind: OpKind,
        label: str,
        changes: Sequence[Change | Written],
        node: str | None = None,
    ) -> Changed:
        node = node or found.node.id
        text = " ".join(label.split())[:60]
        written = self._store.commit(
            found.node.session,
            found.branch,
            kind,
            f"{kind} {node[:SHORT]}: {text}",
            changes,
            head=found.view.branch.head,
        )
        op = await asyncio.wrap_future(written)
        return changed(self._store, found.node.session, found.branch, op, node)

    def _values(self, found: Found) -> dict[int, Value]:
        """The slots that the node found may use."""
        values: dict[int, Value] = {}
        # inputs first, so a question comes before what was computed from it
        for id in found.graph.ancestors(found.node.id):
            node = found.graph.node(id)
            if opens(node):
                values |= dict(enumerate(self._dialect.read(self._text(found.graph, node)).slots))
            elif isinstance(node.data, ComputedData):
                values[node.data.slot] = parse_value(node.data.value)
        return values

    def _text(self, graph: Graph, question: Node) -> str:
        contexts = [
            graph.node(edge.node).text
            for edge in question.inputs
            if edge.role == "context" and edge.node in graph
        ]
        return "\n".join([*contexts, question.text])

    def _check_question(self, found: Found, edited: str | None, text: str) -> None:
        """Raise `BadRequest` when the questions of the branch could not be read with the new words."""
        added = [text] if edited is None else []
        for id in found.graph:
            node = found.graph.node(id)
            if not opens(node):
                continue
            if id == edited:
                node = msgspec.structs.replace(node, text=text)
            fell = {one.node.id for one in found.graph.notes(id)}
            notes = [
                text if other == edited else found.graph.node(other).text
                for other in found.graph
                if found.graph.node(other).kind == "note" or other in fell
            ]
            try:
                told(
                    self._dialect, self._dialect.read(self._text(found.graph, node)), notes + added
                )
            except TooManyQuantities as error:
                raise BadRequest(str(error)) from None


def changed(store: Store, session: str, branch: str, op: int | None, node: str | None) -> Changed:
    """A branch as it is now."""
    view = store.view(session, branch)
    return Changed(
        session=session, branch=branch, op=op, node=node, stale=tuple(view.graph.stale())
    )


def _stands(one: Placed, other: Placed) -> bool:
    """At the same place of the same question."""
    return (one.root, one.place) == (other.root, other.place)
