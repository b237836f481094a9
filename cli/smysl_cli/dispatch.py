"""From words to an exit code: picks the command, and turns every end of it into a code.

Knows verbs and errors; never what a command does.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from smysl_cli import diagnostics, external
from smysl_cli.arguments import completed_as_asked, with_pairs, with_verb
from smysl_cli.exits import Exit

if TYPE_CHECKING:
    import typer

APP_SETTINGS: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
VERBS = (
    *(
        "ask",
        "answer",
        "explain",
        "tui",
        "show",
        "sessions",
        "memory",
        "programs",
        "templates",
        "logs",
        "models",
        "engines",
        "daemon",
        "service",
        "config",
        "dirs",
        "doctor",
        "mcp",
    ),
    *("edit", "inject", "delete", "pin", "unpin", "retry", "merge", "derive", "undo", "redo"),
    *("fork", "branches", "switch", "diff", "why", "search", "export"),
    *("pause", "resume", "cancel", "finish"),
    *external.PROGRAMS,
)


def run(words: Sequence[str]) -> int:
    """Parse, run, and turn every end into an exit code."""
    try:
        return _run(list(words))
    except KeyboardInterrupt:
        diagnostics.note("interrupted")
        return Exit.INTERRUPTED
    except UnicodeEncodeError:
        # bytes of another encoding among the words: nothing was sent
        return diagnostics.fail(
            diagnostics.UsageError("the words are not UTF-8 text; check the terminal's encoding")
        )
    except Exception as error:
        if diagnostics.foreseen(error):
            return diagnostics.fail(error)
        if hasattr(error, "format_message"):  # the parser's own errors
            return _usage(error, words)
        import typer  # a plain question knows no such end

        if isinstance(error, typer.Abort):
            return Exit.INTERRUPTED
        if os.environ.get("SMYSL_DEBUG"):
            raise
        return diagnostics.fail(
            diagnostics.CommandFailed(
                f"unexpected {type(error).__name__}: {error} (SMYSL_DEBUG=1 shows where)"
            )
        )


def _run(words: list[str]) -> int:
    if "_SMYSL_COMPLETE" not in os.environ:
        if words and words[0] in external.PROGRAMS:
            external.become(words[0], words[1:])
        words = with_verb(words, VERBS, piped=not _stdin_is_terminal())
        if words[0] == "ask":
            return _ask(with_pairs(words[1:]))
        if words[0] == "tui":
            return _tui(words[1:])
        if words[0] == "explain":
            words = with_pairs(words)
    else:
        completed_as_asked(os.environ)
    from smysl_cli.commands import app  # these two do not pay for the other commands

    return _parse(app, words, "smysl")


def _ask(words: list[str]) -> int:
    from smysl_cli.ask import ask

    return _declared(ask, words)


def _tui(words: list[str]) -> int:
    from smysl_cli.tui.command import tui

    return _declared(tui, words)


def _declared(command: Callable[..., int], words: list[str]) -> int:
    from smysl_cli import quick

    values = quick.read(command, words)
    if values is not None:
        return command(**values)
    from smysl_cli.declared import for_typer

    return _alone(for_typer(command), words)


def _alone(command: Callable[..., Any], words: list[str]) -> int:
    import typer  # half of what a client does until it asks

    app = typer.Typer(**APP_SETTINGS)
    app.command()(command)
    return _parse(app, words, f"smysl {command.__name__}")


def _parse(app: "typer.Typer", words: list[str], name: str) -> int:
    import typer

    result = typer.main.get_command(app).main(words, prog_name=name, standalone_mode=False)
    return int(result or Exit.OK)


def _stdin_is_terminal() -> bool:
    return sys.stdin is None or sys.stdin.isatty()


def _usage(error: Exception, words: Sequence[str]) -> int:
    said = str(error.format_message())  # type: ignore[attr-defined]
    if type(error).__name__ == "NoArgsIsHelpError":  # a page and no line
        diagnostics.usage(said)
        return Exit.USAGE
    message = " ".join(said.split())
    if not message:  # help was shown instead of an error
        return Exit.USAGE
    if len(words) > 3 and words[0] in VERBS and "extra argument" in message:
        # "why is the sky blue" begins with a command
        message += f"; to ask it as a question: smysl ask {' '.join(words)!r}"
    diagnostics.fail(diagnostics.UsageError(f"{message} (smysl --help)"))
    return Exit.USAGE
