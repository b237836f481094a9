"""What reasoning says, and what of it clients see."""

import logging

import msgspec
import pytest

from smysl_daemon.errors import Code, SocketTaken, TooManyRuns
from smysl_daemon.protocol import NodeFinished, NodeView, RunEnded
from smysl_daemon.views import event_view, node_view, session_view
from smysl_daemon.wire import to_wire
from smysl_engines.base import EngineError, PromptTooLong
from smysl_reasoning import errors, events
from smysl_reasoning.nodes import AnswerData, Edge, Node, Recipe, Stats
from smysl_reasoning.store import SessionSummary

NODE = Node(
    id="n" * 20,
    session="s" * 20,
    kind="answer",
    text="42",
    data=AnswerData("42", 3),
    inputs=(Edge("choice", "c" * 20),),
    recipe=Recipe(module="answer@1", prompt="", sampling="{}", engine="f"),
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
    assert msgspec.to_builtins(session_view(summary)) == msgspec.to_builtins(summary)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadRequest("empty"), Code.BAD_REQUEST),
        (errors.ProgramError("line 3"), Code.BAD_REQUEST),
        (errors.UnknownId("x"), Code.NOT_FOUND),
        (errors.AmbiguousId("x"), Code.AMBIGUOUS),
        (errors.StoreCorrupt("x"), Code.STORAGE),
        (errors.RuntimeClosed("x"), Code.STOPPING),
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
