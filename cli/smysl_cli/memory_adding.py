"""`smysl memory add` and `import`: a text, or what files say, kept beyond sessions.

Knows pieces of text and requests; never how a memory is found again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from smysl_cli import (
    asking,
    completing,
    diagnostics,
    memory_lines,
    memory_looking,
    output,
    pieces,
    wording,
)
from smysl_cli import text as texts
from smysl_cli.diagnostics import UsageError
from smysl_cli.options import Json
from smysl_daemon.client import Client
from smysl_daemon.memory_protocol import (
    AddMemories,
    LinkMemories,
    MemoriesAdded,
    MemoryChanged,
)

BATCH = 100
"""Texts of one request of an import: each is kept whole before the next is sent."""
BATCH_BYTES = 1 << 20
NAME_WIDTH = 60
"""Columns of the longest name of a file."""


def add(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT", help="What to remember; without it, standard input or $EDITOR."
        ),
    ] = None,
    link: Annotated[
        list[str] | None,
        typer.Option(
            "--link",
            metavar="ID",
            help="Link it to this memory; may be repeated.",
            autocompletion=completing.memories,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Remember a text."""
    said = wording.given(" ".join(text) if text else None, "TEXT")
    if said is None:
        said = wording.checked(wording.edited("", "TEXT"), "as the editor left it")
    with asking.daemon() as client:
        # a mistyped id must not leave a memory without its link
        others = [memory_looking.shown(client, one).memory for one in link or []]
        reply = asking.expect(client.ask(AddMemories(texts=(said,))), MemoriesAdded)
        known = not reply.added
        id = reply.known[0] if known else reply.added[0].id
        for one in others:
            asking.expect(client.ask(LinkMemories(a=id, b=one.id)), MemoryChanged)
        shown = memory_looking.shown(client, id)
    if json:
        output.say_json({"memory": shown.memory, "known": known, "links": shown.links})
        return
    output.say(f"memory {id[: memory_lines.SHORT_ID]} {'was there already' if known else 'added'}")
    for line in memory_lines.linked(shown, memory_lines.columns() - 2, cut=False):
        output.say(f"  {line}")


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help='Text or Markdown, or .jsonl with {"text": ...} a line; - is standard input.',
        ),
    ],
    json: Json = False,
) -> None:
    """Remember what files say, a paragraph each, in their order."""
    every = [(file, pieces.of_file(file)) for file in files]
    for file, found in every:
        if not found:
            raise UsageError(f"{_name(file)} says nothing; a file holds paragraphs of text")
    told = []
    with asking.daemon() as client:
        for file, found in every:
            added, known = _imported(client, _name(file), found)
            told.append({"file": str(file), "added": added, "known": known})
            if not json:
                was = f", {len(known)} known before" if known else ""
                output.say(f"{_name(file)}: {memory_lines.counted(len(added))} added{was}")
    if json:
        output.say_json(told)


def _imported(client: Client, name: str, found: Sequence[str]) -> tuple[list[str], list[str]]:
    """Ids of what was added and of what was known. What was announced is kept, whatever happens then."""
    added: list[str] = []
    known: list[str] = []
    sent = 0
    try:
        while sent < len(found):
            batch = _batch(found[sent:])
            # the last text of the batch before holds both together; it is known by now
            before = found[sent - 1 : sent] if sent else []
            request = AddMemories(texts=(*before, *batch), source=f"import {name}")
            reply = asking.expect(client.ask(request), MemoriesAdded)
            added += [one.id for one in reply.added]
            known += reply.known[len(before) :]
            sent += len(batch)
            diagnostics.progress(f"{name}: {sent:,} of {len(found):,}")
    finally:
        diagnostics.progress("")
        if 0 < sent < len(found):
            diagnostics.note(
                f"{name}: the first {sent:,} of {len(found):,} pieces are kept; import the file again for "
                "the rest"
            )
    return added, known


def _batch(found: Sequence[str]) -> list[str]:
    """The first texts, as many as one request takes well; one at least."""
    size = 0
    for place, text in enumerate(found[:BATCH]):
        size += len(text.encode())
        if place and size > BATCH_BYTES:
            return list(found[:place])
    return list(found[:BATCH])


def _name(file: Path) -> str:
    """As people and sources call it."""
    if str(file) == "-":
        return "standard input"
    return texts.fit(texts.one_line(file.name), NAME_WIDTH)
