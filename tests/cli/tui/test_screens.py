"""The other screens, the layouts, and what happens when the daemon does not."""

import os
import signal
from typing import Any

import pytest
from textual.containers import VerticalScroll
from textual.widgets import Input, OptionList, Static

from smysl_cli.tui.app import SmyslApp
from smysl_cli.tui.settings import load_settings
from smysl_cli.tui.widgets.prompt import Prompt

QUESTION = "What is 6 * 7?"


async def on(person: Any, name: str) -> Any:
    await person.until(lambda: type(person.app.screen).__name__ == name)
    return person.app.screen


async def test_sessions_are_searched_opened_renamed_and_deleted(opened: Any) -> None:
    async with opened() as person:
        await person.ask("What is nine times nine?")
        await person.press("ctrl+n", "escape", "ctrl+s")
        screen = await on(person, "SessionsScreen")
        await person.until(lambda: len(screen._entries) >= 1)
        screen.query_one("#find", Input).value = "no such words anywhere"
        await person.until(lambda: "Nothing says that." in person.shown())
        screen.query_one("#find", Input).value = "nine"
        await person.until(lambda: screen._entries and "nine" in screen._entries[0].title)
        await person.press("ctrl+t")
        dialog = await person.dialog("Form")
        dialog.query_one("#title", Input).value = "nine by nine"
        await person.press("enter")
        await person.until(lambda: "nine by nine" in person.shown())
        await person.press("enter")
        await person.until(lambda: person.app.main.session.view is not None)
        assert person.app.main.session.view.title == "nine by nine"
        await person.press("ctrl+s")
        screen = await on(person, "SessionsScreen")
        screen.query_one("#find", Input).value = "nine by"
        await person.until(lambda: len(screen._entries) == 1)
        await person.press("ctrl+d")
        await person.dialog("Confirm")
        assert "cannot be undone" in person.shown()
        await person.press("y")
        await person.until(lambda: screen._entries == [])
        await person.press("escape")
        await person.hears("this session was deleted")
        assert person.app.main.session.id is None


async def test_a_program_is_chosen_from_the_list(opened: Any) -> None:
    async with opened() as person:
        await person.press("f2")
        screen = await on(person, "ProgramsScreen")
        options = screen.query_one(OptionList)
        await person.until(lambda: options.option_count > 1)
        assert "direct" in person.shown() and "solve" in person.shown()
        options.highlighted = 0
        await person.press("enter")
        assert person.app.main.asking.program == "direct"


async def test_the_plan_of_a_program_is_drawn_as_a_tree(opened: Any) -> None:
    async with opened() as person:
        person.app.main.query_one(Prompt).text = "How many are left?"
        await person.pilot.pause()
        await person.press("f2")
        screen = await on(person, "ProgramsScreen")
        await person.until(lambda: screen.query_one(OptionList).option_count > 1)
        await person.press("down", "x")
        shown = screen.query_one("#program", Static)
        await person.until(lambda: "wave 2" in str(shown.content))
        tree = str(shown.content).splitlines()
        assert tree[0] == "How many are left?"
        assert any("├" in line and "wave 1" in line for line in tree)
        words = " ".join("\n".join(tree).translate(str.maketrans("├└│", "   ")).split())
        assert "samples, candidate@2, 4 branches" in words
        assert "when samples.count > 3" in words
        person.app.main.query_one(Prompt).clear()


async def test_the_daemon_says_how_it_is(opened: Any) -> None:
    async with opened() as person:
        await person.press("f4")
        await on(person, "DaemonScreen")
        await person.until(lambda: "pid" in person.shown() and "MB" in person.shown())
        for label in ("tokens computed", "calls at once", "prompts reused", "memory"):
            assert label in person.shown()
        await person.until(lambda: "0 /s" in person.shown())
        await person.press("escape")
        await person.until(lambda: person.app.screen is person.app.main)


async def test_the_keys_that_walk_scroll_the_help(opened: Any) -> None:
    async with opened() as person:
        await person.press("escape", "question_mark")
        page = (await on(person, "HelpScreen")).query_one(VerticalScroll)
        for key, there in (("j", 1), ("k", 0), ("G", page.max_scroll_y), ("g", 0)):
            await person.press(key)
            await person.until(lambda there=there: page.scroll_y == there)
        assert page.max_scroll_y > 1


async def test_help_lists_every_key_and_screens_replace_each_other(opened: Any) -> None:
    async with opened() as person:
        await person.press("f1")
        screen = await on(person, "HelpScreen")
        assert screen.query_one(".page-text", Static) and "Keys" in person.shown()
        await person.press("f3")
        await on(person, "EnginesScreen")
        await person.press("escape")
        assert person.app.screen is person.app.main
        theme = person.app.theme
        await person.press("f8")
        assert person.app.theme != theme


async def test_one_pane_with_tabs_where_there_is_no_room(opened: Any, size: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        main = person.app.main
        seen = [
            pane for pane in ("graph", "reader", "inspector") if main.query_one(f"#{pane}").size
        ]
        if size[0] < 100:
            assert seen == ["graph"] and "[Thoughts]" in person.shown()
            await person.press("l")
            assert "[Thought]" in person.shown() and main.focused.id == "reader"
            await person.press("l")
            assert "confidence" in person.shown()
            await person.press("h", "h")
            assert main.focused.id == "graph"
            await person.press("enter")
            assert main.focused.id == "reader"
            await person.press("escape")
            assert main.focused.id == "graph"
        else:
            assert seen == ["graph", "reader", "inspector"]
            assert "confidence" in person.shown()


async def test_nothing_is_wider_than_the_terminal(opened: Any, size: Any) -> None:
    async with opened() as person:
        await person.ask("branches: " + "a long question " * 20 + "?")
        for columns, rows in ((80, 24), (200, 60), (40, 12), size):
            await person.pilot.resize_terminal(columns, rows)
            await person.pilot.pause()
            for widget in person.app.screen.query("*"):
                if widget.display and widget.size:
                    assert widget.region.right <= columns, widget


async def test_the_mouse_chooses_folds_and_changes_tabs(opened: Any, size: Any) -> None:
    async with opened() as person:
        await person.ask("branches: what is 6 * 7?")
        await person.pilot.click("#graph", offset=(20, 1))
        assert person.app.main.session.selected.kind == "question"
        if size[0] < 100:
            await person.pilot.click("#tabs", offset=(14, 0))
            await person.until(lambda: "[Thought]" in person.shown())


async def test_a_daemon_that_comes_back_is_found_and_nothing_is_lost(
    own: Any, monkeypatch: pytest.MonkeyPatch, opened: Any
) -> None:
    async with opened(own.dirs) as person:
        await person.send("slow: what is 6 * 7?")
        session = person.app.main.session
        await person.until(lambda: len(session.thoughts) > 2)
        prompt = person.app.main.query_one(Prompt)
        prompt.text = "the next question"
        # a daemon that cannot be started: what is tried by itself must not end in a crash
        monkeypatch.setenv("SMYSL_CONFIG_DIR", str(own.dirs.config))
        monkeypatch.setenv("SMYSL_DATA_DIR", str(own.dirs.data))
        monkeypatch.setenv("SMYSL_RUNTIME_DIR", str(own.dirs.runtime))
        monkeypatch.setenv("SMYSL_MODELS_DIR", str(own.dirs.data / "no-models"))
        os.kill(own.daemon.pid, signal.SIGKILL)
        own.daemon.wait()
        await person.hears("the daemon went away")
        await person.hears("cannot start the daemon")
        await person.until(lambda: person.app.main._link == "lost")
        person.app.clear_notifications()
        await person.until(lambda: "no daemon" in person.shown())
        assert prompt.text == "the next question"
        assert len(session.thoughts) > 2
        own.start_daemon()
        await person.hears("connected again")
        # the scripted service forgets; what was typed does not go with it
        await person.until(lambda: session.id is None)
        assert prompt.text == "the next question"


async def test_a_draft_outlives_the_terminal(opened: Any) -> None:
    async with opened() as person:
        await person.press(*"how")
    async with opened() as person:
        assert person.app.main.query_one(Prompt).text == "how"
        await person.press("backspace", "backspace", "backspace")
        assert person.app.main.query_one(Prompt).text == ""


async def test_a_stream_is_drawn_no_oftener_than_the_budget_allows(opened: Any) -> None:
    async with opened() as person:
        drawn: list[int] = []
        refresh = person.app.main.draw

        def counted(*, turn: bool = False) -> None:
            drawn.append(turn)
            refresh(turn=turn)

        person.app.main.draw = counted
        await person.send("flood: what is 6 * 7?")
        session = person.app.main.session
        await person.until(lambda: session.op is not None and session.run == "idle")
        assert sum(drawn) < 500  # of 2,000 pieces of text
        assert any(len(node.text) == 0 or "x" in node.text for node in session.thoughts)


async def test_a_session_is_opened_from_the_command_line(opened: Any, shell: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        id = person.app.main.session.id
    async with opened(session=id) as person:
        await person.until(lambda: person.app.main.session.id == id)
        assert len(person.app.main.session.thoughts) == 3
    async with opened(session="zzzzzzzz") as person:
        await person.hears("zzzzzzzz")


async def test_keys_are_remapped_and_a_mistake_is_named(own: Any, opened: Any) -> None:
    own.dirs.config.mkdir(parents=True, exist_ok=True)
    own.dirs.config_file.write_text('[tui]\ntheme = "light"\n[tui.keys]\nhelp = "f9"\nfork = "e"\n')
    async with opened(own.dirs) as person:
        assert person.app.theme == "textual-light"
        await person.press("f1")
        assert person.app.screen is person.app.main
        await person.press("f9")
        await on(person, "HelpScreen")
        assert "f9" in person.shown()
        await person.press("escape")
        await person.ask(QUESTION)
        await person.press("e")  # which was that of edit
        await person.dialog("Form")
        assert "Begin a branch" in person.shown()


REMAPPED = """
[tui.keys]
sessions_rename = "f7"
programs_explain = "E"
engines_build = "ctrl+b"
engines_verify = "B"
daemon_restart = "f12"
evals_other = "O, f7"
"""


async def test_keys_of_every_screen_are_remapped_and_the_last_line_says_so(
    own: Any, opened: Any
) -> None:
    own.dirs.config.mkdir(parents=True, exist_ok=True)
    own.dirs.config_file.write_text(REMAPPED)
    async with opened(own.dirs) as person:
        await person.ask(QUESTION)
        await person.press("ctrl+s")
        screen = await on(person, "SessionsScreen")
        await person.until(lambda: screen._entries)
        await person.until(lambda: "f7 rename" in last_line(person))
        await person.press("ctrl+t")
        assert person.app.screen is screen
        await person.press("f7")
        await person.dialog("Form")
        assert "Rename the session" in person.shown()
        await person.press("escape", "escape", "f2")
        screen = await on(person, "ProgramsScreen")
        await person.until(lambda: screen.query_one(OptionList).option_count > 1)
        await person.press("x")
        assert not screen.does("explain")
        await person.press("E")
        shown = screen.query_one("#program", Static)
        await person.until(lambda: "wave 1" in str(shown.content))
        await person.press("escape", "f3")
        screen = await on(person, "EnginesScreen")
        await person.until(lambda: screen._engines)
        await person.until(lambda: "B verify" in last_line(person))
        assert "^b build" in last_line(person)
        await person.press("B")
        await person.hears("as their manifests say")
        await person.press("ctrl+b")
        await person.dialog("Form")
        assert "Build an engine" in person.shown()
        await person.press("escape", "escape", "f4")
        screen = await on(person, "DaemonScreen")
        await person.press("R")
        assert person.app.screen is screen
        await person.press("f12")
        await person.dialog("Confirm")
        assert "Restart the daemon?" in person.shown()
        await person.press("n", "escape", "f9")
        await on(person, "EvalsScreen")
        await person.press("f7")
        await person.dialog("Form")
        await person.press("escape", "escape", "f1")
        await on(person, "HelpScreen")
        assert "Keys" in person.shown()
        await person.press("f1")
        assert person.app.screen is person.app.main


async def test_on_its_screen_a_key_goes_before_one_that_works_everywhere(
    own: Any, opened: Any
) -> None:
    own.dirs.config.mkdir(parents=True, exist_ok=True)
    own.dirs.config_file.write_text('[tui.keys]\nfork = "f4"\ntheme = "t"\n')
    async with opened(own.dirs) as person:
        await person.ask(QUESTION)
        await person.press("f4")
        await person.dialog("Form")
        assert "Begin a branch" in person.shown()
        await person.press("escape", "f9")
        await on(person, "EvalsScreen")
        theme = person.app.theme
        await person.press("t")  # which was that of counting by tag
        assert person.app.theme != theme
        await person.press("f4")
        await on(person, "DaemonScreen")


def last_line(person: Any) -> str:
    return str(person.shown().splitlines()[-1])


async def test_the_last_line_says_what_keys_do_and_a_click_presses_one(opened: Any) -> None:
    async with opened() as person:
        # typed words are words: no key of the thoughts is offered while the prompt is written in
        await person.until(lambda: "sessions" in last_line(person))
        assert "derive" not in last_line(person)
        await person.press("escape")
        await person.until(lambda: "r derive" in last_line(person))
        assert last_line(person).split("  ")[0] == "a ask"
        assert last_line(person).rstrip().endswith("? help")
        await person.pilot.resize_terminal(40, 12)
        await person.until(lambda: "derive" not in last_line(person))
        assert last_line(person).rstrip().endswith("? help")
        await person.pilot.click("#keys", offset=(last_line(person).index("help"), 0))
        await on(person, "HelpScreen")


async def test_no_color_leaves_signs_and_words(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened() as person:
        await person.ask(QUESTION)
        assert person.app.no_color
        assert "42" in person.shown() and "verified" in person.shown()


async def test_without_unicode_only_ascii_is_drawn_in_the_graph(shell: Any) -> None:
    app = SmyslApp(shell.dirs, load_settings(shell.dirs), unicode=False)
    async with app.run_test(size=(80, 24)) as pilot:
        graph = app.main.query_one("#graph")
        await pilot.pause()
        assert graph.render_line(0).text.isascii()
