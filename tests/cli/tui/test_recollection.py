"""What the memory's screen shows, without a terminal: replies in, lines out."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli.text import cells
from smysl_cli.tui.keys import keymap
from smysl_cli.tui.model.dossier import EMPTY, Line, Target, dossier, listing
from smysl_cli.tui.model.inspection import inspect
from smysl_cli.tui.model.marks import mark, remarks
from smysl_cli.tui.model.recollection import Recollection
from smysl_cli.tui.model.request import Asking, BadSetting, recall
from smysl_cli.tui.model.thoughts import Thoughts
from smysl_cli.tui.screens.remembering import changed
from smysl_daemon.errors import BadConfig
from smysl_daemon.memory_protocol import (
    HopView,
    LinkView,
    MemoryChanged,
    MemoryList,
    MemoryMap,
    MemoryShown,
    MemoryView,
    PointView,
    PullView,
    StaleSession,
    UseView,
)
from smysl_daemon.shapes import EdgeView, NodeView, RecipeView, StatsView

WHEN = "2026-11-23T12:00:00+00:00"


def memory(id: str, text: str = "", **more: Any) -> MemoryView:
    facts: dict[str, Any] = {"source": "person", "created": WHEN, "mass": 0.75, "uses": 0} | more
    return MemoryView(id=id, text=text or f"about {id}", **facts)


def listed(*memories: MemoryView) -> MemoryList:
    return MemoryList(memories=memories, total=len(memories))


def point(id: str, x: float = 0.0, y: float = 0.0, **more: Any) -> PointView:
    return PointView(memory=id, text=f"about {id}", x=x, y=y, mass=0.5, **more)


def pull(*path: tuple[str, float], **more: Any) -> PullView:
    facts: dict[str, Any] = {"strength": 0.41, "mass": 0.75, "nearness": 0.3} | more
    hops = tuple(HopView(memory=id, text=f"about {id}", weight=weight) for id, weight in path)
    return PullView(memory=path[-1][0], text=f"about {path[-1][0]}", path=hops, **facts)


def shown(one: MemoryView, *links: LinkView, uses: tuple[UseView, ...] = ()) -> MemoryShown:
    texts = {id: f"about {id}" for link in links for id in (link.a, link.b)}
    return MemoryShown(memory=one, links=links, texts=texts, uses=uses)


def words(lines: list[Line]) -> str:
    return "\n".join("".join(run.text for run in line.runs) for line in lines)


def targets(lines: list[Line]) -> list[Target]:
    return [line.target for line in lines if line.target is not None]


# ------------------------------------------------------------ what is looked at


def test_the_first_of_the_list_is_looked_at_until_another_one_is_chosen() -> None:
    seen = Recollection()
    assert [seen.chosen, seen.total, seen.ids] == [None, None, []]
    seen.listed(listed(memory("a"), memory("b")))
    assert (seen.chosen, seen.total, seen.ids) == ("a", 2, ["a", "b"])
    seen.choose("b")
    seen.listed(listed(memory("c"), memory("a"), memory("b")))
    assert seen.chosen == "b"
    # one that was asked for need not be among those listed
    asked = Recollection("z")
    asked.listed(listed(memory("a")))
    assert asked.chosen == "z"


def test_what_falls_into_words_takes_the_place_of_the_list() -> None:
    seen = Recollection()
    seen.listed(listed(memory("a"), memory("b"), memory("c")))
    seen.pulled("ferry", (pull(("b", 0.6)), pull(("b", 0.6), ("c", 0.5))))
    assert seen.ids == ["b", "c"] and seen.chosen == "b"
    seen.choose("c")
    # the same search again, after something was changed
    seen.pulled("ferry", (pull(("b", 0.5)), pull(("b", 0.5), ("c", 0.5))))
    assert seen.chosen == "c"
    seen.pulled("ferry", (pull(("b", 0.5)),))
    assert seen.chosen == "b"
    seen.pulled("ferry to", (pull(("c", 0.7)), pull(("b", 0.6))))
    assert seen.chosen == "c"
    seen.pulled("", ())
    assert seen.ids == ["a", "b", "c"] and seen.chosen == "c"


def test_the_list_brings_the_map_up_to_date_and_keeps_it_otherwise() -> None:
    seen = Recollection()
    seen.listed(listed(memory("a")))
    seen.mapped(MemoryMap(points=(point("a"), point("b")), links=(), total=5))
    assert seen.total == 5 and seen.atlas.total == 5
    before = seen.atlas
    seen.listed(listed(memory("a", mass=0.5, text="about a")))
    assert seen.atlas is before
    seen.listed(listed(memory("a", mass=1.0, pinned=True)))
    changed_point = seen.atlas.get("a")
    assert changed_point is not None and changed_point.pinned and changed_point.mass == 1.0


def test_one_that_is_read_whole_is_brought_up_to_date_on_the_map_too() -> None:
    seen = Recollection("b")
    seen.mapped(MemoryMap(points=(point("a"), point("b")), links=(), total=2))
    seen.read(shown(memory("b", muted=True)))
    one, other = seen.atlas.get("b"), seen.atlas.get("a")
    assert one is not None and one.muted and one.mass == 0.75
    assert other is not None and not other.muted and other.mass == 0.5


def test_a_map_that_is_read_again_is_not_turned() -> None:
    seen = Recollection()
    seen.mapped(MemoryMap(points=(point("a", 1, 0.2), point("b", -1, 0.4)), links=(), total=2))
    seen.mapped(MemoryMap(points=(point("a", -1, -0.2), point("b", 1, -0.4)), links=(), total=2))
    again = seen.atlas.get("a")
    assert again is not None and (again.x, again.y) == (1, 0.2)


def test_a_pull_over_what_is_not_on_the_map_is_noticed() -> None:
    seen = Recollection()
    seen.mapped(MemoryMap(points=(point("a"), point("b")), links=(), total=3000))
    seen.pulled("x", (pull(("a", 0.5), ("b", 0.5)),))
    assert not seen.off_map()
    seen.pulled("x", (pull(("rare", 0.5), ("b", 0.5)),))
    assert seen.off_map()


def test_after_one_is_forgotten_the_next_one_is_looked_at() -> None:
    seen = Recollection()
    seen.listed(listed(memory("a"), memory("b"), memory("c")))
    seen.choose("b")
    seen.begun = "b"
    seen.gone("b")
    assert [seen.chosen, seen.begun] == ["c", None]
    seen.listed(listed(memory("a"), memory("c")))
    seen.gone("c")
    assert seen.chosen == "a"
    seen.listed(listed(memory("a")))
    seen.gone("a")
    assert seen.chosen is None
    # of another one than the chosen nothing is seen
    seen.listed(listed(memory("a"), memory("b")))
    seen.gone("b")
    assert seen.chosen == "a"


def test_orders_follow_each_other() -> None:
    seen = Recollection()
    orders = [seen.order]
    for _ in range(3):
        seen.next_order()
        orders.append(seen.order)
    assert orders == ["heavy", "new", "used", "heavy"]


def test_the_whole_text_is_kept_once_it_was_read() -> None:
    seen = Recollection()
    seen.listed(listed(memory("a", "a beginning")))
    seen.read(shown(memory("a", "a beginning and an end")))
    assert seen.text("a") == "a beginning and an end" and seen.text("gone") == "gone"
    assert seen.shown is not None
    seen.changed()
    assert seen.shown is None and seen.view("a") == memory("a", "a beginning")


# ------------------------------------------------------------ lines


def test_a_memory_is_a_line_with_its_mass_and_what_was_said_of_it() -> None:
    seen = Recollection()
    pinned = memory("b", "second\nline", mass=1.0, pinned=True)
    seen.listed(listed(memory("a", mass=0.2), pinned, memory("c", muted=True)))
    lines = listing(seen, 40)
    assert targets(lines) == [Target("a"), Target("b"), Target("c")]
    rows = words(lines).split("\n")
    assert rows[0].split() == ["·", "0.20", "about", "a"]
    assert rows[1].startswith("⚑ 1.00 second line") and rows[1].endswith(" pinned")
    assert rows[2].startswith("× ") and rows[2].endswith(" muted")
    assert words(listing(seen, 40, unicode=False)).isascii()


def test_what_falls_in_has_its_strength_and_its_way() -> None:
    seen = Recollection()
    seen.listed(listed(memory("a")))
    over = pull(("a", 0.62), ("b", 0.8), strength=0.19)
    seen.pulled("words", (pull(("a", 0.62)), over, pull(("p", 1.0), pinned=True, nearness=0.0)))
    lines = listing(seen, 60)
    text = words(lines)
    assert " 1 0.41 about a" in text and " 2 0.19 about b" in text
    assert "words 0.62 → this" in text and "words 0.62 → about a 0.80 → this" in text
    assert "pinned: it always falls in" in text
    assert targets(lines) == [Target("a")] * 2 + [Target("b")] * 2 + [Target("p")] * 2
    assert words(listing(seen, 60, unicode=False)).isascii()


def test_nothing_to_list_says_why() -> None:
    seen = Recollection()
    assert not listing(seen, 60) and not dossier(seen, 60)
    seen.listed(listed())
    assert words(listing(seen, 60)).startswith("Nothing is remembered yet.")
    assert EMPTY.splitlines()[2] in words(listing(seen, 60))
    seen.pulled("x", ())
    assert words(listing(seen, 60)) == "Nothing falls into these words."
    seen.pulled("?", (), "the text has no words")
    assert words(listing(seen, 60)) == "the text has no words"


def test_everything_about_a_memory_leads_to_what_it_is_linked_to_and_fell_into() -> None:
    seen = Recollection()
    one = memory("a", "first\n\nlast", uses=2, last_used=WHEN, revision=2, source="import x.md")
    near = LinkView(a="a", b="b", weight=0.4, origin="near")
    cut = LinkView(a="c", b="a", weight=0.9, origin="person", cut=True)
    use = UseView(session="s" * 20, node="n" * 20, title="a question", at=WHEN)
    seen.listed(listed(one))
    seen.read(shown(one, near, cut, uses=(use,)))
    lines = dossier(seen, 50)
    text = words(lines)
    assert text.startswith("first\n\nlast\n\n")
    for said in ("import x.md", "edited 2 times", "2, last ", "0.40 about b", "alike in words"):
        assert said in text
    assert "cut" in text and "ssssssss a question" in text
    assert targets(lines) == [Target("b"), Target("c"), Target(None, "s" * 20, "n" * 20)]
    assert [other for other, _ in seen.links()] == ["b"]
    seen.pulled("w", (pull(("b", 0.6), ("a", 0.4), nearness=0.0),))
    why = words(dossier(seen, 50))
    assert "falls in 0.41: mass 0.75, near 0.00" in why
    assert "0.60 → about b" in why and "0.40 → this" in why


@given(st.integers(24, 120), st.text(max_size=200), st.floats(0, 1))
def test_no_line_is_wider_than_its_pane(width: int, text: str, number: float) -> None:
    seen = Recollection()
    one = memory("a", text, mass=number, pinned=True)
    link = LinkView(a="a", b="b", weight=max(number, 0.01), origin="together")
    seen.listed(listed(one))
    whole = MemoryShown(memory=one, links=(link,), texts={"b": text}, uses=())
    seen.read(whole)
    assert all(_columns(line) <= width for line in listing(seen, width))
    seen.pulled("w", (pull(("b", number), ("a", number)),))
    assert all(_columns(line) <= width for line in listing(seen, width))
    assert all(_columns(line) <= width for line in dossier(seen, width))


def _columns(line: Line) -> int:
    return sum(cells(run.text) for run in line.runs)


def test_a_change_says_what_became_stale() -> None:
    done = MemoryChanged(memory="a", label="edited a")
    assert changed(done) == "edited a"
    stale = tuple(StaleSession(session=id, title="t", stale=3) for id in "xy")
    assert changed(msgspec.structs.replace(done, stale=stale)) == (
        "edited a; 6 thoughts stale in 2 sessions"
    )


# ------------------------------------------------------------ in a session


def recalled(**more: Any) -> NodeView:
    facts: dict[str, Any] = {"pull": pull(("a", 0.62), ("b", 0.8))} | more
    return NodeView(
        id="n" * 20,
        kind="memory",
        text="about b",
        inputs=(EdgeView("at", "q"),),
        stats=StatsView(confidence=0.41),
        recipe=RecipeView(module="recall@2", engine=""),
        **facts,
    )


def test_a_recalled_memory_has_its_sign_and_its_word() -> None:
    assert (mark(recalled()).sign, mark(recalled()).word) == ("∞", "recalled")
    assert mark(recalled(), unicode=False).sign == "m"
    assert mark(recalled(stale=True)).sign == "≠" and "recalled" not in remarks(
        recalled(stale=True)
    )
    kept = NodeView(id="m", kind="memory", text="what a program remembers")
    assert (mark(kept).sign, mark(kept).word) == ("∞", "")


def test_the_inspector_says_how_a_memory_fell_in() -> None:
    facts = inspect(recalled(), Thoughts())
    labels = [fact.label for fact in facts]
    assert "strength" in labels and "confidence" not in labels and "engine" not in labels
    said = [fact.text for fact in facts if fact.label == "way"]
    assert said == ["words", "a about a (0.62)", "b (0.80)"]
    pinned = recalled(pull=pull(("p", 1.0), pinned=True, nearness=0.0, strength=1.0))
    texts = {fact.label: fact.text for fact in inspect(pinned, Thoughts())}
    assert texts["strength"] == "1.000 (pinned)"
    assert texts["way"] == "pinned: the words do not reach it"


@pytest.mark.parametrize(("text", "value"), [("", None), ("0", 0), ("20", 20)])
def test_how_many_memories_fall_in_is_read(text: str, value: int | None) -> None:
    assert recall(text) == value


@pytest.mark.parametrize("text", ["-1", "21", "many"])
def test_a_wrong_number_of_memories_is_named(text: str) -> None:
    with pytest.raises(BadSetting, match=text):
        recall(text)


def test_recall_is_told_beside_the_prompt() -> None:
    assert Asking(recall=3).words() == "solve, recall 3"
    assert Asking(recall=0).words() == "solve, recall 0" and Asking().words() == "solve"


def test_keys_that_walk_through_the_memory_cannot_be_given_away() -> None:
    assert keymap({"memory_add": "n"})["memory_add"] == "n"
    with pytest.raises(BadConfig, match="walks through the memory"):
        keymap({"memory_add": "h"})
