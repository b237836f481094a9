"""`smysl memory search`, `list`, `show` and `map`: what is kept, how heavy it is, and what it would fall on.

Knows replies and how they look; asks one question of the daemon each.
"""

import shutil
import sys
from typing import Annotated

import msgspec
import typer

from smysl_cli import asking, diagnostics, memory_lines, memory_map, output, recalled
from smysl_cli import text as texts
from smysl_cli.diagnostics import UsageError
from smysl_cli.options import Json, MemoryId
from smysl_daemon.client import Client
from smysl_daemon.memory_protocol import (
    LIST_LIMIT,
    MAP_LIMIT,
    ListMemories,
    MapMemory,
    MemoryList,
    MemoryMap,
    MemoryPulls,
    MemoryShown,
    Order,
    SearchMemory,
    ShowMemory,
)

LEGEND = 12
"""Memories named below a map."""


def search(
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="A question, or words of one.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200)] = 10,
    json: Json = False,
) -> None:
    """What would fall into a question, how strongly, and why."""
    words = " ".join(text)
    if not words.strip():
        raise UsageError("there is nothing to search for; give the words of a question")
    reply = asking.ask(SearchMemory(text=words, limit=limit), MemoryPulls)
    if json:
        output.say_json(reply.pulls)
        return
    if not reply.pulls:
        output.say(f"Nothing falls into {texts.fit(texts.one_line(words), 50)!r}.")
        return
    width = memory_lines.columns()
    for pull in reply.pulls:
        output.say(recalled.line(pull, width))
        for line in recalled.reasons(pull, width - 6):
            output.say(f"      {line}")


def list_memories(
    order: Annotated[
        Order, typer.Option("--order", help="The heaviest, the newest or the last used first.")
    ] = "heavy",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=LIST_LIMIT)] = 20,
    json: Json = False,
) -> None:
    """Memories, the heaviest first."""
    reply = asking.ask(ListMemories(limit=limit, order=order), MemoryList)
    if json:
        output.say_json(reply.memories)
        return
    titles = ("ID", "MASS", "USES", "LINKS", "CREATED", "TEXT")
    room = max(memory_lines.columns() - 41, 12)
    rows = [
        (
            one.id[: memory_lines.SHORT_ID],
            f"{one.mass:.2f}",
            str(one.uses),
            str(one.links),
            texts.local_time(one.created)[:10],
            texts.fit(memory_lines.said(one), room),
        )
        for one in reply.memories
    ]
    output.say_table(titles, rows, empty=memory_lines.EMPTY)
    if len(rows) < reply.total:
        more = "-n N shows more" if limit < LIST_LIMIT else "`smysl memory search` finds the others"
        diagnostics.note(f"{len(rows):,} of {reply.total:,}; {more}")


def show(memory: MemoryId, json: Json = False) -> None:
    """A memory whole: its text, where it comes from, links and uses."""
    with asking.daemon() as client:
        found = shown(client, memory)
    if json:
        output.say_json(
            msgspec.to_builtins(found.memory)
            | {"linked": found.links, "texts": found.texts, "used": found.uses}
        )
        return
    output.say("\n".join(memory_lines.whole(found, memory_lines.columns())))


def shown(client: Client, id: str) -> MemoryShown:
    """A memory whole, by its id or the beginning of it."""
    return asking.expect(client.ask(ShowMemory(memory=id)), MemoryShown)


def show_map(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="A question: what falls into it is named on the map."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAP_LIMIT, help="Memories, the heaviest.")
    ] = 100,
    json: Json = False,
) -> None:
    """The heaviest memories in the plane, near ones near each other."""
    found = asking.ask(MapMemory(limit=limit, text=" ".join(text or [])), MemoryMap)
    if json:
        output.say_json(
            {
                "points": found.points,
                "links": found.links,
                "pulls": found.pulls,
                "total": found.total,
            }
        )
        return
    if not found.points:
        output.say(memory_lines.EMPTY)
        return
    output.say("\n".join(drawn(found, asked=bool(text))))


def drawn(found: MemoryMap, *, asked: bool) -> list[str]:
    """A map with its legend. `asked`: it was drawn for a question, whose pulls are named."""
    width, unicode = memory_lines.columns(), texts.unicode_lines(sys.stdout)
    points = {point.memory: point for point in found.points}
    pulls = {pull.memory: pull for pull in found.pulls}
    heavy = sorted(found.points, key=lambda one: (not one.pinned, -one.mass, one.memory))
    important = list(pulls) if asked else [one.memory for one in heavy]
    height = max(12, min(shutil.get_terminal_size().lines - 4, width // 4))
    drawing = memory_map.draw(
        found.points, found.links, important[:LEGEND], width=width, height=height, unicode=unicode
    )
    lines = [*drawing.lines, "", memory_map.legend(unicode=unicode)]
    if asked and not pulls:
        lines.append("nothing falls into these words")
    for id, name in drawing.names.items():
        value = pulls[id].strength if asked else points[id].mass
        said = (
            f"{name}  {value:.2f}  {id[: memory_lines.SHORT_ID]}  {texts.one_line(points[id].text)}"
        )
        lines.append(texts.fit(said, width))
    seen = len(found.points) - drawing.hidden
    if seen < found.total:
        more = len(found.points) < min(found.total, MAP_LIMIT)
        how = "-n N shows more of them" if more else "there is no room for the others"
        lines.append(f"{seen} of {memory_lines.counted(found.total)}; {how}")
    return lines
