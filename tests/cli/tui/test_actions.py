"""Every action, with keys, in both layouts, against a daemon over the scripted service."""

from typing import Any

import pytest
from textual.widgets import Input, OptionList, Select, Static, TextArea

from smysl_cli.tui.actions import ACTIONS
from smysl_cli.tui.widgets.prompt import Prompt
from smysl_daemon.client import Client
from smysl_daemon.protocol import Inject, Retry

QUESTION = "What is 6 * 7?"


async def test_a_question_becomes_thoughts_and_its_answer_is_chosen(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        session = person.app.main.session
        assert [node.kind for node in session.thoughts] == ["question", "computed", "answer"]
        assert session.selected is not None and session.selected.text == "42"
        await person.hears("42: verified")
        assert person.app.main.query_one(Prompt).text == ""
        shown = person.shown()
        assert "6 * 7 = 42" in shown and "verified" in shown and "main" in shown


async def test_an_edit_says_its_cost_and_marks_what_rests_on_it(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        node = await person.choose("question")
        await person.press("e")
        dialog = await person.dialog("Writing")
        area = dialog.query_one("#text", TextArea)
        assert area.text == QUESTION
        area.text = "What is 6 * 8?"
        await person.until(lambda: "to derive" in str(dialog.query_one("#preview").content))
        await person.press("ctrl+s")
        await person.hears("stale")
        session = person.app.main.session
        assert session.thoughts.get(node.id).text == "What is 6 * 8?"
        assert session.thoughts.counts().stale == 2
        assert "stale" in person.shown()


async def test_a_refused_edit_says_why_and_keeps_its_draft(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        node = await person.choose("computed")
        await person.press("e")
        dialog = await person.dialog("Writing")
        dialog.query_one("#text", TextArea).text = "nonsense"
        await person.press("ctrl+s")
        await person.hears("is no value of a computed node")
        assert person.app.drafts.read(f"edit-{node.id}") == "nonsense"
        await person.press("e")
        dialog = await person.dialog("Writing")
        assert dialog.query_one("#text", TextArea).text == "nonsense"
        dialog.query_one("#text", TextArea).text = node.text
        await person.press("ctrl+s")
        await person.hears("nothing changed")


async def test_derive_shows_the_cost_first_and_then_derives(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        await person.press("r")
        await person.hears("nothing to derive")
        await person.choose("question")
        await person.press("i")
        dialog = await person.dialog("Writing")
        dialog.query_one("#text", TextArea).text = "think of eight"
        await person.press("ctrl+s")
        await person.hears("r derives them")
        await person.press("r")
        dialog = await person.dialog("Confirm")
        assert "2 thoughts to derive: 1 to compute, 1 from the cache" in person.shown()
        await person.press("n")
        assert person.app.main.session.thoughts.counts().stale == 2
        await person.press("r")
        await person.dialog("Confirm")
        await person.press("y")
        await person.hears("43: verified")
        await person.until(lambda: person.app.main.session.thoughts.counts().stale == 0)


async def test_a_note_can_be_derived_at_once(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        await person.choose("question")
        await person.press("i")
        dialog = await person.dialog("Writing")
        dialog.query_one("#text", TextArea).text = "think"
        await person.press("ctrl+r")
        await person.hears("43: verified")
        assert any(node.kind == "note" for node in person.app.main.session.thoughts)


async def test_pin_holds_a_node_and_lets_it_go(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        node = await person.choose("computed")
        thoughts = person.app.main.session.thoughts
        await person.press("P")
        await person.until(lambda: thoughts.get(node.id).hold == "pinned")
        assert "⚑" in person.shown()
        await person.press("P")
        await person.until(lambda: thoughts.get(node.id).hold is None)


async def test_delete_asks_first_and_no_is_the_default(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        node = await person.choose("computed")
        thoughts = person.app.main.session.thoughts
        await person.press("X")
        await person.dialog("Confirm")
        await person.press("enter")
        await person.until(lambda: person.app.screen is person.app.main)
        assert node.id in thoughts
        await person.press("X")
        await person.dialog("Confirm")
        await person.press("y")
        await person.until(lambda: node.id not in person.app.main.session.thoughts)


async def test_retry_makes_a_node_again_or_uses_another_program(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        node = await person.choose("computed")
        await person.press("R")
        dialog = await person.dialog("Form")
        dialog.query_one("#temperature", Input).value = "9"
        await person.press("enter")
        await person.until(lambda: "0 to 2" in str(dialog.query_one("#wrong").content))
        dialog.query_one("#temperature", Input).value = ""
        dialog.query_one("#seed", Input).value = "7"
        await person.press("enter")
        await person.dialog("Confirm")
        assert person.app.main.session.thoughts.get(node.id).stale is True
        await person.press("y")
        await person.hears("43: verified")
        before = person.app.main.session.id
        await person.press("R")
        dialog = await person.dialog("Form")
        dialog.query_one("#program", Select).value = "direct"
        dialog.query_one("#seed", Input).focus()
        await person.press("enter")
        await person.until(lambda: person.app.main.session.id != before)


async def test_a_node_is_made_again_under_an_adapter_of_the_engine(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        node = await person.choose("computed")
        asked: list[object] = []
        ask = person.app.requests.ask

        async def noted(message: Any, kind: Any, **options: Any) -> Any:
            asked.append(message)
            return await ask(message, kind, **options)

        person.app.requests.ask = noted
        await person.press("R")
        dialog = await person.dialog("Form")
        dialog.query_one("#adapter", Select).value = "careful"
        dialog.query_one("#program", Select).value = "direct"
        dialog.query_one("#seed", Input).focus()
        await person.press("enter")
        await person.until(lambda: "by its own settings" in str(_wrong(dialog)))
        dialog.query_one("#program", Select).value = ""
        await person.press("enter")
        await person.dialog("Confirm")
        await person.press("n")
        assert Retry(node=node.id, adapter="careful", branch="main") in asked


def _wrong(dialog: Any) -> object:
    return dialog.query_one("#wrong", Static).content


async def test_undo_and_redo_say_what_they_did(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        await person.press("U")
        await person.hears("nothing to undo")
        await person.choose("question")
        await person.press("i")
        (await person.dialog("Writing")).query_one("#text", TextArea).text = "a note"
        await person.press("ctrl+s")
        await person.hears("r derives them")
        await person.press("ctrl+z")
        await person.hears("undone: inject")
        await person.press("ctrl+y")
        await person.hears("done again: inject")


async def test_fork_switch_compare_and_take(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        await person.press("D")
        await person.hears("one branch only")
        await person.choose("computed")
        await person.press("f")
        dialog = await person.dialog("Form")
        name = dialog.query_one("#name", Input)
        assert name.value == "branch-2"
        name.value = "Not A Name"
        await person.press("enter")
        await person.until(lambda: "small letters" in str(dialog.query_one("#wrong").content))
        name.value = "other"
        await person.press("enter")
        await person.hears("branch other begun")
        assert person.app.main.session.branch == "other" and "other" in person.shown()
        await person.press("M")
        await person.dialog("Choice")
        await person.press("enter")
        await person.until(lambda: "⇄" in person.shown() or "taken" in person.shown())
        await person.press("D")
        await person.until(lambda: type(person.app.screen).__name__ == "ComparisonScreen")
        assert "main | other" in person.shown()
        await person.press("escape")
        await person.press("b")
        dialog = await person.dialog("Choice")
        dialog.query_one(OptionList).highlighted = 0
        await person.press("enter")
        await person.hears("branch main chosen")
        assert person.app.main.session.branch == "main"


async def test_why_goes_to_the_reason_that_is_chosen(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        await person.choose("answer")
        await person.press("w")
        await person.dialog("WhyScreen")
        assert "rests on" in person.shown()
        await person.press("home", "enter")
        await person.until(lambda: person.app.screen is person.app.main)
        assert person.app.main.session.selected.kind == "question"


async def test_a_run_is_paused_goes_on_and_answers_at_once(opened: Any) -> None:
    async with opened() as person:
        session = person.app.main.session
        await person.send("slow: what is 6 * 7?")
        await person.until(lambda: len(session.thoughts) > 5)
        assert session.run == "running" and "running" in person.shown()
        await person.press("z")
        await person.until(lambda: session.run == "paused")
        assert "paused" in person.shown()
        await person.press("z")
        await person.until(lambda: session.run == "running")
        await person.press("F")
        await person.until(lambda: session.run == "idle" and not person.app.main.runner.active)


async def test_a_run_is_stopped_after_a_question(opened: Any) -> None:
    async with opened() as person:
        session = person.app.main.session
        await person.press("escape")
        await person.press("C")
        await person.hears("nothing runs")
        await person.send("slow: what is 6 * 7?")
        await person.until(lambda: len(session.thoughts) > 2)
        await person.send("another question")
        await person.hears("a run goes on")
        assert person.app.main.query_one(Prompt).text == "another question"
        await person.press("escape", "C")
        await person.dialog("Confirm")
        await person.press("y")
        await person.hears("cancelled")
        await person.until(lambda: not person.app.main.runner.active)
        person.app.main.query_one(Prompt).clear()


async def test_export_writes_a_file_and_asks_before_it_writes_over_one(
    opened: Any, tmp_path: Any
) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        await person.press("E")
        dialog = await person.dialog("Form")
        dialog.query_one("#file", Input).value = "said.md"
        dialog.query_one("#file", Input).focus()
        await person.press("enter")
        await person.until(lambda: (tmp_path / "said.md").exists())
        assert (tmp_path / "said.md").read_text().startswith("# What is 6 * 7?")
        await person.hears("bytes are in")
        (tmp_path / "said.md").write_text("mine")
        await person.press("E")
        dialog = await person.dialog("Form")
        dialog.query_one("#file", Input).value = "said.md"
        dialog.query_one("#file", Input).focus()
        await person.press("enter")
        await person.dialog("Confirm")
        await person.press("n")
        assert (tmp_path / "said.md").read_text() == "mine"


async def test_walking_folding_and_finding_what_is_stale(opened: Any) -> None:
    async with opened() as person:
        await person.ask("branches: what is 6 * 7?")
        session = person.app.main.session
        await person.press("g")
        assert session.selected.kind == "question"
        await person.press("j", "j")
        assert session.selected.kind == "candidate"
        await person.press("right_square_bracket")
        assert session.selected.text == "way 1"
        await person.press("left_square_bracket")
        assert session.selected.text == "way 0"
        rows = len(session.outline.rows)
        await person.press("space")
        assert len(session.outline.rows) == rows - 1 and "▸1" in person.shown()
        await person.press("space", "Z")
        assert len(session.outline.rows) < rows
        await person.press("Z", "p")
        assert len(session.outline.rows) == rows
        await person.press("x")
        await person.hears("nothing is stale")
        await person.press("G", "d", "u", "k", "y")
        await person.hears("copied")


async def test_options_are_kept_and_wrong_ones_are_named(opened: Any) -> None:
    async with opened() as person:
        await person.press("ctrl+o")
        dialog = await person.dialog("Form")
        dialog.query_one("#tokens", Input).value = "-5"
        dialog.query_one("#tokens", Input).focus()
        await person.press("enter")
        await person.until(lambda: "at least 1 token" in str(dialog.query_one("#wrong").content))
        dialog.query_one("#tokens", Input).value = "500"
        dialog.query_one("#program", Select).value = "direct"
        await person.press("enter")
        await person.until(lambda: person.app.main.asking.budget_tokens == 500)
        assert "direct, 500 tokens" in person.shown()


async def test_an_adapter_is_chosen_at_the_prompt_and_kept_for_the_next_questions(
    opened: Any,
) -> None:
    async with opened() as person:
        await person.press("ctrl+o")
        dialog = await person.dialog("Form")
        assert dialog.query_one("#adapter", Select).value == ""
        dialog.query_one("#adapter", Select).value = "terse"
        dialog.query_one("#seed", Input).focus()
        await person.press("enter")
        await person.until(lambda: person.app.main.asking.adapter == "terse")
        assert "solve, adapter terse" in person.shown()
        for _ in range(2):
            await person.ask(QUESTION)
            thoughts = person.app.main.session.thoughts
            assert {one.recipe.adapter for one in thoughts if one.recipe} == {"terse"}
        await person.press("ctrl+o")
        dialog = await person.dialog("Form")
        assert dialog.query_one("#adapter", Select).value == "terse"
        dialog.query_one("#adapter", Select).value = ""
        dialog.query_one("#seed", Input).focus()
        await person.press("enter")
        await person.until(lambda: person.app.main.asking.adapter is None)
        assert "adapter terse" not in person.shown()


async def test_the_prompt_takes_several_lines_and_the_persons_editor(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as person:
        prompt = person.app.main.query_one(Prompt)
        await person.press("a", "ctrl+j", "b")
        assert prompt.text == "a\nb"
        monkeypatch.setattr(person.app.main, "edited", lambda text: text + "\nc")
        await person.press("ctrl+g")
        await person.until(lambda: prompt.text == "a\nb\nc")
        prompt.clear()
        await person.press("enter")
        await person.hears("the question is empty")


async def test_a_new_session_keeps_the_old_ones_draft(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        first = person.app.main.session.id
        prompt = person.app.main.query_one(Prompt)
        prompt.text = "half a question"
        await person.pilot.pause()
        await person.press("ctrl+n")
        await person.until(lambda: person.app.main.session.id is None)
        assert prompt.text == ""
        person.app.open(first, None)
        await person.until(lambda: person.app.main.session.id == first)
        await person.until(lambda: prompt.text == "half a question")
        prompt.clear()


async def test_rename_and_refresh(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        await person.press("ctrl+t")
        dialog = await person.dialog("Form")
        dialog.query_one("#title", Input).value = "Six times seven"
        await person.press("enter")
        await person.until(lambda: "Six times seven" in person.shown())
        await person.press("f5")
        await person.pilot.pause()


async def test_two_terminals_see_the_same_nodes(opened: Any, shell: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        session = person.app.main.session
        node = await person.choose("question")
        with Client(shell.dirs.socket) as other:
            other.ask(Inject(node=node.id, text="from elsewhere"))
        await person.until(lambda: any(one.kind == "note" for one in session.thoughts))
        assert session.selection.node == node.id


async def test_every_action_is_in_the_palette_and_has_a_key(opened: Any) -> None:
    async with opened() as person:
        app = person.app
        bound = {binding.id for _, binding in app._bindings}
        screens = [app.main]
        for where in dict.fromkeys(action.where for action in ACTIONS):
            if where not in ("everywhere", "session"):
                app.action_go(where)
                await person.until(lambda where=where: getattr(app.screen, "where", "") == where)
                screens.append(app.screen)
        app.pop_screen()
        for screen in screens:
            offered = {one.title for one in app.get_system_commands(screen)}
            here = [one for one in ACTIONS if one.where in ("everywhere", screen.where)]
            assert offered == {action.title for action in here}
            bound |= {binding.id for _, binding in screen._bindings}
        assert {action.name for action in ACTIONS} <= bound
        await person.until(lambda: app.screen is app.main)
        await person.press("ctrl+p")
        await person.until(lambda: type(person.app.screen).__name__ == "CommandPalette")
        await person.press("escape")
