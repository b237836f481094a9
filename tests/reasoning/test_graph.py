"""The graph of a branch, against definitions that are as plain as they are slow."""

import time
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smysl_reasoning.errors import Inconsistent
from smysl_reasoning.graph import COMPARED_BY_WORDS, Graph, Placed, diff, diff_text
from smysl_reasoning.history import Again, Hold
from smysl_reasoning.nodes import Edge, Kind, Node, Recipe, Stats, Status, value_hash

RECIPE = Recipe(module="derive@1", prompt="", sampling="", engine="e")


def placed(
    id: str,
    *inputs: tuple[str, str],
    kind: Kind = "step",
    text: str | None = None,
    made: bool = True,
    status: Status = "done",
    seen: tuple[str, ...] = (),
    hold: Hold | None = None,
    again: Again | None = None,
    revision: int = 0,
    stats: Stats | None = None,
) -> Placed:
    """A node with (role, id) inputs; its text is its id unless it is given."""
    node = Node(
        id=id,
        session="s",
        kind=kind,
        text=id if text is None else text,
        inputs=tuple(Edge(role, node) for role, node in inputs),
        recipe=RECIPE if made else None,
        status=status,
        stats=stats or Stats(),
    )
    hash = value_hash(kind, node.text, None)
    return Placed(node, revision, hash, seen, hold=hold, again=again)


def hashed(id: str, kind: Kind = "step") -> str:
    return value_hash(kind, id, None)


few = settings(max_examples=30)
"""For equations that an example in ten would already break; drawing a graph is what takes time."""
QUESTION = placed("q", kind="question", made=False)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any acyclic graph: dropped inputs, holds, notes, partly recorded hashes, in any order of writing."""
    kinds: list[Kind] = ["step", "computed", "question", "note", "candidate"]
    made: list[Placed] = []
    for number in range(draw(st.integers(0, 9))):
        kind = draw(st.sampled_from(kinds))
        sources = [one.node.id for one in made] + ["gone"]
        inputs = draw(
            st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(sources)), max_size=3)
        )
        seen = []
        for _, source in inputs:
            shown = next((one.hash for one in made if one.node.id == source), "x")
            # mostly as it is shown: else nearly everything would be stale
            seen.append(draw(st.sampled_from([shown, shown, shown, "", "another"])))
        recorded = tuple(seen[: draw(st.sampled_from([3, 3, 1]))])
        if kind == "note" and made and draw(st.booleans()):
            inputs.insert(0, ("at", draw(st.sampled_from(sources))))
            recorded = ("another", *recorded)
        rare = draw(st.integers(0, 11))
        made.append(
            placed(
                f"n{number}",
                *inputs,
                kind=kind,
                made=draw(st.integers(0, 4)) > 0,
                status="cancelled" if rare == 0 else "done",
                seen=recorded,
                hold="pinned" if rare == 1 else None,
                again=Again(seed=1, done=draw(st.booleans())) if rare == 2 else None,
            )
        )
    # notes arrive after what they are put at, and some nodes have taken them in
    for number in range(draw(st.integers(0, 2)) if made else 0):
        target = draw(st.sampled_from(made)).node.id
        note = placed(f"m{number}", ("at", target), kind="note", made=False)
        users = [one for one in made if target in inputs_of(one)]
        for user in users:
            if draw(st.booleans()):
                edges = [(e.role, e.node) for e in user.node.inputs] + [("note", note.node.id)]
                again = placed(
                    user.node.id, *edges, kind=user.node.kind, made=user.node.recipe is not None
                )
                made[made.index(user)] = again._replace(seen=user.seen, hold=user.hold)
        made.append(note)
    return Graph(draw(st.permutations(made)))


def inputs_of(one: Placed) -> list[str]:
    """What `one` rests on, shown or not, by definition."""
    attached = one.node.kind == "note"
    return [e.node for e in one.node.inputs if not (attached and e.role == "at")]


def rests_on(graph: Graph, id: str) -> set[str]:
    direct = {one for one in inputs_of(graph.placed(id)) if one in graph}
    return direct.union(*(rests_on(graph, one) for one in direct))


def is_stale(graph: Graph, id: str) -> bool:
    """The definition, clause by clause."""
    one = graph.placed(id)
    if one.node.recipe is None or one.hold is not None:
        return False
    if (one.again is not None and not one.again.done) or one.node.status == "cancelled":
        return True
    for number, edge in enumerate(one.node.inputs):
        if one.node.kind == "note" and edge.role == "at":
            continue
        if edge.node not in graph or is_stale(graph, edge.node):
            return True
        seen = one.seen[number] if number < len(one.seen) else ""
        if seen not in ("", graph.placed(edge.node).hash):
            return True
        for note in notes_at(graph, edge.node):
            if note not in [other.node for other in one.node.inputs]:
                return True
    return False


def notes_at(graph: Graph, id: str) -> list[str]:
    return [
        one for one in graph if graph.node(one).kind == "note" and Edge("at", id) in graph.node(one).inputs
    ]  # fmt: skip


@given(graphs())
def test_stale_is_what_the_definition_says_and_nothing_else(graph: Graph) -> None:
    assert graph.stale() == [id for id in graph.topological() if is_stale(graph, id)]


@few
@given(graphs())
def test_every_node_comes_after_what_it_rests_on(graph: Graph) -> None:
    order = graph.topological()
    assert sorted(order) == sorted(graph)
    for id in order:
        assert all(order.index(one) < order.index(id) for one in rests_on(graph, id))


@few
@given(graphs())
def test_an_order_of_writing_that_suits_is_kept(graph: Graph) -> None:
    order = graph.topological()
    assert Graph(graph.placed(id) for id in order).topological() == order


@few
@given(graphs())
def test_ancestors_and_dependents_are_the_transitive_closure_of_inputs(graph: Graph) -> None:
    order = graph.topological()
    for id in graph:
        above = [one for one in order if id in rests_on(graph, one)]
        assert graph.ancestors(id) == [one for one in order if one in rests_on(graph, id)]
        assert graph.dependents([id]) == above
        assert graph.users(id) == [one for one in graph if id in inputs_of(graph.placed(one))]
        assert [one.node.id for one in graph.notes(id)] == notes_at(graph, id)


@few
@given(graphs(), st.sets(st.integers(0, 8)))
def test_dependents_of_several_are_those_of_each_without_themselves(
    graph: Graph, numbers: set[int]
) -> None:
    ids = [f"n{number}" for number in numbers if f"n{number}" in graph]
    found = {one for id in ids for one in graph.dependents([id])} - set(ids)
    assert graph.dependents(ids) == [id for id in graph.topological() if id in found]


@few
@given(graphs())
def test_inputs_and_missing_share_out_the_edges(graph: Graph) -> None:
    for id in graph:
        edges = graph.node(id).inputs
        assert Counter((*graph.inputs(id), *graph.missing(id))) == Counter(edges)
        assert all(edge.node in graph for edge in graph.inputs(id))
        assert all(edge.node == "gone" for edge in graph.missing(id))


@few
@given(graphs())
def test_why_lists_ancestors_with_their_roles_and_whether_they_were_seen_so(graph: Graph) -> None:
    for id in graph:
        reasons = graph.why(id)
        listed = [*graph.ancestors(id), id]
        assert [reason.placed.node.id for reason in reasons] == listed
        for reason in reasons:
            uses = [
                (edge.role, (graph.placed(user).seen + ("", "", "", "", ""))[number])
                for user in listed
                for number, edge in enumerate(graph.node(user).inputs)
                if edge.node == reason.placed.node.id
                and not (graph.node(user).kind == "note" and edge.role == "at")
            ]
            assert reason.roles == tuple(dict.fromkeys(role for role, _ in uses))
            assert reason.current == all(seen in ("", reason.placed.hash) for _, seen in uses)


@few
@given(graphs())
def test_a_path_is_a_chain_of_inputs_that_starts_where_nothing_is_below(graph: Graph) -> None:
    for id in graph:
        path = graph.path(id)
        assert path[-1] == id
        for below, above in zip(path, path[1:], strict=False):
            assert below in [edge.node for edge in graph.node(above).inputs]
        kept = [edge for edge in graph.inputs(path[0]) if edge.role != "at"]
        assert all(graph.node(edge.node).kind == "note" for edge in kept)


@few
@given(graphs())
def test_siblings_are_mutual(graph: Graph) -> None:
    for id in graph:
        node = graph.node(id)
        for other in graph.siblings(id):
            assert other != id and id in graph.siblings(other)
            assert (graph.node(other).kind, graph.node(other).inputs) == (node.kind, node.inputs)


@few
@given(graphs())
def test_statistics_add_up(graph: Graph) -> None:
    stats = graph.stats()
    assert stats.nodes == len(graph) == sum(stats.kinds.values()) == sum(stats.statuses.values())
    assert stats.stale == len(graph.stale())
    assert stats.edges == sum(len(graph.inputs(id)) for id in graph)
    assert stats.held == sum(graph.placed(id).hold is not None for id in graph)


def test_costs_are_summed() -> None:
    one = Stats(
        prompt_tokens=5,
        cached_tokens=2,
        generated_tokens=3,
        calls=1,
        milliseconds=1.5,
        confidence=1,
    )
    stats = Graph([QUESTION, placed("a", stats=one), placed("b", stats=one)]).stats()
    assert (stats.prompt_tokens, stats.cached_tokens, stats.generated_tokens) == (10, 4, 6)
    assert (stats.calls, stats.milliseconds) == (2, 3.0)


def solve(seen: str, **kept: Placed) -> Graph:
    """question -> plan -> step -> value, and an answer from the value; the plan saw the question as `seen`."""
    nodes = [
        QUESTION,
        placed("plan", ("question", "q"), kind="plan", seen=(seen,)),
        placed("step", ("question", "q"), ("plan", "plan"), seen=("", hashed("plan", "plan"))),
        placed("value", ("step", "step"), ("question", "q"), kind="computed", seen=("", "")),
        placed("answer", ("question", "q"), ("value", "value"), kind="answer", seen=("", "")),
    ]
    return Graph(kept.get(one.node.id, one) for one in nodes)


def test_an_edited_question_makes_all_that_rests_on_it_stale() -> None:
    assert solve(hashed("q", "question")).stale() == []
    assert solve("what it was before").stale() == ["plan", "step", "value", "answer"]


def test_what_a_person_wrote_or_holds_stops_the_wave() -> None:
    held = placed("step", ("question", "q"), ("plan", "plan"), hold="edited")
    assert solve("what it was before", step=held).stale() == ["plan"]
    written = placed("step", ("plan", "plan"), made=False)
    assert solve("what it was before", step=written).stale() == ["plan"]


def test_an_unchanged_value_stops_the_wave_too() -> None:
    anew = placed("plan", ("question", "q"), kind="plan", revision=1, again=Again(seed=3))
    assert "step" in solve("", plan=anew).stale(), "as long as the plan is to be made anew"
    assert solve("", plan=anew._replace(again=Again(seed=3, done=True))).stale() == []
    assert solve("", plan=anew._replace(again=None)).stale() == []


def test_a_note_makes_stale_what_uses_its_node_until_it_is_taken_in() -> None:
    note = placed("note", ("at", "plan"), kind="note", made=False)
    graph = Graph([*map(solve("").placed, solve("")), note])
    assert graph.stale() == ["step", "value", "answer"]
    assert graph.users("plan") == ["step"], "the note itself does not rest on the plan"
    taken = placed("step", ("question", "q"), ("plan", "plan"), ("note", "note"))
    graph = Graph([*map(graph.placed, [id for id in graph if id != "step"]), taken])
    assert graph.stale() == []
    assert graph.ancestors("answer") == ["q", "plan", "note", "step", "value"]
    assert graph.path("note") == ["q", "plan", "note"]


def test_a_deleted_input_makes_its_users_stale() -> None:
    graph = solve("")
    without = Graph(graph.placed(id) for id in graph if id != "step")
    assert without.stale() == ["value", "answer"]
    assert without.missing("value") == (Edge("step", "step"),)


def test_the_path_of_a_value_goes_through_its_step_not_past_it() -> None:
    assert solve("").path("answer") == ["q", "plan", "step", "value", "answer"]


def test_of_equal_inputs_the_path_takes_the_last() -> None:
    both = [placed(id, ("question", "q")) for id in ("a", "b")]
    choice = placed("vote", ("other", "a"), ("other", "b"), kind="choice")
    assert Graph([QUESTION, *both, choice]).path("vote") == ["q", "b", "vote"]
    assert Graph([QUESTION, *both, choice]).siblings("a") == ["b"]


def test_a_cycle_is_named() -> None:
    round_ = [placed("a", ("in", "c")), placed("b", ("in", "a")), placed("c", ("in", "b"))]
    with pytest.raises(Inconsistent, match="a -> c -> b -> a"):
        Graph([QUESTION, *round_]).check()
    with pytest.raises(Inconsistent, match="a -> a"):
        Graph([placed("a", ("in", "a"))]).check()
    Graph([QUESTION, placed("a", ("in", "q"))]).check()


def test_a_node_that_is_given_twice_is_refused() -> None:
    with pytest.raises(Inconsistent, match="2 nodes"):
        Graph([QUESTION, QUESTION]).check()


def test_an_unknown_id_is_a_key_error() -> None:
    graph = Graph([QUESTION])
    for ask in (graph.users, graph.notes, graph.ancestors, graph.siblings, graph.path, graph.why):
        with pytest.raises(KeyError):
            ask("nobody")
    with pytest.raises(KeyError):
        graph.dependents(["nobody"])
    assert "nobody" not in graph and "q" in graph


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = [QUESTION, placed("n0", ("in", "q"), seen=("another",))]
    chain += [placed(f"n{i}", ("in", f"n{i - 1}")) for i in range(1, 5_000)]
    graph = Graph(reversed(chain))
    assert len(graph.stale()) == 5_000
    assert len(graph.path("n4999")) == 5_001


def test_a_fan_of_ten_thousand_is_found_stale_within_20_ms() -> None:
    fan = [placed(f"n{i}", ("question", "q"), seen=("another",)) for i in range(10_000)]
    took = []
    for _ in range(5):
        graph = Graph([QUESTION, *fan])
        began = time.process_time()
        assert len(graph.stale()) == 10_000
        took.append(time.process_time() - began)
    # processor time, best of five, and room for a machine slower than the one that the limit is for
    assert min(took) < 0.060


def test_equal_branches_do_not_differ() -> None:
    assert diff(solve("x"), solve("y")) == []


def test_a_revision_that_says_the_same_is_no_difference() -> None:
    assert diff(solve(""), solve("", plan=solve("").placed("plan")._replace(revision=4))) == []


@few
@given(graphs(), graphs())
def test_a_difference_has_two_sides(a: Graph, b: Graph) -> None:
    mirror = {"only a": "only b", "only b": "only a"}
    there = {one.node: one for one in diff(a, b)}
    back = {one.node: one for one in diff(b, a)}
    assert there.keys() == back.keys()
    for id, one in there.items():
        assert back[id].what == mirror.get(one.what, one.what)
        assert (one.a, one.b) == (back[id].b, back[id].a)
        assert (one.what == "only a") == (id in a and id not in b)
    assert there.keys() >= set(a) ^ set(b)
    assert diff(a, a) == []


def test_differences_come_in_the_order_of_the_branches() -> None:
    a = solve("", step=placed("step", ("plan", "plan"), text="48 / 2"))
    extra = placed("extra", ("plan", "plan"))
    b = Graph([*(solve("").placed(id) for id in ("q", "plan")), extra])
    found = [(one.node, one.what) for one in diff(a, b)]
    assert found == [(id, "only a") for id in ("step", "value", "answer")] + [("extra", "only b")]
    pinned = solve("", plan=placed("plan", ("question", "q"), kind="plan", hold="pinned"))
    assert [(one.node, one.what, one.kind) for one in diff(a, pinned)] == [
        ("plan", "hold", "plan"),
        ("step", "changed", "step"),
    ]


def test_a_cancelled_node_differs_from_a_finished_one_with_the_same_text() -> None:
    cut = solve("", step=placed("step", ("plan", "plan"), status="cancelled"))
    assert [(one.node, one.what) for one in diff(solve(""), cut)] == [("step", "changed")]


def test_words_that_differ_are_told_apart() -> None:
    assert diff_text("Tom has 3 boxes.", "Tom has 4 big boxes.") == [
        ("=", "Tom has "),
        ("-", "3"),
        ("+", "4 big"),
        ("=", " boxes."),
    ]
    assert diff_text("", "") == []
    assert diff_text("a", "") == [("-", "a")]


@given(st.text(), st.text())
def test_a_word_diff_holds_both_texts_whole(a: str, b: str) -> None:
    parts = diff_text(a, b)
    assert joined(parts, "=-") == a
    assert joined(parts, "=+") == b
    assert all(text for _, text in parts)


@given(st.lists(st.sampled_from(["one\n", "two\r\n", "three"])), st.booleans())
def test_a_long_text_is_compared_by_lines(lines: list[str], turned: bool) -> None:
    long = "x" * COMPARED_BY_WORDS + " y\n"
    a, b = long + "".join(lines), "".join(lines) + long
    if turned:
        a, b = b, a
    assert joined(diff_text(a, b), "=-") == a
    assert joined(diff_text(a, b), "=+") == b


def joined(parts: Iterable[tuple[str, str]], wanted: str) -> str:
    return "".join(text for mark, text in parts if mark in wanted)
