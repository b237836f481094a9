"""The manual page, from the commands themselves: `python -m smysl_cli.manual` writes smysl(1) as roff.

Pure but for `main`: knows the command tree's names and help texts, and man(7); the build calls it.
"""

import sys
from collections.abc import Iterator
from typing import Any

import typer

from smysl_cli.exits import Exit
from smysl_daemon.version import VERSION

ENVIRONMENT = (
    ("SMYSL_CONFIG_DIR, SMYSL_DATA_DIR, SMYSL_CACHE_DIR, SMYSL_RUNTIME_DIR", "Move the folders."),
    ("SMYSL_MODELS_DIR", "The folder with models, instead of the one that was installed."),
    ("SMYSL_DEBUG", "Set to 1: show where an unexpected error came from."),
    ("NO_COLOR", "Set to anything: no colours."),
    ("VISUAL, EDITOR", "The editor of smysl edit, smysl memory edit and smysl templates edit."),
)
FILES = (
    ("~/.config/smysl/config.toml", "Settings; smysl config set changes them."),
    ("~/.config/smysl/{programs,modules,templates}/", "Yours, one TOML file each."),
    ("~/.local/share/smysl/", "Sessions, engines, the daemon's log."),
    ("~/.cache/smysl/", "What may be deleted at any time."),
)
EXAMPLES = (
    ('smysl "A farmer has 3 dogs and 2 hens. How many legs?"', "Ask."),
    ('cat story.txt | smysl "How many apples are left?"', "Standard input is the context."),
    ("smysl show", "The last session's thoughts, with their ids."),
    ('smysl edit NODE --text "3 * 4" && smysl derive', "Correct one; derive what rests on it."),
    ('smysl memory add "A box holds 12 eggs."', "Keep it for later sessions."),
    ('smysl --recall 1 "How many eggs are in 4 boxes?"', "Ask with what was kept."),
)


def page(app: typer.Typer) -> str:
    """The whole page."""
    tree = typer.main.get_command(app)
    lines = [
        f'.TH SMYSL 1 "" "smysl {VERSION}" "User Commands"',
        ".SH NAME",
        "smysl \\- a local reasoning runtime",
        ".SH SYNOPSIS",
        *_synopsis("smysl", "[ask] [OPTIONS] TEXT"),
        ".br",
        *_synopsis("smysl", "COMMAND ..."),
        ".SH DESCRIPTION",
        _text(
            "A question becomes a graph of typed thoughts, made by a reasoning program and a compiled model "
            "on this machine. Thoughts can be looked at, corrected and derived again; only what rests on a "
            "change is made anew. The answer is the only thing on standard output. Standard input, when it "
            "is no terminal, is the context of TEXT, or the question where there is no TEXT."
        ),
        ".SH COMMANDS",
    ]
    for words, command in commands(tree):
        lines += _command(words, command)
    lines += [".SH EXIT STATUS"]
    for code in Exit:
        lines += _item(f".B {code.value}", _EXITS[code])
    for title, items in (("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES), ("EXAMPLES", EXAMPLES)):
        lines.append(f".SH {title}")
        for name, said in items:
            lines += _item(f".B {_quoted(name)}", said)
    lines += [".SH SEE ALSO", ".BR systemctl (1),", ".BR journalctl (1)"]
    return "\n".join(lines) + "\n"


_EXITS = {
    Exit.OK: "An answer was given, verified or not; or what was asked for was done.",
    Exit.ERROR: "Something failed; the line on standard error says what.",
    Exit.USAGE: "The command or its input can never work as given.",
    Exit.NOT_VERIFIED: "Verification failed: not confident.",
    Exit.BUDGET: "The budget was spent before an answer.",
    Exit.GATE: "An evaluation gate failed.",
    Exit.UNREACHABLE: "No daemon answers and none could be started.",
    Exit.BUSY: "The daemon is full or stopping, or the run was cancelled: try again.",
    Exit.INTERRUPTED: "Ctrl-C.",
}


def commands(tree: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command with the words that call it, in the order of `--help`."""
    for name in tree.commands:
        one = tree.commands[name]
        if one.hidden:
            continue
        if hasattr(one, "commands"):
            if one.invoke_without_command:
                yield (*words, name), one
            yield from commands(one, (*words, name))
        else:
            yield (*words, name), one


def _command(words: tuple[str, ...], command: Any) -> list[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    said = " ".join(_metavar(one) for one in arguments)
    lines = [f".SS {_quoted(' '.join(('smysl', *words)))}"]
    lines += _synopsis(
        " ".join(("smysl", *words)), " ".join(filter(None, ("[OPTIONS]" * bool(options), said)))
    )
    if command.help:
        lines += [".PP", _text(" ".join(command.help.split()))]
    for one in arguments:
        if getattr(one, "help", None):
            lines += _item(f".I {_quoted(_metavar(one))}", one.help)
    for one in options:
        lines += _item(f".B {_quoted(_option(one))}", one.help or "")
    return lines


def _metavar(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    plain = argument.required or name.startswith("[")
    return name if plain else f"[{name}]"


def _option(option: Any) -> str:
    flags = ", ".join((*option.opts, *option.secondary_opts))
    if option.is_flag:
        return flags
    return f"{flags} {option.metavar or option.type.name.upper()}"


def _synopsis(name: str, rest: str) -> list[str]:
    return [f".B {_quoted(name)}", *([_text(rest)] if rest else [])]


def _item(name: str, said: str) -> list[str]:
    return [".TP", name, _text(" ".join(said.split()))]


def _text(text: str) -> str:
    """One line of running text, with nothing that roff would take for an order."""
    escaped = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    )
    escaped = escaped.replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{escaped}" if escaped.startswith(".") or not escaped else escaped


def _quoted(text: str) -> str:
    """A macro's argument."""
    return '"' + _text(text).replace('"', "\\(dq") + '"'


def main() -> None:
    """Write the page to standard output."""
    from smysl_cli.commands import app  # the whole tree: for the build, not for who imports `page`

    sys.stdout.write(page(app))


if __name__ == "__main__":
    main()
