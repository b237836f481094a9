"""The map of the memory as lines of text: signs for memories, links, pulls as paths, and names that
never overlap.

Pure: an atlas and a frame in, runs of cells out. What weighs most is named first; a frame costs no more
for thousands of memories than its dots and names do.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from smysl_cli.heaviness import STEPS, sign, words_sign
from smysl_cli.text import cells, fit, one_line
from smysl_cli.tui.model.atlas import Atlas, Frame, Spot, View, cell, middle
from smysl_cli.tui.model.canvas import Canvas, Run
from smysl_daemon.memory_protocol import PointView, PullView

TONES = (
    *("link", "tie", "pull", "light", "plain", "heavy", "pinned", "muted"),
    *("pulled", "label", "name", "chosen", "words"),
)
LINK_DOTS = 3
"""Most dots of faint links for each cell of the pane: the strongest ones are drawn."""
NAMED = 0.2
"""Most of the pane that names of what was neither chosen nor pulled take."""
CROWDED = 40
"""Where so many in a row found no room for their names, no more are tried."""
NAME_SHARE, NAME_LEAST, NAME_MOST = 0.22, 10, 28
"""Columns of a name, as a share of the pane's, and at least and at most."""
FIRST_SHARE, FIRST_MOST = 0.36, 44
"""Of the chosen one and of what was pulled."""
APART = 10.0
"""Dots at least between the words' mark and what they fall on."""
SEARCHED = 12
"""Cells around the middle of what was pulled in which the words' mark finds a place."""


class Sky(msgspec.Struct, frozen=True):
    """What is drawn."""

    atlas: Atlas
    chosen: str | None = None
    pulls: tuple[PullView, ...] = ()
    begun: str | None = None
    """A memory that a link is being made from, to the chosen one."""


class Star(NamedTuple):
    """A memory that is seen."""

    point: PointView
    column: int
    row: int
    sign: str
    tone: str


class Starchart:
    """Draws skies. What a frame has whatever is chosen and pulled is kept for the next one: most change
    only what is over it."""

    def __init__(self, *, unicode: bool = True) -> None:
        self._unicode = unicode
        self._key: tuple[Atlas, View, int, int] | None = None
        self._links = Canvas(0, 0, unicode=unicode)
        self._stars: dict[str, Star] = {}

    def draw(self, sky: Sky, frame: Frame) -> list[list[Run]]:
        self._look(sky.atlas, frame)
        canvas, stars = self._links.copy(), self._stars
        chosen, ranks = sky.chosen, _ranks(sky.pulls)
        foreground = dict.fromkeys([*([chosen] if chosen else []), *_reached(sky.pulls)])
        self._lines(canvas, sky, frame)
        first = [stars[id] for id in foreground if id in stars]
        for star in first:
            id, column = star.point.memory, star.column
            if id == chosen:
                canvas.put(column - 1, star.row, f"[{star.sign}]", "chosen")
            else:
                canvas.mark(column, star.row, star.sign, "pulled" if id in ranks else star.tone)
        self._words(canvas, sky, frame)
        wide = _wide(frame, FIRST_SHARE, FIRST_MOST)
        for star in first:
            rank = ranks.get(star.point.memory)
            said = one_line(star.point.text)
            text = said if rank is None else f"{rank} {said}"
            tone = "chosen" if star.point.memory == chosen else "name"
            # rather a short name than none
            any(
                _name(canvas, star, fit(text, most), tone)
                for most in (wide, wide * 2 // 3, NAME_LEAST)
            )
        # the daemon gives the heaviest first, and of two in a cell that one is seen
        others = [
            star
            for id, star in stars.items()
            if id not in foreground and canvas.mark(star.column, star.row, star.sign, star.tone)
        ]
        self._names(canvas, others, frame)
        return [_plain(line, self._unicode) for line in canvas.lines()]

    def _look(self, atlas: Atlas, frame: Frame) -> None:
        """Which memories a frame shows, and the links between them."""
        key = (atlas, frame.view, frame.columns, frame.rows)
        if self._key is not None and self._key[0] is atlas and self._key[1:] == key[1:]:
            return
        self._key = key
        self._stars = {}
        for point in atlas.points:
            spot = frame.spot(point.x, point.y)
            if frame.holds(spot):
                drawn = sign(point, unicode=self._unicode)
                self._stars[point.memory] = Star(point, *cell(spot), drawn, _tone(point))
        self._links = Canvas(frame.columns, frame.rows, unicode=self._unicode)
        left = LINK_DOTS * frame.columns * frame.rows
        for start, end in _ways(atlas, frame):
            if left <= 0:
                break
            left -= self._links.line(start, end, "link", every=3)

    def _lines(self, canvas: Canvas, sky: Sky, frame: Frame) -> None:
        """Over the faint links: those of the chosen one, a link that is being made, the pulls."""
        if sky.chosen is not None:
            for link in sky.atlas.linked(sky.chosen):
                _join(canvas, sky.atlas, frame, link.a, link.b, "tie", every=2)
        if sky.begun is not None and sky.chosen is not None:
            _join(canvas, sky.atlas, frame, sky.begun, sky.chosen, "pull", every=2)
        for pull in sky.pulls:
            for one, other in zip(pull.path, pull.path[1:], strict=False):
                _join(canvas, sky.atlas, frame, one.memory, other.memory, "pull", every=1)

    def _words(self, canvas: Canvas, sky: Sky, frame: Frame) -> None:
        """The mark of the words amid what they fall on, and the first step of each path."""
        reached = {
            pull.path[0].memory: pull.path[0].weight
            for pull in sky.pulls
            if pull.path and (pull.nearness > 0 or len(pull.path) > 1)
        }
        points = [(point, weight) for id, weight in reached.items() if (point := sky.atlas.get(id))]
        spots = [(frame.spot(point.x, point.y), max(weight, 0.01)) for point, weight in points]
        if not spots:
            return
        all = sum(weight for _, weight in spots)
        wanted = Spot(
            min(max(sum(spot.x * w for spot, w in spots) / all, 0.0), frame.columns * 2 - 1.0),
            min(max(sum(spot.y * w for spot, w in spots) / all, 0.0), frame.rows * 4 - 1.0),
        )
        column, row = _free_cell(canvas, wanted, [spot for spot, _ in spots])
        mark = middle(column, row)
        for spot, _ in spots:
            canvas.line(mark, spot, "pull")
        canvas.put(column, row, words_sign(unicode=self._unicode), "words")

    def _names(self, canvas: Canvas, stars: Iterable[Star], frame: Frame) -> None:
        left = int(NAMED * frame.columns * frame.rows)
        wide = _wide(frame, NAME_SHARE, NAME_MOST)
        failed = 0
        for star in stars:
            if left < NAME_LEAST or failed >= CROWDED:
                return
            if not star.point.muted:
                text = fit(one_line(star.point.text[: 2 * NAME_MOST]), wide)
                written = _name(canvas, star, text, "label")
                left -= cells(text) * written
                failed = 0 if written else failed + 1


def _ways(atlas: Atlas, frame: Frame) -> Iterator[tuple[Spot, Spot]]:
    """The strongest links first. Nothing falls along those of muted ones."""
    for link in sorted(atlas.links, key=lambda link: -link.weight):
        a, b = atlas.get(link.a), atlas.get(link.b)
        if a is not None and b is not None and not a.muted and not b.muted:
            yield frame.spot(a.x, a.y), frame.spot(b.x, b.y)


def _join(
    canvas: Canvas, atlas: Atlas, frame: Frame, a: str, b: str, tone: str, *, every: int
) -> None:
    one, other = atlas.get(a), atlas.get(b)
    if one is not None and other is not None:
        canvas.line(frame.spot(one.x, one.y), frame.spot(other.x, other.y), tone, every=every)


def _tone(point: PointView) -> str:
    if point.muted:
        return "muted"
    if point.pinned:
        return "pinned"
    return ("light", "plain", "plain", "heavy")[sum(point.mass >= step for step in STEPS)]


def _ranks(pulls: Sequence[PullView]) -> dict[str, int]:
    return {pull.memory: place + 1 for place, pull in enumerate(pulls)}


def _reached(pulls: Sequence[PullView]) -> list[str]:
    """What was pulled, strongest first, then what lies on the ways."""
    return [pull.memory for pull in pulls] + [hop.memory for pull in pulls for hop in pull.path]


def _wide(frame: Frame, share: float, most: int) -> int:
    return min(max(int(frame.columns * share), NAME_LEAST), most)


def _name(canvas: Canvas, star: Star, text: str, tone: str) -> bool:
    """Write beside a sign where nothing is hidden by it; False where there is no such place."""
    column, row = star.column, star.row
    wide = cells(text)
    over = max(min(column - wide // 2, canvas.columns - wide), 0)
    for left, at in (
        (column + 2, row),
        (column - 1 - wide, row),
        (over, row - 1),
        (over, row + 1),
        (column + 2, row - 1),
        (column + 2, row + 1),
    ):
        # a column on both sides, so that names stay apart; at the edge of the pane none is needed
        start, end = max(left - 1, 0), min(left + wide + 1, canvas.columns)
        if left < 0 or left + wide > canvas.columns:
            continue
        if at == row:  # its own sign may stand right before it, or after it
            start, end = (left, end) if left > column else (start, left + wide)
        if canvas.has_room(start, at, end - start):
            canvas.put(left, at, text, tone)
            return True
    return False


def _free_cell(canvas: Canvas, wanted: Spot, away_from: Sequence[Spot]) -> tuple[int, int]:
    """The cell nearest to a spot in which nothing stands, apart from what its lines go to."""
    column, row = cell(wanted)
    best = (math.inf, column, row)
    for down in range(-SEARCHED // 2, SEARCHED // 2 + 1):
        for across in range(-SEARCHED, SEARCHED + 1):
            at = (column + across, row + down)
            spot = middle(*at)
            far = math.hypot(spot.x - wanted.x, spot.y - wanted.y)
            if far >= best[0] or not canvas.has_room(at[0] - 1, at[1], 3):
                continue
            if all(math.hypot(spot.x - o.x, spot.y - o.y) >= APART for o in away_from):
                best = (far, *at)
    return best[1], best[2]


def _plain(line: list[Run], unicode: bool) -> list[Run]:
    return line if unicode else [Run(run.text.replace("…", "~"), run.tone) for run in line]
