"""What was thought, apart from what was said: while it grows, when it is finished, and folded away."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli.tui.model.thinking import Parts, parts
from smysl_daemon.shapes import NodeView


def node(text: str, *, kind: str = "step", status: str = "done", **data: Any) -> NodeView:
    return NodeView(id="n", kind=kind, text=text, status=status, data=data or None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("48 / 2", Parts("", "48 / 2", False)),
        ("<think>half of 48", Parts("half of 48", "", True)),
        ("<think>half</think>48 / 2", Parts("half", "48 / 2", False)),
        ("half</think>\n48 / 2", Parts("half", "48 / 2", False)),
        ("<thought>a</thought> b <thinking>c</thinking>", Parts("a\n\nc", "b", False)),
        ("<think>a</think>b<think>c", Parts("a\n\nc", "b", True)),
        ("<think></think>b", Parts("", "b", False)),
        ("I think that <b> is", Parts("", "I think that <b> is", False)),
    ],
)
def test_tags_part_a_growing_text(text: str, found: Parts) -> None:
    assert parts(node(text, status="running")) == found


def test_a_section_that_never_ended_is_no_longer_open_when_the_node_is_finished() -> None:
    assert parts(node("<think>half")) == Parts("half", "", False)


def test_a_finished_reply_says_itself_what_was_thought() -> None:
    assert parts(node("24", thinking="half of 48 ")) == Parts("half of 48", "24", False)
    assert parts(node("half of 48", thinking="half of 48")) == Parts("half of 48", "", False)
    assert parts(node("24", thinking="")).thought == ""


@pytest.mark.parametrize("kind", ["question", "note", "context"])
def test_what_a_person_writes_is_never_folded(kind: str) -> None:
    assert parts(node("what is <think>?", kind=kind)) == Parts("", "what is <think>?", False)


@given(thought=st.text("ab \n"), said=st.text("ab \n"))
def test_nothing_but_white_space_is_lost(thought: str, said: str) -> None:
    found = parts(node(f"<think>{thought}</think>{said}"))
    assert (found.thought, found.said) == (thought.strip(), said.strip())
    assert found.words == len(thought.split())


async def test_thoughts_are_folded_and_shown_by_key_and_by_click(opened: Any, size: Any) -> None:
    async with opened() as person:
        await person.ask("ponder: what is 6 * 7?")
        await person.choose("step")
        await person.press("escape", "enter")
        await person.until(lambda: "it is 42" in person.shown())
        assert "thought, 3 words" in person.shown()
        reader = person.app.main.query_one("#reader")
        thinking = reader.query_one("#thinking")
        assert not thinking.display
        await person.press("t")
        await person.until(lambda: thinking.display)
        assert thinking.text == "six times seven"
        await person.pilot.click("#fold")
        await person.until(lambda: not thinking.display)
        await person.choose("answer")
        await person.press("t")
        await person.hears("nothing was thought apart")
