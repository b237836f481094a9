"""`smysl tui`: opens the terminal UI, or its plain form for screen readers and dumb terminals.

Loads Textual only when it is about to be drawn.
"""

import gc
import os
import sys
from typing import Annotated

from smysl_cli.declared import Flag, Words
from smysl_cli.diagnostics import UsageError
from smysl_cli.exits import Exit
from smysl_daemon.config import find_dirs


def tui(
    words: Annotated[
        list[str] | None,
        Words("[ID]", help="A session or node, the beginning of its id, @last."),
    ] = None,
    resume: Annotated[bool, Flag(("--continue", "-c"), help="Open the last session.")] = False,
    branch: Annotated[
        str | None,
        Flag(
            ("--branch", "-b"),
            metavar="NAME",
            help="Instead of the current one.",
            offers="branches",
        ),
    ] = None,
    plain: Annotated[
        bool, Flag(("--plain",), help="Line by line: for screen readers and plain terminals.")
    ] = False,
) -> int:
    """Walk, edit and fork thoughts in the terminal."""
    if words and len(words) > 1:
        raise UsageError(f"one session is opened, not {len(words)} ({' '.join(words)})")
    session = words[0] if words else None
    if resume and session is not None:
        raise UsageError("-c and an id contradict each other; choose one")
    opened = "@last" if resume else session
    if branch is not None and opened is None:
        raise UsageError("-b names a branch of a session; say which one, or -c")
    if plain:
        from smysl_cli.tui.plain import talk

        talk(sys.stdin, opened, branch)
        return Exit.OK
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise UsageError("the terminal UI needs a terminal; `smysl tui --plain` goes without one")
    gc.disable()  # an eighth of the start; the app turns it on when it is drawn
    from smysl_cli.tui.settings import load_settings

    dirs = find_dirs()
    settings = load_settings(dirs)
    from smysl_cli.tui.app import SmyslApp  # Textual: 0.2 s that no other command pays

    SmyslApp(dirs, settings, session=opened, branch=branch).run()
    return Exit.OK
