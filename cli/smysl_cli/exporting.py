"""`smysl export` and `smysl sessions import`: a session as a file, and back.

Knows files and frames; never what is in them.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from smysl_cli import asking, output, tree
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.options import Branch, Json, SessionId
from smysl_daemon import protocol
from smysl_daemon.protocol import ExportPart, Format, ImportTaken, SessionChanged

PART_BYTES = 1 << 20
IMPORT_LIMIT = 64 << 20
"""The daemon's limit, checked here too so that nothing is sent in vain."""

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Instead of standard output, which is -."),
]


def export(
    session: SessionId = "@last",
    format: Annotated[
        Format, typer.Option("--format", "-f", help="json holds everything; the others one branch.")
    ] = "markdown",
    file: Output = None,
    branch: Branch = None,
) -> None:
    """Write a session as Markdown, JSON, a graph or a picture."""
    request = protocol.Export(session=session, branch=branch, format=format)
    parts = []
    with asking.daemon() as client:
        part = asking.expect(client.ask(request), ExportPart)
        parts.append(part.data)
        while part.more:
            part = asking.expect(client.receive(), ExportPart)
            parts.append(part.data)
    data = b"".join(parts)
    if file is None or str(file) == "-":
        output.say_bytes(data)
    else:
        write_file(file, data)


def export_json(session: SessionId = "@last", file: Output = None) -> None:
    """Write a session with everything in it, as JSON."""
    export(session, "json", file)


def write_file(file: Path, data: bytes) -> None:
    """All of it or nothing: what was there stays when the disk is full."""
    try:
        if file.exists() and not file.is_file():
            file.write_bytes(data)  # a pipe or a device
            return
        part = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            with part.open("xb") as out:
                out.write(data)
            if file.exists():
                part.chmod(file.stat().st_mode & 0o777)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror}") from None


def import_session(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="From `smysl sessions export`; - is standard input."),
    ],
    json: Json = False,
) -> None:
    """Take in a session from a file of `export`."""
    data = _read(file)
    with asking.daemon() as client:
        for start in range(0, len(data), PART_BYTES):
            end = start + PART_BYTES
            reply = client.ask(protocol.Import(data=data[start:end], more=end < len(data)))
            if end < len(data):
                asking.expect(reply, ImportTaken)
    taken = asking.expect(reply, SessionChanged)
    if json:
        output.say_json({"session": taken.session, "title": taken.title})
    else:
        output.say(f"session {taken.session[: tree.SHORT_ID]} is here: {taken.title}")


def _read(file: Path) -> bytes:
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(IMPORT_LIMIT + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(IMPORT_LIMIT + 1)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > IMPORT_LIMIT:
        raise UsageError(f"{file} has more than {IMPORT_LIMIT:,} bytes, the limit of an import")
    if not data:
        raise UsageError(f"{file} is empty; `smysl sessions export -o FILE` writes one")
    return data
