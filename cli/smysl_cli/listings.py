"""`smysl show`: a session as a tree, or one node whole.

Knows replies and how they look; asks one question of the daemon.
"""

import shutil
import sys
from collections.abc import Sequence

import msgspec

from smysl_cli import asking, output, text, tree
from smysl_cli.deriving import thoughts
from smysl_cli.options import Branch, Id, Json
from smysl_daemon.client import Client
from smysl_daemon.protocol import NodeShown, Show
from smysl_daemon.shapes import NodeView, SessionView


def show(id: Id = "@last", branch: Branch = None, json: Json = False) -> None:
    """Show a session as a tree, or one node whole."""
    with asking.daemon() as client:
        shown = client.ask(Show(id=id, branch=branch))
        if isinstance(shown, NodeShown):
            _show_node(client, shown, json)
            return
        session, nodes = asking.rest_of_session(client, shown)
    if json:
        output.say_json({"session": session, "nodes": nodes})
        return
    style = tree.Style(
        width=shutil.get_terminal_size().columns,
        ids=True,
        unicode=text.unicode_lines(sys.stdout),
        colour=False,
    )
    output.say("\n".join([*_header(session, nodes), *tree.draw(nodes, style)]))


def _show_node(client: Client, shown: NodeShown, json: bool) -> None:
    if json:
        output.say_json(msgspec.to_builtins(shown.node) | {"versions": shown.versions})
        return
    _, nodes = asking.session(client, shown.session, shown.branch)
    here = shown.branch if any(node.id == shown.node.id for node in nodes) else None
    lines = tree.whole(shown.node, shown.session, nodes, branch=here, versions=shown.versions)
    if here is None:
        lines.insert(2, f"branch    not in {shown.branch}")
    output.say("\n".join(lines))


def _header(session: SessionView, nodes: Sequence[NodeView]) -> list[str]:
    verdict = session.verdict or {
        "running": "running",
        "paused": "paused (`smysl resume`)",
    }.get(str(session.state), "not finished")
    when = text.local_time(session.created)
    lines = [f"session {session.id}  {when}  {session.program}  {verdict}"]
    stale = sum(node.stale is True for node in nodes)
    held = sum(isinstance(node.hold, str) for node in nodes)
    if session.branch != "main" or stale or held:
        remarks = [thoughts(len(nodes))]
        remarks += [f"{stale} stale (`smysl derive` makes them anew)"] if stale else []
        remarks += [f"{held} held"] if held else []
        lines.append(f"branch {session.branch}  {', '.join(remarks)}")
    return lines
