"""What is looked at without changing anything: sessions, nodes, reasons, differences.

Knows the store and the graph of a branch; never a run, an engine or a socket. Blocking: for a
thread of its own.
"""

from collections.abc import Mapping

from smysl_daemon.protocol import (
    Diff,
    Export,
    GetGraphStats,
    GetLog,
    NodeShown,
    OperationList,
    Search,
    Show,
    TextDiff,
    Why,
)
from smysl_daemon.references import node_of, session_of
from smysl_daemon.service import Differences, Reasons, SessionShown
from smysl_daemon.shapes import (
    BranchView,
    GraphStatsView,
    HitView,
    NodeView,
    ReasonView,
    SessionView,
    VersionView,
)
from smysl_daemon.views import (
    branch_view,
    difference_view,
    graph_views,
    node_view,
    operation_view,
    placed_view,
    session_view,
    stats_view,
)
from smysl_reasoning.errors import BadRequest, UnknownId
from smysl_reasoning.graph import Graph, Reason, diff, diff_text
from smysl_reasoning.history import Branch
from smysl_reasoning.nodes import value_hash
from smysl_reasoning.store import Store, View

VERSION_TEXT = 2000
"""Most characters of one of a node's versions in a list."""


class Reading:
    """Answers from one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sessions(self, limit: int) -> tuple[SessionView, ...]:
        return tuple(session_view(one) for one in self._store.sessions(limit))

    def show(self, request: Show) -> SessionShown | NodeShown:
        id = self._store.resolve(request.id)
        try:
            self._store.session(id)
        except UnknownId:
            return self._node_shown(id, request.branch)
        view = self._store.view(id, request.branch)
        return SessionShown(self._session_view(view), graph_views(view.graph))

    def _session_view(self, view: View) -> SessionView:
        summary = self._store.session(view.session)
        last = self._store.latest_run(view.session, view.branch.name)
        return session_view(summary, view.branch.name, last)

    def _node_shown(self, id: str, branch: str | None) -> NodeShown:
        view = self._store.view(self._store.node(id).session, branch)
        shown = view.graph.placed(id).revision if id in view.graph else None
        versions = tuple(
            VersionView(
                revision=one.revision,
                text=one.node.text[:VERSION_TEXT],
                status=one.node.status,
                created=one.created,
                shown=one.revision == shown,
            )
            for one in self._store.revisions(id)
        )
        return NodeShown(
            session=view.session,
            node=self._as_shown(id, view.graph),
            branch=view.branch.name,
            versions=versions,
        )

    def _as_shown(self, id: str, graph: Graph) -> NodeView:
        """As the branch shows it; the latest version of a node that it does not show."""
        if id in graph:
            return placed_view(graph.placed(id), graph.stale())
        return node_view(self._store.node(id))

    def branches(self, session: str) -> tuple[BranchView, ...]:
        id = session_of(self._store, session)
        return tuple(self.branch(one) for one in self._store.branches(id))

    def branch(self, branch: Branch) -> BranchView:
        graph = self._store.view(branch.session, branch.name).graph
        log = self._store.log(branch.session, branch.name)
        return branch_view(branch, graph, log[0].label if log else "")

    def log(self, request: GetLog) -> OperationList:
        view = self._view(request.session, request.branch)
        found = self._store.log(view.session, view.branch.name)
        return OperationList(
            session=view.session,
            branch=view.branch.name,
            operations=tuple(operation_view(op) for op in found[: request.limit]),
        )

    def why(self, request: Why) -> Reasons:
        id = node_of(self._store, request.node)
        view = self._store.view(self._store.node(id).session, request.branch)
        if id not in view.graph:
            raise BadRequest(
                f"node {request.node!r} is not in branch {view.branch.name!r}; "
                "`smysl branches` lists the others"
            )
        stale = frozenset(view.graph.stale())
        reasons = view.graph.why(id)
        seen = _seen(reasons)
        return Reasons(
            view.session,
            view.branch.name,
            tuple(
                ReasonView(
                    node=placed_view(one.placed, stale),
                    roles=one.roles,
                    current=one.current,
                    used=() if one.current else self._used(one, seen),
                )
                for one in reasons
            ),
        )

    def _used(self, reason: Reason, seen: Mapping[str, set[str]]) -> tuple[str, ...]:
        """The texts of a node, other than the one shown now, that others were made from."""
        node = reason.placed.node
        wanted = seen[node.id] - {reason.placed.hash}
        texts = {
            value_hash(one.node.kind, one.node.text, one.node.data): one.node.text
            for one in self._store.revisions(node.id)
        }
        return tuple(text for hash, text in texts.items() if hash in wanted)

    def diff(self, request: Diff) -> Differences | TextDiff:
        session = session_of(self._store, request.session)
        names = [branch.name for branch in self._store.branches(session)]
        known = [one in names for one in (request.a, request.b)]
        if all(known):
            a = self._store.view(session, request.a).graph
            b = self._store.view(session, request.b).graph
            return Differences(session, tuple(difference_view(one, a, b) for one in diff(a, b)))
        if any(known):
            other = request.b if known[0] else request.a
            raise UnknownId(
                f"session {session[:8]} has no branch {other[:40]!r}; it has {', '.join(names)}"
            )
        first, second = self._compared(request.a, names), self._compared(request.b, names)
        words = tuple(diff_text(first.text, second.text))
        return TextDiff(a=first, b=second, words=words)

    def _compared(self, reference: str, names: list[str]) -> NodeView:
        try:
            id = node_of(self._store, reference)
        except UnknownId as error:
            raise UnknownId(
                f"{error}, and it is no branch of the session, which has {', '.join(names)}"
            ) from None
        return self._as_shown(id, self._store.view(self._store.node(id).session).graph)

    def search(self, request: Search) -> tuple[HitView, ...]:
        return tuple(
            HitView(
                node=hit.node.id,
                kind=hit.node.kind,
                session=hit.session,
                title=hit.title,
                snippet=hit.snippet,
                rank=hit.rank,
            )
            for hit in self._store.search(request.text, request.limit)
        )

    def graph_stats(self, request: GetGraphStats) -> GraphStatsView:
        view = self._view(request.session, request.branch)
        return stats_view(view.session, view.branch.name, view.graph)

    def export(self, request: Export) -> bytes:
        # drawing is for those who ask for a drawing
        from smysl_reasoning.archive import export_session
        from smysl_reasoning.export import dot, html, markdown, svg

        view = self._view(request.session, request.branch)
        title = self._store.session(view.session).title
        match request.format:
            case "json":
                return export_session(self._store, view.session)
            case "markdown":
                return markdown.render(title, view.graph).encode()
            case "dot":
                return dot.render(title, view.graph).encode()
            case "svg":
                return svg.render(title, view.graph).encode()
            case "html":
                return html.render(title, view.graph).encode()

    def _view(self, session: str, branch: str | None) -> View:
        return self._store.view(session_of(self._store, session), branch)


def _seen(reasons: list[Reason]) -> dict[str, set[str]]:
    """By node, the value hashes that the others were made from."""
    seen: dict[str, set[str]] = {one.placed.node.id: set() for one in reasons}
    for one in reasons:
        for edge, hash in zip(one.placed.node.inputs, one.placed.seen, strict=False):
            if hash and edge.node in seen:
                seen[edge.node].add(hash)
    return seen
