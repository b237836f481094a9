"""The map of the memory, without a terminal: where memories lie, lines of dots, names, a frame's cost."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli.heaviness import ASCII_SIGNS, SIGNS, legend, mass_sign, sign, state
from smysl_cli.text import cells
from smysl_cli.tui.model.atlas import Atlas, Direction, Frame, Spot, View, cell, middle
from smysl_cli.tui.model.canvas import BRAILLE, Canvas, Run
from smysl_cli.tui.model.starchart import LINK_DOTS, TONES, Sky, Starchart
from smysl_daemon.memory_protocol import HopView, LinkView, MemoryView, PointView, PullView

WHEN = "2026-11-23T12:00:00+00:00"
DIRECTIONS: tuple[Direction, ...] = ("left", "right", "up", "down")
places = st.floats(-1, 1)
sizes = st.tuples(st.integers(3, 120), st.integers(2, 50))
views = st.builds(lambda x, y, zoom: View().zoomed(zoom, x, y), places, places, st.floats(1, 64))


def text_of(lines: Sequence[Sequence[Run]]) -> str:
    """What is drawn, without its tones."""
    return "\n".join("".join(run.text for run in line) for line in lines)


def point(id: str, x: float, y: float, mass: float = 0.75, **more: Any) -> PointView:
    return PointView(memory=id, text=more.pop("text", id), x=x, y=y, mass=mass, **more)


def link(a: str, b: str, weight: float = 0.5) -> LinkView:
    return LinkView(a=a, b=b, weight=weight, origin="near")


def pull(*path: tuple[str, float], strength: float = 0.4, **more: Any) -> PullView:
    facts: dict[str, Any] = {"mass": 0.75, "nearness": 0.3} | more
    hops = tuple(HopView(memory=id, text=id, weight=weight) for id, weight in path)
    return PullView(memory=path[-1][0], text=path[-1][0], strength=strength, path=hops, **facts)


def drawn(
    sky: Sky, columns: int, rows: int, *, unicode: bool = True, view: View | None = None
) -> str:
    frame = Frame(view or View(), columns, rows)
    return text_of(Starchart(unicode=unicode).draw(sky, frame))


points = st.lists(st.tuples(places, places, st.floats(0, 1)), min_size=1, max_size=40).map(
    lambda found: [point(f"m{n:02d}", *one) for n, one in enumerate(found)]
)


# ------------------------------------------------------------ places


@given(views, sizes, places, places)
def test_a_spot_of_the_pane_is_the_place_it_came_from(
    view: View, size: tuple[int, int], x: float, y: float
) -> None:
    frame = Frame(view, *size)
    back = frame.place(frame.spot(x, y))
    assert math.isclose(back[0], x, abs_tol=1e-6) and math.isclose(back[1], y, abs_tol=1e-6)


@given(sizes, places, places)
def test_everything_is_seen_in_a_view_of_everything(
    size: tuple[int, int], x: float, y: float
) -> None:
    frame = Frame(View(), *size)
    assert frame.holds(frame.spot(x, y))


@given(st.integers(0, 200), st.integers(0, 60))
def test_the_middle_of_a_cell_is_in_it(column: int, row: int) -> None:
    assert cell(middle(column, row)) == (column, row)


@given(views, st.floats(1 / 64, 64), places, places)
def test_a_view_never_leaves_the_map_and_keeps_what_it_is_zoomed_around(
    view: View, factor: float, x: float, y: float
) -> None:
    after = view.zoomed(factor, x, y)
    room = 1 - 1 / after.zoom
    assert 1 <= after.zoom <= 64
    assert abs(after.x) <= room + 1e-9 and abs(after.y) <= room + 1e-9
    frame, before = Frame(after, 80, 24), Frame(view, 80, 24)
    if before.holds(before.spot(x, y)) and after.zoom > view.zoom:
        assert frame.holds(frame.spot(x, y))


def test_a_view_of_everything_cannot_be_moved() -> None:
    for direction in DIRECTIONS:
        assert View().moved(direction) == View()
    inside = View().zoomed(4, 0, 0)
    assert inside.moved("left").x < inside.x < inside.moved("right").x
    assert inside.moved("up").y > inside.y > inside.moved("down").y


@given(points, st.sampled_from(DIRECTIONS), sizes)
def test_walking_goes_where_it_says_and_comes_to_an_end(
    found: list[PointView], direction: Direction, size: tuple[int, int]
) -> None:
    atlas, frame = Atlas(found), Frame(View(), *size)
    across, down = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[direction]
    here, steps = found[0].memory, 0
    while (there := atlas.beside(frame, here, direction)) is not None:
        a, b = (atlas.get(id) for id in (here, there))
        assert a is not None and b is not None
        one, other = frame.spot(a.x, a.y), frame.spot(b.x, b.y)
        assert (other.x - one.x) * across + (other.y - one.y) * down > 0
        here, steps = there, steps + 1
    assert steps < len(found)


def test_walking_prefers_what_is_ahead_to_what_is_aside() -> None:
    atlas = Atlas([point("a", 0, 0), point("ahead", 0.6, 0.05), point("aside", 0.1, 0.9)])
    frame = Frame(View(), 60, 30)
    assert atlas.beside(frame, "a", "right") == "ahead"
    assert atlas.beside(frame, "a", "up") == "aside"
    assert atlas.beside(frame, "a", "left") is None
    # where nothing is ahead, what is aside is reached all the same
    assert atlas.beside(frame, "ahead", "up") == "aside"
    assert atlas.beside(frame, "unknown", "up") is None


def test_the_nearest_that_is_seen_is_found() -> None:
    atlas = Atlas([point("a", -1, 0), point("b", 1, 0)])
    whole = Frame(View(), 40, 10)
    assert atlas.nearest(whole, Spot(0, 0)) == "a"
    assert atlas.nearest(whole, Spot(79, 39)) == "b"
    right = Frame(View().zoomed(4, 1, 0), 40, 10)
    assert atlas.nearest(right, Spot(0, 0)) == "b"
    assert Atlas().nearest(whole, Spot(0, 0)) is None


@given(points, st.sampled_from([(1, 1), (1, -1), (-1, 1), (-1, -1)]), st.booleans())
def test_a_map_that_was_turned_is_turned_back(
    found: list[PointView], signs: tuple[int, int], swapped: bool
) -> None:
    before = Atlas(found)
    other = [
        point(
            one.memory,
            signs[0] * (one.y if swapped else one.x),
            signs[1] * (one.x if swapped else one.y),
            one.mass,
        )
        for one in found
    ]
    after = Atlas(other).like(before)
    for one in found:
        again = after.get(one.memory)
        assert again is not None
        assert math.isclose(again.x, one.x, abs_tol=1e-9)
        assert math.isclose(again.y, one.y, abs_tol=1e-9)


def test_a_map_without_anything_in_common_stays_as_it_is() -> None:
    fresh = Atlas([point("b", 1, 0)])
    assert fresh.like(Atlas([point("a", 0, 1)])) is fresh
    assert fresh.like(Atlas([point("b", 1, 0)])) is fresh


# ------------------------------------------------------------ dots


spots = st.builds(Spot, st.floats(-300, 400), st.floats(-300, 400))


@given(sizes, spots, spots, st.integers(1, 4), st.booleans())
def test_a_line_stays_on_the_pane_and_reaches_its_ends(
    size: tuple[int, int], start: Spot, end: Spot, every: int, unicode: bool
) -> None:
    canvas = Canvas(*size, unicode=unicode)
    walked = canvas.line(start, end, "pull", every=every)
    lines = canvas.lines()
    assert len(lines) == size[1]
    assert all(sum(cells(run.text) for run in line) == size[0] for line in lines)
    assert walked <= max(size[0] * 2, size[1] * 4)
    rows = text_of(lines).split("\n")
    frame = Frame(View(), *size)
    for spot in (start, end):
        if frame.holds(spot) and every == 1 and spot.x >= 0 and spot.y >= 0:
            column, row = cell(Spot(min(round(spot.x), size[0] * 2 - 1), spot.y))
            row = min(round(spot.y), size[1] * 4 - 1) // 4
            assert rows[row][column] != " "


def test_dots_are_those_of_braille() -> None:
    canvas = Canvas(2, 1)
    assert canvas.line(Spot(0, 0), Spot(3, 0), "pull") == 4
    assert text_of(canvas.lines()) == "⠉⠉"
    canvas = Canvas(1, 1)
    canvas.line(Spot(1, 0), Spot(1, 3), "pull")
    assert text_of(canvas.lines()) == chr(BRAILLE + 0xB8)


@pytest.mark.parametrize(
    ("end", "sign"), [((19, 0), "-"), ((0, 19), "|"), ((19, 19), "\\")], ids=str
)
def test_without_unicode_a_line_is_told_by_its_slope(end: tuple[int, int], sign: str) -> None:
    canvas = Canvas(10, 5, unicode=False)
    canvas.line(Spot(0, 0), Spot(*end), "pull")
    assert set(text_of(canvas.lines())) <= {sign, " ", "\n"}
    rising = Canvas(10, 5, unicode=False)
    rising.line(Spot(0, 19), Spot(19, 0), "pull")
    assert "/" in text_of(rising.lines())


def test_a_faint_line_has_fewer_dots_and_does_not_blur_a_whole_one() -> None:
    canvas = Canvas(10, 1)
    canvas.line(Spot(0, 3), Spot(19, 3), "link", every=3)
    canvas.line(Spot(0, 0), Spot(19, 0), "pull")
    assert text_of(canvas.lines()) == "⠉" * 10
    assert {run.tone for line in canvas.lines() for run in line} == {"pull"}


def test_what_is_put_is_not_drawn_over_and_takes_its_room() -> None:
    canvas = Canvas(8, 2)
    canvas.put(2, 0, "漢x", "label")
    canvas.line(Spot(0, 1), Spot(15, 1), "pull")
    assert text_of(canvas.lines()).split("\n")[0][2:4] == "漢x"
    assert not canvas.has_room(0, 0, 3) and not canvas.has_room(3, 0, 1)
    assert canvas.has_room(5, 0, 3) and canvas.has_room(0, 0, 2)
    assert not canvas.has_room(6, 0, 3) and not canvas.has_room(0, 2, 1)
    # half a wide character is none, and nothing leaves the pane
    canvas.put(7, 1, "漢", "label")
    canvas.put(-1, 1, "ab", "label")
    canvas.put(0, 5, "nowhere", "label")
    assert text_of(canvas.lines()).split("\n")[1] == "b       "
    assert canvas.lines()[0][1] == ("漢x", "label")


def test_a_copy_is_drawn_on_alone() -> None:
    canvas = Canvas(4, 1)
    copy = canvas.copy()
    copy.put(0, 0, "x", "label")
    assert text_of(canvas.lines()) == "    " and text_of(copy.lines()) == "x   "


# ------------------------------------------------------------ signs


def test_a_sign_is_one_column_and_says_mass_pin_and_mute() -> None:
    signs = [mass_sign(mass) for mass in (0, 0.34, 0.35, 0.64, 0.65, 0.87, 0.88, 1)]
    assert signs == [SIGNS[0]] * 2 + [SIGNS[1]] * 2 + [SIGNS[2]] * 2 + [SIGNS[3]] * 2
    assert [mass_sign(mass, unicode=False) for mass in (0, 0.5, 0.7, 1)] == list(ASCII_SIGNS)
    for unicode in (True, False):
        every = [
            sign(point("a", 0, 0, mass, pinned=pinned, muted=muted), unicode=unicode)
            for mass in (0.1, 0.5, 0.7, 0.9)
            for pinned in (False, True)
            for muted in (False, True)
        ]
        assert all(cells(one) == 1 for one in every) and len(set(every)) == 6
        assert all(one in legend(unicode=unicode) for one in every)
    assert legend(unicode=False).isascii()


def test_a_state_is_told_in_words() -> None:
    facts: dict[str, Any] = {"id": "a", "text": "a", "source": "person", "created": WHEN}
    one = MemoryView(mass=0.5, uses=0, **facts)
    both = MemoryView(mass=1, uses=0, pinned=True, muted=True, **facts)
    assert (state(one), state(both)) == ("", "pinned, muted")


# ------------------------------------------------------------ the whole picture


@given(points, sizes, views, st.booleans(), st.integers(0, 3))
def test_a_frame_fills_the_pane_exactly_and_its_tones_are_known(
    found: list[PointView], size: tuple[int, int], view: View, unicode: bool, pulled: int
) -> None:
    ids = [one.memory for one in found]
    links = [link(a, b) for a, b in zip(ids, ids[1:], strict=False)]
    pulls = tuple(pull((ids[0], 0.5), (id, 0.4)) for id in ids[:pulled])
    sky = Sky(Atlas(found, links), ids[-1], pulls, ids[0])
    lines = Starchart(unicode=unicode).draw(sky, Frame(view, *size))
    assert len(lines) == size[1]
    assert all(sum(cells(run.text) for run in line) == size[0] for line in lines)
    assert {run.tone for line in lines for run in line} <= {"", *TONES}
    if not unicode:
        assert text_of(lines).isascii()


@given(points, st.tuples(st.integers(40, 120), st.integers(10, 50)))
def test_names_are_whole_stand_beside_their_signs_and_never_overlap(
    found: list[PointView], size: tuple[int, int]
) -> None:
    named = [point(one.memory, one.x, one.y, one.mass, text=f"<{one.memory}>") for one in found]
    lines = drawn(Sky(Atlas(named)), *size).split("\n")
    for one in named:
        for row, line in enumerate(lines):
            if (column := line.find(f"<{one.memory}>")) >= 0:
                _, own = cell(Frame(View(), *size).spot(one.x, one.y))
                assert abs(own - row) <= 1
                assert line.count("<") == line.count(">")
                assert column == 0 or line[column - 1] not in "<>"


def test_the_heavier_of_two_in_a_cell_is_seen_and_the_chosen_one_over_all() -> None:
    both = [point("heavy", 0, 0, 0.9), point("light", 0, 0, 0.1)]
    assert SIGNS[3] in drawn(Sky(Atlas(both)), 40, 11)
    shown = drawn(Sky(Atlas(both), "light"), 40, 11)
    assert f"[{SIGNS[0]}] light" not in shown and f"[{SIGNS[0]}]light" in shown


def test_pulls_are_drawn_whole_from_the_words_over_each_memory_on_the_way() -> None:
    atlas = Atlas(
        [point("a", -0.8, 0, text="apple"), point("b", 0.8, 0, text="bread"), point("c", 0, 0.9)],
        [link("a", "b")],
    )
    quiet = Starchart().draw(Sky(atlas), Frame(View(), 60, 15))
    assert "pull" not in {run.tone for line in quiet for run in line}
    one, two = pull(("a", 0.6)), pull(("a", 0.6), ("b", 0.5))
    lines = Starchart().draw(Sky(atlas, None, (one, two)), Frame(View(), 60, 15))
    text = text_of(lines)
    assert "◆" in text and "1 apple" in text and "2 bread" in text
    dotted = sum(len(run.text) for line in lines for run in line if run.tone == "pull")
    assert dotted > 25  # the way from a to b, nearly all of the pane
    plain = drawn(Sky(atlas, None, (one, two)), 60, 15, unicode=False)
    assert "#" in plain and "---" in plain


def test_a_pinned_memory_that_the_words_do_not_reach_has_no_way_from_them() -> None:
    atlas = Atlas([point("a", -0.5, 0, pinned=True)])
    alone = pull(("a", 1.0), strength=1.0, nearness=0.0, pinned=True)
    shown = drawn(Sky(atlas, None, (alone,)), 40, 9)
    assert "◆" not in shown and "⚑ 1 a" in shown
    near = pull(("a", 0.4), strength=1.0, nearness=0.4, pinned=True)
    assert "◆" in drawn(Sky(atlas, None, (near,)), 40, 9)


def test_the_words_stand_beside_what_they_fall_on_and_not_on_it() -> None:
    atlas = Atlas([point("a", 0, 0, text="alone")])
    shown = drawn(Sky(atlas, None, (pull(("a", 0.9)),)), 40, 15)
    assert "◆" in shown and "1 alone" in shown and "●" in shown


def test_the_chosen_one_has_a_short_name_where_a_long_one_has_no_room() -> None:
    chosen = point("x", 0, 0, text="a long name that says much about a thing")
    # others on both sides leave 14 columns to the right, and the pane has no other row
    beside = [point("left", -0.3, 0), point("right", 0.6, 0)]
    pulls = tuple(pull((one.memory, 1), nearness=0.0, pinned=True) for one in beside)
    assert "[●]a long name" in drawn(Sky(Atlas([chosen, *beside]), "x", pulls), 60, 1)


def test_links_of_muted_memories_are_not_drawn_nor_are_their_names() -> None:
    loud = Atlas([point("a", -0.9, 0), point("b", 0.9, 0)], [link("a", "b")])
    mute = Atlas([point("a", -0.9, 0), point("b", 0.9, 0, muted=True)], [link("a", "b")])
    tones = [
        {run.tone for line in Starchart().draw(Sky(atlas), Frame(View(), 40, 9)) for run in line}
        for atlas in (loud, mute)
    ]
    assert "link" in tones[0] and "link" not in tones[1]
    assert "b" in drawn(Sky(loud), 40, 9) and "b" not in drawn(Sky(mute), 40, 9)


def test_a_link_that_is_being_made_is_drawn() -> None:
    atlas = Atlas([point("a", -0.9, 0), point("b", 0.9, 0)])
    lines = Starchart().draw(Sky(atlas, "b", (), "a"), Frame(View(), 40, 9))
    assert "pull" in {run.tone for line in lines for run in line}


def test_thousands_of_memories_cost_no_more_dots_than_the_pane_is_worth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = [
        point(f"{n}", math.cos(n) * (n % 97) / 97, math.sin(n) * (n % 89) / 89) for n in range(2000)
    ]
    links = [link(f"{n}", f"{n * 7 % 2000}") for n in range(2000)]
    walked: list[int] = []
    line = Canvas.line

    def counted(canvas: Canvas, *words: Any, **options: Any) -> int:
        walked.append(line(canvas, *words, **options))
        return walked[-1]

    monkeypatch.setattr(Canvas, "line", counted)
    chart = Starchart()
    frame = Frame(View(), 100, 40)
    chart.draw(Sky(Atlas(many, links)), frame)
    assert sum(walked) <= LINK_DOTS * 100 * 40 + 200
    walked.clear()
    sky = Sky(Atlas(many, links), "5")
    chart.draw(sky, frame)
    walked.clear()
    chart.draw(Sky(sky.atlas, "6"), frame)
    # only what is over the faint links is drawn anew
    assert sum(walked) < 1000
