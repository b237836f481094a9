"""`smysl sessions ...`: what was asked before, and keeping it in order.

Knows requests and how replies look; never how sessions are kept.
"""

import sys
from typing import Annotated

import typer

from smysl_cli import asking, diagnostics, exporting, output, tree
from smysl_cli import text as texts
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.exits import Exit
from smysl_cli.options import Branch, Id, Json, SessionId, Yes
from smysl_daemon import protocol
from smysl_daemon.protocol import (
    GetGraphStats,
    GetLog,
    GraphStats,
    ListSessions,
    OperationList,
    Rename,
    Replayed,
    SessionChanged,
    SessionList,
)
from smysl_daemon.shapes import GraphStatsView, ReplayDifferenceView

sessions = typer.Typer(help="What was asked before.", no_args_is_help=True)


@sessions.command("list")
def list_sessions(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20, json: Json = False
) -> None:
    """The latest sessions, newest first."""
    reply = asking.ask(ListSessions(limit=limit), SessionList)
    if json:
        output.say_json(reply.sessions)
        return
    rows = [
        (
            one.id[: tree.SHORT_ID],
            texts.local_time(one.created),
            one.program,
            str(one.nodes),
            one.verdict or "-",
            texts.fit(texts.one_line(one.answer), 12) if one.answer else "-",
            texts.fit(texts.one_line(one.title), 60),
        )
        for one in reply.sessions
    ]
    titles = ("ID", "CREATED", "PROGRAM", "NODES", "VERDICT", "ANSWER", "TITLE")
    output.say_table(titles, rows, empty="No session yet; ask something first.")


@sessions.command("show")
def show_session(id: Id = "@last", branch: Branch = None, json: Json = False) -> None:
    """The same as `smysl show`."""
    from smysl_cli.listings import show

    show(id, branch, json)


@sessions.command("rename")
def rename(
    session: Annotated[str, typer.Argument(metavar="SESSION")],
    title: Annotated[list[str], typer.Argument(metavar="TITLE")],
    json: Json = False,
) -> None:
    """Give a session another title."""
    words = " ".join(" ".join(title).split())
    if not words:
        raise UsageError("the title is empty; give one")
    _say_changed(asking.ask(Rename(session=session, title=words), SessionChanged), "now", json)


@sessions.command("delete")
def delete(
    session: Annotated[str, typer.Argument(metavar="SESSION")], yes: Yes = False, json: Json = False
) -> None:
    """Delete a session for good, with all its branches."""
    with asking.daemon() as client:
        if not yes:
            found, _ = asking.session(client, session)
            if sys.stdin is None or not sys.stdin.isatty():
                raise UsageError(
                    f"session {found.id[: tree.SHORT_ID]} ({texts.fit(found.title, 40)}) would be "
                    "deleted for good; say --yes to do it"
                )
            typer.confirm(
                f"Delete session {found.id[: tree.SHORT_ID]} for good: "
                f"{texts.fit(texts.one_line(found.title), 50)}?",
                abort=True,
                err=True,
            )
            session = found.id
        reply = client.ask(protocol.DeleteSession(session=session))
        _say_changed(asking.expect(reply, SessionChanged), "deleted", json)


def _say_changed(reply: SessionChanged, said: str, json: bool) -> None:
    if json:
        output.say_json({"session": reply.session, "title": reply.title})
    else:
        title = texts.one_line(reply.title)
        output.say(f"session {reply.session[: tree.SHORT_ID]} {said}: {title}")


sessions.command("export")(exporting.export_json)
sessions.command("import")(exporting.import_session)


@sessions.command("log")
def log(
    session: SessionId = "@last",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 100,
    branch: Branch = None,
    json: Json = False,
) -> None:
    """What was done in a branch, newest first."""
    request = GetLog(session=session, branch=branch, limit=limit)
    reply = asking.ask(request, OperationList)
    if json:
        output.say_json(reply.operations)
        return
    rows = [
        (
            str(one.id),
            texts.local_time(one.created),
            one.kind,
            texts.fit(texts.one_line(one.label.removeprefix(f"{one.kind} ")), 46),
        )
        for one in reply.operations
    ]
    output.say_table(("OP", "WHEN", "WHAT", "LABEL"), rows, empty="Nothing was done yet.")


@sessions.command("stats")
def stats(session: SessionId = "@last", branch: Branch = None, json: Json = False) -> None:
    """What a branch holds and what it cost."""
    found = asking.ask(GetGraphStats(session=session, branch=branch), GraphStats).stats
    if json:
        output.say_json(found)
    else:
        output.say("\n".join(_stats(found)))


def _stats(found: GraphStatsView) -> list[str]:
    def counted(counts: dict[str, int]) -> str:
        return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))

    return [
        f"session   {found.session}, branch {found.branch}",
        f"thoughts  {found.nodes}: {counted(found.kinds)}",
        f"status    {counted(found.statuses)}; {found.stale} stale, {found.held} held",
        f"edges     {found.edges}",
        f"tokens    {found.prompt_tokens} prompt ({found.cached_tokens} cached), "
        f"{found.generated_tokens} generated",
        f"calls     {found.calls}",
        f"time      {found.milliseconds / 1000:.2f} s",
    ]


@sessions.command("replay")
def replay(
    session: SessionId = "@last",
    check: Annotated[
        bool, typer.Option("--check", help="Exit with code 3 when anything differs.")
    ] = False,
    branch: Branch = None,
    json: Json = False,
) -> None:
    """Make every thought again as it was made, and compare. Nothing is written."""
    found = asking.ask(protocol.Replay(session=session, branch=branch), Replayed)
    if json:
        output.say_json(
            {
                "session": found.session,
                "branch": found.branch,
                "same": found.same,
                "held": found.held,
                "different": found.different,
                "engines_were": found.engines_were,
                "engine_now": found.engine_now,
            }
        )
    else:
        output.say("\n".join(_replayed(found)))
    others = [engine[:12] for engine in found.engines_were if engine != found.engine_now]
    if others:
        diagnostics.note(
            f"made with engine {', '.join(others)}, replayed with {found.engine_now[:12]}: "
            "differences are to be expected"
        )
    if check and found.different:
        raise CommandFailed(
            f"{len(found.different)} of {found.same + len(found.different)} thoughts came out "
            "otherwise",
            Exit.NOT_VERIFIED,
        )


def _replayed(found: Replayed) -> list[str]:
    held = f", {found.held} held by a person" if found.held else ""
    lines = [f"{found.same} the same, {len(found.different)} different{held}"]
    for one in found.different:
        lines += _replay_difference(one)
    return lines


def _replay_difference(one: ReplayDifferenceView) -> list[str]:
    def said(text: str | None) -> str:
        return "(no such thought)" if text is None else texts.fit(texts.one_line(text), 70)

    return [
        f"{one.node[: tree.SHORT_ID]}  {one.place or '-'}",
        f"  was {said(one.was)}",
        f"  now {said(one.now)}",
    ]
