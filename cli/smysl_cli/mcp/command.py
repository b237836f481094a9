"""`smysl mcp`: starts the server, or says how to install what it needs.

Knows the extra's name; the tools are in `server`.
"""

import os
import sys

from smysl_cli import diagnostics
from smysl_cli.diagnostics import CommandFailed
from smysl_cli.exits import Exit

EXTRA = "smysl[mcp]"


def mcp() -> None:
    """Serve the Model Context Protocol on standard input and output, for assistants and editors: run
    programs, look at thoughts, edit them and derive again."""
    if sys.stdin is not None and sys.stdin.isatty():
        diagnostics.note("this speaks JSON-RPC with a program, not with people; Ctrl-D ends it")
    try:
        # pydantic and more: over a second, for this command alone
        from smysl_cli.mcp.server import serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("mcp", "mcp_types", "pydantic"):
            raise
        raise CommandFailed(
            f"`smysl mcp` needs the Python package `mcp`: pip install '{EXTRA}' "
            f"(or, with pipx, `pipx inject smysl mcp`; no module {error.name!r})"
        ) from None
    try:
        serve()
    except* BrokenPipeError:
        # the client is gone: nobody is left to serve, and nothing to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.OK)
