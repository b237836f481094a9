"""`smysl programs`: what there is, what is in it, and writing one's own.

Knows replies, files and how they look; what makes a program sound is the daemon's business.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from smysl_cli import asking, diagnostics, output
from smysl_cli import text as texts
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.options import Json
from smysl_daemon.client import connect
from smysl_daemon.config import find_dirs
from smysl_daemon.errors import Unreachable
from smysl_daemon.protocol import (
    PROGRAMS_LIMIT_BYTES,
    CheckPrograms,
    GetProgram,
    GetProgramSchema,
    ListModules,
    ListPrograms,
    ModuleList,
    ProgramFile,
    ProgramList,
    ProgramsChecked,
    ProgramSchema,
    ProgramShown,
)
from smysl_daemon.shapes import CheckedView, ModuleView, OptionView, PortView

programs = typer.Typer(help="Ways of reasoning.", no_args_is_help=True)

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""The daemon's rule, needed here for the name of a file that is yet to be."""
WIDTH = 80
Name = Annotated[str, typer.Argument(metavar="NAME", help="As in `smysl programs list`.")]


@programs.command("list")
def list_programs(json: Json = False) -> None:
    """The programs that -p takes."""
    reply = asking.ask(ListPrograms(), ProgramList)
    for problem in reply.problems:
        diagnostics.note(f"left out: {problem}")
    if json:
        output.say_json(reply.programs)
        return
    rows = [(one.name, texts.one_line(one.summary), one.source) for one in reply.programs]
    output.say_table(("NAME", "SUMMARY", "SOURCE"), rows, empty="There is no program.")


@programs.command("show")
def show_program(name: Name, json: Json = False) -> None:
    """A program's own text; with --json, its options and steps as well."""
    program = asking.ask(GetProgram(name=name), ProgramShown).program
    if json:
        output.say_json(program)
    else:
        output.say(program.text.rstrip("\n"))


@programs.command("check")
def check_programs(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Program files; they may use each other."),
    ],
    json: Json = False,
) -> None:
    """Look for mistakes in program files, by the rules they run under."""
    request = CheckPrograms(files=tuple(_read(files)))
    found = asking.ask(request, ProgramsChecked).files
    if json:
        output.say_json([_checked(one) for one in found])
    broken = [one for one in found if one.problem is not None]
    for one in found:
        if one.problem is not None:
            diagnostics.note(one.problem)
            continue
        if not json:
            output.say(_sound(one))
        if one.warning is not None:
            diagnostics.note(f"{one.file} is sound, but cannot run here: {one.warning}")
    if broken:
        count = f"{len(broken)} of {len(found)} files" if len(found) > 1 else "the file"
        raise UsageError(f"{count} cannot be used as a program")


def _read(files: Sequence[Path]) -> Iterator[ProgramFile]:
    left = PROGRAMS_LIMIT_BYTES
    for file in files:
        try:
            with file.open("rb") as opened:
                data = opened.read(left + 1)
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from None
        left -= len(data)
        if left < 0:
            raise UsageError(
                f"{file}: program files may have {PROGRAMS_LIMIT_BYTES:,} bytes together; "
                "check fewer at once"
            )
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise UsageError(f"{file} is not UTF-8 text (position {error.start})") from None
        yield ProgramFile(name=file.name.removesuffix(".toml"), file=str(file), text=text)


def _checked(one: CheckedView) -> dict[str, object]:
    return {"sound": one.problem is None, **msgspec.to_builtins(one)}


def _sound(one: CheckedView) -> str:
    assert one.program is not None
    program = one.program
    count = len(program.steps)
    asked = "" if program.runnable else "; a part of other programs, not for questions"
    return f"{one.file}: sound, {count} step{'s' * (count != 1)}, gives {_a(program.gives)}{asked}"


def _a(type: str) -> str:
    return f"{'an' if type[:1] in 'aeiou' else 'a'} {type}"


@programs.command("new")
def new_program(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Small letters, digits, - and _ for it.")
    ],
) -> None:
    """Write a program to start from, with comments, into the config folder."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a program; use up to 40 small letters, digits, - and _, "
            "a letter first"
        )
    dirs = find_dirs()
    _require_free(name)
    file = dirs.config / "programs" / f"{name}.toml"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(starter(name))
    except FileExistsError:
        raise UsageError(f"{file} is there already; edit it, or choose another name") from None
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror}") from None
    output.say(str(file))
    diagnostics.note(f"edit it, then: smysl programs check {file}; smysl ask -p {name} ...")


def _require_free(name: str) -> None:
    """Raise `UsageError` where a file of this name would take a program's place unasked."""
    try:
        # a daemon is worth asking, not worth starting: the file is made without one
        with connect(find_dirs(), start=False) as client:
            known = asking.expect(client.ask(ListPrograms()), ProgramList).programs
    except Unreachable:
        return
    for one in known:
        if one.name == name:
            raise UsageError(
                f"there is a program {name!r} already ({one.source}); choose another name, or copy "
                f"it: smysl programs show {name} > FILE"
            )


@programs.command("schema")
def schema() -> None:
    """Print the JSON schema of program files, for editors."""
    output.say_json(asking.ask(GetProgramSchema(), ProgramSchema).schema)


@programs.command("modules")
def list_modules(json: Json = False) -> None:
    """The modules that steps use: what they take, give and can be told."""
    reply = asking.ask(ListModules(), ModuleList)
    if json:
        output.say_json(reply.modules)
        return
    output.say("\n\n".join("\n".join(_module(one)) for one in reply.modules))


def _module(one: ModuleView) -> list[str]:
    takes = ", ".join(_port(name, port) for name, port in one.inputs.items()) or "nothing"
    lines = [f"{one.name}@{one.version}  {texts.one_line(one.summary)}"]
    lines.append(f"{takes} -> {one.gives}")
    lines += [f"{name} = {_option(option)}" for name, option in one.options.items()]
    lines.append(f"models: {', '.join(one.dialects)}")
    return [
        part
        for place, line in enumerate(lines)
        for part in textwrap.wrap(
            line,
            WIDTH,
            initial_indent="    " * bool(place),
            subsequent_indent="      ",
            break_on_hyphens=False,
        )
    ]


def _port(name: str, port: PortView) -> str:
    said = f"{name}{'?' * port.optional}"
    type = port.type + "*" * (port.many and not port.type.endswith("*"))
    return said if type == name else f"{said}: {type}"


def _option(option: OptionView) -> str:
    said = msgspec.json.encode(option.default).decode()
    limits = [
        f"{word} {value:g}"
        for word, value in (("from", option.minimum), ("to", option.maximum))
        if value is not None
    ]
    if limits:
        said += f" ({' '.join(limits)})"
    return f"{said}  {texts.one_line(option.help)}".rstrip()


def starter(name: str) -> str:
    """A program that runs as it is, with a comment at everything that one would change."""
    return _STARTER.replace("NAME", name)


_STARTER = """\
# A program of yours: `smysl ask -p NAME TEXT` runs it, `smysl explain NAME TEXT` says what it
# costs, `smysl programs check THIS_FILE` looks for mistakes. What is saved here counts at once.
#
# An editor that knows TOML completes names after: smysl programs schema > program.schema.json
#:schema ./program.schema.json

name = "NAME"                   # as the file is called
summary = "several independent derivations; the majority answers"
# source = "the paper or page that the idea is from"

# What `-o samples 8` changes. The type of the default is the type of the option.
[options.samples]
default = 4
minimum = 1
maximum = 16
help = "derivations"

# Steps wait for what they name in `inputs`, and for nothing else: those that do not wait for each
# other run side by side. `smysl programs modules` says what there is to use.
[[step]]
name = "derivations"
module = "candidate"
inputs = { question = "question" }      # `question` is there before any step
options = { temperature = 0.7 }         # of the module: a value, or "$samples" for an option above
branches = "$samples"                   # side by side, each with a seed of its own
# budget = { tokens = 2000 }            # or calls, or seconds; then the step ends with what it has

[[step]]
name = "majority"
module = "vote"
inputs = { others = "derivations" }

[[step]]
name = "checked"
module = "check"
inputs = { choice = "majority" }
# when = "majority.agreement < 1"       # only if; what a step gives has fields to ask for

[[step]]
name = "verdict"
module = "verify"
inputs = { choice = "majority", check = "checked" }

# The last step of a program that is asked gives the outcome.
[[step]]
name = "answer"
module = "answer"
inputs = { choice = "majority", verdict = "verdict" }
"""
