"""`smysl answer`: what a run asks is answered from another terminal.

Knows one request; never what a run does with an answer.
"""

import sys
from typing import Annotated

import typer

from smysl_cli import asking, output, tree
from smysl_cli.diagnostics import UsageError
from smysl_cli.options import Json
from smysl_cli.question import read_piped
from smysl_cli.wording import checked
from smysl_daemon.protocol import Answer, Answered


def answer(
    node: Annotated[
        str, typer.Argument(metavar="NODE", help="The question's id, or its beginning.")
    ],
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="The answer; standard input without it."),
    ] = None,
    json: Json = False,
) -> None:
    """Answer what a run asks you; it waits until then."""
    where, said = "TEXT", " ".join(text or [])
    if not text and sys.stdin is not None and not sys.stdin.isatty():
        where, said = "standard input", read_piped(sys.stdin.buffer)
    if not said.strip():
        raise UsageError(f"the answer is empty ({where}); say something")
    reply = asking.ask(Answer(node=node, text=checked(said, where)), Answered)
    if json:
        output.say_json({"session": reply.session})
    else:
        output.say(f"session {reply.session[: tree.SHORT_ID]} goes on")
