"""`smysl memory ...`: the verbs about what outlives sessions, and those that change it.

Knows requests and how their outcome is told; never what becomes stale or why.
"""

import sys
from typing import Annotated

import typer

from smysl_cli import (
    asking,
    completing,
    diagnostics,
    memory_adding,
    memory_lines,
    memory_looking,
    output,
    wording,
)
from smysl_cli import text as texts
from smysl_cli.deriving import say_elsewhere
from smysl_cli.diagnostics import UsageError
from smysl_cli.options import Json, MemoryId, Yes
from smysl_daemon.client import Client
from smysl_daemon.memory_protocol import (
    CutMemories,
    EditMemory,
    ForgetMemory,
    LinkMemories,
    MemoryChange,
    MemoryChanged,
    MuteMemory,
    PinMemory,
)

memory = typer.Typer(
    help="What outlives sessions: texts that fall into questions (`smysl ask --recall N`).",
    no_args_is_help=True,
)
Other = Annotated[
    str,
    typer.Argument(
        metavar="OTHER", help="Another memory's id.", autocompletion=completing.memories
    ),
]


def edit(
    memory: MemoryId,
    text: Annotated[
        str | None,
        typer.Option("--text", "-t", metavar="T", help="Instead of standard input or $EDITOR."),
    ] = None,
    json: Json = False,
) -> None:
    """Say something else in a memory's place. What rests on it becomes stale."""
    with asking.daemon() as client:
        said = wording.given(text)
        if said is None:
            shown = memory_looking.shown(client, memory).memory
            memory = shown.id
            said = wording.checked(wording.edited(shown.text), "as the editor left it")
            if said == shown.text.strip():
                diagnostics.note("the text is as it was; nothing changed")
                return
        _tell(_changed(client, EditMemory(memory=memory, text=said)), json)


def pin(memory: MemoryId, json: Json = False) -> None:
    """Keep a memory heavy: it falls into every question that recalls."""
    _change(PinMemory(memory=memory, on=True), json)


def unpin(memory: MemoryId, json: Json = False) -> None:
    """Let a pinned memory get lighter again."""
    _change(PinMemory(memory=memory, on=False), json)


def mute(memory: MemoryId, json: Json = False) -> None:
    """Keep a memory out of every question; nothing falls through it."""
    _change(MuteMemory(memory=memory, on=True), json)


def unmute(memory: MemoryId, json: Json = False) -> None:
    """Let a muted memory fall again."""
    _change(MuteMemory(memory=memory, on=False), json)


def link(
    memory: MemoryId,
    other: Other,
    weight: Annotated[
        float, typer.Option("--weight", "-w", metavar="W", help="Over 0, at most 1.")
    ] = 1.0,
    json: Json = False,
) -> None:
    """Link two memories, or give their link another weight."""
    if not 0 < weight <= 1:
        raise UsageError(
            f"--weight {weight:g} is out of range; use more than 0 and at most 1 (`cut` takes a link away)"
        )
    _change(LinkMemories(a=memory, b=other, weight=weight), json)


def cut(memory: MemoryId, other: Other, json: Json = False) -> None:
    """Cut the link of two memories: nothing falls along it, and nothing makes it again but `link`."""
    _change(CutMemories(a=memory, b=other), json)


def forget(memory: MemoryId, yes: Yes = False, json: Json = False) -> None:
    """Remove a memory for good, with its links. Sessions that used it keep their copy."""
    with asking.daemon() as client:
        shown = memory_looking.shown(client, memory)
        if not yes:
            words = texts.fit(texts.one_line(shown.memory.text), 40)
            said = f"{shown.memory.id[: memory_lines.SHORT_ID]} ({words})"
            if sys.stdin is None or not sys.stdin.isatty():
                raise UsageError(f"memory {said} would be forgotten for good; say --yes to do it")
            diagnostics.note(memory_lines.copies(shown))
            typer.confirm(f"Forget memory {said} for good?", abort=True, err=True)
        done = _changed(client, ForgetMemory(memory=shown.memory.id))
        if not (json or not shown.uses):
            diagnostics.note(memory_lines.copies(shown))
        _tell(done, json)


def _change(request: MemoryChange, json: bool) -> None:
    with asking.daemon() as client:
        _tell(_changed(client, request), json)


def _changed(client: Client, request: MemoryChange) -> MemoryChanged:
    return asking.expect(client.ask(request), MemoryChanged)


def _tell(done: MemoryChanged, json: bool) -> None:
    if json:
        output.say_json({"memory": done.memory, "label": done.label, "stale": done.stale})
        return
    output.say(texts.fit(texts.one_line(done.label), memory_lines.columns()))
    say_elsewhere(done.stale)


memory.command("add")(memory_adding.add)
memory.command("import")(memory_adding.import_files)
memory.command("search")(memory_looking.search)
memory.command("list")(memory_looking.list_memories)
memory.command("show")(memory_looking.show)
memory.command("map")(memory_looking.show_map)
for _command in (edit, pin, unpin, mute, unmute, link, cut, forget):
    memory.command()(_command)
