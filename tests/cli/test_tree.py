from hypothesis import given
from hypothesis import strategies as st

from smysl_cli.text import cells, fit, printable
from smysl_cli.tree import Style, draw, whole
from smysl_daemon.protocol import EdgeView, NodeView, StatsView


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
