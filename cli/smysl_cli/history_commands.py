"""`smysl logs ...`: what was asked and answered, as a reader wants it.

Knows replies and how they look; sessions as such belong to `smysl sessions`.
"""

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from smysl_cli import asking, output, tree
from smysl_cli import text as texts
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.options import Json
from smysl_daemon.client import Client
from smysl_daemon.config import find_dirs
from smysl_daemon.protocol import HitList, ListSessions, Search, SessionList
from smysl_daemon.shapes import NodeView, RecipeView, SessionView

logs = typer.Typer(help="What was asked and answered, the latest last.")
COUNT = 3
MOST_HITS = 1000
Limit = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="Sessions shown.")
]


class Turn(NamedTuple):
    """A question and what came of it."""

    session: SessionView
    context: str
    question: str
    answer: str | None = None
    """None where there is none (yet)."""
    verdict: str | None = None
    """Known of a session's last run."""


@logs.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    limit: Limit = COUNT,
    query: Annotated[
        str | None,
        typer.Option("--query", "-q", metavar="TEXT", help="Only sessions with these words."),
    ] = None,
    response: Annotated[
        bool, typer.Option("--response", "-r", help="Only the answer of the last one.")
    ] = False,
    short: Annotated[bool, typer.Option("--short", "-s", help="A line for each.")] = False,
    json: Json = False,
) -> None:
    """The last questions with their answers, as Markdown. Standard output is made to be piped."""
    if context.invoked_subcommand is not None:
        return
    with asking.daemon() as client:
        found = _sessions(client, 1 if response else limit, query)
        turns = [turn for session in reversed(found) for turn in _turns(client, session)]
    if response:
        _say_response(turns)
    elif json:
        output.say_json([_said(turn) for turn in turns])
    elif not turns:
        output.say("Nothing was asked yet." if query is None else f"Nothing has {query!r} in it.")
    elif short:
        for turn in turns:
            answer = "-" if turn.answer is None else texts.fit(texts.one_line(turn.answer), 30)
            question = texts.fit(texts.one_line(turn.question), 70)
            when = texts.local_time(turn.session.created)
            output.say(f"{when}  {turn.session.id[: tree.SHORT_ID]}  {question}  {answer}")
    else:
        output.say("\n\n".join(_markdown(turn) for turn in turns))


@logs.command("path")
def path() -> None:
    """The database with everything that was asked."""
    output.say(str(find_dirs().database))


@logs.command("status")
def status(json: Json = False) -> None:
    """How large the database is and how many sessions it holds, at least."""
    file = find_dirs().database
    size = sum(
        one.stat().st_size for one in (file, file.with_name(f"{file.name}-wal")) if one.is_file()
    )
    count = len(asking.ask(ListSessions(limit=1000), SessionList).sessions)
    if json:
        output.say_json({"file": str(file), "bytes": size, "sessions": count})
        return
    more = " or more" if count == 1000 else ""
    output.say(f"file      {file}\nsize      {size / 1e6:.1f} MB\nsessions  {count}{more}")


@logs.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
) -> None:
    """Copy the database to a file, whole and consistent, also while the daemon works."""
    import sqlite3  # for this alone

    source = find_dirs().database
    if not source.is_file():
        raise CommandFailed(f"there is no database yet: {source}")
    if file.exists():
        raise UsageError(f"{file} is there already; name a new file")
    part = file.with_name(f".{file.name}.part")
    try:
        reader = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
        writer = sqlite3.connect(part)
        try:
            reader.backup(writer)
        finally:
            writer.close()
            reader.close()
        part.chmod(0o600)
        part.replace(file)
    except (sqlite3.Error, OSError) as error:
        raise CommandFailed(f"cannot copy {source} to {file}: {error}") from None
    finally:
        part.unlink(missing_ok=True)
    output.say(str(file))


def _sessions(client: Client, limit: int, query: str | None) -> list[SessionView]:
    """Newest first."""
    if query is None:
        listed = asking.expect(client.ask(ListSessions(limit=limit)), SessionList)
        return list(listed.sessions)
    hits = asking.expect(client.ask(Search(text=query, limit=MOST_HITS)), HitList).hits
    ids = list(dict.fromkeys(hit.session for hit in hits))
    found = [asking.session(client, id)[0] for id in ids]
    return sorted(found, key=lambda one: one.created, reverse=True)[:limit]


def _turns(client: Client, listed: SessionView) -> list[Turn]:
    """The questions of a session's current branch, in order."""
    session, nodes = asking.session(client, listed.id)
    by_id = {node.id: node for node in nodes}
    turns: list[Turn] = []
    for node in nodes:
        if node.kind == "question" and _opens(node):
            about = [by_id[edge.node].text for edge in node.inputs if edge.node in by_id]
            turns.append(Turn(session, "\n".join(about), node.text))
        elif node.kind == "answer" and turns and node.status == "done":
            turns[-1] = turns[-1]._replace(answer=node.text)
    if turns:
        turns[-1] = turns[-1]._replace(verdict=session.verdict)
    return turns


def _opens(node: NodeView) -> bool:
    """A person's question. One that a program makes of it has a recipe; one that it puts to the
    person says so in its data."""
    asked_back = isinstance(node.data, dict) and node.data.get("type") == "ask"
    return not isinstance(node.recipe, RecipeView) and not asked_back


def _say_response(turns: list[Turn]) -> None:
    answers = [turn.answer for turn in turns if turn.answer is not None]
    if not answers:
        raise CommandFailed("the last session has no answer; `smysl show` has what there is")
    output.say(answers[-1])


def _said(turn: Turn) -> dict[str, object]:
    return {
        "session": turn.session.id,
        "created": turn.session.created,
        "program": turn.session.program,
        "verdict": turn.verdict,
        "context": turn.context,
        "question": turn.question,
        "answer": turn.answer,
    }


def _markdown(turn: Turn) -> str:
    session = turn.session
    when = texts.local_time(session.created)
    parts = [f"# {when}  {session.id[: tree.SHORT_ID]}  {session.program}"]
    if turn.context:
        parts.append(f"## Context\n\n{turn.context}")
    parts.append(f"## Question\n\n{turn.question}")
    verdict = f" ({turn.verdict})" if turn.verdict else ""
    answer = turn.answer if turn.answer is not None else "(none)"
    return "\n\n".join([*parts, f"## Answer{verdict}\n\n{answer}"])
