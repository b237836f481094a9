"""Finds programs: the built-in ones beside this file, then those in folders of the user's.

Knows files and names; nothing of runs.
"""

import difflib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec

from smysl_reasoning.errors import BadRequest, ProgramError
from smysl_reasoning.modules.base import Module
from smysl_reasoning.program import Program, parse

BUILT_IN = "built-in"


class ProgramInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A program as a list shows it."""

    name: str
    summary: str
    source: str
    """`built-in`, or the file."""


class Library:
    """Programs by name. A later folder's program replaces an earlier one's of the same name."""

    def __init__(self, modules: Mapping[str, Module], folders: Sequence[Path] = ()) -> None:
        """Raises `ProgramError` for a broken built-in; a user's broken file is told when it is
        asked for."""
        self._programs: dict[str, Program] = {}
        self._broken: dict[str, ProgramError] = {}
        built_in = files("smysl_reasoning") / "programs"
        for file in sorted(built_in.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".toml"):
                program = parse(file.read_text(encoding="utf-8"), file.name, modules)
                self._programs[program.name] = program._replace(source=BUILT_IN)
        for path in [path for folder in folders for path in sorted(folder.glob("*.toml"))]:
            self._add(path, modules)

    def _add(self, path: Path, modules: Mapping[str, Module]) -> None:
        try:
            program = parse(path.read_text(encoding="utf-8"), str(path), modules)
            if program.name != path.stem:
                raise ProgramError(
                    f"{path}: the program is named {program.name!r}; name the file so"
                )
        except (OSError, UnicodeDecodeError) as error:
            self._broken[path.stem] = ProgramError(f"{path}: cannot be read: {error}")
        except ProgramError as error:
            self._broken[path.stem] = error
        else:
            self._programs[program.name] = program
            self._broken.pop(program.name, None)

    def get(self, name: str) -> Program:
        """Raises `BadRequest` for an unknown name (with near ones) and `ProgramError` for a broken
        file."""
        if name in self._broken:
            raise self._broken[name]
        if name not in self._programs:
            near = difflib.get_close_matches(name, self._programs, n=3, cutoff=0.5)
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else f"there are: {', '.join(self._programs)}"
            )
            raise BadRequest(f"there is no program {name[:60]!r}; {hint}")
        return self._programs[name]

    def list(self) -> list[ProgramInfo]:
        """Every program that runs, by name."""
        return [
            ProgramInfo(name=program.name, summary=program.summary, source=program.source)
            for _, program in sorted(self._programs.items())
        ]
