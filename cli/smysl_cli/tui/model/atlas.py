"""Where memories lie, and what lies beside what, as the map of the memory shows them.

Pure. Knows positions; never signs, text or cells' contents. Distances are counted in dots, of which a
cell has 2 across and 4 down: a dot is about as wide as it is high, so that what looks near is near.
"""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from smysl_daemon.memory_protocol import LinkView, PointView

Direction = Literal["left", "right", "up", "down"]
ACROSS, DOWN = 2, 4
"""Dots of a cell."""
MARGIN_X, MARGIN_Y = 5, 3
"""Dots that stay free at the edges of a view of everything: room for the mark of a selected one."""
ZOOM_STEP = 1.5
ZOOM_LIMIT = 64.0
PAN = 0.25
"""Of what is seen."""
_STEPS: dict[Direction, tuple[int, int]] = {
    "left": (-1, 0),
    "right": (1, 0),
    "up": (0, -1),
    "down": (0, 1),
}
_TURNS = tuple(
    (turned, across, down) for turned in (False, True) for across in (1, -1) for down in (1, -1)
)
"""The ways in which a square can be laid down, the unturned one first."""


class Spot(msgspec.Struct, frozen=True):
    """A place in dots, from the left and the top."""

    x: float
    y: float


class View(msgspec.Struct, frozen=True):
    """Which part of the map is seen: its centre, and how many times it is enlarged."""

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0

    def zoomed(self, factor: float, x: float, y: float) -> "View":
        """A place of the map stays where it is seen, as far as the edges let it."""
        zoom = min(max(self.zoom * factor, 1.0), ZOOM_LIMIT)
        kept = self.zoom / zoom
        return View(x - (x - self.x) * kept, y - (y - self.y) * kept, zoom)._inside()

    def moved(self, direction: Direction) -> "View":
        across, down = _STEPS[direction]
        step = 2 * PAN / self.zoom
        return View(self.x + across * step, self.y - down * step, self.zoom)._inside()

    def onto(self, x: float, y: float) -> "View":
        return View(x, y, self.zoom)._inside()

    def _inside(self) -> "View":
        room = 1.0 - 1.0 / self.zoom
        return View(min(max(self.x, -room), room), min(max(self.y, -room), room), self.zoom)


class Frame:
    """A view in a pane of so many columns and rows."""

    def __init__(self, view: View, columns: int, rows: int) -> None:
        self.view = view
        self.columns = columns
        self.rows = rows
        self._middle_x = (columns * ACROSS - 1) / 2
        self._middle_y = (rows * DOWN - 1) / 2
        # a pane too small for its margins still tells left from right
        self._scale_x = view.zoom * max(self._middle_x - MARGIN_X, 0.5)
        self._scale_y = view.zoom * max(self._middle_y - MARGIN_Y, 0.5)

    def spot(self, x: float, y: float) -> Spot:
        """Of a place of the map, whose y points up. It may lie outside the pane."""
        return Spot(
            self._middle_x + (x - self.view.x) * self._scale_x,
            self._middle_y - (y - self.view.y) * self._scale_y,
        )

    def place(self, spot: Spot) -> tuple[float, float]:
        """The x and y of the map at a spot."""
        return (
            self.view.x + (spot.x - self._middle_x) / self._scale_x,
            self.view.y - (spot.y - self._middle_y) / self._scale_y,
        )

    def holds(self, spot: Spot) -> bool:
        column, row = cell(spot)
        return 0 <= column < self.columns and 0 <= row < self.rows


def cell(spot: Spot) -> tuple[int, int]:
    """(column, row)."""
    return math.floor(spot.x) // ACROSS, math.floor(spot.y) // DOWN


def middle(column: int, row: int) -> Spot:
    """Of a cell."""
    return Spot(column * ACROSS + (ACROSS - 1) / 2, row * DOWN + (DOWN - 1) / 2)


class Atlas:
    """Memories on the map, in the daemon's order (heaviest first), and the links between them."""

    def __init__(
        self, points: Sequence[PointView] = (), links: Sequence[LinkView] = (), total: int = 0
    ) -> None:
        self.points = tuple(points)
        self.links = tuple(links)
        self.total = max(total, len(points))
        """How many memories there are in all."""
        self._by_id = {point.memory: point for point in points}
        self._linked: dict[str, list[LinkView]] = {}
        for link in links:
            self._linked.setdefault(link.a, []).append(link)
            self._linked.setdefault(link.b, []).append(link)

    def __len__(self) -> int:
        return len(self.points)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def get(self, id: str) -> PointView | None:
        return self._by_id.get(id)

    def linked(self, id: str) -> Sequence[LinkView]:
        return self._linked.get(id, ())

    def nearest(self, frame: Frame, spot: Spot) -> str | None:
        """The memory that is seen nearest to a spot; None where none is seen."""
        best: tuple[float, int] | None = None
        for order, point in enumerate(self.points):
            at = frame.spot(point.x, point.y)
            if frame.holds(at):
                found = ((at.x - spot.x) ** 2 + (at.y - spot.y) ** 2, order)
                best = found if best is None else min(best, found)
        return None if best is None else self.points[best[1]].memory

    def beside(self, frame: Frame, id: str, direction: Direction) -> str | None:
        """The nearest memory in a direction, seen or not; what lies more aside than ahead only where
        nothing else is ahead. None at the edge of the map."""
        here = self._by_id.get(id)
        if here is None:
            return None
        at = frame.spot(here.x, here.y)
        across, down = _STEPS[direction]
        best: tuple[bool, float, int] | None = None
        for order, point in enumerate(self.points):
            spot = frame.spot(point.x, point.y)
            ahead = (spot.x - at.x) * across + (spot.y - at.y) * down
            if ahead <= 0:
                continue
            aside = abs((spot.x - at.x) * down) + abs((spot.y - at.y) * across)
            found = (aside > ahead, ahead + 2 * aside, order)
            best = found if best is None else min(best, found)
        return None if best is None else self.points[best[2]].memory

    def like(self, before: "Atlas") -> "Atlas":
        """The same map, mirrored or turned so that memories move least from where they were: a
        projection has no up and no left of its own."""
        both = [
            (point, old) for point in self.points if (old := before.get(point.memory)) is not None
        ]
        if not both:
            return self

        def strayed(turn: tuple[bool, int, int]) -> float:
            moved = ((_turned(point, turn), old) for point, old in both)
            return sum((new.x - old.x) ** 2 + (new.y - old.y) ** 2 for new, old in moved)

        least = min(_TURNS, key=strayed)
        if least == _TURNS[0]:
            return self
        return Atlas([_turned(point, least) for point in self.points], self.links, self.total)


def _turned(point: PointView, turn: tuple[bool, int, int]) -> PointView:
    turned, across, down = turn
    x, y = (point.y, point.x) if turned else (point.x, point.y)
    return msgspec.structs.replace(point, x=x * across, y=y * down)
