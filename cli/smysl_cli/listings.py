"""Commands that show what the daemon has: a session or node, sessions, programs, engines.

Knows replies and how they look; asks one question of the daemon each.
"""

import difflib
import shutil
import sys
from datetime import datetime
from typing import Annotated

import typer

from smysl_cli import diagnostics, output, text, tree
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_daemon.client import Client, connect
from smysl_daemon.config import find_dirs
from smysl_daemon.protocol import (
    EngineList,
    ListEngines,
    ListPrograms,
    ListSessions,
    NodeShown,
    NodeView,
    ProgramList,
    SessionList,
    SessionPart,
    SessionView,
    Show,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="An id, the beginning of one, or @last.")]

sessions = typer.Typer(help="What was asked before.", no_args_is_help=True)
programs = typer.Typer(help="Ways of reasoning.", no_args_is_help=True)
engines = typer.Typer(help="Compiled models in the store.", no_args_is_help=True)


def _connect() -> Client:
    return connect(find_dirs(), tell=diagnostics.note)


def show(id: Id = "@last", json: Json = False) -> None:
    """Show a session as a tree, or one node whole."""
    with _connect() as client:
        shown = client.ask(Show(id=id))
        if isinstance(shown, NodeShown):
            if json:
                output.say_json(shown.node)
                return
            _, nodes = _session(client, client.ask(Show(id=shown.session)))
            wanted = {edge.node for edge in shown.node.inputs}
            inputs = [node for node in nodes if node.id in wanted]
            output.say("\n".join(tree.whole(shown.node, shown.session, inputs)))
            return
        session, nodes = _session(client, shown)
    if json:
        output.say_json({"session": session, "nodes": nodes})
        return
    output.say("\n".join(_header(session)))
    style = tree.Style(
        width=shutil.get_terminal_size().columns,
        ids=True,
        unicode=text.unicode_lines(sys.stdout),
        colour=False,
    )
    output.say("\n".join(tree.draw(nodes, style)))


def _session(client: Client, first: object) -> tuple[SessionView, tuple[NodeView, ...]]:
    nodes: list[NodeView] = []
    part = first
    while isinstance(part, SessionPart):
        nodes += part.nodes
        if not part.more:
            return part.session, tuple(nodes)
        part = client.receive()
    raise CommandFailed(f"unexpected {type(part).__name__} from the daemon")


def _header(session: SessionView) -> list[str]:
    verdict = session.verdict or "not finished"
    when = _local_time(session.created)
    return [f"session {session.id}  {when}  {session.program}  {verdict}"]


def _local_time(iso: str) -> str:
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M")


@sessions.command("list")
def list_sessions(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20, json: Json = False
) -> None:
    """The latest sessions, newest first."""
    with _connect() as client:
        reply = client.ask(ListSessions(limit=limit))
    assert isinstance(reply, SessionList)
    if json:
        output.say_json(reply.sessions)
        return
    rows = [
        (
            one.id[: tree.SHORT_ID],
            _local_time(one.created),
            one.program,
            str(one.nodes),
            one.verdict or "-",
            text.fit(text.one_line(one.answer), 12) if one.answer else "-",
            text.fit(text.one_line(one.title), 60),
        )
        for one in reply.sessions
    ]
    titles = ("ID", "CREATED", "PROGRAM", "NODES", "VERDICT", "ANSWER", "TITLE")
    output.say_table(titles, rows, empty="No session yet; ask something first.")


@sessions.command("show")
def show_session(id: Id = "@last", json: Json = False) -> None:
    """The same as `smysl show`."""
    show(id, json)


@programs.command("list")
def list_programs(json: Json = False) -> None:
    """The programs that -p takes."""
    reply = _programs()
    if json:
        output.say_json(reply.programs)
        return
    rows = [(one.name, text.one_line(one.summary), one.source) for one in reply.programs]
    output.say_table(("NAME", "SUMMARY", "SOURCE"), rows, empty="There is no program.")


@programs.command("show")
def show_program(
    name: Annotated[str, typer.Argument(help="As in `smysl programs list`.")], json: Json = False
) -> None:
    """One program: what it does and where it comes from."""
    known = {one.name: one for one in _programs().programs}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)
        raise UsageError(f"no program {name!r}; the nearest are {', '.join(near)}")
    if json:
        output.say_json(known[name])
        return
    output.say(f"{name}: {known[name].summary}\nsource: {known[name].source}")


def _programs() -> ProgramList:
    with _connect() as client:
        reply = client.ask(ListPrograms())
    assert isinstance(reply, ProgramList)
    return reply


@engines.command("list")
def list_engines(json: Json = False) -> None:
    """The engines in the store; the loaded one is marked."""
    _say_engines(_engines(verify=False), json)


@engines.command("verify")
def verify_engines(json: Json = False) -> None:
    """Hash every file of every engine and compare with its manifest."""
    reply = _engines(verify=True)
    _say_engines(reply, json)
    broken = [one for one in reply.engines if one.problem]
    if broken:
        raise CommandFailed(
            f"{len(broken)} of {len(reply.engines)} engines are damaged; "
            "`smysl daemon restart` rebuilds the bundled one"
        )


def _engines(*, verify: bool) -> EngineList:
    with _connect() as client:
        reply = client.ask(ListEngines(verify=verify))
    assert isinstance(reply, EngineList)
    return reply


def _say_engines(reply: EngineList, json: bool) -> None:
    if json:
        output.say_json(reply.engines)
        return
    rows = [
        (
            one.fingerprint[:12],
            one.model,
            one.backend,
            one.precision,
            f"{one.size_bytes / 1e6:.1f} MB",
            one.problem or ("loaded" if one.loaded else "-"),
        )
        for one in reply.engines
    ]
    titles = ("FINGERPRINT", "MODEL", "BACKEND", "PRECISION", "SIZE", "STATE")
    output.say_table(titles, rows, empty="The store holds no engine.")
