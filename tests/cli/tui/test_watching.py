"""What others do is seen as it happens; a daemon that goes and comes back is found."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from smysl_cli.tui.app import SmyslApp
from smysl_cli.tui.link.watch import Watch
from smysl_cli.tui.screens import watcher
from smysl_cli.tui.settings import load_settings
from smysl_cli.tui.widgets.prompt import Prompt
from smysl_daemon import launch
from smysl_daemon.client import Client
from smysl_daemon.errors import Code, RequestRefused
from smysl_daemon.protocol import (
    Accepted,
    Cancel,
    Control,
    DeleteSession,
    Inject,
    NodeDelta,
    Rename,
    Run,
    RunEnded,
)
from smysl_daemon.shapes import NodeView

QUESTION = "What is 6 * 7?"


@contextmanager
def elsewhere(dirs: Any, question: str, until: Callable[[object], bool]) -> Iterator[str]:
    """The session of a run that another client began, once that has heard something; it goes on."""
    with Client(dirs.socket) as client:
        session = ""
        for message in client.stream(Run(question=question)):
            if isinstance(message, Accepted):
                session = message.session
            if until(message):
                break
        thread = threading.Thread(target=_listen, args=[client])
        thread.start()
        try:
            yield session
        finally:
            client.send(Cancel())
            thread.join(60)


def _listen(client: Client) -> None:
    while not isinstance(client.receive(), RunEnded):
        pass


async def test_a_run_of_another_client_is_drawn_as_it_goes_on(opened: Any, shell: Any) -> None:
    with elsewhere(shell.dirs, "slow: what is 6 * 7?", _is_step) as session:
        async with opened(session=session) as person:
            thoughts = person.app.main.session.thoughts
            await person.until(lambda: len(person.app.main.session.thoughts) > 2)
            thoughts = person.app.main.session.thoughts
            assert person.app.main.session.run == "running" and "running" in person.shown()
            before = len(thoughts)
            # nothing asks for them: the daemon tells
            asked: list[object] = []
            requests = person.app.requests
            ask = requests.ask

            async def counted(message: Any, kind: Any, **options: Any) -> Any:
                asked.append(message)
                return await ask(message, kind, **options)

            requests.ask = counted
            await person.until(lambda: len(thoughts) > before + 5)
            assert asked == []
            with Client(shell.dirs.socket) as other:
                other.ask(Control(action="cancel", session=session))
            await person.hears("cancelled")
            await person.until(lambda: person.app.main.session.run == "idle")


async def test_a_question_that_another_clients_run_asks_is_answered_here(
    opened: Any, shell: Any
) -> None:
    def asks(message: object) -> bool:
        return isinstance(message, NodeDelta)

    with elsewhere(shell.dirs, "which one is 6 * 7?", asks) as session:
        async with opened(session=session) as person:
            await person.hears("the run asks you (A answers): Which one do you mean?")
            assert "asks you" in person.shown() or "?" in person.shown()
            await person.press("A")
            dialog = await person.dialog("Form")
            await person.press("enter")
            await person.until(lambda: "say something" in str(dialog.query_one("#wrong").content))
            await person.press(*"both", "enter")
            await person.hears("42: verified")
            texts = [node.text for node in person.app.main.session.thoughts]
            assert "Which one do you mean?\nboth" in texts


async def test_nothing_is_asked_of_me_when_nothing_waits(opened: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        await person.press("A")
        await person.hears("nothing is asked of you")


async def test_changes_titles_and_ends_of_others_are_seen(opened: Any, shell: Any) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        session = person.app.main.session
        node = await person.choose("question")
        with Client(shell.dirs.socket) as other:
            other.ask(Rename(title="another title", session=session.id))
            await person.until(lambda: "another title" in person.shown())
            other.ask(Inject(node=node.id, text="from elsewhere"))
            await person.until(lambda: any(one.kind == "note" for one in session.thoughts))
            assert session.selection.node == node.id
            other.ask(DeleteSession(session=session.id))
        await person.hears("this session was deleted")
        assert session.id is None


async def test_two_terminals_on_one_session_see_the_same_nodes(
    opened: Any, shell: Any, size: Any
) -> None:
    async with opened() as person:
        await person.ask(QUESTION)
        id = person.app.main.session.id
        second = SmyslApp(shell.dirs, load_settings(shell.dirs), unicode=True, session=id)
        async with second.run_test(size=size) as pilot:
            deadline = time.monotonic() + 60
            while second.main.session.id != id or second.main._watcher._reading:
                assert time.monotonic() < deadline
                await pilot.pause(0.01)
            await person.choose("question")
            await person.press("i")
            (await person.dialog("Writing")).query_one("#text").text = "think of eight"
            await person.press("ctrl+r")
            await person.hears("43: verified")

            def state(app: SmyslApp) -> list[tuple[str, str, object]]:
                return [(one.id, one.text, one.stale) for one in app.main.session.thoughts]

            while state(second) != state(person.app) or second.main.session.run != "idle":
                assert time.monotonic() < deadline, (state(second), state(person.app))
                await pilot.pause(0.01)
            assert len(state(second)) == 4


async def test_a_run_goes_on_when_another_session_is_looked_at_and_is_found_again(
    opened: Any,
) -> None:
    async with opened() as person:
        main = person.app.main
        await person.send("slow: what is 6 * 7?")
        await person.until(lambda: len(main.session.thoughts) > 2)
        slow = main.session.id
        await person.press("escape", "ctrl+n")
        await person.until(lambda: main.session.id is None)
        await person.ask(QUESTION)
        assert {node.kind for node in main.session.thoughts} == {"question", "computed", "answer"}
        person.app.open(slow, None)
        await person.until(lambda: main.session.id == slow and main.session.run == "running")
        seen = len(main.session.thoughts)
        await person.until(lambda: len(main.session.thoughts) > seen + 3)
        await person.press("C")
        await person.dialog("Confirm")
        await person.press("y")
        await person.until(lambda: main.session.run == "idle")


async def test_a_slow_look_at_one_session_does_not_deafen_the_next(
    opened: Any, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (_asked(shell.dirs) for _ in range(2))
    async with opened() as person:
        main = person.app.main
        slow = asyncio.Event()
        look = watcher.operation

        async def patient(screen: Any, id: str, branch: str | None, **options: Any) -> int | None:
            if id == first:
                await slow.wait()
            return await look(screen, id, branch, **options)

        monkeypatch.setattr(watcher, "operation", patient)
        person.app.open(first, None)
        await person.until(lambda: main._watcher._reading)
        person.app.open(second, None)
        await person.until(lambda: main.session.id == second and not main._watcher._reading)
        with Client(shell.dirs.socket) as other:
            other.ask(Inject(node=next(iter(main.session.thoughts)).id, text="from elsewhere"))
        await person.until(lambda: any(one.kind == "note" for one in main.session.thoughts))
        slow.set()


def _asked(dirs: Any) -> str:
    with Client(dirs.socket) as client:
        for message in client.stream(Run(question=QUESTION)):
            if isinstance(message, RunEnded):
                return message.session
    raise AssertionError("a run ends in RunEnded")


async def test_the_daemon_is_restarted_from_its_screen_and_drafts_stay(
    own: Any, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(dirs: Any, **options: Any) -> None:
        own.daemon.wait()
        own.start_daemon()

    monkeypatch.setattr(launch, "start_daemon", started)
    async with opened(own.dirs) as person:
        await person.ask(QUESTION)
        prompt = person.app.main.query_one(Prompt)
        prompt.text = "the next question"
        pid = own.daemon.pid
        await person.press("escape", "f4")
        await person.until(lambda: f"pid {pid}" in person.shown())
        await person.press("R")
        await person.dialog("Confirm")
        assert "Restart the daemon?" in person.shown()
        await person.press("enter")  # No is the default
        await person.until(lambda: type(person.app.screen).__name__ == "DaemonScreen")
        assert own.daemon.pid == pid
        await person.press("R")
        await person.dialog("Confirm")
        await person.press("y")
        await person.hears("the daemon was restarted")
        assert own.daemon.pid != pid
        await person.until(lambda: f"pid {own.daemon.pid}" in person.shown())
        await person.press("escape")
        # the scripted service forgets its sessions; what was typed does not go with it
        await person.until(lambda: person.app.main.session.id is None)
        assert prompt.text == "the next question"
        await person.until(lambda: person.app.main._link == "up")
        await person.ask(QUESTION)


def _is_step(message: object) -> bool:
    node = getattr(message, "node", None)
    return isinstance(node, NodeView) and node.kind == "step"


async def test_a_daemon_that_knows_no_watch_is_named_once_and_works(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watch, "_run", lambda watch: _refuse(watch, Code.BAD_MESSAGE))
    async with opened() as person:
        await person.ask(QUESTION)
        await person.hears("this daemon is older")
        await person.ask("What is 6 * 7, again?")
        assert sum("this daemon is older" in said for said in person._told) == 1
        assert person.app.main._link == "up"


def _refuse(watch: Watch, code: Code) -> None:
    """As the daemon does, in the watch's thread."""
    with watch._there:
        watch._mail.put(RequestRefused(code, "refused"))


async def test_a_full_daemon_is_watched_as_soon_as_there_is_a_place(
    opened: Any, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = Watch._run
    tries: list[Watch] = []

    def once_full(watch: Watch) -> None:
        tries.append(watch)
        if len(tries) == 1:
            _refuse(watch, Code.BUSY)
        else:
            listen(watch)

    monkeypatch.setattr(Watch, "_run", once_full)
    async with opened() as person:
        await person.ask(QUESTION)
        session = person.app.main.session
        node = await person.choose("question")
        await person.until(lambda: len(tries) == 2)
        with Client(shell.dirs.socket) as other:
            other.ask(Inject(node=node.id, text="from elsewhere"))
        await person.until(lambda: any(one.kind == "note" for one in session.thoughts))
        assert person.app.main._link == "up"
