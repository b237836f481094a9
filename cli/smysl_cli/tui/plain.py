"""`smysl tui --plain`: the same work line by line, for screen readers and plain terminals.

A line is a question to the session that is open; one that begins with `/` is a command of
`smysl`, for which the open session is filled in. Nothing is drawn over, nothing moves.
"""

import shlex
from collections.abc import Sequence
from typing import TextIO

import typer

from smysl_cli import asking, diagnostics, live, output
from smysl_cli.dispatch import run
from smysl_cli.following import Following, Manner, conclude
from smysl_cli.tree import SHORT_ID
from smysl_daemon.errors import DaemonError
from smysl_daemon.protocol import Run

HELP = """\
A line is a question. The first begins a session, later ones go on with it.
/show              the thoughts of this session, with the ids that the next commands take
/show NODE         one thought whole            /why NODE    what it rests on
/edit NODE --text "48 / 2"                      /inject NODE "a note"
/derive            make anew what is stale      /derive --preview says its cost
/fork NODE --name N, /branches, /switch N, /diff A B, /undo, /redo, /pin NODE, /retry NODE
/memory search WORDS, /memory list, /memory show ID, /memory add TEXT, /memory pin ID, ...
/export -o FILE, /search WORDS, /sessions list, and every other command of smysl
/open ID           go on with another session   /new         begin a new one
/program NAME      how to reason                /quit        or Ctrl-D
Ctrl-C stops an answer."""
_OF_SESSION = frozenset(
    ("show", "derive", "undo", "redo", "branches", "export")
    + ("pause", "resume", "cancel", "finish")
)
"""Commands that mean the last session where none is named: here, the open one."""


class Talk:
    def __init__(self) -> None:
        self._session: str | None = None
        self._branch: str | None = None
        self._program = "solve"

    def open(self, id: str, branch: str | None = None) -> None:
        """Go on with a session."""
        with asking.daemon() as client:
            view, nodes = asking.session(client, id, branch)
        self._session, self._branch = view.id, branch
        output.say(f"session {view.id[:SHORT_ID]}, {len(nodes)} thoughts: {view.title}")

    def take(self, line: str) -> bool:
        """Do what a line says; False when it ends the conversation."""
        try:
            if not line.startswith("/"):
                self._ask(line)
                return True
            return self._command(shlex.split(line[1:]))
        except ValueError as error:  # a quote that is not closed
            diagnostics.fail(diagnostics.UsageError(f"{error}: {line}"))
        except (DaemonError, diagnostics.CommandFailed, OSError) as error:
            diagnostics.fail(error)
        except typer.Exit:
            pass  # an answer was printed; its code is for scripts
        return True

    def _ask(self, question: str) -> None:
        manner = Manner(verbose=True)
        with asking.daemon() as client:
            display = live.Lines(diagnostics.stream(), details=True)
            following = Following(client, display, json_lines=False)
            request = Run(
                question=question,
                program=self._program,
                session=self._session,
                branch=self._branch if self._session is not None else None,
            )
            end, result = following.run(request)
        self._session = result.session
        raise conclude(end, result, manner, interrupted=following.interrupted)

    def _command(self, words: Sequence[str]) -> bool:
        match list(words):
            case [] | ["help" | "?"]:
                output.say(HELP)
            case ["quit" | "exit" | "bye"]:
                return False
            case ["new"]:
                self._session = self._branch = None
                output.say("the next question begins a session")
            case ["open", id]:
                self.open(id)
            case ["program", name]:
                self._program = name
            case ["tui", *_]:
                raise diagnostics.UsageError("/tui is where you are")
            case filled:
                run(self._filled(filled))
        return True

    def _filled(self, words: list[str]) -> list[str]:
        """A command of `smysl` with the open session where it would take the last one."""
        verb, rest = words[0], words[1:]
        if self._session is None:
            return words
        if verb in _OF_SESSION and not any(not word.startswith("-") for word in rest[:1]):
            return [verb, self._session, *rest]
        if verb == "switch" and len(rest) == 1:
            return [*words, self._session]
        if verb == "diff" and len(rest) == 2:
            return [*words, "--session", self._session]
        return words


def talk(lines: TextIO, session: str | None, branch: str | None) -> None:
    """Until the lines end or one says so."""
    conversation = Talk()
    if session is not None:
        conversation.open(session, branch)
    terminal = lines.isatty()
    if terminal:
        output.say("smysl, line by line. /help says what there is.")
    while True:
        try:
            line = input("smysl> ") if terminal else lines.readline()
            if not terminal and not line:
                return
            if line.strip() and not conversation.take(line.strip()):
                return
        except EOFError:
            return
        except KeyboardInterrupt:
            output.say("")
