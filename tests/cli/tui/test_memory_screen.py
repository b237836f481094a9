"""The memory's screen with keys and mouse, in both layouts, against a daemon over the scripted service."""

import os
import signal
from typing import Any

import pytest
from textual.events import MouseScrollDown, MouseScrollUp
from textual.widgets import Input, OptionList, Static, TextArea

from smysl_cli.tui.app import SmyslApp
from smysl_cli.tui.model.dossier import Target
from smysl_cli.tui.screens.memory import MemoryScreen
from smysl_cli.tui.settings import load_settings
from smysl_cli.tui.widgets.lines import Lines
from smysl_cli.tui.widgets.starmap import Starmap
from smysl_daemon.client import Client
from smysl_daemon.errors import Code, RequestRefused
from smysl_daemon.memory_protocol import (
    MAP_LIMIT,
    AddMemories,
    ForgetMemory,
    LinkMemories,
    ListMemories,
    MapMemory,
    MemoriesAdded,
    MemoryList,
    SearchMemory,
    ShowMemory,
)
from smysl_daemon.protocol import Run, RunEnded

FERRY = "The ferry leaves from the north pier."
TICKETS = "Tickets for the ferry are cheaper before noon."
PIER = "The north pier was painted."
BREAD = "Rye bread needs a long rest."
TEXTS = (FERRY, TICKETS, PIER, BREAD)
QUESTION = "When does the ferry leave?"
SIZES = ((80, 24), (120, 40))


BOTH = pytest.mark.parametrize(
    "size", SIZES, indirect=True, ids=lambda size: f"{size[0]}x{size[1]}"
)


@pytest.fixture
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    """One layout, where a test does not want `BOTH`: what keys do is the same in the other."""
    found: tuple[int, int] = getattr(request, "param", (120, 40))
    return found


def remember(shell: Any, *texts: str) -> list[str]:
    with Client(shell.dirs.socket) as client:
        reply = client.ask(AddMemories(texts=texts or TEXTS))
    assert isinstance(reply, MemoriesAdded)
    return [one.id for one in reply.added]


def recall(shell: Any, question: str = QUESTION) -> str:
    """The session of a question into which memories fell."""
    session = ""
    with Client(shell.dirs.socket) as client:
        for message in client.stream(Run(question=question, recall=3)):
            session = getattr(message, "session", session)
            if isinstance(message, RunEnded):
                break
    return session


def about(shell: Any, id: str) -> Any:
    with Client(shell.dirs.socket) as client:
        return client.ask(ShowMemory(memory=id))


async def memory(person: Any, count: int | None = None) -> Any:
    """Open the screen, and wait until it shows what there is."""
    await person.press("f6")
    await person.until(lambda: type(person.app.screen).__name__ == "MemoryScreen")
    screen = person.app.screen
    await person.until(lambda: count is None or screen.seen.total == count)
    await person.until(lambda: count is None or len(screen.seen.atlas) == count)
    return screen


async def search(person: Any, text: str) -> None:
    screen = person.app.screen
    screen.query_one("#find", Input).value = text
    await person.until(lambda: screen.seen.words == text)


async def focus(person: Any, pane: str) -> Any:
    person.app.screen.action_show_pane(pane)
    await person.pilot.pause()
    return person.app.screen.query_one(f"#{pane}")


def lines(person: Any, pane: str) -> str:
    found = person.app.screen.query_one(f"#{pane}", Lines)._lines
    return "\n".join("".join(run.text for run in line.runs) for line in found)


# ------------------------------------------------------------ looking


@BOTH
async def test_an_empty_memory_says_how_to_begin(opened: Any, own: Any) -> None:
    async with opened(own.dirs) as person:
        screen = await memory(person, 0)
        await person.until(lambda: "Nothing is remembered yet." in person.shown())
        assert "smysl memory add" in person.shown()
        for key in ("e", "P", "m", "L", "c", "X"):
            await person.press(key)
        await person.hears("there is no memory yet; a adds one")
        assert person.app.screen is screen
        await person.press("left", "plus", "enter", "j", "escape")
        await person.until(lambda: person.app.screen is person.app.main)


@BOTH
async def test_the_map_the_list_and_the_memory_show_the_same_one(
    opened: Any, own: Any, size: Any
) -> None:
    ids = remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        await person.until(lambda: screen.seen.shown is not None)
        first = screen.seen.chosen
        assert first in ids and "[●]" in person.shown()
        assert "light to heavy" in person.shown() and "4 of 4" in person.shown()
        if size[0] < 100:
            assert "[Map]" in person.shown()
            await person.press("tab")
            assert "[Memories]" in person.shown() and screen.focused.id == "memories"
        else:
            await person.press("tab")
        assert FERRY[:20] in person.shown()
        await person.press("j")
        await person.until(lambda: screen.seen.chosen == screen.seen.ids[1])
        await person.until(lambda: screen.seen.shown is not None)
        await person.press("G", "g", "j", "k", "end")
        assert screen.seen.chosen == screen.seen.ids[-1]
        await person.press("enter")
        assert screen.focused.id == "memory"
        text = screen.seen.text(screen.seen.chosen)
        await person.until(lambda: "source" in lines(person, "memory"))
        assert text in lines(person, "memory") and "person" in lines(person, "memory")
        await person.press("tab")
        assert screen.focused.id == "starmap"
        await person.press("shift+tab")
        assert screen.focused.id == "memory"


async def test_keys_walk_over_the_map_zoom_it_and_move_it(opened: Any, own: Any) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        map = screen.query_one(Starmap)
        atlas, frame = screen.seen.atlas, map.frame
        walked = set()
        for key in ("left", "right", "up", "down", "h", "l", "k", "j"):
            direction = {"h": "left", "l": "right", "k": "up", "j": "down"}.get(key, key)
            here = screen.seen.chosen
            there = atlas.beside(frame, here, direction) or here
            await person.press(key)
            await person.until(lambda there=there: screen.seen.chosen == there)
            walked.add(there)
        assert len(walked) > 1
        await person.press("plus", "plus")
        assert map.view.zoom == pytest.approx(2.25) and "2.2 times" in person.shown()
        # what is chosen is brought in sight when it is left behind
        point = atlas.get(screen.seen.chosen)
        assert map.frame.holds(map.frame.spot(point.x, point.y))
        await person.press(*["shift+left"] * 5, *["shift+up"] * 5)
        corner = map.view
        assert (corner.x, corner.y) == pytest.approx((1 / 2.25 - 1, 1 - 1 / 2.25))
        await person.press("ctrl+right", "ctrl+down")
        assert map.view.x > corner.x and map.view.y < corner.y
        await person.press("minus")
        assert map.view.zoom == pytest.approx(1.5)
        await person.press("0")
        assert map.view.zoom == 1
        await person.press("enter")
        assert screen.focused.id == "memory"


@BOTH
async def test_the_mouse_chooses_zooms_and_opens(opened: Any, own: Any, size: Any) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        map = screen.query_one(Starmap)
        for point in screen.seen.atlas.points:
            spot = map.frame.spot(point.x, point.y)
            # over the border
            await person.pilot.click(
                "#starmap", offset=(int(spot.x) // 2 + 1, int(spot.y) // 4 + 1)
            )
            await person.until(lambda id=point.memory: screen.seen.chosen == id)
        for turned, zoom in ((MouseScrollUp, 1.5), (MouseScrollUp, 2.25), (MouseScrollDown, 1.5)):
            map.post_message(turned(map, 10, 5, 0, 1, 0, False, False, False, 10, 5))
            await person.until(lambda zoom=zoom: map.view.zoom == pytest.approx(zoom))
        if size[0] < 100:
            await person.pilot.click("#tabs", offset=(9, 0))
            await person.until(lambda: screen._pane == "memories")
        list = screen.query_one("#memories", Lines)
        await person.pilot.click("#memories", offset=(6, 3))
        await person.until(lambda: screen.seen.chosen == screen.seen.ids[2])
        assert list.at == Target(screen.seen.ids[2]) and screen.focused.id == "memory"


async def test_the_list_has_three_orders(opened: Any, own: Any) -> None:
    ids = remember(own)
    recall(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        await focus(person, "memories")
        assert "Heaviest first" in person.shown()
        await person.press("o")
        await person.until(lambda: screen.seen.ids == ids[::-1])
        assert "Newest first" in person.shown()
        await person.press("o")
        await person.until(lambda: screen.seen.memories[0].uses == 1)
        assert "Most used first" in person.shown()
        await person.press("o")
        await person.until(lambda: "Heaviest first" in person.shown())


@BOTH
async def test_what_would_fall_into_words_is_drawn_as_they_are_typed(opened: Any, own: Any) -> None:
    ids = remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        await person.press("slash")
        assert screen.focused.id == "find"
        # keys of actions write here
        await person.press(*"Pa X", "backspace")
        assert screen.query_one("#find", Input).value == "Pa "
        await search(person, "painted")
        await person.until(lambda: len(screen.seen.pulls) == 2)
        assert screen.seen.ids == [ids[2], ids[0]] and screen.seen.chosen == ids[2]
        await person.press("escape")
        assert screen.focused.id == "starmap"
        shown = person.shown()
        assert "◆" in shown and "1 The north pier" in shown and "2 The ferry" in shown
        await focus(person, "memories")
        assert "What falls into it" in person.shown()
        # over the link to it, and not by its own words
        assert "words 1.00 → The n" in lines(person, "memories")
        await focus(person, "memory")
        await person.until(lambda: "falls in" in lines(person, "memory"))
        assert "1.00 → this" in lines(person, "memory")
        await search(person, "zebra")
        assert "Nothing falls" in " ".join(lines(person, "memories").split())
        await person.press("escape")
        await person.until(lambda: screen.seen.words == "" and len(screen.seen.ids) == 4)
        assert screen.query_one("#find", Input).value == ""
        await person.press("escape")
        assert person.app.screen is person.app.main


async def test_words_that_are_refused_are_told_in_the_list_and_not_at_each_letter(
    opened: Any, own: Any
) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        ask = person.app.requests.ask

        async def refusing(message: Any, kind: Any, **options: Any) -> Any:
            if isinstance(message, SearchMemory):
                raise RequestRefused(Code.BAD_REQUEST, "the text is too long to search for")
            return await ask(message, kind, **options)

        person.app.requests.ask = refusing
        await search(person, "ferry")
        assert "too long to search for" in " ".join(lines(person, "memories").split())
        assert not person.told() and not screen.seen.ids


async def test_a_screen_that_is_left_draws_no_answers(opened: Any, own: Any) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        await search(person, "ferry")
        await person.press("escape", "escape")
        await person.until(lambda: person.app.screen is person.app.main)
        # what was asked for is answered now
        await screen._search()
        screen.draw()
        assert not screen.is_shown


async def test_what_is_written_at_the_prompt_is_searched_for_first(opened: Any, own: Any) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        await person.press(*"tickets")
        screen = await memory(person, 4)
        await person.until(lambda: screen.seen.words == "tickets")
        assert screen.seen.pulls[0].text == TICKETS
        await person.press("slash", "enter")
        assert screen.focused.id == "memories"


async def test_a_pull_over_what_is_not_on_the_map_reads_the_map_again(
    opened: Any, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smysl_cli.tui.screens.memory.MAP_LIMIT", 2)
    remember(own)
    async with opened(own.dirs) as person:
        await person.press("f6")
        await person.until(lambda: type(person.app.screen).__name__ == "MemoryScreen")
        screen = person.app.screen
        await person.until(lambda: len(screen.seen.atlas) == 2)
        assert "2 of 4" in person.shown()
        await search(person, "bread")
        await person.until(lambda: not screen.seen.off_map())
        assert "Rye bread" in person.shown()


async def test_nothing_is_drawn_again_when_nothing_has_changed(opened: Any, own: Any) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        await person.until(lambda: screen.seen.shown is not None)
        await person.pilot.pause()
        drawn: list[str] = []
        for widget in (screen.query_one(Starmap), *screen.query(Lines)):
            refresh = widget.refresh

            def counted(*words: Any, refresh: Any = refresh, **options: Any) -> Any:
                drawn.append("refresh")
                return refresh(*words, **options)

            widget.refresh = counted
        screen.draw()
        screen.draw()
        assert not drawn
        screen.seen.choose(screen.seen.ids[-1])
        screen.draw()
        assert drawn


# ------------------------------------------------------------ changing


async def test_a_memory_is_added_with_a_look_at_what_is_near(opened: Any, own: Any) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        await person.press("a")
        dialog = await person.dialog("Writing")
        assert "Apply and derive" not in person.shown()
        area = dialog.query_one("#text", TextArea)
        await person.press("ctrl+s")
        await person.hears("a memory says something, or is forgotten")
        area.text = "The ferry is white.\nIt has two funnels."
        await person.until(lambda: "nearest" in str(dialog.query_one("#preview", Static).content))
        # what was typed outlives the dialog
        await person.press("escape")
        await person.until(lambda: person.app.screen is screen)
        assert "two funnels" in person.app.drafts.read("memory-new")
        await person.press("a")
        dialog = await person.dialog("Writing")
        assert "two funnels" in dialog.query_one("#text", TextArea).text
        await person.press("ctrl+r")  # there is nothing to derive
        await person.pilot.pause()
        assert person.app.screen is dialog
        await person.press("ctrl+s")
        await person.hears("kept")
        await person.until(lambda: len(screen.seen.atlas) == 5)
        assert "two funnels" in screen.seen.text(screen.seen.chosen)
        assert person.app.drafts.read("memory-new") == ""
        await person.press("a")
        (await person.dialog("Writing")).query_one("#text", TextArea).text = FERRY
        await person.press("ctrl+s")
        await person.hears("it is known already")
        await person.until(lambda: screen.seen.text(screen.seen.chosen) == FERRY)


@BOTH
async def test_an_edit_says_what_is_stale_and_leads_there_to_derive(opened: Any, own: Any) -> None:
    remember(own)
    session = recall(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        await search(person, "ferry")
        await person.press("e")
        dialog = await person.dialog("Writing")
        assert "1 session becomes stale" in str(dialog.query_one(".about", Static).content)
        area = dialog.query_one("#text", TextArea)
        before = area.text
        await person.press("ctrl+s")
        await person.hears("the text is as it was")
        await person.press("e")
        dialog = await person.dialog("Writing")
        dialog.query_one("#text", TextArea).text = "The ferry leaves from the south pier."
        await person.press("ctrl+s")
        await person.dialog("Choice")
        await person.hears("stale in 1 session")
        assert before != screen.seen.text(screen.seen.chosen) and QUESTION in person.shown()
        await person.press("enter")  # stay
        await person.until(lambda: person.app.screen is screen)
        await person.press("e")
        dialog = await person.dialog("Writing")
        dialog.query_one("#text", TextArea).text = "The ferry leaves from the east pier."
        await person.press("ctrl+s")
        dialog = await person.dialog("Choice")
        dialog.query_one(OptionList).highlighted = 1
        await person.press("enter")
        await person.dialog("Confirm")
        assert "Derive what is stale?" in person.shown()
        assert person.app.main.session.id == session
        await person.press("n")


async def test_an_edit_that_is_refused_keeps_its_draft(opened: Any, own: Any) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        id = screen.seen.chosen
        await person.press("e")
        dialog = await person.dialog("Writing")
        dialog.query_one("#text", TextArea).text = "long " * 2000
        await person.press("ctrl+s")
        await person.hears("the limit is 8,192")
        assert person.app.drafts.read(f"memory-{id}").startswith("long long")
        assert about(own, id).memory.revision == 0


async def test_pin_and_mute_are_told_by_signs_and_taken_back(opened: Any, own: Any) -> None:
    remember(own)
    recall(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        id = screen.seen.chosen
        await person.press("P")
        await person.until(lambda: screen.seen.view(id).pinned)
        await person.hears("pinned")
        assert "[⚑]" in person.shown()
        await person.press("P")
        await person.until(lambda: not screen.seen.view(id).pinned)
        await search(person, "ferry")
        id = screen.seen.chosen
        await person.press("m")
        await person.dialog("Choice")
        await person.hears("stale in 1 session")
        await person.press("escape")
        await person.until(lambda: screen.seen.view(id).muted)
        await person.until(lambda: id not in screen.seen.ids)
        await search(person, "")
        screen.seen.choose(id)
        screen.draw()
        await person.until(lambda: "[×]" in person.shown())
        await person.press("m")
        await person.until(lambda: not screen.seen.view(id).muted)


async def test_two_memories_are_linked_and_their_link_is_cut(opened: Any, own: Any) -> None:
    ids = remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        screen.seen.choose(ids[3])
        screen.draw()
        await person.press("c")
        await person.hears("nothing is linked to it")
        await person.press("L")
        await person.hears("go to the other memory")
        await person.press("L")
        await person.hears("no link is made")
        await person.press("L", "escape")
        await person.until(lambda: screen.seen.begun is None)
        assert person.app.screen is screen
        await person.press("L")
        screen.seen.choose(ids[0])
        screen.draw()
        await person.press("L")
        dialog = await person.dialog("Form")
        said = dialog.query_one("#wrong", Static)
        for wrong in ("2", "0", "heavy", "nan"):
            dialog.query_one("#weight", Input).value = wrong
            await person.press("enter")
            await person.until(lambda wrong=wrong: wrong in str(said.content))
        dialog.query_one("#weight", Input).value = "0.5"
        await person.press("enter")
        await person.hears("weight 0.5")
        await person.until(lambda: any(one.origin == "person" for one in screen.seen.atlas.links))
        await focus(person, "memory")
        await person.until(lambda: "by a person" in lines(person, "memory"))
        await person.press("c")
        dialog = await person.dialog("Choice")
        options = dialog.query_one(OptionList)
        options.highlighted = options.get_option_index(ids[3])
        await person.press("enter")
        await person.hears("cut ")
        await person.until(
            lambda: not any(one.origin == "person" for one in screen.seen.atlas.links)
        )
        await person.until(lambda: " cut" in lines(person, "memory"))


async def test_forgetting_asks_and_no_is_the_default(opened: Any, own: Any) -> None:
    remember(own)
    recall(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        await search(person, "ferry")
        id = screen.seen.chosen
        await person.press("X")
        await person.dialog("Confirm")
        assert "cannot be undone" in person.shown() and QUESTION in person.shown()
        await person.press("enter")
        await person.until(lambda: person.app.screen is screen)
        assert about(own, id).memory.id == id
        await person.press("delete")
        await person.dialog("Confirm")
        await person.press("y")
        await person.dialog("Choice")
        await person.press("escape")
        await person.until(lambda: screen.seen.total == 3 and len(screen.seen.atlas) == 3)
        assert screen.seen.chosen != id and id not in screen.seen.atlas
        await person.hears("forgot")


async def test_a_use_leads_to_its_session_and_a_link_to_its_memory(opened: Any, own: Any) -> None:
    ids = remember(own)
    session = recall(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        screen.seen.choose(ids[0])
        screen.draw()
        pane = await focus(person, "memory")
        await person.until(lambda: "Fell into" in lines(person, "memory"))
        other = pane.at.memory
        assert other in ids
        await person.press("enter")
        await person.until(lambda: screen.seen.chosen == other)
        screen.seen.choose(ids[0])
        screen.draw()
        await person.until(lambda: "Fell into" in lines(person, "memory"))
        while pane.at.memory is not None:
            await person.press("j")
        await person.press("enter")
        await person.until(lambda: person.app.main.session.id == session)
        assert person.app.screen is person.app.main
        assert person.app.main.session.selected.kind == "memory"


async def test_another_terminal_forgets_what_is_looked_at(opened: Any, own: Any) -> None:
    ids = remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        gone = screen.seen.chosen
        with Client(own.dirs.socket) as client:
            client.ask(ForgetMemory(memory=gone))
        await person.press("e")
        await person.hears("no memory has an id")
        await person.until(lambda: screen.seen.chosen != gone)
        assert screen.seen.chosen in ids
        await person.press("f5")
        await person.until(lambda: screen.seen.total == 3)
        await person.press("y")
        await person.hears("copied")


async def test_a_daemon_that_comes_back_is_found(
    own: Any, monkeypatch: pytest.MonkeyPatch, opened: Any
) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        monkeypatch.setenv("SMYSL_CONFIG_DIR", str(own.dirs.config))
        monkeypatch.setenv("SMYSL_DATA_DIR", str(own.dirs.data))
        monkeypatch.setenv("SMYSL_RUNTIME_DIR", str(own.dirs.runtime))
        monkeypatch.setenv("SMYSL_MODELS_DIR", str(own.dirs.data / "no-models"))
        os.kill(own.daemon.pid, signal.SIGKILL)
        own.daemon.wait()
        await person.press("f5")
        await person.hears("cannot start the daemon")
        assert person.app.screen is screen and len(screen.seen.atlas) == 4
        own.start_daemon()
        remember(own, FERRY)
        await person.press("f5")
        await person.until(lambda: screen.seen.total == 1 and len(screen.seen.atlas) == 1)


# ------------------------------------------------------------ many, plain, narrow


async def test_two_thousand_memories_are_listed_mapped_and_walked(opened: Any, own: Any) -> None:
    with Client(own.dirs.socket) as client:
        for start in range(0, 2000, 500):
            texts = tuple(f"fact{n:04d} of its own" for n in range(start, start + 500))
            client.ask(AddMemories(texts=texts))
    async with opened(own.dirs) as person:
        screen = await memory(person, None)
        await person.until(lambda: len(screen.seen.atlas) == 1000)
        assert len(screen.seen.ids) == 1000 and screen.seen.total == 2000
        await person.press("right", "down", "plus", "plus", "0")
        await focus(person, "memories")
        await person.press("G", "u", "k")
        assert screen.seen.chosen in screen.seen.ids[900:]


@BOTH
async def test_nothing_is_wider_than_the_terminal_and_all_panes_are_reached(
    opened: Any, own: Any, size: Any
) -> None:
    remember(own, *(f"{word} " * 40 for word in ("ferry", "pier", "bread")))
    async with opened(own.dirs) as person:
        screen = await memory(person, 3)
        for columns, rows in ((80, 24), (200, 60), (40, 12), size):
            await person.pilot.resize_terminal(columns, rows)
            await person.pilot.pause()
            for widget in screen.query("*"):
                if widget.display and widget.size:
                    assert widget.region.right <= columns, widget
            text = person.shown().split("\n")
            assert all(len(line) <= columns for line in text)
            seen = [
                pane
                for pane in ("starmap", "memories", "memory")
                if screen.query_one(f"#{pane}").size
            ]
            assert len(seen) == (1 if columns < 110 else 3)


async def test_no_color_leaves_signs_and_words(
    opened: Any, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    remember(own)
    async with opened(own.dirs) as person:
        screen = await memory(person, 4)
        assert person.app.no_color
        await search(person, "ferry")
        await person.until(lambda: "◆" in person.shown())
        assert "[●]" in person.shown() and screen.seen.pulls


async def test_without_unicode_the_map_is_ascii(own: Any) -> None:
    remember(own)
    app = SmyslApp(own.dirs, load_settings(own.dirs), unicode=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f6")
        while not isinstance(app.screen, MemoryScreen) or not len(app.screen.seen.atlas):
            await pilot.pause(0.02)
        await pilot.pause(0.1)
        map = app.screen.query_one(Starmap)
        drawn = [map.render_line(y).text for y in range(map.content_size.height)]
        assert all(line.isascii() for line in drawn) and any("[O]" in line for line in drawn)


# ------------------------------------------------------------ from a session, and plainly


@BOTH
async def test_a_recalled_memory_is_seen_in_its_session_and_leads_to_the_map(
    opened: Any, own: Any
) -> None:
    remember(own)
    async with opened(own.dirs) as person:
        await person.press("ctrl+o")
        dialog = await person.dialog("Form")
        dialog.query_one("#recall", Input).value = "21"
        dialog.query_one("#recall", Input).focus()
        await person.press("enter")
        await person.until(
            lambda: "from 0 to 20" in str(dialog.query_one("#wrong", Static).content)
        )
        dialog.query_one("#recall", Input).value = "2"
        await person.press("enter")
        await person.until(lambda: person.app.main.asking.recall == 2)
        assert "recall 2" in person.shown()
        await person.ask(QUESTION)
        node = await person.choose("memory")
        assert "∞" in person.shown() and "recalled" in person.shown()
        person.app.main.action_show_pane("inspector")
        await person.until(lambda: "strength" in person.shown())
        await person.press("w")
        await person.dialog("WhyScreen")
        assert "strength" in person.shown() and "nearness" in person.shown()
        await person.press("escape", "o")
        await person.until(lambda: type(person.app.screen).__name__ == "MemoryScreen")
        screen = person.app.screen
        assert screen.seen.chosen == node.pull.memory
        await person.until(lambda: screen.seen.shown is not None)
        await person.press("escape")
        await person.until(lambda: person.app.screen is person.app.main)
        await person.choose("answer")
        await person.press("o")
        await person.hears("this node recalls no memory")


async def test_a_session_is_stale_when_another_terminal_changes_its_memory(
    opened: Any, own: Any
) -> None:
    ids = remember(own)
    async with opened(own.dirs, session=recall(own)) as person:
        session = person.app.main.session
        await person.until(lambda: any(node.kind == "memory" for node in session.thoughts))
        pulled = next(node.pull.memory for node in session.thoughts if node.kind == "memory")
        assert pulled in ids
        with Client(own.dirs.socket) as client:
            client.ask(ForgetMemory(memory=pulled))
        await person.until(lambda: session.thoughts.counts().stale)
        await person.hears("what rests on it here is stale")


async def test_the_memory_is_opened_from_the_palette(opened: Any, own: Any) -> None:
    async with opened(own.dirs) as person:
        commands = {one.title: one for one in person.app.get_system_commands(person.app.screen)}
        commands["memory"].callback()
        await person.until(lambda: type(person.app.screen).__name__ == "MemoryScreen")
        commands = {one.title: one for one in person.app.get_system_commands(person.app.screen)}
        await commands["add"].callback()
        await person.dialog("Writing")


def test_the_daemon_is_asked_for_no_more_than_the_wire_allows() -> None:
    from smysl_cli.tui.screens import memory as screen

    assert ListMemories(limit=screen.LISTED) and MapMemory(limit=MAP_LIMIT)
    assert SearchMemory(text="x", limit=screen.PULLED) and LinkMemories(a="a", b="b", weight=1)
    assert MemoryList(memories=(), total=0).total == 0
