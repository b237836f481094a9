"""The map in letters keeps to its frame, whatever lies where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli import heaviness, memory_map
from smysl_cli.text import cells
from smysl_daemon.memory_protocol import LinkView, PointView


def point(id: str, x: float, y: float, mass: float = 0.5, **more: bool) -> PointView:
    return PointView(memory=id, text=f"text of {id}", x=x, y=y, mass=mass, **more)


def linked(a: str, b: str, weight: float = 0.5) -> LinkView:
    return LinkView(a=a, b=b, weight=weight, origin="near")


SPACE = {"width": 60, "height": 15}


def test_points_stand_where_they_lie_with_signs_links_and_names() -> None:
    points = [
        point("a", -1, 1, mass=0.9),
        point("b", 1, 1, mass=0.1),
        point("c", -1, -1, pinned=True),
        point("d", 1, -1, muted=True),
    ]
    drawn = memory_map.draw(points, [linked("a", "c")], ["c", "a"], **SPACE, unicode=True)
    lines = drawn.lines
    assert len(lines) == 15
    assert lines[0].startswith(f"{heaviness.mass_sign(0.9)}b text of a")
    assert lines[0].endswith(heaviness.mass_sign(0.1)) and len(lines[0]) == 60
    assert lines[-1].startswith(f"{heaviness.PINNED}a text of c")
    assert lines[-1].endswith(heaviness.MUTED)
    assert all(line == "." for line in lines[1:-1])
    assert drawn.names == {"c": "a", "a": "b"} and drawn.hidden == 0


def test_a_link_to_what_is_not_there_is_passed_over() -> None:
    drawn = memory_map.draw([point("a", 0, 0)], [linked("a", "z")], [], **SPACE, unicode=True)
    assert "".join(drawn.lines).strip() == heaviness.mass_sign(0.5)


def test_what_lies_in_one_place_stands_side_by_side_as_far_as_there_is_room() -> None:
    points = [point(f"{i:03d}", 0, 0) for i in range(100)]
    drawn = memory_map.draw(points, [], [], **SPACE, unicode=True)
    around = (2 * memory_map.CROWD + 1) ** 2
    assert "".join(drawn.lines).count(heaviness.mass_sign(0.5)) == around
    assert drawn.hidden == 100 - around


def test_plain_terminals_get_plain_letters() -> None:
    points = [point("a", -0.5, 0, mass=0.9), point("b", 0.5, 0, pinned=True)]
    drawn = memory_map.draw(points, [linked("a", "b")], ["a"], **SPACE, unicode=False)
    assert all(line.isascii() for line in drawn.lines)
    assert memory_map.legend(unicode=False).isascii()


near = st.floats(-2, 2, allow_nan=False)
texts = st.text(st.sampled_from("ab é漢\N{COMBINING ACUTE ACCENT}\x1b"), max_size=30)


@given(
    st.lists(st.tuples(near, near, st.floats(0, 1), texts), max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=40),
    st.integers(40, 120),
    st.integers(12, 40),
    st.booleans(),
)
def test_nothing_leaves_the_frame(
    found: list[tuple[float, float, float, str]],
    pairs: list[tuple[int, int]],
    width: int,
    height: int,
    unicode: bool,
) -> None:
    points = [
        PointView(memory=f"{i:02d}", text=text, x=x, y=y, mass=mass)
        for i, (x, y, mass, text) in enumerate(found)
    ]
    links = [linked(f"{a:02d}", f"{b:02d}") for a, b in pairs if a != b]
    named = [one.memory for one in points[:5]]
    drawn = memory_map.draw(points, links, named, width=width, height=height, unicode=unicode)
    assert len(drawn.lines) == height
    assert max(map(cells, drawn.lines)) <= width
    assert not any("\x1b" in line for line in drawn.lines)
    assert set(drawn.names) == set(named)


@pytest.mark.parametrize("count", [26, 27, 100])
def test_there_are_as_many_names_as_letters(count: int) -> None:
    points = [point(f"{i:03d}", 0, 0) for i in range(count)]
    drawn = memory_map.draw(points, [], [one.memory for one in points], **SPACE, unicode=True)
    assert list(drawn.names.values()) == list(memory_map.NAMED)
