from hypothesis import given
from hypothesis import strategies as st

from smysl_cli.text import cells, fit, printable
from smysl_cli.tree import Style, draw, listed, whole
from smysl_daemon.shapes import EdgeView, NodeView, RecipeView, StatsView, VersionView


def node(id: str, *inputs: str, kind: str = "step", text: str = "") -> NodeView:
    return NodeView(
        id=id, kind=kind, text=text or id, inputs=tuple(EdgeView("input", one) for one in inputs)
    )


def drawn(*nodes: NodeView) -> list[str]:
    return draw(nodes, Style())


def test_a_chain_is_flat() -> None:
    lines = drawn(
        node("q", kind="question"), node("a", "q"), node("b", "q", "a"), node("c", "b", "a")
    )
    assert lines == ["question  q", "step      a", "step      b", "step      c"]


def test_branches_are_indented_and_a_node_that_joins_them_stands_beside_them() -> None:
    lines = drawn(
        node("q", kind="question"),
        node("a", "q"),
        node("b", "q"),
        node("a2", "a"),
        node("v", "a2", "b", kind="choice"),
        node("end", "v", kind="answer"),
    )
    assert lines == [
        "question  q",
        "├─ step      a",
        "│  step      a2",
        "├─ step      b",
        "└─ choice    v",
        "   answer    end",
    ]


def test_a_node_that_rests_on_a_later_written_one_hangs_under_it() -> None:
    note = NodeView(id="note", kind="note", text="note", inputs=(EdgeView("at", "q"),))
    lines = drawn(node("q", kind="question"), node("a", "q", "note"), node("b", "q"), note)
    assert lines == ["question  q", "├─ note      note", "│  step      a", "└─ step      b"]


def test_words_say_what_is_stale_held_and_kept() -> None:
    stale = NodeView(id="a" * 20, kind="step", text="1 + 1", stale=True, hold=None)
    held = NodeView(id="b" * 20, kind="step", text="1 + 2", stale=False, hold="edited")
    kept = NodeView(id="c" * 20, kind="step", text="1 + 3", kept=True)
    words = [line.split() for line in listed([stale, held, kept], Style(ids=True))]
    assert [one[-2:] for one in words] == [
        ["stale", "a" * 8],
        ["edited", "b" * 8],
        ["kept", "c" * 8],
    ]


def test_terminals_without_unicode_get_ascii() -> None:
    lines = draw((node("q"), node("a", "q"), node("b", "q")), Style(unicode=False))
    assert all(line.isascii() for line in lines)


@st.composite
def graphs(draw_: st.DrawFn) -> list[NodeView]:
    count = draw_(st.integers(0, 30))
    texts = st.text(max_size=120)
    return [
        NodeView(
            id=f"{number:020d}",
            kind=draw_(st.sampled_from(["question", "step", "candidate", "choice"])),
            text=draw_(texts),
            inputs=tuple(
                EdgeView("input", f"{one:020d}")
                for one in draw_(st.sets(st.integers(0, number - 1), max_size=4))
            )
            if number
            else (),
            stats=StatsView(confidence=draw_(st.none() | st.floats(0, 1))),
        )
        for number in range(count)
    ]


@given(graphs())
def test_every_node_has_one_line_and_comes_after_its_inputs(nodes: list[NodeView]) -> None:
    lines = draw(nodes, Style(width=200, ids=False))
    marked = draw(
        [NodeView(id=one.id, kind=one.kind, text=one.id, inputs=one.inputs) for one in nodes],
        Style(width=500),
    )
    order = [line.split()[-1] for line in marked]
    assert len(lines) == len(nodes)
    assert sorted(order) == [one.id for one in nodes]
    place = {id: index for index, id in enumerate(order)}
    for one in nodes:
        assert all(place[edge.node] < place[one.id] for edge in one.inputs)


@given(graphs(), st.integers(60, 120))
def test_no_line_is_wider_than_the_terminal(nodes: list[NodeView], width: int) -> None:
    for line in draw(nodes, Style(width=width, ids=True)):
        gutter = len(line) - len(line.lstrip("├─└│ "))
        assert cells(line) <= max(width, gutter + 48)


def test_a_very_long_chain_is_drawn() -> None:
    chain = [node("0")] + [node(str(i), str(i - 1)) for i in range(1, 2000)]
    assert len(drawn(*chain)) == 2000


@given(st.text())
def test_nothing_that_could_drive_a_terminal_is_shown(text: str) -> None:
    shown = printable(text)
    assert all(c.isprintable() or c in "\n\t" for c in shown)
    assert len(shown) == len(text)


@given(st.text(alphabet=st.characters(categories=["L", "N", "Zs"])), st.integers(1, 40))
def test_fitted_text_fits(text: str, width: int) -> None:
    assert cells(fit(text, width)) <= width
    if cells(text) <= width:
        assert fit(text, width) == text


def test_a_whole_node_names_what_it_rests_on() -> None:
    above = node("q" * 20, text="How many?")
    shown = "\n".join(whole(node("n" * 20, "q" * 20, text="two\nlines"), "s" * 20, [above]))
    assert "How many?" in shown and "two\nlines" in shown and "s" * 20 in shown


def test_a_whole_node_names_what_uses_it_and_what_stands_beside_it() -> None:
    sample, other = (node(letter * 20, "q" * 20, text=letter) for letter in "ab")
    user = node("u" * 20, "a" * 20, text="vote")
    lines = whole(sample, "s" * 20, [sample, other, user])
    assert f"beside    {'b' * 8} {other.kind}: b" in lines
    assert f"used by   {'u' * 8} {user.kind}: vote" in lines
    assert not any("aaaaaaaa " + sample.kind in line for line in lines)


def test_a_whole_node_says_how_it_was_made_and_lists_its_versions() -> None:
    recipe = RecipeView(
        module="derive@1", engine="f" * 32, sampling={"seed": 7, "temperature": 0.5}
    )
    one = NodeView(
        id="n" * 20, kind="step", text="b", recipe=recipe, place="solve/0/step", hold="pinned"
    )
    versions = [
        VersionView(revision=0, text="a" * 90, status="done", created="2026-11-23T12:00:00+00:00"),
        VersionView(revision=1, text="b", status="done", shown=True),
    ]
    lines = whole(one, "s" * 20, [], branch="alt", versions=versions)
    assert "made      by derive@1, temperature 0.5, seed 7, engine ffffffffffff" in lines
    assert "place     solve/0/step" in lines
    assert "session   " + "s" * 20 + ", branch alt" in lines
    assert "status    done, pinned: not derived again" in lines
    first, second = (line for line in lines if line.startswith("version"))
    assert first.endswith("a…") and len(first) <= 80
    assert second.split() == ["version", "1", "shown", "b"]
    assert "made      by a person" in whole(
        NodeView(id="n", kind="note", text="", recipe=None), "", []
    )
