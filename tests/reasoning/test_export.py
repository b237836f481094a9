"""Pictures and pages of graphs: sound for any text, and legible."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_reasoning.export import FORMATS, dot, html, markdown, svg
from smysl_reasoning.export.layers import Box, Layout, Line, Tie, lay_out
from smysl_reasoning.export.marks import SYMBOLS, percent
from smysl_reasoning.export.text import cells, clean, cut, lines, one_line, wrap
from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.history import Again, Hold
from smysl_reasoning.nodes import (
    CheckData,
    Data,
    Edge,
    Kind,
    Node,
    Recipe,
    Stats,
    Status,
    value_hash,
)

SVG = "{http://www.w3.org/2000/svg}"
PAGE = "{http://www.w3.org/1999/xhtml}"
RECIPE = Recipe(module="derive@1", prompt="", sampling="", engine="e")
HOSTILE = [
    "</title></svg><script>alert(1)</script>",
    ']]> & &amp; \\ " \' \\" \\N',
    "# heading\n- item\n1. one\n---\n```\n> quote\n| a | b |",
    "control \x00\x1b[31m \ud800 \ufffe \r\n end",
    "  \n\t\n",
    "数" * 200,
    "a" * 500,
    "e\u0301" * 100,
    "[link](http://example.org) ![](x) <b>bold</b> _it_ *it* $x$",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec=None), max_size=30))
few = settings(max_examples=30)


def placed(
    id: str,
    kind: Kind,
    text: str,
    *inputs: tuple[str, str],
    made: bool = True,
    status: Status = "done",
    seen: tuple[str, ...] = (),
    hold: Hold | None = None,
    data: Data | None = None,
    confidence: float | None = None,
) -> Placed:
    node = Node(
        id=id,
        session="s",
        kind=kind,
        text=text,
        data=data,
        inputs=tuple(Edge(role, node) for role, node in inputs),
        recipe=RECIPE if made else None,
        status=status,
        stats=Stats(calls=1, prompt_tokens=7, generated_tokens=2, confidence=confidence),
    )
    return Placed(node, 0, hashed(kind, text), seen, hold=hold)


def hashed(kind: Kind, text: str) -> str:
    return value_hash(kind, text.encode(errors="replace").decode(), None)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A node of any kind and text for each number, over some of those before, some of them gone."""
    made = []
    for number in range(draw(st.integers(0, 6))):
        sources = [f"n{i}" for i in range(number)] + ["gone"]
        role = st.sampled_from(["after", "at", "<&>"])
        inputs = draw(st.lists(st.tuples(role, st.sampled_from(sources)), max_size=3))
        kind = draw(st.sampled_from(get_args(Kind)))
        made.append(placed(f"n{number}", kind, draw(texts), *inputs, made=draw(st.booleans())))
    return Graph(made)


def solved(text: Callable[[str], str] = str) -> Graph:
    """A session as `solve` leaves it, with an edited step, a note and a pinned check; `text` rewrites every text."""
    asked, plan, half = "Ann has 48 pens and gives away half. How many?", "story, 2 steps", "48 / 2"
    question = ("question", "q")
    nodes = [
        placed("q", "question", text(asked), made=False),
        placed("c", "context", text("Half is a division by 2."), made=False),
        placed("p", "plan", text(plan), question, ("context", "c"), confidence=0.9991),
        placed("s", "step", text(half), question, ("plan", "p")),
        placed("v", "computed", text("48 / 2 = 24"), ("step", "s"), question),
        placed("s2", "step", text("24 * 1"), question, ("after", "s"), ("value", "v")),
        placed("v2", "computed", text("24 * 1 = 24"), ("step", "s2"), ("n2", "v"), status="cancelled"),
        placed("a", "answer", text("24"), question, ("after", "s2"), ("value", "v2"), confidence=0.5),
        placed("d1", "candidate", text("48 / 2 = 24\nanswer: 24"), question),
        placed("d2", "candidate", text("48 / 2 = 24\nanswer: 24"), question),
        placed("d3", "candidate", text("48 - 2 = 46\nanswer: 46"), question, confidence=0.25),
        placed("k", "choice", text("24: 3, 46: 1 (of 4)"), ("main", "a"), *(("other", d) for d in ("d1", "d2", "d3"))),
        placed(
            "f", "check", text("the checker gives 90.0%"), ("derivation", "a"), hold="pinned",
            data=CheckData("checker", 0.9, True),
        ),
        placed("g", "check", text("3 of 4 agree"), ("choice", "k"), data=CheckData("agreement", 0.75, False)),
        placed("n", "note", text("it was a gift"), ("at", "s"), made=False),
    ]  # fmt: skip
    return Graph(nodes)


@few
@given(graphs(), texts)
def test_svg_is_well_formed_and_says_everything_in_its_tooltips(graph: Graph, title: str) -> None:
    root = ET.fromstring(svg.render(title, graph).encode())
    assert root.tag == SVG + "svg"
    told = [one.text or "" for one in root.iter(SVG + "title")]
    assert told[0] == clean(title)
    assert len(told) == 1 + len(graph)
    for id, said in zip(graph, told[1:], strict=True):
        assert said.startswith(f"{graph.node(id).kind} {id}\n")
        assert said.endswith("\n" + clean(graph.node(id).text))


@few
@given(graphs(), texts)
def test_html_is_well_formed_holds_every_text_and_its_links_lead_somewhere(
    graph: Graph, title: str
) -> None:
    page = html.render(title, graph)
    root = ET.fromstring(page.encode())
    whole = {one.get("id"): one.text or "" for one in root.iter(PAGE + "pre")}
    assert whole == {html.anchor(id): clean(graph.node(id).text) for id in graph}
    links = [one.get("href", "") for tag in (PAGE, SVG) for one in root.iter(tag + "a")]
    assert {link.removeprefix("#") for link in links} == whole.keys()
    assert len([*root.iter(PAGE + "script"), *root.iter(SVG + "script")]) == 0


def test_a_page_loads_nothing() -> None:
    page = html.render("t", solved())
    assert "default-src 'none'" in page
    assert not re.search(
        r"\b(src|url\(|@import|<link|<script|<img|<iframe)", page.split("</style>", 1)[1]
    )
    addresses = set(re.findall(r"https?://[^\"' <]+", page))
    assert addresses == {"http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"}  # fmt: skip


STRING = r'"(?:[^"\\]|\\.)*"'
STATEMENT = re.compile(rf"  ({STRING})(?: -> ({STRING}))? \[label=({STRING})[^\"]*\];")


@few
@given(graphs(), texts)
def test_dot_has_a_statement_for_each_node_and_each_shown_input(graph: Graph, title: str) -> None:
    first, label, *rest = dot.render(title, graph).rstrip("\n").split("\n")
    assert first == "digraph smysl {" and rest[-1] == "}"
    assert re.fullmatch(rf"  graph \[label={STRING}, [^\"]*\];", label)
    found = [STATEMENT.fullmatch(line) for line in rest[2:-1]]
    assert all(found), "each statement is a line, whatever the texts hold"
    parts = [one.groups() for one in found if one]
    assert [a for a, b, _ in parts if b is None] == [f'"{id}"' for id in graph]
    edges = [(f'"{edge.node}"', f'"{id}"') for id in graph for edge in graph.inputs(id)]
    assert [(a, b) for a, b, _ in parts if b is not None] == edges


def test_dot_writes_what_graphviz_would_read_otherwise() -> None:
    drawn = dot.render("", Graph([placed("q", "question", 'a \\N "b" &lt; c\nd')]))
    assert 'label="? question\\na \\\\N \\"b\\" &amp;lt; c\\nd"' in drawn


def test_markdown_reads_like_a_solution() -> None:
    assert markdown.render("Pens", solved()).split("---")[0] == (
        """# Pens

## Ann has 48 pens and gives away half. How many?

**Context**

> Half is a division by 2.

**Answer: 24** (not verified, confidence 67.5 %)

*Out of date: 6 nodes to be derived again.*

### Derivation

Plan: story, 2 steps *(99.9 %)*

1. 48 / 2

   > **Note**: it was a gift

2. 48 / 2 = 24 *(stale)*
3. 24 \\* 1 = 24 *(stale, cancelled)*
4. answer: 24 *(stale, 50 %)*

### Compared with

1. 48 / 2 = 24\\
   answer: 24 *(2 times)*
2. 48 - 2 = 46\\
   answer: 46 *(25 %)*

### Votes and checks

- 24: 3, 46: 1 (of 4) *(stale)*
- the checker gives 90.0% *(pinned, passed, 90 %)*
- 3 of 4 agree *(stale, not passed, 75 %)*

"""
    )


def shape(page: str) -> list[str]:
    """What a page of Markdown is built of: its headings and its list items, without their texts."""
    return re.findall(r"^\s*(?:#+|-|\d+\.|>|\||```|===)(?=\s)", page, re.MULTILINE)


@few
@given(texts)
def test_no_text_changes_how_markdown_is_built(text: str) -> None:
    def same(_: str) -> str:
        return text

    def harmless(_: str) -> str:
        return "\n".join("x" for _ in lines(text)) or "x"

    assert shape(markdown.render("t", solved(same))) == shape(
        markdown.render("t", solved(harmless))
    )


@few
@given(graphs())
def test_markdown_leaves_no_node_out(graph: Graph) -> None:
    named = Graph(
        one._replace(node=msgspec.structs.replace(one.node, text=f"text{one.node.id}"))
        for one in map(graph.placed, graph)
    )
    page = markdown.render("t", named)
    for id in named:
        assert f"text{id}" in page


def test_an_empty_branch_has_a_page_in_every_format() -> None:
    for name, render in FORMATS.items():
        assert "0 nodes" in render("empty", Graph([])) or name == "dot"


def test_stale_boxes_are_dashed_and_say_so() -> None:
    graph = solved()
    root = ET.fromstring(svg.render("t", graph).encode())
    boxes = [one for one in root.iter(SVG + "path") if one.get("class") == "box"]
    dashed = [one for one in boxes if one.get("stroke-dasharray")]
    assert len(boxes) == len(graph) and len(dashed) == len(graph.stale()) == 6
    said = [one.text or "" for one in root.iter(SVG + "text")]
    assert sum(one.startswith("stale") for one in said) == 6
    assert "Dashed border: stale, to be derived again." in said


def test_kinds_are_told_apart_by_shape_or_sign_not_by_colour_alone() -> None:
    kinds: Sequence[Kind] = get_args(Kind)
    assert len({SYMBOLS[kind] for kind in kinds}) == len(kinds)
    graph = Graph(placed(f"n{i}", kind, "x") for i, kind in enumerate(kinds))
    root = ET.fromstring(svg.render("t", graph).encode())
    labels = [one.text for one in root.iter(SVG + "text") if one.get("font-weight") == "bold"]
    assert labels == [f"{SYMBOLS[kind]} {kind}" for kind in kinds]


def test_what_is_asked_for_again_says_so_until_it_is_made() -> None:
    one = placed("s", "step", "x")._replace(again=Again(seed=2))
    made = one._replace(again=Again(seed=2, done=True))
    for name, render in FORMATS.items():
        assert "to be made again" in render("t", Graph([one])), name
        assert "to be made again" not in render("t", Graph([made])), name


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it, 0..1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [svg.LIGHT, svg.DARK])
def test_every_text_and_line_has_the_contrast_that_accessibility_asks_for(
    palette: dict[str, svg.Colours],
) -> None:
    for colours in palette.values():
        assert contrast(colours.text, colours.fill) >= 7
        assert contrast(colours.dim, colours.fill) >= 4.5
        assert contrast(colours.line, colours.fill) >= 3
        assert contrast(colours.line, palette["page"].fill) >= 3


@few
@given(texts)
def test_no_line_of_text_leaves_its_box(text: str) -> None:
    root = ET.fromstring(svg.render(text, solved(lambda _: text)).encode())
    room = svg.BOX_WIDTH - 2 * svg.PADDING
    for group in root.iter(SVG + "g"):
        for one in group.findall(SVG + "text"):
            assert cells(one.text or "") * svg.CELL <= room


@st.composite
def ties(draw: st.DrawFn) -> tuple[dict[str, tuple[float, float]], list[Tie]]:
    names = [f"n{i}" for i in range(draw(st.integers(2, 12)))]
    widths, heights = st.sampled_from([40.0, 90.0]), st.sampled_from([20.0, 60.0])
    sizes = {name: (draw(widths), draw(heights)) for name in names}
    pairs = draw(st.lists(st.sampled_from(list(combinations(names, 2))), max_size=20))
    return sizes, [Tie(a, b, draw(st.booleans())) for a, b in pairs]


@given(ties(), st.integers(1, 4))
def test_boxes_do_not_overlap_and_stand_under_what_they_are_tied_to(
    given_: tuple[dict[str, tuple[float, float]], list[Tie]], most: int
) -> None:
    sizes, tied = given_
    layout = lay_out(sizes, tied, most=most)
    assert list(layout.boxes) == list(sizes)
    for one, other in combinations(layout.boxes.values(), 2):
        apart = abs(one.x - other.x) - (one.width + other.width) / 2
        assert apart > 0 or one.y + one.height < other.y or other.y + other.height < one.y
    for tie in tied:
        above, below = layout.boxes[tie.upper], layout.boxes[tie.lower]
        assert above.y + above.height < below.y
    for top in {box.y for box in layout.boxes.values()}:
        assert sum(box.y == top for box in layout.boxes.values()) <= most
    for box in layout.boxes.values():
        assert box.x - box.width / 2 >= -1e-6 and box.x + box.width / 2 <= layout.width + 1e-6
        assert 0 <= box.y and box.y + box.height <= layout.height + 1


@few
@given(ties(), st.integers(1, 4))
def test_lines_lead_from_each_box_to_those_tied_below_it_and_to_no_other(
    given_: tuple[dict[str, tuple[float, float]], list[Tie]], most: int
) -> None:
    sizes, tied = given_
    layout = lay_out(sizes, tied, most=most)
    found = set()
    for name, box in layout.boxes.items():
        for loose in (False, True):
            for place in reached((box.x, box.y + box.height), layout, loose):
                ends = [n for n, b in layout.boxes.items() if near((b.x, b.y), place)]
                found |= {Tie(name, end, loose) for end in ends}
    # one line is drawn where two boxes are tied in both ways
    drawn = {Tie(a, b, any(Tie(a, b, True) == t for t in tied)) for a, b, _ in tied}
    assert {(a, b) for a, b, _ in found} == {(a, b) for a, b, _ in drawn}


def reached(
    start: tuple[float, float], layout: Layout, loose: bool
) -> Iterator[tuple[float, float]]:
    for line in layout.lines:
        if line.loose == loose and near(line.start, start):
            if line.arrives:
                yield line.end
            else:
                yield from reached(line.end, layout, loose)


def near(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return abs(a[0] - b[0]) < 1e-6 and abs(a[1] - b[1]) < 1e-6


def test_no_line_runs_through_a_box() -> None:
    fan = [Tie("q", f"n{i}", False) for i in range(9)] + [
        Tie(f"n{i}", "v", False) for i in range(9)
    ]
    sizes = {
        "q": (80.0, 30.0),
        **{f"n{i}": (80.0, 20.0 + 9 * i) for i in range(9)},
        "v": (80.0, 30.0),
    }
    layout = lay_out(sizes, fan, most=3)
    for line in layout.lines:
        for box in layout.boxes.values():
            assert not through(line, box)


def through(line: Line, box: Box) -> bool:
    """Whether the part of a line that goes straight down, inside its layer, passes a box."""
    inside = abs(line.start[0] - box.x) < box.width / 2
    return inside and line.start[1] < box.y + box.height - 1e-6 and line.leave > box.y + 1e-6


def test_a_fan_of_thousands_needs_two_lines_a_candidate_and_two_trunks() -> None:
    nodes = [placed("q", "question", "?")]
    nodes += [placed(f"n{i}", "candidate", "x", ("question", "q")) for i in range(2_000)]
    nodes.append(placed("v", "choice", "x", *(("other", f"n{i}") for i in range(2_000))))
    drawn = svg.render("fan", Graph(nodes))
    assert drawn.count('class="box"') == 2_002
    # each candidate has two lines, each of the two trunks two lines a layer
    assert drawn.count('class="line"') <= 2 * 2_000 + 4 * 2_000 / 10 + 10


def test_what_an_input_shows_already_is_not_drawn_again() -> None:
    drawn = {(tie.upper, tie.lower) for tie in svg.drawn_ties(solved())}
    assert ("p", "s") in drawn and ("q", "s") not in drawn
    assert ("v", "s2") in drawn and ("s", "s2") not in drawn
    assert Tie("s", "n", loose=True) in svg.drawn_ties(solved())


@given(texts, st.integers(2, 40), st.integers(1, 5))
def test_wrapped_text_fits_and_loses_nothing_but_what_is_cut(
    text: str, width: int, most: int
) -> None:
    wrapped = wrap(text, width, most)
    assert len(wrapped) <= most and all(cells(line) <= width for line in wrapped)
    whole = "".join("".join(lines(text)).split())
    told = "".join("".join(wrapped).split())
    assert told == whole or (told.endswith("…") and whole.startswith(told[:-1].rstrip()))


@given(texts, st.integers(1, 30))
def test_cut_text_is_as_short_as_asked(text: str, width: int) -> None:
    line = one_line(text)
    assert "\n" not in line
    assert cells(cut(line, width)) <= width
    assert cut(line, 10_000) == line


def test_a_share_is_never_rounded_up_to_certainty() -> None:
    assert [percent(share) for share in (1.0, 0.99999, 0.956, 0.5, 0.0)] == [
        "100 %",
        "> 99.9 %",
        "95.6 %",
        "50 %",
        "0 %",
    ]
