"""What reasoning says, and what of it clients see."""

import logging

import msgspec
import pytest

from smysl_daemon.errors import Code, NothingStale, SocketTaken, TooManyRuns, TooMuchToImport
from smysl_daemon.protocol import NodeFinished, RunEnded
from smysl_daemon.shapes import NodeView, RecipeView
from smysl_daemon.views import event_view, node_view, placed_view, recipe_view, session_view
from smysl_daemon.wire import to_wire
from smysl_engines.base import EngineError, PromptTooLong
from smysl_reasoning import errors, events
from smysl_reasoning.graph import Graph, Placed
from smysl_reasoning.nodes import AnswerData, Edge, Node, Recipe, Stats
from smysl_reasoning.store import RunRecord, SessionSummary

RECIPE = Recipe(module="answer@1", prompt="", sampling="{}", engine="f")
NODE = Node(
    id="n" * 20,
    session="s" * 20,
    kind="answer",
    text="42",
    data=AnswerData("42", 3),
    inputs=(Edge("choice", "c" * 20),),
    recipe=RECIPE,
    status="done",
    stats=Stats(calls=2, generated_tokens=5, milliseconds=1.5, confidence=0.9),
)


def test_a_node_has_the_promised_json() -> None:
    assert msgspec.json.decode(msgspec.json.encode(node_view(NODE))) == {
        "id": "n" * 20,
        "kind": "answer",
        "text": "42",
        "data": {"type": "answer", "value": "42", "slot": 3},
        "inputs": [{"role": "choice", "node": "c" * 20}],
        "status": "done",
        "stats": {
            "prompt_tokens": 0,
            "cached_tokens": 0,
            "generated_tokens": 5,
            "calls": 2,
            "milliseconds": 1.5,
            "confidence": 0.9,
        },
    }


def test_a_node_survives_the_wire() -> None:
    view = node_view(NODE)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(view), type=NodeView) == view


def test_every_event_has_a_wire_form() -> None:
    end = events.RunFinished(
        session="s",
        outcome="done",
        answer="42",
        verdict="verified",
        confidence=0.9,
        prompt_tokens=7,
        calls=3,
        seconds=0.5,
    )
    seen = event_view(end)
    assert isinstance(seen, RunEnded)
    assert (seen.answer, seen.usage.prompt_tokens, seen.usage.calls) == ("42", 7, 3)
    assert event_view(events.NodeFinished(NODE)) == NodeFinished(node=node_view(NODE))
    assert event_view(events.NodeStarted(NODE)) != event_view(events.NodeFinished(NODE))


def test_a_session_keeps_every_field() -> None:
    summary = SessionSummary(
        id="s", title="t", created="2026-11-23", program="solve", nodes=3, answer=None, verdict=None
    )
    shown = msgspec.to_builtins(session_view(summary))
    assert shown.pop("message") == "" and shown == msgspec.to_builtins(summary)


def test_a_branch_has_the_answer_of_its_own_last_run() -> None:
    summary = SessionSummary(
        id="s", title="t", created="2026", program="solve", nodes=3, answer="1", verdict="verified"
    )
    end = events.RunFinished(
        session="s",
        outcome="done",
        answer="2",
        verdict="unverified",
        confidence=None,
        message="why",
    )
    last = RunRecord(id="r", session="s", question="q", program="vote", request=b"", finished=end)
    view = session_view(summary, "alt", last)
    assert (view.branch, view.answer, view.verdict) == ("alt", "2", "unverified")
    assert (view.program, view.message, view.state) == ("vote", "why", "ended")
    going = msgspec.structs.replace(last, finished=None)
    assert session_view(summary, "alt", going).state == "running"
    paused = msgspec.structs.replace(going, paused=True)
    assert (session_view(summary, "alt", paused).state, view.branches) == ("paused", 1)
    assert session_view(summary, "alt", None).verdict is None


def test_a_placed_node_says_what_depends_on_the_branch() -> None:
    placed = Placed(NODE, 2, "hash", ("seen",), "q", "solve/0/answer", "pinned", None)
    view = placed_view(placed, {NODE.id})
    assert (view.revision, view.stale, view.hold, view.place) == (2, True, "pinned", placed.place)
    assert view.recipe == RecipeView(module="answer@1", engine="f", sampling={})
    by_hand = placed._replace(node=msgspec.structs.replace(NODE, recipe=None))
    assert placed_view(by_hand, ()).recipe is None
    seeded = recipe_view(msgspec.structs.replace(RECIPE, sampling='{"seed":7}'))
    assert seeded.sampling == {"seed": 7}
    assert recipe_view(msgspec.structs.replace(RECIPE, sampling="greedy")).sampling == {}


def test_a_derivation_says_which_nodes_it_kept() -> None:
    before = Graph([Placed(NODE, 0, "hash", ())])
    kept = event_view(events.NodeFinished(NODE), before)
    made = event_view(events.NodeFinished(msgspec.structs.replace(NODE, text="43")), before)
    assert isinstance(kept, NodeFinished) and kept.node.kept is True
    assert isinstance(made, NodeFinished) and made.node.kept is False


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadRequest("empty"), Code.BAD_REQUEST),
        (errors.ProgramError("line 3"), Code.BAD_REQUEST),
        (errors.UnknownId("x"), Code.NOT_FOUND),
        (errors.AmbiguousId("x"), Code.AMBIGUOUS),
        (errors.StoreCorrupt("x"), Code.STORAGE),
        (errors.StoreFull("x"), Code.STORAGE),
        (errors.Conflict("x"), Code.CONFLICT),
        (errors.NothingToUndo("x"), Code.NOTHING_TO_DO),
        (errors.NothingToRedo("x"), Code.NOTHING_TO_DO),
        (errors.BadArchive("x"), Code.BAD_REQUEST),
        (NothingStale("x"), Code.NOTHING_TO_DO),
        (TooMuchToImport("x"), Code.BAD_REQUEST),
        (errors.RuntimeClosed("x"), Code.STOPPING),
        (errors.RunCancelled("x"), Code.CANCELLED),
        (errors.RunFailed("x"), Code.ENGINE),
        (EngineError("x"), Code.ENGINE),
        (PromptTooLong("x"), Code.ENGINE),
        (TooManyRuns("x"), Code.BUSY),
        (SocketTaken("x"), Code.INTERNAL),
    ],
)
def test_every_foreseen_error_has_its_code(error: Exception, code: Code) -> None:
    reply = to_wire(error)
    assert (reply.code, reply.message) == (code, str(error))


def test_an_unforeseen_error_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        reply = to_wire(KeyError("secret"))
    assert reply.code is Code.INTERNAL and "secret" not in reply.message
    assert "secret" in caplog.text


def test_a_message_is_one_line() -> None:
    assert to_wire(errors.BadRequest("two\nlines")).message == "two lines"
