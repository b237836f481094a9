"""Draws a map of memories in letters: heavier ones larger, links dotted, the most important ones named.

Pure: points in, lines out. Knows neither streams nor how points got their places.
"""

import string
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from smysl_cli import heaviness
from smysl_cli.text import cells, fit, one_line
from smysl_daemon.memory_protocol import LinkView, PointView

NAMED = string.ascii_lowercase
"""Names of points, at most as many."""
LABEL = 18
"""Columns of a name with its first words."""
CROWD = 3
"""Cells that a point may stand beside its place."""
LINK = {True: ".", False: "'"}
Cell = tuple[int, int]
"""Row and column."""


class Drawing(msgspec.Struct, frozen=True):
    """The map, and which memories have which name on it."""

    lines: list[str]
    names: dict[str, str]
    """Names by memory, in the order of the names."""
    hidden: int
    """Points for which there was no room."""


def draw(
    points: Sequence[PointView],
    links: Sequence[LinkView],
    important: Iterable[str],
    *,
    width: int,
    height: int,
    unicode: bool,
) -> Drawing:
    """`important`: memories that are named, the most important first; no more than there are letters."""
    by_id = {point.memory: point for point in points}
    first = list(dict.fromkeys(id for id in important if id in by_id))
    names = dict(zip(first, NAMED, strict=False))
    others = [point for point in points if point.memory not in names]
    others.sort(key=lambda point: (-point.mass, point.memory))
    sheet = _Sheet(width, height)
    sheet.place([by_id[id] for id in names])
    words: dict[Cell, str] = {}
    for id, name in names.items():
        if id in sheet.places:
            words |= sheet.label(id, name, one_line(by_id[id].text))
    sheet.place(others)
    places = sheet.places
    grid: dict[Cell, str] = {}
    for link in _drawn(links, places):
        grid |= dict.fromkeys(_between(places[link.a], places[link.b]), LINK[unicode])
    grid |= words
    for id, cell in places.items():
        grid[cell] = heaviness.sign(by_id[id], unicode=unicode)
    return Drawing(_rows(grid, width, height), names, len(points) - len(places))


def legend(*, unicode: bool) -> str:
    """What the signs mean, in one line."""
    return f"{heaviness.legend(unicode=unicode)}, {LINK[unicode]} linked"


class _Sheet:
    """Who stands where; what comes first is nearest to its place."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        self._taken: set[Cell] = set()
        self.places: dict[str, Cell] = {}
        """By memory; of none whose surroundings are full."""

    def place(self, points: Iterable[PointView]) -> None:
        """Each in the nearest free cell."""
        for point in points:
            # y grows upwards, rows downwards
            row = round((1 - _within(point.y)) / 2 * (self._height - 1))
            column = round((1 + _within(point.x)) / 2 * (self._width - 1))
            for cell in _around(row, column):
                inside = 0 <= cell[0] < self._height and 0 <= cell[1] < self._width
                if inside and cell not in self._taken:
                    self._taken.add(cell)
                    self.places[point.memory] = cell
                    break

    def label(self, id: str, name: str, text: str) -> dict[Cell, str]:
        """A point's name, and its first words where there is room, to the right or the left of it."""
        row, column = self.places[id]
        said = fit(f"{name} {text}", LABEL)
        for words in (said, name):
            room = _cells(words)
            for start in (column + 1, column - len(room)):
                span = [(row, start + i) for i in range(len(room))]
                inside = start >= 0 and start + len(room) <= self._width
                if inside and not self._taken.intersection(span):
                    self._taken.update(span)
                    return dict(zip(span, room, strict=True))
        return {}


def _drawn(links: Iterable[LinkView], places: dict[str, Cell]) -> list[LinkView]:
    """The strongest, no more than there are points: a web of all of them shows nothing."""
    both = [link for link in links if link.a in places and link.b in places]
    both.sort(key=lambda link: (-link.weight, link.a, link.b))
    return both[: len(places)]


def _within(value: float) -> float:
    return max(-1.0, min(1.0, value))


def _around(row: int, column: int) -> Iterator[Cell]:
    """Cells by their distance, the place itself first."""
    near = range(-CROWD, CROWD + 1)
    offsets = [(abs(y) + abs(x), y, x) for y in near for x in near]
    for _, y, x in sorted(offsets):
        yield row + y, column + x


def _between(a: Cell, b: Cell) -> Iterator[Cell]:
    """Cells on the line from one point to another, neither of them: dots, as close as rows allow."""
    rise, run = b[0] - a[0], b[1] - a[1]
    steps = max(abs(rise), abs(run) // 2)
    for step in range(1, steps):
        yield a[0] + round(rise * step / steps), a[1] + round(run * step / steps)


def _cells(text: str) -> list[str]:
    """What stands in each column: a wide letter takes two, a mark that combines takes none."""
    found: list[str] = []
    for letter in text:
        size = cells(letter)
        if size == 0 and found:
            found[-1] += letter
        elif size:
            found += [letter, *[""] * (size - 1)]
    return found


def _rows(grid: dict[Cell, str], width: int, height: int) -> list[str]:
    return [
        "".join(grid.get((row, column), " ") for column in range(width)).rstrip()
        for row in range(height)
    ]
