"""Finds programs: the built-in ones beside this file, those of plug-ins, then those in folders of the user's.

Knows files and names; nothing of runs.
"""

import difflib
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

import msgspec

from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.modules.base import Module
from smysl_reasoning.program import Program, parse

BUILT_IN = "built-in"
PLUGINS = "smysl.programs"
"""Entry point group: each names a package whose `*.toml` files are programs."""


class ProgramInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A program as a list shows it."""

    name: str
    summary: str
    source: str
    """`built-in`, or the file."""


class _File(NamedTuple):
    text: str
    shown: str
    """Where it is, for errors and lists."""
    at: str
    """What errors call it."""


class Library:
    """Programs by name, parsed when they are first asked for. A later folder's program replaces an earlier one's of
    the same name."""

    def __init__(self, modules: Mapping[str, Module], folders: Sequence[Path] = ()) -> None:
        self._modules = modules
        self._files: dict[str, _File] = {}
        self._programs: dict[str, Program] = {}
        self._broken: dict[str, ProgramError] = {}
        self._parsing: list[str] = []
        built_in = _tomls(files("smysl_reasoning") / "programs")
        for file in built_in:
            text = file.read_text(encoding="utf-8")
            self._files[file.name.removesuffix(".toml")] = _File(text, BUILT_IN, file.name)
        for point in entry_points(group=PLUGINS):
            for file in _tomls(files(point.value)):
                self._add(file, f"{point.value}/{file.name}")
        for path in [path for folder in folders for path in sorted(folder.glob("*.toml"))]:
            self._add(path, str(path))

    def get(self, name: str) -> Program:
        """A program that can be asked for. Raises `BadRequest` for an unknown name (with near ones) or a program
        that is a part of others only, and `ProgramError` for a broken file."""
        program = self._find(name)
        if not program.runnable:
            takes = ", ".join(f"{port} ({type})" for port, type in program.inputs.items())
            raise BadRequest(
                f"program {name!r} is a part of others: it takes {takes} and gives a {program.output}; it cannot "
                "be asked a question"
            )
        return program

    def part(self, name: str) -> Program:
        """A program, runnable or a part of others. Raises what `get` raises otherwise."""
        return self._find(name)

    def text(self, name: str) -> str:
        """A program's own words. Raises `BadRequest`."""
        if name not in self._files:
            raise self._unknown(name)
        return self._files[name].text

    def list(self) -> list[ProgramInfo]:
        """Every program that can be asked for, by name."""
        sound = [self._sound(name) for name in sorted(self._files)]
        return [
            ProgramInfo(name=program.name, summary=program.summary, source=program.source)
            for program in sound
            if program is not None and program.runnable
        ]

    def _sound(self, name: str) -> Program | None:
        try:
            return self._find(name)
        except ProgramError:
            return None

    def _find(self, name: str) -> Program:
        if name in self._broken:
            raise self._broken[name]
        if name not in self._files:
            raise self._unknown(name)
        return self._parsed(name)

    def _parsed(self, name: str) -> Program:
        if name in self._programs:
            return self._programs[name]
        file = self._files[name]
        if name in self._parsing:
            circle = " -> ".join([*self._parsing[self._parsing.index(name) :], name])
            raise ProgramError(f"a program that contains itself: {circle}")
        self._parsing.append(name)
        try:
            program = parse(file.text, file.at, self._modules, self._find)
            if program.name != name:
                raise ProgramError(
                    f"{file.at}: the program is named {program.name!r}; name the file so"
                )
        except ProgramError as error:
            if file.shown != BUILT_IN:
                self._broken[name] = error
            raise
        finally:
            self._parsing.pop()
        self._programs[name] = program._replace(source=file.shown)
        return self._programs[name]

    def _add(self, file: Traversable | Path, at: str) -> None:
        name = file.name.removesuffix(".toml")
        self._programs.pop(name, None)
        self._broken.pop(name, None)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._broken[name] = ProgramError(f"{at}: cannot be read: {error}")
            return
        self._files[name] = _File(text, at, at)

    def _unknown(self, name: str) -> BadRequest:
        near = difflib.get_close_matches(name, self._files, n=3, cutoff=0.5)
        hint = (
            f"did you mean {' or '.join(near)}?"
            if near
            else f"there are: {', '.join(sorted(self._files))}"
        )
        return BadRequest(f"there is no program {name[:60]!r}; {hint}")


def _tomls(folder: Traversable) -> list[Traversable]:
    found = [file for file in folder.iterdir() if file.name.endswith(".toml")]
    return sorted(found, key=lambda file: file.name)
