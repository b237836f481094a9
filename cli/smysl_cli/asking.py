"""One request to the daemon, and its reply put together from as many frames as it takes.

Knows the protocol; never how replies look.
"""

from typing import TypeVar

from smysl_cli import diagnostics
from smysl_cli.diagnostics import CommandFailed
from smysl_daemon.client import Client, connect
from smysl_daemon.protocol import ClientMessage, SessionPart, Show
from smysl_daemon.shapes import NodeView, SessionView

R = TypeVar("R")


def daemon() -> Client:
    """A connection; a daemon is started where none runs. Raises `Unreachable`."""
    return connect(tell=diagnostics.note)


def expect(reply: object, kind: type[R]) -> R:
    """Raises `CommandFailed` for a reply of another kind: a mistake of ours."""
    if not isinstance(reply, kind):
        raise CommandFailed(f"unexpected {type(reply).__name__} from the daemon")
    return reply


def ask(message: ClientMessage, kind: type[R]) -> R:
    """A request with one reply, on a connection of its own."""
    with daemon() as client:
        return expect(client.ask(message), kind)


def session(
    client: Client, id: str, branch: str | None = None
) -> tuple[SessionView, tuple[NodeView, ...]]:
    """A session and the nodes that a branch of it shows."""
    return rest_of_session(client, client.ask(Show(id=id, branch=branch)))


def rest_of_session(client: Client, first: object) -> tuple[SessionView, tuple[NodeView, ...]]:
    """As `session`, when the first part is there already."""
    nodes: list[NodeView] = []
    part = expect(first, SessionPart)
    while True:
        nodes += part.nodes
        if not part.more:
            return part.session, tuple(nodes)
        part = expect(client.receive(), SessionPart)
