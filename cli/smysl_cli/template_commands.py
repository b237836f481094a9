"""`smysl templates ...`: stored prompts with variables.

Knows files and how lists look; what a template means is in `templates`.
"""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from smysl_cli import completing, output, templates, wording
from smysl_cli.diagnostics import CommandFailed, UsageError, note
from smysl_cli.options import Json, Yes
from smysl_daemon.config import find_dirs

group = typer.Typer(help="Stored prompts with variables, for `ask -t`.", no_args_is_help=True)
Name = Annotated[
    str, typer.Argument(metavar="NAME", autocompletion=completing.templates, help="Of a template.")
]
BEGINNING = '''\
# A stored prompt: smysl ask -t {name} TEXT. {{input}} becomes TEXT; another {{variable}} is given by --param
# variable=value or has a default; {{{{ and }}}} are braces.
summary = "one line for lists"
prompt = """
{{input}}
"""

# program = "solve"            # as -p
# schema = "name, age int"     # as --schema
# extract = true               # as -x
# [defaults]
# variable = "value"
# [options]                    # as -o
# samples = 8
'''


@group.command("list")
def list_templates(json: Json = False) -> None:
    """The templates that there are; a mistake in one is named."""
    config = find_dirs().config
    found = []
    for name in templates.names(config):
        try:
            one = templates.load(config, name)
        except (CommandFailed, UsageError) as error:
            note(str(error))
            continue
        found.append((name, one))
    if json:
        output.say_json(
            [
                {"name": name, "variables": one.variables, **msgspec.to_builtins(one)}
                for name, one in found
            ]
        )
        return
    rows = [(name, ", ".join(one.variables) or "-", one.summary or "-") for name, one in found]
    where = templates.folder(config)
    output.say_table(
        ("NAME", "VARIABLES", "SUMMARY"),
        rows,
        empty=f"No template in {where}; `smysl templates edit NAME` writes one.",
    )


@group.command("show")
def show(name: Name, json: Json = False) -> None:
    """A template's own text; with --json its fields and variables."""
    config = find_dirs().config
    one = templates.load(config, name)
    if json:
        said = {"name": name, "variables": one.variables, **msgspec.to_builtins(one)}
        output.say_json(said)
    else:
        output.say(templates.file_of(config, name).read_text(encoding="utf-8").rstrip("\n"))


@group.command("edit")
def edit(name: Name) -> None:
    """Write or change a template: in $VISUAL or $EDITOR, or from standard input. What has a mistake
    becomes no template; what was typed is there the next time."""
    config = find_dirs().config
    path = templates.file_of(config, name)
    piped = wording.given(None, "standard input") if not _at_terminal() else None
    if piped is not None:
        text = piped + "\n"
        templates.parsed(text, path)
    else:
        text = _typed(name, path)
    _keep(path, text)
    templates.draft_of(path).unlink(missing_ok=True)
    output.say(str(path))


def _typed(name: str, path: Path) -> str:
    """What a person leaves in their editor, a draft first if one was left there. Raises `CommandFailed` for a
    mistake, with the text kept as a draft."""
    draft = templates.draft_of(path)
    before = next((one for one in (draft, path) if one.is_file()), None)
    if before == draft:
        note(f"this goes on with {draft}, which was left with a mistake")
    text = before.read_text(encoding="utf-8") if before else ""
    text = wording.edited(
        (text or BEGINNING.format(name=name)).rstrip("\n"), "it on standard input"
    )
    try:
        templates.parsed(text, path)
    except CommandFailed as error:
        _keep(draft, text)
        raise CommandFailed(
            f"{error}; what you typed is in {draft}, `smysl templates edit {name}` goes on with it"
        ) from None
    return text


@group.command("delete")
def delete(name: Name, yes: Yes = False) -> None:
    """Delete a template for good: asks unless --yes."""
    config = find_dirs().config
    path = templates.file_of(config, name)
    draft = templates.draft_of(path)
    if not path.is_file() and not draft.is_file():
        templates.load(config, name)  # says what there is
    if not yes:
        if not _at_terminal():
            raise UsageError(f"template {name} would be deleted for good; say --yes to do it")
        typer.confirm(f"Delete template {name} for good?", abort=True, err=True)
    try:
        path.unlink(missing_ok=True)
        draft.unlink(missing_ok=True)
    except OSError as error:
        raise CommandFailed(f"cannot delete {path}: {error.strerror}") from None
    output.say(f"template {name} deleted")


def _keep(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise CommandFailed(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
