"""A self-contained picture of a graph: boxes whose shape and symbol say the kind, lines from what each rests on.

Knows what a box looks like; where it goes is decided in `layers`. Light colours are written into the elements, for
programs that read no style sheet; dark ones follow the reader's setting.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from smysl_reasoning.export.layers import Box, Line, Tie, lay_out
from smysl_reasoning.export.marks import SYMBOLS, overview, remarks
from smysl_reasoning.export.text import clean, cut, wrap
from smysl_reasoning.graph import ATTACHABLE, ATTACHED, Graph
from smysl_reasoning.nodes import Kind

CELL = 7.25
"""Pixels of one letter at 12 px in the widest of the common monospace fonts."""
LINE = 16.0
"""Pixels from one line of text to the next."""
COLUMNS = 28
"""Letters side by side in a box."""
LINES = 6
"""Lines of text in a box; the rest is in its tooltip."""
PADDING = 14.0
ARROW = 7.0
MARGIN = 24.0
TITLE_LINES = 4
SMALLEST = 0.7
"""How far a picture in a page is made smaller before the page scrolls it sideways."""
BOX_WIDTH = math.ceil(COLUMNS * CELL + 2 * PADDING)
FONT = "DejaVu Sans Mono, Menlo, Consolas, Liberation Mono, monospace"


class Colours(NamedTuple):
    """Of one group of kinds, or of the page."""

    fill: str
    line: str
    text: str
    dim: str


GROUPS: dict[str, tuple[Kind, ...]] = {
    "given": ("question", "context", "note", "memory"),
    "thought": ("plan", "step", "candidate", "critique"),
    "exact": ("computed", "choice"),
    "judged": ("check", "answer"),
}
LIGHT: dict[str, Colours] = {
    "page": Colours("#ffffff", "#8a8f98", "#1b1f24", "#57606a"),
    "given": Colours("#e8f0fe", "#3b6fc4", "#16233a", "#45536b"),
    "thought": Colours("#f4f1fa", "#7a5fb0", "#251d38", "#574d6e"),
    "exact": Colours("#fdf3dc", "#a87414", "#33250a", "#65532b"),
    "judged": Colours("#e3f5ea", "#2f8a57", "#0f2a1b", "#3c5a49"),
}
DARK: dict[str, Colours] = {
    "page": Colours("#14171c", "#7d8590", "#e6e9ed", "#a3abb5"),
    "given": Colours("#1a2a45", "#6f9fe8", "#e3edfc", "#a9bcd9"),
    "thought": Colours("#2a2440", "#a98fe0", "#ece6fa", "#bdb2d6"),
    "exact": Colours("#3a2d12", "#d9a441", "#faf0da", "#d1bf95"),
    "judged": Colours("#14352a", "#57b884", "#def5e8", "#a3ccb6"),
}
_GROUP = {kind: name for name, kinds in GROUPS.items() for kind in kinds}


def render(title: str, graph: Graph) -> str:
    """An SVG 1.1 document."""
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + picture(title, graph)


def picture(title: str, graph: Graph, link: Callable[[str], str] | None = None) -> str:
    """The `<svg>` element. `link` gives the address of a node's own text, for a picture that is part of a page: it
    then leaves title and overview to the page and fits itself into its width."""
    stale = set(graph.stale())
    contents = {id: _Content(graph, id, id in stale) for id in graph}
    ties = drawn_ties(graph)
    layout = lay_out(
        {id: (BOX_WIDTH, content.height) for id, content in contents.items()},
        ties,
        most=side_by_side(len(graph)),
    )
    width = max(layout.width, 480.0) + 2 * MARGIN
    columns = int((width - 2 * MARGIN) / (CELL * 15 / 12))
    heading = [] if link else wrap(title, columns, TITLE_LINES) or ["(no title)"]
    top = MARGIN + (20 * len(heading) + 40 if heading else 0)
    legend = _legend(ties, bool(stale))
    height = top + layout.height + 16 + LINE * len(legend) + MARGIN
    shift = MARGIN + (width - 2 * MARGIN - layout.width) / 2
    fit = f' style="max-width:100%;min-width:{width * SMALLEST:.0f}px;height:auto"' if link else ""
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" role="img" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" '
        f'font-size="12"{fit}>',
        f"<title>{escape(clean(title))}</title>",
        f"<desc>{escape(overview(graph))}</desc>",
        f"<style>{_style()}</style>",
        f'<rect class="page" width="{width:.0f}" height="{height:.0f}" '
        f'fill="{LIGHT["page"].fill}"/>',
        *(
            _text(line, MARGIN, MARGIN + 14 + 20 * number, "page-text", LIGHT["page"].text, size=15)
            for number, line in enumerate(heading)
        ),
        *(
            [_text(overview(graph), MARGIN, top - 20, "page-dim", LIGHT["page"].dim, size=11)]
            if heading
            else []
        ),
        f'<g transform="translate({shift:.1f} {top:.1f})">',
        *_lines(layout.lines),
    ]
    for id, content in contents.items():
        drawn = content.drawn(layout.boxes[id])
        href = quoteattr(link(id)) if link else ""
        out.append(f"<a href={href}>{drawn}</a>" if link else drawn)
    out.append("</g>")
    for number, line in enumerate(legend):
        y = top + layout.height + 28 + LINE * number
        out.append(_text(line, MARGIN, y, "page-dim", LIGHT["page"].dim, size=11))
    return "\n".join([*out, "</svg>", ""])


def group(kind: Kind) -> str:
    """The group whose colours a kind has, one of `GROUPS`."""
    return _GROUP[kind]


def drawn_ties(graph: Graph) -> list[Tie]:
    """What is drawn between nodes: inputs without those that others imply (what an input rests on is seen through
    that input), and from a node to the notes, and memories, that are put there."""
    order = {id: place for place, id in enumerate(graph.topological())}
    below: dict[str, int] = {}
    """Id -> what it rests on, a bit for each place in `order`."""
    ties: dict[Tie, None] = {}
    for id in order:
        note = graph.node(id).kind in ATTACHABLE
        inputs = {e.node: None for e in graph.inputs(id) if not (note and e.role == ATTACHED)}
        implied = 0
        for one in inputs:
            implied |= below[one]
        below[id] = implied
        for one in inputs:
            below[id] |= 1 << order[one]
            if not implied >> order[one] & 1:
                ties[Tie(one, id, loose=False)] = None
        for edge in graph.inputs(id) if note else ():
            if edge.role == ATTACHED and edge.node != id:
                upper, lower = sorted((edge.node, id), key=order.__getitem__)
                ties[Tie(upper, lower, loose=True)] = None
    return list(ties)


def side_by_side(nodes: int) -> int:
    """Boxes in a row: few enough to read on one screen while there are few."""
    return 4 if nodes <= 40 else 6 if nodes <= 120 else 10


class _Content:
    """What one box says."""

    def __init__(self, graph: Graph, id: str, stale: bool) -> None:
        self._placed = graph.placed(id)
        node = self._placed.node
        self._kind = node.kind
        self._stale = stale
        self._lines = wrap(node.text, COLUMNS, LINES) or ["(no text)"]
        self._marks = ", ".join(remarks(self._placed, stale=stale))
        inputs = [f"{edge.role}: {graph.node(edge.node).kind}" for edge in graph.inputs(id)]
        inputs += [f"{edge.role}: not in this branch" for edge in graph.missing(id)]
        self._tooltip = "\n".join([f"{node.kind} {id}", *inputs, "", node.text])
        self.height = 2 * PADDING + LINE * (1 + len(self._lines) + bool(self._marks))

    def drawn(self, box: Box) -> str:
        colours = LIGHT[group(self._kind)]
        dash = ' stroke-dasharray="6 4"' if self._stale else ""
        x, y = box.x - box.width / 2 + PADDING, box.y + PADDING + 11
        out = [
            f'<g class="{group(self._kind)}"><title>{escape(clean(self._tooltip))}</title>',
            f'<path class="box" d="{_outline(self._kind, box)}" fill="{colours.fill}" '
            f'stroke="{colours.line}" stroke-width="{2.5 if self._kind == "answer" else 1.5}"{dash}/>',
        ]
        if inner := _inner(self._kind, box):
            out.append(
                f'<path class="inner" d="{inner}" fill="none" stroke="{colours.line}" '
                f'stroke-width="1"{dash}/>'
            )
        label = f"{SYMBOLS[self._kind]} {self._kind}"
        out.append(_text(label, x, y, "dim", colours.dim, weight="bold"))
        for number, line in enumerate(self._lines, 1):
            out.append(_text(line, x, y + LINE * number, "text", colours.text))
        if self._marks:
            marks = cut(self._marks, COLUMNS)
            y += LINE * (len(self._lines) + 1)
            out.append(_text(marks, x, y, "dim", colours.dim, size=11))
        return "".join(out) + "</g>"


def _text(
    line: str, x: float, y: float, name: str, colour: str, *, size: int = 12, weight: str = ""
) -> str:
    strong = f' font-weight="{weight}"' if weight else ""
    # xml:space keeps the letters where the width was counted
    return (
        f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}"{strong} '
        f'xml:space="preserve">{escape(clean(line))}</text>'
    )


def _outline(kind: Kind, box: Box) -> str:
    """The path around a box, by kind."""
    x, y, w, h = box.x - box.width / 2, box.y, box.width, box.height
    right, low = x + w, y + h
    match kind:
        case "question" | "answer" | "memory":
            return _rounded(x, y, w, h, 14)
        case "context" | "note":
            return _path([(x, y), (right - 14, y), (right, y + 14), (right, low), (x, low)])
        case "plan":
            middle = y + h / 2
            return _path(
                [(x + 9, y), (right - 9, y), (right, middle), (right - 9, low), (x + 9, low), (x, middle)]
            )  # fmt: skip
        case "check":
            return _path(
                [(x + 9, y), (right - 9, y), (right, y + 9), (right, low - 9), (right - 9, low),
                 (x + 9, low), (x, low - 9), (x, y + 9)]
            )  # fmt: skip
        case "choice":
            return _path([(x, y), (right, y), (right - 10, low), (x + 10, low)])
        case "critique":
            return _path(
                [(x, y), (right, y), (right, low), (x + 30, low), (x + 20, low + 8), (x + 20, low), (x, low)]
            )  # fmt: skip
        case _:
            return _rounded(x, y, w, h, 3)


def _inner(kind: Kind, box: Box) -> str:
    """Lines inside or behind an outline, by kind."""
    x, y, w, h = box.x - box.width / 2, box.y, box.width, box.height
    right, low = x + w, y + h
    match kind:
        case "computed":
            return f"M{x + 6:.1f} {y:.1f}V{low:.1f}M{right - 6:.1f} {y:.1f}V{low:.1f}"
        case "candidate":
            return (
                f"M{x + 4:.1f} {low:.1f}v4H{right + 4:.1f}V{y + 4:.1f}h-4"
                f"M{x + 8:.1f} {low + 4:.1f}v4H{right + 8:.1f}V{y + 8:.1f}h-4"
            )
        case "context" | "note":
            return f"M{right - 14:.1f} {y:.1f}v14h14"
        case "memory":
            return f"M{x + 8:.1f} {y + 7:.1f}H{right - 8:.1f}"
        case _:
            return ""


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"


def _rounded(x: float, y: float, w: float, h: float, r: float) -> str:
    return (
        f"M{x + r:.1f} {y:.1f}h{w - 2 * r:.1f}a{r} {r} 0 0 1 {r} {r}v{h - 2 * r:.1f}"
        f"a{r} {r} 0 0 1 {-r} {r}h{2 * r - w:.1f}a{r} {r} 0 0 1 {-r} {-r}v{2 * r - h:.1f}"
        f"a{r} {r} 0 0 1 {r} {-r}Z"
    )


def _lines(lines: Iterable[Line]) -> list[str]:
    colour = LIGHT["page"].line
    drawn: list[str] = []
    arrows: dict[tuple[float, float], None] = {}
    for line in lines:
        (x, y), (to, end) = line.start, line.end
        if line.arrives and not line.loose:
            arrows[line.end] = None
            end -= ARROW
        bow = (end - line.leave) * 0.6
        path = f"M{x:.1f} {y:.1f}V{line.leave:.1f}"
        if end > line.leave:
            path += (
                f"C{x:.1f} {line.leave + bow:.1f} {to:.1f} {end - bow:.1f} {to:.1f} {end:.1f}"
                if x != to
                else f"V{end:.1f}"
            )
        dash = ' stroke-dasharray="1 4" stroke-linecap="round"' if line.loose else ""
        drawn.append(
            f'<path class="line" d="{path}" fill="none" stroke="{colour}" stroke-width="1.3"{dash}/>'
        )
    drawn += [
        f'<path class="arrow" d="M{x:.1f} {y:.1f}l-4 {-ARROW}h8Z" fill="{colour}"/>'
        for x, y in arrows
    ]
    return drawn


def _legend(ties: Iterable[Tie], stale: bool) -> list[str]:
    found = []
    if stale:
        found.append("Dashed border: stale, to be derived again.")
    if any(tie.loose for tie in ties):
        found.append("Dotted line: a note put at a node.")
    return [
        *found,
        "Lines that others imply are left out: what an input rests on is seen through that input.",
    ]


def _style() -> str:
    page = DARK["page"]
    rules = [
        f"svg .page{{fill:{page.fill}}}svg .page-text{{fill:{page.text}}}",
        f"svg .page-dim{{fill:{page.dim}}}svg .line{{stroke:{page.line}}}",
        f"svg .arrow{{fill:{page.line}}}",
    ]
    for name in GROUPS:
        colours = DARK[name]
        rules += [
            f"svg .{name} .box{{fill:{colours.fill};stroke:{colours.line}}}",
            f"svg .{name} .inner{{stroke:{colours.line}}}",
            f"svg .{name} .text{{fill:{colours.text}}}svg .{name} .dim{{fill:{colours.dim}}}",
        ]
    return "@media (prefers-color-scheme: dark){" + "".join(rules) + "}"
