"""Finds programs: the built-in ones beside this file, those of plug-ins, then those in folders of the user's; and the
modules in folders of the user's that they may use.

Knows files and names; nothing of runs.
"""

import copy
import difflib
import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

import msgspec

from smysl_reasoning.checking import parse
from smysl_reasoning.errors import BadRequest, ModuleError, ProgramError
from smysl_reasoning.modules.base import Module
from smysl_reasoning.modules.prompted import load_modules
from smysl_reasoning.program import Program

log = logging.getLogger(__name__)

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


class _Stamp(NamedTuple):
    """A file as far as its folder tells."""

    path: Path
    changed_ns: int
    size: int


class Library:
    """Programs by name, parsed when they are first asked for. A later folder's program replaces an earlier one's of
    the same name, as a folder's module does; what changes in a folder counts from the next time that a program is asked
    for. A module file that cannot be used is logged and left out."""

    def __init__(
        self,
        modules: Mapping[str, Module],
        folders: Sequence[Path] = (),
        module_folders: Sequence[Path] = (),
    ) -> None:
        """`modules`: those that lie in no folder."""
        self._modules = self._fixed_modules = modules
        self._refused: Mapping[str, ModuleError] = {}
        self._files: dict[str, _File] = {}
        self._programs: dict[str, Program] = {}
        self._broken: dict[str, ProgramError] = {}
        self._parsing: list[str] = []
        built_in = _tomls(files("smysl_reasoning") / "programs")
        for file in built_in:
            text = file.read_text(encoding="utf-8")
            self._files[file.name.removesuffix(".toml")] = _File(text, BUILT_IN, file.name)
        for point in entry_points(group=PLUGINS):
            try:
                found = _tomls(files(point.value))
            except Exception as error:  # a plug-in's own code
                what = ProgramError(f"plug-in {point.value}: cannot be loaded: {error}")
                self._broken[f"plug-in {point.name}"] = what
                continue
            for file in found:
                self._add(file, f"{point.value}/{file.name}")
        self._folders, self._module_folders = tuple(folders), tuple(module_folders)
        self._fixed = dict(self._files), dict(self._broken)
        """What lies in no folder."""
        self._seen: tuple[_Stamp, ...] = ()
        self._seen_modules: tuple[_Stamp, ...] = ()
        self.refresh()

    @property
    def modules(self) -> Mapping[str, Module]:
        """Those that steps may use, by name."""
        self.refresh()
        return self._modules

    def refresh(self) -> None:
        """Read the folders again where a file has come, gone or changed."""
        if self._parsing:
            return
        seen, seen_modules = _stamps(self._folders), _stamps(self._module_folders)
        if (seen, seen_modules) == (self._seen, self._seen_modules):
            return
        if seen_modules != self._seen_modules:
            own = load_modules(self._module_folders)
            self._modules, self._refused = {**self._fixed_modules, **own.modules}, own.refused
            for error in own.refused.values():
                log.error("a module was left out: %s", error)
        self._seen, self._seen_modules = seen, seen_modules
        self._files, self._broken = dict(self._fixed[0]), dict(self._fixed[1])
        self._programs.clear()
        for path in [stamp.path for stamp in seen]:
            self._add(path, str(path))

    def having(self, given: Mapping[str, tuple[str, str]]) -> "Library":
        """This library with other files in it, as they would be used. `given`: name -> text, and what errors are to
        call the file."""
        self.refresh()
        other = copy.copy(self)
        other._folders = other._seen = ()
        other._module_folders = other._seen_modules = ()
        other._files = self._files | {
            name: _File(text, at, at) for name, (text, at) in given.items()
        }
        other._broken = {name: error for name, error in self._broken.items() if name not in given}
        other._programs, other._parsing = {}, []
        return other

    def problems(self) -> list[ProgramError | ModuleError]:
        """What is wrong with files that hold no sound program, or no sound module."""
        self.list()
        programs = [self._broken[name] for name in sorted(self._broken)]
        return [*programs, *(self._refused[name] for name in sorted(self._refused))]

    def get(self, name: str) -> Program:
        """A program that can be asked for. Raises `BadRequest` for an unknown name (with near ones) or a program
        that is a part of others only, and `ProgramError` for a broken file."""
        program = self.part(name)
        if not program.runnable:
            takes = ", ".join(f"{port} ({type})" for port, type in program.inputs.items())
            raise BadRequest(
                f"program {name!r} is a part of others: it takes {takes} and gives a {program.output}; it cannot "
                "be asked a question"
            )
        return program

    def part(self, name: str) -> Program:
        """A program, runnable or a part of others. Raises what `get` raises otherwise."""
        self.refresh()
        return self._find(name)

    def text(self, name: str) -> str:
        """A program's own words. Raises `BadRequest`."""
        self.refresh()
        if name not in self._files:
            raise self._unknown(name)
        return self._files[name].text

    def list(self) -> list[ProgramInfo]:
        """Every program that can be asked for, by name."""
        self.refresh()
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
            program = parse(file.text, file.at, self._modules, self._find, self._refused)
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


def _stamps(folders: Sequence[Path]) -> tuple[_Stamp, ...]:
    """The program files of folders, in the order in which they are read."""
    stamps = []
    for path in [path for folder in folders for path in sorted(folder.glob("*.toml"))]:
        try:
            found = path.stat()
        except OSError:
            stamps.append(_Stamp(path, 0, 0))  # reading it will say what is wrong
        else:
            stamps.append(_Stamp(path, found.st_mtime_ns, found.st_size))
    return tuple(stamps)
