"""Folders of results that `smysl-eval` wrote, and the tables it makes of one.

Knows those files' first lines of facts and the report's JSON; never how an item is judged.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from smysl_cli.text import local_time, one_line

SETUP, RESULTS = "run.json", "results.jsonl"
DEPTH = 2
"""How deep below the places folders are looked for."""


class Setup(msgspec.Struct, frozen=True):
    """What `run.json` says."""

    model: str
    started: str
    suites: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()


class Folder(NamedTuple):
    path: Path
    setup: Setup

    @property
    def when(self) -> str:
        try:
            return local_time(self.setup.started)
        except ValueError:
            return ""

    def described(self) -> str:
        about = ", ".join((*self.setup.suites, *self.setup.programs))
        return one_line(f"{self.when}  {self.setup.model}  {about}")


class Measures(msgspec.Struct, frozen=True):
    """Of `smysl-eval report --json`; shares are 0..1."""

    items: int
    errors: int = 0
    outside_verified: int = 0
    accuracy: float | None = None
    precision: float | None = None
    coverage: float | None = None
    wrong_verified: float | None = None
    median_seconds: float | None = None


class Group(msgspec.Struct, frozen=True):
    suite: str
    group: str | None
    program: str
    measures: Measures


class Report(msgspec.Struct, frozen=True):
    suites: tuple[Group, ...]
    groups: tuple[Group, ...]


COLUMNS = ("items", "right", "verified", "precision", "wrong", "median")


def folders(places: Iterable[Path]) -> list[Folder]:
    """Every results folder in some places, the last begun first. What cannot be read is none."""
    found: dict[Path, Folder] = {}
    for place in places:
        for path in _below(place, DEPTH):
            if (one := folder(path)) is not None:
                found[path.resolve()] = one
    return sorted(found.values(), key=lambda one: one.setup.started, reverse=True)


def folder(path: Path) -> Folder | None:
    """None for a folder that `smysl-eval run` did not write."""
    try:
        if not (path / RESULTS).is_file():
            return None
        return Folder(path, msgspec.json.decode((path / SETUP).read_bytes(), type=Setup))
    except (OSError, msgspec.MsgspecError):
        return None


def report(data: bytes) -> Report:
    """Raises `msgspec.MsgspecError`."""
    return msgspec.json.decode(data, type=Report)


def cells(measures: Measures) -> tuple[str, ...]:
    """A row under `COLUMNS`."""
    return (
        f"{measures.items}{f' ({measures.errors} failed)' if measures.errors else ''}",
        _share(measures.accuracy),
        _share(measures.coverage),
        _share(measures.precision),
        _share(measures.wrong_verified),
        "-" if measures.median_seconds is None else f"{measures.median_seconds:.2f} s",
    )


def sentence(measures: Measures) -> str:
    """The same where a row has no room."""
    items, right, verified, precision, wrong, median = cells(measures)
    return (
        f"{items} items, {right} right, {verified} verified, {precision} of these right, "
        f"{wrong} wrong verified, {median}"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _below(place: Path, depth: int) -> Iterator[Path]:
    yield place
    if depth:
        try:
            inner = sorted(one for one in place.iterdir() if one.is_dir())
        except OSError:
            return
        for one in inner:
            yield from _below(one, depth - 1)
