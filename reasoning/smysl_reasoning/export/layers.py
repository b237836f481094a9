"""Where the boxes of a graph go: layers from top to bottom, few crossings, lines that are nearly straight.

The steps of Sugiyama, Tagawa and Toda (1981): layers (list scheduling by height, so that no layer is wider than
`most`), order within a layer (barycentres), positions (least squares under the order, by pooling adjacent
violators). Edges over several layers that share an end share a trunk, so that a fan of thousands stays small.
Parts that nothing joins stand one under another.

Knows names and sizes; never nodes, texts or formats.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

Name = str | tuple[str, str, int]
"""A box by its name; or a bend of a trunk: ("out" of or "in" to, box, layer)."""
GAP = 28.0
"""Pixels between boxes of one layer."""
LAYER_GAP = 40.0
"""Pixels between layers."""
BEND = 10.0
"""Pixels that a bend takes."""
STIFFNESS = 8.0
"""How much more a bend in a line costs than a box out of its place."""
SWEEPS = 12
"""Times that the order of layers is improved, from above and from below in turn."""


class Box(NamedTuple):
    """A rectangle by its centre line and top, in pixels."""

    x: float
    """Of the centre."""
    y: float
    """Of the top."""
    width: float
    height: float


class Tie(NamedTuple):
    """Two boxes that a line is to join."""

    upper: str
    lower: str
    loose: bool
    """Another sort of line, that shares no trunk with the common ones."""


class Line(NamedTuple):
    """From the bottom of one place to the top of another in the next layer."""

    start: tuple[float, float]
    leave: float
    """y down to which it goes straight down, past taller boxes of its layer."""
    end: tuple[float, float]
    arrives: bool
    """It ends at a box, not at a bend."""
    loose: bool

    def moved(self, x: float, y: float) -> "Line":
        (a, b), (c, d) = self.start, self.end
        return self._replace(start=(a + x, b + y), leave=self.leave + y, end=(c + x, d + y))


class Layout(NamedTuple):
    boxes: dict[str, Box]
    lines: list[Line]
    width: float
    height: float


def lay_out(sizes: Mapping[str, tuple[float, float]], ties: Iterable[Tie], *, most: int) -> Layout:
    """Places for boxes of (width, height), at most `most` side by side, each under those it is tied to as the
    lower. `ties` are acyclic and between boxes of `sizes`."""
    drawn = list(dict.fromkeys(ties))
    parts = [_lay_out(part, inside, most) for part, inside in _parts(sizes, drawn)]
    width = max((part.width for part in parts), default=0.0)
    boxes: dict[str, Box] = {}
    lines: list[Line] = []
    y = -LAYER_GAP
    for part in parts:
        x, y = (width - part.width) / 2, y + LAYER_GAP
        boxes |= {name: box._replace(x=box.x + x, y=box.y + y) for name, box in part.boxes.items()}
        lines += [line.moved(x, y) for line in part.lines]
        y += part.height
    return Layout({name: boxes[name] for name in sizes}, lines, width, max(y, 0.0))


def _parts(
    sizes: Mapping[str, tuple[float, float]], ties: Sequence[Tie]
) -> list[tuple[dict[str, tuple[float, float]], list[Tie]]]:
    """What hangs together, in the order of the first box of each: boxes and the ties between them."""
    near: dict[str, list[str]] = {name: [] for name in sizes}
    for tie in ties:
        near[tie.upper].append(tie.lower)
        near[tie.lower].append(tie.upper)
    number: dict[str, int] = {}
    count = 0
    for first in sizes:
        left = [first]
        while left:
            name = left.pop()
            if name not in number:
                number[name] = count
                left += near[name]
        count = number[first] + 1 if number[first] == count else count
    parts: list[tuple[dict[str, tuple[float, float]], list[Tie]]] = [({}, []) for _ in range(count)]
    for name, size in sizes.items():
        parts[number[name]][0][name] = size
    for tie in ties:
        parts[number[tie.upper]][1].append(tie)
    return parts


def _lay_out(sizes: Mapping[str, tuple[float, float]], drawn: Sequence[Tie], most: int) -> Layout:
    layer = _layers(list(sizes), drawn, most)
    loose = _links(drawn, layer)
    links = list(loose)
    rows = _ordered(_rows(layer, links), links)
    widths: dict[Name, float] = {name: width for name, (width, _) in sizes.items()}
    x = _positions(rows, links, widths)
    tops = _tops(rows, sizes)
    boxes = {
        name: Box(x[name], tops[layer[name]], width, height)
        for name, (width, height) in sizes.items()
    }
    lines = []
    bends: dict[Name, Line] = {}
    for (above, below), apart in loose.items():
        at = _layer_of(above, layer)
        bottom = tops[at + 1] - LAYER_GAP
        start = boxes[above].y + boxes[above].height if isinstance(above, str) else bottom
        end = (x[below], tops[at + 1])
        lines.append(Line((x[above], start), bottom, end, isinstance(below, str), apart))
        if not isinstance(below, str):
            until = tops[at + 2] - LAYER_GAP
            bends[below] = Line(end, until, (x[below], until), False, apart)
    lines += bends.values()
    width = max((box.x + box.width / 2 for box in boxes.values()), default=0.0)
    return Layout(boxes, lines, max([width, *x.values()]), tops[-1] - LAYER_GAP if rows else 0.0)


def _layers(names: Sequence[str], ties: Sequence[Tie], most: int) -> dict[str, int]:
    """Each box below all that it is tied to from above, those with the longest way still to go first."""
    above: dict[str, list[str]] = {name: [] for name in names}
    below: dict[str, list[str]] = {name: [] for name in names}
    for tie in ties:
        above[tie.lower].append(tie.upper)
        below[tie.upper].append(tie.lower)
    heights = _heights(names, below)
    layer: dict[str, int] = {}
    filled: dict[int, int] = {}
    free = 0
    for name in sorted(names, key=lambda name: -heights[name]):
        at = max((layer[one] + 1 for one in above[name]), default=0)
        at = max(at, free) if filled.get(at, 0) >= most else at
        while filled.get(at, 0) >= most:
            at += 1
        layer[name] = at
        filled[at] = filled.get(at, 0) + 1
        while filled.get(free, 0) >= most:
            free += 1
    # a layer that nothing was put in would be a hole
    used = {at: number for number, at in enumerate(sorted(filled))}
    return {name: used[layer[name]] for name in names}


def _heights(names: Sequence[str], below: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Edges of the longest way down from each box."""
    heights: dict[str, int] = {}
    for first in names:
        left = [first]
        while left:
            name = left[-1]
            waiting = [one for one in below[name] if one not in heights]
            if waiting:
                left += waiting
            else:
                heights[left.pop()] = max((heights[one] + 1 for one in below[name]), default=0)
    return heights


def _links(ties: Sequence[Tie], layer: Mapping[str, int]) -> dict[tuple[Name, Name], bool]:
    """The ties as steps from layer to layer -> whether they are loose. A long tie takes the trunk of the end that
    has more long ones."""
    leaving: Counter[tuple[str, bool]] = Counter()
    coming: Counter[tuple[str, bool]] = Counter()
    for upper, lower, loose in ties:
        if layer[lower] - layer[upper] > 1:
            leaving[upper, loose] += 1
            coming[lower, loose] += 1
    links: dict[tuple[Name, Name], bool] = {}
    for upper, lower, loose in ties:
        side, owner = "out", upper
        if coming[lower, loose] > leaving[upper, loose]:
            side, owner = "in", lower
        side += " loose" if loose else ""
        bends = [(side, owner, at) for at in range(layer[upper] + 1, layer[lower])]
        links.update(dict.fromkeys(pairwise([upper, *bends, lower]), loose))
    return links


def _layer_of(name: Name, layer: Mapping[str, int]) -> int:
    return layer[name] if isinstance(name, str) else name[2]


def _rows(layer: Mapping[str, int], links: Sequence[tuple[Name, Name]]) -> list[list[Name]]:
    rows: list[dict[Name, None]] = [{} for _ in range(max(layer.values(), default=-1) + 1)]
    for name, at in layer.items():
        rows[at][name] = None
    for start, end in links:
        for one in (start, end):
            rows[_layer_of(one, layer)][one] = None
    return [list(row) for row in rows]


def _neighbours(
    links: Sequence[tuple[Name, Name]],
) -> tuple[dict[Name, list[Name]], dict[Name, list[Name]]]:
    """(what is above, what is below) each name."""
    above: dict[Name, list[Name]] = {}
    below: dict[Name, list[Name]] = {}
    for start, end in links:
        above.setdefault(end, []).append(start)
        below.setdefault(start, []).append(end)
    return above, below


def _ordered(rows: list[list[Name]], links: Sequence[tuple[Name, Name]]) -> list[list[Name]]:
    """Each row in the order with the fewest crossings that sweeping by barycentres comes upon."""
    above, below = _neighbours(links)
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        near = above if down else below
        rows = list(rows)
        for at in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            fixed = {name: place for place, name in enumerate(rows[at - 1 if down else at + 1])}
            places = {
                name: _mean([fixed[one] for one in near.get(name, ())], place)
                for place, name in enumerate(rows[at])
            }
            rows[at] = sorted(rows[at], key=places.__getitem__)
        if (count := _crossings(rows, below)) < fewest:
            best, fewest = rows, count
    return best


def _mean(places: Sequence[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _crossings(rows: Sequence[Sequence[Name]], below: Mapping[Name, Sequence[Name]]) -> int:
    """Pairs of lines that cross: inversions, counted with a Fenwick tree."""
    total = 0
    for upper, lower in pairwise(rows):
        places = {name: place for place, name in enumerate(lower)}
        tree = [0] * (len(lower) + 1)
        seen = 0
        for name in upper:
            ends = sorted(places[one] for one in below.get(name, ()))
            for end in ends:
                place = end + 1
                before = 0
                while place:
                    before += tree[place]
                    place &= place - 1
                total += seen - before
            for end in ends:
                place = end + 1
                while place <= len(lower):
                    tree[place] += 1
                    place += place & -place
            seen += len(ends)
    return total


def _positions(
    rows: Sequence[Sequence[Name]],
    links: Sequence[tuple[Name, Name]],
    widths: Mapping[Name, float],
) -> dict[Name, float]:
    """Centre of each name, 0 at the left edge of the leftmost: near the mean of its neighbours, then chains and
    trunks straight."""
    above, below = _neighbours(links)
    x: dict[Name, float] = {}
    for row in rows:
        packed = _spread([0.0] * len(row), row, widths)
        middle = (packed[0] + packed[-1]) / 2
        x.update((name, place - middle) for name, place in zip(row, packed, strict=True))
    near = {name: _pulling(name, above.get(name, []), below.get(name, [])) for name in x}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = [_mean([x[one] for one in near[name]], x[name]) for name in row]
            x.update(zip(row, _spread(wanted, row, widths), strict=True))
    for row in rows:
        wanted = [x[_followed(name, above.get(name, []), below)] for name in row]
        x.update(zip(row, _spread(wanted, row, widths), strict=True))
    left = min((place - widths.get(name, BEND) / 2 for name, place in x.items()), default=0.0)
    return {name: place - left for name, place in x.items()}


def _pulling(name: Name, above: Sequence[Name], below: Sequence[Name]) -> list[Name]:
    """The neighbours that a name is drawn to: all, for a bend those of its trunk."""
    around = [*above, *below]
    if isinstance(name, str):
        return around
    return [one for one in around if not isinstance(one, str)] or around


def _followed(name: Name, above: Sequence[Name], below: Mapping[Name, Sequence[Name]]) -> Name:
    """The name above that this one is to stand straight under; itself where there is none."""
    for one in above:
        if isinstance(name, str):
            if len(above) == 1 and (name not in below or len(below[one]) == 1):
                return one
        elif not isinstance(one, str):
            return one
    return name


def _spread(
    wanted: Sequence[float], row: Sequence[Name], widths: Mapping[Name, float]
) -> list[float]:
    """Centres nearest to `wanted` (least squares, bends `STIFFNESS` times as dear) that keep the order and leave
    the gaps."""
    offsets: list[float] = []
    for number, name in enumerate(row):
        half = widths.get(name, BEND) / 2
        before = widths.get(row[number - 1], BEND) / 2 if number else 0.0
        offsets.append(offsets[-1] + before + GAP + half if number else 0.0)
    # without the gaps the places must not decrease: isotonic regression, by pooling adjacent violators
    pools: list[tuple[float, float, int]] = []
    for name, want, offset in zip(row, wanted, offsets, strict=True):
        weight, count = 1.0 if isinstance(name, str) else STIFFNESS, 1
        total = (want - offset) * weight
        while pools and pools[-1][0] / pools[-1][1] > total / weight:
            more, heavier, longer = pools.pop()
            total, weight, count = total + more, weight + heavier, count + longer
        pools.append((total, weight, count))
    levels = [total / weight for total, weight, count in pools for _ in range(count)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]


def _tops(rows: Sequence[Sequence[Name]], sizes: Mapping[str, tuple[float, float]]) -> list[float]:
    """y of each layer's top, and one more below the last."""
    tops = [0.0]
    for row in rows:
        tallest = max((sizes[name][1] for name in row if isinstance(name, str)), default=0.0)
        tops.append(math.ceil(tops[-1] + tallest + LAYER_GAP))
    return tops
