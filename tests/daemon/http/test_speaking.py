"""Text as it comes out: stop texts, thinking, thoughts of a run, calls of tools."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_daemon.http.asking import Tool
from smysl_daemon.http.failures import ApiError
from smysl_daemon.http.generating import Voice
from smysl_daemon.http.thinking import Thinking
from smysl_daemon.http.thoughts import Thoughts
from smysl_daemon.http.tools import heard, output_schema, spoken
from smysl_daemon.protocol import NodeDelta, NodeFinished, NodeStarted
from smysl_daemon.shapes import NodeView

TEXTS = st.text("ab<>/think é\U0001f33e", max_size=40)


def read(ids: Any) -> str:
    """One token a byte."""
    return bytes(ids).decode(errors="replace")


@given(TEXTS, st.integers(1, 7))
def test_a_voice_says_everything_in_whole_characters(text: str, size: int) -> None:
    voice, data = Voice(read, ["nothing like this"]), text.encode()
    said = [voice.add(data[at : at + size]) for at in range(0, len(data), size)]
    assert "".join([*said, voice.rest()]) == text
    assert "\ufffd" not in "".join(said)


@given(TEXTS, st.text("ab<", min_size=1, max_size=3), st.integers(1, 7))
def test_a_voice_says_nothing_of_the_stop_text_that_ended_it(
    before: str, stop: str, size: int
) -> None:
    whole = before + stop
    # the engine ends at the first place where the stop text is whole
    ended = whole[: whole.index(stop) + len(stop)]
    voice, data = Voice(read, [stop]), ended.encode()
    said = [voice.add(data[at : at + size]) for at in range(0, len(data), size)]
    assert "".join([*said, voice.rest(stop)]) == ended[: -len(stop)]


def test_a_voice_keeps_back_only_what_may_be_a_stop_text() -> None:
    voice = Voice(read, ["END"])
    assert voice.add(b"the E") == "the "
    assert voice.add(b"xit") == "Exit"
    assert voice.rest() == ""


@given(
    st.lists(st.tuples(st.text("ab c\n", max_size=8), st.text("ab c<", max_size=8)), max_size=3),
    st.integers(1, 5),
)
def test_thinking_is_told_from_speech_however_it_is_cut(
    parts: list[tuple[str, str]], size: int
) -> None:
    text = "".join(f"<think>{thought}</think>{said}" for thought, said in parts)
    whole, cut = Thinking(), Thinking()
    at_once = [*whole.add(text), *whole.rest()]
    pieces = [cut.add(text[at : at + size]) for at in range(0, len(text), size)] + [cut.rest()]
    assert "".join(one for one, _ in pieces) == at_once[0] + at_once[2]
    assert "".join(one for _, one in pieces) == at_once[1] + at_once[3]
    assert "".join(one for one, _ in pieces) == "".join(thought for thought, _ in parts)


def test_thinking_may_begin_in_the_prompt() -> None:
    thinking = Thinking(opened=True)
    assert thinking.add("hm</thi") == ("hm", "")
    assert thinking.add("nk>\n\nSeven.") == ("", "Seven.")


def test_thinking_that_never_ends_is_thinking() -> None:
    thinking = Thinking()
    assert thinking.add("<think>on and on </th") == ("on and on ", "")
    assert thinking.rest() == ("</th", "")


# ---------------------------------------------------------------- thoughts of a run


def node(id: str, kind: str, text: str = "") -> NodeView:
    return NodeView(id=id, kind=kind, text=text)


def told(*events: Any) -> str:
    thoughts = Thoughts()
    return "".join(thoughts.add(event) for event in events) + thoughts.rest()


def test_a_node_is_told_as_it_grows() -> None:
    thoughts = Thoughts()
    assert thoughts.add(NodeStarted(node=node("1", "step"))) == ""
    assert thoughts.add(NodeDelta(node="1", text="12 - ")) == "- step: 12 - "
    assert thoughts.add(NodeDelta(node="1", text="5")) == "5"
    assert thoughts.add(NodeFinished(node=node("1", "step", "12 - 5 = 7"))) == " = 7\n"


def test_branches_do_not_tear_each_others_lines() -> None:
    text = told(
        NodeStarted(node=node("1", "step")),
        NodeDelta(node="1", text="a"),
        NodeStarted(node=node("2", "candidate")),
        NodeDelta(node="2", text="x"),
        NodeFinished(node=node("2", "candidate", "x\ny")),
        NodeDelta(node="1", text="b"),
        NodeFinished(node=node("1", "step", "ab")),
    )
    assert text == "- step: ab\n- candidate: x\n  y\n"


def test_a_draft_that_became_another_text_is_followed_by_it() -> None:
    text = told(
        NodeStarted(node=node("1", "plan")),
        NodeDelta(node="1", text="<story>2"),
        NodeFinished(node=node("1", "plan", "story, 2 steps")),
    )
    assert text == "- plan: <story>2\n- plan: story, 2 steps\n"


def test_the_conversation_is_no_thought_but_a_question_of_the_run_is() -> None:
    text = told(
        NodeFinished(node=node("1", "question", "How many?")),
        NodeFinished(node=node("2", "context", "Tom has 12.")),
        NodeStarted(node=node("3", "question")),
        NodeDelta(node="3", text="Of what?"),
        NodeFinished(node=node("3", "question", "Of what?\nApples")),
        NodeFinished(node=node("4", "answer", "12")),
    )
    assert text == "- question: Of what?\nApples\n"


def test_what_a_cut_off_run_said_is_not_lost() -> None:
    text = told(
        NodeStarted(node=node("1", "step")),
        NodeDelta(node="1", text="12"),
        NodeFinished(node=node("2", "candidate", "7")),
    )
    assert text == "- step: 12\n- candidate: 7\n"


# ---------------------------------------------------------------- tools

WEATHER = Tool(
    name="weather",
    description="of a town",
    parameters={
        "type": "object",
        "properties": {"town": {"type": "string"}},
        "required": ["town"],
    },
)


def test_a_tool_may_be_called_or_a_reply_given() -> None:
    shapes = json.loads(output_schema([WEATHER], "auto"))["anyOf"]
    assert [list(shape["properties"]) for shape in shapes] == [["tool", "arguments"], ["reply"]]
    required = json.loads(output_schema([WEATHER], "required"))
    assert list(required["properties"]) == ["tool", "arguments"]


def test_a_choice_of_a_tool_that_is_not_there_is_refused() -> None:
    with pytest.raises(ApiError, match="names 'time'; the tools are weather"):
        output_schema([WEATHER], ":time")


@given(st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=3))
def test_a_call_reads_as_it_was_spoken(arguments: dict[str, int]) -> None:
    found = heard(spoken("weather", json.dumps(arguments)))
    assert isinstance(found, tuple)
    assert found[0] == "weather" and json.loads(found[1]) == arguments


def test_what_is_no_call_is_a_reply_or_cut_off() -> None:
    assert heard('{"reply": "Sunny."}') == "Sunny."
    assert heard('{"reply": "Sun') is None
    assert heard("[]") is None
