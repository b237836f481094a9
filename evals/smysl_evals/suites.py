"""Reads suites: questions with the answers they should get.

Knows JSONL files and folders; never a daemon, a score or where the questions came from. A suite is
a file, or a folder of files taken as one suite.
"""

import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from smysl_evals.errors import BadSuite


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question: a line of a suite's file."""

    id: str
    question: str
    answer: str | None
    """None: a question that lies outside, which no program may call verified."""
    tags: tuple[str, ...]
    """The first is the family, under which results are counted."""
    accept: tuple[str, ...] = ()
    """Other spellings that are right and that `answers.same` does not know as such."""
    working: str | None = None
    """An expression that gives the answer (a clock time in minutes): the suite's own check."""

    @property
    def family(self) -> str:
        return self.tags[0]


class Suite(msgspec.Struct, frozen=True):
    name: str
    """File name without `.jsonl`, or the folder's name."""
    items: tuple[Item, ...]


def bundled_folder() -> Path | None:
    """The hand-written suites: in the checkout this package is in, else where it was installed."""
    places = (
        Path(__file__).resolve().parents[1] / "suites",
        Path(sysconfig.get_path("data")) / "share" / "smysl" / "suites",
    )
    return next((place for place in places if place.is_dir()), None)


def find_suite(where: str) -> Path:
    """The file or folder of a path, or of a bundled suite's name. Raises `BadSuite`."""
    path = Path(where)
    if path.exists():
        return path
    bundled = bundled_folder()
    names: list[str] = []
    if bundled is not None:
        if (found := bundled / f"{where}.jsonl").is_file():
            return found
        names = sorted(file.stem for file in bundled.glob("*.jsonl"))
    raise BadSuite(
        f"no suite {where!r}: give a .jsonl file, a folder of them, or one of: "
        f"{', '.join(names) or 'none are bundled here'}"
    )


def load_suite(where: str, *, limit: int | None = None) -> Suite:
    """Read a whole suite, at most `limit` items of each family, in file order.

    Raises `BadSuite` with file and line for what is no item, and for an id used twice.
    """
    path = find_suite(where).resolve()
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    items: list[Item] = []
    places: dict[str, str] = {}
    for file in files:
        for number, item in _read(file):
            place = f"{file}:{number}"
            if item.id in places:
                raise BadSuite(f"{place}: id {item.id!r} is already used at {places[item.id]}")
            places[item.id] = place
            items.append(item)
    if not items:
        raise BadSuite(f"{path} holds no items: a suite is JSON lines in files named *.jsonl")
    name = path.name if path.is_dir() else path.stem
    return Suite(name, tuple(_first_of_each_family(items, limit)))


def load_suites(wheres: Sequence[str], *, limit: int | None = None) -> tuple[Suite, ...]:
    """Several suites of different names. Raises `BadSuite`."""
    suites: dict[str, Suite] = {}
    for where in wheres:
        suite = load_suite(where, limit=limit)
        if suite.name in suites:
            raise BadSuite(f"two suites are named {suite.name!r}; rename one, or name it once")
        suites[suite.name] = suite
    return tuple(suites.values())


_decoder = msgspec.json.Decoder(Item)


def _read(file: Path) -> Iterator[tuple[int, Item]]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise BadSuite(f"cannot read {file}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadSuite(f"{file}:{number}: {error}") from None
        if not item.tags:
            raise BadSuite(f"{file}:{number}: {item.id!r} has no tags; the first is its family")
        if not item.question.strip():
            raise BadSuite(f"{file}:{number}: {item.id!r} has an empty question")
        if item.answer is not None and not item.answer.strip():
            raise BadSuite(
                f"{file}:{number}: {item.id!r} has an empty answer; write null for a question "
                "that lies outside"
            )
        yield number, item


def _first_of_each_family(items: Sequence[Item], limit: int | None) -> Iterator[Item]:
    taken: dict[str, int] = {}
    for item in items:
        taken[item.family] = taken.get(item.family, 0) + 1
        if limit is None or taken[item.family] <= limit:
            yield item
