"""What the terminal UI shows, without a terminal: events in, state out."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli import tree
from smysl_cli.tui.model import outcome, request
from smysl_cli.tui.model.catalog import entries
from smysl_cli.tui.model.comparison import pairs
from smysl_cli.tui.model.document import SHOWN, STEP, document
from smysl_cli.tui.model.drafts import Drafts
from smysl_cli.tui.model.inspection import inspect
from smysl_cli.tui.model.marks import mark, remarks
from smysl_cli.tui.model.outline import Outline
from smysl_cli.tui.model.pace import Pace
from smysl_cli.tui.model.plan import plan_tree, wrapped
from smysl_cli.tui.model.request import Asking, BadSetting
from smysl_cli.tui.model.session import Session
from smysl_cli.tui.model.thoughts import Counts, Thoughts
from smysl_daemon.protocol import (
    Accepted,
    Changed,
    NodeDelta,
    NodeFinished,
    NodeStarted,
    Previewed,
    RunEnded,
)
from smysl_daemon.shapes import (
    DifferenceView,
    EdgeView,
    HitView,
    NodeView,
    PlannedStepView,
    PlanView,
    RecipeView,
    SessionView,
    SpentView,
    StatsView,
    VersionView,
    WaveView,
)

WHEN = "2026-11-23T12:00:00+00:00"


def node(id: str, *inputs: str, kind: str = "step", text: str = "", **more: Any) -> NodeView:
    edges = tuple(EdgeView("input", one) for one in inputs)
    return NodeView(id=id, kind=kind, text=text or id, inputs=edges, **more)


def session(**more: Any) -> SessionView:
    facts: dict[str, Any] = {
        "id": "s" * 20,
        "title": "a title",
        "created": WHEN,
        "program": "solve",
        "nodes": 1,
        "answer": None,
        "verdict": None,
    }
    return SessionView(**facts | more)


def filled(*nodes: NodeView) -> Session:
    made = Session()
    made.show(session(), nodes)
    return made


FAN = (
    node("q", kind="question"),
    node("a", "q"),
    node("a2", "a"),
    node("b", "q"),
    node("b2", "b"),
    node("c", "q"),
)


# ------------------------------------------------------------ marks


@pytest.mark.parametrize(
    ("facts", "sign", "word"),
    [
        ({"status": "running"}, "◐", "running"),
        ({"status": "failed"}, "✗", "failed"),
        ({"status": "cancelled"}, "⊘", "cancelled"),
        ({"stale": True, "hold": "edited"}, "≠", "stale"),
        ({"hold": "edited"}, "✎", "edited"),
        ({"hold": "pinned"}, "⚑", "pinned"),
        ({"hold": "taken"}, "⇄", "taken"),
        ({"kind": "check", "data": {"passed": True}}, "✓", "passed"),
        ({"kind": "check", "data": {"passed": False}}, "✗", "not passed"),
        ({"kept": True}, "=", "kept"),
        ({}, "·", ""),
        ({"kind": "question", "status": "running", "ask": True}, "?", "asks you"),
    ],
)
def test_a_state_has_a_sign_and_a_word(facts: dict[str, Any], sign: str, word: str) -> None:
    inputs = ("q",) if facts.pop("ask", False) else ()
    one = node("n", *inputs, **facts)
    assert (mark(one).sign, mark(one).word) == (sign, word)
    plain = mark(one, unicode=False)
    assert plain.sign.isascii() and plain.word == word


def test_every_word_about_a_node_is_told_once() -> None:
    assert remarks(node("n", stale=True, hold="pinned")) == ["stale", "pinned"]
    assert remarks(node("n", "q", kind="question", status="running")) == ["asks you"]
    assert remarks(node("n")) == []


# ------------------------------------------------------------ thoughts and outline


def test_a_stream_of_tokens_is_the_text_of_its_node() -> None:
    thoughts = Thoughts()
    thoughts.take(NodeStarted(node=node("n", text="6", status="running")))
    for piece in (" *", " 7"):
        thoughts.take(NodeDelta(node="n", text=piece))
    thoughts.take(NodeDelta(node="unknown", text="x"))
    assert thoughts.get("n").text == "6 * 7" and len(thoughts) == 1
    thoughts.take(NodeDelta(node="n", text="!"))
    thoughts.take(NodeFinished(node=node("n", text="6 * 7 = 42")))
    assert thoughts.get("n").text == "6 * 7 = 42"


def test_a_listing_that_is_older_than_the_stream_takes_nothing_away() -> None:
    thoughts = Thoughts()
    thoughts.take(NodeStarted(node=node("n", text="ab", status="running")))
    thoughts.take(NodeDelta(node="n", text="cd"))
    thoughts.show([node("n", text="abc", status="running")])
    assert thoughts.get("n").text == "abcd"
    thoughts.show([node("n", text="other", status="running")])
    assert thoughts.get("n").text == "other"
    thoughts.show([])
    assert len(thoughts) == 0


def test_what_runs_is_stale_and_is_held_is_counted() -> None:
    thoughts = Thoughts()
    thoughts.show([node("a", status="running"), node("b", stale=True), node("c", hold="edited")])
    assert thoughts.counts() == Counts(total=3, running=1, stale=1, held=1)


graphs = st.lists(st.lists(st.integers(0, 30), max_size=3), min_size=1, max_size=25).map(
    lambda inputs: [
        node(f"n{at}", *dict.fromkeys(f"n{one % at}" for one in above if at))
        for at, above in enumerate(inputs)
    ]
)


@given(graphs)
def test_nodes_one_by_one_give_the_tree_that_show_prints(nodes: list[NodeView]) -> None:
    thoughts, outline = Thoughts(), Outline()
    for one in nodes:
        thoughts.take(NodeFinished(node=one))
        outline.update(thoughts)
    printed = tree.draw(nodes, tree.Style(width=200))
    rows = [(len(row.gutter) // 2, row.id) for row in outline.rows]
    assert rows == [(_depth(line), line.split("step")[1].split()[0]) for line in printed]


def _depth(line: str) -> int:
    return (len(line) - len(line.lstrip("│├└─ "))) // 3


@given(graphs, st.data())
def test_folding_hides_exactly_what_hangs_below(nodes: list[NodeView], data: Any) -> None:
    thoughts, outline = Thoughts(), Outline()
    thoughts.show(nodes)
    outline.update(thoughts)
    rows = len(outline.rows)
    id = data.draw(st.sampled_from([one.id for one in nodes]))
    outline.toggle(id)
    place = outline.place(id)
    assert place is not None
    assert len(outline.rows) + outline.rows[place].hidden == rows
    outline.toggle(id)
    assert len(outline.rows) == rows
    outline.toggle_all()
    for one in nodes:
        outline.reveal(one.id)
    assert len(outline.rows) == rows


def test_a_node_made_anew_over_later_ones_moves() -> None:
    thoughts, outline = Thoughts(), Outline()
    thoughts.show([node("q"), node("a", "q"), node("b", "q")])
    outline.update(thoughts)
    thoughts.take(NodeFinished(node=node("a", "q", "b")))
    outline.update(thoughts)
    assert [row.id for row in outline.rows] == ["q", "b", "a"]
    thoughts.show([node("q"), node("b", "q")])
    outline.update(thoughts)
    assert [row.id for row in outline.rows] == ["q", "b"]


def test_five_thousand_nodes_are_a_list_of_rows() -> None:
    nodes = [
        node("q"),
        *(node(f"n{at}", "q" if at % 50 == 0 else f"n{at - 1}") for at in range(5000)),
    ]
    made = filled(*nodes)
    assert len(made.outline.rows) == 5001
    made.selection.last()
    assert made.selection.node == "n4999"
    made.outline.toggle_all()
    assert len(made.outline.rows) == 101


# ------------------------------------------------------------ selection and session


def test_walking_stays_inside_and_goes_from_branch_to_branch() -> None:
    made = filled(*FAN)
    chosen = made.selection
    assert chosen.node == "q"
    chosen.move(-5)
    assert chosen.node == "q"
    chosen.move(2)
    assert chosen.node == "a2"
    chosen.sibling(1)
    assert chosen.node == "b"
    chosen.sibling(-2)
    assert chosen.node == "c"
    chosen.parent()
    assert chosen.node == "q"
    chosen.parent()
    assert chosen.node == "q"
    chosen.last()
    assert chosen.node == "c" and chosen.follows
    chosen.choose("nowhere")
    assert chosen.node == "c"


def test_folding_inside_a_branch_folds_the_branch() -> None:
    made = filled(*FAN)
    made.selection.choose("b2")
    made.selection.toggle()
    assert made.selection.node == "b" and made.outline.place("b2") is None
    made.selection.choose("b2")
    assert made.outline.place("b2") is not None


def test_the_next_stale_node_comes_round_again() -> None:
    made = filled(node("a", stale=True), node("b"), node("c", stale=True))
    assert made.selection.next_stale() and made.selection.node == "c"
    assert made.selection.next_stale() and made.selection.node == "a"
    assert not filled(node("a")).selection.next_stale()


def test_a_run_is_followed_until_the_person_looks_elsewhere() -> None:
    made = Session()
    made.accepted(Accepted(session="s" * 20, program="solve", model="m"))
    assert made.run == "running" and made.selected is None
    made.take([NodeFinished(node=FAN[0]), NodeStarted(node=node("a", "q", status="running"))])
    assert made.selection.node == "a"
    made.selection.choose("q")
    made.take([NodeFinished(node=node("a", "q")), NodeFinished(node=node("z", "a", kind="answer"))])
    assert made.selection.node == "q"
    end = RunEnded(
        session="s" * 20, outcome="done", answer="42", verdict="verified", confidence=0.9
    )
    made.ended(end)
    assert str(made.run) == "idle" and made.selection.node == "q"
    made.selection.last()
    made.ended(end)
    assert made.selection.node == "z"


def test_the_next_question_goes_on_with_the_session_or_begins_another() -> None:
    made = filled(*FAN)
    made.accepted(Accepted(session="s" * 20, program="solve", model="m"))
    assert len(made.thoughts) == len(FAN)
    made.accepted(Accepted(session="t" * 20, program="solve", model="m"))
    assert len(made.thoughts) == 0 and made.id == "t" * 20


def test_what_another_terminal_did_is_shown_where_the_person_stays() -> None:
    made = filled(*FAN)
    made.selection.choose("b")
    made.show(session(state="running"), [*FAN, node("d", "q", status="running")])
    assert made.run == "running" and made.selection.node == "b"
    made.show(session(state="paused"), FAN)
    assert str(made.run) == "paused"
    made.show(session(state="ended"), FAN[:2])
    assert str(made.run) == "idle" and made.selection.node == "q"
    made.run = "running"
    made.lost()
    assert str(made.run) == "idle"


def test_a_question_to_the_person_is_found() -> None:
    made = filled(FAN[0], node("ask", "q", kind="question", status="running", text="How many?"))
    assert made.question is not None and made.question.text == "How many?"
    assert filled(FAN[0]).question is None


# ------------------------------------------------------------ texts


def test_the_inspector_tells_everything_about_a_node() -> None:
    thoughts = Thoughts()
    made = node(
        "n" * 20,
        "q",
        "gone",
        text="48 / 2",
        stale=True,
        hold="edited",
        place="solve/greedy/0",
        data={"type": "step", "expression": "n0 / n1"},
        stats=StatsView(
            prompt_tokens=30, cached_tokens=20, generated_tokens=5, calls=1, milliseconds=12.5,
            confidence=0.91,
        ),
        recipe=RecipeView(
            module="derive@1", engine="f" * 32, sampling={"temperature": 0.7, "seed": 3}
        ),
    )  # fmt: skip
    thoughts.show([node("q", kind="question"), made, node("u", "n" * 20)])
    versions = [
        VersionView(revision=at, text=text, status="done", created=WHEN, shown=at == 1)
        for at, text in enumerate(("48 * 2", "48 / 2"))
    ]
    facts = inspect(made, thoughts, versions)
    said = "\n".join(f"{fact.label} {fact.text}" for fact in facts)
    for words in (
        "stale (what it rests on has changed)",
        "edited (not derived again)",
        "confidence 0.910",
        "input input: question q",
        "gone (not in this branch)",
        "made by derive@1",
        "temperature 0.7, seed 3",
        "adapter none",
        "30 prompt (20 cached), 5 generated, 1 calls",
        "time 12.5 ms",
        "place solve/greedy/0",
        "used by step u",
        "data expression = n0 / n1",
        "version 1 (shown)",
    ):
        assert words in said, words
    person = "\n".join(
        f"{fact.label} {fact.text}" for fact in inspect(node("q", recipe=None), thoughts)
    )
    assert "made by a person" in person
    many = [node("q"), *(node(f"u{at}", "q") for at in range(40))]
    thoughts.show(many)
    assert any(fact.text == "and 28 more" for fact in inspect(many[0], thoughts))


@pytest.mark.parametrize("text", ["# Title", "- a\n- b", "1. a", "```\nx\n```", "a **bold** word"])
def test_markdown_is_told_from_thoughts(text: str) -> None:
    assert document(text, running=False).markdown
    assert not document(text, running=True).markdown


@pytest.mark.parametrize("text", ["2 * 3 * 4", "n0 - n1", "24 - 6 = 18\n18 / 3 = 6", "<n0> + <n1>"])
def test_expressions_are_no_markdown(text: str) -> None:
    assert document(text, running=False) == document(text, running=False)
    assert not document(text, running=False).markdown


def test_a_long_text_is_cut_and_an_escape_sequence_is_harmless() -> None:
    long = "a" * SHOWN + "b"
    assert document(long, running=False).text == "a" * SHOWN
    assert document(long, running=True).text == long[STEP:]
    assert document(long, running=True).cut == STEP
    assert "\x1b" not in document("\x1b[31mred", running=False).text


def test_of_a_running_text_that_is_too_long_the_shown_part_mostly_only_grows() -> None:
    words = "".join(f"{number} " for number in range(4 * SHOWN // 5))
    shown = [
        document(words[:end], running=True).text for end in range(SHOWN, len(words), STEP // 8)
    ]
    grown = [after.startswith(before) for before, after in zip(shown, shown[1:], strict=False)]
    assert sum(grown) >= len(grown) * 3 // 4
    assert all(len(one) <= SHOWN for one in shown)


def test_costs_and_outcomes_are_sentences() -> None:
    found = Previewed(
        session="s", branch="main", stale=("a", "b"), reused=("a",), kept=3, calls=2,
        expected_tokens=25, expected_seconds=0.04,
    )  # fmt: skip
    assert outcome.cost(found) == (
        "2 thoughts to derive: 1 to compute, 1 from the cache; about 25 tokens in 2 calls, 0.0 s"
    )
    assert outcome.listing(found, FAN, 30)[0].startswith("reuse")
    nothing = msgspec.structs.replace(found, stale=(), reused=())
    assert outcome.cost(nothing) == "nothing to derive: 3 thoughts stay as they are"
    changed = Changed(session="s", branch="main", op=1, label="edit a", node="a", stale=("b",))
    assert outcome.changed(changed) == "edit a; 1 thought stale: r derives them"
    end = RunEnded(session="s", outcome="done", answer="7", verdict="unverified", confidence=None)
    assert outcome.ended(end) == "7: not verified"
    stopped = msgspec.structs.replace(end, outcome="cancelled", message="")
    assert outcome.ended(stopped) == "cancelled"
    assert outcome.verdict_words("new") == "new"
    assert outcome.heading(None) == "a new session"


def test_the_sessions_list_is_narrowed_by_what_was_thought_and_by_titles() -> None:
    sessions = [session(), session(id="t" * 20, title="Apples and pears", verdict="verified")]
    assert [one.title for one in entries(sessions, "", ())] == ["a title", "Apples and pears"]
    assert [one.title for one in entries(sessions, "PEARS", ())] == ["Apples and pears"]
    hits = [
        HitView(node="n", kind="step", session="s" * 20, title="a title", snippet="12 - 5", rank=0),
        HitView(node="m", kind="step", session="s" * 20, title="a title", snippet="5", rank=1),
        HitView(node="o", kind="step", session="u" * 20, title="new", snippet="5", rank=1),
    ]
    found = entries(sessions, "5", hits)
    assert [(one.title, one.node, one.found) for one in found] == [
        ("a title", "n", "step: 12 - 5"),
        ("new", "o", "step: 5"),
    ]


def test_two_branches_stand_side_by_side() -> None:
    one = DifferenceView(
        node="n" * 20, kind="step", what="changed", a=node("n", text="1"),
        b=node("n", text="2", hold="edited", stale=True),
    )  # fmt: skip
    other = DifferenceView(node="m", kind="note", what="only a", a=node("m"), b=None)
    left, right = pairs([one, other], "main", "try")
    assert (left.title, left.left, left.right) == (
        "step nnnnnnnn: changed", "1", "2  [edited, stale]",
    )  # fmt: skip
    assert right.title == "note m: only in main" and right.right == "(not there)"


def test_a_plan_is_a_tree_of_waves() -> None:
    cost = SpentView(calls=2, prompt_tokens=30, shared_tokens=10, generated_tokens=5, seconds=0.1)
    step = PlannedStepView(
        name="plan", module="plan@1", wave=1, waits_for=(), branches=3, when=("x",), estimate=cost
    )
    last = PlannedStepView(
        name="answer", module="answer@1", wave=1, waits_for=("plan",), estimate=SpentView()
    )
    plan = PlanView(
        program="solve", model="zerno", dialect="native", question_tokens=9, steps=(step, last),
        waves=(WaveView(number=1, steps=("plan",), adapters=(), estimate=cost),),
        certain=cost, most=msgspec.structs.replace(cost, calls=9), passes=(), measured=True,
    )  # fmt: skip
    drawn = plan_tree(plan)
    assert drawn[0] == "solve on zerno, about 2 calls, 25 tokens, 0.10 s (from earlier runs)"
    assert drawn[2] == "  ├ plan, plan@1, 3 branches, when x, 2 calls, 25 tokens, 0.10 s"
    assert drawn[3] == "  └ answer, answer@1, after plan"
    assert drawn[-1].startswith("at most 9 calls")
    assert all(line.isascii() for line in plan_tree(plan, unicode=False))


# ------------------------------------------------------------ pace, drafts, settings


def test_the_repaint_budget_holds_however_fast_events_come() -> None:
    now = 0.0
    pace = Pace(lambda: now, interval_s=0.05)
    drawn = 0
    due: float | None = None
    for _ in range(2000):  # 2 s of a token a millisecond
        now += 0.001
        delay = pace.ask()
        if delay is not None:
            due = now + delay
        if due is not None and now >= due:
            pace.drawn()
            drawn += 1
            due = None
    assert 35 <= drawn <= 41


def test_drafts_come_back_and_are_private(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path / "drafts")
    assert drafts.read("new") == ""
    drafts.write("new", "half\na question")
    assert Drafts(tmp_path / "drafts").read("new") == "half\na question"
    (file,) = (tmp_path / "drafts").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    drafts.write("new", " \n")
    assert list((tmp_path / "drafts").iterdir()) == []
    drafts.write("new", "\ud800")  # what is no text is not kept, and nothing breaks
    (tmp_path / "file").write_text("")
    Drafts(tmp_path / "file").write("new", "x")


def test_settings_of_a_question_are_checked_and_told() -> None:
    assert request.seed(" 7 ") == 7 and request.seed("") is None
    assert request.tokens("5") == 5 and request.seconds("0.5") == 0.5
    assert request.temperature("1.5") == 1.5
    for check, text in (
        (request.seed, "-1"),
        (request.seed, "x"),
        (request.tokens, "0"),
        (request.seconds, "0"),
        (request.seconds, "nan"),
        (request.temperature, "3"),
    ):
        with pytest.raises(BadSetting):
            check(text)
    asking = Asking(program="vote", seed=3, budget_tokens=5, budget_seconds=1.5)
    assert asking.words() == "vote, seed 3, 5 tokens, 1.5 s"


@given(
    words=st.lists(st.text("abc", min_size=1, max_size=8), min_size=1), width=st.integers(20, 60)
)
def test_a_trees_lines_are_wrapped_under_their_words_and_nothing_is_lost(
    words: list[str], width: int
) -> None:
    line = f"│ └ {' '.join(words)}"
    found = wrapped([f"├ {' '.join(words)}", line], width)
    assert all(len(one) <= width for one in found)
    assert " ".join(one.strip("├└│ ") for one in found).split() == words * 2
    assert all(one.startswith(("├ ", "│ ")) for one in found)
