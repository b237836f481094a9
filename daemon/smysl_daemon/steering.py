"""What a person does to a branch and to its runs, in the runtime's words.

Knows requests, the runtime and the store; never sockets or how replies look.
"""

import asyncio

from smysl_daemon.errors import NothingStale
from smysl_daemon.protocol import (
    Answer,
    Answered,
    Changed,
    ChangeRequest,
    Control,
    Delete,
    Derive,
    Edit,
    Fork,
    Inject,
    Merge,
    Pin,
    Preview,
    Previewed,
    Redo,
    Replay,
    Replayed,
    Retry,
    Switch,
    Undo,
)
from smysl_daemon.references import session_of
from smysl_daemon.shapes import ReplayDifferenceView
from smysl_daemon.views import stale_views
from smysl_reasoning import changes
from smysl_reasoning.errors import BadRequest, UnknownId
from smysl_reasoning.graph import Graph
from smysl_reasoning.history import MAIN, Again, Branch, Op
from smysl_reasoning.ids import MEMORY
from smysl_reasoning.requests import DeriveRequest
from smysl_reasoning.requests import Edit as EditRequest
from smysl_reasoning.run import Run
from smysl_reasoning.runtime import Runtime
from smysl_reasoning.store import Store, View


class Steering:
    """Acts on one runtime and its store."""

    def __init__(self, runtime: Runtime, store: Store) -> None:
        self._runtime = runtime
        self._store = store

    async def change(self, request: ChangeRequest) -> Changed:
        if isinstance(request, Undo | Redo):
            return await self._move(request)
        if isinstance(request, Edit) and self._is_memory(request.node):
            return await self._rewrite(request)
        done = await self._edit(request)
        return _changed(done, self._store.log(done.session, done.branch)[0])

    def _is_memory(self, reference: str) -> bool:
        return self._runtime.memory.holds(self._store.resolve(reference))

    async def _rewrite(self, request: Edit) -> Changed:
        """A memory says something else: what rests on it is in other sessions."""
        done = await asyncio.to_thread(self._runtime.memory.edit, request.node, request.text)
        return Changed(
            session=MEMORY,
            branch=MAIN,
            op=self._store.log(MEMORY)[0].id,
            label=done.label,
            node=done.memory,
            stale=(),
            elsewhere=stale_views(done.stale),
        )

    async def _edit(self, request: Edit | Inject | Delete | Pin | Retry | Merge) -> changes.Changed:
        runtime = self._runtime
        match request:
            case Edit(node=node, text=text, branch=branch):
                return await runtime.edit(EditRequest(node=node, text=text, branch=branch))
            case Inject(node=node, text=text, branch=branch):
                return await runtime.inject(node, text, branch)
            case Delete(node=node, branch=branch):
                return await runtime.delete(node, branch)
            case Pin(node=node, on=on, branch=branch):
                return await runtime.pin(node, on, branch)
            case Retry(node=node, branch=branch):
                again = Again(
                    seed=request.seed, temperature=request.temperature, adapter=request.adapter
                )
                return await runtime.retry(node, again, branch)
            case Merge(node=node, source=source, branch=branch):
                return await runtime.merge(node, source, branch)

    async def _move(self, request: Undo | Redo) -> Changed:
        view = self._view(request.session, request.branch)
        session, branch = view.session, view.branch.name
        if isinstance(request, Redo):
            done = await self._runtime.redo(session, branch)
            return _changed(done, self._store.log(session, branch)[0])
        # what is undone is in the branch's log only until then
        log = self._store.log(session, branch)
        done = await self._runtime.undo(session, branch)
        return _changed(done, log[0])

    async def derive(self, request: Derive) -> tuple[Run, Graph]:
        """A run, and what the branch showed before it. Raises `NothingStale`, and what the runtime
        raises."""
        view, node = self._meant(request.session, request.branch, request.node)
        if node is None:
            node = _stale_question(view.graph)
        try:
            run = await self._runtime.derive(
                DeriveRequest(
                    session=view.session,
                    branch=view.branch.name,
                    node=node,
                    program=request.program,
                    seed=request.seed,
                    budget_tokens=request.budget_tokens,
                    budget_calls=request.budget_calls,
                    budget_seconds=request.budget_seconds,
                )
            )
        except BadRequest:
            last = self._store.latest_run(view.session, view.branch.name)
            idle = last is not None and last.finished is not None
            asked = request.program is not None or request.seed is not None
            if idle and not asked and not view.graph.stale():
                raise NothingStale(f"nothing is stale in branch {view.branch.name!r}") from None
            raise
        return run, view.graph

    async def preview(self, request: Preview) -> Previewed:
        if request.edit is not None:
            edit = request.edit
            view, _ = self._meant(edit.node, edit.branch, edit.node)
            planned = EditRequest(node=edit.node, text=edit.text, branch=view.branch.name)
            found = await self._runtime.preview(view.session, view.branch.name, edit=planned)
        else:
            view, node = self._meant(request.session, request.branch, None)
            found = await self._runtime.preview(
                view.session, view.branch.name, node=node or _stale_question(view.graph)
            )
        return Previewed(
            session=view.session,
            branch=view.branch.name,
            stale=found.stale,
            reused=found.reused,
            kept=found.kept,
            calls=found.calls,
            expected_tokens=found.expected_tokens,
            expected_seconds=found.expected_seconds,
        )

    async def fork(self, request: Fork) -> Branch:
        return await self._runtime.fork(request.node, request.name, request.branch)

    async def switch(self, request: Switch) -> Branch:
        return await self._runtime.switch(session_of(self._store, request.session), request.name)

    async def control(self, request: Control) -> str:
        session = session_of(self._store, request.session)
        match request.action:
            case "pause":
                await self._runtime.pause(session)
            case "resume":
                await self._runtime.unpause(session)
            case "cancel":
                await self._runtime.cancel(session)
            case "finish":
                await self._runtime.finish(session)
        return session

    async def answer(self, request: Answer) -> Answered:
        """Raises `BadRequest` where no run waits for an answer to this node."""
        run = await self._runtime.answer(request.node, request.text)
        return Answered(session=self._store.run(run).session)

    async def replay(self, request: Replay) -> Replayed:
        view = self._view(request.session, request.branch)
        found = await self._runtime.replay(view.session, view.branch.name)
        return Replayed(
            session=found.session,
            branch=found.branch,
            same=found.same,
            held=found.held,
            different=tuple(
                ReplayDifferenceView(node=one.node, place=one.place, was=one.was, now=one.now)
                for one in found.different
            ),
            engines_were=found.engines_were,
            engine_now=found.engine_now,
        )

    async def rename(self, session: str, title: str) -> str:
        """The session's id. The title is in one line afterwards."""
        id = session_of(self._store, session)
        await asyncio.wrap_future(self._store.rename(id, title))
        return id

    async def delete_session(self, reference: str) -> tuple[str, str]:
        """Id and title of what was deleted. Raises `BadRequest` for anything but a session."""
        id = self._store.resolve(reference)
        try:
            title = self._store.session(id).title
        except UnknownId:
            raise BadRequest(
                f"{reference!r} is a node; `smysl delete` takes it out of a branch, "
                "`smysl sessions delete` takes a session"
            ) from None
        await asyncio.wrap_future(self._store.delete(id))
        return id, title

    def _view(self, session: str, branch: str | None) -> View:
        return self._store.view(session_of(self._store, session), branch)

    def _meant(
        self, reference: str, branch: str | None, node: str | None
    ) -> tuple[View, str | None]:
        """The branch that is meant, and the node, if `reference` or `node` names one."""
        id = self._store.resolve(node or reference)
        session = session_of(self._store, id)
        return self._store.view(session, branch), id if id != session else None


def _stale_question(graph: Graph) -> str | None:
    """The question of the latest stale node: the latest question may have nothing to derive."""
    for id in reversed(graph.stale()):
        root = graph.placed(id).root
        if root is not None and root in graph:
            return root
    return None


def _changed(done: changes.Changed, op: Op) -> Changed:
    # a run is labelled with its question alone
    label = op.label if op.label.startswith(op.kind) else f"{op.kind}: {op.label}"
    return Changed(
        session=done.session,
        branch=done.branch,
        op=done.op,
        label=label,
        node=done.node or "",
        stale=done.stale,
    )
